// Matrices that nobody trains but that checkpoints contain: padded rows, dead channels, broken exports. The programs of this
// folder feed them to every function of the C modules; `make test-sanitize` builds them so that a read beyond a buffer, a read of
// what nobody wrote, and undefined arithmetic end the run.
#ifndef TAPER_DEGENERATE_H
#define TAPER_DEGENERATE_H
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#include <sanitizer/msan_interface.h>
#define TAPER_MSAN 1
#endif
#endif

enum {
    ZERO, NEGATIVE_ZERO, CONSTANT, NEGATIVE_CONSTANT, FIRST_ONLY, LAST_ONLY, MIDDLE_ONLY, TWO_VALUES, THREE_VALUES, FEW_VALUES,
    RUNS, RAMP, NORMAL, OUTLIER, HUGE_CONSTANT, HUGE_VALUES, LARGEST, ONE_HUGE, TINY, DENORMAL, LEAST, WIDE_RANGE, KINDS,
    // Refused or defined to stay broken, but never a fault of memory.
    NAN_AMONG = KINDS, ALL_NAN, INFINITE_AMONG, ALL_KINDS
};
extern const char *const kind_names[ALL_KINDS];

uint32_t next_random(void);
int below(int n);
// Close to normal, of deviation 0.7.
float random_number(void);
// n numbers of a kind; n bytes of memory of exactly this size, on a border of 64 bytes, that nobody has written.
void fill(float *x, int n, int kind);
float *made(int n, int kind);
void *blank(size_t byte_count);
void *copy_of(const void *bytes, size_t byte_count);

// Counts, and says what failed with which facts; a run with a failure exits 1.
void expect(int holds, const char *what, const char *kind, int a, int b, int c);
// Every byte was written by somebody.
void expect_written(const void *bytes, size_t byte_count);
// Equal bit for bit, or both not a number.
int same_numbers(const float *a, const float *b, int n);

void try_quantization(void);
void try_joint(void);
void try_products(void);
void try_lanes(void);
void try_attention(void);
void try_gradients(void);
void try_screen(void);
#endif
