// How a failure is shown: what went wrong, what to do, a way to try again.

import { element } from "./dom.js";

/** The server's own words, and a button. Where it asks to wait, the button waits. */
export function failureCard(error, again, more = null) {
    const button = again ? element("button", { type: "button", onclick: () => again() }, "Try again") : null;
    if (button && error.retryAfter) countDown(button, error.retryAfter);
    return element("div", { class: "failure", role: "alert" },
        element("strong", {}, error.title ?? "The page failed"),
        element("p", {}, sentence(error.message)),
        element("div", { class: "failure-foot" }, button, more));
}

function countDown(button, seconds) {
    const name = button.textContent;
    let left = Math.min(Math.ceil(seconds), 600);
    button.disabled = true;
    const tick = () => {
        button.textContent = left > 0 ? `${name} in ${left} s` : name;
        button.disabled = left > 0;
        left -= 1;
        if (left >= 0) setTimeout(tick, 1000);
    };
    tick();
}

const sentence = text => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
