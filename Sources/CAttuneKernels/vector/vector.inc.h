// Attune
// SPDX-License-Identifier: Apache-2.0

// Vectors of 16 floats in the compiler's own terms, so that one text serves AVX-512 (one register), AVX2 (two) and
// others (four). Included inside the target of the level, with FN(name) defined.

#define INLINE static inline __attribute__((always_inline))

typedef float vec __attribute__((vector_size(64)));
typedef float loose_vec __attribute__((vector_size(64), aligned(4)));  // anywhere in memory
typedef int32_t ivec __attribute__((vector_size(64)));
typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef uint8_t loose_bytes16 __attribute__((vector_size(16), aligned(1)));
typedef int8_t signed16 __attribute__((vector_size(16)));
typedef int8_t loose_signed16 __attribute__((vector_size(16), aligned(1)));

#define LOAD(p) ((vec) * (const loose_vec *)(p))
#define STORE(p, v) (*(loose_vec *)(p) = (loose_vec)(v))
#define FLOATS(v) __builtin_convertvector((v), vec)

INLINE float FN(sum)(const vec *v) {
#pragma clang fp reassociate(on)
    float s = 0;
    for (int i = 0; i < 16; i++) s += (*v)[i];
    return s;
}

INLINE float FN(half)(const uint8_t *p) {
    uint16_t bits;
    __builtin_memcpy(&bits, p, 2);
#if defined(__x86_64__)
    return _cvtsh_ss(bits);
#elif defined(__aarch64__)
    __fp16 half;
    __builtin_memcpy(&half, &bits, 2);
    return (float)half;
#else
    return attune_float_of_half(bits);
#endif
}

/// Types whose blocks of 32 are expanded in registers.
INLINE int FN(is_fast)(int32_t type) { return type == BLOCK_Q4_0 || type == BLOCK_Q4_1 || type == BLOCK_Q8_0; }

/// One block of 32 of a fast type; `type` is a constant wherever speed counts.
INLINE void FN(expand32)(int32_t type, const uint8_t *b, vec *low, vec *high) {
#pragma clang fp contract(fast)
    float d = FN(half)(b);
    if (type == BLOCK_Q8_0) {
        *low = FLOATS((signed16) * (const loose_signed16 *)(b + 2)) * d;
        *high = FLOATS((signed16) * (const loose_signed16 *)(b + 18)) * d;
        return;
    }
    bytes16 q = (bytes16) * (const loose_bytes16 *)(b + (type == BLOCK_Q4_1 ? 4 : 2));
    float m = type == BLOCK_Q4_1 ? FN(half)(b + 2) : -8 * d;
    *low = FLOATS(q & 15) * d + m;
    *high = FLOATS(q >> 4) * d + m;
}

/// count elements of a row from its first block, any type; count is a multiple of the block size.
static __attribute__((unused)) void FN(expand_row)(int32_t type, const uint8_t *b, int64_t count, float *out) {
#define EXPAND(constant) \
    for (int64_t i = 0; i < count; i += 32, b += attune_block_bytes(constant)) { \
        vec low, high; \
        FN(expand32)(constant, b, &low, &high); \
        STORE(out + i, low); \
        STORE(out + i + 16, high); \
    } \
    break
    switch (type) {
        case BLOCK_Q4_0: EXPAND(BLOCK_Q4_0);
        case BLOCK_Q4_1: EXPAND(BLOCK_Q4_1);
        case BLOCK_Q8_0: EXPAND(BLOCK_Q8_0);
        default: attune_dequantize_blocks(type, b, count, out);
    }
#undef EXPAND
}

/// Transposes 16 vectors of 16 words.
INLINE void FN(transpose)(vec r[16]) {
    vec t[16];
    for (int i = 0; i < 16; i += 2) {
        t[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
        t[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
    }
    for (int i = 0; i < 16; i += 4) {
        for (int j = 0; j < 2; j++) {
            vec a = t[i + j], b = t[i + j + 2];
            r[i + 2 * j] = __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
            r[i + 2 * j + 1] =
                __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
        }
    }
    for (int i = 0; i < 16; i += 8) {
        for (int j = 0; j < 4; j++) {
            vec a = r[i + j], b = r[i + j + 4];
            t[i + j] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27);
            t[i + j + 4] = __builtin_shufflevector(a, b, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
        }
    }
    for (int j = 0; j < 8; j++) {
        vec a = t[j], b = t[j + 8];
        r[j] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
        r[j + 8] = __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    }
}

/// e^x to 2 ulp; below −87 it is e^−87, above 88 e^88. NaN stays NaN.
INLINE float FN(exponential)(float x) {
#pragma clang fp reassociate(off) contract(fast)
    x = x < -87.0f ? -87.0f : x;
    x = x > 88.0f ? 88.0f : x;
    // Adding 1.5·2^23 rounds to an integer, which is then found in the low bits.
    float shifted = x * 1.44269504f + 12582912.0f;
    float n = shifted - 12582912.0f;
    float r = x - n * 0.693145752f;
    r = r - n * 1.42860677e-6f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    return p * attune_float_of_bits((attune_bits_of_float(shifted) + 127) << 23);
}
