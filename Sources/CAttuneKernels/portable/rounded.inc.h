// Attune
// SPDX-License-Identifier: Apache-2.0

// Operations on rows and single elements between float32 and bfloat16 activations. Included with EXP and FN(name)
// defined; the loops are written so that the compiler makes vectors of them.

static inline float FN(wide)(uint16_t x) { return attune_float_of_bits((uint32_t)x << 16); }

/// To nearest, ties to even; NaN stays NaN because its payload cannot carry over into the sign.
static inline uint16_t FN(narrow)(float x) {
    uint32_t bits = attune_bits_of_float(x), rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
    return (uint16_t)((bits & 0x7FFFFFFF) > 0x7F800000 ? bits >> 16 | 0x40 : rounded);
}

typedef struct {
    const float *x, *weight, *dy;
    const uint16_t *saved;
    uint16_t *y, *kept;
    float *r, *dx, epsilon;
    int64_t rows, columns;
} FN(rounded_norm);

static void FN(rounded_rms_norm_chunk)(void *context, int64_t chunk) {
#pragma clang fp reassociate(on) contract(fast)
    const FN(rounded_norm) *p = context;
    int64_t size = attune_chunk_rows(p->columns), last = attune_min((chunk + 1) * size, p->rows), D = p->columns;
    for (int64_t t = chunk * size; t < last; t++) {
        const float *restrict x = p->x + t * D, *restrict weight = p->weight;
        uint16_t *restrict y = p->y + t * D;
        float sum = 0;
        for (int64_t i = 0; i < D; i++) sum += x[i] * x[i];
        float r = 1 / sqrtf(sum / (float)D + p->epsilon);
        p->r[t] = r;
        for (int64_t i = 0; i < D; i++) y[i] = FN(narrow)(weight[i] * (x[i] * r));
        if (!p->kept) continue;
        uint16_t *restrict kept = p->kept + t * D;
        for (int64_t i = 0; i < D; i++) kept[i] = FN(narrow)(x[i]);
    }
}

static void FN(rounded_rms_norm)(
    const float *x, const float *weight, float epsilon, uint16_t *y, float *r, uint16_t *kept, int64_t rows,
    int64_t columns) {
    FN(rounded_norm) p = {
        .x = x, .weight = weight, .y = y, .r = r, .kept = kept, .epsilon = epsilon, .rows = rows, .columns = columns};
    attune_parallel(attune_pieces(rows, attune_chunk_rows(columns)), FN(rounded_rms_norm_chunk), &p);
}

static void FN(rounded_rms_apply_chunk)(void *context, int64_t chunk) {
    const FN(rounded_norm) *p = context;
    int64_t size = attune_chunk_rows(p->columns), last = attune_min((chunk + 1) * size, p->rows), D = p->columns;
    for (int64_t t = chunk * size; t < last; t++) {
        const uint16_t *restrict x = p->saved + t * D;
        const float *restrict weight = p->weight;
        uint16_t *restrict y = p->y + t * D;
        float r = p->r[t];
        for (int64_t i = 0; i < D; i++) y[i] = FN(narrow)(weight[i] * (FN(wide)(x[i]) * r));
    }
}

static void FN(rounded_rms_apply)(
    const uint16_t *x, const float *weight, const float *r, uint16_t *y, int64_t rows, int64_t columns) {
    FN(rounded_norm) p = {.saved = x, .weight = weight, .y = y, .r = (float *)r, .rows = rows, .columns = columns};
    attune_parallel(attune_pieces(rows, attune_chunk_rows(columns)), FN(rounded_rms_apply_chunk), &p);
}

static void FN(rounded_rms_norm_backward_chunk)(void *context, int64_t chunk) {
#pragma clang fp reassociate(on) contract(fast)
    const FN(rounded_norm) *p = context;
    int64_t size = attune_chunk_rows(p->columns), last = attune_min((chunk + 1) * size, p->rows), D = p->columns;
    for (int64_t t = chunk * size; t < last; t++) {
        const uint16_t *restrict x = p->saved + t * D;
        const float *restrict dy = p->dy + t * D, *restrict weight = p->weight;
        float *restrict dx = p->dx + t * D;
        float sum = 0, r = p->r[t];
        for (int64_t i = 0; i < D; i++) sum += dy[i] * weight[i] * FN(wide)(x[i]);
        float factor = r * r * r / (float)D * sum;
        for (int64_t i = 0; i < D; i++) dx[i] += r * dy[i] * weight[i] - FN(wide)(x[i]) * factor;
    }
}

static void FN(rounded_rms_norm_backward)(
    const float *dy, const uint16_t *x, const float *weight, const float *r, float *dx, int64_t rows,
    int64_t columns) {
    FN(rounded_norm) p = {
        .saved = x, .dy = dy, .weight = weight, .dx = dx, .r = (float *)r, .rows = rows, .columns = columns};
    attune_parallel(attune_pieces(rows, attune_chunk_rows(columns)), FN(rounded_rms_norm_backward_chunk), &p);
}

typedef struct {
    const uint16_t *x, *gate, *up;
    const float *wide;
    float *y;
    uint16_t *h, *d_gate, *d_up;
    int64_t count;
} FN(rounded_flat);

static void FN(rounded_swiglu_chunk)(void *context, int64_t chunk) {
#pragma clang fp contract(fast)
    const FN(rounded_flat) *p = context;
    const uint16_t *restrict gate = p->gate, *restrict up = p->up;
    uint16_t *restrict h = p->h;
    FLAT_LOOP(i) {
        float g = FN(wide)(gate[i]);
        h[i] = FN(narrow)(g * FN(wide)(up[i]) / (1 + EXP(-g)));
    }
}

static void FN(rounded_swiglu)(const uint16_t *gate, const uint16_t *up, uint16_t *h, int64_t count) {
    FN(rounded_flat) p = {.gate = gate, .up = up, .h = h, .count = count};
    attune_parallel(attune_pieces(count, FN(FLAT)), FN(rounded_swiglu_chunk), &p);
}

static void FN(rounded_swiglu_backward_chunk)(void *context, int64_t chunk) {
#pragma clang fp contract(fast)
    const FN(rounded_flat) *p = context;
    enum { BLOCK = 256 };
    // The results may lie on the operands: finish a block before storing it.
    uint16_t d_gate[BLOCK], d_up[BLOCK], h[BLOCK];
    int64_t last = attune_min((chunk + 1) * FN(FLAT), p->count);
    for (int64_t first = chunk * FN(FLAT); first < last; first += BLOCK) {
        int64_t n = attune_min(BLOCK, last - first);
        const uint16_t *x = p->x + first, *gate = p->gate + first, *up = p->up + first;
        for (int64_t i = 0; i < n; i++) {
            float g = FN(wide)(gate[i]), u = FN(wide)(up[i]), dh = FN(wide)(x[i]), sigma = 1 / (1 + EXP(-g));
            d_gate[i] = FN(narrow)(dh * u * sigma * (1 + g * (1 - sigma)));
            d_up[i] = FN(narrow)(dh * g * sigma);
            h[i] = FN(narrow)(g * u * sigma);
        }
        if (p->h) __builtin_memcpy(p->h + first, h, (size_t)n * 2);
        __builtin_memcpy(p->d_gate + first, d_gate, (size_t)n * 2);
        __builtin_memcpy(p->d_up + first, d_up, (size_t)n * 2);
    }
}

static void FN(rounded_swiglu_backward)(
    const uint16_t *dh, const uint16_t *gate, const uint16_t *up, uint16_t *d_gate, uint16_t *d_up, uint16_t *h,
    int64_t count) {
    FN(rounded_flat) p = {
        .x = dh, .gate = gate, .up = up, .d_gate = d_gate, .d_up = d_up, .h = h, .count = count};
    attune_parallel(attune_pieces(count, FN(FLAT)), FN(rounded_swiglu_backward_chunk), &p);
}

static void FN(round_chunk_of)(void *context, int64_t chunk) {
    const FN(rounded_flat) *p = context;
    const float *restrict x = p->wide;
    uint16_t *restrict y = p->h;
    FLAT_LOOP(i) y[i] = FN(narrow)(x[i]);
}

static void FN(round)(const float *x, uint16_t *y, int64_t count) {
    FN(rounded_flat) p = {.wide = x, .h = y, .count = count};
    attune_parallel(attune_pieces(count, FN(FLAT)), FN(round_chunk_of), &p);
}

static void FN(widen_chunk)(void *context, int64_t chunk) {
    const FN(rounded_flat) *p = context;
    const uint16_t *restrict x = p->x;
    float *restrict y = p->y;
    FLAT_LOOP(i) y[i] = FN(wide)(x[i]);
}

static void FN(widen)(const uint16_t *x, float *y, int64_t count) {
    FN(rounded_flat) p = {.x = x, .y = y, .count = count};
    attune_parallel(attune_pieces(count, FN(FLAT)), FN(widen_chunk), &p);
}

static void FN(rounded_add_chunk)(void *context, int64_t chunk) {
    const FN(rounded_flat) *p = context;
    const float *restrict x = p->wide;
    uint16_t *restrict y = p->h;
    FLAT_LOOP(i) y[i] = FN(narrow)(FN(wide)(y[i]) + x[i]);
}

static void FN(rounded_add)(const float *x, uint16_t *y, int64_t count) {
    FN(rounded_flat) p = {.wide = x, .h = y, .count = count};
    attune_parallel(attune_pieces(count, FN(FLAT)), FN(rounded_add_chunk), &p);
}

// A chunk is one row, whose numbers in bfloat16 take the first half of its place.
static void FN(round_row_chunk)(void *context, int64_t chunk) {
    const FN(rounded_norm) *p = context;
    enum { BLOCK = 512 };
    const float *x = p->dx + chunk * p->columns;
    uint16_t *y = (uint16_t *)(p->dx + chunk * p->columns), block[BLOCK];
    for (int64_t first = 0; first < p->columns; first += BLOCK) {
        int64_t n = attune_min(BLOCK, p->columns - first);
        for (int64_t i = 0; i < n; i++) block[i] = FN(narrow)(x[first + i]);
        __builtin_memcpy(y + first, block, (size_t)n * sizeof(uint16_t));
    }
}

static void FN(round_rows)(float *x, int64_t rows, int64_t columns) {
    FN(rounded_norm) p = {.dx = x, .rows = rows, .columns = columns};
    attune_parallel(rows, FN(round_row_chunk), &p);
}

typedef struct {
    const float *x;
    uint16_t *y;
    int64_t rows, columns, head_dimension, pairs;
    const int32_t *positions;
    const float *cosines, *sines;
    int adjacent;
    float direction;
} FN(rounded_rotation);

static void FN(rounded_rotate_chunk)(void *context, int64_t chunk) {
    const FN(rounded_rotation) *p = context;
    int64_t size = attune_chunk_rows(p->columns), last = attune_min((chunk + 1) * size, p->rows);
    for (int64_t t = chunk * size; t < last; t++) {
        const float *restrict c = p->cosines + p->positions[t] * p->pairs;
        const float *restrict s = p->sines + p->positions[t] * p->pairs;
        for (int64_t start = 0; start < p->columns; start += p->head_dimension) {
            const float *restrict x = p->x + t * p->columns + start;
            uint16_t *restrict y = p->y + t * p->columns + start;
            int64_t step = p->adjacent ? 2 : 1, other = p->adjacent ? 1 : p->pairs;
            for (int64_t i = 0; i < p->pairs; i++) {
                float a = x[i * step], b = x[i * step + other], sine = s[i] * p->direction;
                y[i * step] = FN(narrow)(a * c[i] - b * sine);
                y[i * step + other] = FN(narrow)(a * sine + b * c[i]);
            }
            for (int64_t i = 2 * p->pairs; i < p->head_dimension; i++) y[i] = FN(narrow)(x[i]);
        }
    }
}

static void FN(rounded_rotate)(
    const float *x, uint16_t *y, int64_t rows, int64_t columns, int64_t head_dimension, const int32_t *positions,
    const float *cosines, const float *sines, int64_t pairs, int adjacent, int inverse) {
    FN(rounded_rotation) p = {
        x, y, rows, columns, head_dimension, pairs, positions, cosines, sines, adjacent, inverse ? -1 : 1};
    attune_parallel(attune_pieces(rows, attune_chunk_rows(columns)), FN(rounded_rotate_chunk), &p);
}
