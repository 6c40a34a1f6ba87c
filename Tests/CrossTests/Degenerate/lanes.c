// Elementwise kernels of every instruction set of this machine on degenerate rows, beside the scalar twin.
#include "CKernels.h"
#include "degenerate.h"

// Runs one function of every table on copies of x; results must be the twin's. `finite` where the mathematics is.
#define EACH(what, finite, ...) \
    do { \
        float *right = NULL; \
        for (int isa = 0; isa < CK_ISA_COUNT; isa++) { \
            const ck_table_t *f = ck_table(isa); \
            if (!f) continue; \
            float *o = copy_of(x, 4 * (size_t)n); \
            __VA_ARGS__; \
            expect_written(o, 4 * (size_t)n); \
            if (!right) right = copy_of(o, 4 * (size_t)n); \
            expect(same_numbers(right, o, n), what, f->name, kind, n, 0); \
            for (int i = 0; (finite) && i < n; i++) expect(isfinite(o[i]), what, kind_names[kind], n, i, 0); \
            free(o); \
        } \
        free(right); \
    } while (0)

static void halves(int kind, int n) {
    float *x = made(n, kind), *back = blank(4 * (size_t)n);
    uint16_t *right = NULL;
    for (int isa = 0; isa < CK_ISA_COUNT; isa++) {
        const ck_table_t *f = ck_table(isa);
        if (!f) continue;
        uint16_t *half = blank(2 * (size_t)n), *keys = blank(2 * 32 * (size_t)n);
        f->to_half(x, n, half);
        expect_written(half, 2 * (size_t)n);
        f->from_half(half, n, back);
        expect_written(back, 4 * (size_t)n);
        for (int i = 0; i < n; i++)
            if (fabsf(x[i]) <= 65504)
                expect(fabsf(back[i] - x[i]) <= fabsf(x[i]) * 0x1p-11f + 0x1p-25f, "half and back", kind_names[kind], n, i, 0);
        f->store_key(x, n, 21, keys);
        for (int i = 0; i < n; i++) expect(keys[(n + i) * 16 + 5] == half[i] || isnan(x[i]), "key in its place", kind_names[kind], n, i, 0);
        if (!right) right = copy_of(half, 2 * (size_t)n);
        for (int i = 0; i < n; i++) expect(right[i] == half[i] || isnan(x[i]), "half", f->name, kind, n, i);
        free(half), free(keys);
    }
    free(x), free(back), free(right);
}

static void lanes(int kind, int n) {
    float *x = made(n, kind), *w = made(n, NORMAL), *b = made(n, kind), *y = made(n, kind);
    // Squares of what is below 1e18 are numbers; so are sums of two of these.
    const int plain = kind < KINDS && kind != HUGE_CONSTANT && kind != HUGE_VALUES && kind != LARGEST && kind != ONE_HUGE && kind != WIDE_RANGE;
    EACH("rms_norm", plain, f->rms_norm(x, w, 1e-5f, n, o));
    EACH("layer_norm", plain, f->layer_norm(x, w, b, 1e-5f, n, o));
    EACH("silu_multiply", plain, f->silu_multiply(x, y, n, o));
    EACH("layer_norm without bias, in place", plain, f->layer_norm(o, w, NULL, 1e-5f, n, o));
    EACH("rms_norm in place", plain, f->rms_norm(o, w, 1e-5f, n, o));
    EACH("silu", kind < KINDS, f->silu_multiply(x, NULL, n, o));
    EACH("gelu", kind < KINDS, f->gelu_multiply(x, NULL, 0, n, o));
    EACH("gelu (tanh)", kind < KINDS, f->gelu_multiply(x, NULL, 1, n, o));
    EACH("gelu_multiply", plain, f->gelu_multiply(x, y, 0, n, o));
    EACH("gelu_multiply (tanh)", plain, f->gelu_multiply(o, y, 1, n, o));
    EACH("add", plain, f->add(y, n, o));
    EACH("soft_cap", kind < KINDS, f->soft_cap(o, 1 / 30.0f, 30, n);
         for (int i = 0; i < n; i++) expect(isnan(o[i]) == isnan(x[i]) && !(fabsf(o[i]) > 30), "below the cap", f->name, kind, n, i));
    EACH("softmax", kind < KINDS, (void)f->softmax_numerators(o, n));
    EACH("argmax", 0, o[0] = (float)f->argmax(x, n); expect(o[0] >= 0 && o[0] < (float)n, "argmax in range", f->name, kind, n, 0));
    const int size = n / 2 * 2;
    if (size) EACH("rope", plain, f->rope(o, 1, size, size / 2, w, b));
    if (size > 3) EACH("rope of a part", plain, f->rope(o, 1, size, 1, w, b));
    free(x), free(w), free(b), free(y);
}

void try_lanes(void) {
    static const int widths[] = {1, 2, 3, 7, 15, 16, 17, 31, 32, 33, 64, 100, 128, 200};
    for (int kind = 0; kind < ALL_KINDS; kind++)
        for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
            lanes(kind, widths[w]);
            halves(kind, widths[w]);
        }
}
