// Attune
// SPDX-License-Identifier: Apache-2.0

// Products with int8 activations by their definition.

#include <math.h>
#include <string.h>

#include "int8/layouts.h"

static void quantize(const float *x, int64_t rows, int64_t blocks, int32_t *tile) {
    for (int64_t block = 0; block < blocks; block++, tile += TILE_WORDS * rows) {
        int8_t *q = (int8_t *)tile;
        float *scales = (float *)(tile + 8 * rows);
        for (int64_t r = 0; r < rows; r++) {
            const float *from = x + (r * blocks + block) * 32;
            float largest = 0, poison = 0;
            for (int i = 0; i < 32; i++) {
                if (fabsf(from[i]) > largest) largest = fabsf(from[i]);
                poison += from[i] - from[i];  // NaN where x is not finite, so that the result is not either
            }
            float inverse = largest > 0 && poison == 0 ? 127 / largest : 0, d = largest / 127 + poison;
            int32_t sum = 0;
            for (int i = 0; i < 32; i++) {
                int32_t value = (int32_t)rintf(from[i] * inverse == from[i] * inverse ? from[i] * inverse : 0);
                q[(i / 4 * rows + r) * 4 + i % 4] = (int8_t)value;
                sum += value;
            }
            scales[r] = d;
            scales[rows + r] = d * (float)sum;
            tile[10 * rows + r] = sum;
        }
    }
}

static void multiply(
    int32_t type, const uint8_t *strip, int64_t blocks, const int32_t *tile, int64_t rows, float *out) {
    int64_t shared = attune_group_blocks(type);
    int offset = type == BLOCK_Q4_0 ? 8 : type == BLOCK_Q8_0 ? 128 : 0;
    for (int64_t i = 0; i < rows * STRIP_ROWS; i++) out[i] = 0;
    for (int64_t block = 0; block < blocks; block++, tile += TILE_WORDS * rows) {
        const uint8_t *group = strip + block / shared * attune_group_bytes(type);
        const uint8_t *scales = group + block % shared * 32;
        const uint8_t *quants = group + 64 + block % shared * attune_block_words(type) * 64;
        const int8_t *q = (const int8_t *)tile;
        const float *d = (const float *)(tile + 8 * rows), *s = d + rows;
        for (int64_t r = 0; r < rows; r++) {
            for (int64_t row = 0; row < STRIP_ROWS; row++) {
                int32_t sum = 0;
                for (int i = 0; i < 32; i++) {
                    int word = type == BLOCK_Q8_0 ? i / 4 : i % 16 / 4;
                    int32_t w = quants[(word * STRIP_ROWS + row) * 4 + i % 4];
                    if (type != BLOCK_Q8_0) w = i < 16 ? w & 15 : w >> 4;
                    sum += (w - offset) * q[(i / 4 * rows + r) * 4 + i % 4];
                }
                uint16_t half[2];
                memcpy(half, scales + row * 2, 2);
                memcpy(half + 1, group + 32 + row * 2, 2);
                float *y = out + r * STRIP_ROWS + row;
                *y += attune_float_of_half(half[0]) * d[r] * (float)sum;
                if (type == BLOCK_Q4_1) *y += attune_float_of_half(half[1]) * s[r];
            }
        }
    }
}

static void project(const uint8_t *a, int64_t rank, int64_t blocks, const int32_t *tile, int64_t rows, float *u) {
    int64_t pairs = attune_pieces(blocks, 2);
    for (int64_t first = 0, count; first < rank; first += count) {
        count = attune_tile_rows(rank - first);
        for (int64_t i = 0; i < count; i++) {
            float sum = 0;
            for (int64_t block = 0; block < blocks; block++) {
                const uint8_t *w = a + ((first * pairs + block / 2 * count + i) * 2 + block % 2) * 32;
                const int32_t *words = tile + block * TILE_WORDS * rows;
                int32_t dot = 0;
                for (int k = 0; k < 32; k++) dot += (w[k] - 128) * ((const int8_t *)(words + k / 4 * rows))[k % 4];
                sum += ((const float *)words)[8 * rows] * (float)dot;
            }
            u[first + i] = sum;
        }
    }
}

static void expand(const uint8_t *b, int64_t words, const int32_t *u, float *y, int64_t columns) {
    const int8_t *q = (const int8_t *)u;
    for (int64_t i = 0; i < columns; i++) {
        const uint8_t *w = b + i / STRIP_ROWS * words * STRIP_ROWS * 4 + i % STRIP_ROWS * 4;
        int32_t dot = 0;
        for (int64_t j = 0; j < 4 * words; j++) dot += (w[j / 4 * STRIP_ROWS * 4 + j % 4] - 128) * q[j];
        y[i] += ((const float *)u)[words] * (float)dot;
    }
}

const attune_int8_operations attune_int8_portable = {quantize, multiply, project, expand};
