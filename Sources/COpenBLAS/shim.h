// Attune
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cblas.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// Exported by the library without a header, and only where it carries kernels for several CPUs.
void gotoblas_dynamic_quit(void) __attribute__((weak));
void gotoblas_dynamic_init(void) __attribute__((weak));

// Makes the library choose its kernels again as if OPENBLAS_CORETYPE were `core`; 0 if this build cannot.
// To be called before the first product, while no other thread uses the library. The environment is put back.
static inline int32_t attune_openblas_choose_core(const char *core) {
    if (!gotoblas_dynamic_quit || !gotoblas_dynamic_init) return 0;
    const char *inherited = getenv("OPENBLAS_CORETYPE");
    char *kept = inherited ? strdup(inherited) : NULL;
    setenv("OPENBLAS_CORETYPE", core, 1);
    gotoblas_dynamic_quit();
    gotoblas_dynamic_init();
    if (kept) setenv("OPENBLAS_CORETYPE", kept, 1);
    else unsetenv("OPENBLAS_CORETYPE");
    free(kept);
    return 1;
}

// Row-major sgemm with plain integers, so that its address can be handed to code that does not know cblas.h.
static inline void attune_openblas_sgemm(
    int32_t transposed_a, int32_t transposed_b, int32_t m, int32_t n, int32_t k, float alpha, const float *a,
    int32_t lda, const float *b, int32_t ldb, float beta, float *c, int32_t ldc) {
    cblas_sgemm(
        CblasRowMajor, transposed_a ? CblasTrans : CblasNoTrans, transposed_b ? CblasTrans : CblasNoTrans, m, n, k,
        alpha, a, lda, b, ldb, beta, c, ldc);
}
