/* rollout_plan.js - the fields of a rollout's plan as a form shows them: which kinds have which, how a value is read and written. The words of the API stay what
 * core/rollout/plan.h says. Pure; used by rollout_actions.js and its test. */

const HOUR_US = 3600e6;

/* type: number | whole | hours | percent (of one) | permille (as per cent) | steps (list of per cent) | ms (of microseconds) | words */
const steps = { key: "steps_permille", type: "steps", text: t => t("Steps, per cent of the requests") };
const minSamples = { key: "min_samples", type: "whole", text: t => t("Least labels per arm and step") };
const minStep = { key: "min_step_us", type: "hours", text: t => t("A step lasts at least, hours") };
const maxStep = { key: "max_step_us", type: "hours", text: t => t("Undecided after, hours") };
const alpha = { key: "alpha", type: "number", text: t => t("Chance of a wrong decision (alpha)") };
const margin = { key: "margin", type: "number", text: t => t("Log-loss may be worse by") };
const errors = { key: "max_error_rate", type: "percent", text: t => t("Errors allowed, per cent") };
const slow = { key: "max_p95_us", type: "ms", text: t => t("p95 of latency allowed, ms") };
const inconclusive = { key: "on_inconclusive", type: "words", text: t => t("When undecided"), words: t => [["hold", t("go on waiting")], ["pause", t("pause and ask")], ["rollback", t("roll back")], ["advance", t("go on if no worse so far")]] };
const onWin = { key: "on_win", type: "words", text: t => t("On a win"), words: t => [["pause", t("pause and ask")], ["promote", t("promote")]] };
const metricWords = t => [["logloss", t("log-loss")], ["brier", t("Brier score")], ["accuracy", t("accuracy")], ["reward", t("reward")], ["errors", t("error rate")]];

const FIELDS = {
  canary: [steps, minSamples, margin, minStep],
  blue_green: [{ key: "hold_back_permille", type: "permille", text: t => t("Held back with the old version, per cent") }, minSamples, minStep],
  shadow: [{ key: "shadow_permille", type: "permille", text: t => t("Requests that are copied, per cent") }, minSamples, { key: "min_labels", type: "whole", text: t => t("Least labelled pairs") }, { key: "min_agreement", type: "percent", text: t => t("Agreement wanted, per cent (0: not judged)") }],
  ab: [{ key: "metrics", type: "first", text: t => t("Metric that decides"), words: metricWords }, { key: "test", type: "words", text: t => t("Look"), words: t => [["always_valid", t("at any time")], ["fixed", t("once, at a fixed number")]] },
    { key: "samples_per_arm", type: "whole", text: t => t("Units per arm (one look)") }, minSamples],
  bandit: [{ key: "reward", type: "words", text: t => t("What is maximised"), words: metricWords }, { key: "floor", type: "number", text: t => t("Least share of an arm (0 to 0.5)") }, { key: "stop_at", type: "number", text: t => t("Wins at this chance to be best (0: never)") }, minSamples],
};
const COMMON = {
  canary: [alpha, errors, slow, maxStep, inconclusive], blue_green: [margin, alpha, errors, slow, maxStep, inconclusive],
  shadow: [margin, alpha, minStep, maxStep, { key: "max_psi", type: "number", text: t => t("PSI allowed (0: not judged)") }, { key: "max_latency_ratio", type: "number", text: t => t("Time allowed against the control's (0: not judged)") }, onWin, inconclusive],
  ab: [alpha, errors, slow, minStep, maxStep, onWin, inconclusive], bandit: [errors, slow, minStep, onWin],
};

export function fieldsOf(kind) {
  return FIELDS[kind];
}

export function commonFields(kind) {
  return COMMON[kind];
}

function plain(x) {
  return String(Number(x.toPrecision(12)));
}

export function toText(field, value) {
  if (value === undefined || value === null)
    return "";
  switch (field.type) {
  case "hours": return plain(value / HOUR_US);
  case "percent": return plain(value * 100);
  case "permille": return plain(value / 10);
  case "steps": return value.map(v => plain(v / 10)).join(", ");
  case "ms": return plain(value / 1000);
  case "first": return value[0] ?? "";
  default: return String(value);
  }
}

function finite(text) {
  const x = Number(text);
  return text.trim() !== "" && Number.isFinite(x) ? x : undefined;
}

/* undefined: not such a value. */
function fromText(field, text) {
  if (field.type === "words")
    return text;
  if (field.type === "first")
    return [text];
  if (field.type === "steps") {
    const parts = text.split(",").map(finite);
    return parts.every(p => p !== undefined && p > 0 && p <= 100) ? parts.map(p => Math.round(p * 10)) : undefined;
  }
  const x = finite(text);
  if (x === undefined || x < 0)
    return undefined;
  switch (field.type) {
  case "hours": return Math.round(x * HOUR_US);
  case "percent": return x / 100;
  case "permille": return Math.round(x * 10);
  case "ms": return Math.round(x * 1000);
  case "whole": return Number.isInteger(x) ? x : undefined;
  default: return x;
  }
}

/* {plan: what differs from the defaults, problems: the fields that cannot be read}. What stays untouched is not sent: the server's default holds. */
export function changedFields(fields, base, valueOf) {
  const plan = {}, problems = [];
  for (const field of fields) {
    const text = valueOf(field), before = toText(field, base[field.key]);
    if (text === before)
      continue;
    const value = fromText(field, text);
    if (value === undefined)
      problems.push(field);
    else
      plan[field.key] = value;
  }
  return { plan, problems };
}
