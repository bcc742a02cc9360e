// Attune
// SPDX-License-Identifier: Apache-2.0

// Packing and register tiles of products in bfloat16 with float32 sums, shared by the files of this level.
// B is packed into panels of 32 columns as [k/2][32][2], so that every 32-bit lane holds two neighbours along k for one
// vdpbf16ps; the two neighbours of A are one 32-bit word. Included inside the target, after vector.inc.h.

enum { WIDTH = 32, ROWS = 12 };

/// Bits for the first `count` of 16 lanes.
INLINE __mmask16 lanes16(int64_t count) { return count >= 16 ? 0xFFFF : count <= 0 ? 0 : (__mmask16)((1u << count) - 1); }

INLINE __mmask32 lanes32(int64_t count) {
    return count >= 32 ? 0xFFFFFFFFu : count <= 0 ? 0 : (__mmask32)((1u << count) - 1);
}

/// 32 floats to bfloat16, in order.
INLINE __m512i round32(__m512 low, __m512 high) { return (__m512i)_mm512_cvtne2ps_pbh(high, low); }

/// The sixteen values that the codes of a block of 4 bits stand for, as bfloat16 in the first 16 places.
INLINE __m512i values_of(int32_t type, const uint8_t *block) {
    const __m512 codes = _mm512_set_ps(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    __m128 halves = _mm_cvtph_ps(_mm_loadu_si32(block));
    __m512 d = _mm512_broadcastss_ps(halves);
    __m512 m = type == BLOCK_Q4_1 ? _mm512_broadcastss_ps(_mm_movehdup_ps(halves)) : _mm512_mul_ps(d, _mm512_set1_ps(-8));
    return _mm512_castsi256_si512((__m256i)_mm512_cvtneps_pbh(_mm512_fmadd_ps(codes, d, m)));
}

/// The codes of a block of 4 bits, each in a place of its own.
INLINE __m512i codes_of(int32_t type, const uint8_t *block) {
    __m256i bytes = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(block + (type == BLOCK_Q4_1 ? 4 : 2))));
    return _mm512_and_si512(
        _mm512_inserti64x4(_mm512_castsi256_si512(bytes), _mm256_srli_epi16(bytes, 4), 1), _mm512_set1_epi16(15));
}

/// 32 elements of a row to bfloat16, from element k, of which `count` exist.
INLINE __m512i load32(int32_t type, const uint8_t *row, int64_t k, int64_t count, const float *expanded) {
    if (type == BLOCK_BF16) return _mm512_maskz_loadu_epi16(lanes32(count), row + 2 * k);
    if (expanded || type == BLOCK_F32) {
        const float *x = (expanded ? expanded : (const float *)row) + k;
        return round32(
            _mm512_maskz_loadu_ps(lanes16(count), x),
            count > 16 ? _mm512_maskz_loadu_ps(lanes16(count - 16), x + 16) : _mm512_setzero_ps());
    }
    const uint8_t *block = row + k / 32 * attune_block_bytes(type);
    if (type == BLOCK_Q4_0 || type == BLOCK_Q4_1)
        return _mm512_permutexvar_epi16(codes_of(type, block), values_of(type, block));
    vec low, high;
    FN(expand32)(type, block, &low, &high);
    return round32((__m512)low, (__m512)high);
}

/// e^x of 16 numbers, as `exponential` of vector.inc.h.
INLINE __m512 exponentials(__m512 x) {
    // In this order NaN stays NaN.
    x = _mm512_max_ps(_mm512_set1_ps(-87.0f), _mm512_min_ps(_mm512_set1_ps(88.0f), x));
    __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)), _MM_FROUND_TO_NEAREST_INT);
    __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693145752f), x);
    r = _mm512_fnmadd_ps(n, _mm512_set1_ps(1.42860677e-6f), r);
    __m512 p = _mm512_set1_ps(1.9875691500e-4f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.3981999507e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(8.3334519073e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(4.1665795894e-2f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.6666665459e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.0000001201e-1f));
    p = _mm512_fmadd_ps(_mm512_mul_ps(p, r), r, _mm512_add_ps(r, _mm512_set1_ps(1.0f)));
    return _mm512_scalef_ps(p, n);
}

/// Whether load32 reads the type where it lies.
INLINE int is_direct(int32_t type) { return FN(is_fast)(type) || type == BLOCK_F32 || type == BLOCK_BF16; }

/// Where a packed operand comes from: rows of `w`, of which k0..<k0+k along the contraction are wanted.
typedef struct {
    const attune_weight *w;
    int64_t n, k0, k;
} packing;

/// Asks for memory that is about to be read in pieces.
INLINE void prefetch(const uint8_t *from, int64_t bytes) {
    for (int64_t i = 0; i < bytes; i += 64) _mm_prefetch((const char *)from + i, _MM_HINT_T0);
}

/// Rows of W as columns: 16 rows at a time are expanded and transposed as pairs.
INLINE void pack_rows(int32_t type, const packing *p, int64_t n0, uint16_t *out) {
    int64_t padded = attune_pieces(p->k, 32) * 32, elements = attune_block_elements(type);
    int64_t rows = attune_min(WIDTH, p->n - n0), step = p->w->row_bytes;
    int expanding = !is_direct(type);
    float *strip = expanding ? attune_scratch(ARENA_CHUNK, (size_t)(WIDTH * padded) * sizeof(float)) : NULL;
    const uint8_t *from =
        (const uint8_t *)p->w->bytes + n0 * step + p->k0 / elements * attune_block_bytes(type);
    for (int64_t j = 0; expanding && j < rows; j++)
        FN(expand_row)(type, from + j * step, p->k, strip + j * padded);
    if (!expanding) prefetch(from, (rows - 1) * step + attune_pieces(p->k, elements) * attune_block_bytes(type));
    for (int64_t k = 0; k < padded; k += 32) {
        for (int64_t half = 0; half < WIDTH; half += 16) {
            vec block[16];
            for (int64_t j = 0; j < 16; j++) {
                int64_t row = half + j;
                block[j] = row >= rows ? (vec){0}
                                       : (vec)load32(
                                             type, from + row * step, k, p->k - k,
                                             expanding ? strip + row * padded : NULL);
            }
            FN(transpose)(block);
            for (int64_t e = 0; e < 16 && k / 2 + e < attune_pieces(p->k, 2); e++)
                *(vec *)(out + (k / 2 + e) * WIDTH * 2 + half * 2) = block[e];
        }
    }
}

/// Lane n of `low` and `high` is (a[n], b[n]), for columns 0..<16 and 16..<32.
INLINE void interleave(__m512i a, __m512i b, __m512i *low, __m512i *high) {
    const __m512i first = _mm512_set_epi16(
        47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7, 38, 6, 37, 5, 36, 4, 35, 3, 34, 2, 33, 1,
        32, 0);
    *low = _mm512_permutex2var_epi16(a, first, b);
    *high = _mm512_permutex2var_epi16(a, _mm512_add_epi16(first, _mm512_set1_epi16(16)), b);
}

/// As `interleave`, to 64 numbers of a panel.
INLINE void interleave_to(uint16_t *out, __m512i a, __m512i b) {
    __m512i low, high;
    interleave(a, b, &low, &high);
    _mm512_store_si512(out, low);
    _mm512_store_si512(out + 32, high);
}

/// As `interleave_to`, for a block of 4 bits of two rows; there is no second row where `b` is null.
INLINE void interleave_codes(int32_t type, const uint8_t *a, const uint8_t *b, uint16_t *out) {
    // A lane looks itself up: the even ones in the first 32 places, the odd ones in the second.
    const __m512i odd = _mm512_set1_epi32(32 << 16), bits = _mm512_set1_epi16(15);
    int64_t at = type == BLOCK_Q4_1 ? 4 : 2;
    __m128i first = _mm_loadu_si128((const __m128i *)(a + at));
    __m128i second = b ? _mm_loadu_si128((const __m128i *)(b + at)) : _mm_setzero_si128();
    __m512i codes = _mm512_cvtepu8_epi16(
        _mm256_set_m128i(_mm_unpackhi_epi8(first, second), _mm_unpacklo_epi8(first, second)));
    __m512i even = values_of(type, a), other = b ? values_of(type, b) : _mm512_setzero_si512();
    __m512i low = _mm512_or_si512(_mm512_and_si512(codes, bits), odd);
    __m512i high = _mm512_or_si512(_mm512_srli_epi16(codes, 4), odd);
    _mm512_store_si512(out, _mm512_permutex2var_epi16(even, low, other));
    _mm512_store_si512(out + 32, _mm512_permutex2var_epi16(even, high, other));
}

/// Columns n0... of W as `panels` panels, `size` numbers apart: rows 2k and 2k + 1 are interleaved.
INLINE void pack_columns(
    int32_t type, const packing *p, int64_t n0, int64_t panels, uint16_t *out, int64_t size) {
    int64_t elements = attune_block_elements(type), columns = attune_min(panels * WIDTH, p->n - n0);
    int64_t first = n0 / elements * elements, count = attune_pieces(n0 + columns, elements) * elements - first;
    int64_t step = p->w->row_bytes;
    const uint8_t *from =
        (const uint8_t *)p->w->bytes + p->k0 * step + first / elements * attune_block_bytes(type);
    if (!is_direct(type)) {
        float *expanded = attune_scratch(ARENA_CHUNK, (size_t)(2 * count) * sizeof(float)), *floats = expanded + (n0 - first);
        for (int64_t k = 0; k < p->k; k += 2, out += WIDTH * 2) {
            int both = k + 1 < p->k;
            for (int64_t i = 0; i < 1 + both; i++)
                FN(expand_row)(type, from + (k + i) * step, count, expanded + i * count);
            for (int64_t panel = 0; panel < panels; panel++) {
                int64_t n = panel * WIDTH, some = columns - n;
                __m512i second = both ? load32(type, NULL, n, some, floats + count) : _mm512_setzero_si512();
                interleave_to(out + panel * size, load32(type, NULL, n, some, floats), second);
            }
        }
        return;
    }
    // All that is read is near, and each panel is written from end to end.
    prefetch(from, (p->k - 1) * step + count / elements * attune_block_bytes(type));
    for (int64_t panel = 0; panel < panels; panel++) {
        int64_t n = panel * WIDTH, some = columns - n;
        const uint8_t *a = from;
        uint16_t *to = out + panel * size;
        for (int64_t k = 0; k < p->k; k += 2, a += 2 * step, to += WIDTH * 2) {
            const uint8_t *b = k + 1 < p->k ? a + step : NULL;
            if (type == BLOCK_Q4_0 || type == BLOCK_Q4_1) {
                int64_t at = panel * attune_block_bytes(type);
                interleave_codes(type, a + at, b ? b + at : NULL, to);
            } else {
                __m512i second = b ? load32(type, b, n, some, NULL) : _mm512_setzero_si512();
                interleave_to(to, load32(type, a, n, some, NULL), second);
            }
        }
    }
}

/// One tile: C[rows, columns] = A·B (+ U·F), where pair k of row i of A is the word a[i·row_step + k·k_step].
typedef struct {
    const uint32_t *a, *u;    // u: row i at u[i·u_step], pairs beside each other
    const uint16_t *b, *f;    // panels
    int64_t row_step, k_step, pairs, u_step, u_pairs;
    void *c;
    int64_t ldc, columns;
    const float *bias;        // of these columns
    int rounded, accumulating;
} tile;

/// acc += A·B over the pairs.
INLINE void accumulate(
    const int rows, const int vectors, __m512 *acc, const uint32_t *a, int64_t row_step, int64_t k_step,
    const uint16_t *b, int64_t pairs) {
    for (int64_t k = 0; k < pairs; k++, a += k_step, b += 2 * WIDTH) {
        __m512bh b0 = (__m512bh)_mm512_load_si512(b);
        __m512bh b1 = vectors > 1 ? (__m512bh)_mm512_load_si512(b + 32) : b0;
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i++) {
            __m512bh value = (__m512bh)_mm512_set1_epi32((int32_t)a[i * row_step]);
            acc[vectors * i] = _mm512_dpbf16_ps(acc[vectors * i], value, b0);
            if (vectors > 1) acc[vectors * i + 1] = _mm512_dpbf16_ps(acc[vectors * i + 1], value, b1);
        }
    }
}

INLINE void run_tile(const int rows, const int vectors, const tile *t) {
    __m512 acc[2 * ROWS];
#pragma clang loop unroll(full)
    for (int i = 0; i < vectors * rows; i++) acc[i] = _mm512_setzero_ps();
    accumulate(rows, vectors, acc, t->a, t->row_step, t->k_step, t->b, t->pairs);
    if (t->u_pairs) accumulate(rows, vectors, acc, t->u, t->u_step, 1, t->f, t->u_pairs);
    __mmask16 low = lanes16(t->columns), high = lanes16(t->columns - 16);
    if (t->bias) {
        __m512 bias[2] = {
            _mm512_maskz_loadu_ps(low, t->bias), high ? _mm512_maskz_loadu_ps(high, t->bias + 16) : _mm512_setzero_ps()};
#pragma clang loop unroll(full)
        for (int i = 0; i < vectors * rows; i++) acc[i] = _mm512_add_ps(acc[i], bias[i % vectors]);
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
        if (t->rounded) {
            uint16_t *to = (uint16_t *)t->c + i * t->ldc;
            __m512i values = round32(acc[vectors * i], vectors > 1 ? acc[vectors * i + 1] : _mm512_setzero_ps());
            _mm512_mask_storeu_epi16(to, lanes32(t->columns), values);
            continue;
        }
        float *to = (float *)t->c + i * t->ldc;
        if (t->accumulating) acc[vectors * i] = _mm512_add_ps(acc[vectors * i], _mm512_maskz_loadu_ps(low, to));
        _mm512_mask_storeu_ps(to, low, acc[vectors * i]);
        if (vectors > 1) {
            if (t->accumulating)
                acc[2 * i + 1] = _mm512_add_ps(acc[2 * i + 1], _mm512_maskz_loadu_ps(high, to + 16));
            _mm512_mask_storeu_ps(to + 16, high, acc[2 * i + 1]);
        }
    }
}

#define TILE(name, rows, vectors) \
    static __attribute__((noinline)) void name(const tile *t) { run_tile(rows, vectors, t); }
TILE(tile_full2, ROWS, 2)
TILE(tile_four2, 4, 2)
TILE(tile_one2, 1, 2)
TILE(tile_full1, ROWS, 1)
TILE(tile_four1, 4, 1)
TILE(tile_one1, 1, 1)

/// All `rows` rows that begin at the tile's.
static void run_tiles(tile t, int64_t rows) {
    int64_t size = t.rounded ? sizeof(uint16_t) : sizeof(float);
    while (rows > 0) {
        int64_t step = rows >= ROWS ? ROWS : rows >= 4 ? 4 : 1;
        if (t.columns > 16) (step == ROWS ? tile_full2 : step == 4 ? tile_four2 : tile_one2)(&t);
        else (step == ROWS ? tile_full1 : step == 4 ? tile_four1 : tile_one1)(&t);
        t.a += step * t.row_step;
        t.u += step * t.u_step;
        t.c = (char *)t.c + step * t.ldc * size;
        rows -= step;
    }
}
