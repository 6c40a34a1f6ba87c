// Which precision a decode step has: switch points, and what is asked of the server.

const pointForm = /^(\d+(?:\.\d{1,2})?)@(\d{1,9})$/;

/** Switch points written as "6@0,4@32": `{ points }`, or `{ error }` that says what to mend. */
export function parsePoints(text, precisions) {
    const points = [];
    for (const piece of text.split(",").map(one => one.trim())) {
        const match = pointForm.exec(piece);
        if (!match) return { error: (piece ? `“${piece}” is no switch point; ` : "") + "write bits@step, such as 6@0,4@32" };
        const point = { bits: Number(match[1]), at: Number(match[2]) };
        const last = points.at(-1);
        if (!precisions.includes(point.bits)) {
            return { error: `the bundle has no ${match[1]} bits; it has ${precisions.join(", ")}` };
        }
        if (!last && point.at !== 0) return { error: `the first point stands at step 0; found ${piece}` };
        if (last && point.at <= last.at) return { error: `steps rise; found ${point.at} after ${last.at}` };
        if (last && point.bits >= last.bits) return { error: `bits fall; found ${point.bits} after ${last.bits}` };
        points.push(point);
    }
    return { points };
}

export const pointsText = points => points.map(point => point.bits + "@" + point.at).join(", ");

/** Bits of the first steps, for a picture of a schedule. */
export function bitsOfSteps(points, count) {
    const all = [];
    let next = 0;
    for (let step = 0; step < count; step += 1) {
        while (next < points.length && points[next].at <= step) next += 1;
        all.push(points[Math.max(next - 1, 0)].bits);
    }
    return all;
}

/**
 * What a choice of the settings means: its name, the request's `precision`, and its points where they are known before the
 * prompt is read.
 */
export function planOf(choice, facts) {
    const prefill = choice.prefill ? { prefill_bits: choice.prefill } : {};
    const constant = bits => ({
        name: bits + " bits", precision: { bits, ...prefill }, points: [{ bits, at: 0 }],
    });
    switch (choice.kind) {
    case "low": return constant(choice.low);
    case "high": return constant(facts.high);
    case "learned": return { name: "learned", precision: { schedule: "learned", ...prefill }, points: null };
    case "adaptive": return { name: "by need", precision: { schedule: "adaptive", ...prefill }, points: null };
    case "switch": {
        const { points, error } = parsePoints(choice.points, facts.precisions);
        const written = (points ?? []).map(point => point.bits + "@" + point.at).join(",");
        return { name: "own switch points", precision: { switch: written, ...prefill }, points: points ?? null, error };
    }
    case "static": {
        const stored = facts.schedules.find(one => one.task === choice.task);
        const name = "static:" + choice.task;
        return { name, precision: { schedule: name, ...prefill }, points: stored?.points ?? null, stored };
    }
    default: {
        const { name, points } = facts.unnamed;
        return { name, precision: prefill, points, stored: facts.schedules.find(one => "static:" + one.task === name) };
    }
    }
}
