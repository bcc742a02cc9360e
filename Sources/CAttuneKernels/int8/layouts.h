// Attune
// SPDX-License-Identifier: Apache-2.0

// Layouts of products with int8 activations, and what each level implements of them.
//
// Weights: 16 rows make a strip, padded with zeros, that is read from its first byte to its last. A strip is a run of
// groups, of one block each for Q4_1 and of two (the last one may be half empty) for the others: 64 bytes of scales, and
// the quants of each block as words of [16][4] bytes, where lane r belongs to row r. The scales are d[16] and m[16] in
// half precision, or d[16] of both blocks. Of 4-bit types word g of four holds the elements 4g.. in the low and 16 + 4g..
// in the high halves of its bytes; Q8_0 has eight words of 4 elements, each 128 + q.
//
// Activations: rows in tiles of 8, the rest in tiles of 4, 2 and 1. A tile of R rows is, for each block of 32 columns,
// [8 words][R][4] int8, then d[R] and s[R] in float32 and the sums of q[R] in int32: x ≈ d·q, s = d·Σq.
//
// Low-rank factors: A in tiles of 8 rows, the rest in tiles of 4, 2 and 1; a tile of R rows is, for each 64 columns,
// [R][64] bytes of 128 + q, the columns padded with q = 0. B in strips of 16 rows, each [rank/4] words of [16][4] bytes of
// 128 + q, rows and rank padded with q = 0. Its right factor is [rank/4] words of int8, d, and in int32 the sum of q.

#pragma once
#include "runtime/internal.h"

enum { STRIP_ROWS = 16, TILE_WORDS = 11 };

static inline int attune_int8_fits(int32_t type) {
    return type == BLOCK_Q4_0 || type == BLOCK_Q4_1 || type == BLOCK_Q8_0;
}

/// Blocks that share 64 bytes of scales.
static inline int64_t attune_group_blocks(int32_t type) { return type == BLOCK_Q4_1 ? 1 : 2; }

/// Words of 64 bytes that hold the quants of one block of a strip.
static inline int64_t attune_block_words(int32_t type) { return type == BLOCK_Q8_0 ? 8 : 4; }

static inline int64_t attune_group_bytes(int32_t type) {
    return 64 + 64 * attune_group_blocks(type) * attune_block_words(type);
}

static inline int64_t attune_strip_bytes(int32_t type, int64_t blocks) {
    return attune_pieces(blocks, attune_group_blocks(type)) * attune_group_bytes(type);
}

/// Words of the rounded right factor of B, without its d and its sum.
static inline int64_t attune_inner_words(int64_t rank) { return attune_pieces(rank, 4); }

/// Rows of the tile that starts `left` rows before the end.
static inline int64_t attune_tile_rows(int64_t left) { return left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1; }

/// One implementation; every result of a row is the same whatever tile the row is in.
typedef struct {
    /// One tile from x[rows, 32·blocks].
    void (*quantize)(const float *x, int64_t rows, int64_t blocks, int32_t *tile);
    /// out[rows, 16] = tile · stripᵀ.
    void (*multiply)(
        int32_t type, const uint8_t *strip, int64_t blocks, const int32_t *tile, int64_t rows, float *out);
    /// u[0..<rank] = A·x for the first row of what is left of a tile of `rows` rows.
    void (*project)(const uint8_t *a, int64_t rank, int64_t blocks, const int32_t *tile, int64_t rows, float *u);
    /// y[0..<columns] += B·u over strips of B, u of `words` words.
    void (*expand)(const uint8_t *b, int64_t words, const int32_t *u, float *y, int64_t columns);
} attune_int8_operations;

extern const attune_int8_operations attune_int8_portable;
#if defined(__x86_64__)
extern const attune_int8_operations attune_int8_avx2, attune_int8_avx512vnni;
#elif defined(__aarch64__)
extern const attune_int8_operations attune_int8_neon;
#endif
