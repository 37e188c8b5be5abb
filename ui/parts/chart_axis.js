/* chart_axis.js - the words at a chart's axes and in its tooltip: numbers, steps, durations, local times, each as fine as the ticks lie apart. Pure. */
import { bytes, duration, full, isTime, number, when } from "../lib/format.js";
import { locale } from "../lib/words.js";

const SI = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];
const DAY = 86400000;
/* Ticks of durations and times (ms) fall on whole seconds, minutes, hours, days. */
export const TIME_STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 15000, 30000, 60000, 120000, 300000, 600000, 900000, 1800000,
  3600000, 7200000, 10800000, 21600000, 43200000, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 90 * DAY, 365 * DAY, 1825 * DAY];

/* How many places after the point a step has. */
function placesOf(step) {
  let places = 0;
  while (places < 12 && Math.abs(step * 10 ** places - Math.round(step * 10 ** places)) > 1e-6 * step * 10 ** places)
    places++;
  return places;
}

/* A logarithmic axis has words only at 1, 2 and 5 times a power of ten. */
function between(v) {
  const m = Number((v / 10 ** Math.floor(Math.log10(v) + 1e-9)).toPrecision(6));
  return m !== 1 && m !== 2 && m !== 5;
}

/* A tick's number with as many digits as ticks `step` apart need; step 0: of a logarithmic axis. */
export function tickNumber(v, step) {
  if (v === null || v === undefined || !Number.isFinite(v))
    return "";
  if (step === 0 && between(v))
    return "";
  const size = Math.abs(v), [unit, suffix] = SI.find(([u]) => size >= 10 * u) ?? (size >= 1e4 ? SI[3] : [1, ""]);
  if (v === 0 && step > 0 && step < 1e-4)
    return "0";
  if (v !== 0 && size < 1e-4)
    return v.toExponential(Math.min(3, Math.max(0, Math.floor(Math.log10(size)) - Math.floor(Math.log10(step || size))))).replace("-", "−").replace("e-", "e−");
  if (size >= 1e16)
    return number(v);
  const text = step ? (v / unit).toFixed(placesOf(step / unit)) : String(Number((v / unit).toPrecision(4)));
  return text.replace("-", "−") + (suffix ? " " + suffix : "");
}

/* Milliseconds, in the unit that the tick's size asks for. */
export function tickDuration(v, step) {
  const size = Math.abs(v);
  if (v === 0)
    return "0";
  if (size < 1)
    return tickNumber(v * 1000, step && step * 1000) + " µs";
  if (size < 1000)
    return tickNumber(v, step) + " ms";
  return size < 60000 ? tickNumber(v / 1000, step && step / 1000) + " s" : duration(v);
}

export function tickY(v, step, unit) {
  return v === null ? "" : unit === "bytes" ? bytes(v) : unit === "ms" ? tickDuration(v, step) : tickNumber(v, step);
}

/* Ticks of bytes fall on powers of two. */
export const BYTE_STEPS = Array.from({ length: 50 }, (_, i) => 2 ** i);

/* Local times; the day stands where it changes. */
export function tickTimes(splits, step) {
  const time = new Intl.DateTimeFormat(locale(), step < 1000 ? { minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 }
    : step < 60000 ? { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" } : { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const date = new Intl.DateTimeFormat(locale(), step >= 28 * DAY ? { year: "numeric", month: "short" } : { month: "short", day: "numeric" });
  let before = "";
  return splits.map(v => {
    if (!isTime(v))
      return "";
    const today = date.format(v), changed = today !== before;
    before = today;
    return step >= DAY ? today : time.format(v) + (changed ? "\n" + today : "");
  });
}

/* All digits. */
export function yFull(v, unit) {
  return v === null || Number.isNaN(v) ? "–" : full(v) + (unit ? " " + unit.replace("bytes", "B") : "");
}

export function xText(v, kind) {
  return kind === "time" ? when(v) : kind === "duration" ? duration(v) : full(v);
}
