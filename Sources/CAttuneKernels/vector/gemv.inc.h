// Attune
// SPDX-License-Identifier: Apache-2.0

// Y = X·Wᵀ for the few rows of decoding: each row of W is expanded in registers and multiplied at once.

enum { FN(GEMV_TOKENS) = 8, FN(GEMV_ROWS) = 32 };

typedef struct {
    const float *x;
    float *y;
    const attune_weight *w;
    int64_t tokens;
    int accumulating;
} FN(gemv);

/// `rows` rows of x with one row of W of a fast type.
INLINE void FN(dot_blocks)(
    int32_t type, const int rows, const uint8_t *b, int64_t columns, const float *x, float *out) {
#pragma clang fp contract(fast)
    vec acc[4];
#pragma clang loop unroll(full)
    for (int t = 0; t < rows; t++) acc[t] = (vec){0};
    for (int64_t i = 0; i < columns; i += 32, b += attune_block_bytes(type)) {
        vec low, high;
        FN(expand32)(type, b, &low, &high);
#pragma clang loop unroll(full)
        for (int t = 0; t < rows; t++) {
            acc[t] += low * LOAD(x + t * columns + i);
            acc[t] += high * LOAD(x + t * columns + i + 16);
        }
    }
#pragma clang loop unroll(full)
    for (int t = 0; t < rows; t++) out[t] = FN(sum)(&acc[t]);
}

static float FN(dot_floats)(const float *a, const float *b, int64_t count) {
#pragma clang fp contract(fast)
    vec acc[4] = {{0}, {0}, {0}, {0}};
    int64_t i = 0;
    for (; i + 64 <= count; i += 64)
#pragma clang loop unroll(full)
        for (int j = 0; j < 4; j++) acc[j] += LOAD(a + i + 16 * j) * LOAD(b + i + 16 * j);
    for (; i + 16 <= count; i += 16) acc[0] += LOAD(a + i) * LOAD(b + i);
    acc[0] = (acc[0] + acc[1]) + (acc[2] + acc[3]);
    float sum = FN(sum)(acc);
    for (; i < count; i++) sum += a[i] * b[i];
    return sum;
}

static void FN(gemv_chunk)(void *context, int64_t chunk) {
    const FN(gemv) *p = context;
    int64_t columns = p->w->columns, outputs = p->w->rows;
    int64_t last = attune_min((chunk + 1) * FN(GEMV_ROWS), outputs);
    float *expanded = FN(is_fast)(p->w->type) ? NULL : attune_scratch(ARENA_CHUNK, (size_t)columns * sizeof(float));
    for (int64_t row = chunk * FN(GEMV_ROWS); row < last; row++) {
        const uint8_t *b = (const uint8_t *)p->w->bytes + row * p->w->row_bytes;
        if (expanded) FN(expand_row)(p->w->type, b, columns, expanded);
        for (int64_t t = 0; t < p->tokens;) {
            float out[4];
            const float *x = p->x + t * columns;
            int64_t rows = p->tokens - t >= 4 ? 4 : p->tokens - t >= 2 ? 2 : 1;
#define DOT(type) \
    if (rows == 4) FN(dot_blocks)(type, 4, b, columns, x, out); \
    else if (rows == 2) FN(dot_blocks)(type, 2, b, columns, x, out); \
    else FN(dot_blocks)(type, 1, b, columns, x, out)
            if (expanded) {
                for (int64_t i = 0; i < rows; i++) out[i] = FN(dot_floats)(x + i * columns, expanded, columns);
            } else if (p->w->type == BLOCK_Q4_1) {
                DOT(BLOCK_Q4_1);
            } else if (p->w->type == BLOCK_Q4_0) {
                DOT(BLOCK_Q4_0);
            } else {
                DOT(BLOCK_Q8_0);
            }
#undef DOT
            for (int64_t i = 0; i < rows; i++) {
                float *y = p->y + (t + i) * outputs + row;
                *y = p->accumulating ? *y + out[i] : out[i];
            }
            t += rows;
        }
    }
}

static void FN(gemv_multiply)(const float *x, int64_t tokens, const attune_weight *w, float *y, int accumulating) {
    FN(gemv) p = {x, y, w, tokens, accumulating};
    attune_parallel(attune_pieces(w->rows, FN(GEMV_ROWS)), FN(gemv_chunk), &p);
}
