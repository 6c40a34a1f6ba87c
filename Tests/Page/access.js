// Run in the page: what of it those cannot use who see little or nothing. Returns what was looked at and what is wrong.
() => {
    const faults = [];
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    canvas.canvas.width = canvas.canvas.height = 1;

    /** Any colour of a style, as red, green, blue in 0...255 and alpha in 0...1. */
    const colour = text => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = text;
        canvas.fillRect(0, 0, 1, 1);
        const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
        return { rgb: [red, green, blue], alpha: alpha / 255 };
    };
    const over = (front, back) => front.rgb.map((value, index) => value * front.alpha + back[index] * (1 - front.alpha));
    /** What is behind a node's text: its own ground over those of its ancestors. */
    const ground = node => {
        const grounds = [];
        for (let at = node; at; at = at.parentElement) {
            const one = colour(getComputedStyle(at).backgroundColor);
            grounds.push(one);
            if (one.alpha > 0.999) break;
        }
        return grounds.reverse().reduce((back, one) => over(one, back), [255, 255, 255]);
    };
    /** Relative luminance and contrast as in WCAG 2.2. */
    const luminance = rgb => {
        const [red, green, blue] = rgb.map(value => value / 255)
            .map(value => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const contrast = (a, b) => {
        const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
        return (high + 0.05) / (low + 0.05);
    };
    const isShown = node => node.getClientRects().length > 0 && !node.closest(".hidden, .skip, dialog:not([open])")
        && getComputedStyle(node).visibility === "visible";
    const name = node =>
        `${node.localName}#${node.id}.${node.getAttribute("class") ?? ""} “${node.textContent.trim().slice(0, 30)}”`;

    let texts = 0;
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let text = walker.nextNode(); text; text = walker.nextNode()) {
        const node = text.parentElement;
        if (!text.data.trim() || !isShown(node) || ["SCRIPT", "STYLE", "NOSCRIPT", "title"].includes(node.nodeName)) continue;
        const style = getComputedStyle(node);
        const size = parseFloat(style.fontSize), isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
        const back = ground(node), front = colour(node instanceof SVGElement ? style.fill : style.color);
        const found = contrast(over(front, back), back);
        texts += 1;
        if (found < (isLarge ? 3 : 4.5)) faults.push(`contrast ${found.toFixed(2)}: ${name(node)}`);
        if (size < 10.5) faults.push(`letters of ${size} px: ${name(node)}`);
    }
    // The edge of a field must be seen as well (WCAG 1.4.11).
    for (const node of document.querySelectorAll("input:not([type=checkbox]), textarea, select")) {
        if (!isShown(node) || node.disabled) continue;
        const found = contrast(colour(getComputedStyle(node).borderTopColor).rgb, ground(node.parentElement));
        if (found < 3) faults.push(`edge ${found.toFixed(2)}: ${name(node)}`);
    }
    // A target is at least 24 pixels high or wide enough to be hit (WCAG 2.5.8).
    for (const node of document.querySelectorAll("button, a, select, summary, input")) {
        if (!isShown(node)) continue;
        const box = (node.closest("label.check") ?? node).getBoundingClientRect();
        if (box.height < 24 || box.width < 24) faults.push(`target of ${box.width} x ${box.height}: ${name(node)}`);
    }
    const ids = [...document.querySelectorAll("[id]")].map(node => node.id);
    for (const id of new Set(ids)) if (ids.filter(one => one === id).length > 1) faults.push("two elements are called " + id);
    for (const attribute of ["aria-labelledby", "aria-describedby", "for"]) {
        for (const node of document.querySelectorAll(`[${attribute}]`)) {
            for (const id of node.getAttribute(attribute).split(" ").filter(one => !ids.includes(one))) {
                faults.push(`no ${id}: ${name(node)}`);
            }
        }
    }
    for (const node of document.querySelectorAll("svg")) {
        const hasWords = node.getAttribute("aria-hidden") === "true" || node.getAttribute("aria-label");
        if (isShown(node) && !hasWords) faults.push("a picture without words");
    }
    if (!document.documentElement.lang) faults.push("no language");
    if (document.querySelectorAll("main").length !== 1) faults.push("not one main part");
    const headings = [...document.querySelectorAll("h1, h2, h3")].filter(node => node.getClientRects().length > 0);
    // Parts beside the main one begin with a heading of their own.
    let level = 0;
    for (const node of headings.filter(one => !one.closest("aside, dialog"))) {
        const own = Number(node.localName[1]);
        if (own > level + 1) faults.push(`a level of headings is left out: ${name(node)}`);
        level = own;
    }
    if (headings.filter(one => one.localName === "h1").length !== 1) faults.push("not one heading of the first level");
    return { texts, faults };
}
