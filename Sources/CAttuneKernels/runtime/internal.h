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
#define REAL_OPERATION(result, name, parameters, arguments) result(*name) parameters;
#define FLOAT_OPERATION REAL_OPERATION
#define STAGED_OPERATION REAL_OPERATION
#include "attune_operations.h"
} attune_operations;

extern const attune_operations attune_portable_f32, attune_portable_f64;
#if defined(__aarch64__)
extern const attune_operations attune_neon;
#endif
#if defined(__x86_64__)
extern const attune_operations attune_avx2, attune_avx512;
#endif

/// The float operations of the level in use on the calling thread.
const attune_operations *attune_operations_in_use(void);

// By the other operations of the level in use, and by AVX-512 BF16.
#define REAL_OPERATION(result, name, parameters, arguments)
#define FLOAT_OPERATION(result, name, parameters, arguments)
#define STAGED_OPERATION(result, name, parameters, arguments) \
    result attune_staged_##name parameters;                   \
    result attune_bf16_##name parameters;
#include "attune_operations.h"

void attune_bf16_multiply(
    const void *x, int64_t tokens, const attune_weight *w, void *y, int bfloat16, int accumulating);
void attune_bf16_multiply_transposed(
    const void *dy, int64_t tokens, const attune_weight *w, void *dx, int bfloat16, int accumulating);

void attune_openblas_multiply(
    const void *x, int64_t tokens, const attune_weight *w, void *y, int bfloat16, int accumulating);
void attune_openblas_multiply_transposed(
    const void *dy, int64_t tokens, const attune_weight *w, void *dx, int bfloat16, int accumulating);
void attune_openblas_dense(
    const void *a, int transposed_a, const void *b, int transposed_b, void *c, int64_t m, int64_t n, int64_t k,
    double alpha, double beta);

// Bins of float32 by their upper 16 bits: one for all below 2^-23, 128 in each octave up to 1, and 1 itself.
enum { MAP_LOWEST = (127 - 23) * 128 - 1, MAP_BINS = 23 * 128 + 2 };

/// A map of 8-bit codes: ascending values, the middle between each and the next, and for each sign and bin of x the
/// count of middles below the whole bin, in which at most one more lies.
typedef struct {
    float values[256], bounds[256];
    uint8_t first[2][MAP_BINS];
} attune_dynamic_map;

const attune_dynamic_map *attune_dynamic_map_of(int is_signed);

/// The memory that a thread keeps for kernels: one arena for each part of the work, so that a function and those it
/// calls never share one.
typedef enum {
    /// What a chunk of a job works in.
    ARENA_CHUNK,
    /// What a chunk keeps while it calls a function that works in ARENA_CHUNK.
    ARENA_CHUNK_RESULTS,
    /// What the caller of a job prepares for all of its chunks.
    ARENA_JOB,
    /// A left factor in a product's own numbers, prepared before the job of the product.
    ARENA_LEFT_FACTOR,
    /// What a chain of operations keeps between them.
    ARENA_CHAIN,
    /// What a chain keeps while it calls a chain.
    ARENA_CHAIN_RESULTS,
    /// Products that are being described: attune_description_memory.
    ARENA_DESCRIPTION,
    ARENAS,
} attune_arena;

/// At least `bytes` bytes, aligned to 64, that belong to the calling thread until its next call for the same arena.
void *attune_scratch(attune_arena arena, size_t bytes);

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
