// The nested quantizer and its tables on degenerate rows: every code and centroid written and in range, in order, and as close to
// the weights as their number allows.
#include "CQuantization.h"
#include "degenerate.h"

static int distinct(const float *x, int n, int most) {
    float seen[257];
    int count = 0;
    for (int i = 0; i < n && count <= most; i++) {
        int k = 0;
        while (k < count && seen[k] != x[i]) k++;
        if (k == count) seen[count++] = x[i];
    }
    return count;
}

static double largest(const float *x, int n) {
    double top = 0;
    for (int i = 0; i < n; i++) top = fabs(x[i]) > top ? fabs(x[i]) : top;
    return top;
}

// What rounding to bytes may add to an error: half a step of the coarsest scale that is tried, and whole steps of the least float.
static double step_of(double top) { return top / 115 * 0.5 * 1.001 + 64 * 0x1p-149; }

static void table(const uint8_t *codes, const float *importance, const float *x, int n, int bits, const float *centroids,
                  const char *kind) {
    for (int p = 2; p <= bits; p++) {
        const int count = 1 << p;
        double *mass = blank(8 * (size_t)count);
        uint8_t *entries = blank((size_t)count);
        cq_cluster_mass(codes, importance, n, bits, p, mass);
        expect_written(mass, 8 * (size_t)count);
        const float scale = cq_round_table(centroids + count - 4, mass, count, entries);
        expect_written(entries, (size_t)count);
        expect(isfinite(scale) && scale >= 0, "scale of a table", kind, n, bits, p);
        const double top = largest(centroids + count - 4, count);
        for (int i = 0; i < count; i++) {
            const float value = (float)(entries[i] - 128) * scale;
            expect(isfinite(value), "entry of a table is finite", kind, n, bits, p);
            expect(fabs((double)value - centroids[count - 4 + i]) <= step_of(top), "entry of a table is near its centroid", kind, n,
                   bits, p);
        }
        (void)x;
        free(mass), free(entries);
    }
}

static void row(int kind, int weight_kind, int n, int seed, int bits) {
    const char *name = kind_names[kind];
    float *x = made(n, kind), *importance = made(n, weight_kind);
    for (int i = 0; i < n; i++) importance[i] = fabsf(importance[i]);
    const size_t count = (size_t)(2 << bits) - 4;
    uint8_t *codes = blank((size_t)n);
    float *centroids = blank(4 * count), *expanded = blank(4 * (size_t)n), *sums = blank(4 * 256);
    void *scratch = blank(cq_scratch_bytes(n, bits));
    cq_quantize_row(x, importance, n, seed, bits, codes, centroids, scratch);
    expect_written(codes, (size_t)n);
    expect_written(centroids, 4 * count);
    for (int i = 0; i < n; i++) expect(codes[i] < 1 << bits, "code in range", name, n, seed, bits);
    for (int shift = 0; shift <= bits - 2; shift++) {
        const int p = bits - shift, k = 1 << p;
        const float *c = centroids + k - 4;
        cq_expand_row(codes, shift, c, n, expanded);
        expect_written(expanded, 4 * (size_t)n);
        cq_collect_row(x, codes, shift, k, n, sums);
        expect_written(sums, 4 * (size_t)k);
        if (kind >= KINDS || weight_kind >= KINDS) continue;
        for (int i = 0; i < k; i++) {
            expect(isfinite(c[i]), "centroid is finite", name, n, seed, p);
            if (i) expect(c[i - 1] <= c[i], "centroids rise", name, n, seed, p);
        }
        const double top = largest(x, n);
        double error = 0;
        for (int i = 0; i < n; i++) error = fmax(error, fabs((double)expanded[i] - x[i]));
        expect(error <= 2 * top, "centroids within the weights", name, n, seed, p);
        // As many clusters as values, or values that need none: nothing is lost.
        if (p >= seed && distinct(x, n, 1 << seed) <= 1 << seed)
            expect(error <= top * 1e-6, "few values are kept", name, n, seed, p);
        if (distinct(x, n, 1) == 1) expect(error <= top * 1e-6, "a constant is kept", name, n, seed, p);
        // Weights that count alike: no worse than equal steps over the whole range. From 7 bits on clusters start with equal numbers of
        // weights.
        if (weight_kind == CONSTANT && p >= seed && seed <= 6) {
            double squares = 0, low = x[0], high = x[0];
            for (int i = 0; i < n; i++) {
                squares += ((double)expanded[i] - x[i]) * ((double)expanded[i] - x[i]);
                low = x[i] < low ? x[i] : low;
                high = x[i] > high ? x[i] : high;
            }
            const double step = (high - low) / (k - 1);
            expect(sqrt(squares / n) <= step + 1e-6 * top, "better than equal steps", name, n, seed, p);
        }
    }
    if (kind < KINDS && weight_kind < KINDS) table(codes, importance, x, n, bits, centroids, name);
    free(x), free(importance), free(codes), free(centroids), free(expanded), free(sums), free(scratch);
}

static void bytes(int kind, int n) {
    float *x = made(n, kind);
    uint8_t *values = blank((size_t)n);
    const float scale = cq_round_row(x, n, values);
    expect_written(values, (size_t)n);
    if (kind < KINDS) {
        expect(isfinite(scale) && scale >= 0, "scale of a row", kind_names[kind], n, 0, 0);
        const double top = largest(x, n);
        for (int i = 0; i < n; i++) {
            const float value = (float)(values[i] - 128) * scale;
            // The scale may clip the largest by 7 in 100.
            expect(isfinite(value) && fabs((double)value - x[i]) <= top * 0.075 + 64 * 0x1p-149, "byte of a row", kind_names[kind], n, i,
                   0);
        }
    }
    free(x), free(values);
}

static void adam(int kind) {
    const int n = 40;
    float *values = made(n, NORMAL), *mean = made(n, ZERO), *square = made(n, ZERO), *gradient = made(n, kind);
    const cq_adam_t settings = {0.01f, 0.9f, 0.95f, 10, 20, 1e-12f};
    for (int step = 0; step < 3; step++) cq_adam(values, mean, square, gradient, n, &settings);
    expect_written(values, 4 * (size_t)n);
    // The mean of gradients near the largest float is beyond it when corrected; the tuner refuses what comes of that.
    const int bounded = kind < KINDS && kind != HUGE_CONSTANT && kind != HUGE_VALUES && kind != LARGEST && kind != ONE_HUGE;
    if (bounded) for (int i = 0; i < n; i++) expect(isfinite(values[i]), "Adam stays finite", kind_names[kind], i, 0, 0);
    free(values), free(mean), free(square), free(gradient);
}

void try_quantization(void) {
    static const int widths[] = {1, 2, 3, 4, 5, 8, 15, 16, 17, 63, 64, 65, 100, 127, 128, 129, 159, 160, 161, 192, 256, 300};
    static const int importances[] = {CONSTANT, ZERO, MIDDLE_ONLY, FIRST_ONLY, NORMAL, HUGE_VALUES, DENORMAL, WIDE_RANGE};
    static const int settings[][2] = {{2, 2}, {2, 4}, {3, 6}, {4, 4}, {5, 5}, {2, 8}, {6, 6}, {7, 8}, {8, 8}};
    for (int kind = 0; kind < ALL_KINDS; kind++) {
        for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
            bytes(kind, widths[w]);
            for (size_t s = 0; s < sizeof settings / sizeof *settings; s++)
                for (size_t i = 0; i < sizeof importances / sizeof *importances; i++) {
                    // All pairs of width and setting for weights that count alike, every fifth of the others.
                    if (i && (w + s + i + (size_t)kind) % 5) continue;
                    row(kind, importances[i], widths[w], settings[s][0], settings[s][1]);
                }
        }
        adam(kind);
    }
    row(NORMAL, NAN_AMONG, 192, 3, 6);
    row(NORMAL, INFINITE_AMONG, 192, 3, 6);
}
