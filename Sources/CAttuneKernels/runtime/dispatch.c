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

static const attune_operations *operations(int32_t kind) {
    if (kind == 8) return &attune_portable_f64;
    int32_t level = attune_level();
    // Nobody has handed over an sgemm: the level below needs none.
    if (level == ATTUNE_LEVEL_OPENBLAS && !attune_sgemm()) level = ATTUNE_LEVEL_PORTABLE;
    return &tables[level];
}

void attune_multiply(
    int32_t kind, const void *x, int64_t tokens, const attune_weight *w, void *y, int32_t bfloat16,
    int32_t accumulating) {
    operations(kind)->multiply(x, tokens, w, y, bfloat16, accumulating);
}

void attune_multiply_transposed(
    int32_t kind, const void *dy, int64_t tokens, const attune_weight *w, void *dx, int32_t bfloat16,
    int32_t accumulating) {
    operations(kind)->multiply_transposed(dy, tokens, w, dx, bfloat16, accumulating);
}

void attune_dense(
    int32_t kind, const void *a, int32_t transposed_a, const void *b, int32_t transposed_b, void *c, int64_t m,
    int64_t n, int64_t k, double alpha, double beta) {
    operations(kind)->dense(a, transposed_a, b, transposed_b, c, m, n, k, alpha, beta);
}

void attune_gather(int32_t kind, const attune_weight *w, const int32_t *ids, int64_t count, void *out) {
    operations(kind)->gather(w, ids, count, out);
}

void attune_rms_norm(
    int32_t kind, const void *x, const void *weight, double epsilon, void *y, void *r, int64_t rows, int64_t columns) {
    operations(kind)->rms_norm(x, weight, epsilon, y, r, rows, columns);
}

void attune_rms_norm_backward(
    int32_t kind, const void *dy, const void *x, const void *weight, const void *r, void *dx, int64_t rows,
    int64_t columns) {
    operations(kind)->rms_norm_backward(dy, x, weight, r, dx, rows, columns);
}

void attune_rotate(
    int32_t kind, void *x, int64_t rows, int64_t columns, int64_t head_dimension, const int32_t *positions,
    const void *cosines, const void *sines, int64_t pairs, int32_t adjacent, int32_t inverse) {
    operations(kind)->rotate(x, rows, columns, head_dimension, positions, cosines, sines, pairs, adjacent, inverse);
}

void attune_attention(
    int32_t kind, const attune_attention_shape *shape, const void *q, const void *k, const void *v, void *o, void *l) {
    operations(kind)->attention(shape, q, k, v, o, l);
}

void attune_attention_backward(
    int32_t kind, const attune_attention_shape *shape, const void *d_o, const void *q, const void *k, const void *v,
    const void *o, const void *l, void *dq, void *dk, void *dv) {
    operations(kind)->attention_backward(shape, d_o, q, k, v, o, l, dq, dk, dv);
}

void attune_cache_store(const attune_cached_span *spans, int64_t count, const float *k, const float *v) {
    operations(4)->cache_store(spans, count, k, v);
}

void attune_cached_attention(
    const attune_cached_span *spans, int64_t count, int64_t heads, const float *q, float scale, float *o) {
    operations(4)->cached_attention(spans, count, heads, q, scale, o);
}

void attune_swiglu(int32_t kind, const void *gate, const void *up, void *h, int64_t count) {
    operations(kind)->swiglu(gate, up, h, count);
}

void attune_swiglu_backward(
    int32_t kind, const void *dh, const void *gate, const void *up, void *d_gate, void *d_up, int64_t count) {
    operations(kind)->swiglu_backward(dh, gate, up, d_gate, d_up, count);
}

double attune_cross_entropy(
    int32_t kind, void *logits, const int32_t *targets, int64_t rows, int64_t columns, double scale) {
    return operations(kind)->cross_entropy(logits, targets, rows, columns, scale);
}

void attune_add(int32_t kind, const void *x, void *y, int64_t count) { operations(kind)->add(x, y, count); }

void attune_scale(int32_t kind, void *y, double factor, int64_t count) { operations(kind)->scale(y, factor, count); }

void attune_dropout(int32_t kind, const void *x, void *y, int64_t count, double rate, uint64_t key) {
    operations(kind)->dropout(x, y, count, rate, key);
}

double attune_sum_of_squares(const float *x, int64_t count) { return operations(4)->sum_of_squares(x, count); }

int32_t attune_is_finite(const float *x, int64_t count) { return operations(4)->is_finite(x, count); }

void attune_adamw(
    float *parameters, const float *gradients, float *m, float *v, int64_t count,
    const attune_adamw_settings *settings) {
    operations(4)->adamw(parameters, gradients, m, v, count, settings);
}

void attune_adamw_8bit(
    float *parameters, const float *gradients, const attune_moment *m, const attune_moment *v,
    const attune_moment_piece *pieces, int64_t piece_count, const attune_adamw_settings *settings) {
    operations(4)->adamw_8bit(parameters, gradients, m, v, pieces, piece_count, settings);
}

void attune_products(
    const uint16_t *x, int64_t x_stride, int64_t tokens, int32_t transposed, const attune_product *products,
    int64_t count) {
#if defined(__x86_64__)
    // The tiles take two numbers of a row at a time.
    if (attune_level() == ATTUNE_LEVEL_AVX512BF16 && x_stride % 2 == 0)
        return attune_bf16_products(x, x_stride, tokens, transposed, products, count);
#endif
    attune_staged_products(operations(4), x, x_stride, tokens, transposed, products, count);
}

void attune_gated_products(
    const uint16_t *x, int64_t x_stride, int64_t tokens, const attune_product *products, uint16_t *h,
    int64_t h_stride) {
#if defined(__x86_64__)
    if (attune_level() == ATTUNE_LEVEL_AVX512BF16 && x_stride % 2 == 0)
        return attune_bf16_gated_products(x, x_stride, tokens, products, h, h_stride);
#endif
    attune_staged_gated_products(operations(4), x, x_stride, tokens, products, h, h_stride);
}

void attune_low_rank_gradient(
    const uint16_t *u, int64_t u_stride, const uint16_t *x, int64_t x_stride, int64_t tokens, int64_t rank, int64_t n,
    float scale, float *g, int32_t transposed) {
#if defined(__x86_64__)
    if (attune_level() == ATTUNE_LEVEL_AVX512BF16)
        return attune_bf16_gradient(u, u_stride, x, x_stride, tokens, rank, n, scale, g, transposed);
#endif
    attune_staged_gradient(operations(4), u, u_stride, x, x_stride, tokens, rank, n, scale, g, transposed);
}

double attune_rounded_head_loss(
    const float *hidden, const int64_t *positions, const int32_t *targets, int64_t count, const attune_weight *head,
    float scale, float *d_hidden) {
#if defined(__x86_64__)
    if (attune_level() == ATTUNE_LEVEL_AVX512BF16)
        return attune_bf16_head_loss(hidden, positions, targets, count, head, scale, d_hidden);
#endif
    return attune_staged_head_loss(operations(4), hidden, positions, targets, count, head, scale, d_hidden);
}

void attune_rounded_attention(
    const attune_attention_shape *shape, const float *q, const float *k, const uint16_t *v, uint16_t *o,
    float *l) {
#if defined(__x86_64__)
    // The tiles take two numbers of a head at a time.
    if (attune_level() == ATTUNE_LEVEL_AVX512BF16 && shape->head_dimension % 2 == 0)
        return attune_bf16_attention(shape, q, k, v, o, l);
#endif
    attune_staged_attention(operations(4), shape, q, k, v, o, l);
}

void attune_rounded_attention_backward(
    const attune_attention_shape *shape, const uint16_t *d_o, const float *q, const float *k, const uint16_t *v,
    const uint16_t *o, const float *l, float *dq, float *dk, float *dv) {
#if defined(__x86_64__)
    if (attune_level() == ATTUNE_LEVEL_AVX512BF16 && shape->head_dimension % 2 == 0)
        return attune_bf16_attention_backward(shape, d_o, q, k, v, o, l, dq, dk, dv);
#endif
    attune_staged_attention_backward(operations(4), shape, d_o, q, k, v, o, l, dq, dk, dv);
}

void attune_rounded_rms_norm(
    const float *x, const float *weight, float epsilon, uint16_t *y, float *r, uint16_t *kept, int64_t rows,
    int64_t columns) {
    operations(4)->rounded_rms_norm(x, weight, epsilon, y, r, kept, rows, columns);
}

void attune_rounded_rms_apply(
    const uint16_t *x, const float *weight, const float *r, uint16_t *y, int64_t rows, int64_t columns) {
    operations(4)->rounded_rms_apply(x, weight, r, y, rows, columns);
}

void attune_rounded_rms_norm_backward(
    const float *dy, const uint16_t *x, const float *weight, const float *r, float *dx, int64_t rows,
    int64_t columns) {
    operations(4)->rounded_rms_norm_backward(dy, x, weight, r, dx, rows, columns);
}

void attune_rounded_swiglu(const uint16_t *gate, const uint16_t *up, uint16_t *h, int64_t count) {
    operations(4)->rounded_swiglu(gate, up, h, count);
}

void attune_rounded_swiglu_backward(
    const uint16_t *dh, const uint16_t *gate, const uint16_t *up, uint16_t *d_gate, uint16_t *d_up, uint16_t *h,
    int64_t count) {
    operations(4)->rounded_swiglu_backward(dh, gate, up, d_gate, d_up, h, count);
}

void attune_rounded_rotate(
    const float *x, uint16_t *y, int64_t rows, int64_t columns, int64_t head_dimension, const int32_t *positions,
    const float *cosines, const float *sines, int64_t pairs, int32_t adjacent, int32_t inverse) {
    operations(4)->rounded_rotate(
        x, y, rows, columns, head_dimension, positions, cosines, sines, pairs, adjacent, inverse);
}

void attune_round(const float *x, uint16_t *y, int64_t count) { operations(4)->round_to(x, y, count); }

void attune_widen(const uint16_t *x, float *y, int64_t count) { operations(4)->widen(x, y, count); }

void attune_rounded_add(const float *x, uint16_t *y, int64_t count) { operations(4)->rounded_add(x, y, count); }

void attune_round_rows(float *x, int64_t rows, int64_t columns) { operations(4)->round_rows(x, rows, columns); }
