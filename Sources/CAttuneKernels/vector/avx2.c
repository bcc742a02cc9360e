// Attune
// SPDX-License-Identifier: Apache-2.0

// The vector level of AVX2: 6 × 16 tiles, 12 of the 16 registers.

#include <math.h>

#include "runtime/internal.h"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

#define FN(name) name##_avx2
#define WIDTH 16
#define TILE_ROWS 6
#define TABLE attune_avx2
#include "vector/level.inc.h"

#pragma clang attribute pop
#endif
