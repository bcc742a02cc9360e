// Attune
// SPDX-License-Identifier: Apache-2.0

// Causal attention on bfloat16 values with float32 scores and sums, forward and backward (arXiv:2205.14135).
// Queries go in blocks; the scores of a block are kept whole, so softmax needs no second pass.

#include <math.h>

#include "runtime/internal.h"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(                                                                                   \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,f16c"))), apply_to = function)

#define FN(name) name##_bf16_attention
#include "vector/vector.inc.h"
#include "bf16/tile.inc.h"

enum { QUERY_ROWS = 48, QUERY_PAIRS = QUERY_ROWS / 2 };

typedef struct {
    const attune_attention_shape *shape;
    const float *q, *k;
    const uint16_t *v, *d_o;
    uint16_t *o;
    float *l, *dq, *dk, *dv;
    // Packed per segment and key-value head: panels of keys along hd, and panels of hd along the keys.
    float *keys_t;
    uint16_t *values_t, *keys_n, *values_n;
    float *dk_heads, *dv_heads;  // by query head, [H][T][hd]
} attending;

INLINE int64_t padded(int64_t count) { return attune_pieces(count, WIDTH) * WIDTH; }
INLINE int64_t first_of(const attending *p, int64_t segment) { return p->shape->bounds[2 * segment]; }
INLINE int64_t keys_of(const attending *p, int64_t segment) {
    return p->shape->bounds[2 * segment + 1] - p->shape->bounds[2 * segment];
}

/// Where the packs of a segment's key-value head begin. Both hold padded keys × padded hd numbers; two panels of slack
/// for each segment make up for the roundings.
INLINE int64_t pack_at(const attending *p, int64_t segment, int64_t kv) {
    int64_t start = first_of(p, segment) / WIDTH * WIDTH + 2 * WIDTH * segment;
    return (start * p->shape->key_value_heads + kv * padded(keys_of(p, segment))) * padded(p->shape->head_dimension);
}

INLINE int64_t pack_size(const attending *p) {
    const attune_attention_shape *s = p->shape;
    return (padded(s->tokens) + 2 * WIDTH * s->segments) * s->key_value_heads * padded(s->head_dimension);
}

/// Numbers of one panel whose contraction is hd long, or `rows` long.
INLINE int64_t panel_of(int64_t depth) { return attune_pieces(depth, 2) * 2 * WIDTH; }

/// rows × hd at x into panels of 32 rows, [hd][32] in float32.
static void pack_scores(const float *x, int64_t step, int64_t rows, int64_t hd, float *out) {
    for (int64_t j = 0; j < rows; j += WIDTH, out += hd * WIDTH) {
        for (int64_t half = 0; half < WIDTH; half += 16) {
            for (int64_t d = 0; d < hd; d += 16) {
                vec block[16];
                for (int64_t i = 0; i < 16; i++) {
                    int64_t row = j + half + i;
                    block[i] = row < rows ? (vec)_mm512_maskz_loadu_ps(lanes16(hd - d), x + row * step + d) : (vec){0};
                }
                FN(transpose)(block);
                for (int64_t e = 0; e < attune_min(16, hd - d); e++) *(vec *)(out + (d + e) * WIDTH + half) = block[e];
            }
        }
    }
}

/// rows × 32 of X·Kᵀ in float32 for one panel of keys.
INLINE void score_tile(
    const int rows, const float *x, int64_t step, const float *packed, int64_t hd, float *out, int64_t ld) {
    __m512 acc[2 * ROWS];
#pragma clang loop unroll(full)
    for (int i = 0; i < 2 * rows; i++) acc[i] = _mm512_setzero_ps();
    for (int64_t d = 0; d < hd; d++, packed += WIDTH) {
        __m512 low = _mm512_load_ps(packed), high = _mm512_load_ps(packed + 16);
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i++) {
            __m512 value = _mm512_set1_ps(x[i * step + d]);
            acc[2 * i] = _mm512_fmadd_ps(value, low, acc[2 * i]);
            acc[2 * i + 1] = _mm512_fmadd_ps(value, high, acc[2 * i + 1]);
        }
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
        _mm512_storeu_ps(out + i * ld, acc[2 * i]);
        _mm512_storeu_ps(out + i * ld + 16, acc[2 * i + 1]);
    }
}

static __attribute__((noinline)) void score_full(
    const float *x, int64_t step, const float *packed, int64_t hd, float *out, int64_t ld) {
    score_tile(ROWS, x, step, packed, hd, out, ld);
}

static __attribute__((noinline)) void score_one(
    const float *x, int64_t step, const float *packed, int64_t hd, float *out, int64_t ld) {
    score_tile(1, x, step, packed, hd, out, ld);
}

/// out[rows, ld] = Q·Kᵀ as `products_seen`, in float32.
static void scores(
    const float *q, int64_t step, int64_t rows, const float *packed, int64_t past, int64_t hd, float *out,
    int64_t ld) {
    for (int64_t j = 0; j < past + rows; j += WIDTH) {
        int64_t i = attune_max(0, j - past) / ROWS * ROWS;
        for (; i + ROWS <= rows; i += ROWS) score_full(q + i * step, step, packed + j * hd, hd, out + i * ld + j, ld);
        for (; i < rows; i++) score_one(q + i * step, step, packed + j * hd, hd, out + i * ld + j, ld);
    }
}

/// rows × hd at x into panels of 32 rows, contracted along hd.
static void pack_transposed(const uint16_t *x, int64_t step, int64_t rows, int64_t hd, uint16_t *out) {
    attune_weight w = {BLOCK_BF16, rows, hd, step * (int64_t)sizeof(uint16_t), x};
    packing p = {&w, rows, 0, hd};
    for (int64_t j = 0; j < rows; j += WIDTH, out += panel_of(hd)) pack_rows(BLOCK_BF16, &p, j, out);
}

/// rows × hd at x, of type BLOCK_BF16 or BLOCK_F32, into panels of 32 of hd, contracted along the rows.
INLINE void pack_natural(int32_t type, const void *x, int64_t step, int64_t rows, int64_t hd, uint16_t *out) {
    attune_weight w = {type, rows, hd, step * attune_block_bytes(type), x};
    packing p = {&w, hd, 0, rows};
    pack_columns(type, &p, 0, attune_pieces(hd, WIDTH), out, panel_of(rows));
}

static void pack_heads_chunk(void *context, int64_t chunk) {
    const attending *p = context;
    int64_t K = p->shape->key_value_heads, hd = p->shape->head_dimension, segment = chunk / K, kv = chunk % K;
    int64_t rows = keys_of(p, segment), from = first_of(p, segment) * K * hd + kv * hd, to = pack_at(p, segment, kv);
    pack_scores(p->k + from, K * hd, rows, hd, p->keys_t + to);
    if (p->values_t) pack_transposed(p->v + from, K * hd, rows, hd, p->values_t + to);
    if (p->keys_n) pack_natural(BLOCK_F32, p->k + from, K * hd, rows, hd, p->keys_n + to);
    if (p->values_n) pack_natural(BLOCK_BF16, p->v + from, K * hd, rows, hd, p->values_n + to);
}

/// out[rows, ld] = X·Vᵀ for rows of X `step` apart; row i sees the keys up to past + i, and what lies beyond them in a
/// tile is not meant to be read.
static void products_seen(
    const uint16_t *x, int64_t step, int64_t rows, const uint16_t *packed, int64_t past, int64_t hd, float *out,
    int64_t ld) {
    for (int64_t j = 0; j < past + rows; j += WIDTH) {
        int64_t first = attune_max(0, j - past) / ROWS * ROWS;
        tile t = {
            .a = (const uint32_t *)(x + first * step), .b = packed + j / WIDTH * panel_of(hd), .row_step = step / 2,
            .k_step = 1, .pairs = hd / 2, .c = out + first * ld + j, .ldc = ld, .columns = WIDTH};
        run_tiles(t, rows - first);
    }
}

/// out[rows, hd] = A·X for A [rows, ld] and panels of X [stored, hd]; row i of A ends with column past + i.
static void mix_seen(
    const uint16_t *a, int64_t ld, int64_t rows, const uint16_t *packed, int64_t stored, int64_t past, int64_t hd,
    float *out, int64_t step) {
    for (int64_t i = 0; i < rows; i += ROWS) {
        int64_t count = attune_min(ROWS, rows - i);
        for (int64_t d = 0; d < hd; d += WIDTH) {
            tile t = {
                .a = (const uint32_t *)(a + i * ld), .b = packed + d / WIDTH * panel_of(stored), .row_step = ld / 2,
                .k_step = 1, .pairs = attune_pieces(past + i + count, 2), .c = out + i * step + d, .ldc = step,
                .columns = attune_min(WIDTH, hd - d)};
            run_tiles(t, count);
        }
    }
}

/// out[past + rows, hd] += Aᵀ·X for A as pairs of rows [pairs][ld] and panels of X [rows, hd]; only rows i ≥ j − past
/// of A have something in column j.
static void mix_transposed(
    const uint32_t *a, int64_t ld, int64_t rows, const uint16_t *packed, int64_t past, int64_t hd, float *out) {
    for (int64_t j = 0; j < past + rows; j += ROWS) {
        int64_t pair = attune_max(0, j - past) / 2, count = attune_min(ROWS, past + rows - j);
        for (int64_t d = 0; d < hd; d += WIDTH) {
            tile t = {
                .a = a + pair * ld + j, .b = packed + d / WIDTH * panel_of(rows) + pair * 2 * WIDTH, .row_step = 1,
                .k_step = ld, .pairs = attune_pieces(rows, 2) - pair, .c = out + j * hd + d, .ldc = hd,
                .columns = attune_min(WIDTH, hd - d), .accumulating = 1};
            run_tiles(t, count);
        }
    }
}

/// Row of `seen` scores to P = exp(scale·s − top), rounded, with zeros up to `end`; gives top and returns the sum.
static float softmax_row(const float *s, int64_t seen, int64_t end, float scale, uint16_t *p, float *largest) {
    __m512 top = _mm512_set1_ps(-INFINITY), sum = _mm512_setzero_ps(), factor = _mm512_set1_ps(scale);
    for (int64_t j = 0; j < seen; j += 16)
        top = _mm512_max_ps(top, _mm512_mask_loadu_ps(top, lanes16(seen - j), s + j));
    *largest = _mm512_reduce_max_ps(top) * scale;
    top = _mm512_set1_ps(*largest);
    for (int64_t j = 0; j < end; j += 32) {
        __m512 low = _mm512_maskz_mov_ps(lanes16(seen - j), exponentials(_mm512_fmsub_ps(_mm512_loadu_ps(s + j), factor, top)));
        __m512 high =
            _mm512_maskz_mov_ps(lanes16(seen - j - 16), exponentials(_mm512_fmsub_ps(_mm512_loadu_ps(s + j + 16), factor, top)));
        sum = _mm512_add_ps(sum, _mm512_add_ps(low, high));
        _mm512_storeu_si512(p + j, round32(low, high));
    }
    return _mm512_reduce_add_ps(sum);
}

// A chunk is a block of query rows of one head; finds the segment it belongs to.
static void forward_chunk(void *context, int64_t chunk) {
    const attending *p = context;
    const attune_attention_shape *shape = p->shape;
    int64_t segment = 0, blocks, H = shape->heads, hd = shape->head_dimension, step = H * hd;
    for (;; segment++, chunk -= blocks * H) {
        blocks = attune_pieces(keys_of(p, segment), QUERY_ROWS);
        if (chunk < blocks * H) break;
    }
    int64_t first = first_of(p, segment), h = chunk / blocks, block = chunk % blocks * QUERY_ROWS;
    int64_t rows = attune_min(QUERY_ROWS, keys_of(p, segment) - block), ld = padded(block + rows);
    int64_t at = (first + block) * step + h * hd, pack = pack_at(p, segment, h / (H / shape->key_value_heads));
    float *s = attune_scratch(ARENA_CHUNK, (size_t)(QUERY_ROWS * (ld * 3 / 2 + padded(hd))) * sizeof(float));
    float *mixed = s + QUERY_ROWS * ld, inverse[QUERY_ROWS];
    uint16_t *weights = (uint16_t *)(mixed + QUERY_ROWS * padded(hd));
    scores(p->q + at, step, rows, p->keys_t + pack, block, hd, s, ld);
    for (int64_t i = 0; i < rows; i++) {
        float top, sum = softmax_row(s + i * ld, block + i + 1, ld, (float)shape->scale, weights + i * ld, &top);
        inverse[i] = 1 / sum;
        p->l[(first + block + i) * H + h] = top + logf(sum);
    }
    mix_seen(weights, ld, rows, p->values_n + pack, keys_of(p, segment), block, hd, mixed, padded(hd));
    for (int64_t i = 0; i < rows; i++) {
        __m512 factor = _mm512_set1_ps(inverse[i]);
        for (int64_t d = 0; d < hd; d += 32) {
            const float *from = mixed + i * padded(hd) + d;
            _mm512_mask_storeu_epi16(
                p->o + at + i * step + d, lanes32(hd - d),
                round32(
                    _mm512_mul_ps(_mm512_loadu_ps(from), factor), _mm512_mul_ps(_mm512_loadu_ps(from + 16), factor)));
        }
    }
}

void attune_bf16_rounded_attention(
    const attune_attention_shape *shape, const float *q, const float *k, const uint16_t *v, uint16_t *o,
    float *l) {
    // The tiles take two numbers of a head at a time.
    if (shape->head_dimension % 2) return attune_staged_rounded_attention(shape, q, k, v, o, l);
    attending p = {.shape = shape, .q = q, .k = k, .v = v, .o = o, .l = l};
    int64_t size = pack_size(&p), blocks = 0;
    p.keys_t = attune_scratch(ARENA_JOB, (size_t)size * (sizeof(float) + sizeof(uint16_t)));
    p.values_n = (uint16_t *)(p.keys_t + size);
    for (int64_t s = 0; s < shape->segments; s++) blocks += attune_pieces(keys_of(&p, s), QUERY_ROWS);
    attune_parallel(shape->segments * shape->key_value_heads, pack_heads_chunk, &p);
    attune_parallel(blocks * shape->heads, forward_chunk, &p);
}

/// P = exp(scale·s − l) and dS = scale·P∘(dP − D) of one row, rounded, with zeros from `seen` to `end`; s is used up.
///
/// D = Σ P∘dP, which equals dO·O, is taken from these very numbers: a first token often has nearly all the weight, there
/// dP − D is a small difference of large numbers, and a D from the rounded O would be another one.
static void gradient_row(
    float *s, const float *dp, int64_t seen, int64_t end, float scale, float l, uint16_t *p, uint16_t *ds) {
    __m512 factor = _mm512_set1_ps(scale), shift = _mm512_set1_ps(l), dot = _mm512_setzero_ps();
    __m512 total = _mm512_setzero_ps();
    for (int64_t j = 0; j < end; j += 16) {
        __mmask16 some = lanes16(seen - j);
        __m512 weight = _mm512_maskz_mov_ps(some, exponentials(_mm512_fmsub_ps(_mm512_loadu_ps(s + j), factor, shift)));
        total = _mm512_add_ps(total, weight);
        dot = _mm512_mask3_fmadd_ps(weight, _mm512_loadu_ps(dp + j), dot, some);
        _mm512_storeu_ps(s + j, weight);
    }
    // The weights add up to 1 but for the rounding of l.
    __m512 d = _mm512_set1_ps(_mm512_reduce_add_ps(dot) / _mm512_reduce_add_ps(total));
    for (int64_t j = 0; j < end; j += 32) {
        __m512 weight[2], change[2];
        for (int i = 0; i < 2; i++) {
            __mmask16 some = lanes16(seen - j - 16 * i);
            weight[i] = _mm512_loadu_ps(s + j + 16 * i);
            __m512 moved = _mm512_sub_ps(_mm512_loadu_ps(dp + j + 16 * i), d);
            change[i] = _mm512_maskz_mul_ps(some, _mm512_mul_ps(weight[i], factor), moved);
        }
        _mm512_storeu_si512(p + j, round32(weight[0], weight[1]));
        _mm512_storeu_si512(ds + j, round32(change[0], change[1]));
    }
}

/// Rows 2i and 2i + 1 of `x` [rows, ld] as pairs [i][ld]; an odd last row is paired with zeros.
static void pair_rows(const uint16_t *x, int64_t rows, int64_t ld, uint32_t *out) {
    for (int64_t i = 0; i < rows; i += 2, out += ld) {
        for (int64_t j = 0; j < ld; j += 32) {
            __m512i low, high;
            interleave(
                _mm512_loadu_si512(x + i * ld + j),
                i + 1 < rows ? _mm512_loadu_si512(x + (i + 1) * ld + j) : _mm512_setzero_si512(), &low, &high);
            _mm512_storeu_si512(out + j, low);
            _mm512_storeu_si512(out + j + 16, high);
        }
    }
}

typedef struct {
    float *s, *dp;
    uint16_t *weights, *changes, *packed;
    uint32_t *pairs;
} workspace;

/// One block of query rows of the backward pass.
static void backward_block(const attending *p, int64_t segment, int64_t h, int64_t block, const workspace *w) {
    const attune_attention_shape *shape = p->shape;
    int64_t H = shape->heads, hd = shape->head_dimension, step = H * hd, first = first_of(p, segment);
    int64_t rows = attune_min(QUERY_ROWS, keys_of(p, segment) - block), ld = padded(block + rows);
    int64_t at = (first + block) * step + h * hd, pack = pack_at(p, segment, h / (H / shape->key_value_heads));
    scores(p->q + at, step, rows, p->keys_t + pack, block, hd, w->s, ld);
    products_seen(p->d_o + at, step, rows, p->values_t + pack, block, hd, w->dp, ld);
    for (int64_t i = 0; i < rows; i++) {
        gradient_row(
            w->s + i * ld, w->dp + i * ld, block + i + 1, ld, (float)shape->scale,
            p->l[(first + block + i) * H + h], w->weights + i * ld, w->changes + i * ld);
    }
    mix_seen(w->changes, ld, rows, p->keys_n + pack, keys_of(p, segment), block, hd, p->dq + at, step);
    int64_t to = (h * shape->tokens + first) * hd;
    pack_natural(BLOCK_BF16, p->d_o + at, step, rows, hd, w->packed);
    pair_rows(w->weights, rows, ld, w->pairs);
    mix_transposed(w->pairs, ld, rows, w->packed, block, hd, p->dv_heads + to);
    pack_natural(BLOCK_F32, p->q + at, step, rows, hd, w->packed);
    pair_rows(w->changes, rows, ld, w->pairs);
    mix_transposed(w->pairs, ld, rows, w->packed, block, hd, p->dk_heads + to);
}

// A chunk is one query head of one segment: it alone adds to that head's dk and dv.
static void backward_chunk(void *context, int64_t chunk) {
    const attending *p = context;
    int64_t H = p->shape->heads, hd = p->shape->head_dimension, segment = chunk / H, h = chunk % H;
    int64_t count = keys_of(p, segment), to = (h * p->shape->tokens + first_of(p, segment)) * hd;
    int64_t cells = QUERY_ROWS * padded(count), ahead = padded(hd) * QUERY_ROWS;
    char *memory = attune_scratch(
        ARENA_CHUNK, (size_t)cells * (2 * sizeof(float) + 2 * sizeof(uint16_t) + sizeof(uint16_t)) +
               (size_t)ahead * sizeof(uint16_t));
    workspace w = {.s = (float *)memory};
    w.dp = w.s + cells;
    w.weights = (uint16_t *)(w.dp + cells);
    w.changes = w.weights + cells;
    w.pairs = (uint32_t *)(w.changes + cells);
    w.packed = (uint16_t *)(w.pairs + cells / 2);
    __builtin_memset(p->dk_heads + to, 0, (size_t)(count * hd) * sizeof(float));
    __builtin_memset(p->dv_heads + to, 0, (size_t)(count * hd) * sizeof(float));
    for (int64_t block = 0; block < count; block += QUERY_ROWS) backward_block(p, segment, h, block, &w);
}

// A chunk is one token: dk and dv of a key-value head are the sums over its query heads.
static void sum_heads_chunk(void *context, int64_t t) {
    const attending *p = context;
    int64_t K = p->shape->key_value_heads, hd = p->shape->head_dimension, group = p->shape->heads / K;
    for (int64_t kv = 0; kv < K; kv++) {
        float *dk = p->dk + (t * K + kv) * hd, *dv = p->dv + (t * K + kv) * hd;
        for (int64_t g = 0; g < group; g++) {
            int64_t from = ((kv * group + g) * p->shape->tokens + t) * hd;
            for (int64_t d = 0; d < hd; d++) dk[d] = (g ? dk[d] : 0) + p->dk_heads[from + d];
            for (int64_t d = 0; d < hd; d++) dv[d] = (g ? dv[d] : 0) + p->dv_heads[from + d];
        }
    }
}

void attune_bf16_rounded_attention_backward(
    const attune_attention_shape *shape, const uint16_t *d_o, const float *q, const float *k, const uint16_t *v,
    const uint16_t *o, const float *l, float *dq, float *dk, float *dv) {
    if (shape->head_dimension % 2)
        return attune_staged_rounded_attention_backward(shape, d_o, q, k, v, o, l, dq, dk, dv);
    attending p = {
        .shape = shape, .q = q, .k = k, .v = v, .d_o = d_o, .l = (float *)l, .dq = dq, .dk = dk,
        .dv = dv};
    int64_t size = pack_size(&p), heads = shape->tokens * shape->heads * shape->head_dimension;
    p.keys_t = attune_scratch(
        ARENA_JOB, (size_t)size * (sizeof(float) + 2 * sizeof(uint16_t)) + (size_t)(2 * heads) * sizeof(float));
    p.keys_n = (uint16_t *)(p.keys_t + size);
    p.values_t = p.keys_n + size;
    p.dk_heads = (float *)(p.values_t + size);
    p.dv_heads = p.dk_heads + heads;
    attune_parallel(shape->segments * shape->key_value_heads, pack_heads_chunk, &p);
    attune_parallel(shape->segments * shape->heads, backward_chunk, &p);
    attune_parallel(shape->tokens, sum_heads_chunk, &p);
}

#pragma clang attribute pop
#endif
