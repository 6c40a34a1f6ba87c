#ifndef TAPER_CKERNELS_INTERNAL_H
#define TAPER_CKERNELS_INTERNAL_H
#include "CKernels.h"

#if defined(__x86_64__)
#define CK_X86 1
extern const ck_table_t ck_avx2_table, ck_avx512_table;
#endif
extern const ck_table_t ck_scalar_table;

static inline int32_t ck_min(int32_t a, int32_t b) { return a < b ? a : b; }

// Calls an inlined function with the matrix's precision as its last, constant argument.
#define BY_BITS(function, ...) \
    switch (m->bits) { \
    case 0: function(__VA_ARGS__, 0); break; \
    case 2: function(__VA_ARGS__, 2); break; \
    case 3: function(__VA_ARGS__, 3); break; \
    case 4: function(__VA_ARGS__, 4); break; \
    case 5: function(__VA_ARGS__, 5); break; \
    case 6: function(__VA_ARGS__, 6); break; \
    case 7: function(__VA_ARGS__, 7); break; \
    default: function(__VA_ARGS__, 8); break; \
    }
#endif
