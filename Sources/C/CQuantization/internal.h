#ifndef TAPER_CQUANTIZATION_INTERNAL_H
#define TAPER_CQUANTIZATION_INTERNAL_H
#include "CQuantization.h"

enum { ROWS = CQ_JOINT_ROWS, PANEL = CQ_PANEL, LANES = 16, MOST_BITS = 8, MOST = 256, PRECISIONS = 7, ROUNDING_TURNS = 4 };

extern const cq_table_t cq_plain_table;
#if defined(__x86_64__)
extern const cq_table_t cq_avx2_table, cq_avx512_table;
#endif
#endif
