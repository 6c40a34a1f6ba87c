#include "CQuantization.h"
#include <math.h>
#include <string.h>

// Numbers to bytes with one scale, value = (byte - 128) * scale.

void cq_cluster_mass(const uint8_t *codes, const float *importance, int32_t columns, int32_t code_bits, int32_t bits,
                     double *mass) {
    for (int32_t c = 0; c < 1 << bits; c++) mass[c] = 0;
    for (int32_t i = 0; i < columns; i++) mass[codes[i] >> (code_bits - bits)] += importance[i] > 0 ? importance[i] : 0;
}

static float largest_of(const float *x, int32_t count) {
    float largest = 0;
    for (int32_t i = 0; i < count; i++) if (fabsf(x[i]) > largest) largest = fabsf(x[i]);
    return largest;
}

// The power of two that numbers are divided by so that scales tried for them, and the inverses of these, stay within single
// precision. 0 for all but the extremest, and no digit is lost by it.
static int32_t exponent_of(float largest) { return largest < 0x1p-100f || largest > 0x1p100f ? ilogbf(largest) : 0; }

// Whether the largest byte is a finite number.
static int fits(float scale, int32_t exponent) { return isfinite(127.0f * ldexpf(scale, exponent)); }

static float largest_scale(float largest, int32_t exponent) {
    float scale = largest / 127.0f;
    while (!fits(scale, exponent)) scale = nextafterf(scale, 0);
    return scale;
}

// q rounded to the nearest whole step, halves to even; not a number counts as the lowest. Within 2^22 the sum below keeps no
// fraction, and unlike rintf it needs no instruction that old processors lack.
static inline float nearest(float q) {
    q = q > 127 ? 127 : q >= -127 ? q : -127;
    return (q + 0x1.8p23f) - 0x1.8p23f;
}

// x in steps.
static float steps(float x, int32_t exponent, float inverse) {
    return nearest((exponent ? ldexpf(x, -exponent) : x) * inverse);
}

static float finish(const float *x, int32_t count, float scale, int32_t exponent, uint8_t *bytes) {
    const float inverse = 1.0f / scale;
    if (exponent)
        for (int32_t i = 0; i < count; i++) bytes[i] = (uint8_t)((int32_t)steps(x[i], exponent, inverse) + 128);
    else
        for (int32_t i = 0; i < count; i++) bytes[i] = (uint8_t)((int32_t)nearest(x[i] * inverse) + 128);
    return ldexpf(scale, exponent);
}

static double table_error(const float *c, const double *mass, int32_t count, float scale, int32_t exponent) {
    double error = 0;
    float inverse = 1.0f / scale;
    for (int32_t i = 0; i < count; i++) {
        double e = (double)steps(c[i], exponent, inverse) * scale - ldexpf(c[i], -exponent);
        error += mass[i] * e * e;
    }
    return error;
}

float cq_round_table(const float *centroids, const double *mass, int32_t count, uint8_t *entries) {
    float largest = largest_of(centroids, count);
    if (!(largest > 0 && isfinite(largest))) {
        memset(entries, 128, (size_t)count);
        return 0;
    }
    const int32_t exponent = exponent_of(largest);
    largest = ldexpf(largest, -exponent);
    float scale = largest_scale(largest, exponent);
    // Bytes cost little with any scale; for small tables a few candidates let several centroids fall on whole steps.
    if (count <= 16) {
        double best = table_error(centroids, mass, count, scale, exponent);
        float chosen = scale;
        for (int32_t k = 1; k <= 24; k++) {
            float candidate = largest / (127.0f - 0.5f * (float)k);
            if (!fits(candidate, exponent)) break;
            double error = table_error(centroids, mass, count, candidate, exponent);
            if (error < best) { best = error; chosen = candidate; }
        }
        scale = chosen;
    }
    return finish(centroids, count, scale, exponent, entries);
}

// Squared error of a row in steps of `scale`; several sums, because one would wait for itself.
static double row_error(const float *weights, int32_t columns, int32_t exponent, float scale) {
    enum { SUMS = 8 };
    const float inverse = 1.0f / scale;
    double sums[SUMS] = {0};
    int32_t i = 0;
    if (!exponent)
        for (; i + SUMS <= columns; i += SUMS)
            for (int32_t k = 0; k < SUMS; k++) {
                const float e = nearest(weights[i + k] * inverse) * scale - weights[i + k];
                sums[k] += (double)e * e;
            }
    for (; i < columns; i++) {
        const float w = exponent ? ldexpf(weights[i], -exponent) : weights[i];
        const float e = nearest(w * inverse) * scale - w;
        sums[i % SUMS] += (double)e * e;
    }
    double error = 0;
    for (int32_t k = 0; k < SUMS; k++) error += sums[k];
    return error;
}

float cq_round_row(const float *weights, int32_t columns, uint8_t *values) {
    float largest = largest_of(weights, columns);
    if (!(largest > 0 && isfinite(largest))) {
        memset(values, 128, (size_t)columns);
        return 0;
    }
    const int32_t exponent = exponent_of(largest);
    float scale = largest_scale(ldexpf(largest, -exponent), exponent);
    double best = INFINITY;
    float chosen = scale;
    for (int32_t k = 0; k < 8; k++) {
        const float candidate = scale * (1.0f - 0.01f * (float)k);
        const double error = row_error(weights, columns, exponent, candidate);
        if (error < best) { best = error; chosen = candidate; }
    }
    return finish(weights, columns, chosen, exponent, values);
}
