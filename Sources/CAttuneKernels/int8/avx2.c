// Attune
// SPDX-License-Identifier: Apache-2.0

// Products with int8 activations on AVX2: vpmaddubsw, vpmaddwd and an addition for 8 rows and 4 columns.

#include <math.h>

#include "int8/layouts.h"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

#define FN(name) name##_int8_avx2
#define TILE_ROWS 2
#include "vector/vector.inc.h"

typedef struct {
    __m256i half[2];
} halves256;

INLINE int32_t FN(offset)(int32_t type) { return type == BLOCK_Q4_0 ? 8 : 0; }

INLINE void FN(dot)(ivec *acc, const ivec *w, ivec x, int32_t type) {
    halves256 a, b, c;
    __builtin_memcpy(&a, acc, sizeof a);
    __builtin_memcpy(&b, w, sizeof b);
    __builtin_memcpy(&c, &x, sizeof c);
    __m256i ones = _mm256_set1_epi16(1);
    for (int i = 0; i < 2; i++) {
        __m256i pairs;
        if (type == BLOCK_Q8_0) {
            // 255·127·2 would saturate, |q|·(±x) stays below 2^15; so q is taken without its 128.
            __m256i q = _mm256_xor_si256(b.half[i], _mm256_set1_epi8(-128));
            pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(q), _mm256_sign_epi8(c.half[i], q));
        } else {
            pairs = _mm256_maddubs_epi16(b.half[i], c.half[i]);
        }
        a.half[i] = _mm256_add_epi32(a.half[i], _mm256_madd_epi16(pairs, ones));
    }
    __builtin_memcpy(acc, &a, sizeof a);
}

#include "int8/products.inc.h"

const attune_int8_operations attune_int8_avx2 = {FN(quantize), FN(multiply), FN(project), FN(expand)};

#pragma clang attribute pop
#endif
