// Attune
// SPDX-License-Identifier: Apache-2.0

// Block formats to float32, one function for each: layouts as in ggml's common header.

#include <string.h>

#include "runtime/internal.h"

#pragma clang fp contract(off)

static const int8_t iq4_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
static const int8_t mxfp4_values[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

static inline uint16_t half_bits(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static inline float half_at(const uint8_t *p) { return attune_float_of_half(half_bits(p)); }

static inline uint32_t word_at(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void q4_0(const uint8_t *b, float *x) {
    float d = half_at(b);
    for (int j = 0; j < 16; j++) {
        x[j] = d * (float)((b[2 + j] & 15) - 8);
        x[j + 16] = d * (float)((b[2 + j] >> 4) - 8);
    }
}

static void q4_1(const uint8_t *b, float *x) {
    float d = half_at(b), m = half_at(b + 2);
    for (int j = 0; j < 16; j++) {
        x[j] = d * (float)(b[4 + j] & 15) + m;
        x[j + 16] = d * (float)(b[4 + j] >> 4) + m;
    }
}

static void q5_0(const uint8_t *b, float *x) {
    float d = half_at(b);
    uint32_t high = word_at(b + 2);
    for (int j = 0; j < 16; j++) {
        x[j] = d * (float)((int)((b[6 + j] & 15) | (high >> j & 1) << 4) - 16);
        x[j + 16] = d * (float)((int)((b[6 + j] >> 4) | (high >> (j + 16) & 1) << 4) - 16);
    }
}

static void q5_1(const uint8_t *b, float *x) {
    float d = half_at(b), m = half_at(b + 2);
    uint32_t high = word_at(b + 4);
    for (int j = 0; j < 16; j++) {
        x[j] = d * (float)((b[8 + j] & 15) | (high >> j & 1) << 4) + m;
        x[j + 16] = d * (float)((b[8 + j] >> 4) | (high >> (j + 16) & 1) << 4) + m;
    }
}

static void q8_0(const uint8_t *b, float *x) {
    float d = half_at(b);
    for (int j = 0; j < 32; j++) x[j] = d * (float)(int8_t)b[2 + j];
}

static void q2_k(const uint8_t *b, float *x) {
    const uint8_t *scales = b, *qs = b + 16;
    float d = half_at(b + 80), dmin = half_at(b + 82);
    for (int i = 0; i < 256; i++) {
        int n = i / 128, j = i % 128 / 32, l = i % 32;
        int q = qs[32 * n + l] >> 2 * j & 3, sc = scales[8 * n + 2 * j + (l >= 16)];
        x[i] = d * (float)(sc & 15) * (float)q - dmin * (float)(sc >> 4);
    }
}

static void q3_k(const uint8_t *b, float *x) {
    const uint8_t *hmask = b, *qs = b + 32, *s = b + 96;
    float d = half_at(b + 108), scale[16];
    for (int j = 0; j < 16; j++) {
        int low = j < 8 ? s[j] & 15 : s[j - 8] >> 4, high = s[8 + (j & 3)] >> 2 * (j >> 2) & 3;
        scale[j] = d * (float)((low | high << 4) - 32);
    }
    for (int i = 0; i < 256; i++) {
        int n = i / 128, j = i % 128 / 32, l = i % 32;
        int q = (qs[32 * n + l] >> 2 * j & 3) - (hmask[l] >> (4 * n + j) & 1 ? 0 : 4);
        x[i] = scale[8 * n + 2 * j + (l >= 16)] * (float)q;
    }
}

// The eight scales and minima of 6 bits of Q4_K and Q5_K.
static void k_scales(const uint8_t *b, float *scale, float *minimum) {
    float d = half_at(b), dmin = half_at(b + 2);
    const uint8_t *s = b + 4;
    for (int j = 0; j < 8; j++) {
        int sc = j < 4 ? s[j] & 63 : (s[j + 4] & 15) | s[j - 4] >> 6 << 4;
        int mn = j < 4 ? s[j + 4] & 63 : s[j + 4] >> 4 | s[j] >> 6 << 4;
        scale[j] = d * (float)sc;
        minimum[j] = dmin * (float)mn;
    }
}

static void q4_k(const uint8_t *b, float *x) {
    const uint8_t *qs = b + 16;
    float scale[8], minimum[8];
    k_scales(b, scale, minimum);
    for (int c = 0; c < 4; c++) {
        for (int l = 0; l < 32; l++) {
            x[64 * c + l] = scale[2 * c] * (float)(qs[32 * c + l] & 15) - minimum[2 * c];
            x[64 * c + 32 + l] = scale[2 * c + 1] * (float)(qs[32 * c + l] >> 4) - minimum[2 * c + 1];
        }
    }
}

static void q5_k(const uint8_t *b, float *x) {
    const uint8_t *qh = b + 16, *qs = b + 48;
    float scale[8], minimum[8];
    k_scales(b, scale, minimum);
    for (int c = 0; c < 4; c++) {
        for (int l = 0; l < 32; l++) {
            int low = (qs[32 * c + l] & 15) | (qh[l] >> 2 * c & 1) << 4;
            int high = qs[32 * c + l] >> 4 | (qh[l] >> (2 * c + 1) & 1) << 4;
            x[64 * c + l] = scale[2 * c] * (float)low - minimum[2 * c];
            x[64 * c + 32 + l] = scale[2 * c + 1] * (float)high - minimum[2 * c + 1];
        }
    }
}

static void q6_k(const uint8_t *b, float *x) {
    const uint8_t *ql = b, *qh = b + 128;
    const int8_t *scales = (const int8_t *)b + 192;
    float d = half_at(b + 208);
    for (int h = 0; h < 2; h++) {
        for (int l = 0; l < 32; l++) {
            int a = ql[64 * h + l], c = ql[64 * h + 32 + l], e = qh[32 * h + l];
            int q[4] = {(a & 15) | (e & 3) << 4, (c & 15) | (e >> 2 & 3) << 4, a >> 4 | (e >> 4 & 3) << 4, c >> 4 | e >> 6 << 4};
            for (int part = 0; part < 4; part++)
                x[128 * h + 32 * part + l] = d * (float)scales[8 * h + l / 16 + 2 * part] * (float)(q[part] - 32);
        }
    }
}

static void iq4_nl(const uint8_t *b, float *x) {
    float d = half_at(b);
    for (int j = 0; j < 16; j++) {
        x[j] = d * (float)iq4_values[b[2 + j] & 15];
        x[j + 16] = d * (float)iq4_values[b[2 + j] >> 4];
    }
}

static void iq4_xs(const uint8_t *b, float *x) {
    float d = half_at(b);
    uint16_t high = half_bits(b + 2);
    const uint8_t *low = b + 4, *qs = b + 8;
    for (int s = 0; s < 8; s++) {
        int scale = (low[s / 2] >> 4 * (s % 2) & 15) | (high >> 2 * s & 3) << 4;
        float ds = d * (float)(scale - 32);
        for (int j = 0; j < 16; j++) {
            x[32 * s + j] = ds * (float)iq4_values[qs[16 * s + j] & 15];
            x[32 * s + 16 + j] = ds * (float)iq4_values[qs[16 * s + j] >> 4];
        }
    }
}

static void mxfp4(const uint8_t *b, float *x) {
    // 2^(e − 128): the table holds doubled values; the two smallest exponents are subnormal.
    float d = attune_float_of_bits(b[0] < 2 ? 0x00200000u << b[0] : (uint32_t)(b[0] - 1) << 23);
    for (int j = 0; j < 16; j++) {
        x[j] = d * (float)mxfp4_values[b[1 + j] & 15];
        x[j + 16] = d * (float)mxfp4_values[b[1 + j] >> 4];
    }
}

#define EACH(function, elements, size) \
    for (int64_t i = 0; i < count / (elements); i++) function(b + i * (size), out + i * (elements)); \
    break

void attune_dequantize_blocks(int32_t type, const void *blocks, int64_t count, float *out) {
    const uint8_t *b = blocks;
    switch (type) {
        case BLOCK_F32: memcpy(out, b, (size_t)count * sizeof(float)); break;
        case BLOCK_F16:
            for (int64_t i = 0; i < count; i++) out[i] = half_at(b + 2 * i);
            break;
        case BLOCK_BF16:
            for (int64_t i = 0; i < count; i++) out[i] = attune_float_of_bits((uint32_t)half_bits(b + 2 * i) << 16);
            break;
        case BLOCK_Q4_0: EACH(q4_0, 32, 18);
        case BLOCK_Q4_1: EACH(q4_1, 32, 20);
        case BLOCK_Q5_0: EACH(q5_0, 32, 22);
        case BLOCK_Q5_1: EACH(q5_1, 32, 24);
        case BLOCK_Q8_0: EACH(q8_0, 32, 34);
        case BLOCK_Q2_K: EACH(q2_k, 256, 84);
        case BLOCK_Q3_K: EACH(q3_k, 256, 110);
        case BLOCK_Q4_K: EACH(q4_k, 256, 144);
        case BLOCK_Q5_K: EACH(q5_k, 256, 176);
        case BLOCK_Q6_K: EACH(q6_k, 256, 210);
        case BLOCK_IQ4_NL: EACH(iq4_nl, 32, 18);
        case BLOCK_IQ4_XS: EACH(iq4_xs, 256, 136);
        case BLOCK_MXFP4: EACH(mxfp4, 32, 17);
        default: break;
    }
}

void attune_dequantize(const attune_weight *w, int64_t first, int64_t count, float *out) {
    for (int64_t row = 0; row < count; row++)
        attune_dequantize_blocks(
            w->type, (const uint8_t *)w->bytes + (first + row) * w->row_bytes, w->columns, out + row * w->columns);
}

int64_t attune_cache_row_bytes(int32_t type, int64_t head_dimension) {
    return head_dimension / attune_block_elements(type) * attune_block_bytes(type);
}
