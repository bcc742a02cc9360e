// Attune
// SPDX-License-Identifier: Apache-2.0

// All the operations of one vector level. Included inside its target, with FN, WIDTH, TILE_ROWS and TABLE defined.

#define REAL float
#define EXP FN(exponential)
#define LOG logf
#define SQRT sqrtf

#include "vector/vector.inc.h"
#include "vector/gemm.inc.h"
#include "vector/gemv.inc.h"
#include "vector/attention.inc.h"
#include "vector/cached_attention.inc.h"
#include "portable/elementwise.inc.h"
#include "portable/optimiser.inc.h"
#include "portable/optimiser_8bit.inc.h"
#include "portable/rounded.inc.h"

static void FN(multiply)(
    const void *x, int64_t tokens, const attune_weight *w, void *y, int bfloat16, int accumulating) {
    // Few rows: rounding would cost more than it saves, and float32 is the better number.
    if (tokens <= FN(GEMV_TOKENS)) FN(gemv_multiply)(x, tokens, w, y, accumulating);
    else FN(gemm_multiply)(x, tokens, w, y, bfloat16, accumulating);
}

static void FN(multiply_transposed)(
    const void *dy, int64_t tokens, const attune_weight *w, void *dx, int bfloat16, int accumulating) {
    FN(gemm_multiply_transposed)(dy, tokens, w, dx, bfloat16, accumulating);
}

typedef struct {
    const attune_weight *w;
    const int32_t *ids;
    float *out;
} FN(gathering);

static void FN(gather_chunk)(void *context, int64_t chunk) {
    const FN(gathering) *p = context;
    FN(expand_row)(
        p->w->type, (const uint8_t *)p->w->bytes + p->ids[chunk] * p->w->row_bytes, p->w->columns,
        p->out + chunk * p->w->columns);
}

static void FN(gather)(const attune_weight *w, const int32_t *ids, int64_t count, void *out) {
    FN(gathering) p = {w, ids, out};
    attune_parallel(count, FN(gather_chunk), &p);
}

const attune_operations TABLE = {
#define REAL_OPERATION(result, name, parameters, arguments) .name = FN(name),
#define FLOAT_OPERATION REAL_OPERATION
#define STAGED_OPERATION(result, name, parameters, arguments) .name = attune_staged_##name,
#include "attune_operations.h"
};
