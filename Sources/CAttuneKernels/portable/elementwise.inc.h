// Attune
// SPDX-License-Identifier: Apache-2.0

// Operations on rows and single elements, for REAL numbers. Included with REAL, EXP, SQRT and FN(name) defined; the
// loops are written so that the compiler makes vectors of them.

enum { FN(FLAT) = 16384 };

typedef struct {
    const REAL *x, *dy, *weight;
    REAL *y, *r;
    REAL epsilon;
    int64_t rows, columns;
} FN(norm);

static void FN(rms_norm_chunk)(void *context, int64_t chunk) {
#pragma clang fp reassociate(on) contract(fast)
    const FN(norm) *p = context;
    int64_t size = attune_chunk_rows(p->columns), last = attune_min((chunk + 1) * size, p->rows), D = p->columns;
    for (int64_t t = chunk * size; t < last; t++) {
        const REAL *x = p->x + t * D, *weight = p->weight;
        REAL *y = p->y + t * D, sum = 0;
        for (int64_t i = 0; i < D; i++) sum += x[i] * x[i];
        REAL r = 1 / SQRT(sum / (REAL)D + p->epsilon);
        p->r[t] = r;
        for (int64_t i = 0; i < D; i++) y[i] = weight[i] * (x[i] * r);
    }
}

static void FN(rms_norm)(
    const void *x, const void *weight, double epsilon, void *y, void *r, int64_t rows, int64_t columns) {
    FN(norm) p = {x, NULL, weight, y, r, (REAL)epsilon, rows, columns};
    attune_parallel(attune_pieces(rows, attune_chunk_rows(columns)), FN(rms_norm_chunk), &p);
}

static void FN(rms_norm_backward_chunk)(void *context, int64_t chunk) {
#pragma clang fp reassociate(on) contract(fast)
    const FN(norm) *p = context;
    int64_t size = attune_chunk_rows(p->columns), last = attune_min((chunk + 1) * size, p->rows), D = p->columns;
    for (int64_t t = chunk * size; t < last; t++) {
        const REAL *x = p->x + t * D, *dy = p->dy + t * D, *weight = p->weight;
        REAL *dx = p->y + t * D, sum = 0, r = p->r[t];
        for (int64_t i = 0; i < D; i++) sum += dy[i] * weight[i] * x[i];
        REAL factor = r * r * r / (REAL)D * sum;
        for (int64_t i = 0; i < D; i++) dx[i] += r * dy[i] * weight[i] - x[i] * factor;
    }
}

static void FN(rms_norm_backward)(
    const void *dy, const void *x, const void *weight, const void *r, void *dx, int64_t rows, int64_t columns) {
    FN(norm) p = {x, dy, weight, dx, (REAL *)r, 0, rows, columns};
    attune_parallel(attune_pieces(rows, attune_chunk_rows(columns)), FN(rms_norm_backward_chunk), &p);
}

typedef struct {
    REAL *x;
    int64_t rows, columns, head_dimension, pairs;
    const int32_t *positions;
    const REAL *cosines, *sines;
    int adjacent;
    REAL direction;
} FN(rotation);

static void FN(rotate_chunk)(void *context, int64_t chunk) {
    const FN(rotation) *p = context;
    int64_t size = attune_chunk_rows(p->columns), last = attune_min((chunk + 1) * size, p->rows);
    for (int64_t t = chunk * size; t < last; t++) {
        const REAL *c = p->cosines + p->positions[t] * p->pairs, *s = p->sines + p->positions[t] * p->pairs;
        for (int64_t start = 0; start < p->columns; start += p->head_dimension) {
            REAL *x = p->x + t * p->columns + start;
            int64_t step = p->adjacent ? 2 : 1, other = p->adjacent ? 1 : p->pairs;
            for (int64_t i = 0; i < p->pairs; i++) {
                REAL a = x[i * step], b = x[i * step + other], sine = s[i] * p->direction;
                x[i * step] = a * c[i] - b * sine;
                x[i * step + other] = a * sine + b * c[i];
            }
        }
    }
}

static void FN(rotate)(
    void *x, int64_t rows, int64_t columns, int64_t head_dimension, const int32_t *positions, const void *cosines,
    const void *sines, int64_t pairs, int adjacent, int inverse) {
    FN(rotation) p = {x, rows, columns, head_dimension, pairs, positions, cosines, sines, adjacent, inverse ? -1 : 1};
    attune_parallel(attune_pieces(rows, attune_chunk_rows(columns)), FN(rotate_chunk), &p);
}

typedef struct {
    const REAL *x, *gate, *up;
    REAL *y, *d_gate, *d_up;
    int64_t count;
    REAL factor;
    uint64_t key;
    uint32_t threshold;
} FN(flat);

#define FLAT_LOOP(i) \
    for (int64_t i = chunk * FN(FLAT), end = attune_min(i + FN(FLAT), p->count); i < end; i++)

static void FN(swiglu_chunk)(void *context, int64_t chunk) {
#pragma clang fp contract(fast)
    const FN(flat) *p = context;
    const REAL *restrict gate = p->gate, *restrict up = p->up;
    REAL *y = p->y;
    FLAT_LOOP(i) y[i] = gate[i] * up[i] / (1 + EXP(-gate[i]));
}

static void FN(swiglu)(const void *gate, const void *up, void *h, int64_t count) {
    FN(flat) p = {.gate = gate, .up = up, .y = h, .count = count};
    attune_parallel(attune_pieces(count, FN(FLAT)), FN(swiglu_chunk), &p);
}

static void FN(swiglu_backward_chunk)(void *context, int64_t chunk) {
#pragma clang fp contract(fast)
    const FN(flat) *p = context;
    enum { BLOCK = 256 };
    REAL d_gate[BLOCK], d_up[BLOCK];  // the results may lie on the operands: finish a block before storing it
    int64_t last = attune_min((chunk + 1) * FN(FLAT), p->count);
    for (int64_t first = chunk * FN(FLAT); first < last; first += BLOCK) {
        int64_t n = attune_min(BLOCK, last - first);
        const REAL *dh = p->x + first, *gate = p->gate + first, *up = p->up + first;
        for (int64_t i = 0; i < n; i++) {
            REAL sigma = 1 / (1 + EXP(-gate[i]));
            d_gate[i] = dh[i] * up[i] * sigma * (1 + gate[i] * (1 - sigma));
            d_up[i] = dh[i] * gate[i] * sigma;
        }
        for (int64_t i = 0; i < n; i++) p->d_gate[first + i] = d_gate[i];
        for (int64_t i = 0; i < n; i++) p->d_up[first + i] = d_up[i];
    }
}

static void FN(swiglu_backward)(
    const void *dh, const void *gate, const void *up, void *d_gate, void *d_up, int64_t count) {
    FN(flat) p = {.x = dh, .gate = gate, .up = up, .d_gate = d_gate, .d_up = d_up, .count = count};
    attune_parallel(attune_pieces(count, FN(FLAT)), FN(swiglu_backward_chunk), &p);
}

static void FN(add_chunk)(void *context, int64_t chunk) {
    const FN(flat) *p = context;
    const REAL *x = p->x;
    REAL *y = p->y;
    FLAT_LOOP(i) y[i] += x[i];
}

static void FN(add)(const void *x, void *y, int64_t count) {
    FN(flat) p = {.x = x, .y = y, .count = count};
    attune_parallel(attune_pieces(count, FN(FLAT)), FN(add_chunk), &p);
}

static void FN(scale_chunk)(void *context, int64_t chunk) {
    const FN(flat) *p = context;
    REAL *y = p->y, factor = p->factor;
    FLAT_LOOP(i) y[i] *= factor;
}

static void FN(scale)(void *y, double factor, int64_t count) {
    FN(flat) p = {.y = y, .count = count, .factor = (REAL)factor};
    attune_parallel(attune_pieces(count, FN(FLAT)), FN(scale_chunk), &p);
}

static void FN(dropout_chunk)(void *context, int64_t chunk) {
    const FN(flat) *p = context;
    const REAL *x = p->x;
    REAL *y = p->y, factor = p->factor;
    uint64_t key = p->key;
    uint32_t threshold = p->threshold;
    FLAT_LOOP(i) {
        uint32_t bits = (uint32_t)(attune_random_bits(key, (uint64_t)i) >> 32);
        y[i] = bits < threshold ? 0 : x[i] * factor;
    }
}

static void FN(dropout)(const void *x, void *y, int64_t count, double rate, uint64_t key) {
    double threshold = rate * 0x1p32;
    FN(flat) p = {
        .x = x, .y = y, .count = count, .factor = (REAL)(1 / (1 - rate)), .key = key,
        .threshold = threshold >= 0xFFFFFFFFp0 ? 0xFFFFFFFFu : (uint32_t)threshold};
    attune_parallel(attune_pieces(count, FN(FLAT)), FN(dropout_chunk), &p);
}

typedef struct {
    REAL *z;
    const int32_t *targets;
    double *losses;
    int64_t rows, columns;
    REAL scale;
} FN(entropy);

static void FN(cross_entropy_chunk)(void *context, int64_t chunk) {
#pragma clang fp reassociate(on) contract(fast)
    const FN(entropy) *p = context;
    enum { BLOCK = 512, LANES = 16 };
    REAL *z = p->z + chunk * p->columns, largest = z[0], target = z[p->targets[chunk]];
    int64_t whole = p->columns / LANES * LANES;
    REAL part_largest[LANES];  // several at once, because a single chain of comparisons is slow
    for (int j = 0; j < LANES; j++) part_largest[j] = z[0];
    for (int64_t i = 0; i < whole; i += LANES)
        for (int j = 0; j < LANES; j++) part_largest[j] = z[i + j] > part_largest[j] ? z[i + j] : part_largest[j];
    for (int j = 0; j < LANES; j++) largest = part_largest[j] > largest ? part_largest[j] : largest;
    for (int64_t i = whole; i < p->columns; i++) largest = z[i] > largest ? z[i] : largest;
    double sum = 0;
    for (int64_t first = 0; first < p->columns; first += BLOCK) {
        int64_t last = attune_min(first + BLOCK, p->columns);
        REAL part = 0;
        if (p->scale != 0) {
            for (int64_t i = first; i < last; i++) part += z[i] = EXP(z[i] - largest);
        } else {
            for (int64_t i = first; i < last; i++) part += EXP(z[i] - largest);
        }
        sum += (double)part;
    }
    p->losses[chunk] = log(sum) + (double)largest - (double)target;
    if (p->scale == 0) return;
    REAL factor = (REAL)((double)p->scale / sum);
    for (int64_t i = 0; i < p->columns; i++) z[i] *= factor;
    z[p->targets[chunk]] -= p->scale;
}

static double FN(cross_entropy)(
    void *logits, const int32_t *targets, int64_t rows, int64_t columns, double scale) {
    double *losses = attune_scratch(ARENA_JOB, (size_t)rows * sizeof(double)), sum = 0;
    FN(entropy) p = {logits, targets, losses, rows, columns, (REAL)scale};
    attune_parallel(rows, FN(cross_entropy_chunk), &p);
    for (int64_t t = 0; t < rows; t++) sum += losses[t];
    return sum;
}
