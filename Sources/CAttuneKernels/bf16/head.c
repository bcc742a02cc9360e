// Attune
// SPDX-License-Identifier: Apache-2.0

// The loss of next tokens through the head, forward and backward at once, on AVX-512 BF16.
//
// dX = softmax(X·Eᵀ)·E − E[target] is attention whose keys and values are the rows of E. So it is computed as attention
// is (arXiv:2205.14135): a block of the vocabulary at a time, with the largest logit and the sum of exponentials carried
// along, and the logits of all tokens are never held. The target is left out of the sums: 1 − p is then a sum of small
// numbers and not a difference of large ones.

#include <math.h>

#include "runtime/internal.h"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(                                                                                   \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,f16c"))), apply_to = function)

#define FN(name) name##_bf16_head
#include "vector/vector.inc.h"
#include "bf16/tile.inc.h"

// Tokens of the vocabulary in a block, and of them in a strip of packing.
enum { BLOCK = 1024, STRIP = 64 };

/// One block of the head's rows as columns, and as they lie.
typedef struct {
    uint16_t *columns, *rows;
} block_panels;

typedef struct {
    const float *hidden;
    const int64_t *positions;
    const int32_t *targets;
    const attune_weight *head;
    int64_t count, width, stride, chunk_rows, block;
    float scale, *d_hidden;
    uint16_t *x;              // [count][stride]
    float *top, *logit;       // the largest logit so far, and that of the target, of each row
    double *sum, *losses;     // Σ exp(z − top) without the target
    block_panels panels[2];   // of this block and of the next
} head_job;

INLINE int64_t depth_size(const head_job *j) { return attune_pieces(j->width, 32) * 32 * WIDTH; }

static void round_chunk(void *context, int64_t chunk) {
    const head_job *j = context;
    const uint8_t *row = (const uint8_t *)(j->hidden + j->positions[chunk] * j->width);
    for (int64_t k = 0; k < j->stride; k += 32)
        _mm512_store_si512(j->x + chunk * j->stride + k, load32(BLOCK_F32, row, k, j->width - k, NULL));
    j->top[chunk] = -INFINITY;
    j->sum[chunk] = 0;
}

INLINE void pack_strip(int32_t type, const head_job *j, const block_panels *to, int64_t from, int64_t rows, int64_t at) {
    packing columns = {j->head, j->head->rows, 0, j->width}, natural = {j->head, j->width, from, rows};
    for (int64_t n = 0; n < rows; n += WIDTH)
        pack_rows(type, &columns, from + n, to->columns + (at + n) / WIDTH * depth_size(j));
    if (j->d_hidden)
        pack_columns(type, &natural, 0, attune_pieces(j->width, WIDTH), to->rows + at * WIDTH, BLOCK * WIDTH);
}

/// Packs strip `strip` of a block, if it has one.
static void pack_head(const head_job *j, int64_t block, int64_t strip) {
    int64_t at = strip * STRIP, from = block * BLOCK + at, rows = attune_min(STRIP, j->head->rows - from);
    const block_panels *to = &j->panels[block % 2];
    if (rows <= 0) return;
    switch (j->head->type) {
        case BLOCK_Q4_1: return pack_strip(BLOCK_Q4_1, j, to, from, rows, at);
        case BLOCK_Q8_0: return pack_strip(BLOCK_Q8_0, j, to, from, rows, at);
        case BLOCK_BF16: return pack_strip(BLOCK_BF16, j, to, from, rows, at);
        default: pack_strip(j->head->type, j, to, from, rows, at);
    }
}

static void pack_head_chunk(void *context, int64_t chunk) {
    const head_job *j = context;
    pack_head(j, j->block, chunk);
}

/// Logits of a row to exp(z − top), rounded, in the first half of their place, with a zero after an odd count; gives the
/// factor for what was summed under the earlier top.
static float exponentials_of_row(const head_job *j, int64_t row, float *z, int64_t count, int64_t first) {
    int64_t target = j->targets[j->positions[row]] - first;
    if (target >= 0 && target < count) {
        j->logit[row] = z[target];
        z[target] = -INFINITY;
    }
    __m512 top = _mm512_set1_ps(j->top[row]), sum = _mm512_setzero_ps();
    for (int64_t i = 0; i < count; i += 16)
        top = _mm512_max_ps(top, _mm512_mask_loadu_ps(top, lanes16(count - i), z + i));
    float before = j->top[row], now = _mm512_reduce_max_ps(top), shift = now == -INFINITY ? 0 : now;
    __m512 largest = _mm512_set1_ps(shift);
    for (int64_t i = 0; i < count; i += 32) {
        __m512 e[2];
        for (int64_t half = 0; half < 2; half++) {
            __mmask16 some = lanes16(count - i - 16 * half);
            __m512 logits = _mm512_maskz_loadu_ps(some, z + i + 16 * half);
            e[half] = _mm512_maskz_mov_ps(some, exponentials(_mm512_sub_ps(logits, largest)));
            sum = _mm512_add_ps(sum, e[half]);
        }
        _mm512_storeu_si512((uint16_t *)z + i, round32(e[0], e[1]));
    }
    float factor = before == -INFINITY ? 0 : expf(before - now);
    j->top[row] = now;
    j->sum[row] = j->sum[row] * (double)factor + (double)_mm512_reduce_add_ps(sum);
    return factor;
}

/// The rows first..<first + rows on one block of the vocabulary.
static void head_rows(const head_job *j, int64_t first, int64_t rows) {
    int64_t from = j->block * BLOCK, count = attune_min(BLOCK, j->head->rows - from);
    int64_t padded = attune_pieces(j->width, WIDTH) * WIDTH;
    const block_panels *panels = &j->panels[j->block % 2];
    float *z = attune_scratch(ARENA_CHUNK_RESULTS, (size_t)(j->chunk_rows * (BLOCK + padded + 1)) * sizeof(float));
    float *mixed = z + j->chunk_rows * BLOCK, *factors = mixed + j->chunk_rows * padded;
    for (int64_t n = 0; n < count; n += WIDTH) {
        tile t = {
            .a = (const uint32_t *)(j->x + first * j->stride), .b = panels->columns + n / WIDTH * depth_size(j),
            .row_step = j->stride / 2, .k_step = 1, .pairs = attune_pieces(j->width, 2), .c = z + n, .ldc = BLOCK,
            .columns = attune_min(WIDTH, count - n)};
        run_tiles(t, rows);
    }
    for (int64_t i = 0; i < rows; i++) factors[i] = exponentials_of_row(j, first + i, z + i * BLOCK, count, from);
    if (!j->d_hidden) return;
    for (int64_t d = 0; d < padded; d += WIDTH) {
        tile t = {
            .a = (const uint32_t *)z, .b = panels->rows + d * BLOCK, .row_step = BLOCK, .k_step = 1,
            .pairs = attune_pieces(count, 2), .c = mixed + d, .ldc = padded,
            .columns = attune_min(WIDTH, j->width - d)};
        run_tiles(t, rows);
    }
    for (int64_t i = 0; i < rows; i++) {
        float *to = j->d_hidden + j->positions[first + i] * j->width;
        const float *from_mixed = mixed + i * padded;
        float factor = factors[i];
        if (j->block == 0) __builtin_memcpy(to, from_mixed, (size_t)j->width * sizeof(float));
        else
            for (int64_t d = 0; d < j->width; d++) to[d] = to[d] * factor + from_mixed[d];
    }
}

// A chunk is some rows on this block; the chunks after them are strips of the next one.
static void head_chunk(void *context, int64_t chunk) {
    const head_job *j = context;
    int64_t chunks = attune_pieces(j->count, j->chunk_rows), first = chunk * j->chunk_rows;
    if (chunk >= chunks) pack_head(j, j->block + 1, chunk - chunks);
    else head_rows(j, first, attune_min(j->chunk_rows, j->count - first));
}

// A chunk is one row: what is left to do when all of the vocabulary was seen.
static void finish_chunk(void *context, int64_t row) {
    const head_job *j = context;
    float target = j->logit[row], top = j->top[row];
    double largest = fmax((double)top, (double)target);
    double others = j->sum[row] > 0 ? exp((double)top - largest) : 0, own = exp((double)target - largest);
    double total = own + j->sum[row] * others;
    j->losses[row] = log(total) + largest - (double)target;
    if (!j->d_hidden) return;
    int64_t position = j->positions[row], width = j->width;
    float *d = j->d_hidden + position * width, *e = attune_scratch(ARENA_CHUNK, (size_t)width * sizeof(float));
    FN(expand_row)(
        j->head->type, (const uint8_t *)j->head->bytes + j->targets[position] * j->head->row_bytes, width, e);
    float factor = (float)((double)j->scale * others / total);
    float wrong = (float)((double)j->scale * j->sum[row] * others / total);
    for (int64_t i = 0; i < width; i++) d[i] = d[i] * factor - wrong * attune_round_bfloat16(e[i]);
}

double attune_bf16_rounded_head_loss(
    const float *hidden, const int64_t *positions, const int32_t *targets, int64_t count, const attune_weight *head,
    float scale, float *d_hidden) {
    head_job j = {
        .hidden = hidden, .positions = positions, .targets = targets, .head = head, .count = count,
        .width = head->columns, .stride = attune_pieces(head->columns, 32) * 32, .scale = scale,
        .d_hidden = d_hidden, .chunk_rows = ROWS * (count >= 1024 ? 8 : count >= 256 ? 4 : 1)};
    int64_t columns = BLOCK / WIDTH * depth_size(&j), padded = attune_pieces(j.width, WIDTH) * WIDTH;
    int64_t rows = d_hidden ? BLOCK * padded : 0, own = attune_pieces(count, 16) * 16;
    char *memory = attune_scratch(
        ARENA_JOB, (size_t)(2 * (columns + rows) + count * j.stride) * sizeof(uint16_t) +
               (size_t)own * (2 * sizeof(float) + 2 * sizeof(double)));
    j.x = (uint16_t *)memory;
    for (int i = 0; i < 2; i++) {
        j.panels[i].columns = j.x + count * j.stride + i * (columns + rows);
        j.panels[i].rows = j.panels[i].columns + columns;
    }
    j.sum = (double *)(j.panels[1].rows + rows);
    j.losses = j.sum + own;
    j.top = (float *)(j.losses + own);
    j.logit = j.top + own;
    attune_parallel(count, round_chunk, &j);
    attune_parallel(BLOCK / STRIP, pack_head_chunk, &j);
    for (; j.block * BLOCK < head->rows; j.block++)
        attune_parallel(attune_pieces(count, j.chunk_rows) + BLOCK / STRIP, head_chunk, &j);
    attune_parallel(count, finish_chunk, &j);
    double sum = 0;
    for (int64_t row = 0; row < count; row++) sum += j.losses[row];
    return sum;
}

#pragma clang attribute pop
#endif
