#include "internal.h"
#ifdef CK_X86
#include <immintrin.h>
#define TARGET __attribute__((target("avx2,fma,f16c")))
#define NAME(x) x##_avx2
#define LOAD_HALF(p) load_half_avx2_pair(p)
#define STORE_HALF(p, v) store_half_avx2_pair(p, v)
typedef float pair_t __attribute__((vector_size(64), aligned(4)));
static inline __attribute__((always_inline, target("avx2,fma,f16c"))) pair_t load_half_avx2_pair(const uint16_t *p) {
    union { __m256 h[2]; pair_t v; } u;
    u.h[0] = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
    u.h[1] = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(p + 8)));
    return u.v;
}
static inline __attribute__((always_inline, target("avx2,fma,f16c"))) void store_half_avx2_pair(uint16_t *p, pair_t v) {
    union { pair_t v; __m256 h[2]; } u;
    u.v = v;
    _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(u.h[0], _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    _mm_storeu_si128((__m128i *)(p + 8), _mm256_cvtps_ph(u.h[1], _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
#include "lanes.inc"

#define INLINE static inline __attribute__((always_inline)) TARGET
#define SHIFT(v, n) ((n) > 0 ? _mm256_srli_epi16(v, (n) > 0 ? (n) : 0) : (n) < 0 ? _mm256_slli_epi16(v, (n) < 0 ? -(n) : 0) : (v))
#define MERGE(index, plane, r, bit) \
    _mm256_or_si256(index, _mm256_and_si256(SHIFT(plane, (r) - (bit)), _mm256_set1_epi8((char)(1 << (bit)))))

INLINE __m256i table16(const uint8_t *p) { return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)p)); }
// Picks b where bit `bit` of the index byte is set.
#define PICK(index, bit, a, b) _mm256_blendv_epi8(a, b, _mm256_slli_epi16(index, 7 - (bit)))

// 32 centroids of one row: half of a tile. pshufb looks at 4 bits of the index, blends choose by the rest.
#define DECODE(r) INLINE __m256i decode##r(const uint8_t *base, const uint8_t *const planes[6], const int bits, const uint8_t *table) { \
    __m256i b = _mm256_loadu_si256((const __m256i *)(base + ((r) >> 2) * 64)); \
    __m256i index = _mm256_and_si256(SHIFT(b, 2 * ((r) & 3)), _mm256_set1_epi8(3)); \
    if (bits > 2) index = MERGE(index, _mm256_loadu_si256((const __m256i *)planes[0]), r, 2); \
    if (bits > 3) index = MERGE(index, _mm256_loadu_si256((const __m256i *)planes[1]), r, 3); \
    if (bits == 2) return _mm256_shuffle_epi8(_mm256_set1_epi32(*(const int32_t *)table), index); \
    if (bits == 3) return _mm256_shuffle_epi8(_mm256_set1_epi64x(*(const int64_t *)table), index); \
    if (bits == 4) return _mm256_shuffle_epi8(table16(table), index); \
    __m256i low = index; \
    index = MERGE(index, _mm256_loadu_si256((const __m256i *)planes[2]), r, 4); \
    __m256i w = PICK(index, 4, _mm256_shuffle_epi8(table16(table), low), _mm256_shuffle_epi8(table16(table + 16), low)); \
    if (bits == 5) return w; \
    index = MERGE(index, _mm256_loadu_si256((const __m256i *)planes[3]), r, 5); \
    __m256i w2 = PICK(index, 4, _mm256_shuffle_epi8(table16(table + 32), low), _mm256_shuffle_epi8(table16(table + 48), low)); \
    w = PICK(index, 5, w, w2); \
    if (bits == 6) return w; \
    index = MERGE(index, _mm256_loadu_si256((const __m256i *)planes[4]), r, 6); \
    __m256i w3 = PICK(index, 4, _mm256_shuffle_epi8(table16(table + 64), low), _mm256_shuffle_epi8(table16(table + 80), low)); \
    __m256i w4 = PICK(index, 4, _mm256_shuffle_epi8(table16(table + 96), low), _mm256_shuffle_epi8(table16(table + 112), low)); \
    w = PICK(index, 6, w, PICK(index, 5, w3, w4)); \
    if (bits == 7) return w; \
    index = MERGE(index, _mm256_loadu_si256((const __m256i *)planes[5]), r, 7); \
    __m256i h1 = PICK(index, 4, _mm256_shuffle_epi8(table16(table + 128), low), _mm256_shuffle_epi8(table16(table + 144), low)); \
    __m256i h2 = PICK(index, 4, _mm256_shuffle_epi8(table16(table + 160), low), _mm256_shuffle_epi8(table16(table + 176), low)); \
    __m256i h3 = PICK(index, 4, _mm256_shuffle_epi8(table16(table + 192), low), _mm256_shuffle_epi8(table16(table + 208), low)); \
    __m256i h4 = PICK(index, 4, _mm256_shuffle_epi8(table16(table + 224), low), _mm256_shuffle_epi8(table16(table + 240), low)); \
    return PICK(index, 7, w, PICK(index, 6, PICK(index, 5, h1, h2), PICK(index, 5, h3, h4))); \
}
DECODE(0) DECODE(1) DECODE(2) DECODE(3) DECODE(4) DECODE(5) DECODE(6) DECODE(7)

INLINE void decode_half(const ck_matrix_t *m, const int bits, int32_t tr, int32_t c, int32_t half, __m256i w[8], const int prefetch) {
    if (bits == 0) {
        size_t row_bytes = (size_t)m->tiles * 64;
        const uint8_t *p = m->planes[0] + (size_t)tr * 8 * row_bytes + (size_t)c * 64 + (size_t)half * 32;
#pragma clang loop unroll(full)
        for (int r = 0; r < 8; r++) w[r] = _mm256_loadu_si256((const __m256i *)(p + (size_t)r * row_bytes));
        return;
    }
    size_t tile = (size_t)tr * (size_t)m->tiles + (size_t)c;
    const uint8_t *base = m->planes[0] + tile * 128 + (size_t)half * 32, *planes[6];
    if (prefetch && !half) {
        _mm_prefetch((const char *)base + 8192, _MM_HINT_T0);
        _mm_prefetch((const char *)base + 8256, _MM_HINT_T0);
    }
#pragma clang loop unroll(full)
    for (int k = 0; k < bits - 2; k++) {
        planes[k] = m->planes[k + 1] + tile * 64 + (size_t)half * 32;
        if (prefetch && !half) _mm_prefetch((const char *)planes[k] + 4096, _MM_HINT_T0);
    }
    const uint8_t *table = m->entries + ((size_t)tr * 8 << bits);
    const size_t e = (size_t)1 << bits;
    w[0] = decode0(base, planes, bits, table);
    w[1] = decode1(base, planes, bits, table + e);
    w[2] = decode2(base, planes, bits, table + 2 * e);
    w[3] = decode3(base, planes, bits, table + 3 * e);
    w[4] = decode4(base, planes, bits, table + 4 * e);
    w[5] = decode5(base, planes, bits, table + 5 * e);
    w[6] = decode6(base, planes, bits, table + 6 * e);
    w[7] = decode7(base, planes, bits, table + 7 * e);
}

// Unsigned times signed bytes, exactly: the one-instruction product saturates at 16 bits, so even and odd columns are
// multiplied as 16-bit numbers.
INLINE __m256i dot32(__m256i acc, __m256i w, __m256i even, __m256i odd) {
    acc = _mm256_add_epi32(acc, _mm256_madd_epi16(_mm256_and_si256(w, _mm256_set1_epi16(255)), even));
    return _mm256_add_epi32(acc, _mm256_madd_epi16(_mm256_srli_epi16(w, 8), odd));
}

INLINE __m256i reduce8(const __m256i a[8]) {
    __m256i x = _mm256_hadd_epi32(_mm256_hadd_epi32(a[0], a[1]), _mm256_hadd_epi32(a[2], a[3]));
    __m256i y = _mm256_hadd_epi32(_mm256_hadd_epi32(a[4], a[5]), _mm256_hadd_epi32(a[6], a[7]));
    return _mm256_add_epi32(_mm256_permute2x128_si256(x, y, 0x20), _mm256_permute2x128_si256(x, y, 0x31));
}

INLINE void finish8(const ck_matrix_t *m, __m256 total, float correction, int32_t row, float *out) {
    __m256 y = _mm256_mul_ps(_mm256_sub_ps(total, _mm256_set1_ps(correction)), _mm256_loadu_ps(m->scales + row));
    int32_t left = m->rows - row;
    if (left >= 8) {
        _mm256_storeu_ps(out + row, y);
    } else {
        float local[8];
        _mm256_storeu_ps(local, y);
        for (int32_t r = 0; r < left; r++) out[row + r] = local[r];
    }
}

INLINE void split(const int8_t *v, __m256i *even, __m256i *odd) {
    __m256i x = _mm256_loadu_si256((const __m256i *)v);
    *even = _mm256_srai_epi16(_mm256_slli_epi16(x, 8), 8);
    *odd = _mm256_srai_epi16(x, 8);
}

INLINE void gemv_bits(const ck_matrix_t *m, const ck_activations_t *x, float *out, int32_t first, int32_t end, const int bits) {
    for (int32_t tr = first; tr < end; tr++) {
        __m256 total = _mm256_setzero_ps();
        for (int32_t g = 0; g < x->groups; g++) {
            __m256i acc[8];
#pragma clang loop unroll(full)
            for (int r = 0; r < 8; r++) acc[r] = _mm256_setzero_si256();
            for (int32_t h = g * 4; h < ck_min(g * 4 + 4, m->tiles * 2); h++) {
                __m256i w[8], even, odd;
                split(x->values + (size_t)h * 32, &even, &odd);
                decode_half(m, bits, tr, h >> 1, h & 1, w, 1);
#pragma clang loop unroll(full)
                for (int r = 0; r < 8; r++) acc[r] = dot32(acc[r], w[r], even, odd);
            }
            __m256 part = _mm256_mul_ps(_mm256_cvtepi32_ps(reduce8(acc)), _mm256_set1_ps(x->scales[g]));
            total = _mm256_add_ps(total, part);
        }
        finish8(m, total, x->corrections[0], tr * 8, out);
    }
}

TARGET static void gemv_avx2(const ck_matrix_t *m, const ck_activations_t *x, float *out, int64_t stride, int32_t first,
                             int32_t end, void *scratch) {
    (void)stride;
    (void)scratch;
    BY_BITS(gemv_bits, m, x, out, first, end)
}

INLINE void decode_panel(const ck_matrix_t *m, int32_t tr, __m256i *panel, const int bits) {
    for (int32_t h = 0; h < m->tiles * 2; h++) {
        __m256i w[8];
        decode_half(m, bits, tr, h >> 1, h & 1, w, 1);
#pragma clang loop unroll(full)
        for (int r = 0; r < 8; r++) _mm256_storeu_si256(panel + (size_t)h * 8 + (size_t)r, w[r]);
    }
}

// One tile row is decoded once and multiplied with every token.
TARGET static void gemm_avx2(const ck_matrix_t *m, const ck_activations_t *x, float *out, int64_t stride, int32_t first,
                             int32_t end, void *scratch) {
    __m256i *panel = (__m256i *)(((uintptr_t)scratch + 63) & ~(uintptr_t)63);
    for (int32_t tr = first; tr < end; tr++) {
        BY_BITS(decode_panel, m, tr, panel)
        for (int32_t t = 0; t < x->tokens; t++) {
            const int8_t *values = x->values + (size_t)t * (size_t)m->tiles * 64;
            __m256 total = _mm256_setzero_ps();
            for (int32_t g = 0; g < x->groups; g++) {
                __m256i acc[8];
#pragma clang loop unroll(full)
                for (int r = 0; r < 8; r++) acc[r] = _mm256_setzero_si256();
                for (int32_t h = g * 4; h < ck_min(g * 4 + 4, m->tiles * 2); h++) {
                    __m256i even, odd;
                    split(values + (size_t)h * 32, &even, &odd);
#pragma clang loop unroll(full)
                    for (int r = 0; r < 8; r++) acc[r] = dot32(acc[r], _mm256_loadu_si256(panel + (size_t)h * 8 + (size_t)r), even, odd);
                }
                float scale = x->scales[(size_t)t * (size_t)x->groups + (size_t)g];
                total = _mm256_add_ps(total, _mm256_mul_ps(_mm256_cvtepi32_ps(reduce8(acc)), _mm256_set1_ps(scale)));
            }
            finish8(m, total, x->corrections[t], tr * 8, out + t * stride);
        }
    }
}

const ck_table_t ck_avx2_table = {.name = "avx2", .gemv = gemv_avx2, .gemm = gemm_avx2, CK_LANE_FUNCTIONS};
#endif
