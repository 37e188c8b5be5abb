/* experiments.js - the list beside the table: all experiments with the numbers of their runs; one click shows one, with Ctrl or Shift several. Makes, renames,
 * deletes and restores them. */
import { cls, html, useState } from "../../lib/html.js";
import { change } from "../../lib/api.js";
import { visible } from "../../lib/ansi.js";
import { integer } from "../../lib/format.js";
import { href } from "../../lib/route.js";
import { t } from "../../lib/words.js";
import { Confirm } from "../../parts/dialog.js";
import { Icon } from "../../parts/icons.js";
import { Menu, MenuItem } from "../../parts/menu.js";
import { toast } from "../../parts/toast.js";

const MLFLOW = "/api/2.0/mlflow/experiments/";
const SEARCH_FROM = 10; /* experiments, from which on there is a search box */

function NameDialog({ title, verb, says, start, act, onClose }) {
  const [name, setName] = useState(start);
  return html`<${Confirm} title=${title} says=${says} verb=${verb} act=${() => act(name.trim())} onClose=${onClose} extra=${html`<label class="field"><span>${t("Name")}</span><input value=${name} onInput=${e => setName(e.target.value)} required maxlength="500" autofocus autocomplete="off" spellcheck="false" /></label>`} />`;
}

/* what: {kind: "create" | "rename" | "delete" | "restore", experiment}. */
export function ExperimentDialog({ what, done, onClose }) {
  const x = what.experiment, id = x && String(x.id), send = async (verb, body, text) => {
    const answer = await change("POST", MLFLOW + verb, body);
    toast(text);
    done(answer.data);
  };
  if (what.kind === "create")
    return html`<${NameDialog} title=${t("New experiment")} says=${t("An experiment is a named group of runs.")} verb=${t("Create")} start="" onClose=${onClose} act=${name => send("create", { name }, t("Experiment {name} was created.", { name }))} />`;
  if (what.kind === "rename")
    return html`<${NameDialog} title=${t("Rename {name}", { name: x.name })} says=${t("Scripts that name the experiment must be changed, or they make a new one.")} verb=${t("Rename")} start=${x.name} onClose=${onClose} act=${name => send("update", { experiment_id: id, new_name: name }, t("Renamed to {name}.", { name }))} />`;
  if (what.kind === "restore")
    return html`<${Confirm} title=${t("Restore {name}", { name: x.name })} says=${t("The experiment {name} and the runs that were deleted with it come back.", { name: x.name })} verb=${t("Restore")} onClose=${onClose} act=${() => send("restore", { experiment_id: id }, t("{name} was restored.", { name: x.name }))} />`;
  return html`<${Confirm} danger title=${t("Delete {name}", { name: x.name })} says=${t("The experiment {name} and its {n} run are no longer shown. They can be restored until they are purged.|The experiment {name} and its {n} runs are no longer shown. They can be restored until they are purged.", { name: x.name, n: x.runs })}
    verb=${t("Delete")} typed=${x.runs > 100 && x.name.length <= 100 ? x.name : undefined} onClose=${onClose} act=${() => send("delete", { experiment_id: id }, t("{name} was deleted.", { name: x.name }))} />`;
}

function Item({ x, here, choose, ask }) {
  return html`<li class=${cls("experiment", here && "here")}><a href=${href("/runs", {}, { exp: x.id })} aria-current=${here ? "true" : null} title=${x.name.slice(0, 300)} onClick=${e => choose(e, String(x.id))}><bdi>${visible(x.name)}</bdi></a>
    ${x.running > 0 && html`<span class="experiment-live" title=${t("{n} running|{n} running", { n: x.running })}></span>`}<span class="soft num">${integer(x.runs)}</span>
    <${Menu} icon="more" right className="icon-button" label=${t("More for {name}", { name: x.name })}>${close => html`${x.deleted ? html`<${MenuItem} onClick=${() => { close(); ask({ kind: "restore", experiment: x }); }}>${t("Restore")}</${MenuItem}>` : html`
      <${MenuItem} onClick=${() => { close(); ask({ kind: "rename", experiment: x }); }}>${t("Rename")}</${MenuItem}>${x.id !== 0 && html`<${MenuItem} onClick=${() => { close(); ask({ kind: "delete", experiment: x }); }}>${t("Delete")}</${MenuItem}>`}`}`}</${Menu}></li>`;
}

/* chosen: [ids as text]; none: all. */
export function Experiments({ list, chosen, onChoose, ask }) {
  const [text, setText] = useState(""), [gone, showGone] = useState(false);
  const want = text.trim().toLowerCase(), active = list.filter(x => !x.deleted), deleted = list.filter(x => x.deleted), fits = x => x.name.toLowerCase().includes(want);
  const choose = (event, id) => {
    event.preventDefault();
    event.stopPropagation();
    if (event.ctrlKey || event.metaKey || event.shiftKey)
      onChoose(chosen.includes(id) ? chosen.filter(x => x !== id) : [...chosen, id]);
    else
      onChoose([id]);
  };
  const total = active.reduce((sum, x) => sum + x.runs, 0);
  return html`<nav class="experiments" aria-label=${t("Experiments")}><header><h2>${t("Experiments")}</h2><button type="button" class="icon-button" title=${t("New experiment")} aria-label=${t("New experiment")} onClick=${() => ask({ kind: "create" })}><${Icon} name="plus" /></button></header>
    ${active.length >= SEARCH_FROM && html`<input type="search" placeholder=${t("Search experiments")} aria-label=${t("Search experiments")} value=${text} onInput=${e => setText(e.target.value)} />`}
    <ul>${!want && html`<li class=${cls("experiment", !chosen.length && "here")}><a href=${href("/runs")} aria-current=${chosen.length ? null : "true"} onClick=${e => { e.preventDefault(); e.stopPropagation(); onChoose([]); }}>${t("All experiments")}</a><span class="soft num">${integer(total)}</span></li>`}
      ${active.filter(fits).map(x => html`<${Item} key=${x.id} x=${x} here=${chosen.includes(String(x.id))} choose=${choose} ask=${ask} />`)}</ul>
    ${deleted.length > 0 && html`<button type="button" class="link" aria-expanded=${String(gone)} onClick=${() => showGone(!gone)}>${t("{n} deleted|{n} deleted", { n: deleted.length })}</button>${gone && html`<ul>${deleted.filter(fits).map(x => html`<${Item} key=${x.id} x=${x} here=${false} choose=${choose} ask=${ask} />`)}</ul>`}`}</nav>`;
}
