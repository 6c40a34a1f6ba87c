// Plots in SVG. A plot keeps what it was last given and draws it anew when its place changes its width.

import { shape } from "./dom.js";

const font = 11;
const edge = { left: 38, right: 10, top: 8, bottom: 20 };

export class Plot {
    /** The description is for those who do not see the picture. */
    constructor(place, height) {
        this.place = place;
        this.height = height;
        this.model = null;
        this.svg = shape("svg", { role: "img", height, class: "plot-svg" });
        place.replaceChildren(this.svg);
        new ResizeObserver(() => this.paint()).observe(place);
    }

    /**
     * The model: `label` in words; `x` and `y` with `min`, `max`, `ticks` and maybe `log`, `format`, `name`; and any of
     * `areas` (values per step, each with its look), `steps`, `lines`, `points`, `rules`.
     */
    draw(model) {
        this.model = model;
        this.paint();
    }

    paint() {
        const width = Math.floor(this.place.clientWidth);
        if (!this.model || width < 60) return;
        const { svg, height, model } = this;
        svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
        svg.setAttribute("width", width);
        svg.setAttribute("aria-label", model.label);
        const bottom = edge.bottom + (model.x.name ? 14 : 0);
        const left = edge.left + (model.y.name ? 14 : 0);
        const x = scale(model.x, left, width - edge.right), y = scale(model.y, height - bottom, edge.top);
        const frame = { x, y, left, right: width - edge.right, top: edge.top, bottom: height - bottom, width, height };
        svg.replaceChildren(
            ...axes(model, frame), ...(model.areas ?? []).flatMap(one => area(one, frame)),
            ...(model.rules ?? []).flatMap(one => rule(one, frame)),
            ...(model.steps ?? []).map(one => stepLine(one, frame)), ...(model.lines ?? []).map(one => line(one, frame)),
            ...(model.points ?? []).flatMap(one => point(one, frame)));
    }
}

/** From a value to its place. Logarithmic where the axis says so. */
function scale({ min, max, log }, from, to) {
    const map = log ? Math.log : value => value;
    const low = map(min), span = map(max) - low || 1;
    return value => from + ((map(Math.min(Math.max(value, min), max)) - low) / span) * (to - from);
}

/** Round numbers from min to max, about as many as asked for. */
export function roundTicks(min, max, about) {
    const span = max - min || 1;
    const power = 10 ** Math.floor(Math.log10(span / about));
    const step = [1, 2, 5, 10].map(one => one * power).find(one => span / one <= about) ?? span;
    const ticks = [];
    for (let at = Math.ceil(min / step); at * step <= max + step * 1e-6; at += 1) {
        ticks.push(Number((at * step).toPrecision(6)));
    }
    return ticks;
}

/** Powers of ten with their thirds between: 0.01, 0.03, 0.1. */
export function logTicks(min, max) {
    const ticks = [];
    for (let power = Math.floor(Math.log10(min)); power <= Math.ceil(Math.log10(max)); power += 1) {
        for (const digit of [1, 3]) {
            const value = Number((digit * 10 ** power).toPrecision(3));
            if (value >= min && value <= max) ticks.push(value);
        }
    }
    return ticks;
}

function text(x, y, content, anchor, more = {}) {
    return shape("text", { x, y, "text-anchor": anchor, "font-size": font, ...more }, content);
}

function axes(model, { x, y, left, right, top, bottom, height }) {
    const name = format => format ?? String;
    const nodes = [];
    for (const tick of model.y.ticks) {
        const at = Math.round(y(tick)) + 0.5;
        nodes.push(shape("line", { class: "grid-line", x1: left, x2: right, y1: at, y2: at }));
        nodes.push(text(left - 6, at + 3.5, name(model.y.format)(tick), "end"));
    }
    for (const tick of model.x.ticks) {
        // Labels at the ends stay inside.
        const at = x(tick), anchor = at > right - 8 ? "end" : at < left + 4 ? "start" : "middle";
        nodes.push(text(at, bottom + 14, name(model.x.format)(tick), anchor));
    }
    if (model.x.name) nodes.push(text((left + right) / 2, height - 3, model.x.name, "middle", { class: "axis-name" }));
    if (model.y.name) {
        const middle = (top + bottom) / 2;
        nodes.push(text(10, middle, model.y.name, "middle", { class: "axis-name", transform: `rotate(-90 10 ${middle})` }));
    }
    return nodes;
}

/** The path along steps: value i from i to i + 1. */
function stepsPath(values, x, y) {
    let path = "", last = null;
    values.forEach((value, index) => {
        if (value === last) return;
        path += (last === null ? "M" + round(x(index)) + " " : "H" + round(x(index)) + "V") + round(y(value));
        last = value;
    });
    return values.length ? path + "H" + round(x(values.length)) : "";
}

const round = value => Math.round(value * 10) / 10;

/** One block for each run of equal values, so that each has its own look. */
function area({ values, look }, { x, y, bottom }) {
    const blocks = [];
    for (let start = 0; start < values.length;) {
        let end = start + 1;
        while (end < values.length && values[end] === values[start]) end += 1;
        const top = round(y(values[start]));
        const block = shape("rect", {
            class: "bits-area", x: round(x(start)), y: top, width: round(x(end) - x(start)),
            height: Math.max(round(bottom - top), 0),
        });
        blocks.push(look(block, values[start]));
        start = end;
    }
    return blocks;
}

const stepLine = ({ values, kind = "a" }, { x, y }) =>
    shape("path", { class: "curve curve-" + kind, d: stepsPath(values, x, y) });

function line({ values, kind = "a" }, { x, y }) {
    const path = values.map(([at, value], index) => (index ? "L" : "M") + round(x(at)) + " " + round(y(value))).join("");
    return shape("path", { class: "curve curve-" + kind, d: path });
}

function rule({ at, label }, { y, left, right }) {
    return [
        shape("line", { class: "rule-line", x1: left, x2: right, y1: y(at), y2: y(at) }),
        text(right, y(at) - 4, label, "end", { class: "rule-name" }),
    ];
}

const marks = {
    circle: (x, y, size) => shape("circle", { cx: x, cy: y, r: size }),
    diamond: (x, y, size) => {
        const half = size * 1.3;
        return shape("path", { d: `M${x} ${y - half}l${half} ${half}l${-half} ${half}l${-half} ${-half}z` });
    },
    up: (x, y, size) => shape("path", { d: `M${x} ${y - size}l${size} ${size * 1.7}h${-size * 2}z` }),
};

/** A mark, with its error bar and its name; `title` is what a pointer that rests on it shows. */
function point({ at, value, low, high, mark = "circle", kind = "a", name, title, side = "above" }, { x, y, top }) {
    const [px, py] = [round(x(at)), round(y(value))];
    const node = marks[mark](px, py, kind === "chosen" ? 5 : 4);
    node.setAttribute("class", "mark mark-" + kind);
    if (title) node.append(shape("title", {}, title));
    const nodes = [];
    if (low !== undefined) nodes.push(shape("line", { class: "error-bar", x1: px, x2: px, y1: y(low), y2: y(high) }));
    nodes.push(node);
    if (name) {
        // Above the mark, or beside it where nothing is above.
        const besides = { above: [0, -9, "middle"], below: [0, 17, "middle"], left: [-9, 4, "end"], right: [9, 4, "start"] };
        const [dx, dy, anchor] = besides[side === "above" && py < top + 14 ? "right" : side];
        nodes.push(text(px + dx, py + dy, name, anchor, { class: "mark-name" }));
    }
    return nodes;
}
