/* runlists.js - long lists of chosen runs. An address holds ADDRESS_MAX ids (servers and proxies take 8 KiB); a longer list is kept in this browser, the last
 * LISTS_MAX of them, and the address has its name. What should be shared is a filter. Used by the rooms of runs and of comparing. */
import { hash } from "./colour.js";
import { load, save } from "./store.js";

export const ADDRESS_MAX = 200;
const LISTS_MAX = 3, KEY = "runs.lists";

/* The ids as a parameter of an address. */
export function listText(ids) {
  if (ids.length <= ADDRESS_MAX)
    return ids.join(",");
  const name = "~" + hash(ids.join()).toString(36), lists = load(KEY, []);
  if (!lists.some(list => list.name === name))
    save(KEY, [{ name, ids }, ...lists].slice(0, LISTS_MAX));
  return name;
}

/* The ids that a parameter names, each once; null: a list that this browser does not have (any more). */
export function listOf(text) {
  if (text.startsWith("~"))
    return load(KEY, []).find(list => list.name === text)?.ids ?? null;
  return [...new Set(text.split(",").map(id => id.trim()).filter(Boolean))];
}
