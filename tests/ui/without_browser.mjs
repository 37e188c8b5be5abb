/* without_browser.mjs - lets Node load the interface's modules: node --import ./tests/ui/without_browser.mjs --test tests/ui/*.test.mjs
 *
 * The vendor's files lie where the server puts them only in the server; here they come from node_modules. The address and the language are
 * those of a page that was just opened; storage and markup are not there: what needs them is tested in a real browser. */
import { register } from "node:module";

const VENDOR = { "preact.js": "htm/preact/standalone.mjs", "uplot.js": "uplot/dist/uPlot.esm.js" };
const from = Object.fromEntries(Object.entries(VENDOR).map(([name, file]) => [name, new URL(`../../node_modules/${file}`, import.meta.url).href]));

/* Loaders run in a thread of their own, as a module that is given as text. */
register("data:text/javascript," + encodeURIComponent(`const from = ${JSON.stringify(from)};
export async function resolve(specifier, context, next) {
  const name = /\\/vendor\\/([\\w.]+)$/.exec(specifier)?.[1];
  return name ? { url: from[name], format: "module", shortCircuit: true } : next(specifier, context);
}
export async function load(url, context, next) {
  return next(url, Object.values(from).includes(url) ? { ...context, format: "module" } : context);
}`));
globalThis.location ??= new URL("http://127.0.0.1:5000/");
Object.defineProperty(globalThis, "navigator", { value: { language: "en-GB" }, configurable: true });
