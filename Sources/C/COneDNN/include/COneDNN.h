// Products of bfloat16 matrices by oneDNN, loaded when first used, on processors that multiply such numbers in hardware.
#ifndef TAPER_CONEDNN_H
#define TAPER_CONEDNN_H
#include <stddef.h>
#include <stdint.h>

// 0 when the library is there and the processor has instructions for bfloat16. Safe to call often.
int32_t od_load(void);
// Version and instruction set: results differ in the last bits by both. NULL where `od_load` fails.
const char *od_describe(void);

// C [m, n] = op(A) op(B) + (adds ? C : 0), row-major: A and B in bfloat16, sums and C in single precision. On the calling thread,
// from any number of threads at once; every thread keeps what the library prepares for a shape. Transposition flags are 0 or 1.
// Returns 0, or the library's status.
int32_t od_product(int32_t transpose_a, int32_t transpose_b, int32_t m, int32_t n, int32_t k, const uint16_t *a, int32_t lda,
                   const uint16_t *b, int32_t ldb, int32_t adds, float *c, int32_t ldc);

// Rounds to bfloat16, halves to even; no number stays none.
void od_round(const float *from, size_t count, uint16_t *to);
#endif
