// What screen readers hear: short news at once, and an answer sentence by sentence, each once.

import { element, find } from "./dom.js";

/** Ends of sentences, and of lines. */
const sentence = /^[\s\S]*?(?:[.!?…]["')\]]*\s|\n)/;
/** A sentence without end is said in pieces of this length. */
const longest = 240;

export function announce(text) {
    find("status").textContent = text;
}

/** Says an answer while it grows. */
export class Speaker {
    constructor() {
        this.rest = "";
        find("spoken").replaceChildren();
    }

    append(text) {
        this.rest += text;
        for (;;) {
            const match = sentence.exec(this.rest);
            if (!match && this.rest.length <= longest) return;
            const end = match ? match[0].length : this.rest.lastIndexOf(" ", longest) + 1 || longest;
            this.say(this.rest.slice(0, end));
            this.rest = this.rest.slice(end);
        }
    }

    finish() {
        this.say(this.rest);
        this.rest = "";
    }

    say(text) {
        if (text.trim()) find("spoken").append(element("p", {}, text.trim()));
    }
}
