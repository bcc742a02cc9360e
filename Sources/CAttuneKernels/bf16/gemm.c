// Attune
// SPDX-License-Identifier: Apache-2.0

// Products with frozen weights in bfloat16 on AVX-512 BF16: several weights that share one left factor are one job, and
// low-rank terms lengthen the contraction. Forward contracts along a row of W; its transpose along W's rows.

#include "runtime/internal.h"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(                                                                                   \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,f16c"))), apply_to = function)

#define FN(name) name##_bf16
#include "vector/vector.inc.h"
#include "bf16/tile.inc.h"

enum { DEPTH = 2048, GROUP_BYTES = 4 << 20, STRIP = 64 };

typedef struct {
    const uint16_t *x;
    const attune_product *products;
    uint16_t *packed, *factors;
    // Panels group..<group+panels are at work, over k0..<k0+k of depth. The sizes are those of one panel.
    int64_t m, x_stride, depth, k0, k, packed_size, factor_size, group, panels, rows;
    int transposed;
    // The two products of a gated unit: their panels take turns, and h [T, outputs] is made of them.
    int gated;
    uint16_t *h;
    int64_t h_stride;
} job;

INLINE int64_t outputs_of(const attune_product *p, int transposed) {
    return transposed ? p->weight->columns : p->weight->rows;
}

/// The product that a panel belongs to, and the panel's first column in it.
INLINE const attune_product *find(const job *j, int64_t panel, int64_t *n0) {
    const attune_product *p = j->products;
    if (j->gated) {
        *n0 = panel / 2 * WIDTH;
        return p + panel % 2;
    }
    for (;; p++) {
        int64_t panels = attune_pieces(outputs_of(p, j->transposed), WIDTH);
        if (panel < panels) break;
        panel -= panels;
    }
    *n0 = panel * WIDTH;
    return p;
}

/// s·F of a low-rank term for the panel's columns, rounded: F is B [outputs, rank], or A [rank, outputs] backward.
static uint16_t *pack_factor(const job *j, const attune_rounded_term *term, int64_t n0, int64_t columns, uint16_t *out) {
    int64_t pairs = attune_pieces(term->rank, 2);
    for (int64_t r = 0; r < pairs; r++, out += 2 * WIDTH) {
        for (int64_t c = 0; c < WIDTH; c++) {
            for (int64_t i = 0; i < 2; i++) {
                int64_t rank = 2 * r + i, column = n0 + c;
                int inside = rank < term->rank && column < columns;
                float value = !inside         ? 0
                              : j->transposed ? term->factor[rank * columns + column]
                                              : term->factor[column * term->rank + rank];
                out[2 * c + i] = (uint16_t)(attune_bits_of_float(attune_round_bfloat16(value * term->scale)) >> 16);
            }
        }
    }
    return out;
}

// Calls `pack` with the type as a constant wherever speed counts.
#define WITH_TYPE(pack, type, ...)                          \
    switch (type) {                                         \
        case BLOCK_Q4_1: pack(BLOCK_Q4_1, __VA_ARGS__); break; \
        case BLOCK_Q4_0: pack(BLOCK_Q4_0, __VA_ARGS__); break; \
        case BLOCK_Q8_0: pack(BLOCK_Q8_0, __VA_ARGS__); break; \
        case BLOCK_F32: pack(BLOCK_F32, __VA_ARGS__); break;   \
        case BLOCK_BF16: pack(BLOCK_BF16, __VA_ARGS__); break; \
        default: pack(type, __VA_ARGS__);                   \
    }

/// The low-rank factors of a panel.
static void pack_factors(const job *j, int64_t panel) {
    int64_t n0;
    const attune_product *product = find(j, j->group + panel, &n0);
    uint16_t *factors = j->factors + panel * j->factor_size;
    for (int64_t i = 0; i < product->term_count; i++)
        factors = pack_factor(j, &product->terms[i], n0, outputs_of(product, j->transposed), factors);
}

// A chunk is one panel.
static void pack_chunk(void *context, int64_t chunk) {
    const job *j = context;
    int64_t n0;
    const attune_product *product = find(j, j->group + chunk, &n0);
    packing p = {product->weight, product->weight->rows, j->k0, j->k};
    WITH_TYPE(pack_rows, product->weight->type, &p, n0, j->packed + chunk * j->packed_size)
    if (j->k0 + j->k == j->depth) pack_factors(j, chunk);
}

// A chunk is a strip of rows of all panels, and then the factors of one panel.
static void pack_strip_chunk(void *context, int64_t chunk) {
    const job *j = context;
    int64_t strips = attune_pieces(j->k, STRIP), from = chunk * STRIP, n0;
    if (chunk >= strips) return pack_factors(j, chunk - strips);
    for (int64_t panel = 0; panel < j->panels;) {
        const attune_product *product = find(j, j->group + panel, &n0);
        packing p = {product->weight, product->weight->columns, j->k0 + from, attune_min(STRIP, j->k - from)};
        int64_t panels = attune_min(attune_pieces(p.n - n0, WIDTH), j->panels - panel);
        WITH_TYPE(
            pack_columns, product->weight->type, &p, n0, panels,
            j->packed + panel * j->packed_size + from * WIDTH, j->packed_size)
        panel += panels;
    }
}

/// Rows row..<last of the product with one panel, to `c`.
static void panel_rows(
    const job *j, int64_t local, int64_t row, int64_t last, void *c, int64_t ldc, int rounded) {
    int64_t n0, top = row;
    const attune_product *p = find(j, j->group + local, &n0);
    int64_t columns = attune_min(WIDTH, outputs_of(p, j->transposed) - n0), size = rounded ? 2 : 4;
    int first = j->k0 == 0, final = j->k0 + j->k == j->depth;
    tile t = {
        .b = j->packed + local * j->packed_size, .row_step = j->x_stride / 2, .k_step = 1,
        .pairs = attune_pieces(j->k, 2), .ldc = ldc, .columns = columns,
        .bias = p->bias && first ? p->bias + n0 : NULL, .rounded = rounded,
        .accumulating = p->accumulating || !first};
    const uint16_t *factor = j->factors + local * j->factor_size;
    for (int64_t i = 0; row < last;) {
        // Terms lie in ascending order: pass those that end before this row.
        while (final && i < p->term_count && p->terms[i].first + p->terms[i].count <= row)
            factor += attune_pieces(p->terms[i++].rank, 2) * 2 * WIDTH;
        const attune_rounded_term *term = final && i < p->term_count ? &p->terms[i] : NULL;
        int64_t end = last;
        t.u_pairs = 0;
        if (term && term->first > row) {
            end = attune_min(end, term->first);
        } else if (term) {
            end = attune_min(end, term->first + term->count);
            t.u = (const uint32_t *)(term->inner + (row - term->first) * term->stride);
            t.u_step = term->stride / 2;
            t.u_pairs = attune_pieces(term->rank, 2);
            t.f = factor;
        }
        t.a = (const uint32_t *)(j->x + row * j->x_stride + j->k0);
        t.c = (char *)c + (row - top) * ldc * size;
        run_tiles(t, end - row);
        row = end;
    }
}

static void product_chunk(void *context, int64_t chunk) {
    const job *j = context;
    int64_t local = chunk % j->panels, n0, row = chunk / j->panels * j->rows;
    const attune_product *p = find(j, j->group + local, &n0);
    void *c = (char *)p->y + (row * p->stride + n0) * (p->rounded ? 2 : 4);
    panel_rows(j, local, row, attune_min(row + j->rows, j->m), c, p->stride, p->rounded);
}

/// 32 numbers at the panel's place in a row, of which `columns` exist.
INLINE void store_rounded(void *y, int64_t at, int64_t columns, __m512 low, __m512 high) {
    _mm512_mask_storeu_epi16((uint16_t *)y + at, lanes32(columns), round32(low, high));
}

/// gate·sigmoid(gate)·up.
INLINE __m512 gate_up(__m512 gate, __m512 up) {
    const __m512 one = _mm512_set1_ps(1);
    __m512 below = _mm512_add_ps(one, exponentials(_mm512_sub_ps(_mm512_setzero_ps(), gate)));
    return _mm512_div_ps(_mm512_mul_ps(gate, up), below);
}

// A chunk is some rows of one panel of the gate and the same of up.
static void gated_chunk(void *context, int64_t chunk) {
    const job *j = context;
    int64_t pairs = j->panels / 2, pair = chunk % pairs, row = chunk / pairs * j->rows;
    int64_t last = attune_min(row + j->rows, j->m), n0 = (j->group / 2 + pair) * WIDTH;
    float *gate = attune_scratch(ARENA_CHUNK_RESULTS, (size_t)(2 * j->rows * WIDTH) * sizeof(float));
    float *up = gate + j->rows * WIDTH;
    panel_rows(j, 2 * pair, row, last, gate, WIDTH, 0);
    panel_rows(j, 2 * pair + 1, row, last, up, WIDTH, 0);
    const attune_product *p = j->products;
    int64_t columns = attune_min(WIDTH, p->weight->rows - n0);
    for (; row < last; row++, gate += WIDTH, up += WIDTH) {
        __m512 g0 = _mm512_load_ps(gate), g1 = _mm512_load_ps(gate + 16);
        __m512 u0 = _mm512_load_ps(up), u1 = _mm512_load_ps(up + 16);
        store_rounded(p[0].y, row * p[0].stride + n0, columns, g0, g1);
        store_rounded(p[1].y, row * p[1].stride + n0, columns, u0, u1);
        store_rounded(j->h, row * j->h_stride + n0, columns, gate_up(g0, u0), gate_up(g1, u1));
    }
}

static void run_job(job j, int64_t count) {
    const attune_product *products = j.products;
    int64_t all = 0, pairs = 0, deep = DEPTH;
    int transposed = j.transposed;
    j.depth = transposed ? products->weight->rows : products->weight->columns;
    for (int64_t i = 0; i < count; i++) {
        int64_t mine = 0;
        all += attune_pieces(outputs_of(&products[i], transposed), WIDTH);
        for (int64_t t = 0; t < products[i].term_count; t++) mine += attune_pieces(products[i].terms[t].rank, 2);
        pairs = attune_max(pairs, mine);
        if (products[i].rounded) deep = j.depth;  // a sum can only be rounded when it is whole
    }
    deep = attune_min(deep, attune_pieces(j.depth, 32) * 32);
    j.packed_size = WIDTH * attune_pieces(deep, 32) * 32;
    j.factor_size = 2 * WIDTH * pairs;
    int64_t group = attune_max(2, attune_min(all, GROUP_BYTES / (2 * j.packed_size)) / 2 * 2);
    j.packed = attune_scratch(ARENA_JOB, (size_t)(group * (j.packed_size + j.factor_size)) * sizeof(uint16_t));
    j.factors = j.packed + group * j.packed_size;
    j.rows = ROWS * (all * (j.m / (16 * ROWS)) < 64 ? 4 : 16);
    for (j.k0 = 0; j.k0 < j.depth; j.k0 += deep) {
        j.k = attune_min(deep, j.depth - j.k0);
        for (j.group = 0; j.group < all; j.group += group) {
            j.panels = attune_min(group, all - j.group);
            int64_t factors = j.k0 + j.k == j.depth && pairs ? j.panels : 0;
            if (transposed) attune_parallel(attune_pieces(j.k, STRIP) + factors, pack_strip_chunk, &j);
            else attune_parallel(j.panels, pack_chunk, &j);
            attune_parallel(
                (j.gated ? j.panels / 2 : j.panels) * attune_pieces(j.m, j.rows), j.gated ? gated_chunk : product_chunk,
                &j);
        }
    }
}

void attune_bf16_products(
    const uint16_t *x, int64_t x_stride, int64_t tokens, int transposed, const attune_product *products,
    int64_t count) {
    // The tiles take two numbers of a row at a time.
    if (x_stride % 2) return attune_staged_products(x, x_stride, tokens, transposed, products, count);
    run_job(
        (job){.x = x, .x_stride = x_stride, .products = products, .m = tokens, .transposed = transposed}, count);
}

void attune_bf16_gated_products(
    const uint16_t *x, int64_t x_stride, int64_t tokens, const attune_product *products, uint16_t *h,
    int64_t h_stride) {
    if (x_stride % 2) return attune_staged_gated_products(x, x_stride, tokens, products, h, h_stride);
    run_job(
        (job){.x = x, .x_stride = x_stride, .products = products, .m = tokens, .gated = 1, .h = h,
              .h_stride = h_stride},
        2);
}

// ---- Left factors in float32 --------------------------------------------------------------------------------------

typedef struct {
    const float *x;
    uint16_t *rounded;
    int64_t rows, columns, stride;
} rounding;

enum { ROUNDED_ROWS = 16 };

static void round_chunk(void *context, int64_t chunk) {
    const rounding *p = context;
    int64_t last = attune_min((chunk + 1) * ROUNDED_ROWS, p->rows);
    for (int64_t i = chunk * ROUNDED_ROWS; i < last; i++)
        for (int64_t k = 0; k < p->stride; k += 32)
            _mm512_store_si512(
                p->rounded + i * p->stride + k,
                load32(BLOCK_F32, (const uint8_t *)(p->x + i * p->columns), k, p->columns - k, NULL));
}

static void run(const float *x, int64_t tokens, const attune_weight *w, float *y, int transposed, int accumulating) {
    int64_t columns = transposed ? w->rows : w->columns, stride = attune_pieces(columns, 32) * 32;
    uint16_t *rounded = attune_scratch(ARENA_LEFT_FACTOR, (size_t)(tokens * stride) * sizeof(uint16_t));
    rounding r = {x, rounded, tokens, columns, stride};
    attune_parallel(attune_pieces(tokens, ROUNDED_ROWS), round_chunk, &r);
    attune_product product = {
        .weight = w, .y = y, .stride = transposed ? w->columns : w->rows, .accumulating = accumulating};
    attune_bf16_products(r.rounded, stride, tokens, transposed, &product, 1);
}

void attune_bf16_multiply(
    const void *x, int64_t tokens, const attune_weight *w, void *y, int bfloat16, int accumulating) {
    // For a few rows float32 costs no more, and is the better number.
    if (!bfloat16 || tokens <= 8) attune_avx512.multiply(x, tokens, w, y, 0, accumulating);
    else run(x, tokens, w, y, 0, accumulating);
}

void attune_bf16_multiply_transposed(
    const void *dy, int64_t tokens, const attune_weight *w, void *dx, int bfloat16, int accumulating) {
    if (!bfloat16) attune_avx512.multiply_transposed(dy, tokens, w, dx, 0, accumulating);
    else run(dy, tokens, w, dx, 1, accumulating);
}

// ---- Gradients of low-rank factors --------------------------------------------------------------------------------

typedef struct {
    const uint32_t *u;  // [pairs of tokens][rank]
    const uint16_t *x;
    int64_t stride, tokens, rank, n;
    float scale, *g;
    int transposed;
} gradient;

/// Adds `ranks` rows of UᵀX over one strip of 32 columns and the tokens t..<last to `sums` [ranks][32].
INLINE void gradient_tile(
    const int ranks, const gradient *p, int64_t r0, int64_t n0, int64_t t, int64_t last, float *sums) {
    __m512 acc[16];
    __mmask32 columns = lanes32(p->n - n0);
#pragma clang loop unroll(full)
    for (int i = 0; i < 2 * ranks; i++) acc[i] = _mm512_load_ps(sums + 16 * i);
    const uint16_t *x = p->x + t * p->stride + n0;
    const uint32_t *u = p->u + t / 2 * p->rank + r0;
    for (; t < last; t += 2, x += 2 * p->stride, u += p->rank) {
        __m512i low, high, second = t + 1 < p->tokens ? _mm512_maskz_loadu_epi16(columns, x + p->stride)
                                                      : _mm512_setzero_si512();
        interleave(_mm512_maskz_loadu_epi16(columns, x), second, &low, &high);
#pragma clang loop unroll(full)
        for (int i = 0; i < ranks; i++) {
            __m512bh value = (__m512bh)_mm512_set1_epi32((int32_t)u[i]);
            acc[2 * i] = _mm512_dpbf16_ps(acc[2 * i], value, (__m512bh)low);
            acc[2 * i + 1] = _mm512_dpbf16_ps(acc[2 * i + 1], value, (__m512bh)high);
        }
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < 2 * ranks; i++) _mm512_store_ps(sums + 16 * i, acc[i]);
}

static __attribute__((noinline)) void gradient_eight(
    const gradient *p, int64_t r0, int64_t n0, int64_t t, int64_t last, float *sums) {
    gradient_tile(8, p, r0, n0, t, last, sums);
}

static __attribute__((noinline)) void gradient_one(
    const gradient *p, int64_t r0, int64_t n0, int64_t t, int64_t last, float *sums) {
    gradient_tile(1, p, r0, n0, t, last, sums);
}

static void gradient_chunk(void *context, int64_t chunk) {
    // A piece of X stays in the first cache for all ranks.
    enum { NEAR_TOKENS = 256 };
    const gradient *p = context;
    int64_t n0 = chunk * WIDTH, count = attune_min(WIDTH, p->n - n0), step = p->transposed ? p->rank : 1;
    float *sums = attune_scratch(ARENA_CHUNK, (size_t)(p->rank * WIDTH) * sizeof(float));
    __builtin_memset(sums, 0, (size_t)(p->rank * WIDTH) * sizeof(float));
    for (int64_t t = 0, last; t < p->tokens; t = last) {
        int64_t r = 0;
        last = attune_min(t + NEAR_TOKENS, p->tokens);
        for (; r + 8 <= p->rank; r += 8) gradient_eight(p, r, n0, t, last, sums + r * WIDTH);
        for (; r < p->rank; r++) gradient_one(p, r, n0, t, last, sums + r * WIDTH);
    }
    for (int64_t r = 0; r < p->rank; r++) {
        float *g = p->transposed ? p->g + n0 * p->rank + r : p->g + r * p->n + n0;
        for (int64_t c = 0; c < count; c++) g[c * step] += p->scale * sums[r * WIDTH + c];
    }
}

void attune_bf16_low_rank_gradient(
    const uint16_t *u, int64_t u_stride, const uint16_t *x, int64_t x_stride, int64_t tokens, int64_t rank, int64_t n,
    float scale, float *g, int transposed) {
    int64_t pairs = attune_pieces(tokens, 2);
    uint32_t *words = attune_scratch(ARENA_JOB, (size_t)(pairs * rank) * sizeof(uint32_t));
    for (int64_t t = 0; t < tokens; t += 2)
        for (int64_t r = 0; r < rank; r++)
            words[t / 2 * rank + r] =
                u[t * u_stride + r] | (t + 1 < tokens ? (uint32_t)u[(t + 1) * u_stride + r] << 16 : 0);
    gradient p = {words, x, x_stride, tokens, rank, n, scale, g, transposed};
    attune_parallel(attune_pieces(n, WIDTH), gradient_chunk, &p);
}

#pragma clang attribute pop
#endif
