/* keys.js - keyboard shortcuts. "g r" is g, then r within a second. They rest while the user types and while a dialog is open. */
import { useEffect } from "./html.js";

const SEQUENCE_MS = 1000;
const shortcuts = new Map(); /* "g r" -> {help, run} */
let first = "", firstAt = 0;

function typing(target) {
  return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector("dialog[open]"))
    return;
  const now = Date.now(), two = first && now - firstAt < SEQUENCE_MS ? `${first} ${event.key}` : "";
  const found = shortcuts.get(two) ?? shortcuts.get(event.key);
  first = found ? "" : event.key;
  firstAt = now;
  if (found) {
    event.preventDefault();
    found.run(event);
  }
}

/* Returns what removes it. `help` is the translated sentence of the list under "?". */
function addKey(keys, help, run) {
  const entry = { help, run };
  shortcuts.set(keys, entry);
  return () => shortcuts.get(keys) === entry && shortcuts.delete(keys);
}

export function useKey(keys, help, run) {
  useEffect(() => addKey(keys, help, run));
}

/* [[keys, help]] of now, for the help dialog. */
export function keyList() {
  return [...shortcuts].map(([keys, { help }]) => [keys, help]);
}

export function startKeys() {
  addEventListener("keydown", pressed);
}
