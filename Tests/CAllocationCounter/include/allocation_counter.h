// Attune
// SPDX-License-Identifier: Apache-2.0

#pragma once
#include <stdint.h>

/// Whether allocations can be counted: with glibc, and where no sanitizer has the allocator for itself.
int32_t allocation_counter_works(void);
/// Counts the allocations of this thread from here on.
void allocation_counter_start(void);
/// Ends it; the number of allocations since the start.
int64_t allocation_counter_stop(void);
/// Who called for allocation `index` of the first few, as text of one line a frame; an empty one beyond them. The
/// caller frees it.
char *allocation_counter_caller(int64_t index);
