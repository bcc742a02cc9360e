// Attune
// SPDX-License-Identifier: Apache-2.0

// Products by their definition, for REAL numbers: the oracle. Included with REAL and FN(name) defined.

typedef struct {
    const REAL *x;
    REAL *y;
    const attune_weight *w;
    int64_t tokens;
    int bfloat16, accumulating;
} FN(product);

static inline REAL FN(rounded)(REAL value, int bfloat16) {
    return bfloat16 ? (REAL)attune_round_bfloat16((float)value) : value;
}

// In ARENA_CHUNK float32 of the blocks, in ARENA_CHUNK_RESULTS the same as REAL.
static const REAL *FN(expanded)(const attune_weight *w, int64_t row, int64_t column, int64_t count, int bfloat16) {
    float *values = attune_scratch(ARENA_CHUNK, (size_t)count * sizeof(float));
    const uint8_t *blocks = (const uint8_t *)w->bytes + row * w->row_bytes +
                            column / attune_block_elements(w->type) * attune_block_bytes(w->type);
    attune_dequantize_blocks(w->type, blocks, count, values);
    REAL *out = attune_scratch(ARENA_CHUNK_RESULTS, (size_t)count * sizeof(REAL));
    for (int64_t i = 0; i < count; i++) out[i] = FN(rounded)((REAL)values[i], bfloat16);
    return out;
}

enum { FN(PRODUCT_ROWS) = 16, FN(PRODUCT_COLUMNS) = 256 };

static void FN(multiply_chunk)(void *context, int64_t chunk) {
    const FN(product) *p = context;
    int64_t inputs = p->w->columns, outputs = p->w->rows;
    int64_t first = chunk * FN(PRODUCT_ROWS), last = attune_min(first + FN(PRODUCT_ROWS), outputs);
    for (int64_t row = first; row < last; row++) {
        const REAL *w = FN(expanded)(p->w, row, 0, inputs, p->bfloat16);
        for (int64_t t = 0; t < p->tokens; t++) {
            const REAL *x = p->x + t * inputs;
            REAL sum = 0;
            for (int64_t i = 0; i < inputs; i++) sum += FN(rounded)(x[i], p->bfloat16) * w[i];
            REAL *y = p->y + t * outputs + row;
            *y = p->accumulating ? *y + sum : sum;
        }
    }
}

static void FN(multiply)(
    const void *x, int64_t tokens, const attune_weight *w, void *y, int bfloat16, int accumulating) {
    FN(product) p = {x, y, w, tokens, sizeof(REAL) == 4 && bfloat16, accumulating};
    attune_parallel(attune_pieces(w->rows, FN(PRODUCT_ROWS)), FN(multiply_chunk), &p);
}

// A chunk is a strip of columns of dX, whose width is a multiple of every block.
static void FN(multiply_transposed_chunk)(void *context, int64_t chunk) {
    const FN(product) *p = context;
    int64_t inputs = p->w->columns, outputs = p->w->rows;
    int64_t first = chunk * FN(PRODUCT_COLUMNS), count = attune_min(FN(PRODUCT_COLUMNS), inputs - first);
    for (int64_t t = 0; t < p->tokens && !p->accumulating; t++)
        for (int64_t i = 0; i < count; i++) p->y[t * inputs + first + i] = 0;
    for (int64_t row = 0; row < outputs; row++) {
        const REAL *w = FN(expanded)(p->w, row, first, count, p->bfloat16);
        for (int64_t t = 0; t < p->tokens; t++) {
            REAL dy = FN(rounded)(p->x[t * outputs + row], p->bfloat16), *dx = p->y + t * inputs + first;
            for (int64_t i = 0; i < count; i++) dx[i] += dy * w[i];
        }
    }
}

static void FN(multiply_transposed)(
    const void *dy, int64_t tokens, const attune_weight *w, void *dx, int bfloat16, int accumulating) {
    FN(product) p = {dy, dx, w, tokens, sizeof(REAL) == 4 && bfloat16, accumulating};
    attune_parallel(attune_pieces(w->columns, FN(PRODUCT_COLUMNS)), FN(multiply_transposed_chunk), &p);
}

typedef struct {
    const REAL *a, *b;
    REAL *c;
    int transposed_a, transposed_b;
    int64_t m, n, k;
    REAL alpha, beta;
} FN(dense_product);

static void FN(dense_chunk)(void *context, int64_t chunk) {
    const FN(dense_product) *p = context;
    int64_t size = attune_chunk_rows(p->n), last = attune_min((chunk + 1) * size, p->m);
    for (int64_t i = chunk * size; i < last; i++) {
        for (int64_t j = 0; j < p->n; j++) {
            const REAL *a = p->transposed_a ? p->a + i : p->a + i * p->k;
            const REAL *b = p->transposed_b ? p->b + j * p->k : p->b + j;
            int64_t step_a = p->transposed_a ? p->m : 1, step_b = p->transposed_b ? 1 : p->n;
            REAL sum = 0, *c = p->c + i * p->n + j;
            for (int64_t l = 0; l < p->k; l++) sum += a[l * step_a] * b[l * step_b];
            *c = p->beta == 0 ? p->alpha * sum : p->alpha * sum + p->beta * *c;
        }
    }
}

static void FN(dense)(
    const void *a, int transposed_a, const void *b, int transposed_b, void *c, int64_t m, int64_t n, int64_t k,
    double alpha, double beta) {
    FN(dense_product) p = {a, b, c, transposed_a, transposed_b, m, n, k, (REAL)alpha, (REAL)beta};
    attune_parallel(attune_pieces(m, attune_chunk_rows(n)), FN(dense_chunk), &p);
}

typedef struct {
    const attune_weight *w;
    const int32_t *ids;
    REAL *out;
} FN(gathering);

static void FN(gather_chunk)(void *context, int64_t chunk) {
    const FN(gathering) *p = context;
    int64_t columns = p->w->columns;
    const REAL *row = FN(expanded)(p->w, p->ids[chunk], 0, columns, 0);
    for (int64_t i = 0; i < columns; i++) p->out[chunk * columns + i] = row[i];
}

static void FN(gather)(const attune_weight *w, const int32_t *ids, int64_t count, void *out) {
    FN(gathering) p = {w, ids, out};
    attune_parallel(count, FN(gather_chunk), &p);
}
