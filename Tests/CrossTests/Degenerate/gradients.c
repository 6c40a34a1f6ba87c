// The backward pass's rows for every instruction set of this machine.
#include "CGradient.h"
#include "CKernels.h"
#include "degenerate.h"

enum { MOST_TABLES = CK_ISA_COUNT };
static int tables(const cg_table_t *out[MOST_TABLES]) {
    int count = 0;
    for (int32_t isa = 0; isa < CK_ISA_COUNT; isa++) {
        const cg_table_t *table = cg_table(isa);
        expect(!table == !ck_table(isa), "one rule for all modules", "gradients", isa, 0, 0);
        int known = !table;
        for (int i = 0; i < count; i++) known |= out[i] == table;
        if (!known) out[count++] = table;
    }
    return count;
}

// Runs one function of every table on copies a, b, c, d of four rows; all must come out as the plain ones.
#define EACH(what, finite, ...) \
    do { \
        float *right[4] = {NULL, NULL, NULL, NULL}; \
        for (int k = 0; k < count; k++) { \
            const cg_table_t *f = all[k]; \
            float *o[4]; \
            for (int j = 0; j < 4; j++) o[j] = copy_of(rows[j], 4 * (size_t)n); \
            float *a = o[0], *b = o[1], *c = o[2], *d = o[3]; \
            (void)a, (void)b, (void)c, (void)d; \
            __VA_ARGS__; \
            for (int j = 0; j < 4; j++) { \
                expect_written(o[j], 4 * (size_t)n); \
                if (!k) right[j] = copy_of(o[j], 4 * (size_t)n); \
                expect(same_numbers(right[j], o[j], n), what, kind_names[kind], n, k, j); \
                for (int i = 0; (finite) && i < n; i++) expect(isfinite(o[j][i]), what, kind_names[kind], n, j, i); \
                free(o[j]); \
            } \
        } \
        for (int j = 0; j < 4; j++) free(right[j]); \
    } while (0)

// Against double precision: 2e-6 of each value, unless single precision has no digits there.
static void cap_is_right(const float *x, const float *capped, double cap, int n) {
    for (int i = 0; i < n; i++) {
        const double right = cap * tanh((double)x[i] / cap);
        expect(isnan(x[i]) ? isnan(capped[i]) : fabs((double)capped[i] - right) <= 2e-6 * fabs(right) + 1e-42, "cap", "value", n, i, 0);
    }
}
// 3e-7 of d: near the cap the slope vanishes, and with it the digits that `capped` has of it.
static void slope_is_right(const float *x, const float *before, const float *d, double cap, int n) {
    for (int i = 0; i < n; i++) {
        const double t = tanh((double)x[i] / cap), right = (double)before[i] * (1 - t * t);
        if (isfinite(x[i])) expect(fabs((double)d[i] - right) <= 3e-7 * fabs((double)before[i]), "cap_backward", "slope", n, i, 0);
    }
}

// A head's gradient replaces that of its output; it is what norm_backward adds to zeros.
static void heads_are_norms(const cg_table_t *f, int heads, int size, int stride, int centred) {
    const int n = heads * size;
    float *x = made(n, NORMAL), *w = made(n, NORMAL), *dy = made(n, NORMAL), *d = copy_of(dy, 4 * (size_t)n);
    float *dx = made(n, ZERO), *dw = made(n, ZERO), *d_weight = made(n, ZERO);
    f->head_norm_backward(x, w, stride, 1e-6f, centred, heads, size, d, d_weight);
    for (int h = 0; h < heads; h++)
        f->norm_backward(x + h * size, w + h * stride, dy + h * size, 1e-6f, centred, size, dx + h * size, dw + h * stride, NULL);
    expect(same_numbers(d, dx, n), "gradient of heads", "normal", heads, size, stride);
    expect(same_numbers(d_weight, dw, n), "gradient of heads' weights", "normal", heads, size, stride);
    free(x), free(w), free(dy), free(d), free(dx), free(dw), free(d_weight);
}

// Against the definition in double precision: J^T dy of y = (x - mean) / sqrt(variance + epsilon) * weight, or uncentred.
static void heads_are_right(const cg_table_t *f, int size, int centred) {
    float *x = made(size, NORMAL), *w = made(size, NORMAL), *dy = made(size, NORMAL), *d = copy_of(dy, 4 * (size_t)size);
    f->head_norm_backward(x, w, 0, 1e-6f, centred, 1, size, d, NULL);
    double mean = 0, square = 0;
    for (int i = 0; centred && i < size; i++) mean += (double)x[i] / size;
    for (int i = 0; i < size; i++) square += ((double)x[i] - mean) * ((double)x[i] - mean) / size;
    const double r = 1 / sqrt(square + 1e-6);
    for (int k = 0; k < size; k++) {
        double sum = 0, most = 0;
        for (int i = 0; i < size; i++) {
            // dy_i / dx_k without the weight.
            const double hat_i = ((double)x[i] - mean) * r, hat_k = ((double)x[k] - mean) * r;
            const double slope = r * ((i == k) - (centred ? 1.0 / size : 0) - hat_i * hat_k / size);
            sum += (double)dy[i] * (double)w[i] * slope;
            most += fabs((double)dy[i] * (double)w[i] * slope);
        }
        expect(fabs(sum - (double)d[k]) <= 3e-6 * (most + r * fabs((double)dy[k] * (double)w[k])), "gradient of a head", "normal", size, centred, k);
    }
    free(x), free(w), free(dy), free(d);
}

static void gradients(int kind, int n) {
    const cg_table_t *all[MOST_TABLES];
    const int count = tables(all);
    float *rows[4] = {made(n, kind), made(n, NORMAL), made(n, kind == NORMAL ? CONSTANT : NORMAL), made(n, NORMAL)};
    const int plain = kind < KINDS && kind != HUGE_CONSTANT && kind != HUGE_VALUES && kind != LARGEST && kind != ONE_HUGE && kind != WIDE_RANGE;
    for (int activation = CG_SILU; activation <= CG_GELU; activation++) {
        EACH("activate", plain, f->activate(activation, a, b, n, d));
        EACH("activate without up", plain, f->activate(activation, a, NULL, n, a));
        EACH("activate_backward", plain, f->activate_backward(activation, a, b, n, c));
        EACH("activate_backward without up", plain, f->activate_backward(activation, a, NULL, n, c));
    }
    for (int centred = 0; centred < 2; centred++) {
        EACH("norm_backward", plain, f->norm_backward(a, b, c, 1e-5f, centred, n, d, b, NULL));
        EACH("norm_backward with bias", plain, f->norm_backward(b, a, c, 1e-5f, centred, n, d, NULL, a));
    }
    // Heads side by side, each with a weight of its own or one for all.
    for (int size = 1; size <= n; size = size < n && 3 * size > n ? n : 3 * size)
        for (int stride = 0; stride <= size; stride += size) {
            EACH("head_norm_backward", plain, f->head_norm_backward(a, b, stride, 1e-5f, stride > 0, n / size, size, d, c));
            EACH("head_norm_backward without weights", plain, f->head_norm_backward(b, a, stride, 1e-5f, 0, n / size, size, c, NULL));
        }
    EACH("cap", kind < KINDS, f->cap(a, n, 30); cap_is_right(rows[0], a, 30, n));
    EACH("cap_backward", plain, f->cap(a, n, 3); f->cap_backward(a, 3, n, b); slope_is_right(rows[0], rows[1], b, 3, n));
    for (int first = 0; first < n; first += 1 + n / 3)
        for (int seen = first + 1; seen <= n; seen += 1 + n / 4) EACH("softmax", kind < KINDS, f->softmax(a, first, seen, n));
    EACH("softmax_backward", plain, f->softmax_backward(b, n, a));
    double loss[3];
    EACH("cross_entropy", kind < KINDS, loss[k] = f->cross_entropy(a, n / 2, 0.5f, n));
    for (int k = 0; k < count; k++)
        expect(kind >= KINDS || (loss[k] >= -1e-6 && loss[k] == loss[0] && !isnan(loss[k])), "cross_entropy's value", kind_names[kind], n, k, 0);
    EACH("divergence", plain, loss[k] = f->divergence(a, b, 0.5f, n));
    EACH("divergence of the same", plain, loss[k] = f->divergence(a, rows[0], 0.5f, n));
    for (int k = 0; k < count; k++)
        expect(!plain || (fabs(loss[k]) < 1e-5 && loss[k] == loss[0]), "divergence from itself", kind_names[kind], n, k, 0);
    EACH("add_squares", plain, f->add_squares(a, n, b));
    EACH("add_rows", plain, f->add_rows(a, 1, n, n, b));
    const int half = n / 2;
    if (half) EACH("add_rows of two", plain, f->add_rows(a, 2, n - half, half, b));
    for (int j = 0; j < 4; j++) free(rows[j]);
}

void try_gradients(void) {
    const cg_table_t *all[MOST_TABLES];
    for (int k = tables(all) - 1; k >= 0; k--)
        for (int centred = 0; centred < 2; centred++) {
            static const int sizes[] = {3, 16, 20, 48, 64, 100};
            for (int s = 0; s < 6; s++) {
                heads_are_norms(all[k], 3, sizes[s], 0, centred);
                heads_are_norms(all[k], 3, sizes[s], sizes[s], centred);
                heads_are_right(all[k], sizes[s], centred);
            }
        }
    static const int widths[] = {1, 2, 3, 15, 16, 17, 31, 32, 33, 64, 100};
    for (int kind = 0; kind < ALL_KINDS; kind++)
        for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) gradients(kind, widths[w]);
}
