// Attention of every instruction set of this machine on degenerate queries, keys and values, beside the scalar twin. Values
// of positions that hold nothing yet stay unwritten; keys, which are read in blocks of 16 positions, are NaN there.
#include "CKernels.h"
#include "degenerate.h"

static void attention(int query_kind, int cache_kind, int heads, int size, int tokens, int visible, int window, float cap) {
    const int positions = visible + tokens - 1, capacity = (positions + 15) / 16 * 16, width = heads * size;
    const ck_table_t *twin = ck_table(CK_SCALAR);
    float *q = made(tokens * width, query_kind), *x = blank(4 * (size_t)size), *right = NULL;
    const int fours = (size + 3) / 4, wide = (size + 15) / 16 * 16;
    int8_t *byte_keys = blank((size_t)(capacity * fours * 4)), *byte_values = blank((size_t)(capacity * wide));
    float *scales = blank(8 * (size_t)capacity), *smoothing = blank(8 * (size_t)size), *right_bytes = NULL;
    memset(byte_keys, 0x55, (size_t)(capacity * fours * 4)), memset(byte_values, 0xaa, (size_t)(capacity * wide));
    memset(scales, 0xff, 8 * (size_t)capacity);
    for (int i = 0; i < size; i++) smoothing[i] = (float)(1 + i % 3), smoothing[size + i] = 1 / smoothing[i];
    uint16_t *keys = blank(2 * (size_t)(capacity * size)), *values = blank(2 * (size_t)(capacity * size));
    memset(keys, 0xff, 2 * (size_t)(capacity * size));
    for (int p = 0; p < positions; p++) {
        fill(x, size, cache_kind);
        twin->store_key(x, size, p, keys);
        twin->store_key_bytes(x, smoothing, size, p, byte_keys, scales);
        fill(x, size, cache_kind);
        twin->to_half(x, size, values + p * size);
        twin->store_value_bytes(x, size, p, byte_values, scales + capacity);
    }
    for (int isa = 0; isa < CK_ISA_COUNT; isa++) {
        const ck_table_t *t = ck_table(isa);
        if (!t) continue;
        float *out = blank(4 * (size_t)(tokens * width));
        ck_attention_t a = {.query = q, .out = out, .query_stride = width, .keys = keys, .values = values, .tokens = tokens,
                            .heads = heads, .head_size = size, .visible = visible, .window = window, .scale = 0.125f, .cap = cap};
        float *scratch = blank(4 * ck_attention_scratch_floats(tokens, heads, size, visible));
        t->attention(&a, scratch);
        expect_written(out, 4 * (size_t)(tokens * width));
        if (!right) right = copy_of(out, 4 * (size_t)(tokens * width));
        expect(same_numbers(right, out, tokens * width), t->name, kind_names[query_kind], size, visible, window);
        // Finite scores and values make finite outputs, never beyond the values.
        const int plain = (query_kind <= OUTLIER || query_kind == TINY || query_kind == DENORMAL) && cache_kind <= OUTLIER;
        for (int i = 0; plain && i < tokens * width; i++)
            expect(fabsf(out[i]) <= 1001, "a mean of values", kind_names[cache_kind], size, visible, i);
        float *out_bytes = blank(4 * (size_t)(tokens * width));
        ck_attention_t b = {.query = q, .out = out_bytes, .query_stride = width, .byte_keys = byte_keys, .byte_values = byte_values,
                            .key_scales = scales, .value_scales = scales + capacity, .smoothing = smoothing, .tokens = tokens,
                            .heads = heads, .head_size = size, .visible = visible, .window = window, .scale = 0.125f, .cap = cap};
        t->attention_bytes(&b, scratch);
        expect_written(out_bytes, 4 * (size_t)(tokens * width));
        if (!right_bytes) right_bytes = copy_of(out_bytes, 4 * (size_t)(tokens * width));
        expect(same_numbers(right_bytes, out_bytes, tokens * width), "bytes", kind_names[query_kind], size, visible, isa);
        for (int i = 0; plain && i < tokens * width; i++)
            expect(fabsf(out_bytes[i]) <= 1011, "a mean of bytes", kind_names[cache_kind], size, visible, i);
        free(scratch), free(out), free(out_bytes);
    }
    free(byte_keys), free(byte_values), free(scales), free(smoothing), free(right_bytes);
    free(q), free(x), free(keys), free(values), free(right);
}

void try_attention(void) {
    static const int shapes[][4] = {{1, 1, 1, 1}, {1, 16, 1, 17}, {3, 64, 1, 65}, {2, 33, 3, 1}, {4, 64, 9, 60}, {5, 128, 2, 130}, {1, 7, 20, 1}, {9, 80, 1, 63}};
    int turn = 0;
    for (int kind = 0; kind < ALL_KINDS; kind++)
        for (int i = 0; i < 8; i++, turn++) {
            const int *shape = shapes[turn % 8];
            attention(kind, turn % 3 ? NORMAL : kind, shape[0], shape[1], shape[2], shape[3], turn % 2 ? 1 + turn % 70 : 0, turn % 7 < 3 ? 50 : 0);
            attention(NORMAL, kind, shape[0], shape[1], shape[2], shape[3], turn % 5 ? 0 : 1, turn % 3 ? 0 : 0.5f);
        }
}
