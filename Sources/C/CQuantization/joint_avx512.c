#if defined(__x86_64__)
#define TABLE cq_avx512_table
#define TARGET "avx512f,avx512bw,avx512vl,avx512dq"
#include "joint.inc"
#else
typedef int nothing_here;
#endif
