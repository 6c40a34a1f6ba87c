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
#define FULL _Pragma("clang loop unroll(full)")
#define SHIFT(v, n) ((n) > 0 ? _mm256_srli_epi16(v, (n) > 0 ? (n) : 0) : (n) < 0 ? _mm256_slli_epi16(v, (n) < 0 ? -(n) : 0) : (v))

// Sums of the 8 lanes of eight vectors.
INLINE __m256i reduce8(const __m256i a[8]) {
    __m256i x = _mm256_hadd_epi32(_mm256_hadd_epi32(a[0], a[1]), _mm256_hadd_epi32(a[2], a[3]));
    __m256i y = _mm256_hadd_epi32(_mm256_hadd_epi32(a[4], a[5]), _mm256_hadd_epi32(a[6], a[7]));
    return _mm256_add_epi32(_mm256_permute2x128_si256(x, y, 0x20), _mm256_permute2x128_si256(x, y, 0x31));
}

// 8 rows of 4-byte units, transposed: out[k] holds unit k of every row.
INLINE void transpose8(const __m256i w[8], __m256i out[8]) {
    __m256i a[8], b[8];
    FULL for (int k = 0; k < 8; k += 2) {
        a[k] = _mm256_unpacklo_epi32(w[k], w[k + 1]);
        a[k + 1] = _mm256_unpackhi_epi32(w[k], w[k + 1]);
    }
    FULL for (int k = 0; k < 8; k += 4) {
        b[k] = _mm256_unpacklo_epi64(a[k], a[k + 2]);
        b[k + 1] = _mm256_unpackhi_epi64(a[k], a[k + 2]);
        b[k + 2] = _mm256_unpacklo_epi64(a[k + 1], a[k + 3]);
        b[k + 3] = _mm256_unpackhi_epi64(a[k + 1], a[k + 3]);
    }
    FULL for (int k = 0; k < 4; k++) {
        out[k] = _mm256_permute2x128_si256(b[k], b[k + 4], 0x20);
        out[k + 4] = _mm256_permute2x128_si256(b[k], b[k + 4], 0x31);
    }
}

// 64 bytes as numbers of 16 bits, two of a lane's four in each register of a half, since products of bytes saturate; and sums of 16 lanes.
typedef struct { __m256i even[2], odd[2]; } bytes_avx2_t;
typedef struct { __m256i half[2]; } lanes_avx2_t;
INLINE bytes_avx2_t load_bytes_avx2(const int8_t *p) {
    bytes_avx2_t b;
    FULL for (int k = 0; k < 2; k++) {
        const __m256i both = _mm256_loadu_si256((const __m256i *)(p + 32 * k));
        b.even[k] = _mm256_srai_epi16(_mm256_slli_epi16(both, 8), 8);
        b.odd[k] = _mm256_srai_epi16(both, 8);
    }
    return b;
}
INLINE void dot_avx2(I *s, bytes_avx2_t b, const int32_t *four) {
    lanes_avx2_t sums[2];
    memcpy(sums, s, 128);
    FULL for (int k = 0; k < 2; k++) {
        sums[0].half[k] = _mm256_add_epi32(sums[0].half[k], _mm256_madd_epi16(b.even[k], _mm256_set1_epi32(four[0])));
        sums[1].half[k] = _mm256_add_epi32(sums[1].half[k], _mm256_madd_epi16(b.odd[k], _mm256_set1_epi32(four[1])));
    }
    memcpy(s, sums, 128);
}
#define B bytes_avx2_t
#define LOAD_BYTES(p) load_bytes_avx2(p)
#define DOT(s, b, four) dot_avx2(s, b, four)
#define DOT_START(total) (0 * (total))
#define DOT_ROWS 2
#define DOT_VECTORS 1
#define PACK SHORTS
#define PRODUCT(x) x##_avx2
#include "attention_bytes.inc"
#include "products256.inc"
#undef PRODUCT
#undef TARGET
#define TARGET __attribute__((target("avx2,fma,f16c,avxvnni")))
INLINE lanes_avx2_t load_bytes_avx2vnni(const int8_t *p) {
    const __m256i sign = _mm256_set1_epi8(-128);
    return (lanes_avx2_t){{_mm256_xor_si256(_mm256_loadu_si256((const __m256i *)p), sign),
                           _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)(p + 32)), sign)}};
}
INLINE void dot_avx2vnni(I *s, lanes_avx2_t b, const int32_t *four) {
    lanes_avx2_t sums[2];
    memcpy(sums, s, 128);
    FULL for (int k = 0; k < 4; k++)
        sums[k / 2].half[k % 2] = _mm256_dpbusd_avx_epi32(sums[k / 2].half[k % 2], b.half[k % 2], _mm256_set1_epi32(four[k / 2]));
    memcpy(s, sums, 128);
}
#define B lanes_avx2_t
#define LOAD_BYTES(p) load_bytes_avx2vnni(p)
#define DOT(s, b, four) dot_avx2vnni(s, b, four)
#define DOT_START(total) (-128 * (total))
#define DOT_ROWS 2
#define DOT_VECTORS 1
#define PACK BYTES
#define PRODUCT(x) x##_avx2vnni
#define CK_VNNI 1
#include "attention_bytes.inc"
#include "products256.inc"

const ck_table_t ck_avx2_table = {.name = "avx2", .gemv = gemv_avx2, .gemm = gemm_avx2, CK_BYTE_FUNCTIONS(avx2), CK_LANE_FUNCTIONS};
const ck_table_t ck_avx2vnni_table = {
    .name = "avx2-vnni", .gemv = gemv_avx2vnni, .gemm = gemm_avx2vnni, CK_BYTE_FUNCTIONS(avx2vnni), CK_LANE_FUNCTIONS};
#endif
