#ifndef TAPER_CQUANTIZATION_INTERNAL_H
#define TAPER_CQUANTIZATION_INTERNAL_H
#include "CQuantization.h"

enum { ROWS = CQ_JOINT_ROWS, PANEL = CQ_PANEL, LANES = 16, MOST_BITS = 8, MOST = 256, PRECISIONS = 7, ROUNDING_TURNS = 4 };
// Panels whose moves later ones hear of together: a row's lie in the first cache then, and so does their part of a panel.
// Columns of a panel that are summed together: half a megabyte, which a second cache holds.
enum { GROUP = 8, PIECE = 4096 };

extern const cq_table_t cq_plain_table;
#if defined(__x86_64__)
extern const cq_table_t cq_avx2_table, cq_avx512_table;
#endif
#endif
