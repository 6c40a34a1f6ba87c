// Server-sent events out of a response's body.

/** A line without end is a broken server, not a long event. */
const longestEvent = 4 << 20;

/** The data of each event, in order. Lines may end in LF, CRLF or CR, and pieces may be cut anywhere, within a character too. */
export async function* events(body) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "", data = [];
    try {
        for (;;) {
            const { value, done } = await reader.read();
            if (done) return;
            rest += value;
            // A CR at the end may be the first half of a CRLF.
            const lines = rest.split(/\r\n|\n|\r(?!$)/);
            rest = lines.pop();
            if (rest.length > longestEvent) throw new Error("an event is longer than " + longestEvent + " characters");
            for (const line of lines) {
                if (line === "") {
                    if (data.length) yield data.join("\n");
                    data = [];
                } else if (line.startsWith("data:")) {
                    data.push(line.slice(line[5] === " " ? 6 : 5));
                }
            }
        }
    } finally {
        reader.cancel().catch(() => {});
    }
}
