/* pipelines.js - all pipelines that this server knows: how each went lately. */
import { html } from "../lib/html.js";
import { useData } from "../lib/api.js";
import { href } from "../lib/route.js";
import { t } from "../lib/words.js";
import { visible } from "../lib/ansi.js";
import { Badge } from "../parts/badge.js";
import { Page } from "../parts/page.js";
import { Sparkline } from "../parts/sparkline.js";
import { Empty, Loaded } from "../parts/states.js";
import { Table } from "../parts/table.js";
import { Duration, Time } from "../parts/values.js";
import { runMs, usualMs } from "./pipeline/data.js";

const COMMAND = "ingot run --server " + location.origin;

const columns = () => [
  { key: "name", title: t("Pipeline"), width: 200, grow: true, value: p => p.name, cell: p => html`<bdi>${visible(p.name)}</bdi>` },
  { key: "state", title: t("Last run"), width: 130, value: p => p.newest[0]?.state ?? "", cell: p => html`<${Badge} state=${p.newest[0]?.state} />` },
  { key: "when", title: t("When"), width: 130, value: p => p.newest[0]?.started_us ?? 0, cell: p => html`<${Time} ms=${p.newest[0]?.started_us ? p.newest[0].started_us / 1000 : null} />` },
  { key: "took", title: t("Took"), width: 100, align: "right", value: p => runMs(p.newest[0] ?? {}) ?? -1, cell: p => html`<${Duration} ms=${p.newest[0] ? runMs(p.newest[0]) : null} />` },
  { key: "usual", title: t("Usually"), width: 100, align: "right", value: p => usualMs(p.newest) ?? -1, cell: p => html`<${Duration} ms=${usualMs(p.newest)} />` },
  { key: "line", title: t("Last durations"), width: 130, sort: false, cell: p => html`<${Sparkline} values=${[...p.newest].reverse().map(runMs)} label=${t("Last durations")} height=${24} />` },
  { key: "runs", title: t("Runs"), width: 80, align: "right", value: p => p.runs },
  { key: "endpoint", title: t("Endpoint"), width: 150, value: p => p.newest[0]?.endpoint ?? "", cell: p => visible(p.newest[0]?.endpoint ?? "") },
];

export default function Pipelines() {
  const all = useData("/api/ingot/v1/pipelines?limit=1000", { events: ["pipeline", "retrain"] });
  return html`<${Page} title=${t("Pipelines")} sub=${t("What ran with ingot run, here or reported to this server.")}><${Loaded} of=${all} lines=${6}>${({ pipelines }) => (pipelines.length ? html`
    <${Table} id="pipelines" label=${t("Pipelines")} columns=${columns()} rows=${pipelines} rowKey=${p => p.name} rowHref=${p => href("/pipelines/{name}", p)} height="fill" />`
    : html`<${Empty} icon="pipelines" title=${t("No pipeline ran yet")} text=${t("A pipeline is a dvc.yaml: stages, what they need and what they make. Run one with this server's address and it shows here while it runs:")} command=${COMMAND} />`)}</${Loaded}></${Page}>`;
}
