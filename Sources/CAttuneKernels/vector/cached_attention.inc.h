// Attune
// SPDX-License-Identifier: Apache-2.0

// Attention of a few or many new rows on keys and values of any of the three types. The query rows of all heads that
// read one key-value head are taken together; positions are cut into splits, each of which gives weights, their sum and
// the mix of its values, and splits are merged in order. What a row gets depends on nothing but the row.
// Included after vector.inc.h.

enum {
    FN(SPLIT) = 128,           // positions
    FN(SPAN_ROWS) = 32,        // query rows that share a block of expanded keys
    FN(EXPANDED) = 32,         // positions that are expanded at once
    FN(FEW_CHUNKS) = 16,       // below, splits become chunks of their own
    FN(ALONE) = 1 << 17,       // multiplications that one thread does sooner than it wakes another
    FN(DOT_ROWS) = WIDTH == 32 ? 4 : 1,  // with four keys at once
    FN(DIRECT_ROWS) = 4,       // that use too few of a half-precision key to expand it first
    FN(MIX_VECTORS) = WIDTH == 32 ? 4 : 1,
};

typedef _Float16 half16 __attribute__((vector_size(32)));
typedef _Float16 loose_half16 __attribute__((vector_size(32), aligned(2)));

/// Where 128-bit block b and element e of the sums come from.
static const int FN(sum_block)[4] = {0, 8, 4, 12}, FN(sum_element)[4] = {0, 2, 1, 3};

/// Sums of 16 vectors, each in the same order; lane 4·b + e is that of v[sum_block[b] + sum_element[e]].
INLINE void FN(sums)(const vec v[16], vec *out) {
    vec a[8], b[4], c[2];
#pragma clang loop unroll(full)
    for (int i = 0; i < 8; i++)
        a[i] = __builtin_shufflevector(v[i], v[i + 8], 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
               __builtin_shufflevector(v[i], v[i + 8], 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++)
        b[i] = __builtin_shufflevector(a[i], a[i + 4], 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27) +
               __builtin_shufflevector(a[i], a[i + 4], 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
#pragma clang loop unroll(full)
    for (int i = 0; i < 2; i++)
        c[i] = __builtin_shufflevector(b[i], b[i + 2], 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29) +
               __builtin_shufflevector(b[i], b[i + 2], 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    *out = __builtin_shufflevector(c[0], c[1], 0, 2, 16, 18, 4, 6, 20, 22, 8, 10, 24, 26, 12, 14, 28, 30) +
           __builtin_shufflevector(c[0], c[1], 1, 3, 17, 19, 5, 7, 21, 23, 9, 11, 25, 27, 13, 15, 29, 31);
}

/// a = the larger of both.
INLINE void FN(raise)(vec *a, const vec *b) {
    ivec mask = *b > *a;
    *a = (vec)(((ivec)*b & mask) | ((ivec)*a & ~mask));
}

/// Numbers beyond ±bound become that; NaN stays NaN.
INLINE void FN(limit)(vec *x, float bound) {
    vec most = (vec){0} + bound;
    ivec above = *x > most, below = *x < -most;
    *x = (vec)(((ivec)*x & ~above & ~below) | ((ivec)most & above) | ((ivec)-most & below));
}

/// Half precision of 16 numbers; what is too large becomes the largest.
INLINE void FN(store_halves)(uint8_t *out, const float *numbers) {
    vec x = LOAD(numbers);
    FN(limit)(&x, 65504);
    *(loose_half16 *)out = (loose_half16)__builtin_convertvector(x, half16);
}

static void FN(cache_store_row)(int32_t type, const float *x, int64_t count, uint8_t *out) {
    if (type == BLOCK_F32) {
        __builtin_memcpy(out, x, (size_t)count * sizeof(float));
    } else if (type == BLOCK_F16) {
        int64_t i = 0;
        for (; i + 16 <= count; i += 16) FN(store_halves)(out + 2 * i, x + i);
        if (i == count) return;
        uint8_t halves[32];
        float rest[16] = {0};
        __builtin_memcpy(rest, x + i, (size_t)(count - i) * sizeof(float));
        FN(store_halves)(halves, rest);
        __builtin_memcpy(out + 2 * i, halves, (size_t)(2 * (count - i)));
    } else {
        for (int64_t i = 0; i < count; i += 32, out += 34) {
            vec low = LOAD(x + i), high = LOAD(x + i + 16), nothing = low * 0.0f + high * 0.0f;
            float largest = 0;
            for (int j = 0; j < 32; j++) largest = fabsf(x[i + j]) > largest ? fabsf(x[i + j]) : largest;
            float d = largest / 127, inverse = d > 0 ? 1 / d : 0, scale[16] = {d + FN(sum)(&nothing)};
            uint8_t halves[32];
            FN(store_halves)(halves, scale);
            __builtin_memcpy(out, halves, 2);
            for (int j = 0; j < 2; j++) {
                vec q = (j ? high : low) * inverse;
                q = (q + 12582912.0f) - 12582912.0f;  // rounds to an integer
                FN(limit)(&q, 127);
                *(loose_signed16 *)(out + 2 + 16 * j) = (loose_signed16)__builtin_convertvector(q, signed16);
            }
        }
    }
}

static void FN(cache_store)(const attune_cached_span *spans, int64_t count, const float *k, const float *v) {
    for (const attune_cached_span *s = spans; s < spans + count; s++) {
        int64_t hd = s->head_dimension, bytes = attune_cache_row_bytes(s->type, hd);
        for (int64_t i = 0; i < s->rows; i++) {
            for (int64_t kv = 0; kv < s->key_value_heads; kv++, k += hd, v += hd) {
                int64_t to = (kv * s->capacity + s->first + i) * bytes;
                FN(cache_store_row)(s->type, k, hd, (uint8_t *)s->keys + to);
                FN(cache_store_row)(s->type, v, hd, (uint8_t *)s->values + to);
            }
        }
    }
}

/// Elements d..<d + 16 of a row in the cache as f32 or f16.
INLINE void FN(cached)(const int32_t type, const uint8_t *row, int64_t d, vec *out) {
    if (type == BLOCK_F32) {
        *out = LOAD(row + 4 * d);
    } else {
        *out = FLOATS((half16) * (const loose_half16 *)(row + 2 * d));
    }
}

/// `count` rows from the cache as float32, `padded` apart with zeros at the end.
static void FN(expand_rows)(
    const attune_cached_span *s, const uint8_t *rows, int64_t count, int64_t padded, float *out) {
    int64_t hd = s->head_dimension, bytes = attune_cache_row_bytes(s->type, hd), whole = hd / 16 * 16;
    for (int64_t j = 0; j < count; j++, rows += bytes, out += padded) {
        if (s->type == BLOCK_Q8_0) {
            FN(expand_row)(BLOCK_Q8_0, rows, hd, out);
            continue;
        }
        for (int64_t d = 0; d < whole; d += 16) {
            vec x;
            if (s->type == BLOCK_F32) FN(cached)(BLOCK_F32, rows, d, &x);
            else FN(cached)(BLOCK_F16, rows, d, &x);
            STORE(out + d, x);
        }
        for (int64_t d = whole; d < padded; d++) {
            float x = 0;
            if (d < hd && s->type == BLOCK_F32) __builtin_memcpy(&x, rows + 4 * d, sizeof x);
            else if (d < hd) x = FN(half)(rows + 2 * d);
            out[d] = x;
        }
    }
}

/// scores[r, j] = q_r·k_j for `rows` rows and four keys, `step` bytes apart.
INLINE void FN(dot_tile)(
    const int32_t type, const int rows, const float *q, const uint8_t *keys, int64_t step, int64_t padded,
    float *scores) {
#pragma clang fp contract(fast)
    vec acc[16], all;
#pragma clang loop unroll(full)
    for (int i = 0; i < 16; i++) acc[i] = (vec){0};
    for (int64_t d = 0; d < padded; d += 16) {
        vec k[4];
#pragma clang loop unroll(full)
        for (int j = 0; j < 4; j++) FN(cached)(type, keys + j * step, d, &k[j]);
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++) {
            vec x = LOAD(q + r * padded + d);
#pragma clang loop unroll(full)
            for (int j = 0; j < 4; j++) acc[FN(sum_block)[r] + FN(sum_element)[j]] += x * k[j];
        }
    }
    FN(sums)(acc, &all);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
        for (int j = 0; j < 4; j++) scores[r * FN(SPLIT) + j] = all[4 * r + j];
}

INLINE void FN(dot_rows)(
    const int32_t type, const int rows, const float *q, const uint8_t *keys, int64_t step, int64_t count,
    int64_t padded, float *scores) {
    for (int64_t j = 0; j < count; j += 4)
        FN(dot_tile)(type, rows, q, keys + j * step, step, padded, scores + j);
}

/// mix[r] += Σ_j weights[r, j]·v_j for `rows` rows and 16·vectors of the elements from d on.
INLINE void FN(mix_tile)(
    const int32_t type, const int rows, const int vectors, const float *weights, const uint8_t *values, int64_t step,
    int64_t count, int64_t padded, int64_t d, float *mix) {
#pragma clang fp contract(fast)
    vec acc[16];
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
        for (int i = 0; i < vectors; i++) acc[r * vectors + i] = LOAD(mix + r * padded + d + 16 * i);
    for (int64_t j = 0; j < count; j++, values += step) {
        vec v[4];
#pragma clang loop unroll(full)
        for (int i = 0; i < vectors; i++) FN(cached)(type, values, d + 16 * i, &v[i]);
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++) {
            float weight = weights[r * FN(SPLIT) + j];
#pragma clang loop unroll(full)
            for (int i = 0; i < vectors; i++) acc[r * vectors + i] += v[i] * weight;
        }
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
        for (int i = 0; i < vectors; i++) STORE(mix + r * padded + d + 16 * i, acc[r * vectors + i]);
}

INLINE void FN(mix_rows)(
    const int32_t type, const int rows, const float *weights, const uint8_t *values, int64_t step, int64_t count,
    int64_t padded, float *mix) {
    int64_t d = 0;
    for (; d + 16 * FN(MIX_VECTORS) <= padded; d += 16 * FN(MIX_VECTORS))
        FN(mix_tile)(type, rows, FN(MIX_VECTORS), weights, values, step, count, padded, d, mix);
    for (; d < padded; d += 16) FN(mix_tile)(type, rows, 1, weights, values, step, count, padded, d, mix);
}

#define ROWS(call, rows, type, ...) \
    switch (rows) { \
        case 4: call(type, 4, __VA_ARGS__); break; \
        case 3: call(type, 3, __VA_ARGS__); break; \
        case 2: call(type, 2, __VA_ARGS__); break; \
        default: call(type, 1, __VA_ARGS__); \
    }

/// Scores of all rows of a block with `count` keys of a type that lie `step` bytes apart.
#define DOTS(name, type) \
    static void FN(name)( \
        const float *q, int64_t rows, const uint8_t *keys, int64_t step, int64_t count, int64_t padded, \
        float *scores) { \
        for (int64_t r = 0; r < rows; r += FN(DOT_ROWS)) { \
            const float *x = q + r * padded; \
            float *out = scores + r * FN(SPLIT); \
            ROWS(FN(dot_rows), attune_min(FN(DOT_ROWS), rows - r), type, x, keys, step, count, padded, out) \
        } \
    }
DOTS(dots_f32, BLOCK_F32)
DOTS(dots_f16, BLOCK_F16)

/// The mix of `count` values of a type for all rows of a block.
#define MIXES(name, type) \
    static void FN(name)( \
        const float *weights, int64_t rows, const uint8_t *values, int64_t step, int64_t count, int64_t padded, \
        float *mix) { \
        for (int64_t r = 0; r < rows; r += 4) { \
            const float *w = weights + r * FN(SPLIT); \
            float *out = mix + r * padded; \
            ROWS(FN(mix_rows), attune_min(4, rows - r), type, w, values, step, count, padded, out) \
        } \
    }
MIXES(mixes_f32, BLOCK_F32)
MIXES(mixes_f16, BLOCK_F16)

/// What a block of rows got from some positions: mix [rows, padded] = Σ e^(score − top)·v, sum = Σ e^(score − top).
typedef struct {
    float *mix, *top, *sum;
} FN(part);

/// Floats of a part, which begins with the mix.
INLINE int64_t FN(part_size)(int64_t padded) { return FN(SPAN_ROWS) * (padded + 2); }

INLINE FN(part) FN(part_at)(float *memory, int64_t padded) {
    float *top = memory + FN(SPAN_ROWS) * padded;
    return (FN(part)){memory, top, top + FN(SPAN_ROWS)};
}

/// weights = e^(score − top) over the first `seen` of a row, zeros up to `count`; gives top and sum.
static void FN(weigh)(float *scores, int64_t seen, int64_t count, float *top, float *sum) {
    vec tops = (vec){0} - INFINITY, sums = {0};
    int64_t whole = attune_pieces(seen, 16) * 16;
    for (int64_t j = seen; j < whole; j++) scores[j] = -INFINITY;
    for (int64_t j = 0; j < whole; j += 16) {
        vec x = LOAD(scores + j);
        FN(raise)(&tops, &x);
    }
    float largest = -INFINITY;
    for (int j = 0; j < 16; j++) largest = tops[j] > largest ? tops[j] : largest;
    for (int64_t j = 0; j < whole; j++) scores[j] = FN(exponential)(scores[j] - largest);
    for (int64_t j = seen; j < attune_max(whole, count); j++) scores[j] = 0;
    for (int64_t j = 0; j < whole; j += 16) sums += LOAD(scores + j);
    *top = largest;
    *sum = FN(sum)(&sums);
}

/// `total` += `part` for one row.
static void FN(merge_row)(FN(part) total, FN(part) part, int64_t row, int64_t padded) {
#pragma clang fp contract(fast)
    if (part.sum[row] == 0) return;
    float top = total.top[row] > part.top[row] ? total.top[row] : part.top[row];
    float kept = FN(exponential)(total.top[row] - top), added = FN(exponential)(part.top[row] - top);
    float *mix = total.mix + row * padded, *other = part.mix + row * padded;
    for (int64_t d = 0; d < padded; d += 16) STORE(mix + d, LOAD(mix + d) * kept + LOAD(other + d) * added);
    total.sum[row] = total.sum[row] * kept + part.sum[row] * added;
    total.top[row] = top;
}

typedef struct {
    const attune_cached_span *spans;
    int64_t count, heads, hd, padded;
    const float *q;
    float *o, scale;
    int spread;
    float *parts;
} FN(caching);

/// A block of query rows: row r of the span is head kv·group + r % group of new row r / group.
typedef struct {
    const attune_cached_span *span;
    int64_t kv, group, first, rows, seen, split, splits;
    const float *q;
    float *o;
} FN(span_block);

INLINE int64_t FN(blocks_of)(const FN(caching) *p, const attune_cached_span *s) {
    return attune_pieces(s->rows * (p->heads / s->key_value_heads), FN(SPAN_ROWS));
}

INLINE int64_t FN(splits_of)(const attune_cached_span *s) { return attune_pieces(s->first + s->rows, FN(SPLIT)); }

/// The block, and the split where they are spread, that a chunk stands for; long blocks come first.
static FN(span_block) FN(find_block)(const FN(caching) *p, int64_t chunk) {
    FN(span_block) b = {.span = p->spans, .q = p->q, .o = p->o};
    for (;; b.span++) {
        b.splits = p->spread ? FN(splits_of)(b.span) : 1;
        int64_t chunks = FN(blocks_of)(p, b.span) * b.span->key_value_heads * b.splits;
        if (chunk < chunks) break;
        chunk -= chunks;
        b.q += b.span->rows * p->heads * p->hd;
        b.o += b.span->rows * p->heads * p->hd;
    }
    b.split = chunk % b.splits;
    chunk /= b.splits;
    b.kv = chunk % b.span->key_value_heads;
    b.group = p->heads / b.span->key_value_heads;
    b.first = (FN(blocks_of)(p, b.span) - 1 - chunk / b.span->key_value_heads) * FN(SPAN_ROWS);
    b.rows = attune_min(FN(SPAN_ROWS), b.span->rows * b.group - b.first);
    b.seen = b.span->first + (b.first + b.rows - 1) / b.group + 1;
    return b;
}

/// Where the block's row r lies in q and o.
INLINE int64_t FN(row_at)(const FN(caching) *p, const FN(span_block) *b, int64_t r) {
    int64_t row = b->first + r;
    return (row / b->group * p->heads + b->kv * b->group + row % b->group) * p->hd;
}

/// scale·q of a block, `padded` apart.
static void FN(take_queries)(const FN(caching) *p, const FN(span_block) *b, float *q) {
    for (int64_t r = 0; r < b->rows; r++, q += p->padded) {
        const float *from = b->q + FN(row_at)(p, b, r);
        for (int64_t d = 0; d < p->hd; d++) q[d] = from[d] * p->scale;
        for (int64_t d = p->hd; d < p->padded; d++) q[d] = 0;
    }
}

/// One block on one split. `memory` holds scores [SPAN_ROWS, SPLIT] and EXPANDED expanded rows.
static void FN(attend_split)(
    const FN(caching) *p, const FN(span_block) *b, int64_t split, const float *q, float *memory, FN(part) part) {
    const attune_cached_span *s = b->span;
    int64_t start = split * FN(SPLIT), count = attune_min(FN(SPLIT), b->seen - start), padded = p->padded;
    int64_t bytes = attune_cache_row_bytes(s->type, p->hd), row = (b->kv * s->capacity + start) * bytes;
    const uint8_t *keys = (const uint8_t *)s->keys + row, *values = (const uint8_t *)s->values + row;
    float *scores = memory, *expanded = memory + FN(SPAN_ROWS) * FN(SPLIT);
    // Few rows take keys and values as they lie; four keys at once must not run beyond the cache.
    int direct = p->hd == padded && start + attune_pieces(count, 4) * 4 <= s->capacity &&
                 (s->type == BLOCK_F32 || (s->type == BLOCK_F16 && b->rows <= FN(DIRECT_ROWS)));
    if (direct && s->type == BLOCK_F32) FN(dots_f32)(q, b->rows, keys, bytes, count, padded, scores);
    else if (direct) FN(dots_f16)(q, b->rows, keys, bytes, count, padded, scores);
    for (int64_t j = 0; j < count && !direct; j += FN(EXPANDED)) {
        int64_t some = attune_min(FN(EXPANDED), count - j);
        FN(expand_rows)(s, keys + j * bytes, some, padded, expanded);
        FN(dots_f32)(q, b->rows, (const uint8_t *)expanded, 4 * padded, some, padded, scores + j);
    }
    for (int64_t r = 0; r < b->rows; r++) {
        int64_t seen = s->first + (b->first + r) / b->group + 1 - start;
        FN(weigh)(
            scores + r * FN(SPLIT), attune_max(0, attune_min(count, seen)), count, part.top + r, part.sum + r);
    }
    __builtin_memset(part.mix, 0, (size_t)(b->rows * padded) * sizeof(float));
    if (direct && s->type == BLOCK_F32) FN(mixes_f32)(scores, b->rows, values, bytes, count, padded, part.mix);
    else if (direct) FN(mixes_f16)(scores, b->rows, values, bytes, count, padded, part.mix);
    for (int64_t j = 0; j < count && !direct; j += FN(EXPANDED)) {
        int64_t some = attune_min(FN(EXPANDED), count - j);
        FN(expand_rows)(s, values + j * bytes, some, padded, expanded);
        FN(mixes_f32)(scores + j, b->rows, (const uint8_t *)expanded, 4 * padded, some, padded, part.mix);
    }
}

static void FN(clear_part)(FN(part) part, int64_t rows, int64_t padded) {
    __builtin_memset(part.mix, 0, (size_t)(rows * padded) * sizeof(float));
    for (int64_t r = 0; r < rows; r++) {
        part.top[r] = -INFINITY;
        part.sum[r] = 0;
    }
}

static void FN(write_block)(const FN(caching) *p, const FN(span_block) *b, FN(part) total) {
    for (int64_t r = 0; r < b->rows; r++) {
        float *o = b->o + FN(row_at)(p, b, r), inverse = 1 / total.sum[r];
        for (int64_t d = 0; d < p->hd; d++) o[d] = total.mix[r * p->padded + d] * inverse;
    }
}

// A chunk is a block with all of its positions, or with those of one split.
static void FN(caching_chunk)(void *context, int64_t chunk) {
    const FN(caching) *p = context;
    FN(span_block) b = FN(find_block)(p, chunk);
    int64_t size = FN(part_size)(p->padded), queries = FN(SPAN_ROWS) * p->padded;
    int64_t work = FN(SPAN_ROWS) * FN(SPLIT) + FN(EXPANDED) * p->padded;
    float *q = attune_scratch(ARENA_CHUNK, (size_t)(queries + work + 2 * size) * sizeof(float)), *memory = q + queries;
    FN(take_queries)(p, &b, q);
    if (p->spread) {
        // Nothing of this split may be seen by the block.
        FN(part) part = FN(part_at)(p->parts + chunk * size, p->padded);
        if (b.split * FN(SPLIT) < b.seen) FN(attend_split)(p, &b, b.split, q, memory, part);
        else FN(clear_part)(part, b.rows, p->padded);
        return;
    }
    FN(part) total = FN(part_at)(memory + work, p->padded), part = FN(part_at)(memory + work + size, p->padded);
    FN(clear_part)(total, b.rows, p->padded);
    for (int64_t split = 0; split * FN(SPLIT) < b.seen; split++) {
        FN(attend_split)(p, &b, split, q, memory, part);
        for (int64_t r = 0; r < b.rows; r++) FN(merge_row)(total, part, r, p->padded);
    }
    FN(write_block)(p, &b, total);
}

/// Merges the parts of chunks that were spread, in order; the last place of `parts` is for the totals.
static void FN(merge_parts)(const FN(caching) *p, int64_t chunks) {
    int64_t size = FN(part_size)(p->padded);
    FN(part) total = FN(part_at)(p->parts + chunks * size, p->padded);
    for (int64_t chunk = 0; chunk < chunks; chunk++) {
        FN(span_block) b = FN(find_block)(p, chunk);
        FN(part) part = FN(part_at)(p->parts + chunk * size, p->padded);
        if (b.split == 0) FN(clear_part)(total, b.rows, p->padded);
        for (int64_t r = 0; r < b.rows; r++) FN(merge_row)(total, part, r, p->padded);
        if (b.split == b.splits - 1) FN(write_block)(p, &b, total);
    }
}

static void FN(cached_attention)(
    const attune_cached_span *spans, int64_t count, int64_t heads, const float *q, float scale, float *o) {
    if (count == 0) return;
    FN(caching) p = {
        .spans = spans, .count = count, .heads = heads, .hd = spans->head_dimension,
        .padded = attune_pieces(spans->head_dimension, 16) * 16, .q = q, .o = o, .scale = scale};
    int64_t chunks = 0, spread = 0, work = 0;
    for (const attune_cached_span *s = spans; s < spans + count; s++) {
        chunks += FN(blocks_of)(&p, s) * s->key_value_heads;
        spread += FN(blocks_of)(&p, s) * s->key_value_heads * FN(splits_of)(s);
        work += s->rows * heads * (s->first + s->rows) * 2 * p.hd;
    }
    p.spread = chunks < FN(FEW_CHUNKS) && spread > chunks;
    if (p.spread) {
        chunks = spread;
        p.parts = attune_scratch(ARENA_JOB, (size_t)((chunks + 1) * FN(part_size)(p.padded)) * sizeof(float));
    }
    if (work < FN(ALONE))
        for (int64_t chunk = 0; chunk < chunks; chunk++) FN(caching_chunk)(&p, chunk);
    else attune_parallel(chunks, FN(caching_chunk), &p);
    if (p.spread) FN(merge_parts)(&p, chunks);
}
