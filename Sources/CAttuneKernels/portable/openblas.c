// Attune
// SPDX-License-Identifier: Apache-2.0

// Products through the sgemm that was handed over: weights are expanded panel by panel, the pool works outside of it.

#include "runtime/internal.h"

enum { PANEL = 128, TOKENS = 1024, STRIP = 256 };

typedef struct {
    const float *x;
    float *y;
    const attune_weight *w;
    int64_t tokens, panels;
    int bfloat16, accumulating;
    const float *rounded;
} product;

static void expand(const product *p, int64_t row, int64_t column, int64_t count, float *out) {
    const uint8_t *blocks = (const uint8_t *)p->w->bytes + row * p->w->row_bytes +
                            column / attune_block_elements(p->w->type) * attune_block_bytes(p->w->type);
    attune_dequantize_blocks(p->w->type, blocks, count, out);
    for (int64_t i = 0; p->bfloat16 && i < count; i++) out[i] = attune_round_bfloat16(out[i]);
}

typedef struct {
    const float *x;
    float *rounded;
    int64_t count;
} rounding;

static void round_chunk(void *context, int64_t chunk) {
    const rounding *p = context;
    int64_t last = attune_min((chunk + 1) * 16384, p->count);
    for (int64_t i = chunk * 16384; i < last; i++) p->rounded[i] = attune_round_bfloat16(p->x[i]);
}

// x itself, or a copy rounded to bfloat16.
static const float *factor(const float *x, int64_t count, int bfloat16) {
    if (!bfloat16) return x;
    rounding p = {x, attune_scratch(ARENA_JOB, (size_t)count * sizeof(float)), count};
    attune_parallel(attune_pieces(count, 16384), round_chunk, &p);
    return p.rounded;
}

static void multiply_chunk(void *context, int64_t chunk) {
    const product *p = context;
    int64_t inputs = p->w->columns, outputs = p->w->rows;
    int64_t row = chunk % p->panels * PANEL, rows = attune_min(PANEL, outputs - row);
    int64_t token = chunk / p->panels * TOKENS, tokens = attune_min(TOKENS, p->tokens - token);
    float *panel = attune_scratch(ARENA_CHUNK, (size_t)(rows * inputs) * sizeof(float));
    for (int64_t i = 0; i < rows; i++) expand(p, row + i, 0, inputs, panel + i * inputs);
    attune_sgemm()(
        0, 1, (int32_t)tokens, (int32_t)rows, (int32_t)inputs, 1, p->x + token * inputs, (int32_t)inputs, panel,
        (int32_t)inputs, p->accumulating ? 1 : 0, p->y + token * outputs + row, (int32_t)outputs);
}

void attune_openblas_multiply(
    const void *x, int64_t tokens, const attune_weight *w, void *y, int bfloat16, int accumulating) {
    product p = {
        factor(x, tokens * w->columns, bfloat16), y, w, tokens, attune_pieces(w->rows, PANEL), bfloat16, accumulating,
        NULL};
    attune_parallel(p.panels * attune_pieces(tokens, TOKENS), multiply_chunk, &p);
}

// A chunk is a strip of columns, a multiple of every block wide, for some of the tokens.
static void multiply_transposed_chunk(void *context, int64_t chunk) {
    const product *p = context;
    int64_t inputs = p->w->columns, outputs = p->w->rows;
    int64_t column = chunk % p->panels * STRIP, columns = attune_min(STRIP, inputs - column);
    int64_t token = chunk / p->panels * TOKENS, tokens = attune_min(TOKENS, p->tokens - token);
    float *panel = attune_scratch(ARENA_CHUNK, (size_t)(PANEL * columns) * sizeof(float));
    for (int64_t row = 0; row < outputs; row += PANEL) {
        int64_t rows = attune_min(PANEL, outputs - row);
        for (int64_t i = 0; i < rows; i++) expand(p, row + i, column, columns, panel + i * columns);
        attune_sgemm()(
            0, 0, (int32_t)tokens, (int32_t)columns, (int32_t)rows, 1, p->x + token * outputs + row, (int32_t)outputs,
            panel, (int32_t)columns, p->accumulating || row > 0 ? 1 : 0, p->y + token * inputs + column,
            (int32_t)inputs);
    }
}

void attune_openblas_multiply_transposed(
    const void *dy, int64_t tokens, const attune_weight *w, void *dx, int bfloat16, int accumulating) {
    product p = {
        factor(dy, tokens * w->rows, bfloat16), dx, w, tokens, attune_pieces(w->columns, STRIP), bfloat16,
        accumulating, NULL};
    attune_parallel(p.panels * attune_pieces(tokens, TOKENS), multiply_transposed_chunk, &p);
}

typedef struct {
    const float *a, *b;
    float *c, alpha, beta;
    int64_t m, n, k;
    int transposed_a, transposed_b;
} dense_product;

static void dense_chunk(void *context, int64_t chunk) {
    const dense_product *p = context;
    int by_rows = p->m >= p->n;
    int64_t first = chunk * STRIP, count = attune_min(STRIP, (by_rows ? p->m : p->n) - first);
    int64_t row = by_rows ? first : 0, rows = by_rows ? count : p->m;
    int64_t column = by_rows ? 0 : first, columns = by_rows ? p->n : count;
    int64_t lda = p->transposed_a ? p->m : p->k, ldb = p->transposed_b ? p->k : p->n;
    attune_sgemm()(
        p->transposed_a, p->transposed_b, (int32_t)rows, (int32_t)columns, (int32_t)p->k, p->alpha,
        p->a + (p->transposed_a ? row : row * lda), (int32_t)lda,
        p->b + (p->transposed_b ? column * ldb : column), (int32_t)ldb, p->beta, p->c + row * p->n + column,
        (int32_t)p->n);
}

void attune_openblas_dense(
    const void *a, int transposed_a, const void *b, int transposed_b, void *c, int64_t m, int64_t n, int64_t k,
    double alpha, double beta) {
    dense_product p = {a, b, c, (float)alpha, (float)beta, m, n, k, transposed_a, transposed_b};
    attune_parallel(attune_pieces(attune_max(m, n), STRIP), dense_chunk, &p);
}
