// Joint optimisation of codes and centroids under degenerate Hessians, for every instruction set of this machine.
#include "CKernels.h"
#include "CQuantization.h"
#include "degenerate.h"

typedef struct {
    const char *name;
    const cq_table_t *table;
} variant_t;
enum { MOST_VARIANTS = CK_ISA_COUNT };

static int variants(variant_t out[MOST_VARIANTS]) {
    int count = 0;
    for (int32_t isa = 0; isa < CK_ISA_COUNT; isa++) {
        const cq_table_t *table = cq_table(isa);
        expect(!table == !ck_table(isa), "one rule for all modules", "joint", isa, 0, 0);
        int known = !table;
        for (int i = 0; i < count; i++) known |= out[i].table == table;
        if (!known) out[count++] = (variant_t){ck_table(isa)->name, table};
    }
    return count;
}

enum { NOTHING, IDENTITY, ONES, SIGNS, ONE_DIAGONAL, HALF_DEAD, INPUTS, SAME_INPUT, STRONG, WEAK, HESSIANS };

// [n][stride], padding zero; damped as LayerHessian does it unless `damping` is 0.
static float *hessian(int kind, int n, int stride, float damping) {
    float *h = blank(4 * (size_t)(n * stride));
    memset(h, 0, 4 * (size_t)(n * stride));
    for (int sample = 0; sample < (kind == INPUTS || kind == STRONG || kind == WEAK ? n / 2 + 1 : 1); sample++) {
        float *x = made(n, NORMAL);
        for (int i = 0; i < n; i++) {
            if (kind == ONES) x[i] = 1;
            if (kind == SIGNS) x[i] = i & 1 ? 1 : -1;
            if (kind == SAME_INPUT) x[i] *= 3;
        }
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) {
                float *to = h + i * stride + j;
                switch (kind) {
                case NOTHING: break;
                case IDENTITY: *to = i == j; break;
                case ONE_DIAGONAL: *to = i == j && i == n / 2 ? 7 : 0; break;
                case HALF_DEAD: *to = i == j && i < n / 2 ? 2 : 0; break;
                case STRONG: *to += x[i] * x[j] * 0x1p55f; break;
                case WEAK: *to += x[i] * x[j] * 0x1p-55f; break;
                default: *to += x[i] * x[j]; break;
                }
            }
        free(x);
    }
    double trace = 0;
    for (int i = 0; i < n; i++) trace += h[i * stride + i];
    if (damping > 0)
        for (int i = 0; i < n; i++) h[i * stride + i] += trace > 0 ? (float)(damping * trace / n) : 1;
    return h;
}

static float *feedback_of(const variant_t *v, const float *h, int n, int stride) {
    float *a = copy_of(h, 4 * (size_t)(n * stride));
    for (int last = n; last > 0; last -= CQ_FEEDBACK_BLOCK) {
        const int first = last > CQ_FEEDBACK_BLOCK ? last - CQ_FEEDBACK_BLOCK : 0;
        for (int k = last - 1; k >= first; k--) v->table->feedback_rows(a, stride, first, last, k, k + 1);
        v->table->feedback_rows(a, stride, first, last, 0, first);
    }
    float *panels = blank(4 * cq_feedback_size(n));
    cq_fill_feedback(a, n, stride, 0, (n + CQ_PANEL - 1) / CQ_PANEL, panels);
    free(a);
    return panels;
}

static float *panels_of(const float *h, int n, int stride) {
    float *panels = blank(4 * cq_panels_size(n));
    cq_fill_panels(h, n, stride, 0, (n + CQ_PANEL - 1) / CQ_PANEL, panels);
    expect_written(panels, 4 * cq_panels_size(n));
    return panels;
}

// Of all codes and centroids so far.
static uint64_t digest = 14695981039346656037u;

static void take_digest(const void *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) digest = (digest ^ ((const uint8_t *)bytes)[i]) * 1099511628211u;
}

static void layer(const variant_t *all, int count, int kind, int hessian_kind, int n, const int32_t *precisions, int precision_count,
                  float damping, int rows) {
    const int stride = (n + 15) / 16 * 16, bits = precisions[precision_count - 1];
    const char *name = kind_names[kind];
    const size_t width = (size_t)(2 << bits) - 4;
    float *h = hessian(hessian_kind, n, stride, damping), *w = made(n * rows, kind), *diagonal = blank(4 * (size_t)n);
    for (int i = 0; i < n; i++) diagonal[i] = h[i * stride + i];
    float *panels = panels_of(h, n, stride);
    static const float preferences[7] = {4, 2, 1, 1, 1, 1, 1};
    uint8_t *first_codes = blank((size_t)(n * rows));
    float *first_centroids = blank(4 * width * (size_t)rows);
    void *scratch = blank(cq_scratch_bytes(n, bits));
    for (int r = 0; r < rows; r++)
        cq_quantize_row(w + r * n, diagonal, n, precisions[0], bits, first_codes + r * n, first_centroids + (size_t)r * width, scratch);
    free(scratch);
    for (int uses_feedback = 0; uses_feedback < 2; uses_feedback++) {
        uint8_t *codes[MOST_VARIANTS];
        float *centroids[MOST_VARIANTS];
        for (int i = 0; i < count; i++) {
            const variant_t *v = all + i;
            float *a = uses_feedback ? feedback_of(v, h, n, stride) : NULL;
            if (a) expect_written(a, 4 * cq_feedback_size(n));
            for (size_t k = 0; a && k < cq_feedback_size(n); k++) expect(isfinite(a[k]), "feedback is finite", v->name, hessian_kind, n, (int)k);
            const cq_joint_t settings = {panels, a, n, bits, precisions, precision_count, preferences, 3};
            double *errors = blank(8 * 14 * (size_t)rows);
            codes[i] = copy_of(first_codes, (size_t)(n * rows));
            centroids[i] = copy_of(first_centroids, 4 * width * (size_t)rows);
            scratch = blank(cq_joint_scratch_bytes(n, bits, precision_count, rows));
            v->table->joint_rows(&settings, w, rows, codes[i], centroids[i], errors, scratch);
            expect_written(codes[i], (size_t)(n * rows));
            expect_written(centroids[i], 4 * width * (size_t)rows);
            for (int r = 0; r < rows; r++)
                for (int p = 0; p < precision_count; p++)
                    expect(isfinite(errors[r * 14 + 7 + p]) && errors[r * 14 + 7 + p] >= 0, "error is finite", name, hessian_kind, n, bits);
            free(scratch), free(errors), free(a);
        }
        for (int i = 1; i < count; i++) {
            expect(!memcmp(codes[0], codes[i], (size_t)(n * rows)), "codes as without vectors", name, hessian_kind, n, bits);
            expect(!memcmp(centroids[0], centroids[i], 4 * width * (size_t)rows), "centroids as without vectors", name, hessian_kind, n,
                   bits);
        }
        for (int i = 0; i < n * rows; i++) expect(codes[0][i] < 1 << bits, "code in range", name, hessian_kind, n, bits);
        for (size_t i = 0; i < width * (size_t)rows; i++) {
            const int p = 31 - __builtin_clz((unsigned)(i % width) + 4);
            int serves = 0;
            for (int k = 0; k < precision_count; k++) serves |= precisions[k] == p;
            expect(!serves || isfinite(centroids[0][i]), "centroid is finite", name, hessian_kind, n, p);
        }
        // A row of one value is that value at every precision, up to the steps of a table.
        const int flat = kind == ZERO || kind == CONSTANT || kind == NEGATIVE_CONSTANT || kind == HUGE_CONSTANT;
        const int few = flat || kind == FIRST_ONLY || kind == LAST_ONLY || kind == MIDDLE_ONLY || kind == TWO_VALUES || kind == THREE_VALUES;
        // Inputs of rank one say nothing of single weights: there the error of the outputs decides.
        const int says = flat || (hessian_kind != ONES && hessian_kind != SIGNS && hessian_kind != SAME_INPUT);
        for (int k = 0; few && says && damping > 0 && k < precision_count; k++) {
            const int p = precisions[k];
            for (int r = 0; r < rows; r++) {
                const float *c = centroids[0] + (size_t)r * width + (1 << p) - 4;
                float top = 0, worst = 0;
                for (int i = r * n; i < (r + 1) * n; i++) {
                    top = fmaxf(top, fabsf(w[i]));
                    worst = fmaxf(worst, fabsf(c[codes[0][i] >> (bits - p)] - w[i]));
                }
                expect(worst <= (flat ? 1e-6f : 0.02f) * top, "few values are kept", name, hessian_kind, n, p);
            }
        }
        take_digest(codes[0], (size_t)(n * rows));
        for (size_t r = 0; r < (size_t)rows; r++)
            for (int k = 0; k < precision_count; k++)
                take_digest(centroids[0] + r * width + (1 << precisions[k]) - 4, (size_t)4 << precisions[k]);
        for (int i = 0; i < count; i++) free(codes[i]), free(centroids[i]);
    }
    free(h), free(w), free(diagonal), free(first_codes), free(first_centroids);
}

void try_joint(void) {
    static const int32_t precisions[][7] = {{2}, {2, 3}, {2, 3, 4, 5, 6}, {3, 5}, {4, 8}, {2, 3, 4, 5, 6, 7, 8}, {8}};
    static const int counts[] = {1, 2, 5, 2, 2, 7, 1}, widths[] = {1, 2, 15, 16, 17, 37, 65, 80};
    variant_t all[MOST_VARIANTS];
    const int count = variants(all);
    int turn = 0;
    for (int kind = 0; kind < KINDS; kind++)
        for (int h = 0; h < HESSIANS; h++)
            for (int i = 0; i < 3; i++, turn++) {
                // Every width, precision and number of rows with every kind and Hessian somewhere.
                const int p = turn % 5 ? turn % 4 : 4 + turn / 5 % 3, width = widths[(turn + turn / 8) % 8];
                layer(all, count, kind, h, width, precisions[p], counts[p], i == 1 ? 0 : 0.01f, 1 + turn % CQ_JOINT_ROWS);
            }
    // Several groups of panels, and pieces where they are built small.
    layer(all, count, NORMAL, INPUTS, 300, precisions[2], counts[2], 0.01f, 5);
    layer(all, count, NORMAL, INPUTS, 520, precisions[1], counts[1], 0.01f, 2);
    layer(all, count, NORMAL, SAME_INPUT, 321, precisions[5], counts[5], 0.01f, 2);
    printf("joint codes %016llx\n", (unsigned long long)digest);
}
