/* runs.js - the room of runs: experiments on the left, the filter, and one table over all runs that it finds. Everything is in the address: q (filter), exp, sort,
 * cols, sel and not (choice.js), view=deleted. What is asked is in runs/query.js, how rows come in runs/window.js, how they look in runs/cells.js. */
import { html, useEffect, useMemo, useState } from "../lib/html.js";
import { API, useData } from "../lib/api.js";
import { onColours } from "../lib/colour.js";
import { integer } from "../lib/format.js";
import { toFilter } from "../lib/grammar.js";
import { useKey } from "../lib/keys.js";
import { go, href, setParams, useLocation } from "../lib/route.js";
import { useStored } from "../lib/store.js";
import { t } from "../lib/words.js";
import { ColumnChooser } from "../parts/columns.js";
import { Icon } from "../parts/icons.js";
import { Menu, MenuItem } from "../parts/menu.js";
import { Page } from "../parts/page.js";
import { Empty, Failed } from "../parts/states.js";
import { Table } from "../parts/table.js";
import { toast } from "../parts/toast.js";
import { Chosen, ColourDialog, RunsDialog } from "./runs/acts.js";
import { tableColumns } from "./runs/cells.js";
import { idsOf, useChoice } from "./runs/choice.js";
import { csvText, saveFile } from "./runs/download.js";
import { ExperimentDialog, Experiments } from "./runs/experiments.js";
import { Filter } from "./runs/filter.js";
import { ATTRIBUTE_COLUMNS, compareQuery, listOf, listText, parts, searchBody, sortOf, sortText, usualColumns } from "./runs/query.js";
import { Views } from "./runs/views.js";
import { RunStrip } from "./strip.js";
import { useWindow } from "./runs/window.js";

const STRIP_MAX = 100;    /* chosen ones that they are told of; they say how many they draw */
const STRIP_RUNS = 20;     /* first rows that the charts above draw while none is chosen */
const HIDDEN_MAX = 2000;  /* runs hidden in charts that this browser remembers */

/* The address as settings, and how to change them. */
function useAddress() {
  const { query } = useLocation(), text = key => query.get(key) ?? "";
  return { q: text("q"), exp: text("exp").split(",").filter(x => /^\d+$/.test(x)), sort: sortOf(text("sort")), cols: query.has("cols") ? listOf(text("cols")) : null, sel: text("sel"), not: text("not"), deleted: text("view") === "deleted" };
}

function attributeTitle(key) {
  return { status: t("Status"), started: t("Started"), duration: t("Duration"), experiment: t("Experiment"), user: t("User"), ended: t("Ended"), id: t("Run id") }[key];
}

function titleOf(key) {
  return attributeTitle(key) ?? parts(key)[1];
}

function columnGroups(known) {
  const of = (entity, title) => ({ title, items: (known?.[entity] ?? []).map(k => ({ key: `${entity}.${k.key}`, title: k.key, detail: integer(k.runs) })) });
  return [of("metrics", t("Metrics")), of("params", t("Parameters")), { title: t("About the run"), items: ATTRIBUTE_COLUMNS.map(key => ({ key, title: attributeTitle(key), detail: "" })) }, of("tags", t("Tags"))];
}

function NoRuns({ filtered, deleted }) {
  if (filtered)
    return html`<${Empty} icon="filter" title=${t("No run fits this filter.")} text=${t("The filter is the one above; an experiment on the left narrows it further.")} />`;
  if (deleted)
    return html`<${Empty} icon="runs" title=${t("No run is deleted.")} text=${t("Deleted runs stand here until they are purged.")} />`;
  const lines = ["import mlflow", `mlflow.set_tracking_uri("${location.origin + href("/").replace(/\/$/, "")}")`, "mlflow.set_experiment(\"first\")", "with mlflow.start_run():", "    mlflow.log_param(\"lr\", 0.01)", "    mlflow.log_metric(\"loss\", 0.5)"];
  return html`<${Empty} icon="runs" title=${t("No runs yet")} text=${t("A run is one execution of a training script, with what it logged. These lines of Python make the first:")} command=${lines.join("\n")} />`;
}

function download(body, columns, names) {
  toast(t("The file is being made."));
  csvText(body, columns, id => names.get(id) ?? id).then(text => saveFile("runs.csv", text), error => toast(error.message, { kind: "bad" }));
}

function More({ body, columns, names, dense, setDense, strip, setStrip, deleted }) {
  return html`<${Menu} icon="more" label=${t("More")} right className="icon-button">${close => html`
    <${MenuItem} onClick=${() => { close(); download(body, columns, names); }}><${Icon} name="download" /> ${t("Download as CSV")}</${MenuItem}>
    <${MenuItem} onClick=${() => { close(); setStrip(!strip); }}><${Icon} name=${strip ? "check" : "minus"} /> ${t("Charts")}</${MenuItem}>
    <${MenuItem} onClick=${() => { close(); setDense(!dense); }}><${Icon} name=${dense ? "check" : "minus"} /> ${t("Narrow rows")}</${MenuItem}>
    <${MenuItem} onClick=${() => { close(); setParams({ view: deleted ? null : "deleted", sel: null, not: null }); }}><${Icon} name=${deleted ? "check" : "minus"} /> ${t("Deleted runs")}</${MenuItem}>`}</${Menu}>`;
}

/* A colour that was chosen anywhere draws the rows anew. */
function useColours() {
  const [round, again] = useState(0);
  useEffect(() => onColours(() => again(n => n + 1)), []);
  return round;
}

/* The charts above the table: of the runs that are chosen, or of the first rows; without those whose eye is shut. */
function Strip({ w, choice, hidden, experiment, lit, point }) {
  const seen = [];
  for (let i = 0; i < Math.min(STRIP_RUNS, w.total ?? 0); i++)
    if (w.rowAt(i)?.id)
      seen.push({ id: w.rowAt(i).id, name: w.rowAt(i).name });
  const runs = (choice.ids.size && !choice.inverted ? [...choice.ids].slice(0, STRIP_MAX).map(id => ({ id, name: seen.find(run => run.id === id)?.name ?? id })) : seen).filter(run => !hidden.has(run.id));
  return html`<${RunStrip} runs=${runs} experiment=${experiment} hover=${lit} onHover=${point} />`;
}

function Rows({ w, at, columns, choice, setChosen, chooseAll, widths, setWidths, dense, known, lit, point }) {
  const layout = useMemo(() => ({ order: ["name", ...known], widths }), [known.join("\n"), widths]);
  const onLayout = next => {
    const order = next.order.filter(key => key !== "name");
    setWidths(next.widths);
    if (next.order.length && order.join("\n") !== known.join("\n"))
      setParams({ cols: listText(order) }, { replace: true });
  };
  return html`<${Table} id="runs" label=${t("Runs")} columns=${columns} count=${w.total ?? 0} rowAt=${w.rowAt} need=${w.need} rowKey=${run => run.id} rowName=${run => run.name.slice(0, 80)} sort=${at.sort} onSort=${sort => setParams({ sort: sortText(sort) })}
    rowHref=${run => (run.gone ? null : href("/runs/{id}", { id: run.id }))} selected=${choice.ids} onSelect=${setChosen} inverted=${choice.inverted} onSelectAll=${() => chooseAll(true)} height="fill" layout=${layout} onLayout=${onLayout} dense=${dense} lit=${lit} onHover=${run => point(run?.id || null)} topKey=${JSON.stringify([at.q, at.exp, at.sort, at.deleted, w.renewals])}
    empty=${w.loading ? null : html`<${NoRuns} filtered=${at.q !== "" || at.exp.length > 0} deleted=${at.deleted} />`} />`;
}

export default function Runs() {
  const at = useAddress(), [widths, setWidths] = useStored("runs.widths", {}), [dense, setDense] = useStored("runs.dense", false), [hiddenList, setHidden] = useStored("runs.hidden", []);
  const [asked, ask] = useState(null), [colouring, pickColour] = useState(null), [side, showSide] = useState(false), [lit, point] = useState(null), [strip, setStrip] = useStored("runs.strip", !matchMedia("(max-width: 640px)").matches), colours = useColours();
  const experiments = useData(`${API}/experiments`, { events: ["experiment", "run"] }), list = experiments.data?.experiments ?? [];
  const known = useData(`${API}/runs/columns${at.exp.length ? "?experiments=" + at.exp.slice(0, 20).join(",") : ""}`, { every_ms: 60000 });
  const names = useMemo(() => new Map(list.map(x => [x.id, x.name])), [experiments.data]), one = at.exp.length === 1 ? list.find(x => String(x.id) === at.exp[0]) : null;
  const shown = at.cols ?? (known.data || known.error ? usualColumns(known.data, at.exp.length !== 1) : null);
  const body = shown && searchBody({ experiments: at.exp, filter: toFilter(at.q), sort: at.sort, columns: shown, deleted: at.deleted }), w = useWindow(body), [choice, setChosen, chooseAll] = useChoice(at.sel, at.not, w.total), chooseNone = () => chooseAll(false);
  const hidden = useMemo(() => new Set(hiddenList), [hiddenList]);
  const columns = useMemo(() => tableColumns(shown ?? [], { tops: w.tops, experiments: names, marks: { hidden, pickColour, toggle: run => setHidden(hidden.has(run.id) ? hiddenList.filter(id => id !== run.id) : [...hiddenList, run.id].slice(-HIDDEN_MAX)) } }), [shown?.join("\n"), w.tops, names, hidden, colours]);
  const nameOf = id => {
    for (let i = 0; i < Math.min(w.total ?? 0, 100000); i++)
      if (w.rowAt(i)?.id === id)
        return w.rowAt(i).name || id;
    return id;
  };
  useKey("x", t("Choose none"), chooseNone);
  const problem = w.error?.status === 400 ? w.error.message : null, failed = w.error && !problem && w.total === undefined;
  const setColumns = cols => setParams({ cols: cols === null ? null : listText(cols) });
  const toolbar = html`<div class="runs-tools"><${Filter} value=${at.q} onChange=${(q, how) => setParams({ q, sel: null, not: null }, how)} columns=${known.data} problem=${problem} />
    <div class="actions"><button type="button" class="button side-button" aria-expanded=${String(side)} onClick=${() => showSide(!side)}>${t("Experiments")}</button>
    ${shown && html`<${ColumnChooser} groups=${columnGroups(known.data)} chosen=${shown} onChange=${setColumns} onReset=${() => setColumns(null)} titleOf=${titleOf} addable=${text => (/^(?:metrics|params|tags)\../.test(text) ? text : null)}
      note=${known.data && !known.data.whole ? t("Of {n} runs looked at. Others are shown by name: metrics.name", { n: integer(known.data.runs) }) : null} />`}<${Views} />${w.total > 1 && !at.deleted && html`<a class="button compare-all" href=${href("/compare", {}, compareQuery(at))}><${Icon} name="monitors" /> ${t("Compare all {n}", { n: integer(w.total) })}</a>`}${body && html`<${More} body=${body} columns=${shown} names=${names} dense=${dense} setDense=${setDense} strip=${strip} setStrip=${setStrip} deleted=${at.deleted} />`}</div></div>`;
  return html`<${Page} title=${one ? one.name : at.deleted ? t("Deleted runs") : t("Runs")} crumbs=${one || at.deleted ? [[t("Runs"), href("/runs")]] : null} sub=${w.total === undefined ? null : html`<span aria-live="polite">${t("{count} run|{count} runs", { n: w.total, count: integer(w.total) })}</span>`} />
    <div class="runs-room ${side ? "side-open" : ""}"><${Experiments} list=${list} chosen=${at.exp} onChoose=${ids => setParams({ exp: ids.join(","), sel: null, not: null })} ask=${what => ask({ ...what, of: "experiment" })} />
      <div class="runs-main">${toolbar}
        ${failed ? html`<${Failed} error=${w.error} retry=${w.renew} />` : html`${w.error && !problem && html`<p class="stale" role="status"><${Icon} name="warn" /> ${t("Not up to date:")} ${w.error.message} <button type="button" class="link" onClick=${w.renew}>${t("Try again")}</button></p>`}
          ${strip && w.total > 0 && html`<${Strip} w=${w} choice=${choice} hidden=${hidden} experiment=${one?.id} lit=${lit} point=${point} />`}
          <div class="runs-rows">${w.fresh > 0 && html`<button type="button" class="fresh" onClick=${w.renew}><${Icon} name="up" /> ${t("{n} new run|{n} new runs", { n: w.fresh })}</button>`}<${Rows} lit=${lit} point=${point} w=${w} at=${at} columns=${columns} choice=${choice} setChosen=${setChosen} chooseAll=${chooseAll} widths=${widths} setWidths=${setWidths} dense=${dense} known=${shown ?? []} /></div>`}</div></div>
    ${choice.count > 0 && html`<${Chosen} choice=${choice} at=${at} ask=${kind => ask({ kind, of: "runs", choice, n: choice.count, ids: () => idsOf(choice, body, w.version) })} clear=${chooseNone} />`}
    ${asked?.of === "runs" && html`<${RunsDialog} what=${asked} nameOf=${nameOf} onClose=${() => ask(null)} done=${gone => { if (gone) chooseNone(); w.renew(); experiments.refresh(); }} />`}
    ${asked?.of === "experiment" && html`<${ExperimentDialog} what=${asked} onClose=${() => ask(null)} done=${data => { experiments.refresh(); w.renew(); if (data?.experiment_id) go("/runs?exp=" + data.experiment_id); }} />`}
    ${colouring && html`<${ColourDialog} run=${colouring} onClose=${() => pickColour(null)} />`}`;
}
