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

// LAPACK is inside the library, and its C header is another package: the Fortran routines with integers by value.
// Each returns LAPACK's info, 0 for success; `size` -1 asks for the work space, which comes back in work[0].
void dgeqrf_(const int32_t *m, const int32_t *n, double *a, const int32_t *lda, double *tau, double *work,
             const int32_t *lwork, int32_t *info);
void dorgqr_(const int32_t *m, const int32_t *n, const int32_t *k, double *a, const int32_t *lda, const double *tau,
             double *work, const int32_t *lwork, int32_t *info);
void dgesdd_(const char *jobz, const int32_t *m, const int32_t *n, double *a, const int32_t *lda, double *s, double *u,
             const int32_t *ldu, double *vt, const int32_t *ldvt, double *work, const int32_t *lwork, int32_t *iwork,
             int32_t *info, size_t jobz_length);

static inline int32_t attune_dgeqrf(
    int32_t m, int32_t n, double *a, int32_t lda, double *tau, double *work, int32_t size) {
    int32_t info = 0;
    dgeqrf_(&m, &n, a, &lda, tau, work, &size, &info);
    return info;
}

static inline int32_t attune_dorgqr(
    int32_t m, int32_t n, int32_t k, double *a, int32_t lda, const double *tau, double *work, int32_t size) {
    int32_t info = 0;
    dorgqr_(&m, &n, &k, a, &lda, tau, work, &size, &info);
    return info;
}

// The first min(m, n) columns of U and rows of V transposed.
static inline int32_t attune_dgesdd(
    int32_t m, int32_t n, double *a, int32_t lda, double *s, double *u, int32_t ldu, double *vt, int32_t ldvt,
    double *work, int32_t size, int32_t *iwork) {
    int32_t info = 0;
    dgesdd_("S", &m, &n, a, &lda, s, u, &ldu, vt, &ldvt, work, &size, iwork, &info, 1);
    return info;
}
