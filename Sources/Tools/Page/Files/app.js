// Begins the page: views, the model, what happens when something is pressed anywhere.

import { announce } from "./announce.js";
import { whenKeyIsNeeded } from "./api.js";
import { BitScale } from "./bits.js";
import { BundlePage } from "./bundle.js";
import { Chat } from "./chat.js";
import { Compare } from "./compare.js";
import { element, find, option } from "./dom.js";
import { factsOf, modelNames } from "./facts.js";
import { failureCard } from "./failure.js";
import { askForKey } from "./key.js";
import { Live } from "./live.js";
import { Settings } from "./settings.js";

const views = { chat: "Chat", compare: "Side by side", bundle: "Bundle" };
const narrow = matchMedia("(max-width: 60rem)");

const live = new Live();
const settings = new Settings(() => {
    document.body.classList.toggle("plain", !settings.coloured);
    compare?.empty();
});
const chat = new Chat(settings, live);
const compare = new Compare(settings, live);
const bundle = new BundlePage();

function show() {
    const wanted = location.hash.slice(1);
    const name = wanted in views ? wanted : "chat";
    for (const id of Object.keys(views)) find(id).hidden = id !== name;
    find("aside").hidden = name === "bundle";
    document.title = name === "chat" ? "Taper" : views[name] + " – Taper";
    for (const link of document.querySelectorAll("nav a")) {
        if (link.hash.slice(1) === name) link.setAttribute("aria-current", "page");
        else link.removeAttribute("aria-current");
    }
    if (name === "compare" && compare.columns.length) live.show(compare.series);
}

async function load(model) {
    try {
        const facts = await factsOf(model);
        const scale = new BitScale(facts.precisions);
        live.setFacts(facts, scale);
        settings.setFacts(facts, scale);
        compare.setFacts(facts, scale);
        bundle.setFacts(facts, scale);
        chat.setFacts(facts, scale);
        announce(`Model ${model} is ready`);
    } catch (error) {
        broken(error, () => load(model));
    }
}

async function begin() {
    try {
        const names = await modelNames();
        const select = find("model");
        select.replaceChildren(...names.map(name => option(name, name)));
        select.disabled = names.length < 2;
        await load(names[0]);
    } catch (error) {
        broken(error, begin);
    }
}

/** Nothing works without the model: the failure stands where a conversation would. */
function broken(error, again) {
    find("conversation").replaceChildren(element("div", { class: "welcome" }, failureCard(error, () => {
        find("conversation").replaceChildren(find("welcome") ?? chat.welcome);
        again();
    })));
}

whenKeyIsNeeded(askForKey);
addEventListener("hashchange", () => {
    show();
    const title = find(location.hash.slice(1) in views ? location.hash.slice(1) : "chat").querySelector("h1");
    title.tabIndex = -1;
    title.focus({ preventScroll: true });
    scrollTo(0, 0);
});
addEventListener("keydown", event => {
    if (event.key !== "Escape" || find("key-dialog").open || !(chat.busy || compare.busy)) return;
    event.preventDefault();
    chat.stop();
    compare.stop();
});
document.querySelector(".skip").addEventListener("click", event => {
    // The part of an address after # names a view here.
    event.preventDefault();
    const view = Object.keys(views).find(id => !find(id).hidden);
    (find(view).querySelector("textarea") ?? find("model")).focus();
});
find("model").addEventListener("change", event => load(event.target.value));
for (const id of ["plots", "settings"]) find(id).open = !narrow.matches;
show();
if (!narrow.matches && !find("chat").hidden) find("prompt").focus({ preventScroll: true });
begin();
