// Attune
// SPDX-License-Identifier: Apache-2.0

// What only float32 needs: norms and the optimiser. Included after the other parts.

typedef struct {
    const float *x;
    double *sums;
    int64_t count;
    atomic_int bad;
} FN(reduction);

static void FN(sum_of_squares_chunk)(void *context, int64_t chunk) {
#pragma clang fp reassociate(on) contract(fast)
    const FN(reduction) *p = context;
    const float *x = p->x;
    double sum = 0;
    FLAT_LOOP(i) sum += (double)x[i] * (double)x[i];
    p->sums[chunk] = sum;
}

static double FN(sum_of_squares)(const float *x, int64_t count) {
    int64_t chunks = attune_pieces(count, FN(FLAT));
    FN(reduction) p = {.x = x, .sums = attune_scratch(ARENA_JOB, (size_t)chunks * sizeof(double)), .count = count};
    attune_parallel(chunks, FN(sum_of_squares_chunk), &p);
    double sum = 0;
    for (int64_t chunk = 0; chunk < chunks; chunk++) sum += p.sums[chunk];
    return sum;
}

static void FN(is_finite_chunk)(void *context, int64_t chunk) {
    FN(reduction) *p = context;
    const uint32_t *bits = (const uint32_t *)p->x;
    uint32_t bad = 0;
    FLAT_LOOP(i) bad |= (bits[i] & 0x7F800000) == 0x7F800000;
    if (bad) atomic_store(&p->bad, 1);
}

static int32_t FN(is_finite)(const float *x, int64_t count) {
    FN(reduction) p = {.x = x, .count = count};
    attune_parallel(attune_pieces(count, FN(FLAT)), FN(is_finite_chunk), &p);
    return !atomic_load(&p.bad);
}

typedef struct {
    float keep, beta1, fresh1, beta2, fresh2, epsilon, gradient_scale, step_size, inverse_root;
} FN(adam_factors);

/// What a step multiplies with; in double first, so that 1 − β is exact to float32.
static FN(adam_factors) FN(factors)(const attune_adamw_settings *s) {
    double correction1 = 1 - pow(s->beta1, (double)s->step), correction2 = 1 - pow(s->beta2, (double)s->step);
    return (FN(adam_factors)){
        (float)(1 - s->rate * s->weight_decay), (float)s->beta1, (float)(1 - s->beta1), (float)s->beta2,
        (float)(1 - s->beta2), (float)s->epsilon, (float)s->gradient_scale, (float)(s->rate / correction1),
        (float)(1 / sqrt(correction2))};
}

/// The step on elements first..<last.
static inline __attribute__((always_inline)) void FN(adam_elements)(
    FN(adam_factors) c, float *restrict w, const float *restrict gradients, float *restrict m, float *restrict v,
    int64_t first, int64_t last) {
    for (int64_t i = first; i < last; i++) {
        float g = gradients[i] * c.gradient_scale;
        m[i] = c.beta1 * m[i] + c.fresh1 * g;
        v[i] = c.beta2 * v[i] + c.fresh2 * g * g;
        w[i] = w[i] * c.keep - c.step_size * m[i] / (SQRT(v[i]) * c.inverse_root + c.epsilon);
    }
}

typedef struct {
    FN(adam_factors) factors;
    float *parameters, *m, *v;
    const float *gradients;
    int64_t count;
} FN(adam);

static void FN(adamw_chunk)(void *context, int64_t chunk) {
    const FN(adam) *p = context;
    FN(adam_elements)(
        p->factors, p->parameters, p->gradients, p->m, p->v, chunk * FN(FLAT),
        attune_min((chunk + 1) * FN(FLAT), p->count));
}

static void FN(adamw)(
    float *parameters, const float *gradients, float *m, float *v, int64_t count,
    const attune_adamw_settings *settings) {
    FN(adam) p = {FN(factors)(settings), parameters, m, v, gradients, count};
    attune_parallel(attune_pieces(count, FN(FLAT)), FN(adamw_chunk), &p);
}
