#include "CGradient.h"
#include "CKernels.h"
#include <math.h>
#include <string.h>

#if defined(__x86_64__)
#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq")))
#define NAME(x) x##_avx512
#include "gradient.inc"
#define TARGET __attribute__((target("avx2")))
#define NAME(x) x##_avx2
#include "gradient.inc"
#endif
#define TARGET
#define NAME(x) x##_plain
#include "gradient.inc"

// Instruction sets are those of CKernels, which also says what this machine has.
const cg_table_t *cg_table(int32_t isa) {
    if (!ck_table(isa)) return 0;
#if defined(__x86_64__)
    if (isa >= CK_AVX512 && isa <= CK_AMX) return &table_avx512;
    if (isa == CK_AVX2 || isa == CK_AVX2_VNNI) return &table_avx2;
#endif
    return &table_plain;
}
