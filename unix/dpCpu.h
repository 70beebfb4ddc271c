/*
 * dpCpu.h -- what the processor is good at.
 *
 * Layer L0.
 */

#ifndef DP_CPU_H
#define DP_CPU_H

#include "dpBase.h"

/*
 * Whether there are instructions for AES-GCM that OpenSSL uses: those of the
 * processor, less what is taken from OpenSSL in the environment (OPENSSL_ia32cap(3),
 * OPENSSL_armcap). False where that is not known.
 */
MODULE_SCOPE bool DpCpuHasAes(void);

#endif
