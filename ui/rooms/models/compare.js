/* compare.js - one version beside another: what the server says of their signatures, parameters, metrics with the direction of better. */
import { html } from "../../lib/html.js";
import { API, useData } from "../../lib/api.js";
import { visible } from "../../lib/ansi.js";
import { judge } from "../../lib/better.js";
import { delta, full } from "../../lib/format.js";
import { path, setParams, useParam } from "../../lib/route.js";
import { t } from "../../lib/words.js";
import { Chip } from "../../parts/badge.js";
import { Card } from "../../parts/page.js";
import { Scroll } from "../../parts/scroll.js";
import { Empty, Loaded } from "../../parts/states.js";
import { Num } from "../../parts/values.js";
import { modelPath } from "./acts.js";
import { VersionLink } from "./shared.js";
import { sideBySide } from "./signature.js";

/* The change of a metric: sign, arrow and word, so that colour says nothing alone. */
function Delta({ metric, now, before }) {
  if (![now, before].every(x => typeof x === "number" && Number.isFinite(x)))
    return html`<span class="soft">–</span>`;
  const verdict = judge(metric, now, before), kind = { better: "ok", worse: "bad" }[verdict];
  return html`<span class="delta ${kind ? "delta-" + kind : "soft"}" title=${full(now - before)}>${delta(now - before)}${verdict === "better" ? ` ▲ ${t("better")}` : verdict === "worse" ? ` ▼ ${t("worse")}` : ""}</span>`;
}

/* Rows of metrics of two runs out of /runs/compare: the first is `now`. */
export function MetricRows({ metrics, onlyNow }) {
  const rows = onlyNow ? metrics.filter(m => m.values[0] !== null) : metrics;
  return rows.map(m => html`<tr key=${m.key}><th scope="row"><span class="wrap">${visible(m.key)}</span></th><td class="right"><${Num} value=${m.values[0]} /></td><td class="right"><${Num} value=${m.values[1]} /></td><td class="right"><${Delta} metric=${m.key} now=${m.values[0]} before=${m.values[1]} /></td></tr>`);
}

/* versions: [{version, semver, aliases}]; the chosen one stands in the address as `with`. */
function Against({ versions, version, value }) {
  return html`<label class="inline-field"><span class="soft">${t("Against")}</span> <select value=${value ?? ""} onChange=${e => setParams({ with: e.target.value })}>${!value && html`<option value="">${t("Choose")}</option>`}${versions.filter(v => v.version !== version).map(v => html`<option key=${v.version} value=${v.version} selected=${v.version === value}>v${v.version}${v.semver ? ` (${v.semver})` : ""}${v.aliases.length ? ` · ${v.aliases.join(", ")}` : ""}</option>`)}</select></label>`;
}

function Signatures({ model, version, other }) {
  const got = useData(modelPath(model, path("/versions/{a}/compare/{b}", { a: version.version, b: other.version })));
  const kinds = [["inputs", t("Inputs")], ["outputs", t("Outputs")], ["params", t("Parameters")]], cell = c => (c ? html`<code>${visible(c.type)}</code>${!c.required && html` <span class="soft">${t("optional")}</span>`}` : "–");
  const rows = kinds.flatMap(([key, title]) => sideBySide(other.signature?.[key], version.signature?.[key]).filter(r => r.differs).map(r => ({ ...r, title })));
  return html`<${Card} title=${t("Signature")}><${Loaded} of=${got} lines=${2}>${d => html`<p>${d.changes.length ? html`${t("For callers this is a {bump} change:", { bump: { major: t("major"), minor: t("minor"), patch: t("patch") }[d.bump] })}` : t("The signatures are the same for callers.")}</p>
    ${d.changes.length > 0 && html`<ul class="bullets">${d.changes.map((c, i) => html`<li key=${i}><${Chip}>${{ major: t("major"), minor: t("minor"), patch: t("patch") }[c.bump]}</${Chip}> ${visible(c.text)}</li>`)}</ul>`}`}</${Loaded}>
    ${rows.length > 0 && html`<${Scroll}><table class="plain"><thead><tr><td></td><th>${t("Name")}</th><th>v${version.version}</th><th>v${other.version}</th></tr></thead><tbody>${rows.map(r => html`<tr key=${r.title + r.name}><td class="soft">${r.title}</td><th scope="row">${visible(r.name)}</th><td>${cell(r.b)}</td><td>${cell(r.a)}</td></tr>`)}</tbody></table></${Scroll}>`}</${Card}>`;
}

function Params({ rows, a, b }) {
  const [all, setAll] = useParam("all"), shown = all ? rows : rows.filter(r => r.differs);
  const choose = html`<button type="button" class="button small" aria-pressed=${String(Boolean(all))} onClick=${() => setAll(all ? "" : "1", { replace: true })}>${all ? t("Only what differs") : t("All")}</button>`;
  return html`<${Card} title=${t("Parameters")} actions=${choose}>${shown.length === 0 ? html`<p class="soft">${rows.length ? t("All {n} parameters are the same.", { n: rows.length }) : t("Neither run has parameters.")}</p>` :
    html`<${Scroll}><table class="plain"><thead><tr><th>${t("Name")}</th><th>v${a}</th><th>v${b}</th></tr></thead><tbody>${shown.map(r => html`<tr key=${r.key} class=${r.differs ? "differs" : ""}><th scope="row">${visible(r.key)}</th><td class="wrap">${visible(r.values[0] ?? "–")}</td><td class="wrap">${visible(r.values[1] ?? "–")}</td></tr>`)}</tbody></table></${Scroll}>`}</${Card}>`;
}

function Runs({ version, other }) {
  const ids = version.run_id && other.run_id ? [version.run_id, other.run_id] : null, got = useData(ids ? `${API}/runs/compare` : null, { body: ids ? { run_ids: ids } : undefined });
  if (!ids)
    return html`<${Card} title=${t("Metrics")}><p class="soft">${t("Only versions with runs have parameters and metrics to compare.")}</p></${Card}>`;
  return html`<${Loaded} of=${got} lines=${5}>${d => html`<${Card} title=${t("Metrics")}>${d.metrics.length === 0 ? html`<p class="soft">${t("Neither run has metrics.")}</p>` : html`<${Scroll}><table class="plain"><thead><tr><th>${t("Metric")}</th><th class="right">v${version.version}</th><th class="right">v${other.version}</th><th class="right">${t("Change")}</th></tr></thead><tbody><${MetricRows} metrics=${d.metrics} /></tbody></table></${Scroll}>`}</${Card}>
    <${Params} rows=${d.params} a=${version.version} b=${other.version} />`}</${Loaded}>`;
}

export function Compare({ model, version, versions }) {
  const [text] = useParam("with"), other = Number(text) || versions.find(v => v.version < version.version)?.version || versions.find(v => v.version !== version.version)?.version;
  const got = useData(other ? modelPath(model, `/versions/${other}`) : null);
  if (!other)
    return html`<${Card} title=${t("Compare")}><${Empty} title=${t("There is no other version")} /></${Card}>`;
  return html`<div class="actions compare-head"><${Against} versions=${versions} version=${version.version} value=${other} /> <${VersionLink} model=${model} version=${other} /></div>
    <${Loaded} of=${got} lines=${6}>${o => html`<${Signatures} model=${model} version=${version} other=${o} /><${Runs} version=${version} other=${o} />`}</${Loaded}>`;
}
