/* model_version.js - /models/{name}/{version}: one version by its number, an alias or a range of releases: facts, metrics against what serves now, lineage,
 * card, signature, files, comparison; and the acts that move it. */
import { html } from "../lib/html.js";
import { API, useData } from "../lib/api.js";
import { visible } from "../lib/ansi.js";
import { go, href, path, setParams, useParam } from "../lib/route.js";
import { t } from "../lib/words.js";
import { Chip } from "../parts/badge.js";
import { KeyValues } from "../parts/kv.js";
import { Markdown } from "../parts/markdown.js";
import { Menu, MenuItem } from "../parts/menu.js";
import { Card, Page, useTabs } from "../parts/page.js";
import { Scroll } from "../parts/scroll.js";
import { Empty, Loaded } from "../parts/states.js";
import { Id, Num, Time } from "../parts/values.js";
import { AliasDialog, DeleteDialog, StageDialog, modelPath } from "./models/acts.js";
import { Approvals } from "./models/approvals.js";
import { ModelCard } from "./models/card.js";
import { Compare, MetricRows } from "./models/compare.js";
import { Files } from "./models/files.js";
import { Changes } from "./models/history.js";
import { Lineage } from "./models/lineage.js";
import { ServeDialog } from "./models/serve.js";
import { Aliases, CHANGES, Stage, ms, useDialog, useMe } from "./models/shared.js";
import { columnsOf } from "./models/signature.js";

/* What callers get now: the version of the first endpoint, else of an alias or stage that people call so. */
function servingOf(model, version) {
  const names = ["champion", "production", "prod"], pick = model.endpoints.find(e => e.version !== version)?.version ??
    Object.entries(model.aliases).find(([a, v]) => names.includes(a.toLowerCase()) && v !== version)?.[1] ?? model.latest.find(v => v.stage === "Production" && v.version !== version)?.version;
  return pick ?? null;
}

function Metrics({ v, model, serving }) {
  const other = useData(serving ? modelPath(model, `/versions/${serving}`) : null).data, ids = v.run_id ? [v.run_id, ...(other?.run_id && other.run_id !== v.run_id ? [other.run_id] : [])] : null;
  const got = useData(ids ? `${API}/runs/compare` : null, { body: ids ? { run_ids: ids } : undefined, events: ["run"] });
  const both = ids?.length === 2, empty = html`<${Empty} title=${t("No metrics")} text=${t("This version has no run whose metrics could be shown.")} />`;
  if (!ids)
    return html`<${Card} title=${t("Metrics")}>${empty}</${Card}>`;
  return html`<${Card} title=${both ? t("Metrics against version {version}, which serves now", { version: serving }) : t("Metrics")}><${Loaded} of=${got} lines=${5}>${d => (d.metrics.length === 0 ? empty : html`<${Scroll}><table class="plain"><thead><tr><th>${t("Metric")}</th><th class="right">v${v.version}</th>${both && html`<th class="right">v${serving}</th><th class="right">${t("Change")}</th>`}</tr></thead>
    <tbody>${both ? html`<${MetricRows} metrics=${d.metrics} />` : d.metrics.map(m => html`<tr key=${m.key}><th scope="row">${visible(m.key)}</th><td class="right"><${Num} value=${m.values[0]} /></td></tr>`)}</tbody></table></${Scroll}>`)}</${Loaded}></${Card}>`;
}

function Facts({ v, card }) {
  const run = card?.run, tags = Object.entries(v.tags).filter(([k]) => !["ingot.signature", "ingot.gates", "mlflow.note.content"].includes(k));
  return html`<${Card} title=${t("In short")}><${KeyValues} rows=${[[t("Release"), v.semver ? html`${v.semver} ${v.semver_changes.length > 0 && html`<span class="soft" title=${v.semver_changes.join("\n")}>${t("{n} change of the signature|{n} changes of the signature", { n: v.semver_changes.length })}</span>`}` : undefined],
    [t("Served by"), card?.endpoints.length ? card.endpoints.map(e => html`<a key=${e} href=${href("/endpoints/{name}", { name: e })}>${visible(e)}</a> `) : html`<span class="soft">${t("no endpoint")}</span>`],
    [t("Run"), v.run_id ? html`<a href=${href("/runs/{id}", { id: v.run_id })}>${visible(run?.name ?? v.run_id)}</a>` : html`<span class="soft">${t("none")}</span>`],
    run?.datasets?.length && [t("Data"), run.datasets.map(d => html`<a key=${d.digest} href=${href("/data", {}, { name: d.name, digest: d.digest })} title=${d.name}>${visible(d.name.split("/").at(-1))}</a> `)],
    v.data_version && [t("Data version"), html`<${Id} value=${v.data_version} />`], [t("Source"), html`<code class="wrap">${visible(v.source)}</code>`],
    [t("Made"), html`${visible(v.created_by || "–")} <${Time} ms=${ms(v.created)} />`], [t("Changed"), html`<${Time} ms=${ms(v.updated)} />`],
    ...tags.map(([k, value]) => [html`<span class="soft">${visible(k)}</span>`, html`<span class="wrap" title=${value}>${visible(value.length > 120 ? value.slice(0, 120) + "…" : value)}</span>`])]} />
    ${v.description && html`<div class="description"><${Markdown} text=${v.description} /></div>`}</${Card}>`;
}

function SignatureTable({ title, list, params }) {
  return list.length > 0 && html`<${Card} title=${`${title} (${list.length})`}><${Scroll}><table class="plain"><thead><tr><th class="right index">#</th><th>${t("Name")}</th><th>${t("Type")}</th><th>${params ? t("Default") : t("Required")}</th></tr></thead>
    <tbody>${list.map((c, i) => html`<tr key=${i}><td class="right soft index">${i + 1}</td><th scope="row">${visible(c.name)}</th><td><code>${visible(c.type)}</code></td><td>${params ? c.fallback ?? "–" : c.required ? t("yes") : t("no")}</td></tr>`)}</tbody></table></${Scroll}></${Card}>`;
}

function Signature({ v }) {
  const parts = [["inputs", t("Inputs")], ["outputs", t("Outputs")], ["params", t("Parameters")]].map(([key, title]) => [key, title, columnsOf(v.signature?.[key])]);
  if (parts.every(([, , list]) => list.length === 0))
    return html`<${Card} title=${t("Signature")}><${Empty} title=${t("No signature")} text=${t("Without one nothing checks what callers send. It is logged with the model:")} command="mlflow.sklearn.log_model(model, name='model', input_example=X[:5])" /></${Card}>`;
  return parts.map(([key, title, list]) => html`<${SignatureTable} key=${key} title=${title} list=${list} params=${key === "params"} />`);
}

function Overview({ v, name, card, serving }) {
  return html`<div class="grid"><${Facts} v=${v} card=${card.data} /><${Metrics} v=${v} model=${name} serving=${serving} /></div>
    <${Lineage} node=${`version/${name.replace(/[%/]/g, encodeURIComponent)}/${v.version}`} />
    ${card.data?.history.length > 0 && html`<${Card} title=${t("History of this version")}><${Changes} changes=${card.data.history} /></${Card}>`}`;
}

function Actions({ v, name, model, deploy, open }) {
  const elsewhere = (model?.endpoints ?? []).filter(e => e.version !== v.version);
  return html`<button type="button" class="button primary" onClick=${() => open("stage", { model: name, version: v.version, stage: v.stage })}>${t("Promote")}</button>
    <button type="button" class="button" onClick=${() => open("alias", { model: name, version: v.version })}>${t("Set alias")}</button>
    ${deploy && elsewhere.length > 0 && html`<button type="button" class="button" onClick=${() => open("serve", { model: name, version: v.version, endpoints: elsewhere })}>${t("Serve")}</button>`}
    <${Menu} icon="more" label=${t("More")} right className="icon-button">${close => html`<${MenuItem} onClick=${() => { close(); open("remove", { model: name, version: v.version }); }}>${t("Delete version {version}", { version: v.version })}</${MenuItem}>`}</${Menu}>`;
}

function Found({ name, v, refresh }) {
  const { may } = useMe(), at = modelPath(name, path("/versions/{version}", { version: v.version })), model = useData(modelPath(name), { events: CHANGES }), card = useData(at + "/card", { events: CHANGES });
  const versions = useData(modelPath(name, "/versions?limit=100"), { events: CHANGES }).data?.versions ?? [v];
  const done = () => { refresh(); model.refresh(); card.refresh(); };
  const [open, dialog] = useDialog({ alias: AliasDialog, stage: StageDialog, serve: ServeDialog, remove: DeleteDialog }, what => (what === "remove" ? go(path("/models/{name}", { name })) : done()), { aliases: model.data?.aliases ?? {}, versions });
  const [move] = useParam("move"); /* the stage of a rollback that shall be undone */
  const [tab, bar] = useTabs([["overview", t("Overview")], ["card", t("Card")], ["signature", t("Signature")], ["files", t("Files")], ["compare", t("Compare")]]);
  const views = {
    overview: () => html`<${Overview} v=${v} name=${name} card=${card} serving=${model.data ? servingOf(model.data, v.version) : null} />`,
    card: () => html`<${Loaded} of=${card} lines=${6}>${c => html`<${ModelCard} model=${name} version=${v.version} card=${c} refresh=${card.refresh} may=${may("model_write")} />`}</${Loaded}>`,
    signature: () => html`<${Signature} v=${v} />`, files: () => html`<${Files} model=${name} version=${v.version} />`,
    compare: () => html`<${Compare} model=${name} version=${v} versions=${versions} />`,
  };
  return html`<${Page} title=${t("{model} version {version}", { model: visible(name), version: v.version })} crumbs=${[[t("Models"), href("/models")], [visible(name), href("/models/{name}", { name })]]}
    badge=${html`${v.semver && html`<${Chip} title=${t("Semantic version")}>${v.semver}</${Chip}>`} <${Aliases} names=${v.aliases} /><${Stage} name=${v.stage} />`}
    actions=${may("model_write") && html`<${Actions} v=${v} name=${name} model=${model.data} deploy=${may("deploy")} open=${open} />`}><${Approvals} model=${name} onlyWaiting />
    ${bar}<div role="tabpanel">${views[tab]()}</div>${dialog}
    ${move && may("model_write") && html`<${StageDialog} model=${name} version=${v.version} stage=${v.stage} to=${move} onClose=${changed => { setParams({ move: null }, { replace: true }); if (changed) done(); }} />`}</${Page}>`;
}

export default function ModelVersion({ name, version }) {
  const got = useData(modelPath(name, path("/versions/{version}", { version })), { events: CHANGES });
  if (got.data === undefined)
    return html`<${Page} title=${visible(`${name} ${version}`)} crumbs=${[[t("Models"), href("/models")], [visible(name), href("/models/{name}", { name })]]}><${Loaded} of=${got} lines=${10}>${() => null}</${Loaded}></${Page}>`;
  return html`<${Loaded} of=${got}>${v => html`<${Found} key=${v.version} name=${name} v=${v} refresh=${got.refresh} />`}</${Loaded}>`;
}
