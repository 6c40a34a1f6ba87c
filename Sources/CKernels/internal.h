#ifndef TAPER_CKERNELS_INTERNAL_H
#define TAPER_CKERNELS_INTERNAL_H
#include "CKernels.h"

#if defined(__x86_64__)
#define CK_X86 1
extern const ck_table_t ck_avx2_table, ck_avx512_table;
#endif
extern const ck_table_t ck_scalar_table;

static inline int32_t ck_min(int32_t a, int32_t b) { return a < b ? a : b; }
#endif
