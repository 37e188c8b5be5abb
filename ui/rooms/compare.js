/* compare.js - /compare: runs beside each other. Which ones, the address says: runs=id,id,... (or the name of a long list, lib/runlists.js), or a search: q=, exp=,
 * sort= and limit= as in the room of runs, resolved by the server. Up to RUNS_MAX of them one by one, more (up to MANY_MAX) as one picture per metric. All
 * settings live in the address (compare/settings.js). */
import { html, useEffect, useMemo, useState } from "../lib/html.js";
import { API, useData, useKept } from "../lib/api.js";
import { distinctStyles, onColours } from "../lib/colour.js";
import { axisColumns } from "../lib/compared.js";
import { integer } from "../lib/format.js";
import { href, useLocation } from "../lib/route.js";
import { ADDRESS_MAX, listOf } from "../lib/runlists.js";
import { t } from "../lib/words.js";
import { Page, useTabs } from "../parts/page.js";
import { Empty, Loaded } from "../parts/states.js";
import { Charts } from "./compare/charts.js";
import { MANY_MAX, Many } from "./compare/many.js";
import { ParallelTab } from "./compare/parallel.js";
import { RunList } from "./compare/runlist.js";
import { ScatterTab } from "./compare/scatter.js";
import { useSettings } from "./compare/settings.js";
import { TableTab } from "./compare/table.js";
import { searchOf } from "./runs/query.js";

const RUNS_MAX = 100;

/* Styles of the runs, new when the user changes a colour. */
function useStyles(ids) {
  const [round, again] = useState(0);
  useEffect(() => onColours(() => again(n => n + 1)), []);
  return useMemo(() => distinctStyles(ids), [ids.join(), round]);
}

function Few({ ids }) {
  const settings = useSettings(), [hover, point] = useState(null), styles = useStyles(ids);
  const known = useMemo(() => new Set(ids), [ids.join()]);
  const of = useData(API + "/runs/compare", { body: { run_ids: ids, extremes: true }, events: event => event.kind === "run" && (event.id === undefined || known.has(event.id)) });
  const [tab, bar] = useTabs([["charts", t("Charts")], ["table", t("Table")], ["parallel", t("Parallel coordinates")], ["scatter", t("Scatter")]]);
  const View = { charts: Charts, table: TableTab, parallel: ParallelTab, scatter: ScatterTab }[tab], columns = useMemo(() => (of.data ? axisColumns(of.data) : []), [of.data]);
  return html`<${Page} title=${t("Compare {count} run|Compare {count} runs", { n: ids.length, count: integer(ids.length) })} crumbs=${[[t("Runs"), href("/runs")]]} />
    <${Loaded} of=${of} lines=${8}>${answer => html`<div class="compare"><${RunList} runs=${answer.runs} styles=${styles} settings=${settings} hover=${hover} onHover=${point} />
      <div class="compare-main">${bar}<${View} answer=${answer} columns=${columns} runs=${answer.runs} ids=${ids} styles=${styles} settings=${settings} hover=${hover} onHover=${point} /></div></div>`}</${Loaded}>`;
}

/* What a search finds: few runs one by one, else all in one picture. */
function Found({ query }) {
  const search = searchOf(query, MANY_MAX), { limit, ...body } = search;
  const of = useData(API + "/runs/search", { body: { ...body, limit: Math.min(limit, RUNS_MAX) }, events: ["run"] }), data = useKept(of, JSON.stringify(body)), total = data?.total;
  const ids = useMemo(() => (data?.rows ?? []).filter(Boolean).map(run => run.id), [data]);
  if (total > 0 && ids.length > 0 && Math.min(total, limit) <= RUNS_MAX)
    return html`<${Few} ids=${ids} />`;
  if (total > 0)
    return html`<${Many} ids=${[]} search=${search} total=${total} />`;
  return html`<${Page} title=${t("Compare runs")} sub=${body.filter} crumbs=${[[t("Runs"), href("/runs")]]}><${Loaded} of=${{ ...of, data }}>${() => html`<${Empty} icon="runs" title=${t("No run fits")} text=${t("The filter finds no runs.")} />`}</${Loaded}></${Page}>`;
}

export default function Compare() {
  const { query } = useLocation(), list = query.get("runs") ?? "";
  const known = useMemo(() => listOf(list), [list]), ids = known ?? [];
  if (ids.length > 0 && ids.length <= RUNS_MAX)
    return html`<${Few} ids=${ids} />`;
  if (ids.length > 0)
    return html`<${Many} ids=${ids} total=${ids.length} />`;
  if (known && (query.has("q") || query.has("exp") || query.has("limit")))
    return html`<${Found} query=${query} />`;
  return html`<${Page} title=${t("Compare runs")} crumbs=${[[t("Runs"), href("/runs")]]}>${known ? html`<${Empty} icon="runs" title=${t("No runs are chosen")} text=${t("Choose runs in the table of runs and press Compare, or compare all runs of an experiment.")} />`
    : html`<${Empty} icon="runs" title=${t("This choice is not known here")} text=${t("More than {n} runs that were picked one by one are remembered only by the browser in which that was done. A filter, or a tag that they have in common, can be shared.", { n: ADDRESS_MAX })} />`}
    <p class="center"><a class="button" href=${href("/runs")}>${t("Choose runs")}</a> <a class="button" href=${href("/compare", {}, { q: " " })}>${t("Compare all runs")}</a></p></${Page}>`;
}
