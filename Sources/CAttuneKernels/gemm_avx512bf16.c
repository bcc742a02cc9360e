// Attune
// SPDX-License-Identifier: Apache-2.0

// Products in bfloat16 with float32 sums on AVX-512 BF16. B is packed into panels of 32 columns as [k/2][32][2], so that
// every 32-bit lane holds two neighbours along k for one vdpbf16ps; A is converted once, row-major, k padded with zeros
// to a multiple of 32. Forward contracts along a row of W; its transpose along W's rows.

#include "internal.h"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(                                                                                   \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,f16c"))), apply_to = function)

#define FN(name) name##_bf16
#include "vector.inc.h"

enum { WIDTH = 32, ROWS = 12, DEPTH = 2048, GROUP_BYTES = 4 << 20 };

/// 32 floats to bfloat16, in order.
INLINE __m512i round32(const vec *low, const vec *high) {
    return (__m512i)_mm512_cvtne2ps_pbh((__m512)*high, (__m512)*low);
}

/// 32 elements of a row to bfloat16, from element k, of which `count` exist.
INLINE __m512i load32(int32_t type, const uint8_t *row, int64_t k, int64_t count, const float *expanded) {
    vec low, high;
    if (expanded) {
        __mmask16 some = count >= 16 ? 0xFFFF : (__mmask16)((1u << count) - 1);
        __mmask16 rest = count >= 32 ? 0xFFFF : count <= 16 ? 0 : (__mmask16)((1u << (count - 16)) - 1);
        low = (vec)_mm512_maskz_loadu_ps(some, expanded + k);
        high = (vec)_mm512_maskz_loadu_ps(rest, expanded + k + 16);
    } else {
        FN(expand32)(type, row + k / 32 * attune_block_bytes(type), &low, &high);
    }
    return round32(&low, &high);
}

typedef struct {
    const float *x;
    float *c;
    uint16_t *a, *packed;
    const attune_weight *w;
    // m rows, n columns, depth along k of which k0..<k0+k is at work; lda and k_stride are multiples of 32.
    int64_t m, n, depth, k0, k, lda, k_stride, group, panels, rows;
    int contract_rows, accumulating;
} product;

/// Rows of W as columns: 16 rows at a time are expanded and transposed as pairs.
INLINE void pack_rows(int32_t type, const product *p, int64_t n0, uint16_t *out) {
    const uint8_t *bytes = p->w->bytes;
    int64_t padded = attune_pieces(p->k, 32) * 32, elements = attune_block_elements(type);
    int expanding = !FN(is_fast)(type);
    float *strip = expanding ? attune_scratch(0, (size_t)(16 * padded) * sizeof(float)) : NULL;
    for (int64_t half = 0; half < WIDTH; half += 16) {
        int64_t rows = attune_max(0, attune_min(16, p->n - n0 - half));
        const uint8_t *from = bytes + (n0 + half) * p->w->row_bytes + p->k0 / elements * attune_block_bytes(type);
        for (int64_t j = 0; expanding && j < rows; j++)
            FN(expand_row)(type, from + j * p->w->row_bytes, p->k, strip + j * padded);
        for (int64_t k = 0; k < padded; k += 32) {
            vec block[16];
            for (int64_t j = 0; j < 16; j++) {
                block[j] = j >= rows ? (vec){0}
                                     : (vec)load32(
                                           type, from + j * p->w->row_bytes, k, p->k - k,
                                           expanding ? strip + j * padded : NULL);
            }
            FN(transpose)(block);
            for (int64_t e = 0; e < 16; e++) *(vec *)(out + (k / 2 + e) * WIDTH * 2 + half * 2) = block[e];
        }
    }
}

/// Columns of W: rows 2k and 2k + 1 are interleaved.
INLINE void pack_columns(int32_t type, const product *p, int64_t n0, uint16_t *out) {
    const uint8_t *bytes = p->w->bytes;
    int64_t padded = attune_pieces(p->k, 32) * 32, elements = attune_block_elements(type);
    int64_t columns = attune_min(WIDTH, p->n - n0), first = n0 / elements * elements;
    int64_t count = attune_pieces(n0 + columns, elements) * elements - first;
    int expanding = !FN(is_fast)(type);
    // Lane n of the results is (a[n], b[n]).
    const __m512i low = _mm512_set_epi16(
        47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7, 38, 6, 37, 5, 36, 4, 35, 3, 34, 2, 33, 1,
        32, 0);
    const __m512i high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
    for (int64_t k = 0; k < padded; k += 2, out += WIDTH * 2) {
        __m512i pair[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
        for (int64_t i = 0; i < 2 && k + i < p->k; i++) {
            const uint8_t *row = bytes + (p->k0 + k + i) * p->w->row_bytes + first / elements * attune_block_bytes(type);
            float expanded[512];
            if (expanding) FN(expand_row)(type, row, count, expanded);
            pair[i] = load32(type, row, 0, columns, expanding ? expanded + (n0 - first) : NULL);
        }
        _mm512_store_si512(out, _mm512_permutex2var_epi16(pair[0], low, pair[1]));
        _mm512_store_si512(out + 32, _mm512_permutex2var_epi16(pair[0], high, pair[1]));
    }
}

static void pack_chunk(void *context, int64_t chunk) {
    const product *p = context;
    uint16_t *out = p->packed + chunk * WIDTH * p->k_stride;
    int64_t n0 = (p->group + chunk) * WIDTH;
#define PACK(type)                                       \
    if (p->contract_rows) pack_columns(type, p, n0, out); \
    else pack_rows(type, p, n0, out);                     \
    break
    switch (p->w->type) {
        case BLOCK_Q4_1: PACK(BLOCK_Q4_1);
        case BLOCK_Q4_0: PACK(BLOCK_Q4_0);
        case BLOCK_Q8_0: PACK(BLOCK_Q8_0);
        default: PACK(p->w->type);
    }
}

enum { CONVERTED_ROWS = 16 };

static void convert_chunk(void *context, int64_t chunk) {
    const product *p = context;
    int64_t last = attune_min((chunk + 1) * CONVERTED_ROWS, p->m);
    for (int64_t i = chunk * CONVERTED_ROWS; i < last; i++) {
        for (int64_t k = 0; k < p->lda; k += 32)
            _mm512_store_si512(p->a + i * p->lda + k, load32(0, NULL, k, p->depth - k, p->x + i * p->depth));
    }
}

/// rows × 32 of C; pairs along k.
INLINE void tile(
    const int rows, const uint16_t *a, int64_t lda, const uint16_t *b, int64_t pairs, float *c, int64_t ldc,
    int64_t columns, int accumulating) {
    __m512 acc[2 * ROWS];
#pragma clang loop unroll(full)
    for (int i = 0; i < 2 * rows; i++) acc[i] = _mm512_setzero_ps();
    for (int64_t k = 0; k < pairs; k++, b += 2 * WIDTH) {
        __m512bh b0 = (__m512bh)_mm512_load_si512(b), b1 = (__m512bh)_mm512_load_si512(b + 32);
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i++) {
            int32_t word;
            __builtin_memcpy(&word, a + i * lda + 2 * k, 4);
            __m512bh value = (__m512bh)_mm512_set1_epi32(word);
            acc[2 * i] = _mm512_dpbf16_ps(acc[2 * i], value, b0);
            acc[2 * i + 1] = _mm512_dpbf16_ps(acc[2 * i + 1], value, b1);
        }
    }
    __mmask16 low = columns >= 16 ? 0xFFFF : (__mmask16)((1u << columns) - 1);
    __mmask16 high = columns >= 32 ? 0xFFFF : columns <= 16 ? 0 : (__mmask16)((1u << (columns - 16)) - 1);
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
        float *to = c + i * ldc;
        if (accumulating) {
            acc[2 * i] = _mm512_add_ps(acc[2 * i], _mm512_maskz_loadu_ps(low, to));
            acc[2 * i + 1] = _mm512_add_ps(acc[2 * i + 1], _mm512_maskz_loadu_ps(high, to + 16));
        }
        _mm512_mask_storeu_ps(to, low, acc[2 * i]);
        _mm512_mask_storeu_ps(to + 16, high, acc[2 * i + 1]);
    }
}

#define TILE(name, rows)                                                                                   \
    static __attribute__((noinline)) void name(                                                            \
        const uint16_t *a, int64_t lda, const uint16_t *b, int64_t pairs, float *c, int64_t ldc,           \
        int64_t columns, int accumulating) {                                                               \
        tile(rows, a, lda, b, pairs, c, ldc, columns, accumulating);                                       \
    }
TILE(tile_full, ROWS)
TILE(tile_four, 4)
TILE(tile_one, 1)

static void product_chunk(void *context, int64_t chunk) {
    const product *p = context;
    int64_t local = chunk % p->panels, n0 = (p->group + local) * WIDTH, columns = attune_min(WIDTH, p->n - n0);
    int64_t last = attune_min((chunk / p->panels + 1) * p->rows, p->m), pairs = attune_pieces(p->k, 2);
    const uint16_t *b = p->packed + local * WIDTH * p->k_stride;
    int accumulating = p->accumulating || p->k0 > 0;
    for (int64_t i = chunk / p->panels * p->rows; i < last;) {
        const uint16_t *a = p->a + i * p->lda + p->k0;
        float *c = p->c + i * p->n + n0;
        if (last - i >= ROWS) {
            tile_full(a, p->lda, b, pairs, c, p->n, columns, accumulating);
            i += ROWS;
        } else if (last - i >= 4) {
            tile_four(a, p->lda, b, pairs, c, p->n, columns, accumulating);
            i += 4;
        } else {
            tile_one(a, p->lda, b, pairs, c, p->n, columns, accumulating);
            i += 1;
        }
    }
}

static void run(product p) {
    int64_t all = attune_pieces(p.n, WIDTH);
    p.lda = attune_pieces(p.depth, 32) * 32;
    p.k_stride = attune_min(DEPTH, p.lda);
    int64_t group = attune_max(1, attune_min(all, GROUP_BYTES / (2 * WIDTH * p.k_stride)));
    int64_t packed = group * WIDTH * p.k_stride;
    p.packed = attune_scratch(2, (size_t)(packed + p.m * p.lda) * sizeof(uint16_t));
    p.a = p.packed + packed;
    p.rows = ROWS * (all * (p.m / (16 * ROWS)) < 64 ? 4 : 16);
    attune_parallel(attune_pieces(p.m, CONVERTED_ROWS), convert_chunk, &p);
    for (p.k0 = 0; p.k0 < p.depth; p.k0 += DEPTH) {
        p.k = attune_min(DEPTH, p.depth - p.k0);
        for (p.group = 0; p.group < all; p.group += group) {
            p.panels = attune_min(group, all - p.group);
            attune_parallel(p.panels, pack_chunk, &p);
            attune_parallel(p.panels * attune_pieces(p.m, p.rows), product_chunk, &p);
        }
    }
}

void attune_bf16_multiply(
    const void *x, int64_t tokens, const attune_weight *w, void *y, int bfloat16, int accumulating) {
    // For a few rows float32 costs no more, and is the better number.
    if (!bfloat16 || tokens <= 8) attune_avx512.multiply(x, tokens, w, y, 0, accumulating);
    else run((product){
        .x = x, .c = y, .w = w, .m = tokens, .n = w->rows, .depth = w->columns, .accumulating = accumulating});
}

void attune_bf16_multiply_transposed(
    const void *dy, int64_t tokens, const attune_weight *w, void *dx, int bfloat16, int accumulating) {
    if (!bfloat16) attune_avx512.multiply_transposed(dy, tokens, w, dx, 0, accumulating);
    else run((product){
        .x = dy, .c = dx, .w = w, .m = tokens, .n = w->columns, .depth = w->rows, .contract_rows = 1,
        .accumulating = accumulating});
}

#pragma clang attribute pop
#endif
