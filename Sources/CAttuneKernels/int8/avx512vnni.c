// Attune
// SPDX-License-Identifier: Apache-2.0

// Products with int8 activations on AVX-512 VNNI: one vpdpbusd for 16 rows and 4 columns.

#include <math.h>

#include "int8/layouts.h"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(                                                                                   \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c"))), apply_to = function)

#define FN(name) name##_vnni
#define TILE_ROWS 8
#include "vector/vector.inc.h"

INLINE int32_t FN(offset)(int32_t type) { return type == BLOCK_Q8_0 ? 128 : type == BLOCK_Q4_0 ? 8 : 0; }

INLINE void FN(dot)(ivec *acc, const ivec *w, ivec x, int32_t type) {
    (void)type;
    *acc = (ivec)_mm512_dpbusd_epi32((__m512i)*acc, (__m512i)*w, (__m512i)x);
}

#include "int8/products.inc.h"

const attune_int8_operations attune_int8_avx512vnni = {FN(quantize), FN(multiply), FN(project), FN(expand)};

#pragma clang attribute pop
#endif
