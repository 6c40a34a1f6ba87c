#include "internal.h"
// The oracle of all others, and what runs where there is nothing better: small rather than fast.
#define TARGET __attribute__((minsize))
#define LANES static inline TARGET
#define NAME(x) x##_scalar
#define CK_PLAIN_HALF 1
#include "lanes.inc"
#define PRODUCT(x) x##_scalar
#include "attention_bytes.inc"

// The twin that the wide products are compared with: one weight at a time, straight from the layout.
static void product_scalar(const ck_matrix_t *m, const ck_activations_t *x, float *out, int64_t stride, int32_t first,
                           int32_t end, void *scratch) {
    uint8_t *weights = scratch;
    int32_t padded = m->tiles * 64;
    for (int32_t row = first * 8; row < ck_min(end * 8, m->rows); row++) {
        for (int32_t column = 0; column < padded; column++) weights[column] = ck_entry(m, row, column);
        for (int32_t t = 0; t < x->tokens; t++) {
            const int8_t *v = x->values + (size_t)t * ck_activation_stride(m->tiles);
            uint32_t total = 0;
            const int32_t *multipliers = x->multipliers + (size_t)t * (size_t)x->groups;
            for (int32_t g = 0; g < x->groups; g++) {
                const int last = g == x->groups - 1;
                const int8_t *values = v + (last ? padded : 0);
                int32_t sum = 0;
                for (int32_t i = last ? 0 : g * CK_GROUP; i < (last ? 64 : ck_min((g + 1) * CK_GROUP, padded)); i++)
                    sum += weights[i] * values[i];
                total += (uint32_t)sum * (uint32_t)multipliers[g];
            }
            out[t * stride + row] = (float)(int32_t)(total - (uint32_t)x->corrections[t]) * x->scales[t] * m->scales[row];
        }
    }
}

const ck_table_t ck_scalar_table = {.name = "scalar", .gemv = product_scalar, .gemm = product_scalar, CK_BYTE_FUNCTIONS(scalar), CK_LANE_FUNCTIONS};
