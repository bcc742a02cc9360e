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
#include "portable/cached_attention.inc.h"
#include "portable/elementwise.inc.h"
#include "portable/optimiser.inc.h"
#include "portable/optimiser_8bit.inc.h"
#include "portable/rounded.inc.h"

const attune_operations attune_portable_f32 = {
#define REAL_OPERATION(result, name, parameters, arguments) .name = FN(name),
#define FLOAT_OPERATION REAL_OPERATION
#define STAGED_OPERATION(result, name, parameters, arguments) .name = attune_staged_##name,
#include "attune_operations.h"
};
