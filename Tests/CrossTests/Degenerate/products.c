// Packing, activations and matrix products on degenerate weights and activations, at every precision, for every instruction set of
// this machine, beside the scalar twin.
#include "CKernels.h"
#include "degenerate.h"

typedef struct {
    ck_matrix_t m;
    int columns, padded;
} matrix_t;

static const uint8_t *bytes_of(size_t n, int constant) {
    uint8_t *p = blank(n);
    for (size_t i = 0; i < n; i++) p[i] = constant >= 0 ? (uint8_t)constant : (uint8_t)next_random();
    return p;
}

// Codes are random, or all the same; entries all the highest, the lowest, or random.
static matrix_t matrix(int rows, int columns, int bits, int kind) {
    const int tiles = (columns + 63) / 64, padded = (rows + 7) / 8 * 8;
    const size_t blocks = (size_t)(padded / 8) * (size_t)tiles;
    const int entry = kind == LARGEST ? 255 : kind == ZERO ? 128 : kind == NEGATIVE_CONSTANT ? 0 : -1;
    matrix_t out = {.m = {.bits = bits, .rows = rows, .tiles = tiles}, .columns = columns, .padded = padded};
    float *scales = made(padded, kind == LARGEST || kind == ALL_NAN ? CONSTANT : kind);
    if (bits == 0) out.m.planes[0] = bytes_of(blocks * 512, entry);
    else if (bits == 16) {
        uint16_t *w = blank(blocks * 1024);
        float *x = made((int)blocks * 512, kind);
        ck_table(CK_SCALAR)->to_half(x, (int)blocks * 512, w);
        out.m.planes[0] = (const uint8_t *)w;
        free(x);
    } else {
        uint8_t *codes = blank((size_t)(rows * columns)), *back = blank((size_t)(rows * columns)), *planes[7];
        for (int i = 0; i < rows * columns; i++) codes[i] = (uint8_t)(entry >= 0 ? (1 << bits) - 1 : below(1 << bits));
        for (int k = 0; k < bits - 1; k++) {
            planes[k] = blank(blocks * (k ? 64 : 128));
            memset(planes[k], 0, blocks * (k ? 64 : 128));
            out.m.planes[k] = planes[k];
        }
        ck_pack(codes, rows, columns, bits, planes);
        ck_unpack(out.m.planes, rows, columns, bits, back);
        expect_written(back, (size_t)(rows * columns));
        expect(!memcmp(codes, back, (size_t)(rows * columns)), "codes come back", kind_names[kind], rows, columns, bits);
        free(codes), free(back);
        out.m.entries = bytes_of((size_t)padded << bits, entry);
    }
    out.m.scales = scales;
    return out;
}

static void drop(matrix_t *x) {
    for (int k = 0; k < 7; k++) free((void *)x->m.planes[k]);
    free((void *)x->m.entries), free((void *)x->m.scales);
}

typedef struct { float *many, *one; } results_t;

static results_t multiply(const ck_table_t *t, const matrix_t *x, const float *input, int tokens, const char *kind) {
    const int tiles = x->m.tiles, groups = (tiles + 1) / 2 + 1, rows = x->m.rows, columns = x->columns;
    const size_t stride = (size_t)(tiles + 1) * 64;
    int8_t *values = blank(stride * (size_t)tokens);
    int32_t *multipliers = blank(4 * (size_t)(tokens * groups)), *corrections = blank(4 * (size_t)tokens);
    float *scales = blank(4 * (size_t)tokens), *floats = blank(4 * (size_t)(tokens * tiles * 64));
    memset(floats, 0, 4 * (size_t)(tokens * tiles * 64));
    for (int i = 0; i < tokens; i++) {
        t->quantize(input + i * columns, columns, tiles, values + stride * (size_t)i, multipliers + i * groups, scales + i, corrections + i);
        memcpy(floats + i * tiles * 64, input + i * columns, 4 * (size_t)columns);
    }
    expect_written(values, stride * (size_t)tokens);
    expect_written(multipliers, 4 * (size_t)(tokens * groups));
    // What the bytes stand for, where they are numbers: within half a step of the group, itself at most 1/127 of the largest.
    for (int i = 0; i < tokens; i++) {
        float top = 0;
        int whole = 1;
        for (int c = 0; c < columns; c++) {
            whole &= isfinite(input[i * columns + c]);
            top = fmaxf(top, fabsf(input[i * columns + c]));
        }
        if (!whole) expect(!isfinite(scales[i]), "a broken activation breaks the scale", kind, columns, i, 0);
        for (int c = 0; whole && c < columns; c++) {
            double v = values[stride * (size_t)i + (size_t)c] * (double)multipliers[i * groups + c / 128];
            if (c < 64) v += values[stride * (size_t)i + (size_t)(tiles * 64 + c)] * (double)multipliers[i * groups + groups - 1];
            const double error = fabs(v * scales[i] - input[i * columns + c]);
            // Less than 1e-30 counts as nothing.
            expect(error <= top * 0.0041 || top <= 1e-30f, "activation in bytes", kind, columns, i, c);
        }
    }
    int8_t *arranged = aligned_alloc(64, ck_arranged_bytes(tiles, tokens));
    ck_activations_t a = {values, multipliers, scales, corrections, arranged, floats, tokens, tiles, groups};
    for (int block = 0; t->arrange && block * 16 < tokens; block++) t->arrange(&a, block, arranged);
    results_t out = {blank(4 * (size_t)(tokens * rows)), blank(4 * (size_t)rows)};
    void *scratch = blank(ck_product_scratch_bytes(tiles));
    const int is_half = x->m.bits == 16, blocks = x->padded / 8;
    // In two pieces: rows are divided among threads.
    const int cut = blocks / 2;
    (is_half ? t->gemm_half : t->gemm)(&x->m, &a, out.many, rows, 0, cut, scratch);
    (is_half ? t->gemm_half : t->gemm)(&x->m, &a, out.many, rows, cut, blocks, scratch);
    a.tokens = 1;
    (is_half ? t->gemv_half : t->gemv)(&x->m, &a, out.one, rows, 0, blocks, scratch);
    expect_written(out.many, 4 * (size_t)(tokens * rows));
    expect_written(out.one, 4 * (size_t)rows);
    free(values), free(multipliers), free(corrections), free(scales), free(floats), free(arranged), free(scratch);
    return out;
}

static void product(int kind, int input_kind, int rows, int columns, int bits, int tokens) {
    matrix_t x = matrix(rows, columns, bits, kind);
    float *input = made(columns * tokens, input_kind);
    const ck_table_t *twin = ck_table(CK_SCALAR);
    results_t right = multiply(twin, &x, input, tokens, kind_names[input_kind]);
    expect(same_numbers(right.many, right.one, rows), "one token as many", kind_names[kind], rows, columns, bits);
    for (int isa = 1; isa < CK_ISA_COUNT; isa++) {
        const ck_table_t *t = ck_table(isa);
        if (!t) continue;
        results_t found = multiply(t, &x, input, tokens, kind_names[input_kind]);
        expect(same_numbers(right.many, found.many, rows * tokens), t->name, kind_names[input_kind], rows, columns, bits);
        expect(same_numbers(right.one, found.one, rows), t->name, kind_names[input_kind], rows, columns, bits);
        free(found.many), free(found.one);
    }
    if (bits != 16)
        for (int isa = 0; isa < CK_ISA_COUNT; isa++) {
            const ck_table_t *t = ck_table(isa);
            if (!t) continue;
            float *row = blank(4 * (size_t)columns);
            t->dequantize_row(&x.m, rows - 1, row, columns);
            expect_written(row, 4 * (size_t)columns);
            free(row);
        }
    free(right.many), free(right.one), free(input);
    drop(&x);
}

void try_products(void) {
    static const int shapes[][2] = {{1, 1}, {1, 64}, {3, 65}, {8, 63}, {9, 128}, {16, 129}, {17, 192}, {24, 300}, {25, 16}, {2, 257}};
    static const int precisions[] = {0, 2, 3, 4, 5, 6, 7, 8, 16};
    int turn = 0;
    for (int kind = 0; kind < ALL_KINDS; kind++)
        for (size_t p = 0; p < sizeof precisions / sizeof *precisions; p++)
            for (int i = 0; i < 2; i++, turn++) {
                const int *shape = shapes[turn % 10];
                const int weights = i ? kind % KINDS : kind % 3 == 0 ? LARGEST : kind % 3 == 1 ? NORMAL : ZERO;
                product(weights, i ? NORMAL : kind, shape[0], shape[1], precisions[p], 1 + turn % 15);
            }
    // Sums at their limits: every weight and every activation the largest.
    for (size_t p = 0; p < sizeof precisions / sizeof *precisions; p++) product(LARGEST, HUGE_CONSTANT, 8, 1100, precisions[p], 2);
    uint8_t *bytes = blank(1003);
    memset(bytes, 7, 1003);
    for (size_t n = 0; n <= 1003; n += 17) expect(ck_read_all(bytes, n) == 0, "bytes read in pairs cancel", "constant", (int)n, 0, 0);
    free(bytes);
    for (int plane = 1; plane < 7; plane++)
        for (int row = 0; row < 8; row++) expect(ck_plane_bit(plane, row) < 8, "a bit of a byte", "plane", plane, row, 0);
    expect(ck_best_isa() >= CK_SCALAR && ck_table(ck_best_isa()) != NULL, "a table for this machine", "best", 0, 0, 0);
}
