// Tables of numbers.

import { element } from "./dom.js";

export const numberText = (value, digits) => (value === null || value === undefined ? "–" : value.toFixed(digits));

/** Rows of cells, the first of which names its row; a cell is text, or a list of nodes. It scrolls where it is too wide. */
export function table(caption, names, rows) {
    const [head, ...body] = [names, ...rows].map((cells, number) => element("tr", {}, ...cells.map((cell, index) => {
        const content = Array.isArray(cell) ? cell : [cell];
        if (number === 0) return element("th", { scope: "col" }, ...content);
        return index === 0 ? element("th", { scope: "row" }, ...content) : element("td", {}, ...content);
    })));
    return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
        element("table", {}, element("caption", { class: "hidden" }, caption),
            element("thead", {}, head), element("tbody", {}, ...body)));
}
