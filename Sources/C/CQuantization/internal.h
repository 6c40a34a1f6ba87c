#ifndef TAPER_CQUANTIZATION_INTERNAL_H
#define TAPER_CQUANTIZATION_INTERNAL_H
#include "CQuantization.h"

enum { ROWS = CQ_JOINT_ROWS, PANEL = CQ_PANEL, LANES = 16, MOST_BITS = 8, MOST = 256, PRECISIONS = 7, ROUNDING_TURNS = 4 };
// Panels whose moves later ones hear of together: the moves of a row lie in the first cache then, and so does their part of a panel.
#ifndef CQ_GROUP
#define CQ_GROUP 8
#endif
enum { GROUP = CQ_GROUP };
// Columns of a panel that are summed together: half a megabyte, which a second cache holds.
#ifndef CQ_PIECE
#define CQ_PIECE 4096
#endif
enum { PIECE = CQ_PIECE };
// [pieces][2 clusters + 1] numbers and [columns] bytes of a row, rounded up so that what follows is aligned like vectors.
static inline size_t starts_size(int32_t columns, size_t clusters) {
    return (((size_t)columns + PIECE - 1) / PIECE * (2 * clusters + 1) + 15) & ~(size_t)15;
}
static inline size_t before_size(int32_t columns) { return ((size_t)columns + 63) & ~(size_t)63; }

extern const cq_table_t cq_plain_table;
#if defined(__x86_64__)
extern const cq_table_t cq_avx2_table, cq_avx512_table;
#endif
#endif
