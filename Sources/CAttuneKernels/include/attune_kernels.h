// Attune
// SPDX-License-Identifier: Apache-2.0

#pragma once
#include <stdint.h>

// Kernels on row-major matrices, chosen once for the CPU and run on one pool of threads.
// The result of every function has the same bytes for any number of threads: work is cut into chunks whose size depends
// on the shapes alone, and sums over chunks are taken in the order of the chunks.
// Legend: T tokens, D width, F feed-forward width, H heads, K key-value heads, V vocabulary, R rank.

// ---- The pool ----------------------------------------------------------------------------------------------------

/// Number of threads that work on a job, the caller's among them.
int32_t attune_pool_threads(void);
/// Sets the number of threads; 0 takes attune_default_threads.
void attune_pool_configure(int32_t threads);
/// min(CPUs this process may use, quota of its control group, physical cores), at least 1.
int32_t attune_default_threads(void);
/// Threads that can run at the same time: min(CPUs this process may use, quota of its control group), at least 1.
int32_t attune_most_threads(void);
/// CPUs that the text of a control group's cpu.max gives: quota over period rounded down, at least 1; INT32_MAX where it
/// sets no limit, or is something else.
int32_t attune_quota_cpus(const char *text);
/// Runs body(context, chunk) for every chunk in 0..<chunks and returns when all are done; safe from any thread, and
/// from inside a body, where it runs on that thread alone.
void attune_parallel(int64_t chunks, void (*body)(void *context, int64_t chunk), void *context);

// ---- Levels ------------------------------------------------------------------------------------------------------

enum {
    ATTUNE_LEVEL_PORTABLE = 0,
    ATTUNE_LEVEL_OPENBLAS = 1,
    ATTUNE_LEVEL_AVX2 = 2,
    ATTUNE_LEVEL_AVX512 = 3,
    ATTUNE_LEVEL_AVX512BF16 = 4,
    ATTUNE_LEVEL_NEON = 5,
    ATTUNE_LEVELS = 6,
};

/// The level in use on the calling thread.
int32_t attune_level(void);
/// The best level of this CPU.
int32_t attune_best_level(void);
/// Makes the calling thread use `level` (no higher than the best one); -1 goes back to the level of the process.
void attune_force_level(int32_t level);
/// 1 if the CPU and the system support a feature such as "avx512bf16".
int32_t attune_cpu_supports(const char *feature);

/// C[m,n] = alpha·op(A)[m,k]·op(B)[k,n] + beta·C, row-major with leading dimensions, as cblas_sgemm.
typedef void (*attune_sgemm_function)(
    int32_t transposed_a, int32_t transposed_b, int32_t m, int32_t n, int32_t k, float alpha, const float *a,
    int32_t lda, const float *b, int32_t ldb, float beta, float *c, int32_t ldc);
/// Hands the kernels a single-threaded sgemm that may be called from several threads; to be called once, before use.
void attune_set_sgemm(attune_sgemm_function sgemm);

// ---- Ceilings ----------------------------------------------------------------------------------------------------

enum { ATTUNE_CEILING_FLOAT32 = 0, ATTUNE_CEILING_BFLOAT16 = 1, ATTUNE_CEILING_INT8 = 2 };

/// Operations per second (two for a multiply-add) that all threads reach on registers alone at the level in use, measured
/// for about `seconds`; 0 where the level has no such instruction.
double attune_ceiling(int32_t kind, double seconds);
/// Bytes per second at which all threads read `count` bytes once.
double attune_read_rate(const void *bytes, int64_t count);

// ---- Weights -----------------------------------------------------------------------------------------------------

/// A frozen matrix [rows = outputs, columns = inputs] in blocks along the columns; `type` is the ggml id.
typedef struct {
    int32_t type;
    int64_t rows, columns, row_bytes;
    const void *bytes;
} attune_weight;

/// out[rows, columns] = the rows first..<first+count of w as float32.
void attune_dequantize(const attune_weight *w, int64_t first, int64_t count, float *out);

// ---- Products with int8 activations ------------------------------------------------------------------------------

/// Bytes of a weight of this shape once repacked; 0 where its type stays as it is (all but Q4_0, Q4_1 and Q8_0).
int64_t attune_repacked_bytes(int32_t type, int64_t rows, int64_t columns);
/// Writes w with 16 rows interleaved, attune_repacked_bytes long and aligned to 64.
void attune_repack(const attune_weight *w, void *out);

/// One of the products that share an input: y[T, rows] = X·Wᵀ, W [rows, columns] repacked from blocks of `type`.
typedef struct {
    int32_t type;
    int64_t rows;
    const void *repacked;
    float *y;
} attune_int8_output;

/// Bytes of A [rank, columns] and of B [rows, rank] as the two functions below leave them.
int64_t attune_reduction_bytes(int64_t rank, int64_t columns);
int64_t attune_expansion_bytes(int64_t rows, int64_t rank);
/// out = A [rank, columns] in int8, each row divided by a number of its own, by which scales[row] is multiplied. The
/// columns are a multiple of 32.
void attune_pack_reduction(const float *a, int64_t rank, int64_t columns, uint8_t *out, float *scales);
/// out = B [rows, rank] in int8, each column divided by a number of its own, by which scales[column] is multiplied.
void attune_pack_expansion(const float *b, int64_t rows, int64_t rank, uint8_t *out, float *scales);

/// A low-rank term of all products of an input for the rows first..<last of X: y_i += strength·B_i·(scales∘(A·x)), the
/// part offsets[i]..<offsets[i + 1] of the inner dimension belonging to product i. x is rounded as for the products, and
/// the right factor of each B_i to int8 with a float32 scale.
typedef struct {
    int64_t first, last, rank;
    float strength;
    /// All A_i, one below the other, as attune_pack_reduction leaves them.
    const uint8_t *a;
    /// [rank].
    const float *scales;
    /// One more than there are products.
    const int64_t *offsets;
    /// For each product B as attune_pack_expansion leaves it; unused where its rank is 0.
    const uint8_t *const *b;
} attune_low_rank;

/// y_i[T, rows_i] = X·W_iᵀ + Σ low-rank terms, or added to y_i. X [T, columns] is rounded to int8 in blocks of 32 with a
/// float32 scale for the W_i, sums are int32 in a block and float32 over blocks. The result of a row is the same
/// whatever other rows are there.
void attune_multiply_int8(
    const float *x, int64_t rows, int64_t columns, const attune_int8_output *outputs, int64_t count,
    int32_t accumulating, const attune_low_rank *terms, int64_t terms_count);

// ---- What the operations work on ---------------------------------------------------------------------------------

/// What both attention kernels work on. bounds: first and last+1 row of each segment.
typedef struct {
    int64_t tokens, heads, key_value_heads, head_dimension, segments;
    const int64_t *bounds;
    double scale;
} attune_attention_shape;

/// New rows of one sequence at the positions from `first` on, and the sequence's keys and values of one layer, each
/// [key_value_heads][capacity] rows of `head_dimension` elements of ggml type 0 (f32), 1 (f16) or 8 (q8_0).
typedef struct {
    int64_t first, rows, key_value_heads, head_dimension, capacity;
    void *keys, *values;
    int32_t type;
} attune_cached_span;

/// Bytes of one row of a cache.
int64_t attune_cache_row_bytes(int32_t type, int64_t head_dimension);

/// What one step of AdamW is made with. step counts from 1; gradients are multiplied by gradient_scale first.
typedef struct {
    int64_t step;
    double rate, beta1, beta2, epsilon, weight_decay, gradient_scale;
} attune_adamw_settings;

/// Elements that share a scale.
enum { ATTUNE_MOMENT_BLOCK = 256 };

/// One moment of AdamW in 8 bits: the value of an element is map[code]·scale of its block, or a float32 in `floats`.
typedef struct {
    uint8_t *codes;
    float *scales, *floats;
} attune_moment;

/// A run of parameters within one tensor. `first` is its place among the parameters; where `block` is −1, `state` is
/// its place among the floats, else its place among the codes, and `block` that of its first scale.
typedef struct {
    int64_t first, count, state, block;
} attune_moment_piece;

/// The 256 ascending values of a map.
void attune_dynamic_map_values(int32_t is_signed, float *values);

/// s·U·F, added to some rows of a product: U [count, rank] in bfloat16, F = Bᵀ for B [outputs, rank], or A [rank,
/// outputs] in a transposed product.
typedef struct {
    int64_t first, count, rank;
    /// Numbers from one row of U to the next, even; what lies between an odd rank and the stride must be finite.
    int64_t stride;
    const uint16_t *inner;
    const float *factor;
    float scale;
} attune_rounded_term;

/// One frozen weight of several that share a left factor, and what becomes of its product.
typedef struct {
    const attune_weight *weight;
    /// One number for each output, or null.
    const float *bias;
    void *y;
    /// Numbers from one row of y to the next.
    int64_t stride;
    /// y is bfloat16 and overwritten; otherwise it is float32 and may be added to.
    int32_t rounded, accumulating;
    /// For disjoint rows in ascending order.
    const attune_rounded_term *terms;
    int64_t term_count;
} attune_product;

/// At least `bytes` bytes, aligned to 64, for products that are being described; they belong to the calling thread until
/// its next call. No other function uses them.
void *attune_description_memory(int64_t bytes);

#include "attune_operations.h"

// ---- Random numbers ----------------------------------------------------------------------------------------------

/// The finaliser of SplitMix64.
static inline uint64_t attune_mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/// 64 random bits, a function of the stream's key and the counter alone.
static inline uint64_t attune_random_bits(uint64_t key, uint64_t counter) {
    uint64_t z = attune_mix(key + counter * 0x9E3779B97F4A7C15u);
    return attune_mix(z ^ (key << 32 | key >> 32));
}
