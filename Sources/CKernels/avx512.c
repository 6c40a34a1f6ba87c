#include "internal.h"
#ifdef CK_X86
#include <immintrin.h>
#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx2,fma,f16c")))
#define NAME(x) x##_avx512
#define LOAD_HALF(p) ((F)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(p))))
#define STORE_HALF(p, v) \
    _mm256_storeu_si256((__m256i *)(p), _mm512_cvtps_ph((__m512)(v), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC))
#include "lanes.inc"

#define INLINE static inline __attribute__((always_inline)) TARGET
enum { AHEAD = 4096 };  // Prefetch distance in bytes of a plane; measured best with 2 MiB pages and without.

// Shift right by n, left when n is negative; n is a constant.
#define SHIFT(v, n) ((n) > 0 ? _mm512_srli_epi16(v, (n) > 0 ? (n) : 0) : (n) < 0 ? _mm512_slli_epi16(v, (n) < 0 ? -(n) : 0) : (v))
#define MERGE(index, plane, r, bit) _mm512_ternarylogic_epi64(index, SHIFT(plane, (r) - (bit)), _mm512_set1_epi8((char)(1 << (bit))), 0xF8)

typedef struct { __m512i b0, b1, p[6]; } tile_t;

INLINE tile_t load_tile(const ck_matrix_t *m, const int bits, size_t tile, const int prefetch) {
    tile_t t;
    const uint8_t *base = m->planes[0] + tile * 128;
    t.b0 = _mm512_loadu_si512(base);
    t.b1 = _mm512_loadu_si512(base + 64);
    if (prefetch) {
        _mm_prefetch((const char *)base + 2 * AHEAD, _MM_HINT_T0);
        _mm_prefetch((const char *)base + 2 * AHEAD + 64, _MM_HINT_T0);
    }
#pragma clang loop unroll(full)
    for (int k = 0; k < bits - 2; k++) {
        const uint8_t *plane = m->planes[k + 1] + tile * 64;
        t.p[k] = _mm512_loadu_si512(plane);
        if (prefetch) _mm_prefetch((const char *)plane + AHEAD, _MM_HINT_T0);
    }
    return t;
}

// 64 centroids of one row of a tile. `table` is the row's first entry.
#define DECODE(r) INLINE __m512i decode##r(const tile_t *t, const int bits, const uint8_t *table) { \
    __m512i index = _mm512_and_si512(SHIFT((r) < 4 ? t->b0 : t->b1, 2 * ((r) & 3)), _mm512_set1_epi8(3)); \
    if (bits > 2) index = MERGE(index, t->p[0], r, 2); \
    if (bits > 3) index = MERGE(index, t->p[1], r, 3); \
    if (bits > 4) index = MERGE(index, t->p[2], r, 4); \
    if (bits > 5) index = MERGE(index, t->p[3], r, 5); \
    if (bits > 6) index = MERGE(index, t->p[4], r, 6); \
    if (bits > 7) index = MERGE(index, t->p[5], r, 7); \
    if (bits == 2) return _mm512_shuffle_epi8(_mm512_set1_epi32(*(const int32_t *)table), index); \
    if (bits == 3) return _mm512_shuffle_epi8(_mm512_set1_epi64(*(const int64_t *)table), index); \
    if (bits == 4) return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)table)), index); \
    if (bits == 5) return _mm512_permutexvar_epi8(index, _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)table))); \
    if (bits == 6) return _mm512_permutexvar_epi8(index, _mm512_loadu_si512(table)); \
    __m512i low = _mm512_permutex2var_epi8(_mm512_loadu_si512(table), index, _mm512_loadu_si512(table + 64)); \
    if (bits == 7) return low; \
    __m512i high = _mm512_permutex2var_epi8(_mm512_loadu_si512(table + 128), index, _mm512_loadu_si512(table + 192)); \
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(index), low, high); \
}
DECODE(0) DECODE(1) DECODE(2) DECODE(3) DECODE(4) DECODE(5) DECODE(6) DECODE(7)

INLINE void decode_tile(const ck_matrix_t *m, const int bits, int32_t tile_row, int32_t column_tile, __m512i w[8], const int prefetch) {
    if (bits == 0) {
        size_t row_bytes = (size_t)m->tiles * 64;
        const uint8_t *rows = m->planes[0] + (size_t)tile_row * 8 * row_bytes;
        const uint8_t *p = rows + (size_t)column_tile * 64;
        // Eight short rows are eight streams that no prefetcher follows; asking for the lines in memory order, as many
        // as this step uses, more than doubles the speed (576 columns: 8 to 20 GB/s on one core).
        const uint8_t *next = rows + (size_t)column_tile * 512 + AHEAD;
#pragma clang loop unroll(full)
        for (int r = 0; r < 8; r++) {
            w[r] = _mm512_loadu_si512(p + (size_t)r * row_bytes);
            if (prefetch) _mm_prefetch((const char *)next + r * 64, _MM_HINT_T0);
        }
        return;
    }
    tile_t t = load_tile(m, bits, (size_t)tile_row * (size_t)m->tiles + (size_t)column_tile, prefetch);
    const uint8_t *table = m->entries + ((size_t)tile_row * 8 << bits);
    const size_t e = (size_t)1 << bits;
    w[0] = decode0(&t, bits, table);
    w[1] = decode1(&t, bits, table + e);
    w[2] = decode2(&t, bits, table + 2 * e);
    w[3] = decode3(&t, bits, table + 3 * e);
    w[4] = decode4(&t, bits, table + 4 * e);
    w[5] = decode5(&t, bits, table + 5 * e);
    w[6] = decode6(&t, bits, table + 6 * e);
    w[7] = decode7(&t, bits, table + 7 * e);
}

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

INLINE void finish8(const ck_matrix_t *m, __m256 total, float correction, int32_t row, float *out) {
    __m256 y = _mm256_mul_ps(_mm256_sub_ps(total, _mm256_set1_ps(correction)), _mm256_loadu_ps(m->scales + row));
    int32_t left = m->rows - row;
    if (left >= 8) _mm256_storeu_ps(out + row, y);
    else _mm256_mask_storeu_ps(out + row, (__mmask8)((1 << left) - 1), y);
}

INLINE void gemv_bits(const ck_matrix_t *m, const ck_activations_t *x, float *out, int32_t first, int32_t end, const int bits) {
    for (int32_t tr = first; tr < end; tr++) {
        __m256 total = _mm256_setzero_ps();
        int32_t c = 0;
        for (int32_t g = 0; g < x->groups; g++) {
            __m512i acc[8], w[8];
            __m512i v = _mm512_loadu_si512(x->values + (size_t)c * 64);
            decode_tile(m, bits, tr, c, w, 1);
#pragma clang loop unroll(full)
            for (int r = 0; r < 8; r++) acc[r] = _mm512_dpbusd_epi32(_mm512_setzero_si512(), w[r], v);
            if (++c < m->tiles) {
                v = _mm512_loadu_si512(x->values + (size_t)c * 64);
                decode_tile(m, bits, tr, c, w, 1);
#pragma clang loop unroll(full)
                for (int r = 0; r < 8; r++) acc[r] = _mm512_dpbusd_epi32(acc[r], w[r], v);
                c++;
            }
            __m256 part = _mm256_mul_ps(_mm256_cvtepi32_ps(reduce8(acc)), _mm256_set1_ps(x->scales[g]));
            total = _mm256_add_ps(total, part);
        }
        finish8(m, total, x->corrections[0], tr * 8, out);
    }
}

TARGET static void gemv_avx512(const ck_matrix_t *m, const ck_activations_t *x, float *out, int64_t stride, int32_t first,
                               int32_t end, void *scratch) {
    (void)stride;
    (void)scratch;
    BY_BITS(gemv_bits, m, x, out, first, end)
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

INLINE void decode_panel(const ck_matrix_t *m, int32_t tr, int32_t rows16, __m512i *panel, const int bits) {
    for (int32_t c = 0; c < m->tiles; c++) {
        __m512i w[16], t[16];
        decode_tile(m, bits, tr, c, w, 1);
        if (rows16) decode_tile(m, bits, tr + 1, c, w + 8, 1);
        else for (int r = 8; r < 16; r++) w[r] = _mm512_setzero_si512();
        transpose16(w, t);
#pragma clang loop unroll(full)
        for (int k = 0; k < 16; k++) _mm512_store_si512(panel + (size_t)c * 16 + (size_t)k, t[k]);
    }
}

// `count` tokens (a constant) against one panel of 16 rows.
INLINE void multiply_panel(const ck_matrix_t *m, const ck_activations_t *x, const __m512i *panel, int32_t token, int32_t row,
                           float *out, int64_t stride, const int count) {
    const size_t padded = (size_t)m->tiles * 64, groups = (size_t)x->groups;
    const int8_t *values = x->values + (size_t)token * padded;
    __m512 total[16];
#pragma clang loop unroll(full)
    for (int t = 0; t < count; t++) total[t] = _mm512_setzero_ps();
    for (int32_t g = 0; g < x->groups; g++) {
        __m512i acc[16];
#pragma clang loop unroll(full)
        for (int t = 0; t < count; t++) acc[t] = _mm512_setzero_si512();
        int32_t units = ck_min(m->tiles * 16, (g + 1) * 32);
        for (int32_t u = g * 32; u < units; u++) {
            __m512i w = _mm512_load_si512(panel + u);
#pragma clang loop unroll(full)
            for (int t = 0; t < count; t++)
                acc[t] = _mm512_dpbusd_epi32(acc[t], w, _mm512_set1_epi32(*(const int32_t *)(values + (size_t)t * padded + (size_t)u * 4)));
        }
#pragma clang loop unroll(full)
        for (int t = 0; t < count; t++) {
            __m512 scale = _mm512_set1_ps(x->scales[(size_t)(token + t) * groups + (size_t)g]);
            total[t] = _mm512_add_ps(total[t], _mm512_mul_ps(_mm512_cvtepi32_ps(acc[t]), scale));
        }
    }
    int32_t left = ck_min(16, m->rows - row);
    __mmask16 mask = (__mmask16)((1u << left) - 1);
    __m512 scales = _mm512_maskz_loadu_ps(mask, m->scales + row);
#pragma clang loop unroll(full)
    for (int t = 0; t < count; t++) {
        __m512 y = _mm512_mul_ps(_mm512_sub_ps(total[t], _mm512_set1_ps(x->corrections[token + t])), scales);
        _mm512_mask_storeu_ps(out + (token + t) * stride + row, mask, y);
    }
}

TARGET static void gemm_avx512(const ck_matrix_t *m, const ck_activations_t *x, float *out, int64_t stride, int32_t first,
                               int32_t end, void *scratch) {
    __m512i *panel = (__m512i *)(((uintptr_t)scratch + 63) & ~(uintptr_t)63);
    for (int32_t tr = first; tr < end; tr += 2) {
        int32_t rows16 = tr + 1 < end;
        BY_BITS(decode_panel, m, tr, rows16, panel)
        int32_t row = tr * 8, t = 0;
        // A lone tile row stores 8 rows at most.
        ck_matrix_t part = *m;
        if (!rows16) part.rows = ck_min(m->rows, row + 8);
        for (; t + 12 <= x->tokens; t += 12) multiply_panel(&part, x, panel, t, row, out, stride, 12);
        for (; t + 4 <= x->tokens; t += 4) multiply_panel(&part, x, panel, t, row, out, stride, 4);
        for (; t < x->tokens; t++) multiply_panel(&part, x, panel, t, row, out, stride, 1);
    }
}

const ck_table_t ck_avx512_table = {.name = "avx512", .gemv = gemv_avx512, .gemm = gemm_avx512, CK_LANE_FUNCTIONS};
#endif
