// Attune
// SPDX-License-Identifier: Apache-2.0

// Products with int8 activations: the repacked weights, and the one parallel region that serves all outputs of an
// input, low-rank terms included.

#include <sched.h>
#include <string.h>

#include "int8.h"

static const attune_int8_operations *operations(void) {
    int32_t level = attune_level();
    (void)level;
#if defined(__x86_64__)
    if (level >= ATTUNE_LEVEL_AVX512 && attune_cpu_supports("avx512vnni")) return &attune_int8_avx512vnni;
    if (level >= ATTUNE_LEVEL_AVX2) return &attune_int8_avx2;
#elif defined(__aarch64__)
    if (level == ATTUNE_LEVEL_NEON && attune_cpu_supports("dotprod")) return &attune_int8_neon;
#endif
    return &attune_int8_portable;
}

// ---- Weights -----------------------------------------------------------------------------------------------------

int64_t attune_repacked_bytes(int32_t type, int64_t rows, int64_t columns) {
    if (!attune_int8_fits(type) || columns % 32 != 0) return 0;
    return attune_pieces(rows, STRIP_ROWS) * attune_strip_bytes(type, columns / 32);
}

typedef struct {
    const attune_weight *w;
    uint8_t *out;
} repacking;

static void repack_strip(void *context, int64_t chunk) {
    const repacking *p = context;
    int32_t type = p->w->type;
    int64_t blocks = p->w->columns / 32, size = attune_block_bytes(type), shared = attune_group_blocks(type);
    int64_t words = attune_block_words(type), first = chunk * STRIP_ROWS, scales = 2 / shared;
    uint8_t *strip = p->out + chunk * attune_strip_bytes(type, blocks);
    memset(strip, 0, (size_t)attune_strip_bytes(type, blocks));
    for (int64_t row = 0; row < attune_min(STRIP_ROWS, p->w->rows - first); row++) {
        const uint8_t *from = (const uint8_t *)p->w->bytes + (first + row) * p->w->row_bytes;
        for (int64_t block = 0; block < blocks; block++, from += size) {
            uint8_t *group = strip + block / shared * attune_group_bytes(type);
            uint8_t *quants = group + 64 + block % shared * words * 64;
            for (int64_t i = 0; i < scales; i++) memcpy(group + (block % shared + i) * 32 + row * 2, from + 2 * i, 2);
            for (int64_t word = 0; word < words; word++) {
                uint32_t q;
                memcpy(&q, from + 2 * scales + 4 * word, 4);
                if (type == BLOCK_Q8_0) q ^= 0x80808080;
                memcpy(quants + (word * STRIP_ROWS + row) * 4, &q, 4);
            }
        }
    }
}

void attune_repack(const attune_weight *w, void *out) {
    repacking p = {w, out};
    attune_parallel(attune_pieces(w->rows, STRIP_ROWS), repack_strip, &p);
}

// ---- Activations -------------------------------------------------------------------------------------------------

typedef struct {
    const attune_int8_operations *run;
    const float *x;
    int64_t rows, blocks;
    int32_t *out;
} quantizing;

static void quantize_tile(void *context, int64_t chunk) {
    const quantizing *p = context;
    // Tiles below 8 rows are the last ones: one chunk takes them all.
    for (int64_t row = 8 * chunk, last = attune_min(row + 8, p->rows), count; row < last; row += count) {
        count = attune_tile_rows(p->rows - row);
        p->run->quantize(p->x + row * p->blocks * 32, count, p->blocks, p->out + row * p->blocks * TILE_WORDS);
    }
}

static void quantize(const attune_int8_operations *run, const float *x, int64_t rows, int64_t blocks, int32_t *out) {
    quantizing p = {run, x, rows, blocks, out};
    int64_t chunks = attune_pieces(rows, 8);
    if (rows * blocks <= 512) {
        for (int64_t chunk = 0; chunk < chunks; chunk++) quantize_tile(&p, chunk);
    } else {
        attune_parallel(chunks, quantize_tile, &p);
    }
}

// ---- Low-rank terms ----------------------------------------------------------------------------------------------

static inline uint16_t bfloat16(float x) { return (uint16_t)(attune_bits_of_float(attune_round_bfloat16(x)) >> 16); }

void attune_round_bfloat16_all(const float *x, int64_t count, uint16_t *out) {
    for (int64_t i = 0; i < count; i++) out[i] = bfloat16(x[i]);
}

void attune_pack_expansion(const float *b, int64_t rows, int64_t rank, uint16_t *out) {
    for (int64_t strip = 0; strip < attune_pieces(rows, STRIP_ROWS); strip++, out += rank * STRIP_ROWS)
        for (int64_t j = 0; j < rank; j++)
            for (int64_t i = 0; i < STRIP_ROWS; i++) {
                int64_t row = strip * STRIP_ROWS + i;
                out[j * STRIP_ROWS + i] = row < rows ? bfloat16(b[row * rank + j]) : 0;
            }
}

// ---- Products ----------------------------------------------------------------------------------------------------

enum { PROJECTED_ROWS = 8, CHUNK_BYTES = 32768 };

typedef struct {
    const attune_int8_operations *run;
    const float *x;
    const int32_t *tiles;
    int64_t rows, blocks;
    const attune_int8_output *outputs;
    const attune_low_rank *terms;
    int64_t terms_count, strips, strips_per_chunk, projections;
    int accumulating;
    // u of each term, [rows of the term, rank] one after another; `projected` counts finished chunks of them.
    float *u;
    _Atomic int64_t projected;
} product;

static int64_t projection_chunks(const attune_low_rank *term) {
    return attune_pieces(term->last - term->first, 8) * attune_pieces(term->rank, PROJECTED_ROWS);
}

// u = s·A·x for up to 8 rows of x and of A.
static void project(const product *p, int64_t chunk) {
    const attune_low_rank *term = p->terms;
    float *u = p->u;
    for (; chunk >= projection_chunks(term); term++) {
        chunk -= projection_chunks(term);
        u += (term->last - term->first) * term->rank;
    }
    int64_t pieces = attune_pieces(term->rank, PROJECTED_ROWS), columns = p->blocks * 32;
    int64_t j = chunk % pieces * PROJECTED_ROWS, count = attune_min(PROJECTED_ROWS, term->rank - j);
    int64_t from = term->first + chunk / pieces * 8, to = attune_min(from + 8, term->last);
    for (int64_t row = from; row < to; row++) {
        float *target = u + (row - term->first) * term->rank + j;
        p->run->project(term->a + j * columns, count, columns, p->x + row * columns, target);
        for (int64_t i = 0; i < count; i++) target[i] *= term->strength * term->scales[j + i];
    }
}

// Chunks are handed out in order, so whoever has the missing ones is at work on them.
static void await_projections(const product *p) {
    for (int spin = 0; atomic_load_explicit(&p->projected, memory_order_acquire) < p->projections; spin++)
        if (spin > 1000) sched_yield();
}

static void product_strip(const product *p, int64_t index) {
    const attune_int8_output *output = p->outputs;
    int64_t which = 0;
    for (; index >= attune_pieces(output->rows, STRIP_ROWS); output++, which++)
        index -= attune_pieces(output->rows, STRIP_ROWS);
    const uint8_t *strip = (const uint8_t *)output->repacked + index * attune_strip_bytes(output->type, p->blocks);
    int64_t first = index * STRIP_ROWS, columns = attune_min(STRIP_ROWS, output->rows - first);
    float out[8 * STRIP_ROWS] __attribute__((aligned(64)));
    for (int64_t row = 0, count; row < p->rows; row += count) {
        count = attune_tile_rows(p->rows - row);
        p->run->multiply(output->type, strip, p->blocks, p->tiles + row * p->blocks * TILE_WORDS, count, out);
        if (p->terms_count && row == 0) await_projections(p);
        const float *u = p->u;
        for (int64_t t = 0; t < p->terms_count; t++) {
            const attune_low_rank *term = p->terms + t;
            int64_t offset = term->offsets[which], rank = term->offsets[which + 1] - offset;
            const uint16_t *b = rank ? term->b[which] + first * rank : NULL;
            for (int64_t r = attune_max(row, term->first); b && r < attune_min(row + count, term->last); r++)
                p->run->expand(b, rank, u + (r - term->first) * term->rank + offset, out + (r - row) * STRIP_ROWS);
            u += (term->last - term->first) * term->rank;
        }
        for (int64_t r = 0; r < count; r++) {
            float *y = output->y + (row + r) * output->rows + first;
            const float *from = out + r * STRIP_ROWS;
            if (p->accumulating)
                for (int64_t i = 0; i < columns; i++) y[i] += from[i];
            else memcpy(y, from, (size_t)columns * sizeof(float));
        }
    }
}

static void product_chunk(void *context, int64_t chunk) {
    product *p = context;
    if (chunk < p->projections) {
        project(p, chunk);
        atomic_fetch_add_explicit(&p->projected, 1, memory_order_release);
        return;
    }
    int64_t first = (chunk - p->projections) * p->strips_per_chunk;
    for (int64_t i = first; i < attune_min(first + p->strips_per_chunk, p->strips); i++) product_strip(p, i);
}

void attune_multiply_int8(
    const float *x, int64_t rows, int64_t columns, const attune_int8_output *outputs, int64_t count,
    int32_t accumulating, const attune_low_rank *terms, int64_t terms_count) {
    const attune_int8_operations *run = operations();
    int64_t blocks = columns / 32, words = rows * blocks * TILE_WORDS, strips = 0, bytes = 0, inner = 0, chunks = 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t pieces = attune_pieces(outputs[i].rows, STRIP_ROWS);
        strips += pieces;
        bytes += pieces * attune_strip_bytes(outputs[i].type, blocks);
    }
    for (int64_t i = 0; i < terms_count; i++) {
        inner += (terms[i].last - terms[i].first) * terms[i].rank;
        chunks += projection_chunks(terms + i);
    }
    words = attune_pieces(words, 16) * 16;
    int32_t *tiles = attune_scratch(2, (size_t)(words + inner) * 4);
    quantize(run, x, rows, blocks, tiles);
    int64_t per_chunk = attune_max(1, CHUNK_BYTES * strips / attune_max(1, bytes * rows));
    product p = {
        .run = run, .x = x, .tiles = tiles, .rows = rows, .blocks = blocks, .outputs = outputs, .terms = terms,
        .terms_count = terms_count, .strips = strips, .strips_per_chunk = per_chunk, .projections = chunks,
        .accumulating = accumulating, .u = (float *)(tiles + words)};
    attune_parallel(chunks + attune_pieces(strips, per_chunk), product_chunk, &p);
}
