#include "internal.h"
#define TARGET
#define NAME(x) x##_scalar
#include "lanes.inc"

// The twin that the wide products are compared with: one weight at a time, straight from the layout.
static uint32_t entry(const ck_matrix_t *m, int32_t row, int32_t column) {
    if (m->bits == 0) return m->planes[0][(size_t)row * (size_t)m->tiles * 64 + (size_t)column];
    size_t tile = (size_t)(row >> 3) * (size_t)m->tiles + (size_t)(column >> 6);
    int32_t r = row & 7, c = column & 63;
    uint32_t index = m->planes[0][tile * 128 + (size_t)(r >> 2) * 64 + (size_t)c] >> 2 * (r & 3) & 3u;
    for (int32_t bit = 3; bit <= m->bits; bit++)
        index |= (uint32_t)(m->planes[bit - 2][tile * 64 + (size_t)c] >> r & 1) << (bit - 1);
    return m->entries[((size_t)row << m->bits) + index];
}

static void product_scalar(const ck_matrix_t *m, const ck_activations_t *x, float *out, int64_t stride, int32_t first,
                           int32_t end, void *scratch) {
    uint8_t *weights = scratch;
    int32_t padded = m->tiles * 64;
    for (int32_t row = first * 8; row < ck_min(end * 8, m->rows); row++) {
        for (int32_t column = 0; column < padded; column++) weights[column] = (uint8_t)entry(m, row, column);
        for (int32_t t = 0; t < x->tokens; t++) {
            const int8_t *v = x->values + (size_t)t * (size_t)padded;
            float total = 0;
            for (int32_t g = 0; g < x->groups; g++) {
                int32_t sum = 0;
                for (int32_t i = g * CK_GROUP; i < ck_min((g + 1) * CK_GROUP, padded); i++) sum += weights[i] * v[i];
                float part = x->scales[(size_t)t * (size_t)x->groups + (size_t)g] * (float)sum;
                total = total + part;
            }
            out[t * stride + row] = (total - x->corrections[t]) * m->scales[row];
        }
    }
}

const ck_table_t ck_scalar_table = {.name = "scalar", .gemv = product_scalar, .gemm = product_scalar, CK_LANE_FUNCTIONS};
