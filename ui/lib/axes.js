/* axes.js - columns of runs (parameters, metrics, attributes) as axes of pictures: numbers where all of them are, else categories. Pure. */
import { padded, ticks } from "./scale.js";

/* A text or number as number; NaN if it is none. "1e-3" is one, "" and "0x10" are none. */
export function asNumber(value) {
  if (typeof value === "number")
    return value;
  if (typeof value !== "string" || !/^\s*[+-]?(\d+(?:\.\d*)?|\.\d+)(e[+-]?\d+)?\s*$/i.test(value))
    return NaN;
  return Number(value);
}

const absent = v => v === null || v === undefined || v === "NaN" || (typeof v === "number" && !Number.isFinite(v));

/* {kind: "number" | "category", values: what stands on the axis (NaN: none), domain, names, different}: categories are numbered in their order of
 * appearance, sorted as people sort. */
export function axisOf(values, { log = false } = {}) {
  const there = values.filter(v => !absent(v)), numbers = there.map(asNumber);
  if (there.length > 0 && numbers.every(Number.isFinite)) {
    const all = values.map(v => (absent(v) ? NaN : asNumber(v))), usable = all.filter(v => Number.isFinite(v) && !(log && v <= 0));
    const low = Math.min(...usable), high = Math.max(...usable);
    return { kind: "number", log: log && usable.length > 0, values: log ? all.map(v => (v > 0 ? v : NaN)) : all, domain: usable.length ? (low < high ? [low, high] : padded([low, high], log, 0)) : [0, 1], different: new Set(numbers).size };
  }
  const names = [...new Set(there.map(String))].sort(new Intl.Collator(undefined, { numeric: true }).compare), place = new Map(names.map((n, i) => [n, i]));
  return { kind: "category", log: false, names, values: values.map(v => (absent(v) ? NaN : place.get(String(v)))), domain: names.length > 1 ? [0, names.length - 1] : [-1, 1], different: names.length };
}

/* Whether a logarithmic axis suits: all above 0 and more than two decades. */
export function suitsLog(values) {
  const numbers = values.filter(v => !absent(v)).map(asNumber).filter(Number.isFinite);
  return numbers.length > 1 && Math.min(...numbers) > 0 && Math.max(...numbers) / Math.min(...numbers) > 100;
}

/* [[place, words]] of an axis; long lists of categories are thinned. */
export function axisTicks(axis, count, write) {
  if (axis.kind === "number")
    return ticks(axis.domain, count, axis.log).map(v => [v, write(v)]);
  const each = Math.max(1, Math.ceil(axis.names.length / (count * 4)));
  return axis.names.map((name, i) => [i, name]).filter(([i]) => i % each === 0);
}
