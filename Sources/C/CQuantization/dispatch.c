// The only place that decides which loops run. Instruction sets are those of CKernels, which also says what this machine has.
#include "internal.h"
#include "CKernels.h"

const cq_table_t *cq_table(int32_t isa) {
    if (!ck_table(isa)) return 0;
#if defined(__x86_64__)
    if (isa >= CK_AVX512 && isa <= CK_AMX) return &cq_avx512_table;
    if (isa == CK_AVX2 || isa == CK_AVX2_VNNI) return &cq_avx2_table;
#endif
    // On arm64 the compiler has vectors in the plain functions too.
    return &cq_plain_table;
}
