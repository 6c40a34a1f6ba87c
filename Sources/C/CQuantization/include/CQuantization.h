// Inner loops of the nested quantizer: one output row at a time, no allocation, no I/O.
#ifndef TAPER_CQUANTIZATION_H
#define TAPER_CQUANTIZATION_H
#include <stddef.h>
#include <stdint.h>

// Working memory for one row of `columns` weights at up to `bits` bits.
size_t cq_scratch_bytes(int32_t columns, int32_t bits);

// Quantizes one row to nested codes.
//
// weights, importance: [columns]; importance is positive (a zero is treated as the smallest weight that still counts).
// The row is sorted; at seed_bits it is cut into at most 2^seed_bits clusters by weighted k-means, from the
// optimum over bins; each cluster is then cut in two where the weighted squared error falls most, bit by bit;
// below the seed, neighbouring clusters merge in pairs. codes: [columns], most significant bit first, `bits` bits.
// centroids: for precision p in 2 ... bits, 2^p values in natural code order, at offset (1 << p) - 4.
void cq_quantize_row(const float *weights, const float *importance, int32_t columns, int32_t seed_bits, int32_t bits,
                     uint8_t *codes, float *centroids, void *scratch);

// Rounds 2^bits centroids to bytes, value = (entry - 128) * scale. `mass` is the weight of each centroid in the error.
// Tries a few scales near max |c| / 127 and returns the best.
float cq_round_table(const float *centroids, const double *mass, int32_t count, uint8_t *entries);

// Weight of every cluster: sum of importance of the columns whose leading `bits` bits are the cluster's number.
void cq_cluster_mass(const uint8_t *codes, const float *importance, int32_t columns, int32_t code_bits, int32_t bits,
                     double *mass);

// Symmetric bytes with one scale, chosen among a few near max |w| / 127 for the least squared error.
float cq_round_row(const float *weights, int32_t columns, uint8_t *values);

// Hessians lie in panels: CQ_PANEL columns of every row together, padded with zeros to whole panels.
enum { CQ_PANEL = 32 };
// Floats of a symmetric matrix in panels, [panels][columns][CQ_PANEL].
size_t cq_panels_size(int32_t columns);
// Floats before panel c of an upper triangular matrix, whose panel c holds the rows down to its last column, and no more rows
// than columns.
static inline size_t cq_feedback_panel(int32_t c) { return (size_t)CQ_PANEL * CQ_PANEL * ((size_t)c * ((size_t)c + 1) / 2); }
size_t cq_feedback_size(int32_t columns);
// Rows of whole panels `first` to `last` from h, [columns][stride]; `to` is the first panel of all. Of the feedback,
// what stands above the diagonal is taken.
void cq_fill_panels(const float *h, int32_t columns, int32_t stride, int32_t first, int32_t last, float *to);
void cq_fill_feedback(const float *h, int32_t columns, int32_t stride, int32_t first, int32_t last, float *to);

// Joint optimisation of codes and centroids of every precision under a layer's input Hessian.
enum { CQ_JOINT_ROWS = 32 };
typedef struct {
    const float *hessian;                        // in panels
    const float *feedback;                       // of `cq_feedback_rows`, in panels; NULL: the first sweep starts from the codes given
    int32_t columns;
    int32_t bits;                                // of a code
    const int32_t *precisions;                   // ascending, the last one `bits`
    int32_t precision_count;
    const float *preferences;                    // weight of each precision's relative error
    int32_t rounds;
} cq_joint_t;
enum { CQ_FEEDBACK_BLOCK = 64 };

// What is compiled for several instruction sets; all give the same bits.
typedef struct {
    // Overwrites a symmetric h, [columns][stride], with the feedback of errors from each column to those after it, right of the
    // diagonal. For blocks of at most CQ_FEEDBACK_BLOCK columns, from the last to the first: the block's own rows, last row first
    // and each by itself, then all rows above in any order or at once.
    void (*feedback_rows)(float *h, int32_t stride, int32_t first, int32_t last, int32_t begin, int32_t end);
    // At most CQ_JOINT_ROWS rows: codes [rows][columns] and centroids [rows][(2 << bits) - 4] are improved in place. errors, unless
    // NULL: [rows][2][7], of every precision before, then after. Rows do not depend on what they come with.
    void (*joint_rows)(const cq_joint_t *settings, const float *weights, int32_t rows, uint8_t *codes, float *centroids,
                       double *errors, void *scratch);
} cq_table_t;
// isa: an instruction set of CKernels. NULL when this machine lacks it.
const cq_table_t *cq_table(int32_t isa);

size_t cq_joint_scratch_bytes(int32_t columns, int32_t bits, int32_t precisions, int32_t rows);

// out[i] = table[codes[i] >> shift].
void cq_expand_row(const uint8_t *codes, int32_t shift, const float *table, int32_t columns, float *out);

// sums[c] = sum of gradient[i] over the columns with codes[i] >> shift == c; count sums, at most 256.
void cq_collect_row(const float *gradient, const uint8_t *codes, int32_t shift, int32_t count, int32_t columns, float *sums);

// One step of Adam (Kingma and Ba 2015); corrections are 1 / (1 - beta^step).
typedef struct { float rate, beta1, beta2, correction1, correction2, epsilon; } cq_adam_t;
void cq_adam(float *values, float *mean, float *square, const float *gradient, int32_t count, const cq_adam_t *settings);
#endif
