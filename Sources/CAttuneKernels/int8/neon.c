// Attune
// SPDX-License-Identifier: Apache-2.0

// Products with int8 activations on 64-bit ARM with the dot product: sdot for 4 rows and 4 columns.

#include <math.h>

#include "int8/layouts.h"

#if defined(__aarch64__)
#include <arm_neon.h>

#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)

#define FN(name) name##_int8_neon
#define TILE_ROWS 4
#include "vector/vector.inc.h"

INLINE int32_t FN(offset)(int32_t type) { return type == BLOCK_Q4_0 ? 8 : 0; }

INLINE void FN(dot)(ivec *acc, const ivec *w, ivec x, int32_t type) {
    int32x4_t a[4];
    int8x16_t b[4], c[4];
    __builtin_memcpy(a, acc, sizeof a);
    __builtin_memcpy(b, w, sizeof b);
    __builtin_memcpy(c, &x, sizeof c);
    // Both factors are signed, so q of Q8_0 is taken without its 128.
    for (int i = 0; i < 4; i++)
        a[i] = vdotq_s32(a[i], type == BLOCK_Q8_0 ? veorq_s8(b[i], vdupq_n_s8(-128)) : b[i], c[i]);
    __builtin_memcpy(acc, a, sizeof a);
}

#include "int8/products.inc.h"

const attune_int8_operations attune_int8_neon = {FN(quantize), FN(multiply), FN(project), FN(expand)};

#pragma clang attribute pop
#endif
