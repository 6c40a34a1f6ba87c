// A schedule with the measurements that it was chosen by.

import { element } from "./dom.js";
import * as format from "./format.js";
import { bitsOfSteps, pointsText } from "./plan.js";
import { roundTicks } from "./plot.js";
import { numberText, table } from "./table.js";

/** Losses beyond this many tolerances stand at the plot's upper edge: otherwise one hopeless candidate flattens the rest. */
const tolerancesShown = 4;

/** Of a metric whose smaller score is the better one, a candidate loses what it is above the reference. */
const lossSign = metric => (metric === "kl" ? 1 : -1);
/** A tolerance is a share of the score's range. */
const rangeOf = metric => (metric === "sacrebleu" ? 100 : 1);

/** `draw(place, height, model)` draws a plot once the section has its place. */
export function scheduleSection(schedule, facts, scale, draw) {
    const steps = element("div", { class: "plot" }), evidence = element("div", { class: "plot" });
    draw(steps, 200, stepsPlot(schedule, facts, scale));
    const candidates = (schedule.evidence?.candidates ?? []).map(one => ({
        ...one, loss: lossSign(schedule.metric) * one.difference,
    }));
    if (candidates.length) draw(evidence, 200, evidencePlot(schedule, candidates));
    return element("section", { class: "schedule" },
        element("h3", {}, schedule.task), element("p", {}, scheduleText(schedule)),
        element("div", { class: "pair" },
            element("figure", {}, steps, element("figcaption", {}, "Bits of each new token")),
            candidates.length ? element("figure", {}, evidence, element("figcaption", {},
                "What was measured: loss against the highest precision, with its 95% interval. The diamond was chosen."))
                : null),
        candidates.length ? candidateTable(schedule, candidates) : null);
}

function scheduleText(schedule) {
    return `Prompt at ${format.bits(schedule.prefill)} bits, then ${pointsText(schedule.points)}: `
        + `${format.average(schedule.averageBits)} bits on average. ${schedule.metric} ${schedule.score.toFixed(4)}, `
        + `${schedule.referenceScore.toFixed(4)} at the highest precision`
        + (schedule.tolerance === null ? "." : `; tolerance ${schedule.tolerance}.`);
}

function stepsPlot(schedule, facts, scale) {
    const count = Math.max(schedule.maxTokens, schedule.points.at(-1).at + 8);
    const values = bitsOfSteps(schedule.points, count);
    return {
        label: `Bits over new tokens of schedule ${schedule.task}: ` + pointsText(schedule.points),
        x: { min: 0, max: count, ticks: roundTicks(0, count, 5), name: "new tokens" },
        y: {
            min: 0, max: facts.high + 0.5, ticks: facts.precisions.filter(Number.isInteger), format: format.bits, name: "bits",
        },
        areas: [{ values, look: (node, value) => scale.mark(node, value) }], steps: [{ values }],
    };
}

function evidencePlot(schedule, candidates) {
    const limit = schedule.tolerance === null ? null : schedule.tolerance * rangeOf(schedule.metric);
    const sign = lossSign(schedule.metric);
    const most = limit ? limit * tolerancesShown : Math.max(...candidates.map(one => one.loss), 1e-6);
    const least = -most * 0.12;
    const inside = value => Math.min(Math.max(value, least), most);
    const bits = candidates.map(one => one.average_bits);
    const low = Math.floor(Math.min(...bits) * 2) / 2, high = Math.ceil(Math.max(...bits) * 2) / 2;
    const chosen = schedule.points.map(point => point.bits + "@" + point.at).join(",");
    const words = candidates.map(one => `${one.schedule}: ${format.average(one.average_bits)} bits, loss ${one.loss.toFixed(4)}`);
    return {
        label: "Loss against average bits. " + words.join(". ") + ".",
        x: { min: low - 0.2, max: high + 0.2, ticks: roundTicks(low, high, 6), format: format.bits, name: "average bits" },
        y: {
            min: least, max: most, ticks: roundTicks(0, most, 4), name: "loss, " + schedule.metric,
            format: value => String(Number(value.toPrecision(3))),
        },
        rules: limit ? [{ at: limit, label: "tolerance" }] : [],
        points: candidates.map((one, index) => {
            const isBeyond = one.loss > most, isChosen = one.schedule === chosen, falls = one.schedule.includes(",");
            const hasInterval = one.low !== undefined && !isBeyond;
            return {
                at: one.average_bits, value: inside(one.loss), mark: isBeyond ? "up" : isChosen ? "diamond" : "circle",
                ...(hasInterval ? { low: inside(sign * one.low), high: inside(sign * one.high) } : {}),
                kind: isChosen ? "chosen" : falls ? "b" : "a", side: isChosen ? "below" : "above",
                name: isChosen || !falls ? one.schedule.replace(/@0$/, "") : null,
                title: words[index] + (isBeyond ? ", beyond the plot" : ""),
            };
        }),
    };
}

function candidateTable(schedule, candidates) {
    const names = ["Candidate", "Score", "Loss", "Std error", "Average bits", "Bytes per token"];
    const { evidence } = schedule;
    const notes = [
        evidence.examples ? format.counted(evidence.examples, "example") : null,
        evidence.decode_steps ? `${format.thousands(evidence.decode_steps)} decode steps run` : null,
        evidence.schedules_of_full_grid ? `${evidence.schedules_measured} of the `
            + `${format.thousands(evidence.schedules_of_full_grid)} schedules of a full grid measured` : null,
        evidence.tolerance_below_noise
            ? "the tolerance is below the standard error: more examples are needed to trust this" : null,
    ].filter(Boolean);
    return element("details", {}, element("summary", {}, `All ${candidates.length} candidates`),
        table("Candidates of schedule " + schedule.task, names, candidates.map(one => [
            one.schedule.replaceAll(",", ", "), numberText(one.score, 4), numberText(one.loss, 4),
            numberText(one.standard_error, 4), numberText(one.average_bits, 2),
            one.bytes_per_token ? format.bytes(one.bytes_per_token) : "–",
        ])),
        notes.length ? element("p", { class: "note" }, notes.join("; ") + ".") : null);
}

/** The scheduler that decides for each prompt; what its choices were worth on prompts that it had not seen. */
export function learnedSection(learned) {
    const percent = value => (typeof value === "number" ? (value * 100).toFixed(0) + "%" : "?");
    const pairs = learned?.pairs ?? [];
    return element("section", { class: "schedule" }, element("h3", {}, "learned"),
        element("p", {}, "Decides from what the prompt looks like inside the model how long each precision lasts"
            + (learned ? `; reads it at ${format.bits(learned.prefill_bits)} bits, trained for `
                + `${format.counted(learned.max_new_tokens, "new token")}.` : ".")),
        ...pairs.flatMap(pair => [
            element("h4", {}, `From ${pair.high} to ${pair.low} bits`),
            element("p", {}, pair.evidence?.held_out_accuracy === undefined ? "No evidence is recorded."
                : `${percent(pair.evidence.held_out_accuracy)} of ${pair.evidence.prompts} held-out prompts right, `
                    + `${percent(pair.evidence.accuracy_of_most_frequent)} by always guessing the most frequent answer.`),
            pair.evidence?.comparison ? comparisonTable(pair) : null,
        ]));
}

/** What the scheduler's choices are worth beside simpler ones, and beside the best that could be chosen. */
function comparisonTable({ high, low, evidence }) {
    const names = ["Choice", "Average bits", "ROUGE-L to full", "Difference", "Std error"];
    return table(`Choices from ${high} to ${low} bits`, names, evidence.comparison.map(one => [
        one.choice, numberText(one.average_bits, 2), numberText(one.rouge_l_to_full, 4), numberText(one.difference, 4),
        numberText(one.standard_error, 4),
    ]));
}
