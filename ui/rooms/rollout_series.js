/* rollout_series.js - a rollout's course (GET …/rollouts/{id}/course) as series of charts. Pure; used by rollout_evidence.js and its test.
 * x is event time in ms. A value that is not known yet is null. */
import { palette } from "../lib/colour.js";

function times(course) {
  return course.map(d => d.at_us / 1000);
}

/* A line with its bounds as a band; where one bound is unknown the band has no width there. */
function banded(id, name, x, rows) {
  return { id, name, x, stroke: palette[0], dash: [], y: rows.map(r => r?.diff ?? null), min: rows.map(r => r?.lo ?? null), max: rows.map(r => r?.hi ?? null), points: true };
}

/* The difference that decides: of a canary candidate - control; of an A/B test one line per candidate and metric. */
export function differences(t, rollout, metric) {
  const { course, kind } = rollout, x = times(course);
  if (kind === "ab" || kind === "bandit") {
    const keys = new Map();
    for (const d of course)
      for (const c of d.report.comparisons ?? [])
        if (!metric || c.metric === metric)
          keys.set(`v${c.version} ${c.metric}`, { version: c.version, metric: c.metric });
    return [...keys].map(([id, k], i) => ({ ...banded(id, `v${k.version}`, x, course.map(d => d.report.comparisons?.find(c => c.version === k.version && c.metric === k.metric))), stroke: palette[(i + 1) % palette.length] }));
  }
  if (kind === "shadow")
    return [banded("loss", t("log-loss, candidate − control"), x, course.map(d => (d.report.loss_delta ? { diff: d.report.loss_delta.value, lo: d.report.loss_delta.lo, hi: d.report.loss_delta.hi } : null)))];
  return [banded("loss", t("log-loss, candidate − control"), x, course)];
}

/* Guardrails: the evidence against each, and the boundary where it is enough. */
export function guardrails(t, rollout) {
  const x = times(rollout.course), names = { errors: t("errors"), latency: t("slow answers") };
  const first = rollout.course.find(d => d.report.guards) ?? (rollout.now.report.guards ? rollout.now : null);
  if (!first)
    return { series: [], boundaries: [] };
  const series = first.report.guards.map((g, i) => ({ id: g.name, stroke: palette[i ? 0 : 1], dash: i ? [6, 4] : [], name: names[g.name] ?? g.name, x, y: rollout.course.map(d => d.report.guards?.find(o => o.name === g.name)?.log_e ?? null), points: true }));
  const boundaries = first.report.guards.map(g => ({ y: g.boundary, text: names[g.name] ?? g.name, kind: "bad" }));
  return { series, boundaries: boundaries.filter((b, i) => boundaries.findIndex(o => o.y === b.y) === i).map(b => ({ ...b, text: t("boundary") })) };
}

/* A column of each arm over time: units, requests, permille, chance_best, mean_reward, labels. */
export function armSeries(rollout, key, factor = 1) {
  const x = times(rollout.course), arms = rollout.now.report.arms ?? [];
  return arms.map((a, i) => ({ id: `v${a.version}`, name: `v${a.version}`, stroke: palette[i % palette.length], dash: [], x, points: rollout.course.length < 60,
    y: rollout.course.map(d => {
      const v = d.report.arms?.find(o => o.version === a.version)?.[key];
      return v === null || v === undefined ? null : v * factor;
    }) }));
}

/* A figure of a shadow's report: "agreement.value", "psi", "ks", "delta.p99". */
export function shadowSeries(rollout, fields) {
  const x = times(rollout.course);
  return fields.map(([path, name, factor = 1], i) => ({ id: path, name, stroke: palette[i % palette.length], dash: [], x, points: true, y: rollout.course.map(d => {
    const v = path.split(".").reduce((o, k) => o?.[k], d.report);
    return v === null || v === undefined ? null : v * factor;
  }) }));
}

/* Where the decision fell: lines at the changes. */
export function changeMarks(t, rollout) {
  const words = { advance: t("next step"), promote: t("promoted"), rollback: t("rolled back"), pause: t("paused"), resume: t("resumed") };
  return rollout.course.filter(d => words[d.verdict]).map(d => ({ x: d.at_us / 1000, text: words[d.verdict], kind: { rollback: "bad", promote: "ok", pause: "warn" }[d.verdict] ?? "accent" }));
}

/* How far the labelled requests of the present step are: [{name, have, want}]. Empty where a kind has no such minimum. */
export function samples(t, rollout) {
  const { plan, now, kind } = rollout, r = now.report;
  if (kind === "canary")
    return r.arms.map((a, i) => ({ name: i ? t("candidate, labels of this step") : t("control, labels of this step"), have: a.step_labels, want: plan.min_samples })).filter((_, i) => i || plan.steps_permille[now.step] < 1000);
  if (kind === "blue_green")
    return [{ name: t("requests of the candidate"), have: r.arms[1].requests, want: plan.min_samples }];
  if (kind === "shadow")
    return [{ name: t("pairs"), have: r.pairs, want: plan.min_samples }, ...(plan.min_labels > 0 ? [{ name: t("labelled pairs"), have: r.labels, want: plan.min_labels }] : [])];
  if (kind === "ab") {
    const want = plan.test === "fixed" && plan.samples_per_arm > 0 ? plan.samples_per_arm : plan.min_samples, metric = plan.metrics?.[0] ?? "logloss";
    const mine = r.comparisons.filter(c => c.metric === metric);
    return mine.length ? [{ name: t("control"), have: mine[0].n_control, want }, ...mine.map(c => ({ name: `v${c.version}`, have: c.n, want }))] : [];
  }
  return [];
}
