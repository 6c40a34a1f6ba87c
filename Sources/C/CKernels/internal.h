#ifndef TAPER_CKERNELS_INTERNAL_H
#define TAPER_CKERNELS_INTERNAL_H
#include "CKernels.h"

#if defined(__x86_64__)
#define CK_X86 1
extern const ck_table_t ck_avx2_table, ck_avx2vnni_table, ck_avx512_table, ck_avx512vbmi_table, ck_amx_table;
#endif
#if defined(__aarch64__)
#define CK_ARM 1
extern const ck_table_t ck_neon_table, ck_neondot_table;
#endif
extern const ck_table_t ck_scalar_table;

// Bit positions of rows 0...7 in a byte of planes 1...6 (bits 3...8 of the code).
static const uint8_t ck_plane_bits[6][8] = {
    {2, 4, 0, 6, 3, 5, 1, 7}, {3, 5, 1, 7, 2, 4, 0, 6}, {4, 0, 2, 6, 5, 1, 3, 7},
    {5, 1, 3, 7, 4, 0, 2, 6}, {0, 1, 2, 3, 4, 5, 6, 7}, {0, 1, 2, 3, 4, 5, 6, 7},
};

// Index of a weight in its row's table: the two leading bits of its code, then bit 3 at bit 2, bit 4 at bit 3...
static inline __attribute__((always_inline)) uint32_t ck_index(const ck_matrix_t *m, int32_t row, int32_t column) {
    size_t tile = (size_t)(row >> 3) * (size_t)m->tiles + (size_t)(column >> 6);
    int32_t r = row & 7, c = column & 63;
    uint32_t index = m->planes[0][tile * 128 + (size_t)(r >> 2) * 64 + (size_t)c] >> 2 * (r & 3) & 3u;
    for (int32_t plane = 1; plane <= m->bits - 2; plane++)
        index |= (uint32_t)(m->planes[plane][tile * 64 + (size_t)c] >> ck_plane_bits[plane - 1][r] & 1) << (plane + 1);
    return index;
}
// Weight + 128 in units of the row's scale.
static inline __attribute__((always_inline)) uint8_t ck_entry(const ck_matrix_t *m, int32_t row, int32_t column) {
    if (m->bits == 0) return m->planes[0][((size_t)(row >> 3) * (size_t)m->tiles + (size_t)(column >> 6)) * 512 + (size_t)(row & 7) * 64 + (size_t)(column & 63)];
    return m->entries[((size_t)row << m->bits) + ck_index(m, row, column)];
}

// Where half-precision weights have an element, in elements.
static inline __attribute__((always_inline)) size_t ck_half_offset(int32_t tiles, int32_t row, int32_t column) {
    return ((size_t)(row >> 3) * (size_t)tiles + (size_t)(column >> 6)) * 512 + (size_t)(row & 7) * 64 + (size_t)(column & 63);
}

static inline int32_t ck_min(int32_t a, int32_t b) { return a < b ? a : b; }

// Bytes from one token's activations to the next: the tiles, and the first one's remainders.
static inline size_t ck_activation_stride(int32_t tiles) { return ((size_t)tiles + 1) * CK_TILE_COLUMNS; }

// Where the arranged activations of a token's block begin: high and low bytes of 64 columns a tile.
static inline size_t ck_arranged_offset(int32_t tiles, int32_t token) { return 2 * (size_t)token * ck_activation_stride(tiles); }

// Whether the first tile of some token is in two terms.
static inline int ck_has_second_term(const ck_activations_t *x) {
    int32_t any = 0;
    for (int32_t k = 0; k < x->tokens; k++) any |= x->multipliers[(size_t)(k + 1) * (size_t)x->groups - 1];
    return any != 0;
}

// Largest multiplier of a group of activations that lets no row overflow; 255 is finer than bytes need.
static inline int32_t ck_largest_multiplier(int32_t padded_columns) {
    int32_t most = (int32_t)(INT32_MAX / ((int64_t)padded_columns * 128 * 127));
    return most < 1 ? 1 : ck_min(most, 255);
}

// Tiles of so many bits, bytes at 0, whose codes take memory about as long as it needs for an answer: 10 kB, a fifth of the first cache.
static inline int32_t ck_far_tiles(int bits) { return bits ? 160 / bits : 16; }
// Where the hardware follows the streams by itself and needs no more than a hint; bytes are one stream and need none.
static inline int32_t ck_near_tiles(int bits) { return bits ? 4 : 0; }
#ifdef CK_X86
// Tiles that one token's products prefetch ahead. Set before `main`, by what this processor is.
extern uint8_t ck_tiles_ahead[9];
#endif

// Calls an inlined function with the matrix's precision as its last, constant argument.
#define BY_BITS(function, ...) \
    switch (m->bits) { \
    case 0: function(__VA_ARGS__, 0); break; \
    case 2: function(__VA_ARGS__, 2); break; \
    case 3: function(__VA_ARGS__, 3); break; \
    case 4: function(__VA_ARGS__, 4); break; \
    case 5: function(__VA_ARGS__, 5); break; \
    case 6: function(__VA_ARGS__, 6); break; \
    case 7: function(__VA_ARGS__, 7); break; \
    default: function(__VA_ARGS__, 8); break; \
    }

// What multiplies bytes of the cache, by the way it does so.
#define CK_BYTE_FUNCTIONS(variant) .attention_bytes = attention_bytes_##variant
#endif
