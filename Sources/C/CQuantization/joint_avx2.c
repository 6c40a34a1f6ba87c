#if defined(__x86_64__)
#define TABLE cq_avx2_table
#define TARGET "avx2"
#include "joint.inc"
#else
typedef int nothing_here;
#endif
