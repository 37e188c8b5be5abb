/* versions.js - the versions of one model as a table: names, where each serves, its run, and metrics that the reader chooses (in the URL). */
import { html, useMemo } from "../../lib/html.js";
import { API, useData } from "../../lib/api.js";
import { visible } from "../../lib/ansi.js";
import { betterOf } from "../../lib/better.js";
import { go, href, path, setParams, useParam } from "../../lib/route.js";
import { t } from "../../lib/words.js";
import { Menu } from "../../parts/menu.js";
import { Card } from "../../parts/page.js";
import { Empty, Loaded } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { Num, Time } from "../../parts/values.js";
import { modelPath } from "./acts.js";
import { Aliases, CHANGES, Endpoints, Stage, ms } from "./shared.js";

const PAGE = 100, DEFAULT_METRICS = 3, RUNS_MAX = 100;

/* The runs of some versions beside each other: {name(run), metric(run, key), keys}. */
function useRuns(ids) {
  const asked = [...new Set(ids.filter(Boolean))].slice(0, RUNS_MAX);
  const got = useData(asked.length ? `${API}/runs/compare` : null, { body: asked.length ? { run_ids: asked } : undefined });
  return useMemo(() => {
    const at = new Map((got.data?.runs ?? []).map((r, i) => [r.run_id, i])), rows = new Map((got.data?.metrics ?? []).map(m => [m.key, m]));
    return { data: got.data, error: got.error, at, keys: [...rows.keys()], name: id => got.data?.runs[at.get(id)]?.name ?? null, metric: (id, key) => rows.get(key)?.values[at.get(id)] ?? null };
  }, [got.data, got.error]);
}

/* Metrics that differ between the versions say more than those that do not; judged ones go first. */
function usual(data) {
  return [...(data?.metrics ?? [])].sort((a, b) => (b.differs - a.differs) || (Math.abs(betterOf(b.key)) - Math.abs(betterOf(a.key)))).slice(0, DEFAULT_METRICS).map(m => m.key).sort();
}

function columns(served, runs, metrics) {
  return [
    { key: "version", title: t("Version"), value: v => v.version, width: 76, cell: v => `v${v.version}` },
    { key: "semver", title: t("Release"), sort: false, value: v => v.semver, width: 80, cell: v => v.semver || "–" },
    { key: "aliases", title: t("Aliases"), sort: false, value: v => v.aliases.join(), width: 130, cell: v => (v.aliases.length ? html`<${Aliases} names=${v.aliases} />` : "–") },
    { key: "stage", title: t("Stage"), value: v => v.stage, width: 104, cell: v => html`<${Stage} name=${v.stage} />${v.stage === "None" && "–"}` },
    { key: "served", title: t("Served by"), sort: false, value: v => v.version, width: 110, cell: v => (served(v).length ? html`<${Endpoints} list=${served(v)} />` : "–") },
    { key: "run", title: t("Run"), sort: false, value: v => v.run_id, width: 110, grow: true, cell: v => (v.run_id ? html`<a href=${href("/runs/{id}", { id: v.run_id })}>${visible(runs.name(v.run_id) ?? v.run_id.slice(0, 8))}</a>` : "–") },
    ...metrics.map(key => ({ key: "metric." + key, title: key, title_hint: key, value: v => runs.metric(v.run_id, key), width: 106, align: "right", cell: v => html`<${Num} value=${runs.metric(v.run_id, key)} />` })),
    { key: "by", title: t("Made by"), value: v => v.created_by || null, width: 80, cell: v => visible(v.created_by || "–") },
    { key: "created", title: t("Made"), value: v => ms(v.created), width: 104, cell: v => html`<${Time} ms=${ms(v.created)} />` },
  ];
}

function Chooser({ keys, chosen }) {
  const toggle = key => setParams({ metrics: (chosen.includes(key) ? chosen.filter(k => k !== key) : [...chosen, key]).join(",") || "-" }, { replace: true });
  return html`<${Menu} text=${t("Metrics")} icon="columns" right>${() => html`<div class="menu-scroll">${keys.map(key => html`<label key=${key} class="menu-item"><input type="checkbox" checked=${chosen.includes(key)} onChange=${() => toggle(key)} /> ${visible(key)}</label>`)}</div>`}</${Menu}>`;
}

/* model: its name; endpoints: [{endpoint, version}]. */
export function Versions({ model, endpoints }) {
  const [before] = useParam("before"), [picked] = useParam("metrics"), [pair] = useParam("sel"), chosen = new Set(pair ? pair.split(",").map(Number) : []);
  const got = useData(modelPath(model, `/versions?limit=${PAGE}${before ? "&before=" + encodeURIComponent(before) : ""}`), { events: CHANGES });
  const runs = useRuns((got.data?.versions ?? []).map(v => v.run_id)), metrics = picked === "-" ? [] : picked ? picked.split(",") : usual(runs.data);
  const served = v => endpoints.filter(e => e.version === v.version), shape = JSON.stringify([metrics, endpoints]), shown = useMemo(() => columns(served, runs, metrics), [runs, shape]);
  const select = set => setParams({ sel: [...set].slice(-2).join(",") }, { replace: true });
  const compare = chosen.size === 2 && [...chosen].sort((a, b) => b - a);
  const actions = html`<button type="button" class="button" disabled=${!compare} title=${t("Choose two versions")} onClick=${() => go(path("/models/{name}/{version}", { name: model, version: compare[0] }) + `?tab=compare&with=${compare[1]}`)}>${t("Compare")}</button>${runs.keys.length > 0 && html`<${Chooser} keys=${runs.keys} chosen=${metrics} />`}`;
  return html`<${Card} flush title=${t("Versions")} actions=${actions}><${Loaded} of=${got} lines=${6}>${data => (data.versions.length === 0 ?
    html`<${Empty} icon="models" title=${t("No versions yet")} text=${t("A version is registered from a run's files.")} command=${`mlflow.register_model('runs:/RUN_ID/model', ${JSON.stringify(model)})`} />` :
    html`<${Table} id="versions" label=${t("Versions")} columns=${shown} rows=${data.versions} rowKey=${v => v.version} rowName=${v => `v${v.version}`} rowHref=${v => href("/models/{name}/{version}", { name: model, version: v.version })} selected=${chosen} onSelect=${select} />
    ${(before || data.next) && html`<div class="actions pager">${before && html`<button type="button" class="button" onClick=${() => setParams({ before: null })}>${t("Newest")}</button>`}${data.next && html`<button type="button" class="button" onClick=${() => setParams({ before: data.next })}>${t("Older versions")}</button>`}</div>`}`)}</${Loaded}></${Card}>`;
}
