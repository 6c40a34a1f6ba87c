// What a bundle is, as `/props` tells it, in the form that the views need.

import { get } from "./api.js";
import { parsePoints } from "./plan.js";

export class Facts {
    constructor(props) {
        this.props = props;
        this.id = props.id;
        /** Ascending. */
        this.precisions = props.precisions.map(one => one.bits).sort((a, b) => a - b);
        this.bytesPerToken = new Map(props.precisions.map(one => [one.bits, one.bytes_per_token]));
        this.low = this.precisions[0];
        this.high = this.precisions.at(-1);
        this.schedules = props.schedules.map(stored => this.schedule(stored));
        this.hasLearned = props.learned;
        this.hasAdaptive = props.adaptive;
        /** What runs where a request names nothing. */
        this.unnamed = {
            name: props.default.schedule, prefill: props.default.prefill_bits, points: this.points(props.default.switch),
        };
        this.hasChat = props.chat.format;
        this.readsSystem = props.chat.format && props.chat.system;
    }

    /** Bytes that a token at these bits reads; null for precisions that the bundle does not say it has. */
    bytesAt(bits) {
        return this.bytesPerToken.get(bits) ?? null;
    }

    /** The lowest precision that a schedule falls to, else the lowest of all: what "low" means until somebody says. */
    get usualLow() {
        const points = [this.unnamed.points, ...this.schedules.map(one => one.points)].flatMap(one => one ?? []);
        const lowest = Math.min(...points.map(point => point.bits));
        return lowest < this.high ? lowest : this.low;
    }

    points(text) {
        return text ? parsePoints(text, this.precisions).points ?? null : null;
    }

    /** A schedule that the bundle stores. */
    schedule(stored) {
        return {
            task: stored.task,
            prefill: stored.prefill_bits,
            points: this.points(stored.switch),
            averageBits: stored.average_bits,
            metric: stored.metric,
            score: stored.score,
            referenceScore: stored.reference_score,
            tolerance: stored.tolerance ?? null,
            maxTokens: stored.max_tokens,
            evidence: stored.evidence ?? null,
            quality: stored.quality ?? null,
        };
    }
}

export async function modelNames() {
    return (await get("/v1/models")).data.map(model => model.id);
}

export async function factsOf(model) {
    return new Facts(await get("/props?model=" + encodeURIComponent(model)));
}
