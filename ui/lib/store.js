/* store.js - what a user prefers, kept in this browser (localStorage): theme, language, columns, colours. State of a
 * page does not belong here but in its URL. Values are JSON; a broken or missing one is the default. A private window
 * that refuses storage keeps them for the page's life. */
import { useEffect, useState } from "./html.js";

const PREFIX = "ingot.";
const memory = new Map();
const listeners = new Map(); /* key -> Set of functions */

export function load(key, fallback) {
  if (memory.has(key))
    return memory.get(key);
  try {
    const text = localStorage.getItem(PREFIX + key);
    return text === null ? fallback : JSON.parse(text);
  } catch {
    return fallback;
  }
}

/* null or undefined forgets the key. */
export function save(key, value) {
  const gone = value === null || value === undefined;
  if (gone)
    memory.delete(key);
  else
    memory.set(key, value);
  try {
    if (gone)
      localStorage.removeItem(PREFIX + key);
    else
      localStorage.setItem(PREFIX + key, JSON.stringify(value));
  } catch { /* storage is refused or full: memory has it */ }
  for (const f of listeners.get(key) ?? [])
    f(value);
}

export function watch(key, f) {
  if (!listeners.has(key))
    listeners.set(key, new Set());
  listeners.get(key).add(f);
  return () => listeners.get(key).delete(f);
}

/* [value, set]: as useState, but kept, and the same in every component that uses the key. */
export function useStored(key, fallback) {
  const [value, set] = useState(() => load(key, fallback));
  useEffect(() => watch(key, v => set(v === null || v === undefined ? fallback : v)), [key]);
  return [value, v => save(key, typeof v === "function" ? v(load(key, fallback)) : v)];
}
