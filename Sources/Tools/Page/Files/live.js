// Figures and plots of the answers that are being written, or of one that was chosen.

import { element, find, framed } from "./dom.js";
import { factsOf } from "./facts.js";
import * as format from "./format.js";
import { Plot, roundTicks } from "./plot.js";

export class Live {
    constructor() {
        this.bitsPlot = new Plot(find("bits-plot"), 120);
        this.ratePlot = new Plot(find("rate-plot"), 120);
        /** `{ answer, name, kind }`; the kind is the line's style. */
        this.series = [];
        this.facts = null;
        /** Draws at the next frame. */
        this.changed = framed(() => this.paint());
    }

    setFacts(facts, scale) {
        this.facts = facts;
        this.scale = scale;
        this.series = [];
        find("legend").replaceChildren(scale.legend());
        this.paint();
    }

    show(series) {
        this.series = series;
        this.changed();
    }

    /** Memory grows with what is answered, so it is asked for again; where that fails the old figure stays. */
    async refresh() {
        const facts = this.facts;
        try {
            facts.props = (await factsOf(facts.id)).props;
            this.changed();
        } catch {
            // The next answer will say what is wrong.
        }
    }

    paint() {
        if (!this.facts) return;
        this.paintFigures();
        const count = Math.max(16, ...this.series.map(one => one.answer.tokenCount));
        this.paintBits(count);
        this.paintRates(count);
    }

    paintFigures() {
        const answer = this.series[0]?.answer;
        // Answers side by side have their figures beside them.
        find("figures").hidden = this.series.length > 1;
        const high = this.facts.bytesAt(this.facts.high);
        const per = answer?.bytesPerToken ?? null;
        const none = "–";
        const resident = this.facts.props.memory.resident_bytes;
        const rows = [
            ["Average bits", answer?.averageBits != null ? format.average(answer.averageBits) : none,
                "of " + format.bits(this.facts.high)],
            ["Tokens per second", answer?.tokensPerSecond != null ? format.rate(answer.tokensPerSecond) : none,
                answer?.tokenCount ? format.counted(answer.tokenCount, "token") : ""],
            ["Bytes per token", per !== null ? format.bytes(per) : none,
                per !== null && high ? format.change(per, high) + " on " + format.bitsName(this.facts.high) : ""],
            ["Memory", resident ? format.bytes(resident) : none, resident ? "of the server" : ""],
        ];
        find("figures").replaceChildren(...rows.map(([name, value, note]) => element("div", {},
            element("dt", {}, name), element("dd", {}, value, element("small", {}, note)))));
    }

    paintBits(count) {
        const ticks = this.facts.precisions.filter(bits => Number.isInteger(bits));
        const known = this.series.map(one => ({ ...one, values: one.answer.bits.map(bits => bits ?? 0) }));
        const single = known.length === 1;
        this.bitsPlot.draw({
            label: "Bits over tokens. " + (this.series.map(one => bitsInWords(one)).join(" ") || "No answer yet."),
            x: { min: 0, max: count, ticks: roundTicks(0, count, 5) },
            y: { min: 0, max: this.facts.high + 0.5, ticks, format: format.bits },
            areas: single ? [{ values: known[0].values, look: (node, bits) => this.scale.mark(node, bits) }] : [],
            steps: known.map(one => ({ values: one.values, kind: one.kind })),
        });
    }

    paintRates(count) {
        const lines = this.series.map(one => ({ values: one.answer.speeds(), kind: one.kind, name: one.name }));
        const most = Math.max(1, ...lines.flatMap(one => one.values.map(([, value]) => value))) * 1.05;
        const ticks = most > 1.05 ? roundTicks(0, most, 3) : [0];
        this.ratePlot.draw({
            label: "Tokens per second over tokens. " + (lines.filter(one => one.values.length)
                .map(one => `${one.name}: ${format.rate(one.values.at(-1)[1])} at the end.`).join(" ") || "No answer yet."),
            x: { min: 0, max: count, ticks: roundTicks(0, count, 5) },
            y: { min: 0, max: most, ticks, format: value => (value >= 10000 ? value / 1000 + "k" : String(value)) },
            lines,
        });
    }
}

function bitsInWords({ answer, name }) {
    const bits = answer.bits.filter(one => one !== null);
    if (!bits.length) return name + ": no token yet.";
    return `${name}: ${format.bits(bits[0])} at the first token, ${format.bits(bits.at(-1))} at token ${bits.length}, `
        + `${format.average(answer.averageBits)} on average.`;
}
