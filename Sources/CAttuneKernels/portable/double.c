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
#define REAL_OPERATION(result, name, parameters, arguments) .name = FN(name),
#define FLOAT_OPERATION(result, name, parameters, arguments)
#define STAGED_OPERATION(result, name, parameters, arguments)
#include "attune_operations.h"
};
