#include "CQuantization.h"
#include <float.h>
#include <math.h>
#include <string.h>
#include <stdlib.h>

// Codes and centroids of all precisions of a few rows at a time, minimising
//     sum over p of lambda_p (w - c_p[q >> (B - p)]) H (w - c_p[q >> (B - p)])^T
// by turns: least squares for the centroids given the codes, coordinate descent over the columns for the codes given
// the centroids (LNQ, GuidedQuant, arXiv 2505.07004, section 4, here with one code for several precisions).
// All sums have a fixed order over vectors of 16 lanes, whatever the registers hold, so every processor gives the same bits.

enum { ROWS = CQ_JOINT_ROWS, LANES = 16, CHUNK = 128, STRETCH = 64, MOST_BITS = 8, MOST = 256, PRECISIONS = 7, ROUNDING_TURNS = 4 };
typedef float vf __attribute__((vector_size(64)));
typedef float vfu __attribute__((vector_size(64), aligned(4)));
typedef int32_t vi __attribute__((vector_size(64)));

// A build that compares instruction sets gives one of its own.
#ifndef CLONES
#if defined(__x86_64__) && defined(__clang__)
#define CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define CLONES
#endif
#endif
#define INLINE static inline __attribute__((always_inline))

// Macros, because a vector that is passed to a function would need one register width for all callers.
#define LOAD(p) (*(const vfu *)(p))
#define STORE(p, v) (*(vfu *)(p) = (v))
#define SELECT_F(mask, a, b) ((vf)(((mask) & (vi)(a)) | (~(mask) & (vi)(b))))
#define SELECT_I(mask, a, b) (((mask) & (a)) | (~(mask) & (b)))
#define INTERLEAVE(from, to)                                                                                                \
    for (int32_t v = 0; v < LANES / 2; v++) {                                                                               \
        to[2 * v] = __builtin_shufflevector(from[v], from[v + LANES / 2], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, \
                                            23);                                                                            \
        to[2 * v + 1] = __builtin_shufflevector(from[v], from[v + LANES / 2], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, \
                                                30, 15, 31);                                                                \
    }

// One row's state; g_p = H (w - w_hat_p).
typedef struct {
    const float *w;
    uint8_t *codes;
    float *centroids;                            // 2^p at (1 << p) - 4
    float *hw, *m, *g;                           // [d], [2^B][d], [P][d]
    float *scaled;                               // [P][2^B]: sqrt(lambda_p) c_p of every code
    double error[PRECISIONS], whw;
    float weight[PRECISIONS];                    // sqrt(lambda_p)
    int32_t exponent;                            // w and the centroids are divided by 2^exponent meanwhile
    int32_t index;                               // among the rows given
} row_t;

typedef struct {
    int32_t n, d, bits, clusters, count;         // columns, padded, B, 2^B, precisions
    const int32_t *precisions;
    const float *h;
    const float *feedback;                       // [n][stride]: row k holds A_kj, j > k; NULL for none
    size_t stride;
    int32_t *order;                              // [d], scratch of aggregate
} problem_t;

size_t cq_joint_scratch_bytes(int32_t columns, int32_t bits, int32_t precisions) {
    size_t d = ((size_t)columns + LANES - 1) / LANES * LANES, k = (size_t)1 << bits;
    return 4096 + 4 * d + ROWS * (4 * (d * (2 + k + (size_t)precisions) + (size_t)precisions * (k < LANES ? LANES : k)) + 256) +
           k * k * 8 * 3 + k * 8 * 6;
}

// out_r = sum over j of factor_rj h_j for up to ROWS rows.
CLONES static void times_hessian(const problem_t *p, row_t *rows, int32_t count) {
    for (int32_t c0 = 0; c0 < p->d; c0 += CHUNK) {
        int32_t width = p->d - c0 < CHUNK ? p->d - c0 : CHUNK;
        for (int32_t r = 0; r < count; r++) memset(rows[r].hw + c0, 0, (size_t)width * 4);
        for (int32_t j = 0; j < p->n; j++) {
            const float *h = p->h + (size_t)j * p->stride + c0;
            for (int32_t r = 0; r < count; r++) {
                float *out = rows[r].hw + c0;
                float factor = rows[r].w[j];
                for (int32_t k = 0; k < width; k += LANES) STORE(out + k, LOAD(out + k) + factor * LOAD(h + k));
            }
        }
    }
}

// m[a] = sum of H's rows in cluster a, in the order of the columns. Cluster by cluster, so that sums stay in registers, over stretches
// of columns whose part of H stays in the second cache.
CLONES static void aggregate(const problem_t *p, row_t *rows, int32_t count) {
    int32_t *order = p->order;
    for (int32_t r = 0; r < count; r++) {
        const uint8_t *codes = rows[r].codes;
        // Columns sorted by their codes; starts[a] is where cluster a begins.
        int32_t starts[MOST + 1] = {0};
        for (int32_t j = 0; j < p->n; j++) starts[codes[j] + 1]++;
        for (int32_t a = 0; a < p->clusters; a++) starts[a + 1] += starts[a];
        int32_t next[MOST];
        memcpy(next, starts, sizeof next);
        for (int32_t j = 0; j < p->n; j++) order[next[codes[j]]++] = j;
        int32_t c0 = 0;
        for (; c0 + STRETCH <= p->d; c0 += STRETCH)
            for (int32_t a = 0; a < p->clusters; a++) {
                vf sum[STRETCH / LANES] = {0};
                for (int32_t i = starts[a]; i < starts[a + 1]; i++) {
                    const float *h = p->h + (size_t)order[i] * p->stride + c0;
                    for (int32_t k = 0; k < STRETCH / LANES; k++) sum[k] += LOAD(h + k * LANES);
                }
                float *out = rows[r].m + (size_t)a * (size_t)p->d + c0;
                for (int32_t k = 0; k < STRETCH / LANES; k++) STORE(out + k * LANES, sum[k]);
            }
        for (; c0 < p->d; c0 += LANES)
            for (int32_t a = 0; a < p->clusters; a++) {
                vf sum = {0};
                for (int32_t i = starts[a]; i < starts[a + 1]; i++) sum += LOAD(p->h + (size_t)order[i] * p->stride + c0);
                STORE(rows[r].m + (size_t)a * (size_t)p->d + c0, sum);
            }
    }
}

// g_p = hw - sum over a of c_p[a] m_p[a]; m is halved on the way down and is gone afterwards.
CLONES static void gradients(const problem_t *p, row_t *row) {
    int32_t at = p->count - 1;
    for (int32_t bits = p->bits; bits >= 2; bits--) {
        int32_t k = 1 << bits;
        if (bits < p->bits)
            for (int32_t a = 0; a < k; a++) {
                float *to = row->m + (size_t)a * (size_t)p->d;
                const float *x = row->m + (size_t)(2 * a) * (size_t)p->d, *y = x + p->d;
                for (int32_t i = 0; i < p->d; i += LANES) STORE(to + i, LOAD(x + i) + LOAD(y + i));
            }
        if (at < 0 || p->precisions[at] != bits) continue;
        const float *c = row->centroids + k - 4;
        float *g = row->g + (size_t)at * (size_t)p->d;
        for (int32_t i = 0; i < p->d; i += LANES) {
            vf sum = LOAD(row->hw + i);
            for (int32_t a = 0; a < k; a++) sum -= c[a] * LOAD(row->m + (size_t)a * (size_t)p->d + i);
            STORE(g + i, sum);
        }
        at--;
    }
}

// Solves (A + r I) x = b + r x0 in place of x; a is destroyed. r is `ridge` of the mean diagonal.
CLONES static void solve(double *a, const double *b, float *x, int32_t n, double ridge, double *y) {
    double trace = 0;
    for (int32_t i = 0; i < n; i++) trace += a[i * n + i];
    if (!(trace > 0)) return;
    double r = ridge * trace / n;
    for (int32_t i = 0; i < n; i++) {
        a[i * n + i] += r;
        y[i] = b[i] + r * x[i];
    }
    for (int32_t k = 0; k < n; k++) {
        double pivot = a[k * n + k];
        if (!(pivot > 0)) return;
        double s = 1 / sqrt(pivot);
        double *top = a + k * n;
        for (int32_t j = k; j < n; j++) top[j] *= s;
        y[k] *= s;
        for (int32_t i = k + 1; i < n; i++) {
            double f = top[i];
            if (f == 0) continue;
            double *low = a + i * n;
            for (int32_t j = i; j < n; j++) low[j] -= f * top[j];
            y[i] -= f * y[k];
        }
    }
    for (int32_t k = n - 1; k >= 0; k--) {
        double sum = y[k];
        for (int32_t j = k + 1; j < n; j++) sum -= a[k * n + j] * y[j];
        y[k] = sum / a[k * n + k];
    }
    for (int32_t i = 0; i < n; i++) if (!(fabs(y[i]) <= FLT_MAX)) return;
    for (int32_t i = 0; i < n; i++) x[i] = (float)y[i];
}

// Rounds c to whole multiples of a step, 127 of them in the largest, as tables hold them (`cq_round_table`), so that
// c A c - 2 b c grows little: coordinate descent over the entries, then the best step for them. The largest stays at 127, so
// that rounding the result again changes nothing.
CLONES static void round_entries(const double *a, const double *b, float *c, int32_t n, double *gradient) {
    double step = 0;
    int32_t top = 0;
    for (int32_t i = 0; i < n; i++)
        if (fabsf(c[i]) > step) {
            step = fabsf(c[i]);
            top = i;
        }
    step /= 127;
    // Smaller ones become a table of zeros.
    if (!(step >= 1e-37)) return;
    int32_t entries[MOST];
    for (int32_t i = 0; i < n; i++) entries[i] = (int32_t)rint(c[i] / step);
    for (int32_t i = 0; i < n; i++) {
        double sum = 0;
        for (int32_t j = 0; j < n; j++) sum += a[i * n + j] * entries[j];
        gradient[i] = b[i] / step - sum;
    }
    for (int32_t turn = 0; turn < ROUNDING_TURNS; turn++) {
        int32_t moved = 0;
        for (int32_t i = 0; i < n; i++) {
            const double pivot = a[i * n + i];
            // A cluster without weights has no say, nor has one whose weights count for next to nothing.
            if (i == top || !(pivot > 0) || !isfinite(gradient[i] / pivot)) continue;
            double wanted = rint(entries[i] + gradient[i] / pivot);
            wanted = wanted > 127 ? 127 : wanted < -127 ? -127 : wanted;
            const int32_t change = (int32_t)wanted - entries[i];
            if (change == 0) continue;
            moved++;
            entries[i] += change;
            for (int32_t j = 0; j < n; j++) gradient[j] -= change * a[i * n + j];
        }
        if (!moved) break;
    }
    double product = 0, square = 0;
    for (int32_t i = 0; i < n; i++) {
        product += b[i] * entries[i];
        square += (b[i] / step - gradient[i]) * entries[i];
    }
    if (product > 0 && square > 0 && isfinite(product / square)) step = product / square;
    for (int32_t i = 0; i < n; i++) c[i] = (float)step * (float)entries[i];
}

// a[e][c] = sum of m[c] over the columns in cluster e. Columns are turned 16 at a time, so that all clusters c of a column are
// added at once; every sum keeps the order of the columns.
CLONES static void sum_columns(const problem_t *p, const row_t *row, double *a) {
    typedef double vd __attribute__((vector_size(128), aligned(8)));
    const int32_t k = p->clusters;
    if (k < LANES) {
        for (int32_t i = 0; i < p->n; i++)
            for (int32_t c = 0; c < k; c++) a[row->codes[i] * k + c] += row->m[(size_t)c * (size_t)p->d + i];
        return;
    }
    for (int32_t c0 = 0; c0 < k; c0 += LANES)
        for (int32_t i0 = 0; i0 < p->n; i0 += LANES) {
            vf x[LANES], y[LANES];
            for (int32_t c = 0; c < LANES; c++) x[c] = LOAD(row->m + (size_t)(c0 + c) * (size_t)p->d + i0);
            // Four perfect shuffles of 256 numbers turn a square of 16.
            INTERLEAVE(x, y) INTERLEAVE(y, x) INTERLEAVE(x, y) INTERLEAVE(y, x)
            const int32_t count = p->n - i0 < LANES ? p->n - i0 : LANES;
            for (int32_t i = 0; i < count; i++)
                *(vd *)(a + row->codes[i0 + i] * k + c0) += __builtin_convertvector(x[i], vd);
        }
}

enum { KEEP, FIT, FIT_ROUNDED };

// Normal equations at B bits, then downwards; fits every precision's centroids unless `fit` is KEEP. Sets row->error.
static void centroids(const problem_t *p, row_t *row, double ridge, int fit, double *work) {
    int32_t k = p->clusters;
    double *a = work, *copy = a + k * k, *b = copy + k * k, *y = b + k;
    memset(a, 0, sizeof(double) * (size_t)(k * k));
    memset(b, 0, sizeof(double) * (size_t)k);
    for (int32_t i = 0; i < p->n; i++) b[row->codes[i]] += row->hw[i];
    sum_columns(p, row, a);
    for (int32_t c = 0; c < k; c++)
        for (int32_t e = c + 1; e < k; e++) a[c * k + e] = a[e * k + c] = 0.5 * (a[c * k + e] + a[e * k + c]);
    int32_t at = p->count - 1;
    for (int32_t bits = p->bits; bits >= 2 && at >= 0; bits--) {
        int32_t n = 1 << bits;
        if (bits < p->bits) {
            for (int32_t c = 0; c < n; c++) b[c] = b[2 * c] + b[2 * c + 1];
            for (int32_t c = 0; c < n; c++)
                for (int32_t e = 0; e < n; e++) {
                    const double *x = a + 2 * c * (2 * n) + 2 * e;
                    a[c * n + e] = (x[0] + x[1]) + (x[2 * n] + x[2 * n + 1]);
                }
        }
        if (p->precisions[at] != bits) continue;
        float *c = row->centroids + n - 4;
        if (fit) {
            memcpy(copy, a, sizeof(double) * (size_t)(n * n));
            solve(copy, b, c, n, ridge, y);
            if (fit == FIT_ROUNDED) round_entries(a, b, c, n, y);
        }
        double error = row->whw;
        for (int32_t i = 0; i < n; i++) {
            double sum = -2 * b[i];
            for (int32_t j = 0; j < n; j++) sum += a[i * n + j] * c[j];
            error += c[i] * sum;
        }
        row->error[at] = error > 0 ? error : 0;
        at--;
    }
}

static void weigh(const problem_t *p, row_t *row, const float *preferences) {
    int32_t k = p->clusters, padded = k < LANES ? LANES : k;
    for (int32_t i = 0; i < p->count; i++) {
        double least = row->whw * 1e-9;
        double error = row->error[i] > least ? row->error[i] : least;
        row->weight[i] = error > 0 ? (float)sqrt(preferences[i] * (row->whw / error)) : 1;
    }
    for (int32_t i = 0; i < p->count; i++) {
        int32_t shift = p->bits - p->precisions[i];
        const float *c = row->centroids + (1 << p->precisions[i]) - 4;
        for (int32_t q = 0; q < padded; q++) row->scaled[i * padded + q] = q < k ? row->weight[i] * c[q >> shift] : 1e18f;
    }
}

// The code of least sum over p of (scaled_p[code] - target_p)^2; the current one wins ties.
INLINE int32_t best_code(const float *scaled, const float *targets, int32_t count, int32_t vectors, int32_t current) {
    vf cost[MOST / LANES];
    for (int32_t v = 0; v < vectors; v++) cost[v] = (vf){0};
    for (int32_t i = 0; i < count; i++) {
        float t = targets[i];
        for (int32_t v = 0; v < vectors; v++) {
            vf e = LOAD(scaled + (i * vectors + v) * LANES) - t;
            cost[v] += e * e;
        }
    }
    vi index = (vi){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, best_index = index;
    vf best = cost[0];
    for (int32_t v = 1; v < vectors; v++) {
        index += LANES;
        vi less = cost[v] < best;
        best = SELECT_F(less, cost[v], best);
        best_index = SELECT_I(less, index, best_index);
    }
#define STEP(...)                                                                                                   \
    {                                                                                                               \
        vf o = __builtin_shufflevector(best, best, __VA_ARGS__);                                                    \
        vi oi = __builtin_shufflevector(best_index, best_index, __VA_ARGS__);                                       \
        vi less = o < best;                                                                                         \
        best = SELECT_F(less, o, best);                                                                             \
        best_index = SELECT_I(less, oi, best_index);                                                                \
    }
    STEP(8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7)
    STEP(4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11)
    STEP(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13)
    STEP(1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14)
    float now = 0;
    for (int32_t i = 0; i < count; i++) {
        float e = scaled[i * vectors * LANES + current] - targets[i];
        now += e * e;
    }
    return best[0] < now ? best_index[0] : current;
}

INLINE int32_t descend(const problem_t *p, row_t *rows, int32_t count, int32_t vectors) {
    int32_t moved = 0;
    for (int32_t j = 0; j < p->n; j++) {
        const float *h = p->h + (size_t)j * p->stride;
        float diagonal = h[j];
        if (!(diagonal >= FLT_MIN)) continue;
        float inverse = 1 / diagonal;
        for (int32_t r = 0; r < count; r++) {
            row_t *row = rows + r;
            int32_t current = row->codes[j];
            float targets[PRECISIONS];
            for (int32_t i = 0; i < p->count; i++) {
                float c = row->centroids[(1 << p->precisions[i]) - 4 + (current >> (p->bits - p->precisions[i]))];
                targets[i] = row->weight[i] * (c + row->g[(size_t)i * (size_t)p->d + j] * inverse);
            }
            int32_t next = best_code(row->scaled, targets, p->count, vectors, current);
            if (next == current) continue;
            moved++;
            row->codes[j] = (uint8_t)next;
            for (int32_t i = 0; i < p->count; i++) {
                int32_t shift = p->bits - p->precisions[i];
                const float *c = row->centroids + (1 << p->precisions[i]) - 4;
                float change = c[next >> shift] - c[current >> shift];
                if (change == 0) continue;
                float *g = row->g + (size_t)i * (size_t)p->d;
                float f = change;
                for (int32_t k = 0; k < p->d; k += LANES) STORE(g + k, LOAD(g + k) - f * LOAD(h + k));
            }
        }
    }
    return moved;
}

// Codes from scratch, column by column: what the columns before j leave as error moves the target of column j, so that the sum
// of D_j (t_j - w_hat_j)^2 is what is minimised (H = A D A^T; LDLQ in QuIP, arXiv 2307.13304, section 3, for several precisions).
// g_p[j] collects the sum over k < j of e_pk A_kj.
INLINE void feed_back(const problem_t *p, row_t *rows, int32_t count, int32_t vectors) {
    for (int32_t r = 0; r < count; r++) memset(rows[r].g, 0, sizeof(float) * (size_t)p->count * (size_t)p->d);
    for (int32_t j = 0; j < p->n; j++) {
        const float *a = p->feedback + (size_t)j * p->stride;
        // Whole vectors from the one that holds j + 1; a is zero up to j.
        const int32_t start = (j + 1) / LANES * LANES;
        for (int32_t r = 0; r < count; r++) {
            row_t *row = rows + r;
            float targets[PRECISIONS], unscaled[PRECISIONS];
            for (int32_t i = 0; i < p->count; i++) {
                unscaled[i] = row->w[j] + row->g[(size_t)i * (size_t)p->d + j];
                targets[i] = row->weight[i] * unscaled[i];
            }
            const int32_t code = best_code(row->scaled, targets, p->count, vectors, row->codes[j]);
            row->codes[j] = (uint8_t)code;
            for (int32_t i = 0; i < p->count; i++) {
                const float f = row->w[j] - row->centroids[(1 << p->precisions[i]) - 4 + (code >> (p->bits - p->precisions[i]))];
                float *g = row->g + (size_t)i * (size_t)p->d;
                for (int32_t k = start; k < p->d; k += LANES) STORE(g + k, LOAD(g + k) + f * LOAD(a + k));
            }
        }
    }
}

CLONES static void feed(const problem_t *p, row_t *rows, int32_t count) {
    switch (p->clusters) {
    case 4: case 8: case 16: feed_back(p, rows, count, 1); break;
    case 32: feed_back(p, rows, count, 2); break;
    case 64: feed_back(p, rows, count, 4); break;
    case 128: feed_back(p, rows, count, 8); break;
    default: feed_back(p, rows, count, 16); break;
    }
}

// H = A D A^T, A upper triangular with ones on the diagonal, from the last column to the first, in blocks: the rows of a block
// take their shares from one another, then all rows above take theirs from the block. Row j, still H's, is also column j; what
// stands right of a row's diagonal gets its factor and is not read again.
CLONES void cq_feedback_rows(float *h, int32_t stride, int32_t first, int32_t last, int32_t begin, int32_t end) {
    float factors[CQ_FEEDBACK_BLOCK];
    for (int32_t k = begin; k < end; k++) {
        float *row = h + (size_t)k * (size_t)stride;
        const int32_t low = first > k + 1 ? first : k + 1;
        for (int32_t j = last - 1; j >= low; j--) {
            const float *top = h + (size_t)j * (size_t)stride;
            // A pivot that is not positive, or too small to divide by, leaves its column without feedback.
            factors[j - first] = top[j] >= FLT_MIN ? top[k] * (1 / top[j]) : 0;
        }
        int32_t i = 0;
        for (; i + LANES <= k + 1; i += LANES) {
            vf sum = LOAD(row + i);
            for (int32_t j = last - 1; j >= low; j--) sum -= factors[j - first] * LOAD(h + (size_t)j * (size_t)stride + i);
            STORE(row + i, sum);
        }
        for (; i <= k; i++)
            for (int32_t j = last - 1; j >= low; j--) row[i] -= factors[j - first] * h[(size_t)j * (size_t)stride + i];
        for (int32_t j = last - 1; j >= low; j--) row[j] = factors[j - first];
    }
}

void cq_feedback_finish(float *h, int32_t columns, int32_t stride) {
    for (int32_t j = 0; j < columns; j++) memset(h + (size_t)j * (size_t)stride, 0, sizeof(float) * (size_t)(j + 1));
}

CLONES static int32_t sweep(const problem_t *p, row_t *rows, int32_t count) {
    switch (p->clusters) {
    case 4: case 8: case 16: return descend(p, rows, count, 1);
    case 32: return descend(p, rows, count, 2);
    case 64: return descend(p, rows, count, 4);
    case 128: return descend(p, rows, count, 8);
    default: return descend(p, rows, count, 16);
    }
}

// Rows of very large or very small weights are worked on as multiples of a power of two, in which no digit is lost: their products
// with the Hessian would leave single precision.
static void normalise(row_t *row, const float *weights, int32_t n, int32_t centroids, float *room) {
    float largest = 0;
    for (int32_t i = 0; i < n; i++) if (fabsf(weights[i]) > largest) largest = fabsf(weights[i]);
    row->exponent = largest > 0 && (largest < 0x1p-30f || largest > 0x1p30f) ? ilogbf(largest) : 0;
    row->w = row->exponent ? room : weights;
    if (!row->exponent) return;
    for (int32_t i = 0; i < n; i++) room[i] = ldexpf(weights[i], -row->exponent);
    for (int32_t i = 0; i < centroids; i++) row->centroids[i] = ldexpf(row->centroids[i], -row->exponent);
}

static void restore(row_t *row, int32_t centroids) {
    if (!row->exponent) return;
    for (int32_t i = 0; i < centroids; i++) {
        const float c = ldexpf(row->centroids[i], row->exponent);
        row->centroids[i] = c > FLT_MAX ? FLT_MAX : c < -FLT_MAX ? -FLT_MAX : c;
    }
}

// One value: clusters hold it exactly, and least squares among equal centroids would only bring in rounding errors.
static int32_t is_flat(const float *weights, int32_t n) {
    for (int32_t i = 1; i < n; i++) if (weights[i] != weights[0]) return 0;
    return 1;
}

void cq_joint_rows(const cq_joint_t *settings, const float *weights, int32_t row_count, uint8_t *codes, float *centroid_rows,
                   double *errors, void *scratch) {
    problem_t p = {settings->columns, (settings->columns + LANES - 1) / LANES * LANES, settings->bits, 1 << settings->bits,
                   settings->precision_count, settings->precisions, settings->hessian, settings->feedback, (size_t)settings->stride, NULL};
    row_t rows[ROWS];
    double *work = (double *)(((uintptr_t)scratch + 63) & ~(uintptr_t)63);
    size_t k = (size_t)p.clusters, d = (size_t)p.d, padded = k < LANES ? LANES : k;
    p.order = (int32_t *)(work + ((2 * k * k + 3 * k + 7) & ~(size_t)7));
    float *next = (float *)(p.order + d);
    if (errors) memset(errors, 0, sizeof(double) * 2 * PRECISIONS * (size_t)row_count);
    int32_t count = 0;
    for (int32_t r = 0; r < row_count; r++) {
        const float *w = weights + (size_t)r * (size_t)p.n;
        if (is_flat(w, p.n)) continue;
        row_t *row = rows + count++;
        row->index = r;
        row->codes = codes + (size_t)r * (size_t)p.n;
        row->centroids = centroid_rows + (size_t)r * (2 * k - 4);
        row->hw = next;
        row->m = next + d;
        row->g = row->m + k * d;
        row->scaled = row->g + (size_t)p.count * d;
        next = row->scaled + (size_t)p.count * padded;
        normalise(row, w, p.n, (int32_t)(2 * k - 4), next);
        next += d;
    }
    times_hessian(&p, rows, count);
    for (int32_t r = 0; r < count; r++) {
        row_t *row = rows + r;
        row->whw = 0;
        for (int32_t j = 0; j < p.n; j++) row->whw += (double)row->w[j] * row->hw[j];
    }
    const double ridge = 1e-6;
    for (int32_t round = 0; round <= settings->rounds; round++) {
        aggregate(&p, rows, count);
        for (int32_t r = 0; r < count; r++) {
            row_t *row = rows + r;
            if (round == 0) {
                centroids(&p, row, ridge, KEEP, work);
                weigh(&p, row, settings->preferences);
                if (errors)
                    for (int32_t i = 0; i < p.count; i++)
                        errors[(size_t)row->index * PRECISIONS * 2 + i] = ldexp(row->error[i], 2 * row->exponent);
            }
            // The last codes are chosen for centroids that the tables can hold.
            centroids(&p, row, ridge, round + 1 < settings->rounds ? FIT : FIT_ROUNDED, work);
            for (int32_t i = 0; i < p.count; i++) {
                int32_t shift = p.bits - p.precisions[i];
                const float *c = row->centroids + (1 << p.precisions[i]) - 4;
                for (int32_t q = 0; q < p.clusters; q++) row->scaled[(size_t)i * padded + q] = row->weight[i] * c[q >> shift];
            }
            if (round < settings->rounds && !(round == 0 && p.feedback)) gradients(&p, row);
        }
        if (round == settings->rounds) break;
        if (round == 0 && p.feedback) feed(&p, rows, count);
        else sweep(&p, rows, count);
    }
    for (int32_t r = 0; r < count; r++) {
        restore(rows + r, (int32_t)(2 * k - 4));
        if (!errors) continue;
        for (int32_t i = 0; i < p.count; i++)
            errors[(size_t)rows[r].index * PRECISIONS * 2 + PRECISIONS + i] = ldexp(rows[r].error[i], 2 * rows[r].exponent);
    }
}
