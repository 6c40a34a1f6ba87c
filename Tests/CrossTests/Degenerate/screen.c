// Screens of a head: scores and candidates of rows that fill no block, exactly as long as they are; every instruction set like
// the scalar one.
#include "CKernels.h"
#include "degenerate.h"

static void try_rows(int rows, int directions, int kind) {
    const int blocks = (rows + 15) / 16, tiles = (rows + 7) / 8;
    int8_t *projections = blank((size_t)blocks * (size_t)directions * 16);
    for (int i = 0; i < blocks * directions * 16; i++) projections[i] = (int8_t)(below(255) - 127);
    float *scales = made(blocks * 16, kind), *deviations = made(blocks * 16, kind);
    float *coefficients = made(directions, kind), *scores = made(rows, kind);
    const ck_screen_t screen = {projections, scales, deviations, directions, rows};
    float *expected = 0, *best = 0;
    uint8_t *wanted = 0;
    int count = 0;
    for (int isa = 0; isa < CK_ISA_COUNT; isa++) {
        const ck_table_t *table = ck_table(isa);
        if (!table) continue;
        float *own = copy_of(scores, 4 * (size_t)rows), *own_best = blank(4 * (size_t)tiles);
        // In two parts, as threads take them.
        table->screen_scores(&screen, coefficients, 0, blocks / 2, own, own_best);
        table->screen_scores(&screen, coefficients, blocks / 2, blocks, own, own_best);
        expect_written(own_best, 4 * (size_t)tiles);
        uint8_t *own_wanted = blank((size_t)tiles);
        memset(own_wanted, 0, (size_t)tiles);
        own_wanted[0] = 2;
        const float bound = own_best[tiles / 2];
        int found = table->screen_rows(&screen, own, 0.5f, bound, 0, blocks / 2, own_wanted);
        found += table->screen_rows(&screen, own, 0.5f, bound, blocks / 2, blocks, own_wanted);
        int marked = 0;
        for (int t = 0; t < tiles; t++) marked += own_wanted[t] == 1;
        expect(found == marked && own_wanted[0] == 2, "as many are marked as it says", kind_names[kind], rows, isa, found);
        if (!expected) {
            expected = own;
            best = own_best;
            wanted = own_wanted;
            count = found;
            continue;
        }
        expect(same_numbers(own, expected, rows) && same_numbers(own_best, best, tiles), "scores are the scalar ones",
               kind_names[kind], rows, directions, isa);
        expect(found == count && !memcmp(own_wanted, wanted, (size_t)tiles), "candidates are the scalar ones", kind_names[kind],
               rows, directions, isa);
        free(own);
        free(own_best);
        free(own_wanted);
    }
    free(expected);
    free(best);
    free(wanted);
    free(projections);
    free(scales);
    free(deviations);
    free(coefficients);
    free(scores);
}

void try_screen(void) {
    static const int rows[] = {1, 7, 8, 9, 15, 16, 17, 24, 25, 130};
    for (int kind = 0; kind < ALL_KINDS; kind++)
        for (int r = 0; r < 10; r++)
            for (int directions = 0; directions < 4; directions++) try_rows(rows[r], directions, kind);
}
