// Attune
// SPDX-License-Identifier: Apache-2.0

// The portable kernels for float: what every faster one is compared with.

#include <math.h>

#include "runtime/internal.h"

#define REAL float
#define EXP expf
#define LOG logf
#define SQRT sqrtf
#define FN(name) name##_f32

#include "portable/products.inc.h"
#include "portable/attention.inc.h"
#include "portable/elementwise.inc.h"
#include "portable/optimiser.inc.h"
#include "portable/optimiser_8bit.inc.h"
#include "portable/rounded.inc.h"

const attune_operations attune_portable_f32 = {
    .multiply = FN(multiply),
    .multiply_transposed = FN(multiply_transposed),
    .dense = FN(dense),
    .gather = FN(gather),
    .rms_norm = FN(rms_norm),
    .rms_norm_backward = FN(rms_norm_backward),
    .rotate = FN(rotate),
    .attention = FN(attention),
    .attention_backward = FN(attention_backward),
    .cache_store = attune_cache_store_portable,
    .cached_attention = attune_cached_attention_portable,
    .swiglu = FN(swiglu),
    .swiglu_backward = FN(swiglu_backward),
    .cross_entropy = FN(cross_entropy),
    .add = FN(add),
    .scale = FN(scale),
    .dropout = FN(dropout),
    .sum_of_squares = FN(sum_of_squares),
    .is_finite = FN(is_finite),
    .adamw = FN(adamw),
    .adamw_8bit = FN(adamw_8bit),
    .round_to = FN(round_to),
    .widen = FN(widen),
    .rounded_add = FN(rounded_add),
    .round_rows = FN(round_rows),
    .rounded_rms_norm = FN(rounded_rms_norm),
    .rounded_rms_apply = FN(rounded_rms_apply),
    .rounded_rms_norm_backward = FN(rounded_rms_norm_backward),
    .rounded_swiglu = FN(rounded_swiglu),
    .rounded_swiglu_backward = FN(rounded_swiglu_backward),
    .rounded_rotate = FN(rounded_rotate),
};
