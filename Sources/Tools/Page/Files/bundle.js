// The bundle page: what the file is, what each precision costs and is worth, and why its schedules are as they are.

import { element, find } from "./dom.js";
import { learnedSection, scheduleSection } from "./evidence.js";
import * as format from "./format.js";
import { pointsText } from "./plan.js";
import { logTicks, Plot, roundTicks } from "./plot.js";
import { numberText, table } from "./table.js";

export class BundlePage {
    setFacts(facts, scale) {
        const later = [];
        const draw = (place, height, model) => later.push(() => new Plot(place, height).draw(model));
        find("bundle-title").textContent = facts.id;
        find("bundle-body").replaceChildren(
            factList(facts), qualitySection(facts, scale, draw), element("h2", {}, "Schedules"), unnamedText(facts),
            ...facts.schedules.map(one => scheduleSection(one, facts, scale, draw)),
            ...(facts.hasLearned ? [learnedSection(facts.props.learned_evidence)] : []));
        // Plots are measured once they have a place.
        later.forEach(one => one());
    }
}

function factList(facts) {
    const { props } = facts;
    const trained = props.trained_context > props.context ? ` of ${format.thousands(props.trained_context)}` : "";
    const rows = [
        ["Family", props.family], ["Weights", format.count(props.weights)], ["File", format.bytes(props.memory.bundle_bytes)],
        ["Layers", props.layers], ["Vocabulary", format.thousands(props.vocabulary)],
        ["Context", format.thousands(props.context) + trained],
        ["Precisions", facts.precisions.map(format.bits).join(", ") + " bits"],
        ["Chat format", facts.hasChat ? (facts.readsSystem ? "yes" : "yes, without system prompt") : "none"],
        ["Instructions", props.instruction_set], ["Threads", props.threads], ["Answers at once", props.answers_at_once],
        ["Memory of the server", format.bytes(props.memory.resident_bytes)],
    ];
    return element("dl", { class: "facts" }, ...rows.map(([name, value]) =>
        element("div", {}, element("dt", {}, name), element("dd", {}, String(value)))));
}

function unnamedText(facts) {
    const { name, points } = facts.unnamed;
    const none = facts.schedules.length || facts.hasLearned ? []
        : [" The bundle stores none; ", element("code", {}, "taper calibrate"), " finds one for your task."];
    return element("p", { class: "lead" }, "Where a request names none, ", element("strong", {}, name), " runs",
        points ? `: ${pointsText(points)}.` : ".", ...none);
}

/** A row for every precision, from the highest down, then one for every schedule that was measured. */
function qualityRows(facts) {
    const constant = [...facts.precisions].reverse().map(bits => ({
        name: format.bitsName(bits), bits, bytes: facts.bytesAt(bits),
        row: facts.props.quality.find(one => one.bits === bits) ?? {},
    }));
    const scheduled = facts.schedules.filter(one => one.quality).map(one => ({
        name: "static:" + one.task, bits: null, bytes: one.quality.bytes_per_token, row: one.quality,
    }));
    return [...constant, ...scheduled];
}

function qualitySection(facts, scale, draw) {
    const rows = qualityRows(facts);
    const most = Math.max(...rows.map(one => one.bytes));
    const bar = one => {
        const share = element("span", { class: "share", "aria-hidden": "true" });
        share.style.setProperty("--share", (one.bytes / most).toFixed(3));
        return one.bits === null ? share : scale.mark(share, one.bits);
    };
    const cells = rows.map(({ name, bytes, row, bits }) => [
        name, [element("span", { class: "bytes" }, format.bytes(bytes)), bar({ bytes, bits })],
        numberText(row.perplexity, 2), numberText(row.over_full, 3), numberText(row.kl, 4), numberText(row.kl_p99, 3),
        row.top1 == null ? "–" : format.percent(row.top1),
    ]);
    const names = ["Precision", "Bytes per token", "Perplexity", "Over full", "KL, mean", "KL, 99%", "Top-1"];
    const measured = rows.filter(one => one.row.kl > 0);
    const plot = element("div", { class: "plot" });
    if (measured.length) draw(plot, 260, qualityPlot(measured));
    const text = facts.props.quality_text;
    return element("section", { "aria-labelledby": "quality-title" },
        element("h2", { id: "quality-title" }, "What each precision costs and is worth"),
        measured.length ? element("figure", {}, plot, element("figcaption", {},
            "Divergence from the full model against bytes read for a token: low and to the left is better. ",
            "Circles are precisions, diamonds are schedules.")) : null,
        table("Quality of every precision", names, cells),
        element("p", { class: "note" }, facts.props.full_perplexity == null ? "The bundle holds no measurements of quality."
            : `Full precision has a perplexity of ${facts.props.full_perplexity.toFixed(2)} on ${text ?? "the same text"}.`));
}

function qualityPlot(rows) {
    const most = Math.max(...rows.map(one => one.bytes)) * 1.08, values = rows.map(one => one.row.kl);
    const [min, max] = [Math.min(...values) / 1.6, Math.max(...values) * 1.6];
    const constant = rows.filter(one => one.bits !== null).sort((a, b) => a.bytes - b.bytes);
    const [unit, unitName] = most >= 1e9 ? [1e9, "GB"] : most >= 1e6 ? [1e6, "MB"] : [1e3, "kB"];
    const seen = new Set();
    const words = rows.map(one => `${one.name}: ${format.bytes(one.bytes)} per token, ${one.row.kl.toFixed(4)}`);
    return {
        label: "KL divergence against bytes per token. " + words.join(". ") + ".",
        x: {
            min: 0, max: most, ticks: roundTicks(0, most, 6), name: unitName + " per token",
            format: value => String(Number((value / unit).toPrecision(4))),
        },
        y: { min, max, log: true, ticks: logTicks(min, max), name: "KL divergence" },
        lines: [{ values: constant.map(one => [one.bytes, one.row.kl]), kind: "faint" }],
        points: rows.map((one, index) => {
            // Schedules that are equal share a place, and one name is enough there.
            const place = one.bytes + " " + one.row.kl, isFirst = !seen.has(place), isSchedule = one.bits === null;
            seen.add(place);
            return {
                at: one.bytes, value: one.row.kl, mark: isSchedule ? "diamond" : "circle", kind: isSchedule ? "chosen" : "a",
                name: isFirst ? one.name : null, side: isSchedule ? "left" : "above", title: words[index],
            };
        }),
    };
}
