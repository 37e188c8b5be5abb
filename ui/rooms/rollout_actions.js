/* rollout_actions.js - starting a rollout, and promoting, rolling back, pausing, resuming one: each says in one sentence what will happen. Part of rollout.js. */
import { html, useState } from "../lib/html.js";
import { API, change, useData } from "../lib/api.js";
import * as format from "../lib/format.js";
import { t } from "../lib/words.js";
import { Confirm, Dialog } from "../parts/dialog.js";
import { Loaded } from "../parts/states.js";
import { toast } from "../parts/toast.js";
import { VersionSelect } from "./endpoint_deploy.js";
import { changedFields, commonFields, fieldsOf, toText } from "./rollout_plan.js";
import { actWords, comparison, kindWord, metricWord, primaryMetric, share } from "./rollout_words.js";

function verbs() {
  return { promote: t("Promote"), rollback: t("Roll back"), pause: t("Pause"), resume: t("Resume") };
}

/* The state that the sentence speaks of. */
function presentState(rollout, endpoint) {
  return { ...endpoint.rollout, kind: rollout.kind, control: rollout.control, candidate: endpoint.rollout.candidate || rollout.candidate, plan: rollout.plan };
}

function Act({ action, rollout, endpoint, at, onClose }) {
  const [why, setWhy] = useState(""), state = presentState(rollout, endpoint), verb = { ...verbs(), promote: t("Promote v{version}", { version: state.candidate }), rollback: t("Roll back to v{version}", { version: state.control }) }[action];
  const field = html`<label class="field"><span>${t("Why (goes into the decision and the audit log)")}</span><input value=${why} maxlength="500" onInput=${e => setWhy(e.target.value)} autocomplete="off" /></label>`;
  return html`<${Confirm} title=${verb} says=${actWords(t, action, state, comparison(t, format, rollout.plan, rollout.now))} verb=${verb} danger=${action === "rollback"} extra=${field}
    act=${() => change("POST", `${at}/rollouts/${action}`, { why }).then(() => toast({ promote: t("Promoted"), rollback: t("Rolled back"), pause: t("Paused"), resume: t("Resumed") }[action]))} onClose=${onClose} />`;
}

export function RolloutActions({ rollout, endpoint, at, changed }) {
  const [action, open] = useState(null), names = verbs();
  const list = rollout.paused ? ["resume", "promote", "rollback"] : ["pause", "promote", "rollback"];
  return html`${list.map(a => html`<button type="button" key=${a} class="button small" data-act=${a} disabled=${!endpoint.rollout.active} onClick=${() => open(a)}>${names[a]}</button>`)}
    ${action && html`<${Act} action=${action} rollout=${rollout} endpoint=${endpoint} at=${at} onClose=${done => { open(null); if (done) changed(); }} />`}`;
}

/* Help beside the number of units: how many an A/B test needs to see a difference. */
function Planner({ arms }) {
  const [input, set] = useState({ baseline_rate: "0.2", delta: "0.02", units_per_day: "1000" }), [answer, setAnswer] = useState(null), [error, setError] = useState(null);
  const ask = async () => {
    try {
      const body = Object.fromEntries(Object.entries(input).map(([k, v]) => [k, Number(v)]));
      setAnswer((await change("POST", `${API}/rollout-planner`, { ...body, candidates: arms - 1 })).data);
      setError(null);
    } catch (e) {
      setError(e);
    }
  };
  const field = (key, text) => html`<label class="field"><span>${text}</span><input type="number" step="any" value=${input[key]} onInput=${e => set({ ...input, [key]: e.target.value })} /></label>`;
  return html`<fieldset class="planner"><legend>${t("How many units does it take?")}</legend><div class="form-grid">${field("baseline_rate", t("Rate now (0 to 1)"))}${field("delta", t("Difference to be seen"))}${field("units_per_day", t("Units a day"))}</div>
    <button type="button" class="button small" onClick=${ask}>${t("Work it out")}</button>
    ${error && html`<p class="problem">${error.message}</p>`}
    ${answer && html`<p role="status" data-planner>${t("{n} units per arm where you look once, {always} where you look at any time: {days} and {daysAlways} days.", {
      n: format.integer(Math.ceil(answer.samples_per_arm)), always: format.integer(Math.ceil(answer.samples_per_arm_always_valid)), days: format.number(answer.days), daysAlways: format.number(answer.days_always_valid) })}</p>`}</fieldset>`;
}

function Field({ field, value, set }) {
  if (field.words)
    return html`<label class="field"><span>${field.text(t)}</span><select value=${value} onChange=${e => set(e.target.value)}>${field.words(t).map(([word, text]) => html`<option key=${word} value=${word} selected=${word === value}>${text}</option>`)}</select></label>`;
  return html`<label class="field"><span>${field.text(t)}</span><input value=${value} inputmode="decimal" onInput=${e => set(e.target.value)} autocomplete="off" spellcheck="false" /></label>`;
}

function startWords(endpoint, kind, version, plan) {
  if (!version)
    return t("Choose the version that shall be tried.");
  const at = { candidate: version, control: endpoint.version, first: share(plan.steps_permille?.[0] ?? 0), days: format.duration((plan.min_step_us ?? 0) / 1000) };
  return {
    canary: t("v{candidate} answers {first} of the requests from now on, v{control} the rest; every step lasts {days} or longer and the next one comes only on evidence.", at),
    blue_green: t("v{candidate} answers everybody at once; v{control} stays loaded, and for {days} a guardrail that breaks brings it back.", at),
    shadow: t("v{candidate} gets copies of requests and answers nobody; v{control} answers all. Nothing changes for clients.", at),
    ab: t("Requests are divided between v{control} and v{candidate} by unit until {metric} decides.", { ...at, metric: metricWord(t, primaryMetric(plan)) }),
    bandit: t("Requests are divided between v{control} and v{candidate}, and the shares follow the rewards.", at),
  }[kind];
}

function StartForm({ endpoint, at, defaults, onClose }) {
  const [kind, setKind] = useState("canary"), [version, setVersion] = useState(0), [texts, setTexts] = useState({}), [busy, setBusy] = useState(false), [error, setError] = useState(null);
  const base = kind === "canary" && endpoint.config.rollout ? { ...defaults.canary, ...endpoint.config.rollout } : defaults[kind], fields = [...fieldsOf(kind), ...commonFields(kind)];
  const valueOf = f => texts[f.key] ?? toText(f, base[f.key]), { plan, problems } = changedFields(fields, base, valueOf);
  const run = async event => {
    event.preventDefault();
    setBusy(true);
    try {
      const body = { version, kind, plan: { ...(kind === "canary" ? endpoint.config.rollout ?? {} : {}), ...plan, kind } };
      await change("POST", `${at}/rollouts`, body);
      toast(t("The rollout has begun."));
      onClose(true);
    } catch (e) {
      setError(e);
      setBusy(false);
    }
  };
  const show = f => html`<${Field} key=${kind + f.key} field=${f} value=${valueOf(f)} set=${v => setTexts({ ...texts, [f.key]: v })} />`;
  return html`<form onSubmit=${run}>
    <label class="field"><span>${t("Kind")}</span><select value=${kind} onChange=${e => { setKind(e.target.value); setTexts({}); }}>${Object.keys(defaults).map(k => html`<option key=${k} value=${k} selected=${k === kind}>${kindWord(t, k)}</option>`)}</select></label>
    <label class="field"><span>${t("Candidate")}</span><${VersionSelect} model=${endpoint.model} value=${version} onChange=${setVersion} except=${[endpoint.version]} /></label>
    <div class="form-grid">${fieldsOf(kind).map(show)}</div><details><summary>${t("More settings")}</summary><div class="form-grid">${commonFields(kind).map(show)}</div></details>
    ${kind === "ab" && html`<${Planner} arms=${2} />`}
    ${problems.map(p => html`<p class="problem" role="alert" key=${p}>${t("{field}: not a value that can be used", { field: p.text(t) })}</p>`)}
    <p class="says">${startWords(endpoint, kind, version, { ...base, ...plan })}</p>
    ${error && html`<p class="problem" role="alert">${error.message}</p>`}
    <footer><button type="button" class="button" onClick=${() => onClose(false)}>${t("Cancel")}</button><button type="submit" class="button primary" disabled=${busy || !version || problems.length > 0}>${t("Start")}</button></footer></form>`;
}

export function StartDialog({ endpoint, at, onClose }) {
  const defaults = useData(`${API}/rollout-plans`);
  return html`<${Dialog} title=${t("Start a rollout on {name}", { name: endpoint.name })} onClose=${() => onClose(false)} wide><${Loaded} of=${defaults} lines=${6}>${data => html`<${StartForm} endpoint=${endpoint} at=${at} defaults=${data} onClose=${onClose} />`}</${Loaded}></${Dialog}>`;
}

