// Attune
// SPDX-License-Identifier: Apache-2.0

// What the CPU can do at best, for figures to be compared with: multiply-adds on registers alone, and plain reading.

#include <time.h>

#include "runtime/internal.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

enum { ROUNDS = 1 << 16, CHUNKS_PER_THREAD = 8, READ_BYTES = 1 << 18 };

/// Runs ROUNDS rounds of independent multiply-adds; the result only keeps the compiler from dropping them.
typedef float (*ceiling_loop)(void);

// `count` sums are enough to hide the latency of the instruction, and leave registers for its factors. The compiler may
// neither know the factors nor that one word of the sum is used, or it would fold the loop or take it apart.
#define UNROLLED(count, body) _Pragma("clang loop unroll(full)") for (int i = 0; i < count; i++) body
#define CEILING_LOOP(name, features, type, word, register, count, start, step)     \
    __attribute__((target(features))) static float name(void) {                    \
        type sum[count], a = start(1), b = start(2);                               \
        __asm__("" : "+" register(a), "+" register(b));                            \
        UNROLLED(count, sum[i] = start(i));                                        \
        for (int round = 0; round < ROUNDS; round++) {                             \
            UNROLLED(count, sum[i] = step(sum[i], a, b));                          \
        }                                                                          \
        type all = sum[0];                                                         \
        UNROLLED(count, all = step(all, sum[i], b));                               \
        __asm__("" : "+" register(all));                                           \
        return (float)((word *)&all)[0];                                           \
    }

#if defined(__x86_64__)
#define F32_512(i) _mm512_set1_ps((float)(i))
#define FMA_512(s, a, b) _mm512_fmadd_ps(a, b, s)
CEILING_LOOP(f32_avx512, "avx512f", __m512, float, "v", 24, F32_512, FMA_512)
#define BF16_512(s, a, b) _mm512_dpbf16_ps(s, (__m512bh)(a), (__m512bh)(b))
CEILING_LOOP(bf16_avx512, "avx512f,avx512bw,avx512bf16", __m512, float, "v", 24, F32_512, BF16_512)
#define I32_512(i) _mm512_set1_epi32(i)
CEILING_LOOP(int8_avx512, "avx512f,avx512vnni", __m512i, int32_t, "v", 24, I32_512, _mm512_dpbusd_epi32)
#define F32_256(i) _mm256_set1_ps((float)(i))
#define FMA_256(s, a, b) _mm256_fmadd_ps(a, b, s)
CEILING_LOOP(f32_avx2, "avx2,fma", __m256, float, "x", 12, F32_256, FMA_256)
#elif defined(__aarch64__)
#define F32_128(i) vdupq_n_f32((float)(i))
CEILING_LOOP(f32_neon, "neon", float32x4_t, float, "w", 24, F32_128, vfmaq_f32)
#define I32_128(i) vdupq_n_s32(i)
#define DOT_128(s, a, b) vdotq_s32(s, vreinterpretq_s8_s32(a), vreinterpretq_s8_s32(b))
CEILING_LOOP(int8_neon, "dotprod", int32x4_t, int32_t, "w", 24, I32_128, DOT_128)
#endif

// The loop of a kind of numbers at a level, and the operations of one call; no loop where the level cannot do it.
static ceiling_loop loop_of(int32_t kind, int32_t level, double *operations) {
    // OpenBLAS chooses for itself, and plain C is to be seen beside what the CPU could do.
    if (level < ATTUNE_LEVEL_AVX2) level = attune_best_level();
#if defined(__x86_64__)
    double lanes = level >= ATTUNE_LEVEL_AVX512 ? 16 * 24 : 8 * 12;
    double each = kind == ATTUNE_CEILING_INT8 ? 8 : kind == ATTUNE_CEILING_BFLOAT16 ? 4 : 2;
    *operations = lanes * each * ROUNDS;
    if (kind == ATTUNE_CEILING_FLOAT32 && level >= ATTUNE_LEVEL_AVX512) return f32_avx512;
    if (kind == ATTUNE_CEILING_FLOAT32 && level >= ATTUNE_LEVEL_AVX2) return f32_avx2;
    if (kind == ATTUNE_CEILING_BFLOAT16 && level >= ATTUNE_LEVEL_AVX512BF16) return bf16_avx512;
    if (kind == ATTUNE_CEILING_INT8 && level >= ATTUNE_LEVEL_AVX512 && attune_cpu_supports("avx512vnni"))
        return int8_avx512;
#elif defined(__aarch64__)
    *operations = 4.0 * 24 * (kind == ATTUNE_CEILING_INT8 ? 8 : 2) * ROUNDS;
    if (kind == ATTUNE_CEILING_FLOAT32) return f32_neon;
    if (kind == ATTUNE_CEILING_INT8 && level == ATTUNE_LEVEL_NEON && attune_cpu_supports("dotprod")) return int8_neon;
#endif
    return NULL;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

typedef struct {
    ceiling_loop loop;
    _Atomic float result;
} computing;

static void compute_chunk(void *context, int64_t chunk) {
    (void)chunk;
    computing *p = context;
    atomic_store_explicit(&p->result, p->loop(), memory_order_relaxed);
}

double attune_ceiling(int32_t kind, double seconds) {
    double operations = 0;
    computing p = {.loop = loop_of(kind, attune_level(), &operations)};
    if (!p.loop) return 0;
    int64_t chunks = CHUNKS_PER_THREAD * attune_pool_threads(), done = 0;
    attune_parallel(chunks, compute_chunk, &p);  // wakes the threads and raises the clock
    double start = now(), elapsed;
    do {
        attune_parallel(chunks, compute_chunk, &p);
        done += chunks;
        elapsed = now() - start;
    } while (elapsed < seconds);
    return operations * (double)done / elapsed;
}

typedef uint64_t words __attribute__((vector_size(64)));
typedef uint64_t loose_words __attribute__((vector_size(64), aligned(1)));

typedef struct {
    const uint8_t *bytes;
    int64_t count;
    _Atomic uint64_t result;
} reading;

static void read_chunk(void *context, int64_t chunk) {
    reading *p = context;
    int64_t first = chunk * READ_BYTES, last = attune_min(p->count, first + READ_BYTES);
    words a = {0}, b = {0};
    for (int64_t at = first; at + 128 <= last; at += 128) {
        a ^= (words) * (const loose_words *)(p->bytes + at);
        b ^= (words) * (const loose_words *)(p->bytes + at + 64);
    }
    a ^= b;
    atomic_fetch_xor_explicit(&p->result, a[0] ^ a[1] ^ a[2] ^ a[3] ^ a[4] ^ a[5] ^ a[6] ^ a[7], memory_order_relaxed);
}

double attune_read_rate(const void *bytes, int64_t count) {
    reading p = {.bytes = bytes, .count = count};
    double start = now();
    attune_parallel(attune_pieces(count, READ_BYTES), read_chunk, &p);
    return (double)count / (now() - start);
}
