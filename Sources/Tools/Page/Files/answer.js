// One streamed answer: what is asked, what has come so far, how fast.

import { stream } from "./api.js";

/** A speed is taken over as many tokens and as much time at least: less jumps, as tokens come in bunches; more hides a switch. */
const speedTokens = 10;
const speedSeconds = 0.15;
/** Before that nothing is said of the speed. */
const leastSeconds = 0.03;

export class Answer {
    constructor(facts, plan) {
        this.facts = facts;
        this.plan = plan;
        this.text = "";
        /** Of every token: its bits (null where nobody said), and when it came, in seconds. */
        this.bits = [];
        this.times = [];
        this.begun = null;
        this.finish = null;
        /** What the server says of it at the end. */
        this.usage = null;
        this.running = false;
    }

    /**
     * Asks and reads to the end. `onToken(text, bits)` is called for every token; a token that is a part of a character brings
     * its text with the next.
     * @throws what `stream` throws; what has come until then stays.
     */
    async run(messages, settings, signal, onToken) {
        this.running = true;
        this.begun = performance.now();
        const common = {
            model: this.facts.id, max_tokens: settings.maxTokens, temperature: settings.temperature, top_p: settings.topP,
            repeat_penalty: settings.repeatPenalty, stream: true, stream_options: { include_usage: true },
            ...(settings.seed === null ? {} : { seed: settings.seed }),
            ...(Object.keys(this.plan.precision).length ? { precision: this.plan.precision } : {}),
        };
        try {
            const chunks = this.facts.hasChat
                ? stream("/v1/chat/completions", { ...common, messages }, signal)
                // Without a chat format a prompt is continued as it stands.
                : stream("/v1/completions", { ...common, prompt: messages.at(-1).content }, signal);
            for await (const chunk of chunks) this.take(chunk, onToken);
        } catch (error) {
            this.finish = error.name === "AbortError" ? "stopped" : "error";
            throw error;
        } finally {
            this.running = false;
        }
    }

    take(chunk, onToken) {
        if (chunk.usage) this.usage = chunk.usage;
        const choice = chunk.choices?.[0];
        if (!choice) return;
        if (choice.finish_reason) this.finish = choice.finish_reason;
        const text = choice.delta?.content ?? choice.text ?? "";
        // A chunk that neither is a token nor has text opens or ends the answer.
        if (!choice.taper && !text) return;
        const bits = choice.taper?.bits ?? null;
        this.text += text;
        this.bits.push(bits);
        this.times.push((performance.now() - this.begun) / 1000);
        onToken(text, bits);
    }

    get tokenCount() {
        return this.bits.length;
    }

    get averageBits() {
        if (this.usage?.taper?.average_bits !== undefined) return this.usage.taper.average_bits;
        const known = this.bits.filter(bits => bits !== null);
        return known.length ? known.reduce((sum, bits) => sum + bits, 0) / known.length : null;
    }

    get bytesPerToken() {
        if (this.usage?.taper?.bytes_per_token !== undefined) return this.usage.taper.bytes_per_token;
        const bytes = this.bits.map(bits => this.facts.bytesAt(bits)).filter(one => one !== null);
        return bytes.length ? bytes.reduce((sum, one) => sum + one, 0) / bytes.length : null;
    }

    /** While it runs of the last tokens, at the end the server's own figure. */
    get tokensPerSecond() {
        if (this.usage?.taper?.tokens_per_second !== undefined) return this.usage.taper.tokens_per_second;
        return this.speeds().at(-1)?.[1] ?? null;
    }

    /** Of tokens from the second on: their numbers, and tokens per second up to them. */
    speeds() {
        const { times } = this, all = [];
        let first = 0;
        for (let index = 1; index < times.length; index += 1) {
            while (index - first > speedTokens && times[index] - times[first + 1] >= speedSeconds) first += 1;
            const elapsed = times[index] - times[first];
            if (elapsed >= leastSeconds) all.push([index + 1, (index - first) / elapsed]);
        }
        return all;
    }

    /** Why it ended, in words; null for an answer that ended by itself. */
    get endText() {
        return { length: "cut at the limit of tokens", stopped: "stopped", error: "broke off" }[this.finish] ?? null;
    }
}
