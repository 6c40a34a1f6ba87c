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
    static const int widths[] = {1, 2, 3, 15, 16, 17, 31, 32, 33, 64, 100};
    for (int kind = 0; kind < ALL_KINDS; kind++)
        for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) gradients(kind, widths[w]);
}
