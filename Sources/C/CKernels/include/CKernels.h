// SIMD kernels with a scalar twin of each; no allocation, no I/O, no globals but the dispatch table and how far
// to prefetch.
//
// Matrix products are sums of integers and exact, and every floating-point sum has one order, written down here, that
// all instruction sets follow (multiplications and additions are never fused). So every variant gives the same bits as
// its scalar twin, one token at a time or many, for any division of rows among threads.
#ifndef TAPER_CKERNELS_H
#define TAPER_CKERNELS_H
#include <stddef.h>
#include <stdint.h>

enum { CK_TILE_ROWS = 8, CK_TILE_COLUMNS = 64, CK_GROUP = 128 };

// Weights of one matrix at one precision. Rows are padded to 8, columns to 64.
typedef struct {
    // bits 2...8: planes[0] is the 2-bit base (128 bytes a tile), planes[k] holds bit k + 2 (64 bytes a tile), the bit
    // of row r at `ck_plane_bit(k, r)` of each byte.
    // bits 0: planes[0] is plain bytes, tile by tile: [padded rows / 8][tiles][8][64].
    // bits 16: planes[0] is half precision (uint16_t), tile by tile in the same way; no entries, no scales.
    const uint8_t *planes[7];
    const uint8_t *entries;  // [padded rows][1 << bits]: centroid + 128, in index order; unused when bits is 0
    const float *scales;     // [padded rows]
    int32_t bits;
    int32_t rows;
    int32_t tiles;           // padded columns / 64, at least 1
} ck_matrix_t;

// Activations as bytes: x = values * multiplier of the group * scale of the token. values is [tokens][(tiles + 1) * 64]; a
// group is 128 columns, the last may be 64. The tile after the last column belongs to the first 64 columns again, and is a
// group of its own, the last one: x of these columns is the sum of both terms, so that a few columns of much larger numbers, which
// stand there, do not cost the others their precision. Its multiplier is 0 where it is not needed.
//
// Whole numbers between the groups keep a product one sum of integers, and a multiplier is at most
// (2^31 - 1) / ((columns + 64) * 128 * 127), so the sum of a row less its correction fits 32 bits whatever the data. On the
// way there sums wrap around, which does not change the end.
typedef struct {
    const int8_t *values;
    const int32_t *multipliers;  // [tokens][groups], groups = (tiles + 1) / 2 + 1
    const float *scales;         // [tokens]
    const int32_t *corrections;  // [tokens]: 128 * sum of multiplier * value, because centroids are stored + 128
    const int8_t *arranged;      // what `arrange` made of them, where the instruction set has it
    const float *floats;         // for 16 bits: [tokens][tiles * 64], zero beyond the columns; all of the above unused
    int32_t tokens;
    int32_t tiles;
    int32_t groups;
} ck_activations_t;

// out[token * stride + row] = (float)(isum - correction) * scale of the token * scale of the row, in this order, where
// isum is the sum of entry * value * multiplier; for rows of the tile rows [first, end).
typedef void (*ck_product_f)(const ck_matrix_t *, const ck_activations_t *, float *out, int64_t stride, int32_t first,
                             int32_t end, void *scratch);

// A group of query heads that share one key/value head, for a run of tokens. Token t sees `visible + t` positions.
typedef struct {
    const float *query;  // token t, head h at query + t * query_stride + h * head_size
    float *out;          // same layout
    int64_t query_stride;
    // Half precision: keys [capacity / 16][head_size][16], a dimension of 16 positions side by side, so that scores need no
    // sums across lanes; values [capacity][head_size]. The last position's block is read whole, and
    // what comes of positions beyond is dropped.
    const uint16_t *keys, *values;
    // Or bytes, each position with a scale: keys [capacity / 16][head_size / 4, rounded up][16][4], values [capacity / 4][head_size,
    // rounded up to 16][4]. `smoothing`, [2][head_size], has factors of queries and, their inverse, of keys (SmoothQuant, arXiv
    // 2211.10438, equation 3).
    const int8_t *byte_keys, *byte_values;
    const float *key_scales, *value_scales, *smoothing;
    int32_t tokens, heads, head_size, visible;
    int32_t window;  // positions a token sees, itself included; 0: all
    float scale;
    float cap;  // a score s becomes cap * tanh(s / cap) before the softmax (Gemma 2, arXiv 2408.00118, section 2); 0: it stays
} ck_attention_t;

// What the leading bits of a matrix leave out of its products, row by row: a part along a few directions of the activations, and
// a rest that behaves as chance.
typedef struct {
    const int8_t *projections;  // [rows in blocks of 16][directions][16], in units of the row's scale
    const float *scales;        // [rows, padded to 16]
    const float *deviations;    // [rows, padded to 16]: of the rest, per unit of the activations' own rest
    int32_t directions, rows;
} ck_screen_t;

typedef struct {
    const char *name;
    // One token; many tokens (scratch: ck_product_scratch_bytes).
    ck_product_f gemv, gemm;
    // Where there is one, it comes before `gemm`, for every block of 16 tokens: `arranged` holds ck_arranged_bytes, aligned to 64.
    void (*arrange)(const ck_activations_t *, int32_t block, int8_t *arranged);
    // The same for weights of 16 bits, from `floats`; `half.inc` defines the order of the sums. No scratch.
    ck_product_f gemv_half, gemm_half;
    void (*from_half)(const uint16_t *x, int32_t count, float *out);
    // One token, x [columns], to bytes and multipliers; columns beyond are zero.
    void (*quantize)(const float *x, int32_t columns, int32_t tiles, int8_t *values, int32_t *multipliers, float *scale,
                     int32_t *correction);
    // `out` of norms and activations may be an input. No bias: NULL; nothing to multiply the activation with: `up` is NULL.
    void (*rms_norm)(const float *x, const float *weight, float epsilon, int32_t count, float *out);
    void (*layer_norm)(const float *x, const float *weight, const float *bias, float epsilon, int32_t count, float *out);
    void (*silu_multiply)(const float *gate, const float *up, int32_t count, float *out);
    void (*gelu_multiply)(const float *gate, const float *up, int32_t tanh_form, int32_t count, float *out);
    void (*add)(const float *x, int32_t count, float *into);
    // x = cap * tanh(x * factor).
    void (*soft_cap)(float *x, float factor, float cap, int32_t count);
    // Rotates pairs (i, i + pairs) of each head by the angle whose cosine and sine are given.
    void (*rope)(float *x, int32_t heads, int32_t head_size, int32_t pairs, const float *cosines, const float *sines);
    void (*to_half)(const float *x, int32_t count, uint16_t *out);
    // Puts one position's key of one head where `attention` expects it.
    void (*store_key)(const float *x, int32_t size, int32_t position, uint16_t *keys);
    void (*attention)(const ck_attention_t *, float *scratch);
    // The same over a cache of bytes.
    void (*store_key_bytes)(const float *x, const float *smoothing, int32_t size, int32_t position, int8_t *keys, float *scales);
    void (*store_value_bytes)(const float *x, int32_t size, int32_t position, int8_t *values, float *scales);
    void (*attention_bytes)(const ck_attention_t *, float *scratch);
    int32_t (*argmax)(const float *x, int32_t count);
    // Largest of the magnitudes, where infinity stands above all numbers and NaN above infinity.
    float (*magnitude)(const float *x, int32_t count);
    // x[i] = exp(x[i] - max) and returns their sum.
    float (*softmax_numerators)(float *x, int32_t count);
    void (*dequantize_row)(const ck_matrix_t *, int32_t row, float *out, int32_t columns);
    // For blocks of 16 rows [first, end). scores += scale * (projections * coefficients, added up by direction); best: the largest score of
    // every 8 rows.
    void (*screen_scores)(const ck_screen_t *, const float *coefficients, int32_t first, int32_t end, float *scores,
                          float *best);
    // Marks every 8 rows of which one is not below the bound with its score + spread * deviation; returns how many became so.
    int32_t (*screen_rows)(const ck_screen_t *, const float *scores, float spread, float bound, int32_t first, int32_t end,
                           uint8_t *wanted);
    // XXH64 of eight blocks, seed 0; their length is a multiple of 32. NULL where one after the other is as fast.
    void (*checksums)(const uint8_t *const blocks[8], size_t byte_count, uint64_t out[8]);
} ck_table_t;

// Instruction sets; of those a machine has, the last is the best. CK_AVX512 needs VNNI, CK_NEON_DOT the dot product.
enum { CK_SCALAR, CK_AVX2, CK_AVX2_VNNI, CK_AVX512, CK_AVX512_VBMI, CK_AMX, CK_NEON, CK_NEON_DOT, CK_ISA_COUNT };
int32_t ck_best_isa(void);
// NULL when this machine lacks it.
const ck_table_t *ck_table(int32_t isa);

size_t ck_product_scratch_bytes(int32_t tiles);
size_t ck_arranged_bytes(int32_t tiles, int32_t tokens);
// Floats needed by `attention` for a call of this shape.
size_t ck_attention_scratch_floats(int32_t tokens, int32_t heads, int32_t head_size, int32_t visible);

// Where plane k (1...6) holds the bit of row r. Positions are such that the base and two merged planes together give the
// index of rows 0, 1, 2 and 4, 5, 6 without any shift; `products512.inc` shows how.
int32_t ck_plane_bit(int32_t plane, int32_t row);

// Natural codes, [rows][columns], most significant bit first, into planes (zeroed by the caller) and back.
void ck_pack(const uint8_t *codes, int32_t rows, int32_t columns, int32_t bits, uint8_t *const *planes);
void ck_unpack(const uint8_t *const *planes, int32_t rows, int32_t columns, int32_t bits, uint8_t *codes);

// Reads a range once with wide loads: the roofline measured beside every benchmark.
uint64_t ck_read_all(const void *bytes, size_t byte_count);
#endif
