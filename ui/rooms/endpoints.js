/* endpoints.js - the room /endpoints: every endpoint with what it does just now. */
import { html, useMemo, useState } from "../lib/html.js";
import { API, useData } from "../lib/api.js";
import { duration, number, percent } from "../lib/format.js";
import { go, href } from "../lib/route.js";
import { t } from "../lib/words.js";
import { Badge } from "../parts/badge.js";
import { Card, Page } from "../parts/page.js";
import { Sparkline } from "../parts/sparkline.js";
import { Empty, Loaded } from "../parts/states.js";
import { Table } from "../parts/table.js";
import { DeployDialog } from "./endpoint_deploy.js";
import { kindWord, share } from "./rollout_words.js";

const REFRESH_MS = 5000;

/* null stays null: nothing is known. */
function latency(us) {
  return us === null || us === undefined ? "–" : duration(us / 1000);
}

function errorShare(load) {
  return load && load.requests_per_s > 0 ? load.errors_per_s / load.requests_per_s : null;
}

/* "Canary: v2 80 %, v3 20 %": the table has little room. */
function versionText(e) {
  if (!e.rollout.active)
    return `v${e.version}`;
  const arms = e.rollout.kind === "shadow" ? `v${e.rollout.control} → v${e.rollout.candidate}` : e.rollout.shares.map(s => `v${s.version} ${share(s.permille)}`).join(", ");
  return `${kindWord(t, e.rollout.kind)}: ${arms}`;
}

function columns() {
  return [
    { key: "name", title: t("Name"), value: e => e.name, grow: true, width: 150 },
    { key: "state", title: t("State"), value: e => (e.ready ? 0 : 1), width: 100, cell: e => html`<${Badge} state=${e.ready ? "ready" : "unavailable"} />` },
    { key: "version", title: t("Versions"), value: versionText, width: 190, cell: e => html`<span title=${versionText(e)}>${versionText(e)}</span>` },
    { key: "rate", title: t("Requests/s"), value: e => e.load?.requests_per_s ?? null, width: 100, align: "right", cell: e => number(e.load?.requests_per_s) },
    { key: "spark", title: t("Last 15 min"), width: 120, align: "right", sort: false, value: () => null, cell: e => (e.load ? html`<${Sparkline} values=${e.load.spark.requests} min=${0} label=${t("Requests over 15 minutes")} />` : "–") },
    { key: "p50", title: "p50", value: e => e.load?.p50_us ?? null, width: 80, align: "right", cell: e => latency(e.load?.p50_us) },
    { key: "p99", title: "p99", value: e => e.load?.p99_us ?? null, width: 80, align: "right", cell: e => latency(e.load?.p99_us) },
    { key: "errors", title: t("Errors"), value: e => errorShare(e.load), width: 80, align: "right", cell: e => (errorShare(e.load) === null ? "–" : percent(errorShare(e.load))) },
    { key: "model", title: t("Model"), value: e => e.model, width: 130 },
  ];
}

export default function Endpoints() {
  const list = useData(`${API}/endpoints?load=true`, { every_ms: REFRESH_MS, events: ["endpoint", "rollout"] }), [deploy, setDeploy] = useState(false);
  const shown = useMemo(columns, []);
  return html`<${Page} title=${t("Endpoints")} sub=${t("Where registered models answer. Figures are those of the last minute, of this server.")}
    actions=${html`<button type="button" class="button primary" onClick=${() => setDeploy(true)}>${t("Deploy a model")}</button>`}>
    <${Loaded} of=${list} lines=${8}>${data => (data.endpoints.length === 0
      ? html`<${Card}><${Empty} icon="endpoints" title=${t("No endpoints yet")} text=${t("An endpoint answers requests with a registered model, over V2, V1, MLflow's and gRPC protocols.")} command="ingot deploy create NAME --model MODEL --version 1" /></${Card}>`
      : html`<${Card} flush label=${t("Endpoints")}><${Table} id="endpoints" label=${t("Endpoints")} columns=${shown} rows=${data.endpoints} rowKey=${e => e.name} rowHref=${e => href("/endpoints/{name}", { name: e.name })} rowName=${e => e.name} /></${Card}>`)}</${Loaded}>
    ${deploy && html`<${DeployDialog} onClose=${name => { setDeploy(false); if (name) go("/endpoints/" + encodeURIComponent(name)); }} />`}</${Page}>`;
}
