// Attune
// SPDX-License-Identifier: Apache-2.0

// Keys and values kept between tokens, by their definition: the oracle of every faster way to store and to use them.
// Included with FN(name) defined, for float alone.

/// IEEE half precision nearest to x, ties to even; what is too large becomes the largest.
static uint16_t half_of_float(float x) {
    x = x > 65504 ? 65504 : x < -65504 ? -65504 : x;
    uint32_t bits = attune_bits_of_float(x), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7FFFFFFF;
    if (magnitude > 0x7F800000) return (uint16_t)(sign | 0x7E00);
    // Below the smallest normal half, one unit is 2^-24, which adding 1/2 brings to the end of the fraction.
    if (magnitude < 0x38800000) {
        uint32_t shifted = attune_bits_of_float(attune_float_of_bits(magnitude) + 0.5f);
        return (uint16_t)(sign | (shifted - 0x3F000000));
    }
    return (uint16_t)(sign | (magnitude - 0x38000000 + 0xFFF + (magnitude >> 13 & 1)) >> 13);
}

static void store_row(int32_t type, const float *x, int64_t count, uint8_t *out) {
    int64_t size = attune_block_elements(type);
    for (int64_t i = 0; i < count; i += size, out += attune_block_bytes(type)) {
        if (type == BLOCK_F32) {
            __builtin_memcpy(out, x + i, sizeof(float));
        } else if (type == BLOCK_F16) {
            uint16_t half = half_of_float(x[i]);
            __builtin_memcpy(out, &half, sizeof half);
        } else {
            float largest = 0, nothing = 0;
            for (int64_t j = i; j < i + size; j++) {
                if (fabsf(x[j]) > largest) largest = fabsf(x[j]);
                nothing += x[j] * 0;  // NaN if an element is not finite, so that the block's scale tells
            }
            float d = largest / 127, inverse = d > 0 ? 1 / d : 0;
            uint16_t half = half_of_float(d + nothing);
            __builtin_memcpy(out, &half, sizeof half);
            for (int64_t j = 0; j < size; j++) {
                float q = rintf(x[i + j] * inverse);
                out[2 + j] = (uint8_t)(int8_t)(q > 127 ? 127 : q >= -127 ? q : -127);
            }
        }
    }
}

static void FN(cache_store)(const attune_cached_span *spans, int64_t count, const float *k, const float *v) {
    for (const attune_cached_span *s = spans; s < spans + count; s++) {
        int64_t hd = s->head_dimension, bytes = attune_cache_row_bytes(s->type, hd);
        for (int64_t i = 0; i < s->rows * s->key_value_heads; i++, k += hd, v += hd) {
            int64_t to = i % s->key_value_heads * s->capacity + s->first + i / s->key_value_heads;
            store_row(s->type, k, hd, (uint8_t *)s->keys + to * bytes);
            store_row(s->type, v, hd, (uint8_t *)s->values + to * bytes);
        }
    }
}

typedef struct {
    const attune_cached_span *span;
    const float *q;
    float *o;
    int64_t heads;
    float scale;
} attending;

// A chunk is one head of one row.
static void attend(void *context, int64_t chunk) {
    const attending *p = context;
    const attune_cached_span *s = p->span;
    int64_t hd = s->head_dimension, bytes = attune_cache_row_bytes(s->type, hd);
    int64_t h = chunk % p->heads, seen = s->first + chunk / p->heads + 1;
    int64_t row = h / (p->heads / s->key_value_heads) * s->capacity;
    const float *q = p->q + chunk * hd;
    float *weights = attune_scratch(ARENA_CHUNK, (size_t)(seen + hd) * sizeof(float));
    float *o = p->o + chunk * hd, *x = weights + seen;
    float largest = -INFINITY, sum = 0;
    for (int64_t j = 0; j < seen; j++) {
        attune_dequantize_blocks(s->type, (const uint8_t *)s->keys + (row + j) * bytes, hd, x);
        float dot = 0;
        for (int64_t d = 0; d < hd; d++) dot += q[d] * x[d];
        weights[j] = p->scale * dot;
        if (weights[j] > largest) largest = weights[j];
    }
    for (int64_t d = 0; d < hd; d++) o[d] = 0;
    for (int64_t j = 0; j < seen; j++) {
        float weight = expf(weights[j] - largest);
        sum += weight;
        attune_dequantize_blocks(s->type, (const uint8_t *)s->values + (row + j) * bytes, hd, x);
        for (int64_t d = 0; d < hd; d++) o[d] += weight * x[d];
    }
    for (int64_t d = 0; d < hd; d++) o[d] /= sum;
}

static void FN(cached_attention)(
    const attune_cached_span *spans, int64_t count, int64_t heads, const float *q, float scale, float *o) {
    for (const attune_cached_span *s = spans; s < spans + count; s++) {
        attending p = {s, q, o, heads, scale};
        attune_parallel(s->rows * heads, attend, &p);
        q += s->rows * heads * s->head_dimension;
        o += s->rows * heads * s->head_dimension;
    }
}
