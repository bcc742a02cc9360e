// Attune
// SPDX-License-Identifier: Apache-2.0

// The vector level of AVX-512: 12 × 32 tiles, 24 of the 32 registers.

#include <math.h>

#include "runtime/internal.h"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"))), \
    apply_to = function)

#define FN(name) name##_avx512
#define WIDTH 32
#define TILE_ROWS 12
#define TABLE attune_avx512
#include "vector/level.inc.h"

#pragma clang attribute pop
#endif
