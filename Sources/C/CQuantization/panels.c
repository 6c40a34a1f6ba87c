// How Hessians lie in memory while layers are quantized.
#include "internal.h"
#include <string.h>

static int32_t panel_count(int32_t columns) { return (columns + PANEL - 1) / PANEL; }

size_t cq_panels_size(int32_t columns) { return (size_t)panel_count(columns) * (size_t)columns * PANEL; }

size_t cq_feedback_size(int32_t columns) { return cq_feedback_panel(panel_count(columns)); }

// Columns `column` to the panel's end of a row; nothing is left of `from`.
static void fill_row(const float *row, int32_t columns, int32_t column, int32_t from, float *to) {
    const int32_t width = columns - column < PANEL ? columns - column : PANEL;
    for (int32_t k = 0; k < PANEL; k++) to[k] = k < width && column + k >= from ? row[column + k] : 0;
}

void cq_fill_panels(const float *h, int32_t columns, int32_t stride, int32_t first, int32_t last, float *to) {
    // Rows in groups, so that few pages are written at a time.
    for (int32_t j0 = 0; j0 < columns; j0 += PANEL)
        for (int32_t c = first; c < last; c++)
            for (int32_t j = j0; j < j0 + PANEL && j < columns; j++)
                fill_row(h + (size_t)j * (size_t)stride, columns, c * PANEL, 0, to + ((size_t)c * (size_t)columns + (size_t)j) * PANEL);
}

void cq_fill_feedback(const float *h, int32_t columns, int32_t stride, int32_t first, int32_t last, float *to) {
    for (int32_t c = first; c < last; c++) {
        float *panel = to + cq_feedback_panel(c);
        for (int32_t j = 0; j < (c + 1) * PANEL; j++)
            if (j < columns)
                fill_row(h + (size_t)j * (size_t)stride, columns, c * PANEL, j + 1, panel + (size_t)j * PANEL);
            else memset(panel + (size_t)j * PANEL, 0, PANEL * sizeof(float));
    }
}

size_t cq_joint_scratch_bytes(int32_t columns, int32_t bits, int32_t precisions, int32_t rows) {
    const size_t d = (size_t)panel_count(columns) * PANEL, k = (size_t)1 << bits, p = (size_t)precisions;
    // What one row holds is in `lay_out`; then the normal equations.
    const size_t floats = d * (2 + k + p) + p * ((k < LANES ? LANES : k) + GROUP * PANEL);
    const size_t row = floats * sizeof(float) + (d + starts_size(columns, k)) * sizeof(int32_t) + before_size(columns);
    return 4096 + (size_t)rows * row + k * k * 8 * 3 + k * 8 * 6;
}
