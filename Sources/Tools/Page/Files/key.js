// The dialog that asks for the server's key.

import { find } from "./dom.js";

/** Resolves to the key, or to null where it was not given. */
export function askForKey(refused) {
    const dialog = find("key-dialog"), field = find("key");
    find("key-error").textContent = refused ? "The server does not know this key." : "";
    field.value = "";
    dialog.showModal();
    field.focus();
    return new Promise(resolve => {
        const settled = new AbortController();
        const once = { signal: settled.signal };
        const end = key => {
            settled.abort();
            field.value = "";
            dialog.close();
            resolve(key);
        };
        find("key-form").addEventListener("submit", event => {
            event.preventDefault();
            end(field.value.trim());
        }, once);
        find("key-cancel").addEventListener("click", () => end(null), once);
        dialog.addEventListener("cancel", event => {
            event.preventDefault();
            end(null);
        }, once);
    });
}
