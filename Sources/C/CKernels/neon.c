#include "internal.h"
#ifdef CK_ARM
#include <arm_neon.h>
#define TARGET
#define NAME(x) x##_neon
#define LOAD_HALF(p) load_half_neon_four(p)
#define STORE_HALF(p, v) store_half_neon_four(p, v)
typedef float four_t __attribute__((vector_size(64), aligned(4)));
static inline __attribute__((always_inline)) four_t load_half_neon_four(const uint16_t *p) {
    union { float32x4_t q[4]; four_t v; } u;
    for (int k = 0; k < 4; k++) u.q[k] = vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p + 4 * k)));
    return u.v;
}
static inline __attribute__((always_inline)) void store_half_neon_four(uint16_t *p, four_t v) {
    union { four_t v; float32x4_t q[4]; } u;
    u.v = v;
    for (int k = 0; k < 4; k++) vst1_u16(p + 4 * k, vreinterpret_u16_f16(vcvt_f16_f32(u.q[k])));
}
#include "lanes.inc"

#define INLINE static inline __attribute__((always_inline)) TARGET
#define FULL _Pragma("clang loop unroll(full)")

// 4 x 4 units of 4 bytes, transposed: out[k] holds unit k of the four rows.
static inline __attribute__((always_inline)) void transpose4(const int8x16_t *rows, int8x16_t *out) {
    const int32x4_t a = vreinterpretq_s32_s8(rows[0]), b = vreinterpretq_s32_s8(rows[1]);
    const int32x4_t c = vreinterpretq_s32_s8(rows[2]), d = vreinterpretq_s32_s8(rows[3]);
    const int64x2_t ab0 = vreinterpretq_s64_s32(vtrn1q_s32(a, b)), ab1 = vreinterpretq_s64_s32(vtrn2q_s32(a, b));
    const int64x2_t cd0 = vreinterpretq_s64_s32(vtrn1q_s32(c, d)), cd1 = vreinterpretq_s64_s32(vtrn2q_s32(c, d));
    out[0] = vreinterpretq_s8_s64(vtrn1q_s64(ab0, cd0));
    out[1] = vreinterpretq_s8_s64(vtrn1q_s64(ab1, cd1));
    out[2] = vreinterpretq_s8_s64(vtrn2q_s64(ab0, cd0));
    out[3] = vreinterpretq_s8_s64(vtrn2q_s64(ab1, cd1));
}

// 64 bytes in four registers, and sums of 16 lanes in four.
typedef struct { int8x16_t quarter[4]; } bytes_neon_t;
typedef struct { int32x4_t quarter[4]; } lanes_neon_t;
INLINE bytes_neon_t load_bytes_neon(const int8_t *p) { return (bytes_neon_t){{vld1q_s8(p), vld1q_s8(p + 16), vld1q_s8(p + 32), vld1q_s8(p + 48)}}; }
INLINE void dot_neon(I *s, bytes_neon_t b, const int32_t *four) {
    lanes_neon_t sums[2];
    memcpy(sums, s, 128);
    FULL for (int part = 0; part < 2; part++) {
        const int8x16_t x = vreinterpretq_s8_s32(vdupq_n_s32(four[part]));
        FULL for (int k = 0; k < 4; k++) {
            const int16x8_t low = vmull_s8(vget_low_s8(b.quarter[k]), vget_low_s8(x)), high = vmull_high_s8(b.quarter[k], x);
            sums[part].quarter[k] = vaddq_s32(sums[part].quarter[k], vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high)));
        }
    }
    memcpy(s, sums, 128);
}
#define B bytes_neon_t
#define LOAD_BYTES(p) load_bytes_neon(p)
#define DOT(s, b, four) dot_neon(s, b, four)
#define DOT_START(total) (0 * (total))
#define DOT_ROWS 2
#define DOT_VECTORS 1
#define PACK BYTES
#define PRODUCT(x) x##_neon
#include "attention_bytes.inc"
#include "products128.inc"
#undef PRODUCT
#undef TARGET
#define TARGET __attribute__((target("dotprod")))
INLINE void dot_neondot(I *s, bytes_neon_t b, const int32_t *four) {
    lanes_neon_t sums[2];
    memcpy(sums, s, 128);
    FULL for (int k = 0; k < 8; k++)
        sums[k / 4].quarter[k % 4] = vdotq_s32(sums[k / 4].quarter[k % 4], b.quarter[k % 4], vreinterpretq_s8_s32(vdupq_n_s32(four[k / 4])));
    memcpy(s, sums, 128);
}
#define B bytes_neon_t
#define LOAD_BYTES(p) load_bytes_neon(p)
#define DOT(s, b, four) dot_neondot(s, b, four)
#define DOT_START(total) (0 * (total))
#define DOT_ROWS 2
#define DOT_VECTORS 1
#define PACK BYTES
#define PRODUCT(x) x##_neondot
#define CK_DOT 1
#include "attention_bytes.inc"
#include "products128.inc"

const ck_table_t ck_neon_table = {.name = "neon", .gemv = gemv_neon, .gemm = gemm_neon, CK_BYTE_FUNCTIONS(neon), CK_LANE_FUNCTIONS};
const ck_table_t ck_neondot_table = {
    .name = "neon-dot", .gemv = gemv_neondot, .gemm = gemm_neondot, CK_BYTE_FUNCTIONS(neondot), CK_LANE_FUNCTIONS};
#endif
