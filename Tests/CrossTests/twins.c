// Every kernel of every instruction set this processor has against its scalar twin, bit for bit, on random shapes. For
// processors the ordinary tests do not run on; `make test-arm64` runs it in an emulator.
#include "CKernels.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state = 88172645463325252ull;
static uint32_t next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16);
}
static int below(int n) { return (int)(next() % (uint32_t)n); }
static float number(float scale) { return ((float)below(20001) - 10000) * 1e-4f * scale; }
static void *random_bytes(size_t n) {
    uint8_t *p = aligned_alloc(64, (n + 127) / 64 * 64);
    for (size_t i = 0; i < n; i++) p[i] = (uint8_t)next();
    return p;
}
static float *numbers(int n, float scale) {
    float *p = malloc(4 * (size_t)n + 64);
    for (int i = 0; i < n; i++) p[i] = number(scale);
    return p;
}

static long cases, failures;
static void expect(int equal, const char *isa, const char *what, int a, int b, int c) {
    cases++;
    if (equal) return;
    if (failures++ < 20) printf("%s: %s differs from its scalar twin (%d, %d, %d)\n", isa, what, a, b, c);
}

static void products(const ck_table_t *twin, const ck_table_t *t) {
    const int rows = 1 + below(33), columns = 1 + below(1300), tokens = 1 + below(40), bits = below(8) ? 2 + below(7) : 0;
    const int tiles = (columns + 63) / 64, padded = (rows + 7) / 8 * 8, groups = (tiles + 1) / 2 + 1;
    ck_matrix_t m = {.bits = bits, .rows = rows, .tiles = tiles};
    for (int k = 0; k < 7; k++) m.planes[k] = random_bytes((size_t)padded / 8 * (size_t)tiles * 512);
    m.entries = random_bytes((size_t)padded << 8);
    m.scales = numbers(padded, 1);
    float *x = numbers(columns * tokens, 1);
    for (int i = 0; i < columns * tokens; i++) x[i] *= (float)(1 + i / 128 % 7);
    // Outliers among the first columns of some tokens, as channels that stand there have.
    for (int i = 0; i < tokens; i += 2) x[i * columns + below(columns < 64 ? columns : 64)] *= 50;
    int8_t *values[2];
    int32_t *multipliers[2], *corrections[2];
    float *scales[2], *out[2], *one[2];
    for (int k = 0; k < 2; k++) {
        const ck_table_t *table = k ? t : twin;
        values[k] = aligned_alloc(64, (size_t)(tokens * (tiles + 1) * 64));
        multipliers[k] = malloc(4 * (size_t)(tokens * groups));
        corrections[k] = malloc(4 * (size_t)tokens);
        scales[k] = malloc(4 * (size_t)tokens);
        out[k] = calloc((size_t)(tokens * rows), 4);
        one[k] = calloc((size_t)rows, 4);
        for (int i = 0; i < tokens; i++)
            table->quantize(x + i * columns, columns, tiles, values[k] + (size_t)(i * (tiles + 1) * 64), multipliers[k] + i * groups,
                            scales[k] + i, corrections[k] + i);
        int8_t *arranged = aligned_alloc(64, ck_arranged_bytes(tiles, tokens));
        ck_activations_t a = {values[k], multipliers[k], scales[k], corrections[k], arranged, NULL, tokens, tiles, groups};
        for (int block = 0; table->arrange && block * 16 < tokens; block++) table->arrange(&a, block, arranged);
        void *scratch = malloc(ck_product_scratch_bytes(tiles));
        table->gemm(&m, &a, out[k], rows, 0, padded / 8, scratch);
        a.tokens = 1;
        table->gemv(&m, &a, one[k], rows, 0, padded / 8, scratch);
        free(scratch), free(arranged);
    }
    expect(!memcmp(values[0], values[1], (size_t)(tokens * (tiles + 1) * 64)) && !memcmp(scales[0], scales[1], 4 * (size_t)tokens) &&
               !memcmp(multipliers[0], multipliers[1], 4 * (size_t)(tokens * groups)) && !memcmp(corrections[0], corrections[1], 4 * (size_t)tokens),
           t->name, "quantize", columns, tokens, 0);
    expect(!memcmp(out[0], out[1], 4 * (size_t)(tokens * rows)), t->name, "gemm (bits, rows, columns)", bits, rows, columns);
    expect(!memcmp(one[0], one[1], 4 * (size_t)rows), t->name, "gemv (bits, rows, columns)", bits, rows, columns);
    expect(!memcmp(one[1], out[1], 4 * (size_t)rows), t->name, "gemv beside gemm", bits, rows, columns);
    const int row = below(rows);
    float *decoded[2];
    for (int k = 0; k < 2; k++) {
        decoded[k] = malloc(4 * (size_t)columns);
        (k ? t : twin)->dequantize_row(&m, row, decoded[k], columns);
    }
    expect(!memcmp(decoded[0], decoded[1], 4 * (size_t)columns), t->name, "dequantize_row (bits, row, columns)", bits, row, columns);
    free(decoded[0]), free(decoded[1]);
    for (int k = 0; k < 7; k++) free((void *)m.planes[k]);
    free((void *)m.entries), free((void *)m.scales), free(x);
    for (int k = 0; k < 2; k++)
        free(values[k]), free(multipliers[k]), free(corrections[k]), free(scales[k]), free(out[k]), free(one[k]);
}

// Any finite half.
static uint16_t half(void) {
    uint16_t h = (uint16_t)next();
    return (h & 0x7c00) == 0x7c00 ? h & 0xbfff : h;
}

static void half_products(const ck_table_t *twin, const ck_table_t *t) {
    const int rows = 1 + below(33), columns = 1 + below(400), tokens = 1 + below(40);
    const int tiles = (columns + 63) / 64, padded = (rows + 7) / 8 * 8, stride = tiles * 64;
    uint16_t *weights = aligned_alloc(64, (size_t)padded / 8 * (size_t)tiles * 1024);
    for (int i = 0; i < padded * stride; i++) weights[i] = half();
    const ck_matrix_t m = {.planes = {(const uint8_t *)weights}, .bits = 16, .rows = rows, .tiles = tiles};
    float *x = calloc((size_t)(tokens * stride), 4), *out[2], *one[2];
    for (int i = 0; i < tokens; i++)
        for (int c = 0; c < columns; c++) x[i * stride + c] = number(below(9) ? 3 : 3000);
    for (int k = 0; k < 2; k++) {
        const ck_table_t *f = k ? t : twin;
        out[k] = calloc((size_t)(tokens * rows), 4), one[k] = calloc((size_t)rows, 4);
        ck_activations_t a = {.floats = x, .tokens = tokens, .tiles = tiles};
        f->gemm_half(&m, &a, out[k], rows, 0, padded / 8, NULL);
        a.tokens = 1;
        f->gemv_half(&m, &a, one[k], rows, 0, padded / 8, NULL);
    }
    expect(!memcmp(out[0], out[1], 4 * (size_t)(tokens * rows)), t->name, "gemm_half", rows, columns, tokens);
    expect(!memcmp(one[0], one[1], 4 * (size_t)rows), t->name, "gemv_half", rows, columns, tokens);
    expect(!memcmp(one[1], out[1], 4 * (size_t)rows), t->name, "gemv_half beside gemm_half", rows, columns, tokens);
    const int count = 1 + below(padded * stride);
    float *wide[2];
    for (int k = 0; k < 2; k++) {
        wide[k] = malloc(4 * (size_t)count);
        (k ? t : twin)->from_half(weights, count, wide[k]);
    }
    expect(!memcmp(wide[0], wide[1], 4 * (size_t)count), t->name, "from_half", count, 0, 0);
    for (int k = 0; k < 2; k++) free(out[k]), free(one[k]), free(wide[k]);
    free(weights), free(x);
}

// Activations that no sound model has: all zero, denormal, huge, infinite, NaN.
static void quantize_edges(const ck_table_t *twin, const ck_table_t *t) {
    const float edges[] = {0, -0.0f, 1e-45f, 1e-39f, 3.4e38f, -3.4e38f, __builtin_inff(), -__builtin_inff(), __builtin_nanf("")};
    const int columns = 1 + below(300), tiles = (columns + 63) / 64, groups = (tiles + 1) / 2 + 1;
    const float fill = edges[below(5)];
    float *x = malloc(4 * (size_t)columns), scales[2] = {0};
    for (int i = 0; i < columns; i++) x[i] = below(2) ? fill : number(1);
    for (int i = below(4); i > 0; i--) x[below(columns)] = edges[below(9)];
    int8_t *values[2];
    int32_t *multipliers[2], corrections[2] = {0};
    for (int k = 0; k < 2; k++) {
        values[k] = calloc((size_t)(tiles + 1), 64), multipliers[k] = calloc((size_t)groups, 4);
        (k ? t : twin)->quantize(x, columns, tiles, values[k], multipliers[k], scales + k, corrections + k);
    }
    // A NaN's sign and payload are nobody's promise.
    const int same = !memcmp(scales, scales + 1, 4) || (scales[0] != scales[0] && scales[1] != scales[1]);
    expect(same && !memcmp(values[0], values[1], 64 * (size_t)(tiles + 1)) && !memcmp(multipliers[0], multipliers[1], 4 * (size_t)groups) &&
               corrections[0] == corrections[1], t->name, "quantize of edge values", columns, 0, 0);
    for (int k = 0; k < 2; k++) free(values[k]), free(multipliers[k]);
    free(x);
}

static void elementwise(const ck_table_t *twin, const ck_table_t *t) {
    const int n = 1 + below(200), heads = 1 + below(4), size = 2 * (1 + below(40)), pairs = 1 + below(size / 2);
    float *x = numbers(n, 4), *w = numbers(n, 1), *b = numbers(n, 1), *o[2], *r[2], *c = numbers(pairs, 1), *s = numbers(pairs, 1);
    float *rotated = numbers(heads * size, 3);
    uint16_t *h[2];
    for (int k = 0; k < 2; k++) o[k] = malloc(4 * (size_t)n), r[k] = malloc(4 * (size_t)(heads * size)), h[k] = calloc((size_t)n * 16, 2);
#define BOTH(what, ...) \
    do { \
        for (int k = 0; k < 2; k++) { const ck_table_t *f = k ? t : twin; memcpy(o[k], x, 4 * (size_t)n); __VA_ARGS__; } \
        expect(!memcmp(o[0], o[1], 4 * (size_t)n), t->name, what, n, 0, 0); \
    } while (0)
    BOTH("rms_norm", f->rms_norm(x, w, 1e-5f, n, o[k]));
    BOTH("layer_norm", f->layer_norm(x, w, b, 1e-5f, n, o[k]));
    BOTH("silu_multiply", f->silu_multiply(x, w, n, o[k]));
    BOTH("layer_norm without bias, in place", f->layer_norm(o[k], w, NULL, 1e-5f, n, o[k]));
    BOTH("rms_norm in place", f->rms_norm(o[k], w, 1e-5f, n, o[k]));
    BOTH("silu", f->silu_multiply(x, NULL, n, o[k]));
    BOTH("gelu", f->gelu_multiply(x, NULL, 0, n, o[k]));
    BOTH("gelu (tanh)", f->gelu_multiply(x, NULL, 1, n, o[k]));
    BOTH("gelu_multiply", f->gelu_multiply(x, w, 0, n, o[k]));
    BOTH("gelu_multiply (tanh)", f->gelu_multiply(x, w, 1, n, o[k]));
    BOTH("add", f->add(w, n, o[k]));
    BOTH("soft_cap", f->soft_cap(o[k], 0.7f, 1.3f, n));
    BOTH("softmax", o[k][0] += f->softmax_numerators(o[k], n));
    expect(twin->argmax(x, n) == t->argmax(x, n), t->name, "argmax", n, 0, 0);
    expect(twin->magnitude(x, n) == t->magnitude(x, n), t->name, "magnitude", n, 0, 0);
    for (int k = 0; k < 2; k++) {
        const ck_table_t *f = k ? t : twin;
        memcpy(r[k], rotated, 4 * (size_t)(heads * size));
        f->rope(r[k], heads, size, pairs, c, s);
    }
    expect(!memcmp(r[0], r[1], 4 * (size_t)(heads * size)), t->name, "rope", heads, size, pairs);
    // Every kind of number that half precision has, and what it has not.
    for (int i = 0; i < n; i++) {
        uint32_t bits = next();
        if ((bits & 0x7f800000) == 0x7f800000) bits &= 0xff800000;
        memcpy(x + i, &bits, 4);
    }
    for (int k = 0; k < 2; k++) (k ? t : twin)->to_half(x, n, h[k]);
    expect(!memcmp(h[0], h[1], 2 * (size_t)n), t->name, "to_half", n, 0, 0);
    for (int k = 0; k < 2; k++) (k ? t : twin)->store_key(x, n, 5, h[k]);
    expect(!memcmp(h[0], h[1], 32 * (size_t)n), t->name, "store_key", n, 0, 0);
    float *smoothing = numbers(2 * n, 4), steps[2][32] = {{0}};
    int8_t *bytes[2];
    for (int k = 0; k < 2; k++) {
        bytes[k] = calloc((size_t)(n + 16), 64);
        (k ? t : twin)->store_key_bytes(x, smoothing, n, 21, bytes[k], steps[k]);
        (k ? t : twin)->store_value_bytes(x, n, 6, bytes[k] + 32 * (n + 16), steps[k]);
    }
    expect(!memcmp(bytes[0], bytes[1], 64 * (size_t)(n + 16)) && !memcmp(steps[0], steps[1], sizeof steps[0]), t->name, "store bytes", n, 0, 0);
    free(bytes[0]), free(bytes[1]), free(smoothing);
    for (int k = 0; k < 2; k++) free(o[k]), free(r[k]), free(h[k]);
    free(x), free(w), free(b), free(c), free(s), free(rotated);
}

static void attention(const ck_table_t *twin, const ck_table_t *t) {
    const int heads = 1 + below(5), size = 1 + below(140), tokens = 1 + below(40), visible = 1 + below(150);
    const int positions = visible + tokens - 1, capacity = (positions + 15) / 16 * 16, window = below(3) ? 0 : 1 + below(80);
    const int width = heads * size;
    const float cap = below(2) ? 0 : 0.1f * (float)(1 + below(500));
    float *q = numbers(tokens * width, 3), *x = numbers(size, 2), *out[2];
    uint16_t *keys = calloc((size_t)(capacity * size), 2), *values = calloc((size_t)(capacity * size), 2);
    int8_t *byte_keys = random_bytes((size_t)(capacity * (size + 3))), *byte_values = random_bytes((size_t)(capacity * (size + 15)));
    float *scales = calloc((size_t)capacity, 8), *smoothing = numbers(2 * size, 3);
    for (int i = 0; i < size; i++) smoothing[i + size] = 1 / (smoothing[i] += 4);
    for (int p = 0; p < positions; p++) {
        for (int i = 0; i < size; i++) x[i] = number(2);
        twin->store_key(x, size, p, keys);
        twin->to_half(x, size, values + p * size);
        twin->store_key_bytes(x, smoothing, size, p, byte_keys, scales);
        twin->store_value_bytes(x, size, p, byte_values, scales + capacity);
    }
    for (int k = 0; k < 2; k++) {
        out[k] = calloc((size_t)(tokens * width), 4);
        ck_attention_t a = {.query = q, .out = out[k], .query_stride = width, .keys = keys, .values = values, .tokens = tokens,
                            .heads = heads, .head_size = size, .visible = visible, .window = window, .scale = 0.2f, .cap = cap};
        float *scratch = malloc(4 * ck_attention_scratch_floats(tokens, heads, size, visible));
        (k ? t : twin)->attention(&a, scratch);
        free(scratch);
    }
    expect(!memcmp(out[0], out[1], 4 * (size_t)(tokens * width)), t->name, "attention (heads, size, visible)", heads, size, visible);
    for (int k = 0; k < 2; k++) {
        ck_attention_t a = {.query = q, .out = out[k], .query_stride = width, .byte_keys = byte_keys, .byte_values = byte_values,
                            .key_scales = scales, .value_scales = scales + capacity, .smoothing = smoothing, .tokens = tokens,
                            .heads = heads, .head_size = size, .visible = visible, .window = window, .scale = 0.2f, .cap = cap};
        float *scratch = malloc(4 * ck_attention_scratch_floats(tokens, heads, size, visible));
        (k ? t : twin)->attention_bytes(&a, scratch);
        free(scratch);
    }
    expect(!memcmp(out[0], out[1], 4 * (size_t)(tokens * width)), t->name, "attention_bytes (heads, size, visible)", heads, size, visible);
    free(byte_keys), free(byte_values), free(scales), free(smoothing);
    free(q), free(x), free(keys), free(values), free(out[0]), free(out[1]);
}

int main(int count, char **arguments) {
    const int rounds = count > 1 ? atoi(arguments[1]) : 200;
    const ck_table_t *twin = ck_table(CK_SCALAR);
    printf("instruction sets:");
    for (int isa = 1; isa < CK_ISA_COUNT; isa++)
        if (ck_table(isa)) printf(" %s", ck_table(isa)->name);
    printf("; best %s\n", ck_table(ck_best_isa())->name);
    for (int isa = 1; isa < CK_ISA_COUNT; isa++) {
        const ck_table_t *t = ck_table(isa);
        if (!t) continue;
        for (int i = 0; i < rounds; i++) {
            products(twin, t);
            half_products(twin, t);
            quantize_edges(twin, t);
            elementwise(twin, t);
            attention(twin, t);
        }
    }
    printf("%ld comparisons, %ld failures\n", cases, failures);
    return failures || !cases;
}
