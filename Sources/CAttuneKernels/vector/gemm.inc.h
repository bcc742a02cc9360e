// Attune
// SPDX-License-Identifier: Apache-2.0

// float32 products: C[m,n] = alpha·op(A)·B + beta·C, where B is a weight in blocks, transposed or not.
// B is packed into panels of WIDTH columns, laid out [k][WIDTH], which all threads share; a tile of TILE_ROWS rows by
// one panel is kept in registers. Included inside the target of the level, with FN, WIDTH (16 or 32) and TILE_ROWS.

/// Where op(A) lies: element (i, k) at a[i·row_step + k·k_step].
typedef struct {
    const float *a;
    int64_t row_step, k_step;
} FN(operand);

/// rows × (16·vectors) of C from a packed panel; C is written through `store` rules below.
INLINE void FN(tile)(
    const int rows, const int vectors, const float *a, int64_t row_step, int64_t k_step, const float *b, int64_t k,
    float *c, int64_t ldc, int64_t columns, float alpha, float beta, int transposed_c) {
#pragma clang fp contract(fast)
    vec acc[TILE_ROWS * 2];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows * vectors; i++) acc[i] = (vec){0};
    for (int64_t l = 0; l < k; l++, a += k_step, b += 16 * vectors) {
        vec b0 = *(const vec *)b, b1 = vectors > 1 ? *(const vec *)(b + 16) : b0;
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i++) {
            float value = a[i * row_step];
            acc[i * vectors] += b0 * value;
            if (vectors > 1) acc[i * vectors + 1] += b1 * value;
        }
    }
    if (columns == 16 * vectors && !transposed_c) {
#pragma clang loop unroll(full)
        for (int i = 0; i < rows * vectors; i++) {
            float *to = c + i / vectors * ldc + i % vectors * 16;
            vec value = acc[i] * alpha;
            if (beta != 0) value += LOAD(to) * beta;
            STORE(to, value);
        }
        return;
    }
    vec copy[TILE_ROWS * 2];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows * vectors; i++) copy[i] = acc[i] * alpha;
    const float *from = (const float *)copy;
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < columns; j++) {
            float *to = transposed_c ? c + j * ldc + i : c + i * ldc + j;
            float value = from[i * 16 * vectors + j];
            *to = beta != 0 ? value + beta * *to : value;
        }
    }
}

#define TILE(name, rows, vectors) \
    static __attribute__((noinline)) void FN(name)( \
        const float *a, int64_t row_step, int64_t k_step, const float *b, int64_t k, float *c, int64_t ldc, \
        int64_t columns, float alpha, float beta, int transposed_c) { \
        FN(tile)(rows, vectors, a, row_step, k_step, b, k, c, ldc, columns, alpha, beta, transposed_c); \
    }
TILE(tile_full1, TILE_ROWS, 1)
TILE(tile_three1, 3, 1)
TILE(tile_one1, 1, 1)
#if WIDTH == 32
TILE(tile_full2, TILE_ROWS, 2)
TILE(tile_three2, 3, 2)
TILE(tile_one2, 1, 2)
#endif

/// rows × columns of C from one packed panel of `width` columns (16 or WIDTH).
static void FN(panel_product)(
    FN(operand) a, int64_t rows, const float *b, int64_t width, int64_t k, float *c, int64_t ldc, int64_t columns,
    float alpha, float beta, int transposed_c) {
    (void)width;
    for (int64_t i = 0; i < rows;) {
        int64_t left = rows - i, step = left >= TILE_ROWS ? TILE_ROWS : left >= 3 ? 3 : 1;
        const float *from = a.a + i * a.row_step;
        float *to = c + (transposed_c ? i : i * ldc);
        i += step;
#define RUN(name) FN(name)(from, a.row_step, a.k_step, b, k, to, ldc, columns, alpha, beta, transposed_c)
#if WIDTH == 32
        if (width == 32) {
            if (step == TILE_ROWS) RUN(tile_full2);
            else if (step == 3) RUN(tile_three2);
            else RUN(tile_one2);
            continue;
        }
#endif
        if (step == TILE_ROWS) RUN(tile_full1);
        else if (step == 3) RUN(tile_three1);
        else RUN(tile_one1);
#undef RUN
    }
}

/// Packs columns [n0, n0 + columns) of Wᵀ, that is rows of w, over k0..<k0+k, into [k][width]; k0 begins a block.
static void FN(pack_rows)(
    const attune_weight *w, int64_t n0, int64_t columns, int64_t k0, int64_t k, int64_t width, float *out) {
    enum { STRIP = 256 };
    _Alignas(64) float rows[16][STRIP];
    int64_t elements = attune_block_elements(w->type), size = attune_block_bytes(w->type);
    for (int64_t half = 0; half < width; half += 16) {
        for (int64_t start = 0; start < k; start += STRIP) {
            int64_t count = attune_min(STRIP, k - start);
            for (int64_t j = 0; j < 16; j++) {
                int64_t row = n0 + half + j;
                if (half + j >= columns) __builtin_memset(rows[j], 0, sizeof rows[j]);
                else
                    FN(expand_row)(
                        w->type, (const uint8_t *)w->bytes + row * w->row_bytes + (k0 + start) / elements * size,
                        count, rows[j]);
            }
            for (int64_t l = 0; l < count; l += 16) {
                vec block[16];
                for (int j = 0; j < 16; j++) block[j] = LOAD(&rows[j][l]);
                FN(transpose)(block);
                for (int64_t e = 0; e < attune_min(16, count - l); e++)
                    *(vec *)(out + (start + l + e) * width + half) = block[e];
            }
        }
    }
}

/// Packs columns [n0, n0 + columns) of W over its rows k0..<k0+k into [k][width].
static void FN(pack_columns)(
    const attune_weight *w, int64_t n0, int64_t columns, int64_t k0, int64_t k, int64_t width, float *out) {
    int64_t elements = attune_block_elements(w->type), size = attune_block_bytes(w->type);
    int64_t first = n0 / elements * elements, last = attune_pieces(n0 + columns, elements) * elements;
    float row[512];  // at most 32 columns inside whole blocks of 256
    for (int64_t l = 0; l < k; l++, out += width) {
        const uint8_t *blocks = (const uint8_t *)w->bytes + (k0 + l) * w->row_bytes + first / elements * size;
        if (first == n0 && last - n0 == width) {
            FN(expand_row)(w->type, blocks, width, out);
            continue;
        }
        FN(expand_row)(w->type, blocks, last - first, row);
        for (int64_t j = 0; j < width; j++) out[j] = j < columns ? row[n0 - first + j] : 0;
    }
}

typedef struct {
    FN(operand) a;
    const attune_weight *w;
    float *c, *packed;
    int64_t m, n, ldc, k0, k, k_stride, rows, group, panels;
    int contract_rows, transposed_c, rounding;
    float alpha, beta;
} FN(gemm);

INLINE int64_t FN(panel_width)(const FN(gemm) *p, int64_t panel) {
    return p->n - panel * WIDTH <= 16 ? 16 : WIDTH;
}

static void FN(pack_chunk)(void *context, int64_t chunk) {
    const FN(gemm) *p = context;
    int64_t panel = p->group + chunk, n0 = panel * WIDTH, columns = attune_min(WIDTH, p->n - n0);
    float *out = p->packed + chunk * WIDTH * p->k_stride;
    (p->contract_rows ? FN(pack_columns) : FN(pack_rows))(
        p->w, n0, columns, p->k0, p->k, FN(panel_width)(p, panel), out);
    if (p->rounding)
        for (int64_t i = 0; i < p->k * FN(panel_width)(p, panel); i++) out[i] = attune_round_bfloat16(out[i]);
}

static void FN(product_chunk)(void *context, int64_t chunk) {
    const FN(gemm) *p = context;
    int64_t local = chunk % p->panels, panel = p->group + local, i = chunk / p->panels * p->rows;
    FN(operand) a = {p->a.a + i * p->a.row_step + p->k0 * p->a.k_step, p->a.row_step, p->a.k_step};
    int64_t n0 = panel * WIDTH;
    FN(panel_product)(
        a, attune_min(p->rows, p->m - i), p->packed + local * WIDTH * p->k_stride, FN(panel_width)(p, panel), p->k,
        p->c + (p->transposed_c ? n0 * p->ldc + i : i * p->ldc + n0), p->ldc, attune_min(WIDTH, p->n - n0), p->alpha,
        p->k0 == 0 ? p->beta : 1, p->transposed_c);
}

static void FN(run_gemm)(FN(gemm) p, int64_t depth) {
    enum { DEPTH = 2048, GROUP_FLOATS = 1 << 20 };
    int64_t all = attune_pieces(p.n, WIDTH);
    p.k_stride = attune_min(DEPTH, depth);
    int64_t group = attune_max(1, attune_min(all, GROUP_FLOATS / (WIDTH * p.k_stride)));
    p.packed = attune_scratch(ARENA_JOB, (size_t)(group * WIDTH * p.k_stride) * sizeof(float));
    // Few panels: cut the rows finer, so that there is work for all threads.
    p.rows = TILE_ROWS * (all * (p.m / (16 * TILE_ROWS)) < 64 ? 4 : 16);
    for (p.k0 = 0; p.k0 < depth; p.k0 += DEPTH) {
        p.k = attune_min(DEPTH, depth - p.k0);
        for (p.group = 0; p.group < all; p.group += group) {
            p.panels = attune_min(group, all - p.group);
            attune_parallel(p.panels, FN(pack_chunk), &p);
            attune_parallel(p.panels * attune_pieces(p.m, p.rows), FN(product_chunk), &p);
        }
    }
}

typedef struct {
    const float *x;
    float *rounded;
    int64_t count;
} FN(rounding);

static void FN(round_chunk)(void *context, int64_t chunk) {
    const FN(rounding) *p = context;
    int64_t last = attune_min((chunk + 1) * 16384, p->count);
    for (int64_t i = chunk * 16384; i < last; i++) p->rounded[i] = attune_round_bfloat16(p->x[i]);
}

/// x, or a copy of it rounded to bfloat16.
static const float *FN(rounded)(const float *x, int64_t count, int bfloat16) {
    if (!bfloat16) return x;
    FN(rounding) p = {x, attune_scratch(ARENA_LEFT_FACTOR, (size_t)count * sizeof(float)), count};
    attune_parallel(attune_pieces(count, 16384), FN(round_chunk), &p);
    return p.rounded;
}

static void FN(gemm_multiply)(
    const float *x, int64_t tokens, const attune_weight *w, float *y, int bfloat16, int accumulating) {
    x = FN(rounded)(x, tokens * w->columns, bfloat16);
    FN(gemm) p = {.a = {x, w->columns, 1}, .w = w, .c = y, .m = tokens, .n = w->rows, .ldc = w->rows,
                  .rounding = bfloat16, .alpha = 1, .beta = accumulating ? 1 : 0};
    FN(run_gemm)(p, w->columns);
}

static void FN(gemm_multiply_transposed)(
    const float *dy, int64_t tokens, const attune_weight *w, float *dx, int bfloat16, int accumulating) {
    dy = FN(rounded)(dy, tokens * w->rows, bfloat16);
    FN(gemm) p = {.a = {dy, w->rows, 1}, .w = w, .c = dx, .m = tokens, .n = w->columns, .ldc = w->columns,
                  .contract_rows = 1, .rounding = bfloat16, .alpha = 1, .beta = accumulating ? 1 : 0};
    FN(run_gemm)(p, w->rows);
}

static void FN(dense)(
    const void *a, int transposed_a, const void *b, int transposed_b, void *c, int64_t m, int64_t n, int64_t k,
    double alpha, double beta) {
    if (m == 0 || n == 0) return;
    FN(gemm) p = {.c = c, .ldc = n, .alpha = (float)alpha, .beta = (float)beta};
    attune_weight w = {.type = BLOCK_F32};
    int swapped = m < n && m <= 32;  // a tall and narrow product is cheaper: compute Cᵀ = op(B)ᵀ·op(A)ᵀ
    const void *left = swapped ? b : a, *right = swapped ? a : b;
    int left_steps_rows = swapped ? transposed_b : !transposed_a;  // rows of the left factor lie along k
    int right_lies_transposed = swapped ? !transposed_a : transposed_b;
    p.m = swapped ? n : m;
    p.n = swapped ? m : n;
    p.transposed_c = swapped;
    p.a = left_steps_rows ? (FN(operand)){left, k, 1} : (FN(operand)){left, 1, p.m};
    p.contract_rows = !right_lies_transposed;
    w.rows = p.contract_rows ? k : p.n;
    w.columns = p.contract_rows ? p.n : k;
    w.row_bytes = w.columns * (int64_t)sizeof(float);
    w.bytes = right;
    p.w = &w;
    FN(run_gemm)(p, k);
}
