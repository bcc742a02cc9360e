// Attune
// SPDX-License-Identifier: Apache-2.0

// The portable kernels for double: the yardstick of finite differences.

#include <math.h>

#include "runtime/internal.h"

#define REAL double
#define EXP exp
#define LOG log
#define SQRT sqrt
#define FN(name) name##_f64

#include "portable/products.inc.h"
#include "portable/attention.inc.h"
#include "portable/elementwise.inc.h"

const attune_operations attune_portable_f64 = {
    .multiply = FN(multiply),
    .multiply_transposed = FN(multiply_transposed),
    .dense = FN(dense),
    .gather = FN(gather),
    .rms_norm = FN(rms_norm),
    .rms_norm_backward = FN(rms_norm_backward),
    .rotate = FN(rotate),
    .attention = FN(attention),
    .attention_backward = FN(attention_backward),
    .swiglu = FN(swiglu),
    .swiglu_backward = FN(swiglu_backward),
    .cross_entropy = FN(cross_entropy),
    .add = FN(add),
    .scale = FN(scale),
    .dropout = FN(dropout),
};
