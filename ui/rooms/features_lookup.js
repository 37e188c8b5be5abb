/* features_lookup.js - the form of one entity as the request that reads its features. Pure. */

/* Microseconds as the text of an <input type="datetime-local">, UTC; now where there are no events. */
export function lookupTime(us, now_ms = Date.now()) {
  return new Date(us === undefined ? now_ms : us / 1000).toISOString().slice(0, 19);
}

/* fields: {time, "key.NAME", "number.NAME"}. An empty key is no key, an empty number a missing one. */
export function lookupBody(view, fields) {
  const at_ms = Date.parse(fields.time + "Z");
  const column = (names, kind, read) => Object.fromEntries(names.map(name => [name, [read(fields[`${kind}.${name}`])]]));
  return { time_us: [Number.isNaN(at_ms) ? 0 : at_ms * 1000], keys: column(view.keys, "key", x => (x ? x : null)), numbers: column(view.numbers, "number", x => (x === undefined || x === "" ? null : Number(x))) };
}
