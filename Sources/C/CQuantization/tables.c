#include "CQuantization.h"
#include <math.h>
#include <string.h>

void cq_expand_row(const uint8_t *codes, int32_t shift, const float *table, int32_t columns, float *out) {
    for (int32_t i = 0; i < columns; i++) out[i] = table[codes[i] >> shift];
}

void cq_collect_row(const float *gradient, const uint8_t *codes, int32_t shift, int32_t count, int32_t columns, float *sums) {
    // Neighbours often share a code: four sets of sums keep their additions from waiting for each other.
    float part[4][256];
    for (int32_t k = 0; k < 4; k++) memset(part[k], 0, sizeof(float) * (size_t)count);
    int32_t i = 0;
    for (; i + 4 <= columns; i += 4)
        for (int32_t k = 0; k < 4; k++) part[k][codes[i + k] >> shift] += gradient[i + k];
    for (; i < columns; i++) part[0][codes[i] >> shift] += gradient[i];
    for (int32_t c = 0; c < count; c++) sums[c] = (part[0][c] + part[1][c]) + (part[2][c] + part[3][c]);
}

void cq_adam(float *values, float *mean, float *square, const float *gradient, int32_t count, const cq_adam_t *a) {
    for (int32_t i = 0; i < count; i++) {
        float g = gradient[i];
        mean[i] = a->beta1 * mean[i] + (1 - a->beta1) * g;
        square[i] = a->beta2 * square[i] + (1 - a->beta2) * g * g;
        values[i] -= a->rate * (mean[i] * a->correction1) / (sqrtf(square[i] * a->correction2) + a->epsilon);
    }
}
