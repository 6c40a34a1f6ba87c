// Numbers as people read them.

const units = ["B", "kB", "MB", "GB", "TB"];

/** Three digits and a decimal unit, as the command line writes them: "84.7 MB". */
export function bytes(count) {
    let value = count, unit = 0;
    while (value >= 999.5 && unit < units.length - 1) {
        value /= 1000;
        unit += 1;
    }
    return (unit === 0 || value >= 99.95 ? value.toFixed(0) : value.toFixed(1)) + " " + units[unit];
}

export const fixed = (value, digits) => value.toFixed(digits);

/** Bits without needless zeros: 4, 3.5, 4.23. */
export const bits = value => String(Math.round(value * 100) / 100);

export const bitsName = value => bits(value) + (value === 1 ? " bit" : " bits");

/** An average keeps two digits, so that it does not jump about while it changes. */
export const average = value => value.toFixed(2);

/** Three digits are what a measurement of speed is worth. */
export const rate = value => (value >= 99.5 ? value.toFixed(0) : value >= 9.95 ? value.toFixed(1) : value.toFixed(2));

export const seconds = value => (value < 0.9995 ? (value * 1000).toFixed(0) + " ms" : value.toFixed(1) + " s");

export const percent = fraction => (fraction * 100).toFixed(1) + "%";

/** "+3.1%", "−29%" of what it is compared with. */
export function change(value, reference) {
    const share = (value / reference - 1) * 100;
    if (Math.abs(share) < 0.05) return "±0%";
    return (share < 0 ? "−" : "+") + Math.abs(share).toFixed(Math.abs(share) < 9.95 ? 1 : 0) + "%";
}

/** Digits in threes, with narrow spaces that do not break. */
export const thousands = number => String(number).replace(/\B(?=(\d{3})+$)/g, "\u202f");

/** "135 million". */
export function count(number) {
    if (number < 1e6) return thousands(number);
    const [unit, name] = number < 1e9 ? [1e6, "million"] : [1e9, "billion"];
    return Number((number / unit).toPrecision(3)) + " " + name;
}

export const counted = (count, noun) => count + " " + noun + (count === 1 ? "" : "s");
