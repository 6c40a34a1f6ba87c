#include "CGradient.h"
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

const cg_table_t *cg_table(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq"))
        return &table_avx512;
    if (__builtin_cpu_supports("avx2")) return &table_avx2;
#endif
    return &table_plain;
}
