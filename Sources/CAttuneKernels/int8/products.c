// Attune
// SPDX-License-Identifier: Apache-2.0

// Products with int8 activations: the repacked weights, and the one parallel region that serves all outputs of an
// input, low-rank terms included.

#include <math.h>
#include <sched.h>
#include <string.h>

#include "int8/layouts.h"

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

int64_t attune_reduction_bytes(int64_t rank, int64_t columns) { return rank * attune_pieces(columns, 64) * 64; }

int64_t attune_expansion_bytes(int64_t rows, int64_t rank) {
    return attune_pieces(rows, STRIP_ROWS) * STRIP_ROWS * 4 * attune_inner_words(rank);
}

/// 127 through the largest of `count` numbers `stride` apart, by whose inverse *scale is multiplied. Numbers that are
/// not finite make the scale NaN, so that the result is not finite either.
static float int8_unit(const float *x, int64_t count, int64_t stride, float *scale) {
    float largest = 0, poison = 0;
    for (int64_t i = 0; i < count; i++) {
        float value = x[i * stride];
        if (fabsf(value) > largest) largest = fabsf(value);
        poison += value - value;
    }
    *scale *= largest / 127 + poison;
    return largest > 0 && poison == 0 ? 127 / largest : 0;
}

static int32_t int8_of(float x, float unit) {
    float value = x * unit;
    value = value + 12582912.0f - 12582912.0f;  // to the nearest integer, ties to even
    return value >= -127 && value <= 127 ? (int32_t)value : value > 127 ? 127 : value < -127 ? -127 : 0;
}

void attune_pack_reduction(const float *a, int64_t rank, int64_t columns, uint8_t *out, float *scales) {
    int64_t width = attune_pieces(columns, 64) * 64;
    for (int64_t first = 0, count; first < rank; first += count) {
        count = attune_tile_rows(rank - first);
        for (int64_t i = 0; i < count; i++) {
            const float *row = a + (first + i) * columns;
            float unit = int8_unit(row, columns, 1, scales + first + i);
            for (int64_t k = 0; k < width; k++)
                out[first * width + (k / 64 * count + i) * 64 + k % 64] =
                    (uint8_t)(128 + (k < columns ? int8_of(row[k], unit) : 0));
        }
    }
}

void attune_pack_expansion(const float *b, int64_t rows, int64_t rank, uint8_t *out, float *scales) {
    int64_t words = attune_inner_words(rank);
    memset(out, 128, (size_t)attune_expansion_bytes(rows, rank));
    for (int64_t j = 0; j < rank; j++) {
        float unit = int8_unit(b + j, rows, rank, scales + j);
        for (int64_t row = 0; row < rows; row++) {
            int64_t word = row / STRIP_ROWS * words + j / 4;
            out[(word * STRIP_ROWS + row % STRIP_ROWS) * 4 + j % 4] = (uint8_t)(128 + int8_of(b[row * rank + j], unit));
        }
    }
}

/// Words that the right factors of the first B of a term take for one row.
static int64_t inner_words(const attune_low_rank *term, int64_t products) {
    int64_t words = 0;
    for (int64_t i = 0; i < products; i++) words += attune_inner_words(term->offsets[i + 1] - term->offsets[i]) + 2;
    return words;
}

static void round_inner(const float *u, int64_t rank, int32_t *out) {
    int64_t words = attune_inner_words(rank);
    float d = 1, unit = int8_unit(u, rank, 1, &d);
    int32_t sum = 0;
    for (int64_t i = 0; i < 4 * words; i++) {
        int32_t q = i < rank ? int8_of(u[i], unit) : 0;
        ((int8_t *)out)[i] = (int8_t)q;
        sum += q;
    }
    ((float *)out)[words] = d;
    out[words + 1] = sum;
}

// ---- Products ----------------------------------------------------------------------------------------------------

enum { LED_ROWS = 8, EXPANDED_STRIPS = 16, CHUNK_BYTES = 1 << 19 };

typedef struct {
    const attune_int8_operations *run;
    const int32_t *tiles;
    int64_t rows, blocks;
    const attune_int8_output *outputs;
    const attune_low_rank *terms;
    // The first chunk has `lead` strips less than the others, for the projections that are a part of it.
    int64_t count, terms_count, strips, strips_per_chunk, lead;
    int accumulating, projects;
    // The right factors of each term's B, for the rows of the term one after another.
    int32_t *inner;
    _Atomic int projected;
} product;

// strength·scales∘(A·x) for one row of X.
static void project_row(void *context, int64_t row) {
    const product *p = context;
    // The tile that holds the row, and the row's number there.
    int64_t tile = attune_min(row, p->rows) / 8 * 8, rows = attune_tile_rows(p->rows - tile);
    while (row >= tile + rows) tile += rows, rows = attune_tile_rows(p->rows - tile);
    const int32_t *x = p->tiles + tile * p->blocks * TILE_WORDS + (row - tile);
    int32_t *inner = p->inner;
    for (int64_t t = 0; t < p->terms_count; t++) {
        const attune_low_rank *term = p->terms + t;
        int64_t words = inner_words(term, p->count);
        if (row >= term->first && row < term->last) {
            float *u = attune_scratch(ARENA_CHAIN, (size_t)term->rank * sizeof(float));
            p->run->project(term->a, term->rank, p->blocks, x, rows, u);
            for (int64_t i = 0; i < term->rank; i++) u[i] *= term->strength * term->scales[i];
            int32_t *target = inner + (row - term->first) * words;
            for (int64_t i = 0; i < p->count; i++) {
                int64_t rank = term->offsets[i + 1] - term->offsets[i];
                round_inner(u + term->offsets[i], rank, target);
                target += attune_inner_words(rank) + 2;
            }
        }
        inner += (term->last - term->first) * words;
    }
}

// Chunks are handed out in order, so whoever has the first one, which projects, is at work on it.
static void await_projections(product *p) {
    for (int spin = 0; !atomic_load_explicit(&p->projected, memory_order_acquire); spin++)
        if (spin > 1000) sched_yield();
}

/// Strip `index` of all outputs: whose it is, its output's number, and its first row there.
static const attune_int8_output *find_strip(const product *p, int64_t index, int64_t *which, int64_t *first) {
    const attune_int8_output *output = p->outputs;
    for (*which = 0; index >= attune_pieces(output->rows, STRIP_ROWS); output++, ++*which)
        index -= attune_pieces(output->rows, STRIP_ROWS);
    *first = index * STRIP_ROWS;
    return output;
}

static void multiply_strip(const product *p, int64_t index) {
    int64_t which, first;
    const attune_int8_output *output = find_strip(p, index, &which, &first);
    int64_t columns = attune_min(STRIP_ROWS, output->rows - first);
    const uint8_t *strip =
        (const uint8_t *)output->repacked + first / STRIP_ROWS * attune_strip_bytes(output->type, p->blocks);
    float out[8 * STRIP_ROWS] __attribute__((aligned(64)));
    for (int64_t row = 0, count; row < p->rows; row += count) {
        count = attune_tile_rows(p->rows - row);
        p->run->multiply(output->type, strip, p->blocks, p->tiles + row * p->blocks * TILE_WORDS, count, out);
        for (int64_t r = 0; r < count; r++) {
            float *y = output->y + (row + r) * output->rows + first;
            const float *from = out + r * STRIP_ROWS;
            if (p->accumulating)
                for (int64_t i = 0; i < columns; i++) y[i] += from[i];
            else memcpy(y, from, (size_t)columns * sizeof(float));
        }
    }
}

// The low-rank terms of the strips from..<to.
static void expand_strips(const product *p, int64_t from, int64_t to) {
    while (from < to) {
        int64_t which, first;
        const attune_int8_output *output = find_strip(p, from, &which, &first);
        int64_t columns = attune_min((to - from) * STRIP_ROWS, output->rows - first);
        const int32_t *inner = p->inner;
        for (int64_t t = 0; t < p->terms_count; t++) {
            const attune_low_rank *term = p->terms + t;
            int64_t words = attune_inner_words(term->offsets[which + 1] - term->offsets[which]);
            int64_t stride = inner_words(term, p->count);
            const int32_t *u = inner + inner_words(term, which);
            for (int64_t row = term->first; words && row < term->last; row++, u += stride)
                p->run->expand(
                    term->b[which] + first * 4 * words, words, u, output->y + row * output->rows + first, columns);
            inner += (term->last - term->first) * stride;
        }
        from += attune_pieces(columns, STRIP_ROWS);
    }
}

static void product_chunk(void *context, int64_t chunk) {
    product *p = context;
    if (p->projects && chunk == 0) {
        for (int64_t row = 0; row < p->rows; row++) project_row(p, row);
        atomic_store_explicit(&p->projected, 1, memory_order_release);
    }
    int64_t last = attune_min((chunk + 1) * p->strips_per_chunk - p->lead, p->strips);
    int64_t first = attune_max(0, chunk * p->strips_per_chunk - p->lead);
    // The terms of a few strips are added while the next ones are on their way, once the projections are there.
    int64_t expanded = first;
    for (int64_t i = first; i < last; i++) {
        multiply_strip(p, i);
        if (!p->terms_count || i + 1 - expanded < EXPANDED_STRIPS) continue;
        if (!atomic_load_explicit(&p->projected, memory_order_acquire)) continue;
        expand_strips(p, expanded, i + 1);
        expanded = i + 1;
    }
    if (!p->terms_count) return;
    await_projections(p);
    expand_strips(p, expanded, last);
}

void attune_multiply_int8(
    const float *x, int64_t rows, int64_t columns, const attune_int8_output *outputs, int64_t count,
    int32_t accumulating, const attune_low_rank *terms, int64_t terms_count) {
    const attune_int8_operations *run = operations();
    int64_t blocks = columns / 32, words = rows * blocks * TILE_WORDS, strips = 0, bytes = 0, inner = 0;
    int64_t factors = 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t pieces = attune_pieces(outputs[i].rows, STRIP_ROWS);
        strips += pieces;
        bytes += pieces * attune_strip_bytes(outputs[i].type, blocks);
    }
    for (int64_t i = 0; i < terms_count; i++) {
        inner += (terms[i].last - terms[i].first) * inner_words(terms + i, count);
        factors += attune_reduction_bytes(terms[i].rank, columns);
    }
    words = attune_pieces(words, 16) * 16;
    int32_t *tiles = attune_scratch(ARENA_JOB, (size_t)(words + inner) * 4);
    quantize(run, x, rows, blocks, tiles);
    // The projections of few rows are a part of the first chunk, and those of many a region of their own.
    int projects = terms_count > 0 && rows <= LED_ROWS;
    int64_t lead = projects ? factors * strips / attune_max(1, bytes) : 0;
    // One run of strips for each thread, as long as it is not too long: every cut makes memory start anew.
    int64_t longest = attune_max(1, CHUNK_BYTES * strips / attune_max(1, bytes));
    int64_t per_chunk = attune_min(longest, attune_pieces(strips + lead, attune_pool_threads()));
    product p = {
        .run = run, .tiles = tiles, .rows = rows, .blocks = blocks, .outputs = outputs, .count = count, .terms = terms,
        .terms_count = terms_count, .strips = strips, .strips_per_chunk = per_chunk, .lead = attune_min(lead, per_chunk),
        .accumulating = accumulating, .projects = projects, .inner = tiles + words};
    if (terms_count > 0 && !projects) {
        attune_parallel(rows, project_row, &p);
        atomic_store(&p.projected, 1);
    }
    attune_parallel(attune_pieces(strips + p.lead, per_chunk), product_chunk, &p);
}
