// Attune
// SPDX-License-Identifier: Apache-2.0

// Operations on bfloat16 activations where a level has no kernels of its own for them: the numbers are widened to
// float32, the level's operation runs, and the result is rounded.

#include <string.h>

#include "runtime/internal.h"

static const float *widened(const attune_operations *level, const uint16_t *x, int64_t count, float **memory) {
    float *out = *memory;
    level->widen(x, out, count);
    *memory += attune_pieces(count, 16) * 16;
    return out;
}

static float *room(float **memory, int64_t count) {
    float *out = *memory;
    *memory += attune_pieces(count, 16) * 16;
    return out;
}

static int64_t floats(int64_t count) { return attune_pieces(count, 16) * 16; }

/// rows × columns with `stride` numbers from row to row, as float32 without gaps.
static void gather_rows(
    const attune_operations *level, const uint16_t *x, int64_t stride, int64_t rows, int64_t columns, float *out) {
    if (stride == columns) return level->widen(x, out, rows * columns);
    for (int64_t i = 0; i < rows; i++) level->widen(x + i * stride, out + i * columns, columns);
}

void attune_staged_products(
    const uint16_t *x, int64_t x_stride, int64_t tokens, int transposed,
    const attune_product *products, int64_t count) {
    const attune_operations *level = attune_operations_in_use();
    int64_t inputs = transposed ? products->weight->rows : products->weight->columns, widest = 0, inner = 0;
    for (int64_t i = 0; i < count; i++) {
        widest = attune_max(widest, transposed ? products[i].weight->columns : products[i].weight->rows);
        for (int64_t t = 0; t < products[i].term_count; t++) inner = attune_max(inner, products[i].terms[t].rank);
    }
    float *memory = attune_scratch(
        ARENA_CHAIN, (size_t)(floats(tokens * inputs) + floats(tokens * widest) + floats(tokens * inner) +
                    floats(inner * widest)) *
               sizeof(float));
    float *wide = room(&memory, tokens * inputs), *y = room(&memory, tokens * widest);
    float *u = room(&memory, tokens * inner), *factor = room(&memory, inner * widest);
    gather_rows(level, x, x_stride, tokens, inputs, wide);
    for (int64_t i = 0; i < count; i++) {
        const attune_product *p = &products[i];
        int64_t outputs = transposed ? p->weight->columns : p->weight->rows;
        (transposed ? level->multiply_transposed : level->multiply)(wide, tokens, p->weight, y, 1, 0);
        for (int64_t t = 0; t < p->term_count; t++) {
            const attune_rounded_term *term = &p->terms[t];
            gather_rows(level, term->inner, term->stride, term->count, term->rank, u);
            for (int64_t j = 0; j < term->rank * outputs; j++)
                factor[j] = attune_round_bfloat16(term->factor[j] * term->scale);
            level->dense(
                u, 0, factor, !transposed, y + term->first * outputs, term->count, outputs, term->rank, 1, 1);
        }
        for (int64_t row = 0; row < tokens; row++) {
            float *from = y + row * outputs;
            for (int64_t j = 0; p->bias && j < outputs; j++) from[j] += p->bias[j];
            if (p->rounded) level->round(from, (uint16_t *)p->y + row * p->stride, outputs);
            else if (p->accumulating) level->add(from, (float *)p->y + row * p->stride, outputs);
            else memcpy((float *)p->y + row * p->stride, from, (size_t)outputs * sizeof(float));
        }
    }
}

void attune_staged_gated_products(
    const uint16_t *x, int64_t x_stride, int64_t tokens,
    const attune_product *products, uint16_t *h, int64_t h_stride) {
    const attune_operations *level = attune_operations_in_use();
    int64_t outputs = products->weight->rows;
    float *gate = attune_scratch(ARENA_CHAIN_RESULTS, (size_t)(3 * floats(tokens * outputs)) * sizeof(float));
    float *up = gate + floats(tokens * outputs), *hidden = up + floats(tokens * outputs);
    attune_product exact[2] = {products[0], products[1]};
    exact[0].y = gate;
    exact[1].y = up;
    exact[0].stride = exact[1].stride = outputs;
    exact[0].rounded = exact[1].rounded = 0;
    attune_staged_products(x, x_stride, tokens, 0, exact, 2);
    level->swiglu(gate, up, hidden, tokens * outputs);
    for (int64_t row = 0; row < tokens; row++) {
        level->round(gate + row * outputs, (uint16_t *)products[0].y + row * products[0].stride, outputs);
        level->round(up + row * outputs, (uint16_t *)products[1].y + row * products[1].stride, outputs);
        level->round(hidden + row * outputs, h + row * h_stride, outputs);
    }
}

void attune_staged_low_rank_gradient(
    const uint16_t *u, int64_t u_stride, const uint16_t *x, int64_t x_stride,
    int64_t tokens, int64_t rank, int64_t n, float scale, float *g, int transposed) {
    const attune_operations *level = attune_operations_in_use();
    float *memory = attune_scratch(ARENA_CHAIN, (size_t)(floats(tokens * rank) + floats(tokens * n)) * sizeof(float));
    float *left = room(&memory, tokens * rank), *right = room(&memory, tokens * n);
    gather_rows(level, u, u_stride, tokens, rank, left);
    gather_rows(level, x, x_stride, tokens, n, right);
    if (transposed) level->dense(right, 1, left, 0, g, n, rank, tokens, scale, 1);
    else level->dense(left, 1, right, 0, g, rank, n, tokens, scale, 1);
}

double attune_staged_rounded_head_loss(
    const float *hidden, const int64_t *positions, const int32_t *targets,
    int64_t count, const attune_weight *head, float scale, float *d_hidden) {
    const attune_operations *level = attune_operations_in_use();
    enum { ROWS = 16 };
    int64_t width = head->columns;
    float *memory = attune_scratch(
        ARENA_CHAIN, (size_t)(floats(ROWS * width) + floats(ROWS * head->rows) + ROWS) * sizeof(float));
    float *x = room(&memory, ROWS * width), *z = room(&memory, ROWS * head->rows);
    int32_t *wanted = (int32_t *)memory;
    double sum = 0;
    for (int64_t first = 0; first < count; first += ROWS) {
        int64_t rows = attune_min(ROWS, count - first);
        for (int64_t i = 0; i < rows; i++) {
            int64_t position = positions[first + i];
            memcpy(x + i * width, hidden + position * width, (size_t)width * sizeof(float));
            wanted[i] = targets[position];
        }
        level->multiply(x, rows, head, z, 1, 0);
        sum += level->cross_entropy(z, wanted, rows, head->rows, d_hidden ? (double)scale : 0);
        if (!d_hidden) continue;
        level->multiply_transposed(z, rows, head, x, 1, 0);
        for (int64_t i = 0; i < rows; i++)
            memcpy(d_hidden + positions[first + i] * width, x + i * width, (size_t)width * sizeof(float));
    }
    return sum;
}

void attune_staged_rounded_attention(
    const attune_attention_shape *shape, const float *q, const float *k,
    const uint16_t *v, uint16_t *o, float *l) {
    const attune_operations *level = attune_operations_in_use();
    int64_t wide = shape->tokens * shape->heads * shape->head_dimension;
    int64_t narrow = shape->tokens * shape->key_value_heads * shape->head_dimension;
    float *memory = attune_scratch(ARENA_CHAIN, (size_t)(floats(wide) + floats(narrow)) * sizeof(float));
    const float *values = widened(level, v, narrow, &memory);
    float *mixed = room(&memory, wide);
    level->attention(shape, q, k, values, mixed, l);
    level->round(mixed, o, wide);
}

void attune_staged_rounded_attention_backward(
    const attune_attention_shape *shape, const uint16_t *d_o, const float *q,
    const float *k, const uint16_t *v, const uint16_t *o, const float *l, float *dq, float *dk, float *dv) {
    const attune_operations *level = attune_operations_in_use();
    int64_t wide = shape->tokens * shape->heads * shape->head_dimension;
    int64_t narrow = shape->tokens * shape->key_value_heads * shape->head_dimension;
    float *memory = attune_scratch(ARENA_CHAIN, (size_t)(2 * floats(wide) + floats(narrow)) * sizeof(float));
    const float *gradient = widened(level, d_o, wide, &memory), *mixed = widened(level, o, wide, &memory);
    const float *values = widened(level, v, narrow, &memory);
    level->attention_backward(shape, gradient, q, k, values, mixed, l, dq, dk, dv);
}
