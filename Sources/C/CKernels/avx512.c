#include "internal.h"
#ifdef CK_X86
#define CK_WIDE_REGISTERS 1
#include <immintrin.h>
#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")))
#define NAME(x) x##_avx512
#define LOAD_HALF(p) ((F)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(p))))
#define STORE_HALF(p, v) \
    _mm256_storeu_si256((__m256i *)(p), _mm512_cvtps_ph((__m512)(v), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC))
// 24 of 32 registers hold sums of attention.
#define CK_ROWS 6
#define CK_VECTORS 4
#include "lanes.inc"

#define INLINE static inline __attribute__((always_inline)) TARGET
#define FULL _Pragma("clang loop unroll(full)")
#define SHIFT(v, n) ((n) > 0 ? _mm512_srli_epi16(v, (n) > 0 ? (n) : 0) : (n) < 0 ? _mm512_slli_epi16(v, (n) < 0 ? -(n) : 0) : (v))
// Bits of `a` where the byte `mask` has ones, of `b` elsewhere.
#define SELECT(mask, a, b) _mm512_ternarylogic_epi64(_mm512_set1_epi8((char)(mask)), a, b, 0xCA)

// Sums of the 16 lanes of eight vectors, as eight lanes.
INLINE __m256i reduce8(const __m512i a[8]) {
    __m512i p[4];
#pragma clang loop unroll(full)
    for (int k = 0; k < 4; k++)
        p[k] = _mm512_add_epi32(_mm512_unpacklo_epi32(a[2 * k], a[2 * k + 1]), _mm512_unpackhi_epi32(a[2 * k], a[2 * k + 1]));
    __m512i low = _mm512_add_epi32(_mm512_unpacklo_epi64(p[0], p[1]), _mm512_unpackhi_epi64(p[0], p[1]));
    __m512i high = _mm512_add_epi32(_mm512_unpacklo_epi64(p[2], p[3]), _mm512_unpackhi_epi64(p[2], p[3]));
    __m512i s = _mm512_add_epi32(_mm512_shuffle_i64x2(low, high, 0x44), _mm512_shuffle_i64x2(low, high, 0xEE));
    s = _mm512_add_epi32(s, _mm512_shuffle_i64x2(s, s, 0xB1));
    return _mm512_castsi512_si256(_mm512_shuffle_i64x2(s, s, 0x08));
}

// 16 rows of 4-byte units, transposed: out[k] holds unit k of every row.
INLINE void transpose16(const __m512i w[16], __m512i out[16]) {
    __m512i a[16], b[16];
#pragma clang loop unroll(full)
    for (int k = 0; k < 16; k += 2) {
        a[k] = _mm512_unpacklo_epi32(w[k], w[k + 1]);
        a[k + 1] = _mm512_unpackhi_epi32(w[k], w[k + 1]);
    }
#pragma clang loop unroll(full)
    for (int k = 0; k < 16; k += 4) {
        b[k] = _mm512_unpacklo_epi64(a[k], a[k + 2]);
        b[k + 1] = _mm512_unpackhi_epi64(a[k], a[k + 2]);
        b[k + 2] = _mm512_unpacklo_epi64(a[k + 1], a[k + 3]);
        b[k + 3] = _mm512_unpackhi_epi64(a[k + 1], a[k + 3]);
    }
    // b[4i + j], 128-bit lane l: unit 4l + j of rows 4i ... 4i + 3.
#pragma clang loop unroll(full)
    for (int j = 0; j < 4; j++) {
        __m512i x0 = _mm512_shuffle_i32x4(b[j], b[4 + j], 0x88), x1 = _mm512_shuffle_i32x4(b[j], b[4 + j], 0xDD);
        __m512i y0 = _mm512_shuffle_i32x4(b[8 + j], b[12 + j], 0x88), y1 = _mm512_shuffle_i32x4(b[8 + j], b[12 + j], 0xDD);
        out[j] = _mm512_shuffle_i32x4(x0, y0, 0x88);
        out[8 + j] = _mm512_shuffle_i32x4(x0, y0, 0xDD);
        out[4 + j] = _mm512_shuffle_i32x4(x1, y1, 0x88);
        out[12 + j] = _mm512_shuffle_i32x4(x1, y1, 0xDD);
    }
}

#include "checksums.inc"

// Tokens up to which weights are multiplied chunk by chunk, from where they are decoded.
enum { FEW_TOKENS = 16 };

// Without VBMI a byte shuffle looks at 4 bits of an index; with it at 6 or 7.
#define PRODUCT(x) x##_avx512
#define B __m512i
#define LOAD_BYTES(p) _mm512_xor_si512(_mm512_loadu_si512(p), _mm512_set1_epi8(-128))
#define DOT(s, b, four) \
    ((s)[0] = (I)_mm512_dpbusd_epi32((__m512i)(s)[0], b, _mm512_set1_epi32((four)[0])), \
     (s)[1] = (I)_mm512_dpbusd_epi32((__m512i)(s)[1], b, _mm512_set1_epi32((four)[1])))
#define DOT_START(total) (-128 * (total))
#define DOT_ROWS 6
#define DOT_VECTORS 2
#define PACK BYTES
#include "attention_bytes.inc"
#include "products512.inc"
#include "few512.inc"
#include "gemm512.inc"
#undef PRODUCT
#undef TARGET
#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx2,fma,f16c")))
#define PRODUCT(x) x##_avx512vbmi
#define CK_VBMI 1
#include "products512.inc"
#include "few512.inc"
#include "gemm512.inc"

#undef TARGET
#define TARGET \
    __attribute__((target("amx-tile,amx-int8,avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx2,fma,f16c")))
#include "tiles.inc"

const ck_table_t ck_avx512_table = {.name = "avx512", .gemv = gemv_avx512, .gemm = gemm_avx512, .checksums = checksums_avx512, CK_BYTE_FUNCTIONS(avx512), CK_LANE_FUNCTIONS};
const ck_table_t ck_avx512vbmi_table = {
    .name = "avx512-vbmi", .gemv = gemv_avx512vbmi, .gemm = gemm_avx512vbmi, .checksums = checksums_avx512, CK_BYTE_FUNCTIONS(avx512), CK_LANE_FUNCTIONS};
const ck_table_t ck_amx_table = {
    .name = "amx", .gemv = gemv_avx512vbmi, .gemm = gemm_amx, .arrange = arrange_amx, .checksums = checksums_avx512,
    CK_BYTE_FUNCTIONS(avx512), CK_LANE_FUNCTIONS};
#endif
