// Attune
// SPDX-License-Identifier: Apache-2.0

// Attention by its definition, for REAL numbers: the oracle. Included with REAL, EXP, LOG and FN(name) defined.

typedef struct {
    attune_attention_shape s;
    const REAL *d_o, *q, *k, *v, *o, *l;
    REAL *out, *out_l, *dq, *dk, *dv;
} FN(attending);

static inline REAL FN(dot)(const REAL *a, const REAL *b, int64_t count) {
    REAL sum = 0;
    for (int64_t i = 0; i < count; i++) sum += a[i] * b[i];
    return sum;
}

/// One row: scores of `count` keys, `step` elements apart, to the mix of the values; returns log Σ exp.
static REAL FN(attend)(
    const REAL *q, const REAL *keys, const REAL *values, int64_t step, int64_t count, int64_t hd, REAL scale, REAL *o) {
    REAL *p = attune_scratch(ARENA_CHUNK, (size_t)count * sizeof(REAL));
    REAL largest = -INFINITY, sum = 0;
    for (int64_t j = 0; j < count; j++) {
        p[j] = scale * FN(dot)(q, keys + j * step, hd);
        if (p[j] > largest) largest = p[j];
    }
    for (int64_t d = 0; d < hd; d++) o[d] = 0;
    for (int64_t j = 0; j < count; j++) {
        REAL weight = EXP(p[j] - largest);
        sum += weight;
        for (int64_t d = 0; d < hd; d++) o[d] += weight * values[j * step + d];
    }
    for (int64_t d = 0; d < hd; d++) o[d] /= sum;
    return largest + LOG(sum);
}

// A chunk is one head of one segment.
static void FN(attention_chunk)(void *context, int64_t chunk) {
    const FN(attending) *p = context;
    int64_t H = p->s.heads, K = p->s.key_value_heads, hd = p->s.head_dimension;
    int64_t segment = chunk / H, h = chunk % H, kv = h / (H / K);
    int64_t first = p->s.bounds[2 * segment], last = p->s.bounds[2 * segment + 1];
    for (int64_t i = first; i < last; i++) {
        int64_t at = i * H * hd + h * hd, keys = first * K * hd + kv * hd;
        p->out_l[i * H + h] = FN(attend)(
            p->q + at, p->k + keys, p->v + keys, K * hd, i - first + 1, hd, (REAL)p->s.scale, p->out + at);
    }
}

static void FN(attention)(
    const attune_attention_shape *shape, const void *q, const void *k, const void *v, void *o, void *l) {
    FN(attending) p = {.s = *shape, .q = q, .k = k, .v = v, .out = o, .out_l = l};
    attune_parallel(shape->segments * shape->heads, FN(attention_chunk), &p);
}

// A chunk is one key-value head of one segment, so that nobody else adds to its dK and dV.
static void FN(attention_backward_chunk)(void *context, int64_t chunk) {
    const FN(attending) *p = context;
    int64_t H = p->s.heads, K = p->s.key_value_heads, hd = p->s.head_dimension;
    int64_t segment = chunk / K, kv = chunk % K, group = H / K;
    int64_t first = p->s.bounds[2 * segment], last = p->s.bounds[2 * segment + 1];
    REAL scale = (REAL)p->s.scale;
    for (int64_t j = first; j < last; j++)
        for (int64_t d = 0; d < hd; d++) p->dk[j * K * hd + kv * hd + d] = p->dv[j * K * hd + kv * hd + d] = 0;
    for (int64_t h = kv * group; h < (kv + 1) * group; h++) {
        for (int64_t i = first; i < last; i++) {
            int64_t at = i * H * hd + h * hd;
            const REAL *d_o = p->d_o + at, *q = p->q + at;
            REAL *dq = p->dq + at, D = FN(dot)(d_o, p->o + at, hd), l = p->l[i * H + h];
            for (int64_t d = 0; d < hd; d++) dq[d] = 0;
            for (int64_t j = first; j <= i; j++) {
                int64_t key = j * K * hd + kv * hd;
                REAL weight = EXP(scale * FN(dot)(q, p->k + key, hd) - l);
                REAL ds = scale * weight * (FN(dot)(d_o, p->v + key, hd) - D);
                for (int64_t d = 0; d < hd; d++) {
                    p->dv[key + d] += weight * d_o[d];
                    p->dk[key + d] += ds * q[d];
                    dq[d] += ds * p->k[key + d];
                }
            }
        }
    }
}

static void FN(attention_backward)(
    const attune_attention_shape *shape, const void *d_o, const void *q, const void *k, const void *v, const void *o,
    const void *l, void *dq, void *dk, void *dv) {
    FN(attending) p = {*shape, d_o, q, k, v, o, l, .dq = dq, .dk = dk, .dv = dv};
    attune_parallel(shape->segments * shape->key_value_heads, FN(attention_backward_chunk), &p);
}
