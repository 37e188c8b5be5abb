/* format.js - numbers and times as people read them. Four significant digits, SI suffixes from 10 k, bytes in KiB and MiB, durations
 * "1 h 03 m", times relative. What is missing is "–", NaN is "NaN": never 0. Each has a full form for the title (hover) and for copying. */
import { locale, t } from "./words.js";

export const MISSING = "–";
const MINUS = "\u2212";

function signed(text) {
  return text.startsWith("-") ? MINUS + text.slice(1) : text;
}

/* 4 significant digits without padding zeros. */
function digits4(x) {
  const text = Number(x.toPrecision(4));
  return Math.abs(text) < 1e-4 || Math.abs(text) >= 1e21 ? text.toExponential().replace("e+", "e") : String(text);
}

const SI = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];

export function number(x) {
  if (x === null || x === undefined || x === "")
    return MISSING;
  const v = Number(x);
  if (Number.isNaN(v))
    return "NaN";
  if (!Number.isFinite(v))
    return v > 0 ? "∞" : MINUS + "∞";
  if (v === 0)
    return "0";
  const size = Math.abs(v);
  if (size >= 1e16)
    return signed(v.toPrecision(4).replace("e+", "e"));
  if (Number.isInteger(v) && size < 10000)
    return signed(String(v));
  if (size >= 9999.5)
    for (const [unit, suffix] of SI)
      if (size >= unit * 0.99995)
        return signed(digits4(v / unit)) + " " + suffix;
  return signed(digits4(v));
}

/* All digits that the value has. */
export function full(x) {
  if (x === null || x === undefined)
    return MISSING;
  return typeof x === "number" ? (Number.isFinite(x) ? String(x) : number(x)) : String(x);
}

export function integer(x) {
  return x === null || x === undefined ? MISSING : signed(new Intl.NumberFormat(locale(), { maximumFractionDigits: 0 }).format(x));
}

/* A share of one, as per cent. */
export function percent(x, places = 1) {
  return x === null || x === undefined || Number.isNaN(x) ? number(x) : signed((100 * x).toFixed(places)) + " %";
}

/* With its sign; 0 has none. */
export function delta(x) {
  return typeof x === "number" && x > 0 ? "+" + number(x) : number(x);
}

export function bytes(n) {
  if (n === null || n === undefined || Number.isNaN(n))
    return number(n);
  if (n < 0)
    return MINUS + bytes(-n);
  if (n < 1024)
    return `${Number.isInteger(n) ? n : digits4(n)} B`;
  let size = n / 1024, unit = 0;
  while (size >= 1024 && unit < 3) {
    size /= 1024;
    unit++;
  }
  return `${Number(size.toPrecision(size < 1000 ? 3 : 4))} ${["KiB", "MiB", "GiB", "TiB"][unit]}`;
}

function two(n) {
  return String(Math.floor(n)).padStart(2, "0");
}

/* Milliseconds: "840 ms", "12.4 s", "3 m 07 s", "1 h 03 m", "2 d 04 h". */
export function duration(ms) {
  if (ms === null || ms === undefined || Number.isNaN(ms))
    return MISSING;
  if (ms < 0)
    return MINUS + duration(-ms);
  if (ms < 60000)
    ms = Number(ms.toPrecision(3)); /* 59.99 s is a minute */
  if (ms < 1)
    return `${Number((ms * 1000).toPrecision(3))} µs`;
  if (ms < 1000)
    return `${ms} ms`;
  const s = ms / 1000;
  if (s < 60)
    return `${s} s`;
  if (s < 3600)
    return `${Math.floor(s / 60)} m ${two(s % 60)} s`;
  if (s < 86400)
    return `${Math.floor(s / 3600)} h ${two((s % 3600) / 60)} m`;
  return `${Math.floor(s / 86400)} d ${two((s % 86400) / 3600)} h`;
}

/* Whether a clock can show it: clients also send nanoseconds for milliseconds, and dates end in the year 275760. */
export function isTime(ms) {
  return typeof ms === "number" && Math.abs(ms) <= 8.64e15;
}

/* "3 min ago"; `now` for tests. Milliseconds since 1970. */
export function ago(ms, now = Date.now()) {
  if (!isTime(ms))
    return MISSING;
  const s = (ms - now) / 1000, size = Math.abs(s);
  if (size < 10)
    return t("just now");
  const f = new Intl.RelativeTimeFormat(locale(), { numeric: "auto", style: "short" });
  for (const [unit, seconds, until] of [["second", 1, 60], ["minute", 60, 3600], ["hour", 3600, 86400], ["day", 86400, 86400 * 30],
    ["month", 86400 * 30.44, 86400 * 365], ["year", 86400 * 365.25, Infinity]])
    if (size < until)
      return f.format(Math.trunc(s / seconds) || Math.sign(s), unit); /* 30 days are not yet one mean month */
  return MISSING;
}

/* The absolute local time with its zone. */
export function when(ms) {
  if (!isTime(ms))
    return Number.isNaN(ms) ? MISSING : full(ms); /* what was sent instead of a time */
  return new Date(ms).toLocaleString(locale(), { year: "numeric", month: "short", day: "2-digit", hour: "2-digit", minute: "2-digit",
    second: "2-digit", timeZoneName: "short" });
}

/* Only the day. Event times of data lie long ago: relative ones say nothing there. */
export function day(ms) {
  return !isTime(ms) ? MISSING : new Date(ms).toISOString().slice(0, 10);
}

export function shortId(id) {
  return id.length > 12 ? id.slice(0, 8) : id;
}
