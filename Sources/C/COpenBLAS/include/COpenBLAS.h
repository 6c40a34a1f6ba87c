// OpenBLAS, loaded when first used, so that its choice of kernels can be corrected and nothing else depends on it.
#ifndef TAPER_COPENBLAS_H
#define TAPER_COPENBLAS_H
#include <stdint.h>

// 0 when the library is there. Safe to call often.
int32_t ob_load(void);
// Version, build options and the processor core whose kernels it chose: results differ in the last bits by all of them. NULL without the library.
const char *ob_describe(void);
// On the calling thread, from any number of threads at once: C [m, n] = alpha * op(A) op(B) + beta * C, row-major; transposition flags are 0 or 1 (cblas_sgemm).
void ob_sgemm(int32_t transpose_a, int32_t transpose_b, int32_t m, int32_t n, int32_t k, float alpha, const float *a,
              int32_t lda, const float *b, int32_t ldb, float beta, float *c, int32_t ldc);
#endif
