/* rollout_evidence.js - what a rollout's evidence said over time, by its kind: differences with their always-valid bounds and the line they must stay below or
 * cross, guardrails with their boundary, counts against the minimum, and the figures of each arm. Part of rollout.js. */
import { html, useMemo } from "../lib/html.js";
import { integer, number, percent, duration } from "../lib/format.js";
import { t } from "../lib/words.js";
import { Badge } from "../parts/badge.js";
import { Chart } from "../parts/chart.js";
import { KeyValues } from "../parts/kv.js";
import { Card } from "../parts/page.js";
import { Scroll } from "../parts/scroll.js";
import { Empty } from "../parts/states.js";
import { armSeries, changeMarks, differences, guardrails, samples, shadowSeries } from "./rollout_series.js";
import { metricWord, primaryMetric } from "./rollout_words.js";

const X = { kind: "time" };

/* bands: of a single known point, whose own band has no width. */
function Plot({ label, series, y = {}, marks, bands, x = X, note, empty }) {
  return html`<${Card} label=${label}><${Chart} label=${label} series=${series} x=${x} y=${y} marks=${marks} bands=${bands} height=${220} sync="rollout" legend=${series.length > 1} empty=${empty ?? t("No decision with evidence yet.")} gaps=${empty ?? t("No decision with evidence yet.")} />${note && html`<p class="soft">${note}</p>`}</${Card}>`;
}

function Samples({ rollout }) {
  const rows = samples(t, rollout);
  return rows.length > 0 && html`<${Card} title=${t("Enough to decide?")}><${Scroll}><table class="plain bars"><tbody>${rows.map(r => html`<tr key=${r.name} data-have=${r.have} data-want=${r.want}><td class="says">${r.name}</td><td class="wide"><progress max=${r.want} value=${Math.min(r.have, r.want)} aria-label=${r.name}></progress></td>
    <td class="right">${integer(r.have)} / ${integer(r.want)}</td><td><${Badge} kind=${r.have >= r.want ? "ok" : "warn"}>${r.have >= r.want ? t("enough") : t("Inconclusive")}</${Badge}></td></tr>`)}</tbody></table></${Scroll}>
    <p class="soft">${t("Below the minimum nothing but a guardrail may speak.")}</p></${Card}>`;
}

function Arms({ rollout }) {
  const arms = rollout.now.report.arms ?? [], canary = rollout.now.report.guards !== undefined, bandit = rollout.kind === "bandit";
  const role = i => (i === 0 ? t("control") : t("candidate"));
  return html`<${Card} title=${t("Arms")}><${Scroll}><table class="plain arms"><thead><tr><th>${t("Version")}</th><th>${t("Role")}</th><th class="right">${t("Requests")}</th><th class="right">${t("Errors")}</th>
    ${canary ? html`<th class="right">${t("Slow")}</th><th class="right">${t("Labels")}</th><th class="right">${t("Log-loss")}</th><th class="right">${t("Brier")}</th>`
      : html`<th class="right">${t("Units")}</th><th class="right">${t("Share")}</th><th class="right">${t("Mean reward")}</th>${bandit && html`<th class="right">${t("Chance to be best")}</th><th class="right">${t("Value (SNIPS)")}</th>`}`}</tr></thead>
    <tbody>${arms.map((a, i) => html`<tr key=${a.version} data-version=${a.version}><td>v${a.version}</td><td>${role(i)}</td><td class="right" data-requests=${a.requests}>${integer(a.requests)}</td><td class="right">${integer(a.errors)}</td>
      ${canary ? html`<td class="right">${integer(a.slow)}</td><td class="right">${integer(a.labels)}</td><td class="right" title=${a.loss}>${number(a.loss)}</td><td class="right" title=${a.brier}>${number(a.brier)}</td>`
        : html`<td class="right">${integer(a.units)}</td><td class="right">${percent(a.permille / 1000)}</td><td class="right">${number(a.mean_reward)}</td>${bandit && html`<td class="right">${percent(a.chance_best)}</td><td class="right">${number(a.snips)}${a.snips_se !== null ? ` ± ${number(a.snips_se)}` : ""}</td>`}`}
    </tr>`)}</tbody></table></${Scroll}></${Card}>`;
}

/* A quantile of latency that the plan judges: of the canary's candidate, or of each candidate of an A/B test. */
function Quantiles({ rollout }) {
  const r = rollout.now.report, rows = r.latency ? [[rollout.candidate, r.latency]] : (r.arms ?? []).filter(a => a.latency).map(a => [a.version, a.latency]);
  const text = a => (a.value_us === null ? "–" : `${duration(a.value_us / 1000)} [${a.lo_us === null ? "–" : duration(a.lo_us / 1000)}, ${a.hi_us === null ? "–" : duration(a.hi_us / 1000)}]`);
  return rows.length > 0 && html`<${Card} title=${t("Latency against the control")}><${Scroll}><table class="plain"><thead><tr><th>${t("Version")}</th><th>${t("Quantile")}</th><th>${t("Candidate")}</th><th>${t("Control")}</th><th class="right">${t("Times allowed")}</th><td></td></tr></thead>
    <tbody>${rows.map(([version, q]) => html`<tr key=${version}><td>v${version}</td><td>p${number(100 * q.quantile)}</td><td>${text(q.candidate)}</td><td>${text(q.control)}</td><td class="right">${number(q.max_ratio)}</td><td><${Badge} kind=${q.broken ? "bad" : "ok"}>${q.broken ? t("broken") : t("not broken")}</${Badge}></td></tr>`)}</tbody></table></${Scroll}></${Card}>`;
}

/* With one decision the axis goes over the whole rollout; else over the decisions. */
function spanOf(rollout) {
  const end = rollout.finished_us ?? rollout.course[rollout.course.length - 1]?.at_us;
  return rollout.course.length === 1 && end > rollout.started_us ? { kind: "time", range: [rollout.started_us / 1000, end / 1000 + (end - rollout.started_us) / 10000] } : X;
}

function lone(line) {
  const known = line.y.flatMap((v, i) => (v === null ? [] : [i])), i = known[0];
  return known.length === 1 && line.min[i] !== null && line.max[i] !== null ? [{ y: [line.min[i], line.max[i]], text: `[${number(line.min[i])}, ${number(line.max[i])}]`, kind: "accent" }] : undefined;
}

function Canary({ rollout }) {
  const marks = useMemo(() => [{ y: rollout.plan.margin, text: t("limit"), kind: "bad" }, { y: 0, text: t("equal") }, ...changeMarks(t, rollout)], [rollout]);
  const lines = useMemo(() => differences(t, rollout), [rollout]), guards = useMemo(() => guardrails(t, rollout), [rollout]);
  const x = useMemo(() => spanOf(rollout), [rollout]), bands = useMemo(() => lone(lines[0]), [lines]);
  return html`<div class="grid charts"><${Plot} label=${t("Log-loss: candidate − control")} series=${lines} marks=${marks} bands=${bands} x=${x} note=${t("Bounds that hold at every look: above the limit with the whole band, it is rolled back; below with the whole band, the step may end.")} />
    <${Plot} label=${t("Evidence against the guardrails")} series=${guards.series} marks=${guards.boundaries} x=${x} y=${{ label: "ln e" }} note=${t("A guardrail is broken where its line reaches the boundary and the control does better.")} /></div>
    <div class="grid"><${Samples} rollout=${rollout} /><${Arms} rollout=${rollout} /></div><${Quantiles} rollout=${rollout} />`;
}

function Ab({ rollout }) {
  const plan = rollout.plan, metrics = plan.metrics ?? [primaryMetric(plan)];
  const marks = useMemo(() => [{ y: 0, text: t("equal") }, ...changeMarks(t, rollout)], [rollout]);
  return html`<div class="grid charts">${metrics.map(m => html`<${Plot} key=${m} label=${t("{metric}: candidate − control", { metric: metricWord(t, m) })} series=${differences(t, rollout, m)} marks=${marks}
      note=${plan.test === "fixed" ? t("One look, when every arm has its samples; the bounds before are of that one look.") : t("Bounds that hold at every look: where the whole band leaves 0, it is decided.")} />`)}
    <${Plot} label=${t("Units")} series=${armSeries(rollout, "units")} y=${{ range: [0, null] }} /></div>
    <div class="grid"><${Samples} rollout=${rollout} /><${Arms} rollout=${rollout} /></div><${Comparisons} rollout=${rollout} /><${Quantiles} rollout=${rollout} />`;
}

function Comparisons({ rollout }) {
  const rows = rollout.now.report.comparisons ?? [];
  return rows.length > 0 && html`<${Card} title=${t("Comparisons with the control")}><${Scroll}><table class="plain"><thead><tr><th>${t("Version")}</th><th>${t("Metric")}</th><th class="right">n</th><th class="right">${t("Difference")}</th><th class="right">${t("Bounds")}</th><th class="right">p</th></tr></thead>
    <tbody>${rows.map(c => html`<tr key=${`${c.version} ${c.metric}`} data-version=${c.version} data-metric=${c.metric}><td>v${c.version}</td><td>${metricWord(t, c.metric)} <span class="soft">${c.more_is_better ? t("more is better") : t("less is better")}</span></td><td class="right">${integer(c.n_control)} : ${integer(c.n)}</td>
      <td class="right" title=${c.diff}>${number(c.diff)}</td><td class="right">[${number(c.lo)}, ${number(c.hi)}]</td><td class="right">${number(c.p_corrected)}</td></tr>`)}</tbody></table></${Scroll}></${Card}>`;
}

function Bandit({ rollout }) {
  return html`<div class="grid charts"><${Plot} label=${t("Shares")} series=${armSeries(rollout, "permille", 0.1)} y=${{ unit: "%", range: [0, 100] }} marks=${changeMarks(t, rollout)} note=${t("A request's chance of each version; rewards are weighed by it.")} />
    <${Plot} label=${t("Chance to be the best")} series=${armSeries(rollout, "chance_best", 100)} y=${{ unit: "%", range: [0, 100] }} marks=${rollout.plan.stop_at > 0 ? [{ y: 100 * rollout.plan.stop_at, text: t("wins here"), kind: "ok" }] : []} />
    <${Plot} label=${t("Mean reward")} series=${armSeries(rollout, "mean_reward")} /><${Plot} label=${t("Requests")} series=${armSeries(rollout, "requests")} y=${{ range: [0, null] }} /></div><${Arms} rollout=${rollout} />`;
}

function quantiles(q, f) {
  return q ? Object.entries(q).filter(([, v]) => v !== null).map(([k, v]) => `${k} ${f(v)}`).join(" · ") || "–" : "–";
}

function withBounds(b, f = number) {
  return b && b.value !== null ? `${f(b.value)}${b.lo !== null && b.lo !== undefined ? ` [${f(b.lo)}, ${f(b.hi)}]` : ""}` : "–";
}

function Shadow({ rollout }) {
  const r = rollout.now.report, plan = rollout.plan, us = v => duration(v / 1000);
  const agree = useMemo(() => shadowSeries(rollout, [["agreement.value", t("agreement"), 100]]), [rollout]), apart = useMemo(() => shadowSeries(rollout, [["psi", "PSI"], ["ks", "KS"]]), [rollout]);
  return html`<div class="grid charts"><${Plot} label=${t("Agreement of the answers")} series=${agree} y=${{ unit: "%", range: [null, 100] }} marks=${plan.min_agreement > 0 ? [{ y: 100 * plan.min_agreement, text: t("wanted"), kind: "warn" }] : []} />
    <${Plot} label=${t("Distance of the outputs")} series=${apart} marks=${plan.max_psi > 0 ? [{ y: plan.max_psi, text: t("limit of PSI"), kind: "warn" }] : []} />
    <${Plot} label=${t("Log-loss: candidate − control")} series=${differences(t, rollout)} marks=${[{ y: plan.margin, text: t("limit"), kind: "bad" }, { y: 0, text: t("equal") }]} empty=${t("No labelled pairs yet.")} /></div>
    <div class="grid"><${Samples} rollout=${rollout} /><${Card} title=${t("Pairs")}><${KeyValues} rows=${[
    [t("Pairs compared"), integer(r.pairs)], [t("Copies dropped"), integer(r.dropped)], [t("Only the control failed"), integer(r.control_failed)], [t("Only the candidate failed"), integer(r.candidate_failed)],
    [t("Agreement"), withBounds(r.agreement, v => percent(v, 2))], [t("Difference of outputs"), quantiles(r.delta, number)], ["PSI", number(r.psi)], ["KS", number(r.ks)],
    [t("Time, candidate / control"), withBounds(r.latency_ratio)], [t("Control's time"), quantiles(r.control_latency_us, us)], [t("Candidate's time"), quantiles(r.candidate_latency_us, us)],
    [t("Labelled pairs"), integer(r.labels)], [t("Right: control only, candidate only"), `${integer(r.only_control_right)}, ${integer(r.only_candidate_right)}`], [t("McNemar's p"), number(r.mcnemar_p)],
  ]} /></${Card}></div>`;
}

const VIEWS = { canary: Canary, blue_green: Canary, ab: Ab, bandit: Bandit, shadow: Shadow };

/* Without a decision there is no line to draw yet. */
function NothingYet({ rollout }) {
  return html`<${Card} label=${t("Evidence")}><${Empty} title=${t("No decision with evidence yet")} text=${t("Evidence comes with labels (POST …/labels), rewards (POST …/rewards) and the guardrails' looks, once a minute.")} /></${Card}>
    <div class="grid"><${Samples} rollout=${rollout} />${rollout.now.report.arms && html`<${Arms} rollout=${rollout} />`}</div>`;
}

export function Evidence({ rollout }) {
  const View = rollout.course.length > 0 ? VIEWS[rollout.kind] : NothingYet;
  return View ? html`<${View} rollout=${rollout} />` : null;
}
