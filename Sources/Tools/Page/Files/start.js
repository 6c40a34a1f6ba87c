// The document is painted before the page's modules are asked for: together they would take as long as all the rest.

const begin = () => import("./app.js");

// Nobody paints what nobody sees.
if (document.hidden) begin();
else requestAnimationFrame(() => setTimeout(begin));
