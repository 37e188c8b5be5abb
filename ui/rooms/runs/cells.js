/* cells.js - the columns of the table of runs: how each is titled and drawn. */
import { html } from "../../lib/html.js";
import { betterOf } from "../../lib/better.js";
import { seriesStyle } from "../../lib/colour.js";
import { full, number } from "../../lib/format.js";
import { t } from "../../lib/words.js";
import { Badge } from "../../parts/badge.js";
import { Icon } from "../../parts/icons.js";
import { Duration, Id, Time } from "../../parts/values.js";
import { parts, sortable } from "./query.js";

const TITLE_MAX = 300, TEXT_MAX = 200;

function clip(text, max) {
  return text.length > max ? text.slice(0, max) + "…" : text;
}

/* Names may run from right to left: they stay in their cell. Marks that turn the direction within a text could make one name look like another: they are shown. */
function Words({ text }) {
  const shown = text.replace(/[\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
  return html`<bdi title=${clip(shown, TITLE_MAX)}>${clip(shown, TEXT_MAX)}</bdi>`;
}

/* The value of a column that was asked for; undefined while it is not here. */
function valueOf(run, column) {
  const i = run.at?.get(column);
  return i === undefined ? undefined : run.values[i];
}

function Metric({ run, column, top, best }) {
  const value = valueOf(run, column);
  const number_ = value === "NaN" ? NaN : value, first = top && best && top[0] !== top[1] && number_ === (best < 0 ? top[0] : top[1]);
  return html`<data class="value num ${first ? "best" : ""}" value=${full(number_)} title=${first ? t("Best of all runs found: {value}", { value: full(number_) }) : full(number_)}>${first && html`<span aria-hidden="true">★ </span>`}${number(number_)}</data>`;
}

function column(key, title, cell, rest) {
  return { key, title, cell, value: () => null, sort: sortable(key), ...rest };
}

/* `tops`: extremes by metric. `experiments`: Map of id to name. `marks`: {hidden: Set, pickColour(run), toggle(run)}. */
export function tableColumns(shown, { tops, experiments, marks }) {
  const own = {
    status: () => column("status", t("Status"), run => (run.gone ? "" : run.deleted ? html`<${Badge} state="deleted" />` : html`<${Badge} state=${run.status} />`), { width: 104 }),
    started: () => column("started", t("Started"), run => html`<${Time} ms=${run.start_ms} />`, { width: 108, align: "right" }),
    ended: () => column("ended", t("Ended"), run => html`<${Time} ms=${run.end_ms} />`, { width: 120, align: "right" }),
    duration: () => column("duration", t("Duration"), run => html`<${Duration} ms=${run.gone ? null : (run.end_ms ?? (run.status === "RUNNING" ? Date.now() : NaN)) - run.start_ms} />`, { width: 100, align: "right" }),
    user: () => column("user", t("User"), run => html`<${Words} text=${run.user || "–"} />`, { width: 120 }),
    experiment: () => column("experiment", t("Experiment"), run => html`<${Words} text=${experiments.get(run.experiment) ?? "–"} />`, { width: 170 }),
    id: () => column("id", t("Run id"), run => html`<${Id} value=${run.id} />`, { width: 110 }),
  };
  const logged = key => {
    const [entity, name] = parts(key), best = entity === "metrics" ? betterOf(name) : 0;
    if (entity === "metrics")
      return column(key, name, run => html`<${Metric} run=${run} column=${key} top=${tops?.[name]} best=${best} />`, { width: 118, align: "right", title_hint: best ? (best < 0 ? t("{name}: lower is better", { name }) : t("{name}: higher is better", { name })) : name });
    return column(key, name, run => (valueOf(run, key) === null || valueOf(run, key) === undefined ? html`<span class="soft">–</span>` : html`<${Words} text=${valueOf(run, key)} />`), { width: 130, title_hint: entity === "tags" ? t("Tag {name}", { name }) : t("Parameter {name}", { name }) });
  };
  const mark = { key: "mark", title: "", title_hint: t("Colour, and whether charts show the run"), fixed: true, width: 52, sort: false, value: () => null, cell: run => !run.gone && html`<${Marks} run=${run} marks=${marks} />` };
  const name = column("name", t("Name"), run => (run.gone ? html`<span class="soft">${t("No longer there")}</span>` : html`<${Words} text=${run.name || run.id} />`), { width: 200, grow: true });
  return [mark, name, ...shown.map(key => (own[key] ?? (() => logged(key)))())];
}

function Marks({ run, marks }) {
  const hidden = marks.hidden.has(run.id), style = seriesStyle(run.id);
  return html`<span class="run-marks"><button type="button" class="run-dot ${style.dash.length ? "dashed" : ""}" tabindex="-1" style=${{ color: style.stroke }} title=${t("Colour")} aria-label=${t("Colour of {name}", { name: run.name })} onClick=${() => marks.pickColour(run)}></button>
    <button type="button" class="run-eye ${hidden ? "off" : ""}" tabindex="-1" aria-pressed=${hidden ? "false" : "true"} title=${hidden ? t("Show in charts") : t("Hide in charts")} aria-label=${hidden ? t("Show {name} in charts", { name: run.name }) : t("Hide {name} in charts", { name: run.name })} onClick=${() => marks.toggle(run)}><${Icon} name=${hidden ? "eyeOff" : "eye"} /></button></span>`;
}
