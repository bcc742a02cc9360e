// Attune
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cblas.h>

// Exported by the library without a header: they re-run its choice of kernels (engine reference, section 8).
void gotoblas_dynamic_quit(void);
void gotoblas_dynamic_init(void);
