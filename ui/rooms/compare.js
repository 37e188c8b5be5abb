/* compare.js - /compare: runs beside each other. Which ones, the address says: runs=id,id,... (up to 100), or q= and exp= for all runs that a filter finds
 * (up to 10 000, as one picture per metric). All settings live in the address (compare/settings.js). */
import { html, useEffect, useMemo, useState } from "../lib/html.js";
import { API, useData } from "../lib/api.js";
import { distinctStyles, onColours } from "../lib/colour.js";
import { integer } from "../lib/format.js";
import { href, useLocation } from "../lib/route.js";
import { t } from "../lib/words.js";
import { Page, useTabs } from "../parts/page.js";
import { Empty, Loaded } from "../parts/states.js";
import { Charts } from "./compare/charts.js";
import { Many } from "./compare/many.js";
import { ParallelTab } from "./compare/parallel.js";
import { RunList } from "./compare/runlist.js";
import { ScatterTab } from "./compare/scatter.js";
import { useSettings } from "./compare/settings.js";
import { TableTab } from "./compare/table.js";

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
  const View = { charts: Charts, table: TableTab, parallel: ParallelTab, scatter: ScatterTab }[tab];
  return html`<${Page} title=${t("Compare {count} run|Compare {count} runs", { n: ids.length, count: integer(ids.length) })} crumbs=${[[t("Runs"), href("/runs")]]} />
    <${Loaded} of=${of} lines=${8}>${answer => html`<div class="compare"><${RunList} runs=${answer.runs} styles=${styles} settings=${settings} hover=${hover} onHover=${point} />
      <div class="compare-main">${bar}<${View} answer=${answer} ids=${ids} styles=${styles} settings=${settings} hover=${hover} onHover=${point} /></div></div>`}</${Loaded}>`;
}

export default function Compare() {
  const { query } = useLocation(), list = query.get("runs") ?? "";
  const ids = useMemo(() => [...new Set(list.split(",").map(id => id.trim()).filter(Boolean))], [list]);
  if (ids.length > 0 && ids.length <= RUNS_MAX)
    return html`<${Few} ids=${ids} />`;
  if (ids.length > 0 || query.has("q") || query.has("exp"))
    return html`<${Many} ids=${ids} />`;
  return html`<${Page} title=${t("Compare runs")} crumbs=${[[t("Runs"), href("/runs")]]}><${Empty} icon="runs" title=${t("No runs are chosen")} text=${t("Choose runs in the table of runs and press Compare, or compare all runs of an experiment.")} />
    <p class="center"><a class="button" href=${href("/runs")}>${t("Choose runs")}</a> <a class="button" href=${href("/compare", {}, { q: " " })}>${t("Compare all runs")}</a></p></${Page}>`;
}
