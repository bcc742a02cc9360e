// Attune
// SPDX-License-Identifier: Apache-2.0

// AdamW with moments of 8 bits. Included after optimiser.inc.h.

/// The code of the value nearest to x in −1...1; halfway between two it is the lower one.
static inline __attribute__((always_inline)) uint8_t FN(nearest_code)(const attune_dynamic_map *map, float x) {
#ifdef WIDTH
    uint32_t bits = attune_bits_of_float(x), bin = (bits & 0x7FFFFFFF) >> 16;
    uint8_t code = map->first[bits >> 31][(bin > MAP_LOWEST ? bin : MAP_LOWEST) - MAP_LOWEST];
    return (uint8_t)(code + (x > map->bounds[code]));
#else
    int code = 0;
    for (int half = 128; half; half /= 2) code += x > map->bounds[code + half - 1] ? half : 0;
    return (uint8_t)code;
#endif
}

/// Elements of one block as float32.
static void FN(expand_moment)(
    const attune_dynamic_map *map, const uint8_t *codes, float scale, int64_t count, float *values) {
    for (int64_t i = 0; i < count; i++) values[i] = map->values[codes[i]] * scale;
}

/// Codes of one block, and max|x| as its scale.
static void FN(round_moment)(
    const attune_dynamic_map *map, const float *values, int64_t count, uint8_t *codes, float *scale) {
    // Bits of magnitudes are ordered as the magnitudes are, and integers can be compared in any order.
    uint32_t largest = 0;
    for (int64_t i = 0; i < count; i++) {
        uint32_t bits = attune_bits_of_float(values[i]) & 0x7FFFFFFF;
        largest = bits > largest ? bits : largest;
    }
    *scale = attune_float_of_bits(largest);
    // Below this, 1 / scale would not be finite; what is so small has the code of 0.
    float inverse = 1 / (*scale > 1e-38f ? *scale : 1e-38f);
    for (int64_t i = 0; i < count; i++) {
        float x = values[i] * inverse;
        x = x < 1 ? x : 1;  // so is NaN: it must not choose a bin
        codes[i] = FN(nearest_code)(map, x > -1 ? x : -1);
    }
}

typedef struct {
    FN(adam_factors) factors;
    float *parameters;
    const float *gradients;
    const attune_moment *m, *v;
    const attune_moment_piece *pieces;
    const attune_dynamic_map *signed_map, *unsigned_map;
} FN(adam_8bit);

static void FN(adamw_8bit_chunk)(void *context, int64_t chunk) {
    const FN(adam_8bit) *p = context;
    const attune_moment *m = p->m, *v = p->v;
    attune_moment_piece piece = p->pieces[chunk];
    float *w = p->parameters + piece.first;
    const float *gradients = p->gradients + piece.first;
    if (piece.block < 0) {
        FN(adam_elements)(p->factors, w, gradients, m->floats + piece.state, v->floats + piece.state, 0, piece.count);
        return;
    }
    float wide_m[ATTUNE_MOMENT_BLOCK], wide_v[ATTUNE_MOMENT_BLOCK];
    for (int64_t i = 0, block = piece.block; i < piece.count; i += ATTUNE_MOMENT_BLOCK, block++) {
        int64_t count = attune_min(ATTUNE_MOMENT_BLOCK, piece.count - i);
        uint8_t *m_codes = m->codes + piece.state + i, *v_codes = v->codes + piece.state + i;
        FN(expand_moment)(p->signed_map, m_codes, m->scales[block], count, wide_m);
        FN(expand_moment)(p->unsigned_map, v_codes, v->scales[block], count, wide_v);
        FN(adam_elements)(p->factors, w + i, gradients + i, wide_m, wide_v, 0, count);
        FN(round_moment)(p->signed_map, wide_m, count, m_codes, m->scales + block);
        FN(round_moment)(p->unsigned_map, wide_v, count, v_codes, v->scales + block);
    }
}

static void FN(adamw_8bit)(
    float *parameters, const float *gradients, const attune_moment *m, const attune_moment *v,
    const attune_moment_piece *pieces, int64_t piece_count, const attune_adamw_settings *settings) {
    FN(adam_8bit) p = {
        FN(factors)(settings), parameters, gradients, m, v, pieces, attune_dynamic_map_of(1),
        attune_dynamic_map_of(0)};
    attune_parallel(piece_count, FN(adamw_8bit_chunk), &p);
}
