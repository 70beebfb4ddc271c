/*
 * dpCpu.c -- what the processor is good at.
 *
 * Layer L0. GCM wants two things: AES, and a product without carries.
 */

#include "dpCpu.h"

#include <stdlib.h>

#if defined(__x86_64__) || defined(__i386__)

#include <cpuid.h>

/* OpenSSL's words: EDX and ECX of leaf 1, the lower one first. */
#define NEEDED ((uint64_t) (bit_AES | bit_PCLMUL) << 32)

bool
DpCpuHasAes(void)
{
    const char *text = getenv("OPENSSL_ia32cap");
    unsigned int a, b, c, d;
    uint64_t has;

    if (!__get_cpuid(1, &a, &b, &c, &d)) {
	return false;
    }
    has = (uint64_t) c << 32;
    if (text != NULL && text[0] == '~') {
	has &= ~(uint64_t) strtoull(text + 1, NULL, 0);
    } else if (text != NULL && text[0] != ':') {
	has &= strtoull(text, NULL, 0);
    }
    return (has & NEEDED) == NEEDED;
}

#elif defined(__aarch64__)

/* Bits of OpenSSL's own. */
#define CAP_AES (1ul << 2)
#define CAP_PMULL (1ul << 5)

#if defined(__APPLE__)

static bool
HasAes(void)
{
    return true;                /* all of them do */
}

#elif defined(__linux__)

#include <sys/auxv.h>

static bool
HasAes(void)
{
    /* HWCAP_AES and HWCAP_PMULL of asm/hwcap.h. */
    unsigned long needed = 1ul << 3 | 1ul << 4;

    return (getauxval(AT_HWCAP) & needed) == needed;
}

#else

static bool
HasAes(void)
{
    return false;
}

#endif

bool
DpCpuHasAes(void)
{
    const char *text = getenv("OPENSSL_armcap");
    unsigned long caps = text == NULL ? CAP_AES | CAP_PMULL
	    : strtoul(text, NULL, 0);

    return (caps & CAP_AES) != 0 && (caps & CAP_PMULL) != 0 && HasAes();
}

#else

bool
DpCpuHasAes(void)
{
    return false;
}

#endif
