// Attune
// SPDX-License-Identifier: Apache-2.0

// One pool of threads with one job at a time. A job is a counter from which everyone takes chunks, so that the caller
// does what a helper that is not running does not. A helper joins a job only while it is open: one that sleeps or has
// lost its core delays nobody.

#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/internal.h"

enum { MAX_THREADS = 256, SPINS = 4000 };
#define OPEN 0x80000000u

static pthread_mutex_t job_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_t helpers[MAX_THREADS];
static int32_t helper_count;
static atomic_int configured;  // 0: not yet
static atomic_bool stopping;

// The open bit and the number of helpers inside the job; a futex for the caller.
static _Atomic uint32_t gate;
// Counts jobs; a futex for helpers.
static _Atomic uint32_t generation;
static _Atomic uint32_t sleepers, caller_sleeps;
static struct {
    void (*body)(void *, int64_t);
    void *context;
    int64_t chunks;
    _Atomic int64_t next;
} job;

static _Thread_local int inside_job;

static void futex_wait(_Atomic uint32_t *word, uint32_t value) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word, int count) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

static inline void pause_briefly(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void take_chunks(void) {
    inside_job = 1;
    for (;;) {
        int64_t chunk = atomic_fetch_add_explicit(&job.next, 1, memory_order_relaxed);
        if (chunk >= job.chunks) break;
        job.body(job.context, chunk);
    }
    inside_job = 0;
}

static void *help(void *unused) {
    (void)unused;
    uint32_t seen = 0;
    while (!atomic_load(&stopping)) {
        uint32_t now = atomic_load(&generation);
        for (int spin = 0; now == seen && spin < SPINS; spin++) {
            pause_briefly();
            now = atomic_load_explicit(&generation, memory_order_acquire);
        }
        if (now == seen) {
            atomic_fetch_add(&sleepers, 1);
            futex_wait(&generation, seen);
            atomic_fetch_sub(&sleepers, 1);
            continue;
        }
        seen = now;
        uint32_t state = atomic_load(&gate);
        while ((state & OPEN) && !atomic_compare_exchange_weak(&gate, &state, state + 1)) {}
        if (!(state & OPEN)) continue;
        take_chunks();
        if (atomic_fetch_sub(&gate, 1) == 1 && atomic_load(&caller_sleeps)) futex_wake(&gate, 1);
    }
    return NULL;
}

// With the lock held.
static void stop_helpers(void) {
    atomic_store(&stopping, 1);
    atomic_fetch_add(&generation, 1);
    futex_wake(&generation, MAX_THREADS);
    for (int32_t i = 0; i < helper_count; i++) pthread_join(helpers[i], NULL);
    helper_count = 0;
    atomic_store(&stopping, 0);
}

// With the lock held.
static void start_helpers(int32_t threads) {
    sigset_t all, before;
    sigfillset(&all);  // signals are for the program's own threads
    sigdelset(&all, SIGBUS);  // but a truncated map is answered by the thread that reads it
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (helper_count < threads - 1 && pthread_create(&helpers[helper_count], NULL, help, NULL) == 0) helper_count++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    atomic_store(&configured, helper_count + 1);
}

void attune_pool_configure(int32_t threads) {
    if (threads <= 0) threads = attune_default_threads();
    if (threads > MAX_THREADS) threads = MAX_THREADS;
    pthread_mutex_lock(&job_lock);
    if (threads != helper_count + 1 || !atomic_load(&configured)) {
        stop_helpers();
        start_helpers(threads);
    }
    pthread_mutex_unlock(&job_lock);
}

int32_t attune_pool_threads(void) {
    if (!atomic_load(&configured)) {
        int32_t threads = attune_default_threads();
        pthread_mutex_lock(&job_lock);
        if (!atomic_load(&configured)) start_helpers(threads);
        pthread_mutex_unlock(&job_lock);
    }
    return atomic_load(&configured);
}

void attune_parallel(int64_t chunks, void (*body)(void *, int64_t), void *context) {
    if (chunks <= 1 || inside_job || attune_pool_threads() == 1) {
        for (int64_t chunk = 0; chunk < chunks; chunk++) body(context, chunk);
        return;
    }
    pthread_mutex_lock(&job_lock);
    job.body = body;
    job.context = context;
    job.chunks = chunks;
    atomic_store(&job.next, 0);
    atomic_store(&gate, OPEN);
    atomic_fetch_add(&generation, 1);
    if (atomic_load(&sleepers)) futex_wake(&generation, (int)attune_min(chunks - 1, helper_count));
    take_chunks();
    uint32_t state = atomic_fetch_and(&gate, ~OPEN) & ~OPEN;
    for (int spin = 0; state && spin < SPINS; spin++) {
        pause_briefly();
        state = atomic_load(&gate);
    }
    atomic_store(&caller_sleeps, 1);
    while ((state = atomic_load(&gate))) futex_wait(&gate, state);
    atomic_store(&caller_sleeps, 0);
    pthread_mutex_unlock(&job_lock);
}

// ---- Memory of a thread ------------------------------------------------------------------------------------------

typedef struct {
    void *base[ARENAS];
    size_t size[ARENAS];
} scratch;

static pthread_key_t scratch_key;
static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;

static void free_scratch(void *value) {
    scratch *mine = value;
    for (int arena = 0; arena < ARENAS; arena++) free(mine->base[arena]);
    free(mine);
}

static void make_scratch_key(void) {
    if (pthread_key_create(&scratch_key, free_scratch) != 0) abort();
}

void *attune_scratch(attune_arena arena, size_t bytes) {
    static _Thread_local scratch *mine;
    if (!mine) {
        pthread_once(&scratch_once, make_scratch_key);
        mine = calloc(1, sizeof(scratch));
        if (!mine || pthread_setspecific(scratch_key, mine) != 0) abort();
    }
    if (mine->size[arena] < bytes) {
        free(mine->base[arena]);
        size_t size = (bytes + bytes / 4 + 4095) / 4096 * 4096;
        mine->base[arena] = aligned_alloc(64, size);
        if (!mine->base[arena]) abort();
        mine->size[arena] = size;
    }
    return mine->base[arena];
}

void *attune_description_memory(int64_t bytes) { return attune_scratch(ARENA_DESCRIPTION, (size_t)bytes); }
