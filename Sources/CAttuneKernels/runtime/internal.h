// Attune
// SPDX-License-Identifier: Apache-2.0

#pragma once
#include <stdatomic.h>
#include <stddef.h>

#include "attune_kernels.h"

enum {
    BLOCK_F32 = 0,
    BLOCK_F16 = 1,
    BLOCK_Q4_0 = 2,
    BLOCK_Q4_1 = 3,
    BLOCK_Q5_0 = 6,
    BLOCK_Q5_1 = 7,
    BLOCK_Q8_0 = 8,
    BLOCK_Q2_K = 10,
    BLOCK_Q3_K = 11,
    BLOCK_Q4_K = 12,
    BLOCK_Q5_K = 13,
    BLOCK_Q6_K = 14,
    BLOCK_IQ4_NL = 20,
    BLOCK_IQ4_XS = 23,
    BLOCK_BF16 = 30,
    BLOCK_MXFP4 = 39,
};

/// One implementation of every operation, for one type of numbers and one level.
typedef struct {
    void (*multiply)(const void *x, int64_t tokens, const attune_weight *w, void *y, int bfloat16, int accumulating);
    void (*multiply_transposed)(
        const void *dy, int64_t tokens, const attune_weight *w, void *dx, int bfloat16, int accumulating);
    void (*dense)(
        const void *a, int transposed_a, const void *b, int transposed_b, void *c, int64_t m, int64_t n, int64_t k,
        double alpha, double beta);
    void (*gather)(const attune_weight *w, const int32_t *ids, int64_t count, void *out);
    void (*rms_norm)(
        const void *x, const void *weight, double epsilon, void *y, void *r, int64_t rows, int64_t columns);
    void (*rms_norm_backward)(
        const void *dy, const void *x, const void *weight, const void *r, void *dx, int64_t rows, int64_t columns);
    void (*rotate)(
        void *x, int64_t rows, int64_t columns, int64_t head_dimension, const int32_t *positions, const void *cosines,
        const void *sines, int64_t pairs, int adjacent, int inverse);
    void (*attention)(
        const attune_attention_shape *shape, const void *q, const void *k, const void *v, void *o, void *l);
    void (*attention_backward)(
        const attune_attention_shape *shape, const void *d_o, const void *q, const void *k, const void *v,
        const void *o, const void *l, void *dq, void *dk, void *dv);
    void (*cache_store)(const attune_cached_span *spans, int64_t count, const float *k, const float *v);
    void (*cached_attention)(
        const attune_cached_span *spans, int64_t count, int64_t heads, const float *q, float scale, float *o);
    void (*swiglu)(const void *gate, const void *up, void *h, int64_t count);
    void (*swiglu_backward)(
        const void *dh, const void *gate, const void *up, void *d_gate, void *d_up, int64_t count);
    double (*cross_entropy)(void *logits, const int32_t *targets, int64_t rows, int64_t columns, double scale);
    void (*add)(const void *x, void *y, int64_t count);
    void (*scale)(void *y, double factor, int64_t count);
    void (*dropout)(const void *x, void *y, int64_t count, double rate, uint64_t key);
    double (*sum_of_squares)(const float *x, int64_t count);
    int32_t (*is_finite)(const float *x, int64_t count);
    void (*adamw)(
        float *parameters, const float *gradients, float *m, float *v, int64_t count,
        const attune_adamw_settings *settings);
    void (*adamw_8bit)(
        float *parameters, const float *gradients, const attune_moment *m, const attune_moment *v,
        const attune_moment_piece *pieces, int64_t piece_count, const attune_adamw_settings *settings);
    // On bfloat16 activations; float only.
    void (*round_to)(const float *x, uint16_t *y, int64_t count);
    void (*widen)(const uint16_t *x, float *y, int64_t count);
    void (*rounded_add)(const float *x, uint16_t *y, int64_t count);
    void (*round_rows)(float *x, int64_t rows, int64_t columns);
    void (*rounded_rms_norm)(
        const float *x, const float *weight, float epsilon, uint16_t *y, float *r, uint16_t *kept, int64_t rows,
        int64_t columns);
    void (*rounded_rms_apply)(
        const uint16_t *x, const float *weight, const float *r, uint16_t *y, int64_t rows, int64_t columns);
    void (*rounded_rms_norm_backward)(
        const float *dy, const uint16_t *x, const float *weight, const float *r, float *dx, int64_t rows,
        int64_t columns);
    void (*rounded_swiglu)(const uint16_t *gate, const uint16_t *up, uint16_t *h, int64_t count);
    void (*rounded_swiglu_backward)(
        const uint16_t *dh, const uint16_t *gate, const uint16_t *up, uint16_t *d_gate, uint16_t *d_up, uint16_t *h,
        int64_t count);
    void (*rounded_rotate)(
        const float *x, uint16_t *y, int64_t rows, int64_t columns, int64_t head_dimension, const int32_t *positions,
        const float *cosines, const float *sines, int64_t pairs, int adjacent, int inverse);
} attune_operations;

extern const attune_operations attune_portable_f32, attune_portable_f64;

void attune_cache_store_portable(const attune_cached_span *spans, int64_t count, const float *k, const float *v);
void attune_cached_attention_portable(
    const attune_cached_span *spans, int64_t count, int64_t heads, const float *q, float scale, float *o);

void attune_openblas_multiply(
    const void *x, int64_t tokens, const attune_weight *w, void *y, int bfloat16, int accumulating);
void attune_openblas_multiply_transposed(
    const void *dy, int64_t tokens, const attune_weight *w, void *dx, int bfloat16, int accumulating);
void attune_openblas_dense(
    const void *a, int transposed_a, const void *b, int transposed_b, void *c, int64_t m, int64_t n, int64_t k,
    double alpha, double beta);

#if defined(__aarch64__)
extern const attune_operations attune_neon;
#endif
#if defined(__x86_64__)
extern const attune_operations attune_avx2, attune_avx512;
void attune_bf16_multiply(
    const void *x, int64_t tokens, const attune_weight *w, void *y, int bfloat16, int accumulating);
void attune_bf16_multiply_transposed(
    const void *dy, int64_t tokens, const attune_weight *w, void *dx, int bfloat16, int accumulating);
void attune_bf16_products(
    const uint16_t *x, int64_t x_stride, int64_t tokens, int transposed, const attune_product *products,
    int64_t count);
void attune_bf16_gated_products(
    const uint16_t *x, int64_t x_stride, int64_t tokens, const attune_product *products, uint16_t *h,
    int64_t h_stride);
void attune_bf16_gradient(
    const uint16_t *u, int64_t u_stride, const uint16_t *x, int64_t x_stride, int64_t tokens, int64_t rank, int64_t n,
    float scale, float *g, int transposed);
double attune_bf16_head_loss(
    const float *hidden, const int64_t *positions, const int32_t *targets, int64_t count, const attune_weight *head,
    float scale, float *d_hidden);
void attune_bf16_attention(
    const attune_attention_shape *shape, const float *q, const float *k, const uint16_t *v, uint16_t *o,
    float *l);
void attune_bf16_attention_backward(
    const attune_attention_shape *shape, const uint16_t *d_o, const float *q, const float *k, const uint16_t *v,
    const uint16_t *o, const float *l, float *dq, float *dk, float *dv);
#endif

// Bins of float32 by their upper 16 bits: one for all below 2^-23, 128 in each octave up to 1, and 1 itself.
enum { MAP_LOWEST = (127 - 23) * 128 - 1, MAP_BINS = 23 * 128 + 2 };

/// A map of 8-bit codes: ascending values, the middle between each and the next, and for each sign and bin of x the
/// count of middles below the whole bin, in which at most one more lies.
typedef struct {
    float values[256], bounds[256];
    uint8_t first[2][MAP_BINS];
} attune_dynamic_map;

const attune_dynamic_map *attune_dynamic_map_of(int is_signed);

void attune_staged_products(
    const attune_operations *level, const uint16_t *x, int64_t x_stride, int64_t tokens, int transposed,
    const attune_product *products, int64_t count);
void attune_staged_gated_products(
    const attune_operations *level, const uint16_t *x, int64_t x_stride, int64_t tokens,
    const attune_product *products, uint16_t *h, int64_t h_stride);
void attune_staged_gradient(
    const attune_operations *level, const uint16_t *u, int64_t u_stride, const uint16_t *x, int64_t x_stride,
    int64_t tokens, int64_t rank, int64_t n, float scale, float *g, int transposed);
double attune_staged_head_loss(
    const attune_operations *level, const float *hidden, const int64_t *positions, const int32_t *targets,
    int64_t count, const attune_weight *head, float scale, float *d_hidden);
void attune_staged_attention(
    const attune_operations *level, const attune_attention_shape *shape, const float *q, const float *k,
    const uint16_t *v, uint16_t *o, float *l);
void attune_staged_attention_backward(
    const attune_operations *level, const attune_attention_shape *shape, const uint16_t *d_o, const float *q,
    const float *k, const uint16_t *v, const uint16_t *o, const float *l, float *dq, float *dk, float *dv);

/// At least `bytes` bytes, aligned to 64, that belong to the calling thread until its next call with the same slot.
/// Bodies that run in parallel use slot 0 and 1; a caller that hands memory to its bodies uses slot 2 and 3, and one that calls such a caller slot 4 and 5.
void *attune_scratch(int slot, size_t bytes);

/// count elements of a row of blocks, from its first block; count is a multiple of the block size.
void attune_dequantize_blocks(int32_t type, const void *blocks, int64_t count, float *out);

/// The single-threaded sgemm that was handed over, or a null pointer.
attune_sgemm_function attune_sgemm(void);

static inline int64_t attune_min(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t attune_max(int64_t a, int64_t b) { return a > b ? a : b; }
/// Number of pieces of `size` in `count`.
static inline int64_t attune_pieces(int64_t count, int64_t size) { return (count + size - 1) / size; }
/// Rows that make a chunk worth a thread's while.
static inline int64_t attune_chunk_rows(int64_t columns) { return attune_max(1, 8192 / attune_max(1, columns)); }

static inline float attune_float_of_bits(uint32_t bits) {
    union {
        uint32_t bits;
        float value;
    } u = {.bits = bits};
    return u.value;
}

static inline uint32_t attune_bits_of_float(float value) {
    union {
        float value;
        uint32_t bits;
    } u = {.value = value};
    return u.bits;
}

/// The float32 of IEEE half precision.
static inline float attune_float_of_half(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, magnitude = half & 0x7FFF;
    // Half subnormals become normal floats by a multiplication: 2^-24 is one unit of them.
    if (magnitude < 0x0400) return attune_float_of_bits(sign | attune_bits_of_float((float)magnitude * 0x1p-24f));
    if (magnitude >= 0x7C00) return attune_float_of_bits(sign | 0x7F800000 | (magnitude & 0x3FF) << 13);
    return attune_float_of_bits(sign | ((magnitude << 13) + 0x38000000));
}

/// x rounded to bfloat16 (to nearest, ties to even), as float32.
static inline float attune_round_bfloat16(float x) {
    uint32_t bits = attune_bits_of_float(x);
    if ((bits & 0x7FFFFFFF) > 0x7F800000) return attune_float_of_bits((bits & 0xFFFF0000u) | 0x00400000);  // stays NaN
    return attune_float_of_bits((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000u);
}

/// Elements of a block; inline, so that loops over blocks of a known type step by a constant.
static inline int64_t attune_block_elements(int32_t type) {
    switch (type) {
        case BLOCK_F32:
        case BLOCK_F16:
        case BLOCK_BF16: return 1;
        case BLOCK_Q2_K:
        case BLOCK_Q3_K:
        case BLOCK_Q4_K:
        case BLOCK_Q5_K:
        case BLOCK_Q6_K:
        case BLOCK_IQ4_XS: return 256;
        default: return 32;
    }
}

/// Bytes of a block, 0 for an unknown type.
static inline int64_t attune_block_bytes(int32_t type) {
    switch (type) {
        case BLOCK_F32: return 4;
        case BLOCK_F16:
        case BLOCK_BF16: return 2;
        case BLOCK_Q4_0:
        case BLOCK_IQ4_NL: return 18;
        case BLOCK_Q4_1: return 20;
        case BLOCK_Q5_0: return 22;
        case BLOCK_Q5_1: return 24;
        case BLOCK_Q8_0: return 34;
        case BLOCK_Q2_K: return 84;
        case BLOCK_Q3_K: return 110;
        case BLOCK_Q4_K: return 144;
        case BLOCK_Q5_K: return 176;
        case BLOCK_Q6_K: return 210;
        case BLOCK_IQ4_XS: return 136;
        case BLOCK_MXFP4: return 17;
        default: return 0;
    }
}
