// Attune
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cblas.h>
#include <stdint.h>

// Exported by the library without a header: they re-run its choice of kernels (engine reference, section 8).
void gotoblas_dynamic_quit(void);
void gotoblas_dynamic_init(void);

// Row-major sgemm with plain integers, so that its address can be handed to code that does not know cblas.h.
static inline void attune_openblas_sgemm(
    int32_t transposed_a, int32_t transposed_b, int32_t m, int32_t n, int32_t k, float alpha, const float *a,
    int32_t lda, const float *b, int32_t ldb, float beta, float *c, int32_t ldc) {
    cblas_sgemm(
        CblasRowMajor, transposed_a ? CblasTrans : CblasNoTrans, transposed_b ? CblasTrans : CblasNoTrans, m, n, k,
        alpha, a, lda, b, ldb, beta, c, ldc);
}
