/*
 * dpTable.h -- texts in rows and columns, as lines of a terminal.
 *
 * Layer L4.
 */

#ifndef DP_TABLE_H
#define DP_TABLE_H

#include "dpBuf.h"

typedef enum DpTableAlign {
    DP_TABLE_AUTO,              /* right where all of the column are numbers */
    DP_TABLE_LEFT, DP_TABLE_RIGHT, DP_TABLE_CENTER
} DpTableAlign;

/* How a table is to look. */
typedef struct DpTableStyle {
    size_t width;               /* lines are no longer; 0: as they come */
    const char *ellipsis;       /* where something is left out */
    const char *rule;           /* one column of the line below the headers */
    const char *bold, *plain;   /* around headers */
    Tcl_Obj *headersPtr;        /* list; NULL: none */
    const DpTableAlign *aligns;
    int numAligns;              /* further columns are DP_TABLE_AUTO */
} DpTableStyle;

/*
 * The rows, a list of lists, as lines. TCL_ERROR and a message in interp where
 * one is no list.
 */
MODULE_SCOPE int DpTableLay(Tcl_Interp *interp, Tcl_Obj *rowsPtr,
	const DpTableStyle *stylePtr, DpBuf *linesPtr);

/* A list of words in columns from top to bottom, as by ls. */
MODULE_SCOPE int DpTableColumns(Tcl_Interp *interp, Tcl_Obj *wordsPtr,
	size_t width, const char *ellipsis, DpBuf *linesPtr);

#endif
