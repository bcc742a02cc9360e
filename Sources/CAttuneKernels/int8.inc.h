// Attune
// SPDX-License-Identifier: Apache-2.0

// Products with int8 activations in vectors of 16. Included inside the target of the level, after vector.inc.h, with
// TILE_ROWS, FN(offset) and FN(dot) defined:
//   void dot(ivec *acc, const ivec *w, int32_t x, type): acc[i] += Σ_j w[4i + j]·x[j], w as it lies in the strip;
//   offset(type): what was added to each w, and is taken back by Σ x.

typedef uint16_t loose_words16 __attribute__((vector_size(32), aligned(2)));
typedef uint32_t uvec __attribute__((vector_size(64)));
typedef int32_t loose_ivec __attribute__((vector_size(64), aligned(4)));

typedef _Float16 loose_halves __attribute__((vector_size(32), aligned(2)));

/// 16 numbers of half precision, and of bfloat16.
#define HALVES(p) FLOATS(*(const loose_halves *)(p))
#define WIDE(p) ((vec)(__builtin_convertvector(*(const loose_words16 *)(p), uvec) << 16))
#define SPLAT(v) ((vec){v, v, v, v, v, v, v, v, v, v, v, v, v, v, v, v})
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
            for (int r = 0; r < rows; r++) FN(dot)(&acc[r], &w, tile[g * stride + r], type);
        } else {
            ivec low = w & 0x0F0F0F0F, high = (ivec)((uvec)w >> 4) & 0x0F0F0F0F;
#pragma clang loop unroll(full)
            for (int r = 0; r < rows; r++) FN(dot)(&acc[r], &low, tile[g * stride + r], type);
#pragma clang loop unroll(full)
            for (int r = 0; r < rows; r++) FN(dot)(&acc[r], &high, tile[(4 + g) * stride + r], type);
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

static void FN(project)(const uint16_t *a, int64_t count, int64_t columns, const float *x, float *u) {
    // Row after row, as the factors lie in memory; the columns are whole blocks of 32.
    for (int64_t i = 0; i < count; i++, a += columns) {
        vec sum[4] = {{0}, {0}, {0}, {0}};
        int64_t k = 0;
        for (; k + 64 <= columns; k += 64)
#pragma clang loop unroll(full)
            for (int j = 0; j < 4; j++) sum[j] = FMA(WIDE(a + k + 16 * j), LOAD(x + k + 16 * j), sum[j]);
        for (int j = 0; k < columns; k += 16, j++) sum[j] = FMA(WIDE(a + k), LOAD(x + k), sum[j]);
        vec all = (sum[0] + sum[1]) + (sum[2] + sum[3]);
        u[i] = FN(sum)(&all);
    }
}

static void FN(expand)(const uint16_t *b, int64_t rank, const float *u, float *y, int64_t columns) {
    for (int64_t i = 0; i < columns; i += STRIP_ROWS, b += rank * STRIP_ROWS) {
        vec sum = {0};
        for (int64_t j = 0; j < rank; j++) sum = FMA(SPLAT(u[j]), WIDE(b + j * STRIP_ROWS), sum);
        if (columns - i >= STRIP_ROWS) STORE(y + i, LOAD(y + i) + sum);
        else
            for (int64_t k = 0; k < columns - i; k++) y[i + k] += sum[k];
    }
}
