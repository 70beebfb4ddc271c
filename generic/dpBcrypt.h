/*
 * dpBcrypt.h -- bcrypt_pbkdf, the key derivation of encrypted OpenSSH keys.
 *
 * Layer L0. Slow on purpose: several milliseconds for each round, so a worker
 * thread should run it.
 */

#ifndef DP_BCRYPT_H
#define DP_BCRYPT_H

#include "dpBase.h"

#define DP_BCRYPT_MAX_KEY 1024          /* bytes */

/*
 * Derives keyLength bytes from a passphrase. False when a length is zero or
 * keyLength too large, rounds is zero, or OpenSSL fails.
 */
MODULE_SCOPE bool DpBcryptDerive(const void *passphrase, size_t length,
	const void *salt, size_t saltLength, uint32_t rounds,
	unsigned char *key, size_t keyLength);

#endif
