/* rollout_words.js - rollouts in words: what a decision was, what an act will do. Pure: the words (t) and the forms of numbers (f: lib/format.js) are handed in,
 * so that tests need no browser. Used by rollout.js and rollout_actions.js. */

/* Of permille: "5 %", "12.5 %". */
export function share(permille) {
  return `${Number((permille / 10).toFixed(1))} %`;
}

export function kindWord(t, kind) {
  return { canary: t("Canary"), blue_green: t("Blue-green"), shadow: t("Shadow"), ab: t("A/B test"), bandit: t("Bandit") }[kind] ?? String(kind);
}

export function metricWord(t, metric) {
  return { logloss: t("log-loss"), brier: t("Brier score"), accuracy: t("accuracy"), reward: t("reward"), errors: t("error rate") }[metric] ?? String(metric);
}

/* What the primary comparison of a plan is about. */
export function primaryMetric(plan) {
  return plan.kind === "ab" ? plan.metrics?.[0] ?? "logloss" : plan.kind === "bandit" ? plan.reward ?? "accuracy" : "logloss";
}

const MORE_IS_BETTER = new Set(["accuracy", "reward"]);

/* "0.141 [0.0548, 0.2273]"; what is not known is left out. */
function interval(f, diff, lo, hi) {
  if (diff === null || diff === undefined)
    return "";
  const around = lo !== null && lo !== undefined && hi !== null && hi !== undefined ? ` [${f.number(lo)}, ${f.number(hi)}]` : "";
  return f.number(diff) + around;
}

/* "log-loss worse by 0.141 [0.0548, 0.2273], limit 0.05"; "" where nothing was compared. */
export function comparison(t, f, plan, d) {
  if (d.diff === null || d.diff === undefined)
    return "";
  const metric = primaryMetric(plan), bad = MORE_IS_BETTER.has(metric) ? -1 : 1, worse = d.diff * bad > 0;
  const flip = x => (x === null || x === undefined ? x : worse ? x * bad : -x * bad);
  const [lo, hi] = [flip(d.lo), flip(d.hi)].sort((a, b) => a - b);
  const amount = interval(f, flip(d.diff), d.lo === null || d.lo === undefined ? null : lo, d.hi === null || d.hi === undefined ? null : hi);
  const text = worse ? t("{metric} worse by {amount}", { metric: metricWord(t, metric), amount }) : t("{metric} better by {amount}", { metric: metricWord(t, metric), amount });
  return plan.margin !== undefined && plan.kind !== "ab" && plan.kind !== "bandit" ? text + ", " + t("limit {limit}", { limit: f.number(plan.margin) }) : text;
}

function guardText(t, f, d, name) {
  const guard = d.report?.guards?.find(g => g.name === name);
  if (!guard)
    return name === "errors" ? t("too many errors") : t("too many slow answers");
  const args = { rate: f.percent(guard.candidate, 2), control: f.percent(guard.control, 2), limit: f.percent(guard.limit, 1) };
  return name === "errors" ? t("errors {rate} against {control}, limit {limit}", args) : t("slow answers {rate} against {control}, limit {limit}", args);
}

/* Why, in words. */
function reasonWords(t, f, plan, d) {
  const compared = comparison(t, f, plan, d);
  switch (d.reason) {
  case "worse": return compared || t("shown to be worse");
  case "errors": return guardText(t, f, d, "errors");
  case "latency": return guardText(t, f, d, "latency");
  case "latency_quantile": return t("a quantile of latency is beyond its limit");
  case "not_worse": return t("shown not to be worse") + (compared ? `: ${compared}` : "");
  case "held": return t("the last step held") + (compared ? `: ${compared}` : "");
  case "inconclusive": return t("inconclusive") + (compared ? `: ${compared}` : "");
  case "samples": return t("too few labelled requests yet") + (compared ? `; ${compared}` : "");
  case "min_time": return t("the step has not lasted long enough") + (compared ? `; ${compared}` : "");
  case "by_hand": return d.note ? t("by hand: {note}", { note: d.note }) : t("by hand");
  case "paused": return t("it waits for a person");
  case "passed": return t("every check passed");
  case "won": return t("a winner was shown") + (compared ? `: ${compared}` : "");
  case "srm": return t("the split is not the planned one");
  case "learned": return t("from the rewards so far");
  case "barred": return t("an arm broke a guardrail");
  case "control_best": return t("the control is the best");
  case "agreement": return t("the answers do not agree often enough yet");
  case "psi": return t("the outputs are distributed differently");
  default: return String(d.reason ?? "");
  }
}

/* "Rolled back at 5 %: log-loss worse by 0.141 [0.0548, 0.2273], limit 0.05". */
export function decisionWords(t, f, plan, d) {
  const from = share(d.from_permille), to = share(d.to_permille), why = reasonWords(t, f, plan, d);
  const shifts = plan.kind === "canary" && d.from_permille < 1000;
  const what = {
    hold: shifts ? t("Stayed at {share}", { share: from }) : t("Went on"),
    advance: t("Went from {from} to {to}", { from, to }),
    promote: t("Promoted"),
    rollback: shifts ? t("Rolled back at {share}", { share: from }) : t("Rolled back"),
    pause: shifts ? t("Paused at {share}", { share: from }) : t("Paused"),
    resume: t("Resumed"),
    shift: t("New shares: {share} not to the control", { share: to }),
    none: t("Nothing was decided"),
  }[d.verdict] ?? String(d.verdict);
  return why ? `${what}: ${why}` : what;
}

/* What a running rollout waits for, or what its evidence says. */
export function standingWords(t, f, plan, now) {
  return now.verdict === "hold" || now.verdict === "none" ? t("It goes on: {why}", { why: reasonWords(t, f, plan, now) }) : decisionWords(t, f, plan, now);
}

/* [kind of badge.js] of a decision. */
export function verdictKind(verdict) {
  return { advance: "ok", promote: "ok", rollback: "bad", pause: "warn", resume: "running", shift: "running" }[verdict] ?? "off";
}

/* Where the traffic is now, in words: "v3 answers 5 % of the requests and v2 95 %". */
export function trafficWords(t, state) {
  if (state.kind === "shadow")
    return t("v{candidate} gets copies of {share} of the requests and answers nobody; v{control} answers all", { candidate: state.candidate, control: state.control, share: share(state.shadow_permille ?? 1000) });
  const arms = state.shares ?? [{ version: state.control, permille: 1000 - state.permille }, { version: state.candidate, permille: state.permille }];
  return arms.map(a => t("v{version} answers {share}", { version: a.version, share: share(a.permille) })).join(", ");
}

/* One sentence that says what the act will do, from the present state. state: {kind, control, candidate, permille, shares, step, plan}. */
export function actWords(t, action, state, evidence) {
  const now = t("Now {traffic}.", { traffic: trafficWords(t, state) }), at = { control: state.control, candidate: state.candidate };
  const tail = evidence ? " " + t("The evidence so far: {evidence}.", { evidence }) : " " + t("There is no evidence to compare them yet.");
  switch (action) {
  case "promote": return `${t("v{candidate} becomes the version that answers everybody, and the rollout ends; v{control} stays loaded for a quick way back.", at)} ${now}${tail}`;
  case "rollback": return `${t("v{control} answers everybody again, and the rollout of v{candidate} ends.", at)} ${now}${tail}`;
  case "pause": return `${t("The shares stay as they are and nothing but a guardrail decides until somebody resumes, promotes or rolls back.")} ${now}`;
  case "resume": return `${t("The evidence decides again.")} ${now}`;
  default: return now;
  }
}

/* The steps of a canary as a track: [{permille, state: "done" | "here" | "failed" | "ahead" | "unreached", at_us: when it was entered, or
 * broken off}]. */
export function trackSteps(plan, rollout) {
  const steps = plan.steps_permille ?? [], entered = [rollout.started_us], over = rollout.state !== "running";
  for (const d of rollout.course ?? [])
    if (d.verdict === "advance")
      entered[d.step + 1] = d.at_us;
  return steps.map((permille, i) => {
    let state = i < rollout.step ? "done" : i === rollout.step ? "here" : over ? "unreached" : "ahead";
    if (over && rollout.state === "promoted")
      state = "done";
    else if (over && i === rollout.step)
      state = "failed";
    return { permille, state, at_us: state === "failed" ? rollout.finished_us : entered[i] ?? null };
  });
}

/* What each version of `meant` ([{version}]) answered of late while all of them were there, from GET …/live: [{version, part}]. */
export function measuredShares(past, meant) {
  const columns = meant.map(({ version }) => past.versions.find(v => v.version === version)?.requests ?? []);
  const together = past.t_us.map((_, i) => columns.every(c => c[i] !== null && c[i] !== undefined)); /* before, one of them was not there */
  return meant.map(({ version }, k) => ({ version, part: columns[k].reduce((n, x, i) => (together[i] ? n + x : n), 0) }));
}
