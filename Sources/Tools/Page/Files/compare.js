// One prompt at three precisions, with what differs from the answer at high precision marked.

import { announce } from "./announce.js";
import { Answer } from "./answer.js";
import { BitText } from "./bits.js";
import { element, fill, find, framed, option } from "./dom.js";
import { failureCard } from "./failure.js";
import * as format from "./format.js";
import { planOf } from "./plan.js";
import { differences } from "./words.js";

export class Compare {
    constructor(settings, live) {
        this.settings = settings;
        this.live = live;
        this.abort = null;
        this.columns = [];
        const prompt = find("compare-prompt");
        find("compare-form").addEventListener("submit", event => {
            event.preventDefault();
            this.run();
        });
        find("compare-form").addEventListener("input", () => this.busy || this.empty());
        prompt.addEventListener("keydown", event => {
            if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
            event.preventDefault();
            this.run();
        });
        find("compare-stop").addEventListener("click", () => this.stop());
    }

    setFacts(facts, scale) {
        this.stop();
        this.facts = facts;
        this.scale = scale;
        const options = [...facts.precisions].reverse().map(bits => option(bits, format.bitsName(bits)));
        fill(find("compare-low"), options.map(one => one.cloneNode(true)));
        fill(find("compare-high"), options);
        find("compare-low").value = facts.usualLow;
        find("compare-high").value = facts.high;
        this.columns = [];
        this.empty();
    }

    get busy() {
        return this.abort !== null;
    }

    get series() {
        return this.columns.map(({ answer, name, kind }) => ({ answer, name, kind }));
    }

    stop() {
        this.abort?.abort();
    }

    /** Three columns with names and nothing in them, as long as nothing was compared. */
    empty() {
        if (!this.facts || this.columns.length) return;
        find("columns").replaceChildren(...this.plans().map(plan => new Column(plan, this.facts, this.scale).node));
    }

    /** The chosen schedule, where that is one; else the bundle's own. */
    plans() {
        const { choice } = this.settings.read();
        const falling = ["low", "high"].includes(choice.kind) ? { ...choice, kind: "auto" } : choice;
        const constant = (id, name) => {
            const bits = Number(find(id).value);
            const plan = planOf({ kind: "low", low: bits, prefill: choice.prefill }, this.facts);
            return { ...plan, name, subtitle: format.bitsName(bits) };
        };
        const chosen = planOf(falling, this.facts);
        return [
            { ...chosen, name: "PMPD", subtitle: chosen.name, kind: "a" },
            { ...constant("compare-low", "Low"), kind: "b" },
            { ...constant("compare-high", "High"), kind: "c" },
        ];
    }

    async run() {
        const prompt = find("compare-prompt").value.trim();
        if (!prompt || this.busy || !this.facts) return;
        const settings = this.settings.checked();
        if (!settings) return;
        // One seed for all three, so that the precision is all that differs.
        settings.seed ??= Math.floor(Math.random() * 2 ** 31);
        this.columns = this.plans().map(plan => new Column(plan, this.facts, this.scale));
        find("columns").replaceChildren(...this.columns.map(column => column.node));
        this.live.show(this.series);
        const messages = [{ role: "user", content: prompt }];
        if (settings.system) messages.unshift({ role: "system", content: settings.system });
        const abort = (this.abort = new AbortController());
        this.running(true);
        announce("Comparing three answers");
        const start = column => column.run(messages, settings, abort.signal, () => this.live.changed(), () => this.mark());
        if (find("compare-order").value === "turns") {
            for (const column of this.columns) await start(column);
        } else {
            await Promise.all(this.columns.map(start));
        }
        this.abort = null;
        this.running(false);
        announce(this.columns.map(column => column.news).join(" "));
    }

    /** Marks what is complete against the answer at high precision, once that is. */
    mark() {
        const high = this.columns.at(-1);
        if (!high.complete) return;
        for (const column of this.columns) if (column !== high && column.complete) column.mark(high.answer.text);
    }

    running(now) {
        find("compare-run").hidden = now;
        find("compare-stop").hidden = !now;
        if (document.activeElement === document.body) find("compare-prompt").focus({ preventScroll: true });
    }
}

/** One of the three answers. */
class Column {
    constructor(plan, facts, scale) {
        this.name = plan.name;
        this.kind = plan.kind;
        this.answer = new Answer(facts, plan);
        this.complete = false;
        this.verdict = element("p", { class: "verdict" });
        this.body = element("p", { class: "text" });
        this.figures = element("dl", { class: "column-figures" });
        this.said = new BitText(this.body, scale);
        this.changed = framed(() => this.paint());
        this.node = element("article", { class: "column" },
            element("header", {},
                element("h2", {}, element("span", { class: "key key-" + plan.kind, "aria-hidden": "true" }), plan.name),
                element("span", { class: "subtitle" }, plan.subtitle)),
            this.figures, this.verdict, this.body);
        this.paint();
    }

    async run(messages, settings, signal, onToken, onEnd) {
        if (signal.aborted) return;
        this.node.setAttribute("aria-busy", "true");
        try {
            await this.answer.run(messages, settings, signal, (text, bits) => {
                this.said.append(text, bits);
                this.changed();
                onToken();
            });
            this.complete = true;
        } catch (error) {
            if (error.name !== "AbortError") this.node.append(failureCard(error, null));
        }
        this.node.removeAttribute("aria-busy");
        this.paint();
        onToken();
        onEnd();
    }

    paint() {
        const { answer } = this;
        const value = (number, form) => (number === null ? "–" : form(number));
        const rows = [
            ["bits", value(answer.averageBits, format.average)], ["tokens/s", value(answer.tokensPerSecond, format.rate)],
            ["a token", value(answer.bytesPerToken, format.bytes)], ["tokens", String(answer.tokenCount || "–")],
        ];
        this.figures.replaceChildren(...rows.map(([name, text]) =>
            element("div", {}, element("dt", {}, name), element("dd", {}, text))));
    }

    mark(reference) {
        const found = differences(this.answer.text, reference);
        this.said.box(found.ranges);
        this.verdict.classList.toggle("same", found.same);
        this.verdict.textContent = found.same
            ? "Word for word what high precision writes"
            : found.differing
                ? `${found.differing} of ${format.counted(found.words, "word")} differ, the first is word ${found.first}`
                : "A part of what high precision writes";
    }

    get news() {
        return `${this.name}: ${format.counted(this.answer.tokenCount, "token")}. ${this.verdict.textContent}`;
    }
}
