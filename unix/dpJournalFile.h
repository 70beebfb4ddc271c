/*
 * dpJournalFile.h -- a file that one process writes and others may read.
 *
 * Layer L1. Functions return 0 or an errno value and take paths in the native
 * encoding. As long as the file is open its writer lives: that is seen by a
 * lock of the open file itself (F_OFD_SETLK), which nobody else has to take.
 */

#ifndef DP_JOURNAL_FILE_H
#define DP_JOURNAL_FILE_H

#include "dpBase.h"

/*
 * Makes the file NAME (0600) in the directory and locks it; EEXIST where there
 * is one. Missing directories are made (0700).
 */
MODULE_SCOPE int DpJournalFileMake(const char *directory, const char *name,
	int *fdPtr);

/* Appends all of the bytes, or leaves the file without any of them. */
MODULE_SCOPE int DpJournalFileWrite(int fd, const void *bytes, size_t count);

/* Writes over what stands there. */
MODULE_SCOPE int DpJournalFilePatch(int fd, size_t offset, const void *bytes,
	size_t count);
MODULE_SCOPE void DpJournalFileClose(int fd);

/* Whether the one who made it has it open. */
MODULE_SCOPE int DpJournalFileIsOpen(const char *path, bool *isOpenPtr);

/*
 * Deletes what is more than so many journals of the directory, or than so many
 * bytes of all (the newest stays), and those whose names stand before the oldest.
 * What is being written stays. Returns how many are gone.
 */
MODULE_SCOPE long DpJournalFileTidy(const char *directory, int64_t keep,
	int64_t size, const char *oldest);

/* The time as name of a file, YYYYMMDD-HHMMSS in UTC; of this process. */
#define DP_JOURNAL_NAME 16
#define DP_JOURNAL_FILE (DP_JOURNAL_NAME + 13)  /* with -NNNNNN.jsonl */
MODULE_SCOPE void DpJournalFileName(int64_t microseconds, char *name);
MODULE_SCOPE long DpJournalFilePid(void);

/* The name of this machine; asks no server for it, as Tcl's does. */
MODULE_SCOPE void DpJournalFileMachine(char *name, size_t size);

#endif
