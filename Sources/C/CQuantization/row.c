#include "CQuantization.h"
#include <float.h>
#include <math.h>
#include <string.h>

enum { MAX_BITS = 8, MAX_CLUSTERS = 256 };

// Sorted order and prefix sums of a row: W = sum w, X = sum w x, over elements [0, i).
typedef struct {
    uint32_t *keys, *order, *keys2, *order2;
    float *sorted;
    double *w, *x;
    int32_t n;
} row_t;

size_t cq_scratch_bytes(int32_t columns, int32_t bits) {
    (void)bits;
    size_t n = (size_t)columns;
    return n * (4 * 5) + (n + 1) * 16 + 256;
}

static uint32_t float_key(float f) {
    uint32_t b;
    memcpy(&b, &f, 4);
    return b & 0x80000000u ? ~b : b | 0x80000000u;
}

// Least significant digit radix sort, 11 bits a pass: stable, so equal weights keep their column order.
static void sort_row(row_t *r, const float *weights) {
    int32_t n = r->n;
    static const int shifts[3] = {0, 11, 22};
    uint32_t counts[3][2048];
    memset(counts, 0, sizeof counts);
    for (int32_t i = 0; i < n; i++) {
        // -0 and 0 are one value.
        uint32_t k = float_key(weights[i] + 0.0f);
        r->keys[i] = k;
        r->order[i] = (uint32_t)i;
        counts[0][k & 2047]++;
        counts[1][k >> 11 & 2047]++;
        counts[2][k >> 22]++;
    }
    for (int pass = 0; pass < 3; pass++) {
        uint32_t *c = counts[pass], sum = 0;
        for (int d = 0; d < 2048; d++) { uint32_t v = c[d]; c[d] = sum; sum += v; }
        for (int32_t i = 0; i < n; i++) {
            uint32_t at = c[r->keys[i] >> shifts[pass] & 2047]++;
            r->keys2[at] = r->keys[i];
            r->order2[at] = r->order[i];
        }
        uint32_t *t = r->keys; r->keys = r->keys2; r->keys2 = t;
        t = r->order; r->order = r->order2; r->order2 = t;
    }
    for (int32_t i = 0; i < n; i++) r->sorted[i] = weights[r->order[i]];
}

// Differences of sums lose digits to what stands before the cluster, but its mean lies among its weights.
static double mean(const row_t *r, int32_t a, int32_t b, double fallback) {
    double w = r->w[b] - r->w[a];
    if (!(w > 0)) return fallback;
    double m = (r->x[b] - r->x[a]) / w, low = r->sorted[a], high = r->sorted[b - 1];
    return m > low ? m < high ? m : high : low;
}

// First element of [a, b) above `limit`.
static int32_t upper(const row_t *r, int32_t a, int32_t b, double limit) {
    while (a < b) {
        int32_t m = a + (b - a) / 2;
        if (r->sorted[m] <= limit) a = m + 1; else b = m;
    }
    return a;
}

// Sum of squared errors of a cluster, up to the constant sum w x^2: -X^2 / W.
static inline double gain(double w, double x) { return w > 0 ? x * x / w : 0; }

// Cut of [a, b) in two with the least squared error.
static int32_t best_cut(const row_t *r, int32_t a, int32_t b) {
    if (b - a < 2) return b;
    double best = -1;
    int32_t cut = a + 1;
    double w0 = r->w[a], x0 = r->x[a], w1 = r->w[b], x1 = r->x[b];
    for (int32_t i = a + 1; i < b; i++) {
        double lw = r->w[i] - w0, lx = r->x[i] - x0, rw = w1 - r->w[i], rx = x1 - r->x[i];
        double g = lx * lx * rw + rx * rx * lw, d = lw * rw;
        // gain = lx^2 / lw + rx^2 / rw, compared without a division unless it may win.
        if (d > 0 && g > best * d) { best = g / d; cut = i; }
    }
    return cut;
}

// Squared error saved by one cluster over elements [a, b): the dynamic program maximises its sum.
static inline double saved(const row_t *r, int32_t a, int32_t b) { return gain(r->w[b] - r->w[a], r->x[b] - r->x[a]); }

typedef struct {
    const row_t *r;
    const int32_t *edges;                        // bin i holds elements [edges[i], edges[i + 1])
    double *before, *now;                        // best total of the first i bins in c - 1 and c clusters
    int16_t *choice;                             // where the last cluster of the first i bins starts
} table_t;

// Fills now[low ... high], whose best starts lie in [first, last]: best starts rise with i, so halves share no work.
static void fill(const table_t *t, int32_t low, int32_t high, int32_t first, int32_t last) {
    if (low > high) return;
    int32_t middle = (low + high) / 2, best_start = first;
    double best = -1;
    for (int32_t j = first; j <= last && j <= middle; j++) {
        double total = t->before[j] + saved(t->r, t->edges[j], t->edges[middle]);
        if (total > best) { best = total; best_start = j; }
    }
    t->now[middle] = best;
    t->choice[middle] = (int16_t)best_start;
    fill(t, low, middle - 1, first, best_start);
    fill(t, middle + 1, high, best_start, last);
}

// Optimal k-means of the row in bins (Wang and Song 2011, with divide and conquer), as a start for Lloyd's iterations on
// the elements. The ends of the row, where few weights matter much, stand in bins of one element.
enum { BINS = 160, SINGLES = 12 };
static void optimal_start(const row_t *r, int32_t k, int32_t *bounds) {
    int32_t n = r->n, edges[BINS + 1], bins;
    if (n <= BINS) {
        bins = n;
        for (int32_t i = 0; i <= n; i++) edges[i] = i;
    } else {
        bins = BINS;
        int32_t inner = BINS - 2 * SINGLES, left = n - 2 * SINGLES;
        for (int32_t i = 0; i < SINGLES; i++) edges[i] = i;
        for (int32_t i = 0; i <= inner; i++) edges[SINGLES + i] = SINGLES + (int32_t)((int64_t)left * i / inner);
        for (int32_t i = 1; i <= SINGLES; i++) edges[BINS - SINGLES + i] = n - SINGLES + i;
    }
    static const int32_t LARGEST = 64;
    bounds[0] = 0;
    bounds[k] = n;
    if (k > LARGEST || bins < k) {
        for (int32_t c = 1; c < k; c++) bounds[c] = (int32_t)((int64_t)n * c / k);
        return;
    }
    double totals[2][BINS + 1];
    int16_t choices[64][BINS + 1];
    for (int32_t i = 0; i <= bins; i++) totals[0][i] = saved(r, 0, edges[i]);
    for (int32_t c = 1; c < k; c++) {
        table_t t = {r, edges, totals[(c - 1) & 1], totals[c & 1], choices[c]};
        // No bins leave nothing to the last cluster, nor to those before it: the walk back comes here where fewer clusters do.
        t.now[0] = 0;
        t.choice[0] = 0;
        fill(&t, 1, bins, 0, bins);
    }
    int32_t at = bins;
    for (int32_t c = k - 1; c > 0; c--) {
        at = choices[c][at];
        bounds[c] = edges[at];
    }
}

static void lloyd(const row_t *r, int32_t k, int32_t *bounds) {
    int32_t n = r->n;
    optimal_start(r, k, bounds);
    double centers[MAX_CLUSTERS];
    for (int32_t round = 0; round < 60; round++) {
        for (int32_t c = 0; c < k; c++) centers[c] = mean(r, bounds[c], bounds[c + 1], NAN);
        // An empty cluster takes half of the worst one.
        for (int32_t c = 0; c < k; c++) {
            if (bounds[c + 1] > bounds[c]) continue;
            int32_t worst = -1;
            double most = 0;
            for (int32_t d = 0; d < k; d++) {
                int32_t a = bounds[d], b = bounds[d + 1];
                if (b - a < 2 || r->sorted[a] == r->sorted[b - 1]) continue;
                int32_t cut = best_cut(r, a, b);
                double g = gain(r->w[cut] - r->w[a], r->x[cut] - r->x[a]) + gain(r->w[b] - r->w[cut], r->x[b] - r->x[cut]) -
                           gain(r->w[b] - r->w[a], r->x[b] - r->x[a]);
                if (worst < 0 || g > most) { worst = d; most = g; }
            }
            if (worst < 0) break;
            int32_t cut = best_cut(r, bounds[worst], bounds[worst + 1]);
            // Shift the borders between the two so that the empty interval disappears and the cut becomes a border.
            if (worst < c) { for (int32_t d = c; d > worst + 1; d--) bounds[d] = bounds[d - 1]; bounds[worst + 1] = cut; }
            else { for (int32_t d = c + 1; d < worst; d++) bounds[d] = bounds[d + 1]; bounds[worst] = cut; }
            for (int32_t d = 0; d < k; d++) centers[d] = mean(r, bounds[d], bounds[d + 1], NAN);
        }
        int32_t moved = 0;
        for (int32_t c = 1; c < k; c++) {
            double left = centers[c - 1], right = centers[c];
            // A border of an empty cluster stays, unless the one before it has passed it: equal weights move together.
            int32_t b = isnan(left) || isnan(right) ? bounds[c] : upper(r, 0, n, (left + right) / 2);
            if (b < bounds[c - 1]) b = bounds[c - 1];
            moved |= b != bounds[c];
            bounds[c] = b;
        }
        if (!moved) break;
    }
}

void cq_quantize_row(const float *weights, const float *importance, int32_t columns, int32_t seed_bits, int32_t bits,
                     uint8_t *codes, float *centroids, void *scratch) {
    int32_t n = columns;
    row_t r;
    double *d = (double *)(((uintptr_t)scratch + 63) & ~(uintptr_t)63);
    r.n = n;
    r.w = d;
    r.x = d + n + 1;
    r.keys = (uint32_t *)(d + 2 * (n + 1));
    r.order = r.keys + n;
    r.keys2 = r.order + n;
    r.order2 = r.keys2 + n;
    r.sorted = (float *)(r.order2 + n);
    sort_row(&r, weights);
    double largest = 0;
    for (int32_t i = 0; i < n; i++) if (importance[i] > largest) largest = importance[i];
    // Sums stay finite whatever is asked for.
    if (largest > FLT_MAX) largest = FLT_MAX;
    double least = largest > 0 ? largest * 1e-9 : 1;
    r.w[0] = r.x[0] = 0;
    for (int32_t i = 0; i < n; i++) {
        double w = importance[r.order[i]];
        if (!(w > least)) w = least;
        if (w > FLT_MAX) w = FLT_MAX;
        r.w[i + 1] = r.w[i] + w;
        r.x[i + 1] = r.x[i] + w * r.sorted[i];
    }
    // Borders at every precision: level p has 2^p clusters, borders[p][0 ... 2^p].
    int32_t borders[MAX_BITS + 1][MAX_CLUSTERS + 1];
    lloyd(&r, 1 << seed_bits, borders[seed_bits]);
    for (int32_t p = seed_bits; p < bits; p++)
        for (int32_t c = 0; c < 1 << p; c++) {
            int32_t a = borders[p][c], b = borders[p][c + 1];
            borders[p + 1][2 * c] = a;
            borders[p + 1][2 * c + 1] = best_cut(&r, a, b);
            borders[p + 1][2 * c + 2] = b;
        }
    for (int32_t p = seed_bits; p > 2; p--)
        for (int32_t c = 0; c <= 1 << (p - 1); c++) borders[p - 1][c] = borders[p][2 * c];
    for (int32_t p = 2; p <= bits; p++) {
        float *out = centroids + (1 << p) - 4;
        for (int32_t c = 0; c < 1 << p; c++) {
            // An empty cluster repeats its neighbour's border value: never used, but finite and in order.
            int32_t a = borders[p][c];
            out[c] = (float)mean(&r, a, borders[p][c + 1], r.sorted[a < n ? a : n - 1]);
        }
    }
    for (int32_t c = 0; c < 1 << bits; c++)
        for (int32_t i = borders[bits][c]; i < borders[bits][c + 1]; i++) codes[r.order[i]] = (uint8_t)c;
}
