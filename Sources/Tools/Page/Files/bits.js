// Text coloured by the bits of its tokens. Colour is not alone: the underline's style says the same, and a title says it
// in words.

import { element } from "./dom.js";
import { bitsName } from "./format.js";

/** Where bits stand between a bundle's highest precision and its lowest. */
export class BitScale {
    constructor(precisions) {
        this.high = Math.max(...precisions);
        this.low = Math.min(...precisions);
        this.precisions = [...precisions].sort((a, b) => b - a);
    }

    /** 0 at the highest precision, 1 at the lowest. */
    fall(bits) {
        return this.high === this.low ? 0 : Math.min(Math.max((this.high - bits) / (this.high - this.low), 0), 1);
    }

    /** Gives an element the look of these bits; the style sheet makes colour and line of it. */
    mark(node, bits) {
        node.style.setProperty("--fall", this.fall(bits).toFixed(3));
        node.dataset.drop = Math.min(Math.ceil(Math.max(this.high - bits, 0)), 5);
        return node;
    }

    /** What the looks mean. */
    legend() {
        return element("ul", { "aria-label": "Legend: bits per token" }, ...this.precisions.map(bits =>
            element("li", {}, this.mark(element("span", { class: "swatch", "aria-hidden": "true" }), bits),
                this.mark(element("span", { class: "bits" }, bitsName(bits)), bits))));
    }
}

/** Text that grows by pieces; pieces of the same bits share an element. */
export class BitText {
    constructor(node, scale) {
        this.node = node;
        this.scale = scale;
        /** `{ text, bits, first, last }`, tokens counted from 1; bits are null where nobody said. */
        this.runs = [];
        this.tokenCount = 0;
        this.span = null;
    }

    get text() {
        return this.runs.map(run => run.text).join("");
    }

    append(text, bits) {
        this.tokenCount += 1;
        let run = this.runs.at(-1);
        if (!run || run.bits !== bits) {
            run = { text: "", bits, first: this.tokenCount, last: this.tokenCount };
            this.runs.push(run);
            this.span = element("span", {}, "");
            if (bits !== null) this.scale.mark(this.span, bits).className = "bits";
            this.node.append(this.span);
        }
        run.text += text;
        run.last = this.tokenCount;
        // The first child is the run's text.
        if (text) this.span.firstChild.appendData(text);
        this.span.title = title(run);
    }

    /** Shows the same text again with these ranges of it, `[start, end]` in order, boxed. */
    box(ranges) {
        const nodes = [];
        let start = 0, next = 0;
        for (const run of this.runs) {
            const span = element("span", { title: title(run) });
            if (run.bits !== null) this.scale.mark(span, run.bits).className = "bits";
            const end = start + run.text.length;
            let at = start;
            while (at < end) {
                while (next < ranges.length && ranges[next][1] <= at) next += 1;
                const range = ranges[next];
                const inside = range !== undefined && range[0] <= at;
                const until = Math.min(end, range === undefined ? end : inside ? range[1] : range[0]);
                const piece = run.text.slice(at - start, until - start);
                span.append(inside ? element("mark", { class: "differs" }, piece) : piece);
                at = until;
            }
            nodes.push(span);
            start = end;
        }
        this.node.replaceChildren(...nodes);
        this.span = null;
    }
}

function title(run) {
    if (run.bits === null) return "";
    const tokens = run.first === run.last ? "token " + run.first : "tokens " + run.first + " to " + run.last;
    return bitsName(run.bits) + ", " + tokens;
}
