// Attune
// SPDX-License-Identifier: Apache-2.0

// Attention on tiles: keys and values of each key-value head are packed once, then blocks of query rows are multiplied
// with them by the float32 kernels. Scores of a block are kept whole, so softmax needs no second pass.
// Included after gemm.inc.h and gemv.inc.h.

enum { FN(QUERY_ROWS) = 48 };

/// One attention problem. Key row j of a head is k + head·head_step + j·row_step; query i of a segment sees the keys of
/// the segment up to past + i.
typedef struct {
    const float *q, *k, *v;
    float *o, *l;
    int64_t heads, key_value_heads, hd, row_step, head_step, past, segments;
    const int64_t *bounds;
    float scale;
    // Packed: kᵀ and vᵀ in panels [hd][WIDTH] of keys, k and v in panels [keys][width] of hd.
    float *keys_t, *values_t, *keys_n, *values_n;
    // Backward only; dk and dv by query head [H][T][hd].
    const float *d_o, *saved_o, *saved_l;
    float *dq, *dk, *dv, *dk_heads, *dv_heads;
    int64_t tokens;
} FN(attending);

INLINE int64_t FN(padded)(int64_t count) { return attune_pieces(count, WIDTH) * WIDTH; }

/// Keys of a segment.
INLINE int64_t FN(keys_of)(const FN(attending) *p, int64_t segment) {
    return p->past + p->bounds[2 * segment + 1] - p->bounds[2 * segment];
}

/// Where a packed array of a segment's key-value head begins: transposed panels pad the keys, the others pad hd.
INLINE int64_t FN(transposed_at)(const FN(attending) *p, int64_t segment, int64_t kv) {
    // Whole panels, so that vectors stay aligned; two panels of slack make up for both roundings.
    int64_t start = p->bounds[2 * segment] / WIDTH * WIDTH + 2 * WIDTH * segment;
    return (start * p->key_value_heads + kv * FN(padded)(FN(keys_of)(p, segment))) * p->hd;
}

/// Floats of a transposed pack of `keys` keys in all.
INLINE int64_t FN(transposed_size)(const FN(attending) *p, int64_t keys) {
    return (FN(padded)(keys) + 2 * WIDTH * p->segments) * p->key_value_heads * p->hd;
}

INLINE int64_t FN(natural_at)(const FN(attending) *p, int64_t segment, int64_t kv) {
    return (p->bounds[2 * segment] * p->key_value_heads + kv * FN(keys_of)(p, segment)) * FN(padded)(p->hd);
}

/// rows × hd at x, row_step apart, into panels [rows][width] of hd columns.
static void FN(pack_natural)(const float *x, int64_t row_step, int64_t rows, int64_t hd, float *out) {
    attune_weight w = {BLOCK_F32, rows, hd, row_step * (int64_t)sizeof(float), x};
    for (int64_t d = 0; d < hd; d += WIDTH)
        FN(pack_columns)(&w, d, attune_min(WIDTH, hd - d), 0, rows, hd - d <= 16 ? 16 : WIDTH, out + d * rows);
}

static void FN(pack_transposed)(const float *x, int64_t row_step, int64_t rows, int64_t hd, float *out) {
    attune_weight w = {BLOCK_F32, rows, hd, row_step * (int64_t)sizeof(float), x};
    for (int64_t j = 0; j < rows; j += WIDTH)
        FN(pack_rows)(&w, j, attune_min(WIDTH, rows - j), 0, hd, WIDTH, out + j * hd);
}

static void FN(pack_heads_chunk)(void *context, int64_t chunk) {
    const FN(attending) *p = context;
    int64_t segment = chunk / p->key_value_heads, kv = chunk % p->key_value_heads;
    int64_t rows = FN(keys_of)(p, segment), start = p->bounds[2 * segment] * p->row_step + kv * p->head_step;
    int64_t transposed = FN(transposed_at)(p, segment, kv), natural = FN(natural_at)(p, segment, kv);
    FN(pack_transposed)(p->k + start, p->row_step, rows, p->hd, p->keys_t + transposed);
    if (p->values_t) FN(pack_transposed)(p->v + start, p->row_step, rows, p->hd, p->values_t + transposed);
    if (p->keys_n) FN(pack_natural)(p->k + start, p->row_step, rows, p->hd, p->keys_n + natural);
    if (p->values_n) FN(pack_natural)(p->v + start, p->row_step, rows, p->hd, p->values_n + natural);
}

/// out[rows, padded(keys)] = alpha·X·Kᵀ for rows of X `step` apart and a transposed pack; row i sees the keys up to
/// past + i, and what lies beyond them in the tile is not meant to be read.
static void FN(scores)(
    const float *x, int64_t step, int64_t rows, const float *packed, int64_t past, int64_t hd, float alpha,
    float *out) {
    int64_t keys = past + rows, ld = FN(padded)(keys);
    for (int64_t j = 0; j < keys; j += WIDTH) {
        int64_t first = attune_max(0, j - past) / TILE_ROWS * TILE_ROWS;
        FN(panel_product)(
            (FN(operand)){x + first * step, step, 1}, rows - first, packed + j * hd, WIDTH, hd, out + first * ld + j,
            ld, WIDTH, alpha, 0, 0);
    }
}

/// out[rows, hd] = A[rows, ld]·X for a natural pack of `stored` rows of X; row i of A ends with column past + i.
static void FN(mix_seen)(
    const float *a, int64_t ld, int64_t rows, const float *packed, int64_t stored, int64_t past, int64_t hd,
    float *out, int64_t step) {
    for (int64_t d = 0; d < hd; d += WIDTH) {
        for (int64_t i = 0; i < rows; i += TILE_ROWS) {
            int64_t count = attune_min(TILE_ROWS, rows - i);
            FN(panel_product)(
                (FN(operand)){a + i * ld, ld, 1}, count, packed + d * stored, hd - d <= 16 ? 16 : WIDTH,
                past + i + count, out + i * step + d, step, attune_min(WIDTH, hd - d), 1, 0, 0);
        }
    }
}

/// out[past + rows, hd] += Aᵀ·X for A [rows, ld] and a natural pack of X [rows, hd]; only rows i ≥ j − past of A have
/// something in column j.
static void FN(mix_transposed)(
    const float *a, int64_t ld, int64_t rows, const float *packed, int64_t past, int64_t hd, float *out) {
    int64_t whole = past / TILE_ROWS * TILE_ROWS;
    for (int64_t d = 0; d < hd; d += WIDTH) {
        int64_t width = hd - d <= 16 ? 16 : WIDTH, columns = attune_min(WIDTH, hd - d);
        const float *x = packed + d * rows;
        FN(panel_product)((FN(operand)){a, 1, ld}, whole, x, width, rows, out + d, hd, columns, 1, 1, 0);
        for (int64_t j = whole; j < past + rows; j += TILE_ROWS) {
            int64_t first = attune_max(0, j - past), count = attune_min(TILE_ROWS, past + rows - j);
            FN(panel_product)(
                (FN(operand)){a + first * ld + j, 1, ld}, count, x + first * width, width, rows - first,
                out + j * hd + d, hd, columns, 1, 1, 0);
        }
    }
}

/// The largest of count numbers.
static float FN(largest)(const float *x, int64_t count) {
    float part[16];
    for (int j = 0; j < 16; j++) part[j] = -INFINITY;
    int64_t i = 0;
    for (; i + 16 <= count; i += 16)
        for (int j = 0; j < 16; j++) part[j] = x[i + j] > part[j] ? x[i + j] : part[j];
    for (; i < count; i++) part[0] = x[i] > part[0] ? x[i] : part[0];
    for (int j = 1; j < 16; j++) part[0] = part[j] > part[0] ? part[j] : part[0];
    return part[0];
}

/// x = exp(x − shift); returns the sum.
static float FN(exponentials)(float *x, int64_t count, float shift) {
#pragma clang fp reassociate(on)
    float sum = 0;
    for (int64_t i = 0; i < count; i++) sum += x[i] = FN(exponential)(x[i] - shift);
    return sum;
}

// A chunk is a block of query rows of one head; finds the segment it belongs to.
static void FN(forward_chunk)(void *context, int64_t chunk) {
    const FN(attending) *p = context;
    int64_t segment = 0, blocks;
    for (;; segment++, chunk -= blocks * p->heads) {
        blocks = attune_pieces(p->bounds[2 * segment + 1] - p->bounds[2 * segment], FN(QUERY_ROWS));
        if (chunk < blocks * p->heads) break;
    }
    int64_t first = p->bounds[2 * segment], h = chunk / blocks, block = chunk % blocks * FN(QUERY_ROWS);
    int64_t rows = attune_min(FN(QUERY_ROWS), p->bounds[2 * segment + 1] - first - block);
    int64_t kv = h / (p->heads / p->key_value_heads), step = p->heads * p->hd, keys = p->past + block + rows;
    int64_t at = (first + block) * step + h * p->hd, ld = FN(padded)(keys), stored = FN(keys_of)(p, segment);
    float *s = attune_scratch(ARENA_CHUNK, (size_t)(rows * ld) * sizeof(float)), inverse[FN(QUERY_ROWS)];
    FN(scores)(
        p->q + at, step, rows, p->keys_t + FN(transposed_at)(p, segment, kv), p->past + block, p->hd, p->scale, s);
    for (int64_t i = 0; i < rows; i++) {
        int64_t seen = p->past + block + i + 1;
        float *row = s + i * ld, top = FN(largest)(row, seen), sum = FN(exponentials)(row, seen, top);
        for (int64_t j = seen; j < ld; j++) row[j] = 0;
        inverse[i] = 1 / sum;
        if (p->l) p->l[(first + block + i) * p->heads + h] = top + logf(sum);
    }
    FN(mix_seen)(
        s, ld, rows, p->values_n + FN(natural_at)(p, segment, kv), stored, p->past + block, p->hd, p->o + at, step);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t d = 0; d < p->hd; d++) p->o[at + i * step + d] *= inverse[i];
}

static void FN(run_forward)(FN(attending) p) {
    int64_t keys = 0, blocks = 0;
    for (int64_t s = 0; s < p.segments; s++) {
        keys = attune_max(keys, p.bounds[2 * s] + FN(keys_of)(&p, s));
        blocks += attune_pieces(p.bounds[2 * s + 1] - p.bounds[2 * s], FN(QUERY_ROWS));
    }
    int64_t transposed = FN(transposed_size)(&p, keys);
    p.keys_t = attune_scratch(
        ARENA_JOB, (size_t)(transposed + keys * p.key_value_heads * FN(padded)(p.hd)) * sizeof(float));
    p.values_n = p.keys_t + transposed;
    attune_parallel(p.segments * p.key_value_heads, FN(pack_heads_chunk), &p);
    attune_parallel(blocks * p.heads, FN(forward_chunk), &p);
}

static void FN(attention)(
    const attune_attention_shape *shape, const void *q, const void *k, const void *v, void *o, void *l) {
    FN(run_forward)((FN(attending)){
        .q = q, .k = k, .v = v, .o = o, .l = l, .heads = shape->heads, .key_value_heads = shape->key_value_heads,
        .hd = shape->head_dimension, .row_step = shape->key_value_heads * shape->head_dimension,
        .head_step = shape->head_dimension, .segments = shape->segments, .bounds = shape->bounds,
        .scale = (float)shape->scale, .tokens = shape->tokens});
}

/// One block of query rows of the backward pass; s and ds are [QUERY_ROWS, padded keys].
static void FN(backward_block)(
    const FN(attending) *p, int64_t segment, int64_t h, int64_t block, float *s, float *ds, float *packed) {
    int64_t first = p->bounds[2 * segment], kv = h / (p->heads / p->key_value_heads), step = p->heads * p->hd;
    int64_t rows = attune_min(FN(QUERY_ROWS), p->bounds[2 * segment + 1] - first - block), keys = block + rows;
    int64_t at = (first + block) * step + h * p->hd, ld = FN(padded)(keys), stored = FN(keys_of)(p, segment);
    int64_t transposed = FN(transposed_at)(p, segment, kv);
    FN(scores)(p->q + at, step, rows, p->keys_t + transposed, block, p->hd, p->scale, s);
    FN(scores)(p->d_o + at, step, rows, p->values_t + transposed, block, p->hd, 1, ds);
    for (int64_t i = 0; i < rows; i++) {
        int64_t seen = block + i + 1;
        float *restrict weight = s + i * ld, *restrict d = ds + i * ld;
        float l = p->saved_l[(first + block + i) * p->heads + h];
        float dot = FN(dot_floats)(p->d_o + at + i * step, p->saved_o + at + i * step, p->hd);
        for (int64_t j = 0; j < seen; j++) {
            weight[j] = FN(exponential)(weight[j] - l);
            d[j] = weight[j] * (d[j] - dot) * p->scale;
        }
        for (int64_t j = seen; j < ld; j++) weight[j] = d[j] = 0;
    }
    FN(mix_seen)(
        ds, ld, rows, p->keys_n + FN(natural_at)(p, segment, kv), stored, block, p->hd, p->dq + at, step);
    int64_t to = (h * p->tokens + first) * p->hd;
    FN(pack_natural)(p->d_o + at, step, rows, p->hd, packed);
    FN(mix_transposed)(s, ld, rows, packed, block, p->hd, p->dv_heads + to);
    FN(pack_natural)(p->q + at, step, rows, p->hd, packed);
    FN(mix_transposed)(ds, ld, rows, packed, block, p->hd, p->dk_heads + to);
}

// A chunk is one query head of one segment: it alone adds to that head's dk and dv.
static void FN(backward_chunk)(void *context, int64_t chunk) {
    const FN(attending) *p = context;
    int64_t segment = chunk / p->heads, h = chunk % p->heads, first = p->bounds[2 * segment];
    int64_t count = p->bounds[2 * segment + 1] - first, to = (h * p->tokens + first) * p->hd;
    size_t scores = (size_t)(FN(QUERY_ROWS) * FN(padded)(count));
    float *s = attune_scratch(ARENA_CHUNK, 2 * scores * sizeof(float));
    float *packed = attune_scratch(ARENA_CHUNK_RESULTS, (size_t)(FN(QUERY_ROWS) * FN(padded)(p->hd)) * sizeof(float));
    __builtin_memset(p->dk_heads + to, 0, (size_t)(count * p->hd) * sizeof(float));
    __builtin_memset(p->dv_heads + to, 0, (size_t)(count * p->hd) * sizeof(float));
    for (int64_t block = 0; block < count; block += FN(QUERY_ROWS))
        FN(backward_block)(p, segment, h, block, s, s + scores, packed);
}

// A chunk is one token: dk and dv of a key-value head are the sums over its query heads.
static void FN(sum_heads_chunk)(void *context, int64_t t) {
    const FN(attending) *p = context;
    int64_t group = p->heads / p->key_value_heads;
    for (int64_t kv = 0; kv < p->key_value_heads; kv++) {
        float *dk = p->dk + (t * p->key_value_heads + kv) * p->hd, *dv = p->dv + (t * p->key_value_heads + kv) * p->hd;
        for (int64_t g = 0; g < group; g++) {
            int64_t from = ((kv * group + g) * p->tokens + t) * p->hd;
            for (int64_t d = 0; d < p->hd; d++) dk[d] = (g ? dk[d] : 0) + p->dk_heads[from + d];
            for (int64_t d = 0; d < p->hd; d++) dv[d] = (g ? dv[d] : 0) + p->dv_heads[from + d];
        }
    }
}

static void FN(attention_backward)(
    const attune_attention_shape *shape, const void *d_o, const void *q, const void *k, const void *v, const void *o,
    const void *l, void *dq, void *dk, void *dv) {
    int64_t hd = shape->head_dimension, K = shape->key_value_heads, T = shape->tokens;
    FN(attending) p = {
        .q = q, .k = k, .v = v, .heads = shape->heads, .key_value_heads = K, .hd = hd, .row_step = K * hd,
        .head_step = hd, .segments = shape->segments, .bounds = shape->bounds, .scale = (float)shape->scale,
        .d_o = d_o, .saved_o = o, .saved_l = l, .dq = dq, .dk = dk, .dv = dv, .tokens = T};
    int64_t transposed = FN(transposed_size)(&p, T), heads = T * shape->heads * hd;
    p.keys_n = attune_scratch(ARENA_JOB, (size_t)(T * K * FN(padded)(hd) + 2 * transposed + 2 * heads) * sizeof(float));
    p.keys_t = p.keys_n + T * K * FN(padded)(hd);
    p.values_t = p.keys_t + transposed;
    p.dk_heads = p.values_t + transposed;
    p.dv_heads = p.dk_heads + heads;
    attune_parallel(p.segments * K, FN(pack_heads_chunk), &p);
    attune_parallel(p.segments * p.heads, FN(backward_chunk), &p);
    attune_parallel(T, FN(sum_heads_chunk), &p);
}
