// Which words of a text another text does not have at that place.

/** Cells of the table of the longest common subsequence: beyond it only the common beginning is found. */
const mostCells = 4_000_000;

const wordsOf = text => [...text.matchAll(/\S+/g)].map(match =>
    ({ word: match[0], start: match.index, end: match.index + match[0].length }));

/**
 * Compares a text with a reference, word by word.
 * @returns `ranges`, `[start, end]` of the text that differ, neighbours joined; `differing` and `words`, counts; `first`, the
 * number of the first word that differs, from 1, null where none does; `same`, whether the words of both are equal.
 */
export function differences(text, reference) {
    const left = wordsOf(text), right = wordsOf(reference);
    const kept = common(left, right);
    const ranges = [];
    let first = null, differing = 0;
    left.forEach((word, index) => {
        if (kept[index]) return;
        first ??= index + 1;
        differing += 1;
        const last = ranges.at(-1);
        // Neighbours share one box.
        if (last && index > 0 && !kept[index - 1]) last[1] = word.end;
        else ranges.push([word.start, word.end]);
    });
    return { ranges, differing, words: left.length, first, same: differing === 0 && left.length === right.length };
}

/** For every word of the left side, whether it belongs to the longest common subsequence. */
function common(left, right) {
    const kept = new Uint8Array(left.length);
    let begin = 0;
    while (begin < left.length && begin < right.length && left[begin].word === right[begin].word) kept[begin++] = 1;
    const rows = left.length - begin, columns = right.length - begin;
    if (rows * columns > mostCells) return kept;
    // length[i][j]: of the longest one of left[i...] and right[j...].
    const width = columns + 1;
    const length = new Uint16Array((rows + 1) * width);
    for (let i = rows - 1; i >= 0; i -= 1) {
        for (let j = columns - 1; j >= 0; j -= 1) {
            length[i * width + j] = left[begin + i].word === right[begin + j].word
                ? length[(i + 1) * width + j + 1] + 1
                : Math.max(length[(i + 1) * width + j], length[i * width + j + 1]);
        }
    }
    for (let i = 0, j = 0; i < rows && j < columns;) {
        if (left[begin + i].word === right[begin + j].word) {
            kept[begin + i] = 1;
            i += 1;
            j += 1;
        } else if (length[(i + 1) * width + j] >= length[i * width + j + 1]) i += 1;
        else j += 1;
    }
    return kept;
}
