// Attune
// SPDX-License-Identifier: Apache-2.0

// The executable's own malloc stands before that of the C library, for all libraries it loads.

#define _GNU_SOURCE
#include "allocation_counter.h"

#include <execinfo.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { CALLERS = 8, DEPTH = 14 };
static _Thread_local int32_t counting;
static _Thread_local int64_t counted;
static _Thread_local struct {
    void *frames[DEPTH];
    int depth;
} callers[CALLERS];

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define OTHER_ALLOCATOR 1
#endif
#endif

#if defined(__GLIBC__) && !defined(OTHER_ALLOCATOR)
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

static void count(void) {
    if (!counting) return;
    counting = 0;
    if (counted < CALLERS) callers[counted].depth = backtrace(callers[counted].frames, DEPTH);
    counted++;
    counting = 1;
}

void *malloc(size_t size) {
    count();
    return __libc_malloc(size);
}

void *calloc(size_t elements, size_t size) {
    count();
    return __libc_calloc(elements, size);
}

void *realloc(void *old, size_t size) {
    count();
    return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size) {
    count();
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **memory, size_t alignment, size_t size) {
    void *made = memalign(alignment, size);
    if (!made) return 12;  // ENOMEM
    *memory = made;
    return 0;
}

int32_t allocation_counter_works(void) {
    // Volatile, or the compiler leaves out what nobody uses.
    allocation_counter_start();
    free((void *volatile)malloc(1));
    return allocation_counter_stop() == 1;
}
#else
int32_t allocation_counter_works(void) { return 0; }
#endif

void allocation_counter_start(void) {
    void *warm[2];
    backtrace(warm, 2);  // its first call allocates
    counted = 0;
    counting = 1;
}

int64_t allocation_counter_stop(void) {
    counting = 0;
    return counted;
}

char *allocation_counter_caller(int64_t index) {
    char *text = calloc(1, 1);
    if (!text || index < 0 || index >= CALLERS || index >= counted) return text;
    char **names = backtrace_symbols(callers[index].frames, callers[index].depth);
    for (int frame = 2; names && frame < callers[index].depth; frame++) {
        size_t length = strlen(text);
        char *longer = realloc(text, length + strlen(names[frame]) + 2);
        if (!longer) break;
        text = longer;
        strcpy(text + length, names[frame]);
        strcat(text, "\n");
    }
    free(names);
    return text;
}
