/* monitors.js - every endpoint's monitor at a glance, and the rules on runs. */
import { html, useMemo } from "../lib/html.js";
import { API, useData } from "../lib/api.js";
import { day, integer, number, percent } from "../lib/format.js";
import { href } from "../lib/route.js";
import { t } from "../lib/words.js";
import { Badge } from "../parts/badge.js";
import { Card, Page } from "../parts/page.js";
import { Empty, Loaded } from "../parts/states.js";
import { Table } from "../parts/table.js";
import { RunRules } from "./alert_rules.js";

function columns() {
  const last = (key, show) => ({ value: m => m.last[key] ?? null, cell: m => show(m.last[key]), align: "right", width: 100 });
  return [
    { key: "endpoint", title: t("Endpoint"), value: m => m.endpoint, grow: true, width: 180 },
    { key: "firing", title: t("Alerts"), value: m => m.firing, width: 120, cell: m => (m.firing ? html`<${Badge} kind="bad">${t("{n} firing|{n} firing", { n: m.firing })}</${Badge}>` : html`<${Badge} kind="ok">${t("Calm")}</${Badge}>`) },
    { key: "drifted", title: t("Drifted"), value: m => m.last.drifted, align: "right", width: 110, cell: m => `${m.last.drifted} / ${m.last.feature_count}` },
    { key: "auc", title: "AUC", ...last("auc", number) },
    { key: "logloss", title: t("Log-loss"), ...last("logloss", number) },
    { key: "error_rate", title: t("Errors"), ...last("error_rate", v => percent(v)) },
    { key: "predictions", title: t("Predictions"), ...last("predictions", integer) },
    { key: "labelled", title: t("Labelled"), value: m => m.last.labelled / (m.last.predictions || 1), align: "right", width: 100, cell: m => (m.last.predictions ? percent(m.last.labelled / m.last.predictions) : "–") },
    { key: "window", title: t("Newest window"), value: m => m.last.start_us, width: 130, align: "right", cell: m => html`<span class="num">${day(m.last.start_us / 1000)}</span>` },
    { key: "windows", title: t("Windows"), value: m => m.windows, width: 90, align: "right", cell: m => integer(m.windows) },
  ];
}

export default function Monitors() {
  const list = useData(API + "/monitors", { events: ["window", "alert", "endpoint"] }), shown = useMemo(columns, []);
  return html`<${Page} title=${t("Monitors")} sub=${t("What served models see and how good they are, window by window of event time.")}>
    <${Loaded} of=${list} lines=${8}>${data => (data.monitors.length === 0
      ? html`<${Card}><${Empty} icon="monitors" title=${t("No window has closed yet")} text=${t("An endpoint's predictions are gathered by day and judged when their labels have come. Deliver labels to it:")} command="POST /api/ingot/v1/endpoints/NAME/labels" /></${Card}>`
      : html`<${Card} flush label=${t("Monitors")}><${Table} id="monitors" label=${t("Monitors")} columns=${shown} rows=${data.monitors} rowKey=${m => m.endpoint} rowHref=${m => href("/monitors/{name}", { name: m.endpoint })} rowName=${m => m.endpoint} /></${Card}>`)}</${Loaded}>
    <${RunRules} /></${Page}>`;
}
