// The settings: how an answer is written. Choices come from the bundle.

import { element, fill, find, option } from "./dom.js";
import * as format from "./format.js";
import { bitsOfSteps, planOf, pointsText } from "./plan.js";
import { Plot } from "./plot.js";

/** Steps that the picture of a plan shows at most, unless its points go further. */
const planSteps = 256;

export class Settings {
    constructor(onChange) {
        this.onChange = onChange;
        this.plot = new Plot(find("plan-plot"), 92);
        this.facts = null;
        find("settings-form").addEventListener("submit", event => event.preventDefault());
        find("settings-form").addEventListener("input", () => this.changed());
    }

    setFacts(facts, scale) {
        this.facts = facts;
        this.scale = scale;
        const bits = value => option(value, format.bitsName(value));
        const falling = [...facts.precisions].reverse();
        fill(find("schedule"), [
            option("auto", "Bundle's own: " + facts.unnamed.name),
            ...facts.schedules.map(one => option("static:" + one.task, "PMPD static: " + one.task)),
            option("learned", "PMPD learned" + (facts.hasLearned ? "" : ": not in this bundle"), { disabled: !facts.hasLearned }),
            option("adaptive", "By need" + (facts.hasAdaptive ? "" : ": not in this bundle"), { disabled: !facts.hasAdaptive }),
            option("switch", "Own switch points"),
            option("low", "Low"),
            option("high", "High, " + format.bitsName(facts.high)),
        ]);
        fill(find("low"), falling.slice(1).map(bits));
        find("low").value = facts.usualLow;
        fill(find("prefill"), [option("", "as planned"), ...falling.map(bits)]);
        const points = find("switch-points");
        if (!points.value || this.problem) points.value = usualPoints(facts);
        const limit = find("max-tokens");
        limit.max = facts.props.context;
        limit.value = Math.min(Number(limit.value) || facts.props.context, facts.props.context);
        find("system").disabled = !facts.readsSystem;
        find("system-note").hidden = facts.readsSystem;
        find("system-note").textContent = facts.hasChat
            ? "This model's chat format has no place for one."
            : "This bundle has no chat format: a prompt is continued as it stands.";
        this.changed();
    }

    /** What was chosen; null where a field does not hold what it may. */
    read() {
        const number = id => Number(find(id).value);
        const [kind, ...task] = find("schedule").value.split(":");
        const prefill = find("prefill").value;
        const choice = {
            kind, task: task.join(":"), low: number("low"), points: find("switch-points").value,
            prefill: prefill ? Number(prefill) : null,
        };
        return {
            choice, plan: planOf(choice, this.facts), maxTokens: number("max-tokens"), temperature: number("temperature"),
            topP: number("top-p"), repeatPenalty: number("repeat"), seed: find("seed").value === "" ? null : number("seed"),
            system: find("system").disabled ? "" : find("system").value.trim(),
        };
    }

    /** The settings where all are sound; else moves to the first that is not and returns null. */
    checked() {
        const form = find("settings-form");
        if (!form.checkValidity()) {
            // What is closed cannot be shown.
            find("settings").open = true;
            form.reportValidity();
            return null;
        }
        return this.read();
    }

    get coloured() {
        return find("coloured").checked;
    }

    changed() {
        if (!this.facts) return;
        const { choice, plan } = this.read();
        find("switch-row").hidden = choice.kind !== "switch";
        find("low-row").hidden = choice.kind !== "low";
        this.problem = plan.error ?? null;
        find("switch-error").textContent = plan.error ?? "";
        find("switch-points").setCustomValidity(plan.error ?? "");
        find("switch-points").setAttribute("aria-invalid", plan.error ? "true" : "false");
        this.paintPlan(choice, plan);
        this.onChange();
    }

    paintPlan(choice, plan) {
        const last = plan.points?.at(-1)?.at ?? 0;
        const count = Math.max(Math.min(Number(find("max-tokens").value) || 1, planSteps), Math.ceil(last * 1.25), 16);
        const known = plan.points !== null;
        find("plan-plot").hidden = !known;
        const prefill = choice.prefill ?? plan.stored?.prefill ?? (choice.kind === "auto" ? this.facts.unnamed.prefill : null);
        const words = known
            ? (prefill && choice.kind !== "high" ? `Prompt at ${format.bits(prefill)}, then ` : "") + pointsText(plan.points)
            : plan.error ? "" : "Decided for each prompt once it has been read";
        find("plan-text").replaceChildren(words, ...evidenceText(plan.stored));
        if (!known) return;
        this.plot.draw({
            label: "Planned bits over new tokens: " + pointsText(plan.points),
            x: { min: 0, max: count, ticks: plan.points.map(point => point.at) },
            y: {
                min: this.facts.low - 1, max: this.facts.high + 0.5, ticks: plan.points.map(point => point.bits),
                format: format.bits,
            },
            areas: [{ values: bitsOfSteps(plan.points, count), look: (node, bits) => this.scale.mark(node, bits) }],
            steps: [{ values: bitsOfSteps(plan.points, count) }],
        });
    }
}

function evidenceText(stored) {
    if (!stored) return [];
    return [element("br"), `${stored.metric} ${stored.score.toFixed(3)}, ${stored.referenceScore.toFixed(3)} at `
        + `the highest precision; ${format.average(stored.averageBits)} bits on average`];
}

/** Whole precisions from the highest down, so that something is there to change. */
function usualPoints(facts) {
    const whole = facts.precisions.filter(Number.isInteger).reverse();
    return whole.slice(0, 4).map((bits, index) => bits + "@" + (index ? 8 << (index - 1) : 0)).join(",");
}
