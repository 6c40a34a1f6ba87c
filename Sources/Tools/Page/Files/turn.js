// One turn of the conversation as it is shown: what was asked, the answer as it grows, its figures.

import { BitText } from "./bits.js";
import { element } from "./dom.js";
import { failureCard } from "./failure.js";
import * as format from "./format.js";

export class Turn {
    constructor(prompt, answer, scale) {
        this.prompt = prompt;
        this.answer = answer;
        this.body = element("p", { class: "text" });
        this.foot = element("div", { class: "turn-foot" });
        this.said = new BitText(this.body, scale);
        this.node = element("article", { class: "turn" },
            element("div", { class: "asked" }, element("h2", { class: "hidden" }, "You"), element("p", {}, prompt)),
            element("div", { class: "answered", "aria-busy": "true" },
                element("h2", { class: "hidden" }, "Answer"), this.body, this.foot));
    }

    append(text, bits) {
        this.said.append(text, bits);
    }

    /** The buttons: `again` and `plot` are what they do; `last` is whether another answer to this prompt may be asked for. */
    finish({ again, plot, last, error = null, startOver }) {
        this.node.querySelector(".answered").removeAttribute("aria-busy");
        const { answer } = this;
        const button = (name, action) => element("button", { type: "button", class: "quiet", onclick: action }, name);
        const nodes = [];
        if (error) {
            // Mostly a conversation that has grown longer than the model's context.
            const isOfConversation = error.status === 400 && ["prompt", "messages"].includes(error.param);
            nodes.push(failureCard(error, again, isOfConversation ? button("New chat", startOver) : null));
        }
        if (answer.tokenCount) {
            nodes.push(element("p", { class: "turn-figures" }, figuresText(answer)));
            nodes.push(element("div", { class: "turn-buttons" },
                button("Plot", plot),
                navigator.clipboard ? button("Copy", event => copy(answer.text, event.currentTarget)) : null,
                last && !error ? button("Again", again) : null,
                details(answer)));
        }
        if (!answer.tokenCount && !error) {
            nodes.push(element("p", { class: "turn-figures" }, answer.endText ?? "an empty answer"));
        }
        this.foot.replaceChildren(...nodes);
    }

    /** Once another turn follows, this one is not asked again. */
    close() {
        for (const node of this.foot.querySelectorAll("button")) {
            if (["Again", "Try again"].includes(node.textContent)) node.remove();
        }
    }
}

export function figuresText(answer) {
    const parts = [format.counted(answer.tokenCount, "token")];
    if (answer.averageBits !== null) parts.push(format.average(answer.averageBits) + " bits on average");
    if (answer.bytesPerToken !== null) parts.push(format.bytes(answer.bytesPerToken) + " per token");
    if (answer.tokensPerSecond !== null) parts.push(format.rate(answer.tokensPerSecond) + " tokens/s");
    if (answer.endText) parts.push(answer.endText);
    return parts.join(" · ");
}

function details(answer) {
    const facts = answer.usage?.taper;
    if (!facts) return null;
    const rows = [
        ["Schedule", facts.schedule], ["Because", facts.reason], ["Switch points", facts.switch_points?.replaceAll(",", ", ")],
        ["Prompt read at", facts.prefill_bits != null ? format.bitsName(facts.prefill_bits) : null],
        ["Prompt", format.counted(answer.usage.prompt_tokens, "token")
            + (facts.reused_prompt_tokens ? `, ${facts.reused_prompt_tokens} of them read before` : "")],
        ["Read in", facts.prompt_seconds != null ? format.seconds(facts.prompt_seconds) : null],
        ["Written in", facts.decode_seconds != null ? format.seconds(facts.decode_seconds) : null],
    ].filter(([, value]) => value !== null && value !== undefined && value !== "");
    return element("details", { class: "turn-details" }, element("summary", {}, "Details"),
        element("dl", {}, ...rows.map(([name, value]) =>
            element("div", {}, element("dt", {}, name), element("dd", {}, String(value))))));
}

async function copy(text, button) {
    try {
        await navigator.clipboard.writeText(text);
        button.textContent = "Copied";
    } catch {
        button.textContent = "Not copied";
    }
    setTimeout(() => (button.textContent = "Copy"), 1500);
}
