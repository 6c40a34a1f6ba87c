// The server's API: requests, the key, errors with what to do about them.

import { events } from "./events.js";

/** What went wrong, and what to do. */
export class Failure extends Error {
    constructor(title, message, { status = 0, param = null, retryAfter = null } = {}) {
        super(message);
        this.title = title;
        this.status = status;
        /** The member of the request at fault. */
        this.param = param;
        /** Seconds that the server asks to wait. */
        this.retryAfter = retryAfter;
    }
}

const titles = {
    400: "The server does not accept this request",
    401: "The server asks for its key",
    403: "The server refuses this address",
    404: "The server does not have that",
    413: "That is more than the server reads",
    429: "Too many requests",
    503: "The server is busy",
};

/** In memory only: it is gone with the tab. */
let key = null;
/** Asks a person for the key; resolves to it, or to null. */
let askForKey = async () => null;
let asking = null;

export function whenKeyIsNeeded(ask) {
    askForKey = ask;
}

async function send(path, options) {
    const headers = { ...options.headers };
    if (key !== null) headers.Authorization = "Bearer " + key;
    try {
        return await fetch(path, { ...options, headers, credentials: "omit", cache: "no-store" });
    } catch (error) {
        if (error.name === "AbortError") throw error;
        throw new Failure("The server does not answer", "See whether taper serve still runs, then try again.");
    }
}

async function request(path, options = {}) {
    let response = await send(path, options);
    let refused = false;
    while (response.status === 401) {
        // Requests that fail together ask once.
        asking ??= askForKey(refused).finally(() => (asking = null));
        const given = await asking;
        if (given === null) break;
        key = given;
        refused = true;
        response = await send(path, options);
    }
    if (!response.ok) throw await failure(response);
    return response;
}

async function failure(response) {
    let error = null;
    try {
        error = (await response.json()).error;
    } catch {
        // Not the server's own form: what stands in front of it may answer in another.
    }
    const after = Number(response.headers.get("Retry-After"));
    return new Failure(
        titles[response.status] ?? "The server failed",
        error?.message ?? "It answered with status " + response.status + ".",
        { status: response.status, param: error?.param ?? null, retryAfter: after > 0 ? after : null });
}

export async function get(path) {
    return (await request(path)).json();
}

/** The chunks of a streamed answer. An error that comes in the middle is thrown like one that comes first. */
export async function* stream(path, body, signal) {
    const response = await request(path, {
        method: "POST", signal, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
    let isDone = false;
    try {
        for await (const data of events(response.body)) {
            // Read on to the end of the body: a connection that is left in the middle cannot be used again.
            isDone ||= data === "[DONE]";
            if (isDone) continue;
            const chunk = JSON.parse(data);
            if (chunk.error) {
                throw new Failure("The answer stopped early", chunk.error.message);
            }
            yield chunk;
        }
    } catch (error) {
        if (error instanceof Failure || error.name === "AbortError") throw error;
        throw new Failure("The connection broke", "The server went away while it answered. See whether taper serve still runs.");
    }
    if (isDone) return;
    throw new Failure("The connection broke", "The answer ended before it was complete. See whether taper serve still runs.");
}
