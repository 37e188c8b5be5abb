/* alert_rules.js - the rules that watch the metrics of runs: which there are, what they raised, adding and removing. */
import { html, useState } from "../lib/html.js";
import { API, change, useData } from "../lib/api.js";
import { visible } from "../lib/ansi.js";
import { href } from "../lib/route.js";
import { t } from "../lib/words.js";
import { Badge } from "../parts/badge.js";
import { Confirm } from "../parts/dialog.js";
import { Card } from "../parts/page.js";
import { Empty, Loaded } from "../parts/states.js";
import { toast } from "../parts/toast.js";
import { Time } from "../parts/values.js";

const KINDS = ["metric", "nan", "stale", "failed"], COMPARISONS = [">", ">=", "<", "<=", "==", "!="];

/* The body of POST /alert-rules from the form's texts; what the kind does not use is left out. */
export function ruleBody(f) {
  const body = { name: f.name.trim(), kind: f.kind };
  if (f.kind !== "failed" && f.metric.trim())
    body.metric = f.metric.trim();
  if (f.kind === "metric")
    Object.assign(body, { comparison: f.comparison, threshold: Number(f.threshold), points: Number(f.points) || 1 });
  if (f.kind === "stale")
    body.after = f.after.trim();
  if (f.filter.trim())
    body.filter = f.filter.trim();
  return body;
}

function kindWord(kind) {
  return { metric: t("A metric crosses a limit"), nan: t("A metric is NaN"), stale: t("A running run logs nothing"), failed: t("A run fails") }[kind];
}

function Fields({ form, set }) {
  const text = (key, label, extra = {}) => html`<label class="field"><span>${label}</span><input value=${form[key]} onInput=${e => set({ ...form, [key]: e.target.value })} spellcheck="false" ...${extra} /></label>`;
  const choice = (key, label, options, words) => html`<label class="field"><span>${label}</span><select value=${form[key]} onChange=${e => set({ ...form, [key]: e.target.value })}>${options.map(o => html`<option key=${o} value=${o}>${words ? words(o) : o}</option>`)}</select></label>`;
  return html`${text("name", t("Name"), { required: true })}${choice("kind", t("When"), KINDS, kindWord)}
    ${form.kind !== "failed" && text("metric", form.kind === "metric" ? t("Metric") : t("Metric (empty: any)"), { required: form.kind === "metric" })}
    ${form.kind === "metric" && html`<div class="field-row">${choice("comparison", t("Comparison"), COMPARISONS)}${text("threshold", t("Limit"), { type: "number", step: "any", required: true })}${text("points", t("Points in a row"), { type: "number", min: 1 })}</div>`}
    ${form.kind === "stale" && text("after", t("For longer than"), { placeholder: "10m", required: true })}${text("filter", t("Only runs that match (empty: all)"), { placeholder: "tags.team = 'a'" })}`;
}

function NewRule({ onClose }) {
  const [form, set] = useState({ name: "", kind: "metric", metric: "", comparison: ">", threshold: "", points: "1", after: "10m", filter: "" });
  return html`<${Confirm} title=${t("New alert rule")} says=${t("It looks at every run from now on, and at those that run now. Alerts show here and on the home page.")} verb=${t("Add rule")} onClose=${onClose}
    extra=${html`<${Fields} form=${form} set=${set} />`} act=${() => change("POST", API + "/alert-rules", ruleBody(form))} />`;
}

function Alerts() {
  const list = useData(API + "/alerts?limit=20", { events: ["alert"] });
  return list.data?.alerts.length > 0 && html`<h3>${t("Newest alerts")}</h3><ul class="list">${list.data.alerts.map(a => html`<li key=${a.seq}><div><${Badge} state=${a.state} /> <a href=${href("/runs/{id}", { id: a.run_id })}>${a.run_id.slice(0, 8)}</a> <b>${a.rule}</b>
    <div class="soft">${visible(a.reason)}</div></div><${Time} ms=${Date.parse(a.fired)} /></li>`)}</ul>`;
}

export function RunRules() {
  const list = useData(API + "/alert-rules", { events: ["alert"] }), [adding, add] = useState(false), [removing, remove] = useState(null);
  const closed = (done, text) => {
    if (done) {
      list.refresh();
      toast(text);
    }
  };
  if (list.error?.status === 501)
    return null;
  return html`<${Card} title=${t("Rules on runs")} actions=${html`<button type="button" class="button" onClick=${() => add(true)}>${t("New rule")}</button>`}><${Loaded} of=${list}>${data => (data.rules.length === 0
    ? html`<${Empty} title=${t("No rules yet")} text=${t("A rule watches the metrics of runs while they go on: a loss that becomes NaN, a run that falls silent.")} command="ingot alert add nan --kind nan" />`
    : html`<ul class="list">${data.rules.map(r => html`<li key=${r.name}><div><b>${r.name}</b> <span>${visible(r.rule)}</span><div class="soft">${[r.experiment_id ? t("experiment {id}", { id: r.experiment_id }) : t("all experiments"), r.filter && visible(r.filter)].filter(Boolean).join(" · ")}</div></div>
      <button type="button" class="button small" onClick=${() => remove(r)}>${t("Remove")}</button></li>`)}</ul>`)}</${Loaded}><${Alerts} />
    ${adding && html`<${NewRule} onClose=${done => { add(false); closed(done, t("The rule watches now.")); }} />`}
    ${removing && html`<${Confirm} title=${t("Remove the rule {name}?", { name: removing.name })} says=${t("It stops watching, and its open alerts end. Past alerts stay.")} verb=${t("Remove")} danger
      act=${() => change("DELETE", `${API}/alert-rules/${encodeURIComponent(removing.name)}`)} onClose=${done => { remove(null); closed(done, t("The rule is removed.")); }} />`}</${Card}>`;
}
