// The conversation.

import { announce, Speaker } from "./announce.js";
import { Answer } from "./answer.js";
import { element, find, framed } from "./dom.js";
import * as format from "./format.js";
import { Turn } from "./turn.js";

/** How near the end a reader counts as following. */
const followingPixels = 60;

export class Chat {
    constructor(settings, live) {
        this.settings = settings;
        this.live = live;
        this.turns = [];
        this.abort = null;
        this.facts = null;
        this.place = find("conversation");
        this.welcome = find("welcome");
        this.prompt = find("prompt");
        /** Whether the reader is at the end, and so wants to stay there. */
        this.follows = true;
        this.place.addEventListener("scroll", () => {
            this.follows = this.place.scrollHeight - this.place.scrollTop - this.place.clientHeight < followingPixels;
        }, { passive: true });
        this.follow = framed(() => this.follows && this.toEnd());
        find("composer").addEventListener("submit", event => {
            event.preventDefault();
            this.submit();
        });
        this.prompt.addEventListener("keydown", event => {
            // Enter within a composition ends the composition.
            if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
            event.preventDefault();
            this.submit();
        });
        find("stop").addEventListener("click", () => this.stop());
        find("new-chat").addEventListener("click", () => this.startNew());
    }

    /** Another model begins another conversation: its tokens and its bits are others. */
    setFacts(facts, scale) {
        this.facts = facts;
        this.scale = scale;
        this.startOver();
        const prompts = suggestions(facts);
        find("suggestions").replaceChildren(...prompts.map(text =>
            element("li", {}, element("button", { type: "button", onclick: () => this.send(text) }, text))));
    }

    get busy() {
        return this.abort !== null;
    }

    stop() {
        this.abort?.abort();
    }

    startOver() {
        this.stop();
        this.turns = [];
        this.place.replaceChildren(this.welcome);
        this.live.show([]);
        find("new-chat").hidden = true;
    }

    startNew() {
        this.startOver();
        announce("New chat");
        this.prompt.focus({ preventScroll: true });
    }

    toEnd() {
        this.follows = true;
        this.place.scrollTop = this.place.scrollHeight;
    }

    submit() {
        const text = this.prompt.value.trim();
        if (!text || this.busy || !this.facts) return;
        if (this.send(text)) this.prompt.value = "";
    }

    /** Whether it was sent: settings that are not sound are shown instead. */
    send(text) {
        if (this.busy) return false;
        const settings = this.settings.checked();
        if (!settings) return false;
        this.turns.at(-1)?.close();
        this.ask(text, settings);
        return true;
    }

    again(turn) {
        if (this.busy) return;
        const settings = this.settings.checked();
        if (!settings) return;
        this.turns = this.turns.filter(one => one !== turn);
        turn.node.remove();
        this.ask(turn.prompt, settings);
    }

    async ask(text, settings) {
        const messages = this.messages(text, settings.system);
        const answer = new Answer(this.facts, settings.plan);
        const turn = new Turn(text, answer, this.scale);
        const speaker = new Speaker();
        this.turns.push(turn);
        this.welcome.remove();
        this.place.append(turn.node);
        this.toEnd();
        this.live.show([{ answer, name: settings.plan.name, kind: "a" }]);
        const abort = (this.abort = new AbortController());
        this.running(true);
        announce("Answering");
        let failure = null;
        try {
            await answer.run(messages, settings, abort.signal, (piece, bits) => {
                turn.append(piece, bits);
                speaker.append(piece);
                this.live.changed();
                this.follow();
            });
        } catch (error) {
            if (error.name !== "AbortError") failure = error;
        }
        if (this.abort === abort) {
            this.abort = null;
            this.running(false);
        }
        if (!this.turns.includes(turn)) return;
        speaker.finish();
        this.finish(turn, failure);
    }

    finish(turn, error) {
        const { answer } = turn;
        turn.finish({
            error, last: true, again: () => this.again(turn), startOver: () => this.startNew(),
            plot: () => {
                this.live.show([{ answer, name: answer.plan.name, kind: "a" }]);
                find("plots").open = true;
                find("plots").scrollIntoView({ block: "nearest" });
                announce("The plots show this answer");
            },
        });
        this.live.changed();
        this.follow();
        if (error) return;
        this.live.refresh();
        const bits = answer.averageBits === null ? "" : `, ${format.average(answer.averageBits)} bits on average`;
        announce(`Answer complete, ${format.counted(answer.tokenCount, "token")}${bits}`);
    }

    /** What was said so far. An answer that broke off before its first word is left out with its prompt. */
    messages(text, system) {
        const before = this.turns.filter(turn => turn.answer.text).flatMap(turn => [
            { role: "user", content: turn.prompt }, { role: "assistant", content: turn.answer.text },
        ]);
        return [...(system ? [{ role: "system", content: system }] : []), ...before, { role: "user", content: text }];
    }

    running(now) {
        find("send").hidden = now;
        find("stop").hidden = !now;
        find("new-chat").hidden = this.turns.length === 0;
        // A button that goes takes the focus with it.
        if (document.activeElement === document.body) this.prompt.focus({ preventScroll: true });
    }
}

/** Below this size a model knows little but the texts it was trained on. */
const toyBytes = 8e6;

/** Prompts to begin with. The sample model of this project knows the first chapters of Genesis and nothing else. */
function suggestions(facts) {
    if (facts.props.memory.bundle_bytes < toyBytes) return ["Who was Noah?", "Who was Adam?", "Who was Abram?"];
    return [
        "Why is regular exercise good for you? Answer in one paragraph.",
        "How does a rainbow form?",
        "Give me three tips for a good night's sleep.",
    ];
}
