// Attune
// SPDX-License-Identifier: Apache-2.0

// The vector level of 64-bit ARM: 6 × 16 tiles, 24 of the 32 registers of 4 floats.

#include <math.h>

#include "runtime/internal.h"

#if defined(__aarch64__)
#define FN(name) name##_neon
#define WIDTH 16
#define TILE_ROWS 6
#define TABLE attune_neon
#include "vector/level.inc.h"
#endif
