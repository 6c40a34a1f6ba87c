// Elements are made here. What comes from outside goes in as text, never as markup.

const shapes = "http://www.w3.org/2000/svg";

export const find = id => document.getElementById(id);

/** An element; names that begin with "on" are listeners, false and null leave an attribute out. */
export function element(tag, attributes = {}, ...children) {
    return build(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function shape(tag, attributes = {}, ...children) {
    return build(document.createElementNS(shapes, tag), attributes, children);
}

/** Calls back at the next frame, once, however often it is called until then: what is drawn per frame costs nothing per token. */
export function framed(callback) {
    let isWaiting = false;
    return () => {
        if (isWaiting) return;
        isWaiting = true;
        requestAnimationFrame(() => {
            isWaiting = false;
            callback();
        });
    };
}

export function option(value, text, more = {}) {
    return element("option", { value, ...more }, text);
}

function build(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
        if (value === false || value === null || value === undefined) continue;
        if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
        else node.setAttribute(name, value === true ? "" : String(value));
    }
    node.append(...children.filter(child => child !== null && child !== undefined));
    return node;
}

/** Options of a select; what was chosen stays chosen where it still exists. */
export function fill(select, options) {
    const before = select.value;
    select.replaceChildren(...options);
    if (options.some(one => one.value === before && !one.disabled)) select.value = before;
}
