// Attune
// SPDX-License-Identifier: Apache-2.0

// Products with int8 activations in vectors of 16. Included inside the target of the level, after vector.inc.h, with
// TILE_ROWS, FN(offset) and FN(dot) defined:
//   void dot(ivec *acc, const ivec *w, ivec x, type): acc[i] += Σ_j w[4i + j]·x[4i + j], w as it lies in the strip;
//   offset(type): what was added to each w, and is taken back by Σ x.

typedef uint32_t uvec __attribute__((vector_size(64)));
typedef int32_t loose_ivec __attribute__((vector_size(64), aligned(4)));

typedef _Float16 loose_halves __attribute__((vector_size(32), aligned(2)));

/// 16 numbers of half precision.
#define HALVES(p) FLOATS(*(const loose_halves *)(p))
#define SPLAT(v) ((vec){v, v, v, v, v, v, v, v, v, v, v, v, v, v, v, v})
#define WORDS(v) ((ivec){v, v, v, v, v, v, v, v, v, v, v, v, v, v, v, v})
#define FMA(a, b, c) __builtin_elementwise_fma((a), (b), (c))

static void FN(quantize)(const float *x, int64_t rows, int64_t blocks, int32_t *tile) {
    for (int64_t block = 0; block < blocks; block++, tile += TILE_WORDS * rows) {
        for (int64_t r = 0; r < rows; r++) {
            const float *from = x + (r * blocks + block) * 32;
            vec low = LOAD(from), high = LOAD(from + 16);
            vec largest = __builtin_elementwise_max(__builtin_elementwise_abs(low), __builtin_elementwise_abs(high));
            vec poison = (low - low) + (high - high);  // NaN where x is not finite, so that the result is not either
            float most = __builtin_reduce_max(largest), bad = FN(sum)(&poison);
            float inverse = most > 0 && bad == 0 ? 127 / most : 0, d = most / 127 + bad;
            int finite = bad == 0;
            ivec a = {0}, b = {0};
            if (finite) {
                a = __builtin_convertvector(__builtin_elementwise_roundeven(low * inverse), ivec);
                b = __builtin_convertvector(__builtin_elementwise_roundeven(high * inverse), ivec);
            }
            int32_t q[8], sum = __builtin_reduce_add(a + b);
            signed16 narrow[2] = {__builtin_convertvector(a, signed16), __builtin_convertvector(b, signed16)};
            __builtin_memcpy(q, narrow, sizeof q);
            for (int i = 0; i < 8; i++) tile[i * rows + r] = q[i];
            ((float *)tile)[8 * rows + r] = d;
            ((float *)tile)[9 * rows + r] = d * (float)sum;
            tile[10 * rows + r] = sum;
        }
    }
}

/// sums += one block for `rows` rows of a tile of `stride` rows.
INLINE void FN(block)(
    const int32_t type, const int rows, int64_t stride, const uint8_t *scales, const uint8_t *quants,
    const int32_t *tile, vec *sum) {
    ivec acc[TILE_ROWS];
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
        acc[r] = FN(offset)(type) ? (ivec){0} - FN(offset)(type) * tile[10 * stride + r] : (ivec){0};
#pragma clang loop unroll(full)
    for (int g = 0; g < (type == BLOCK_Q8_0 ? 8 : 4); g++) {
        ivec w = *(const loose_ivec *)(quants + 64 * g);
        if (type == BLOCK_Q8_0) {
#pragma clang loop unroll(full)
            for (int r = 0; r < rows; r++) FN(dot)(&acc[r], &w, WORDS(tile[g * stride + r]), type);
        } else {
            ivec low = w & 0x0F0F0F0F, high = (ivec)((uvec)w >> 4) & 0x0F0F0F0F;
#pragma clang loop unroll(full)
            for (int r = 0; r < rows; r++) FN(dot)(&acc[r], &low, WORDS(tile[g * stride + r]), type);
#pragma clang loop unroll(full)
            for (int r = 0; r < rows; r++) FN(dot)(&acc[r], &high, WORDS(tile[(4 + g) * stride + r]), type);
        }
    }
    const float *d = (const float *)(tile + 8 * stride), *s = (const float *)(tile + 9 * stride);
    vec scale = HALVES(scales);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) sum[r] = FMA(FLOATS(acc[r]) * scale, SPLAT(d[r]), sum[r]);
    if (type == BLOCK_Q4_1) {
        vec minimum = HALVES(scales + 32);
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++) sum[r] = FMA(minimum, SPLAT(s[r]), sum[r]);
    }
}

/// out[rows, 16] = `rows` rows of a tile of `stride` rows by a strip.
INLINE void FN(strip)(
    const int32_t type, const int rows, int64_t stride, const uint8_t *strip, int64_t blocks, const int32_t *tile,
    float *out) {
    const int64_t shared = attune_group_blocks(type), words = attune_block_words(type);
    vec sum[TILE_ROWS];
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) sum[r] = (vec){0};
    for (int64_t block = 0; block < blocks; block += shared, strip += attune_group_bytes(type)) {
        FN(block)(type, rows, stride, strip, strip + 64, tile, sum);
        tile += TILE_WORDS * stride;
        if (shared == 1 || block + 1 == blocks) continue;
        FN(block)(type, rows, stride, strip + 32, strip + 64 + 64 * words, tile, sum);
        tile += TILE_WORDS * stride;
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) STORE(out + r * STRIP_ROWS, sum[r]);
}

#define TILE(name, type, rows)                                                                                \
    static __attribute__((noinline)) void FN(name)(                                                           \
        int64_t stride, const uint8_t *strip, int64_t blocks, const int32_t *tile, float *out) {              \
        FN(strip)(type, rows, stride, strip, blocks, tile, out);                                              \
    }
#if TILE_ROWS > 2
#define SMALL_TILES(name, type) TILE(name##_four, type, 4) TILE(name##_two, type, 2)
#define SMALL_TILE(name)                                                                \
    else if (count >= 4) FN(name##_four)(rows, strip, blocks, tile + r, to), count = 4; \
    else if (count >= 2) FN(name##_two)(rows, strip, blocks, tile + r, to), count = 2;
#else
#define SMALL_TILES(name, type)
#define SMALL_TILE(name)
#endif
#define TILES(name, type)                                                                      \
    TILE(name##_full, type, TILE_ROWS)                                                         \
    SMALL_TILES(name, type)                                                                    \
    TILE(name##_one, type, 1)                                                                  \
    static void FN(name)(                                                                      \
        const uint8_t *strip, int64_t blocks, const int32_t *tile, int64_t rows, float *out) { \
        for (int64_t r = 0, count; r < rows; r += count) {                                     \
            float *to = out + r * STRIP_ROWS;                                                  \
            count = attune_min(rows - r, TILE_ROWS);                                           \
            if (count == TILE_ROWS) FN(name##_full)(rows, strip, blocks, tile + r, to);        \
            SMALL_TILE(name)                                                                   \
            else FN(name##_one)(rows, strip, blocks, tile + r, to), count = 1;                 \
        }                                                                                      \
    }

TILES(q4_0, BLOCK_Q4_0)
TILES(q4_1, BLOCK_Q4_1)
TILES(q8_0, BLOCK_Q8_0)

static void FN(multiply)(
    int32_t type, const uint8_t *strip, int64_t blocks, const int32_t *tile, int64_t rows, float *out) {
    if (type == BLOCK_Q4_1) FN(q4_1)(strip, blocks, tile, rows, out);
    else if (type == BLOCK_Q4_0) FN(q4_0)(strip, blocks, tile, rows, out);
    else FN(q8_0)(strip, blocks, tile, rows, out);
}

/// A row of X as one vector of words for each 64 columns, the d of its words, and minus what the offset of A adds.
typedef struct {
    ivec q, start;
    vec d;
} FN(pair);

/// u[0..<rows] = a tile of A times x.
INLINE void FN(reduce)(const int rows, const uint8_t *a, int64_t pairs, const FN(pair) *x, float *u) {
    vec sum[8];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) sum[i] = (vec){0};
    for (int64_t k = 0; k < pairs; k++, a += 64 * rows) {
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i++) {
            ivec acc = x[k].start, w = *(const loose_ivec *)(a + 64 * i);
            FN(dot)(&acc, &w, x[k].q, BLOCK_Q8_0);
            sum[i] = FMA(FLOATS(acc), x[k].d, sum[i]);
        }
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) u[i] = FN(sum)(&sum[i]);
}

static void FN(project)(
    const uint8_t *a, int64_t rank, int64_t blocks, const int32_t *tile, int64_t rows, float *u) {
    int64_t pairs = attune_pieces(blocks, 2);
    FN(pair) *x = attune_scratch(ARENA_LEFT_FACTOR, (size_t)pairs * sizeof *x);
    __builtin_memset(x + pairs - 1, 0, sizeof *x);  // whose second half there may not be
    for (int64_t block = 0; block < blocks; block++, tile += TILE_WORDS * rows) {
        FN(pair) *pair = x + block / 2;
        int64_t at = block % 2 * 8;
        int32_t *q = (int32_t *)&pair->q + at, *start = (int32_t *)&pair->start + at;
        float *d = (float *)&pair->d + at, scale = ((const float *)tile)[8 * rows];
        if (rows == 1) __builtin_memcpy(q, tile, 8 * sizeof *q);
        else
            for (int i = 0; i < 8; i++) q[i] = tile[i * rows];
        for (int i = 0; i < 8; i++) d[i] = scale;
        for (int i = 1; i < 8; i++) start[i] = 0;
        start[0] = -FN(offset)(BLOCK_Q8_0) * tile[10 * rows];
    }
    for (int64_t first = 0, count; first < rank; first += count) {
        count = attune_tile_rows(rank - first);
        const uint8_t *from = a + first * pairs * 64;
        if (count == 8) FN(reduce)(8, from, pairs, x, u + first);
        else if (count == 4) FN(reduce)(4, from, pairs, x, u + first);
        else if (count == 2) FN(reduce)(2, from, pairs, x, u + first);
        else FN(reduce)(1, from, pairs, x, u + first);
    }
}

static void FN(expand)(const uint8_t *b, int64_t words, const int32_t *u, float *y, int64_t columns) {
    const vec d = SPLAT(((const float *)u)[words]);
    const ivec start = WORDS(-FN(offset)(BLOCK_Q8_0) * u[words + 1]);
    for (int64_t i = 0; i < columns; i += STRIP_ROWS) {
        ivec acc = start;
        for (int64_t j = 0; j < words; j++, b += 4 * STRIP_ROWS) {
            ivec w = *(const loose_ivec *)b;
            FN(dot)(&acc, &w, WORDS(u[j]), BLOCK_Q8_0);
        }
        vec sum = FLOATS(acc);
        if (columns - i >= STRIP_ROWS) STORE(y + i, FMA(sum, d, LOAD(y + i)));
        else
            for (int64_t k = 0; k < columns - i; k++) y[i + k] = __builtin_elementwise_fma(sum[k], d[k], y[i + k]);
    }
}
