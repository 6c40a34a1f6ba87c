// The only place that decides which loops run. Instruction sets are those of CKernels, which also says what this machine has.
#include "internal.h"
#include "CKernels.h"
#include <string.h>

const cq_table_t *cq_table(int32_t isa) {
    if (!ck_table(isa)) return 0;
#if defined(__x86_64__)
    if (isa >= CK_AVX512 && isa <= CK_AMX) return &cq_avx512_table;
    if (isa == CK_AVX2 || isa == CK_AVX2_VNNI) return &cq_avx2_table;
#endif
    // On arm64 the compiler has vectors in the plain functions too.
    return &cq_plain_table;
}

size_t cq_joint_scratch_bytes(int32_t columns, int32_t bits, int32_t precisions) {
    size_t d = ((size_t)columns + LANES - 1) / LANES * LANES, k = (size_t)1 << bits;
    return 4096 + 4 * d + ROWS * (4 * (d * (2 + k + (size_t)precisions) + (size_t)precisions * (k < LANES ? LANES : k)) + 256) +
           k * k * 8 * 3 + k * 8 * 6;
}

void cq_feedback_finish(float *h, int32_t columns, int32_t stride) {
    for (int32_t j = 0; j < columns; j++) memset(h + (size_t)j * (size_t)stride, 0, sizeof(float) * (size_t)(j + 1));
}
