// Attune
// SPDX-License-Identifier: Apache-2.0

// Which implementation runs: chosen once for the process, from the CPU and ATTUNE_KERNELS.

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "runtime/internal.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int32_t best, chosen;
static attune_operations tables[ATTUNE_LEVELS];
static _Thread_local int32_t forced = -1;
static _Atomic(attune_sgemm_function) sgemm;

// The level that runs where `level` is asked for: no higher than the best, and one that this kind of CPU has.
static int32_t usable(int32_t level) {
#if defined(__aarch64__)
    if (level > ATTUNE_LEVEL_OPENBLAS && level < ATTUNE_LEVEL_NEON) level = ATTUNE_LEVEL_OPENBLAS;
#endif
    return (int32_t)attune_min(level, best);
}

static void choose(void) {
    static const char *const names[] = {"portable", "openblas", "avx2", "avx512", "avx512bf16", "neon"};
    for (int level = 0; level < ATTUNE_LEVELS; level++) tables[level] = attune_portable_f32;
    best = ATTUNE_LEVEL_OPENBLAS;
    tables[ATTUNE_LEVEL_OPENBLAS].multiply = attune_openblas_multiply;
    tables[ATTUNE_LEVEL_OPENBLAS].multiply_transposed = attune_openblas_multiply_transposed;
    tables[ATTUNE_LEVEL_OPENBLAS].dense = attune_openblas_dense;
#if defined(__aarch64__)
    tables[ATTUNE_LEVEL_NEON] = attune_neon;
    best = ATTUNE_LEVEL_NEON;
#endif
#if defined(__x86_64__)
    tables[ATTUNE_LEVEL_AVX2] = attune_avx2;
    tables[ATTUNE_LEVEL_AVX512] = tables[ATTUNE_LEVEL_AVX512BF16] = attune_avx512;
    tables[ATTUNE_LEVEL_AVX512BF16].multiply = attune_bf16_multiply;
    tables[ATTUNE_LEVEL_AVX512BF16].multiply_transposed = attune_bf16_multiply_transposed;
#define REAL_OPERATION(result, name, parameters, arguments)
#define FLOAT_OPERATION(result, name, parameters, arguments)
#define STAGED_OPERATION(result, name, parameters, arguments) \
    tables[ATTUNE_LEVEL_AVX512BF16].name = attune_bf16_##name;
#include "attune_operations.h"
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c"))
        best = ATTUNE_LEVEL_AVX2;
    if (best == ATTUNE_LEVEL_AVX2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        best = ATTUNE_LEVEL_AVX512;
    if (best == ATTUNE_LEVEL_AVX512 && __builtin_cpu_supports("avx512bf16")) best = ATTUNE_LEVEL_AVX512BF16;
#endif
    chosen = best;
    const char *wanted = getenv("ATTUNE_KERNELS");
    for (int32_t level = 0; wanted && level < ATTUNE_LEVELS; level++)
        if (strcmp(wanted, names[level]) == 0) chosen = usable(level);
}

int32_t attune_best_level(void) {
    pthread_once(&once, choose);
    return best;
}

int32_t attune_level(void) {
    pthread_once(&once, choose);
    return forced >= 0 ? usable(forced) : chosen;
}

void attune_force_level(int32_t level) { forced = level; }

int32_t attune_cpu_supports(const char *feature) {
#if defined(__x86_64__)
#define FEATURE(name) \
    if (strcmp(feature, name) == 0) return __builtin_cpu_supports(name) != 0
    FEATURE("avx2");
    FEATURE("fma");
    FEATURE("f16c");
    FEATURE("avx512f");
    FEATURE("avx512bw");
    FEATURE("avx512dq");
    FEATURE("avx512vl");
    FEATURE("avx512vnni");
    FEATURE("avx512bf16");
#elif defined(__aarch64__)
    enum { DOT_PRODUCT = 1 << 20 };  // HWCAP_ASIMDDP of the kernel
    if (strcmp(feature, "dotprod") == 0) return (getauxval(AT_HWCAP) & DOT_PRODUCT) != 0;
#endif
    (void)feature;
    return 0;
}

void attune_set_sgemm(attune_sgemm_function function) { atomic_store(&sgemm, function); }

attune_sgemm_function attune_sgemm(void) { return atomic_load(&sgemm); }

const attune_operations *attune_operations_in_use(void) {
    int32_t level = attune_level();
    // Nobody has handed over an sgemm: the level below needs none.
    if (level == ATTUNE_LEVEL_OPENBLAS && !attune_sgemm()) level = ATTUNE_LEVEL_PORTABLE;
    return &tables[level];
}

static const attune_operations *operations(int32_t kind) {
    return kind == 8 ? &attune_portable_f64 : attune_operations_in_use();
}

#define REAL_OPERATION(result, name, parameters, arguments)                      \
    result attune_##name(int32_t kind, ATTUNE_LISTED parameters) {               \
        return operations(kind)->name arguments;                                 \
    }
#define FLOAT_OPERATION(result, name, parameters, arguments) \
    result attune_##name parameters { return attune_operations_in_use()->name arguments; }
#define STAGED_OPERATION FLOAT_OPERATION
#include "attune_operations.h"
