// Attune
// SPDX-License-Identifier: Apache-2.0

// The list of operations: a new one is a line here, its kernels, and what calls them.
// Included as it is, this declares attune_NAME for each; the kernels include it with the three macros defined, each of
// (result, name, parameters, arguments), to make the table of a level and the functions that choose one.
//   REAL_OPERATION    float and double by their own kernels; attune_NAME takes `kind` first, 4 for float and 8 for
//                     double, the type behind every void pointer
//   FLOAT_OPERATION   float, by a kernel of every level
//   STAGED_OPERATION  on activations in bfloat16, by the other operations of a level where it has no kernel of its own

#include "attune_kernels.h"

#ifndef REAL_OPERATION
#define ATTUNE_LISTED(...) __VA_ARGS__
#define REAL_OPERATION(result, name, parameters, arguments) \
    result attune_##name(int32_t kind, ATTUNE_LISTED parameters);
#define FLOAT_OPERATION(result, name, parameters, arguments) result attune_##name parameters;
#define STAGED_OPERATION(result, name, parameters, arguments) result attune_##name parameters;
#endif

// ---- Products --------------------------------------------------------------------------------------------------------

/// Y[T, out] = X[T, in]·Wᵀ, or added to Y. bfloat16 != 0 rounds both factors to bfloat16 (float only).
REAL_OPERATION(
    void, multiply,
    (const void *x, int64_t tokens, const attune_weight *w, void *y, int32_t bfloat16, int32_t accumulating),
    (x, tokens, w, y, bfloat16, accumulating))
/// dX[T, in] = dY[T, out]·W, or added to dX.
REAL_OPERATION(
    void, multiply_transposed,
    (const void *dy, int64_t tokens, const attune_weight *w, void *dx, int32_t bfloat16, int32_t accumulating),
    (dy, tokens, w, dx, bfloat16, accumulating))
/// C[m, n] = alpha·op(A)[m, k]·op(B)[k, n] + beta·C; beta = 0 ignores what C holds.
REAL_OPERATION(
    void, dense,
    (const void *a, int32_t transposed_a, const void *b, int32_t transposed_b, void *c, int64_t m, int64_t n,
     int64_t k, double alpha, double beta),
    (a, transposed_a, b, transposed_b, c, m, n, k, alpha, beta))
/// out[i] = row ids[i] of w.
REAL_OPERATION(
    void, gather, (const attune_weight *w, const int32_t *ids, int64_t count, void *out),
    (w, ids, count, out))

// ---- Rows and elements ----------------------------------------------------------------------------------------------

/// r = (mean x² + epsilon)^−½ per row, y = w∘x·r.
REAL_OPERATION(
    void, rms_norm,
    (const void *x, const void *weight, double epsilon, void *y, void *r, int64_t rows, int64_t columns),
    (x, weight, epsilon, y, r, rows, columns))
/// u = dy∘w; dx += r·u − x·(r³/D)·Σ(u∘x).
REAL_OPERATION(
    void, rms_norm_backward,
    (const void *dy, const void *x, const void *weight, const void *r, void *dx, int64_t rows, int64_t columns),
    (dy, x, weight, r, dx, rows, columns))
/// Rotates the first 2·pairs elements of every head by the angles of its row's position, or back; in place.
REAL_OPERATION(
    void, rotate,
    (void *x, int64_t rows, int64_t columns, int64_t head_dimension, const int32_t *positions, const void *cosines,
     const void *sines, int64_t pairs, int32_t adjacent, int32_t inverse),
    (x, rows, columns, head_dimension, positions, cosines, sines, pairs, adjacent, inverse))
/// O_i = Σ_j softmax_j(scale·q_i·k_j)·v_j over j ≤ i in the same segment; l = log Σ exp.
REAL_OPERATION(
    void, attention,
    (const attune_attention_shape *shape, const void *q, const void *k, const void *v, void *o, void *l),
    (shape, q, k, v, o, l))
/// Gradients of attention for q, k and v, which are overwritten.
REAL_OPERATION(
    void, attention_backward,
    (const attune_attention_shape *shape, const void *d_o, const void *q, const void *k, const void *v, const void *o,
     const void *l, void *dq, void *dk, void *dv),
    (shape, d_o, q, k, v, o, l, dq, dk, dv))
/// Keeps k, v [Σ rows, K·hd], the spans' new rows one after another.
FLOAT_OPERATION(
    void, cache_store, (const attune_cached_span *spans, int64_t count, const float *k, const float *v),
    (spans, count, k, v))
/// Attention of the spans' new rows, q, o [Σ rows, H·hd]: row i of a span sees its positions 0...first+i.
FLOAT_OPERATION(
    void, cached_attention,
    (const attune_cached_span *spans, int64_t count, int64_t heads, const float *q, float scale, float *o),
    (spans, count, heads, q, scale, o))
/// h = g·sigmoid(g)·u.
REAL_OPERATION(void, swiglu, (const void *gate, const void *up, void *h, int64_t count), (gate, up, h, count))
/// dg = dh·u·σ(1 + g(1 − σ)), du = dh·g·σ; the results may lie on gate and up.
REAL_OPERATION(
    void, swiglu_backward, (const void *dh, const void *gate, const void *up, void *d_gate, void *d_up, int64_t count),
    (dh, gate, up, d_gate, d_up, count))
/// Σ −log softmax(z)[target] in nats; if scale is not 0, z is replaced by scale·(softmax(z) − onehot).
REAL_OPERATION(
    double, cross_entropy, (void *logits, const int32_t *targets, int64_t rows, int64_t columns, double scale),
    (logits, targets, rows, columns, scale))
/// y += x.
REAL_OPERATION(void, add, (const void *x, void *y, int64_t count), (x, y, count))
/// y *= factor.
REAL_OPERATION(void, scale, (void *y, double factor, int64_t count), (y, factor, count))
/// y = x·mask/(1 − rate), the mask from the bits of stream `key` at the index of the element.
REAL_OPERATION(
    void, dropout, (const void *x, void *y, int64_t count, double rate, uint64_t key),
    (x, y, count, rate, key))
/// Σ x².
FLOAT_OPERATION(double, sum_of_squares, (const float *x, int64_t count), (x, count))
/// 1 if no element is NaN or infinite.
FLOAT_OPERATION(int32_t, is_finite, (const float *x, int64_t count), (x, count))

// ---- Optimiser ------------------------------------------------------------------------------------------------------

/// One step of AdamW with decoupled weight decay, in place.
FLOAT_OPERATION(
    void, adamw,
    (float *parameters, const float *gradients, float *m, float *v, int64_t count,
     const attune_adamw_settings *settings),
    (parameters, gradients, m, v, count, settings))
/// One step of AdamW whose moments have 8 bits: m by the signed map, v by the unsigned one. Both are expanded, updated
/// as in `attune_adamw`, used, and rounded to the nearest value of their map under the new largest magnitude.
FLOAT_OPERATION(
    void, adamw_8bit,
    (float *parameters, const float *gradients, const attune_moment *m, const attune_moment *v,
     const attune_moment_piece *pieces, int64_t piece_count, const attune_adamw_settings *settings),
    (parameters, gradients, m, v, pieces, piece_count, settings))

// ---- Activations in bfloat16, with float32 sums ---------------------------------------------------------------------

/// Y_i (+)= X·W_iᵀ + b_i + Σ s·U·F; transposed: X·W_i. X [T, inputs], quickest with an even stride from row to row.
STAGED_OPERATION(
    void, products,
    (const uint16_t *x, int64_t x_stride, int64_t tokens, int32_t transposed, const attune_product *products,
     int64_t count),
    (x, x_stride, tokens, transposed, products, count))
/// The two products of a gated unit, gate and up, and h = g·sigmoid(g)·u of them before they are rounded. Both have the
/// same sizes and rounded results.
STAGED_OPERATION(
    void, gated_products,
    (const uint16_t *x, int64_t x_stride, int64_t tokens, const attune_product *products, uint16_t *h,
     int64_t h_stride),
    (x, x_stride, tokens, products, h, h_stride))
/// G [rank, n] += s·Uᵀ·X, or its transpose [n, rank]: U [T, rank], X [T, n].
STAGED_OPERATION(
    void, low_rank_gradient,
    (const uint16_t *u, int64_t u_stride, const uint16_t *x, int64_t x_stride, int64_t tokens, int64_t rank, int64_t n,
     float scale, float *g, int32_t transposed),
    (u, u_stride, x, x_stride, tokens, rank, n, scale, g, transposed))
/// As attune_attention; queries and keys are float32, because scores are small differences of large sums.
STAGED_OPERATION(
    void, rounded_attention,
    (const attune_attention_shape *shape, const float *q, const float *k, const uint16_t *v, uint16_t *o, float *l),
    (shape, q, k, v, o, l))
/// As attune_attention_backward.
STAGED_OPERATION(
    void, rounded_attention_backward,
    (const attune_attention_shape *shape, const uint16_t *d_o, const float *q, const float *k, const uint16_t *v,
     const uint16_t *o, const float *l, float *dq, float *dk, float *dv),
    (shape, d_o, q, k, v, o, l, dq, dk, dv))
/// Σ −log softmax(X·Eᵀ)[target] in nats over `count` rows of hidden [T, D], and their rows of d_hidden [T, D] become
/// scale·(softmax(X·Eᵀ) − onehot)·E; E [V, D]. targets [T] are read at `positions` alone, which are distinct; d_hidden is
/// null where no gradient is wanted. The logits of all rows are never held.
STAGED_OPERATION(
    double, rounded_head_loss,
    (const float *hidden, const int64_t *positions, const int32_t *targets, int64_t count, const attune_weight *head,
     float scale, float *d_hidden),
    (hidden, positions, targets, count, head, scale, d_hidden))
/// As attune_rms_norm; kept = x rounded, where it is not null.
FLOAT_OPERATION(
    void, rounded_rms_norm,
    (const float *x, const float *weight, float epsilon, uint16_t *y, float *r, uint16_t *kept, int64_t rows,
     int64_t columns),
    (x, weight, epsilon, y, r, kept, rows, columns))
/// y = w∘x·r for the r of an earlier norm.
FLOAT_OPERATION(
    void, rounded_rms_apply,
    (const uint16_t *x, const float *weight, const float *r, uint16_t *y, int64_t rows, int64_t columns),
    (x, weight, r, y, rows, columns))
/// As attune_rms_norm_backward.
FLOAT_OPERATION(
    void, rounded_rms_norm_backward,
    (const float *dy, const uint16_t *x, const float *weight, const float *r, float *dx, int64_t rows,
     int64_t columns),
    (dy, x, weight, r, dx, rows, columns))
/// As attune_swiglu.
FLOAT_OPERATION(
    void, rounded_swiglu, (const uint16_t *gate, const uint16_t *up, uint16_t *h, int64_t count),
    (gate, up, h, count))
/// As attune_swiglu_backward; h as of attune_rounded_swiglu, where it is not null.
FLOAT_OPERATION(
    void, rounded_swiglu_backward,
    (const uint16_t *dh, const uint16_t *gate, const uint16_t *up, uint16_t *d_gate, uint16_t *d_up, uint16_t *h,
     int64_t count),
    (dh, gate, up, d_gate, d_up, h, count))
/// As attune_rotate, with the result in y.
FLOAT_OPERATION(
    void, rounded_rotate,
    (const float *x, uint16_t *y, int64_t rows, int64_t columns, int64_t head_dimension, const int32_t *positions,
     const float *cosines, const float *sines, int64_t pairs, int32_t adjacent, int32_t inverse),
    (x, y, rows, columns, head_dimension, positions, cosines, sines, pairs, adjacent, inverse))
/// y = x to nearest, ties to even.
FLOAT_OPERATION(void, round, (const float *x, uint16_t *y, int64_t count), (x, y, count))
/// y = x.
FLOAT_OPERATION(void, widen, (const uint16_t *x, float *y, int64_t count), (x, y, count))
/// Rounds each row of x where it lies: its numbers take the first half of the row's place.
FLOAT_OPERATION(void, round_rows, (float *x, int64_t rows, int64_t columns), (x, rows, columns))
/// y += x.
FLOAT_OPERATION(void, rounded_add, (const float *x, uint16_t *y, int64_t count), (x, y, count))

#undef REAL_OPERATION
#undef FLOAT_OPERATION
#undef STAGED_OPERATION
