/* SPDX-License-Identifier: Apache-2.0
 *
 * What this CPU, and the operating system on it, let us use: CPUID says what the instructions are,
 * XCR0 which registers the system saves, and for the tiles of AMX Linux must be asked once per
 * process for permission, which threads that are there already have too. Where a bit is missing the
 * feature counts as absent.
 */
#include <cpuid.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "compute/compute.h"

enum
{
    LEAF_FEATURES = 1,
    LEAF_EXTENDED = 7,
    ECX_OSXSAVE = 1 << 27,
    ECX_FMA = 1 << 12,
    EBX_AVX2 = 1 << 5,
    EBX_AVX512F = 1 << 16,
    EBX_AVX512DQ = 1 << 17,
    EBX_AVX512BW = 1 << 30,
    EDX_AMX_BF16 = 1 << 22,
    EDX_AMX_TILE = 1 << 24,
    SUB1_EAX_AVX512_BF16 = 1 << 5,
    XCR0_AVX = 0x6,         /* SSE and AVX registers */
    XCR0_AVX512 = 0xE6,     /* and masks, upper halves, upper 16 */
    XCR0_AMX = 0x60000,     /* tile configuration and tile data */
    REQUEST_STATE = 0x1023, /* ARCH_REQ_XCOMP_PERM of arch_prctl(2) */
    TILE_DATA = 18
};

static bool has_all(unsigned value, unsigned bits)
{
    return (value & bits) == bits;
}

static unsigned read_xcr0(void)
{
    unsigned low = 0;
    unsigned high = 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static lb_cpu detect(void)
{
    lb_cpu cpu = {0};
    unsigned eax = 0;
    unsigned ebx = 0;
    unsigned ecx = 0;
    unsigned edx = 0;
    if (__get_cpuid(LEAF_FEATURES, &eax, &ebx, &ecx, &edx) == 0 || !has_all(ecx, ECX_OSXSAVE))
    {
        return cpu;
    }
    const bool has_fma = has_all(ecx, ECX_FMA);
    const unsigned xcr0 = read_xcr0();
    if (__get_cpuid_count(LEAF_EXTENDED, 0, &eax, &ebx, &ecx, &edx) == 0)
    {
        return cpu;
    }
    const unsigned n_sub_leaves = eax;
    cpu.has_avx2 = has_fma && has_all(ebx, EBX_AVX2) && has_all(xcr0, XCR0_AVX);
    cpu.has_avx512 = cpu.has_avx2 && has_all(ebx, EBX_AVX512F | EBX_AVX512DQ | EBX_AVX512BW) &&
                     has_all(xcr0, XCR0_AVX512);
    const bool has_tiles = has_all(edx, EDX_AMX_BF16 | EDX_AMX_TILE) && has_all(xcr0, XCR0_AMX);
    if (n_sub_leaves >= 1 && __get_cpuid_count(LEAF_EXTENDED, 1, &eax, &ebx, &ecx, &edx) != 0)
    {
        cpu.has_avx512_bf16 = cpu.has_avx512 && has_all(eax, SUB1_EAX_AVX512_BF16);
    }
    cpu.has_amx_bf16 =
        cpu.has_avx512_bf16 && has_tiles && syscall(SYS_arch_prctl, REQUEST_STATE, TILE_DATA) == 0;
    return cpu;
}

/* Zen 4 and later. */
static bool is_amd(void)
{
    unsigned eax = 0;
    unsigned ebx = 0;
    unsigned ecx = 0;
    unsigned edx = 0;
    return __get_cpuid(0, &eax, &ebx, &ecx, &edx) != 0 && ebx == signature_AMD_ebx &&
           edx == signature_AMD_edx && ecx == signature_AMD_ecx;
}

static bool is_bf16_fast(const lb_cpu *cpu)
{
    return cpu->has_amx_bf16 || (cpu->has_avx512_bf16 && is_amd());
}

/* The processor does not change: asked once, since the answer costs a system call. */
static lb_cpu detected;

static void detect_once(void)
{
    detected = detect();
    detected.has_fast_bf16 = is_bf16_fast(&detected);
}

lb_cpu lb_cpu_detect(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, detect_once);
    return detected;
}

lobass_status lb_cpu_choose(lb_cpu *cpu, lobass_error *error)
{
    static const struct
    {
        const char *name;
        lb_cpu allowed;
    } levels[] = {{"plain", {.has_avx2 = false}},
                  {"avx2", {.has_avx2 = true}},
                  {"avx512", {.has_avx2 = true, .has_avx512 = true}},
                  {"avx512_bf16", {true, true, true, false, false}},
                  {"amx", {true, true, true, true, false}}};
    const char *wanted = getenv("LOBASS_CPU");
    *cpu = lb_cpu_detect();
    if (wanted == NULL || wanted[0] == '\0')
    {
        return LOBASS_OK;
    }
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
    {
        if (strcmp(levels[i].name, wanted) == 0)
        {
            cpu->has_avx2 = cpu->has_avx2 && levels[i].allowed.has_avx2;
            cpu->has_avx512 = cpu->has_avx512 && levels[i].allowed.has_avx512;
            cpu->has_avx512_bf16 = cpu->has_avx512_bf16 && levels[i].allowed.has_avx512_bf16;
            cpu->has_amx_bf16 = cpu->has_amx_bf16 && levels[i].allowed.has_amx_bf16;
            cpu->has_fast_bf16 = is_bf16_fast(cpu);
            return LOBASS_OK;
        }
    }
    return lb_fail(error, LOBASS_BAD_ARGUMENT,
                   "LOBASS_CPU: found \"%s\", expected plain, avx2, avx512, avx512_bf16 or amx",
                   wanted);
}
