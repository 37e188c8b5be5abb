/* monitor_charts.js - the lines of a monitor over its windows: quality on late labels, calibration, load, errors and latency. They share cursor and zoom. A window
 * without labels is a gap, never a zero. */
import { html, useMemo } from "../lib/html.js";
import { t } from "../lib/words.js";
import { Chart } from "../parts/chart.js";
import { Card } from "../parts/page.js";
import { column, coverage } from "./monitor_data.js";

function charts(windows, config) {
  const line = (id, name, y = column(windows, id)) => ({ id, name, x: windows.map(w => w.start_us / 1000), y, points: windows.length < 60 });
  return [
    { label: t("Discrimination on late labels"), series: [line("auc", "AUC"), line("accuracy", t("Accuracy"))], y: {} },
    { label: t("Loss on late labels"), series: [line("logloss", t("Log-loss")), line("brier", t("Brier score"))], y: {} },
    { label: t("Calibration"), series: [line("ece", t("Calibration error (ECE)")), line("base_rate", t("Share of positives")), line("mean_score", t("Mean score"))], y: { range: [0, null] }, marks: [{ y: config.ece_max, text: t("ECE limit"), kind: "warn" }] },
    { label: t("Drifted features"), series: [line("drifted", t("Drifted features"))], y: { range: [0, null] }, marks: windows[0].features.length ? [{ y: config.drift_share * windows[windows.length - 1].features.length, text: t("limit"), kind: "warn" }] : [] },
    { label: t("Predictions"), series: [line("predictions", t("Predictions")), line("labelled", t("Labelled"))], y: { range: [0, null] } },
    { label: t("Label coverage and errors"), series: [line("coverage", t("Label coverage"), coverage(windows)), line("error_rate", t("Error rate"))], y: { range: [0, null] }, marks: [{ y: config.error_rate, text: t("error limit"), kind: "bad" }] },
    { label: t("Latency"), series: ["p50", "p95", "p99"].map(q => line(q + "_us", q, column(windows, q + "_us").map(v => (v === null ? null : v / 1000)))), y: { unit: "ms", range: [0, null] } },
  ];
}

/* Short: seven charts show them. */
function markText(s) {
  return `v${s.version}${{ promoted: " ✓", rolled_back: " ✗" }[s.kind] ?? ""}`;
}

export function MonitorCharts({ windows, config, story, storyKind }) {
  const list = useMemo(() => charts(windows, config), [windows, config]);
  const marks = useMemo(() => story.filter(s => s.kind !== "retrain").map(s => ({ x: s.at, text: markText(s), kind: { running: "accent", off: undefined }[storyKind(s)] ?? storyKind(s) })), [story]);
  return html`<div class="monitor-charts">${list.map(c => html`<${Card} key=${c.label} label=${c.label}><${Chart} label=${c.label} series=${c.series} x=${{ kind: "time" }} y=${c.y} marks=${[...(c.marks ?? []), ...marks]} height=${200} sync="monitor" gaps=${t("No labels yet")} /></${Card}>`)}</div>`;
}
