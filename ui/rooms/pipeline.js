/* pipeline.js - a pipeline: its runs on the left, the graph of the chosen one (the newest where the address names none), the chosen stage below it. */
import { cls, html, useEffect, useState } from "../lib/html.js";
import { useData } from "../lib/api.js";
import { duration } from "../lib/format.js";
import { go, href, path, useParam } from "../lib/route.js";
import { t } from "../lib/words.js";
import { visible } from "../lib/ansi.js";
import { Badge } from "../parts/badge.js";
import { Confirm } from "../parts/dialog.js";
import { Graph } from "../parts/graph.js";
import { Icon } from "../parts/icons.js";
import { KeyValues } from "../parts/kv.js";
import { Card, Page } from "../parts/page.js";
import { Sparkline } from "../parts/sparkline.js";
import { Empty, Loaded } from "../parts/states.js";
import { toast } from "../parts/toast.js";
import { Bytes, Duration, Time } from "../parts/values.js";
import { again, cancel, followers, isOpen, reasonText, runMs, runPath, runsPath } from "./pipeline/data.js";
import { Stage, Tail } from "./pipeline/stage.js";
import { useNow } from "./run/now.js";

const NAMED = 6; /* stages that a question names one by one */

function RunList({ name, runs, chosen, now }) {
  const longest = Math.max(1, ...runs.map(r => runMs(r, now) ?? 0));
  return html`<nav class="card pipeline-runs" aria-label=${t("Runs")}><header><h2>${t("Runs")}</h2>${runs.length > 1 && html`<${Sparkline} values=${[...runs].reverse().map(r => runMs(r, now))} label=${t("Last durations")} />`}</header>
    <ul>${runs.map(r => html`<li key=${r.id}><a class=${cls("pipeline-run", r.id === chosen && "here")} aria-current=${r.id === chosen ? "true" : null} href=${href("/pipelines/{name}/{id}", { name, id: r.id })}>
      <span class="pipeline-run-line"><${Badge} state=${r.state} /><span class="soft num">#${r.id}</span></span>
      <span class="pipeline-run-line soft"><${Time} ms=${(r.started_us ?? r.time_us) / 1000} /><${Duration} ms=${runMs(r, now)} /></span>
      <i class="pipeline-bar" style=${{ width: `${Math.round((100 * (runMs(r, now) ?? 0)) / longest)}%` }}></i></a></li>`)}</ul></nav>`;
}

function Facts({ run, now }) {
  const who = run.origin === "server" ? t("the server") : run.actor || t("somebody");
  return html`<${Card} title=${t("About")}><${KeyValues} rows=${[
    [t("State"), html`<${Badge} state=${run.state} />${run.cancelling && html` <span class="soft">${t("asked to end")}</span>`}`],
    [t("Started"), html`<${Time} ms=${run.started_us ? run.started_us / 1000 : null} />`],
    [t("Took"), html`<${Duration} ms=${runMs(run, now)} />`],
    [t("Started by"), visible(who)],
    [t("Because"), reasonText(run) ? visible(reasonText(run)) : undefined],
    [t("Endpoint"), run.endpoint ? html`<a href=${href("/endpoints/{name}", { name: run.endpoint })}>${visible(run.endpoint)}</a>` : undefined],
    [t("Result"), run.result?.model ? html`<a href=${href("/models/{model}/{version}", run.result)}>${t("{name} version {version}", { name: visible(run.result.model), version: run.result.version })}</a>` : undefined],
    [t("Folder"), html`<code>${visible(run.workspace)}</code>`],
    [t("Host"), run.host ? visible(run.host) : undefined],
    [t("Processor time"), run.cpu_us ? html`<${Duration} ms=${run.cpu_us / 1000} />` : undefined],
    [t("Most memory"), run.max_rss_bytes ? html`<${Bytes} value=${run.max_rss_bytes} />` : undefined],
    [t("Exit code"), run.exit_code ? run.exit_code : undefined],
  ]} /></${Card}>`;
}

/* "1.2 s · usually 1 s" */
function nodeText(stage, now) {
  const took = stage.state === "ran" || stage.state === "running" || stage.state === "failed" || stage.state === "retrying" ? runMs(stage, now) : null;
  const usual = stage.usual_us ? t("usually {time}", { time: duration(stage.usual_us / 1000) }) : "";
  return [took === null ? "" : duration(took), usual].filter(Boolean).join(" · ");
}

/* What will be done, told before it is. */
function Again({ run, stage, onClose, name }) {
  const list = stage ? followers(run.stages, stage) : [], more = list.length - NAMED, names = list.slice(0, NAMED).map(visible).join(", ") + (more > 0 ? ` (+${more})` : "");
  const says = stage ? t("In the folder {folder} these stages run again, changed or not: {names}. Stages before them run only if they changed.", { folder: visible(run.workspace), names })
    : t("In the folder {folder} the stages that changed run.", { folder: visible(run.workspace) });
  const then = run.endpoint ? " " + t("The version that comes out becomes a candidate on endpoint {endpoint}.", { endpoint: visible(run.endpoint) }) : "";
  const act = async () => {
    const next = await again(run.id, stage ?? "");
    toast(t("Run {id} is queued", { id: next.id }));
    go(path("/pipelines/{name}/{id}", { name, id: next.id }));
  };
  return html`<${Confirm} title=${stage ? t("Run again from {stage}", { stage: visible(stage) }) : t("Run again")} says=${says + then} verb=${t("Run")} act=${act} onClose=${onClose} />`;
}

function Cancel({ run, onClose, done }) {
  return html`<${Confirm} title=${t("Cancel run {id}", { id: run.id })} danger says=${t("Stages that run are stopped. What was finished stays recorded and is not repeated.")} verb=${t("Cancel the run")}
    act=${() => cancel(run.id).then(done)} onClose=${onClose} />`;
}

function Picture({ run, now, chosen, choose }) {
  const names = new Set(run.stages.map(s => s.name));
  const nodes = run.stages.map(s => ({ id: s.name, title: visible(s.name), state: isOpen(run) || s.state !== "waiting" ? s.state : "skipped", sub: nodeText(s, now) || " " }));
  const edges = run.stages.flatMap(s => (s.needs ?? []).filter(n => names.has(n)).map(n => ({ from: n, to: s.name })));
  return html`<div class="pipeline-graph"><${Graph} nodes=${nodes} edges=${edges} label=${t("Stages")} selected=${chosen} onSelect=${choose} /></div>`;
}

function Chosen({ run, name, done }) {
  const [stage, setStage] = useParam("stage"), [dialog, open] = useState(null), now = useNow(isOpen(run));
  const found = run.stages.find(s => s.name === stage) ?? run.stages.find(s => s.state === "failed") ?? run.stages.find(s => s.state === "running");
  const close = () => open(null), actions = html`${isOpen(run) ? html`<button type="button" class="button" disabled=${run.cancelling} onClick=${() => open("cancel")}>${t("Cancel")}</button>`
    : html`<button type="button" class="button" disabled=${!run.again.possible} title=${run.again.why_not} onClick=${() => open({ stage: null })}><${Icon} name="play" />${t("Run again")}</button>`}`;
  return html`<div class="pipeline-chosen"><div class="pipeline-head"><h2>${t("Run {id}", { id: run.id })} <${Badge} state=${run.state} /></h2><div class="actions">${actions}</div></div>
    ${run.stages.length ? html`<${Picture} run=${run} now=${now} chosen=${found?.name} choose=${id => setStage(id)} />` : html`<${Card}><${Empty} icon="pipelines" title=${t("Its stages were not reported")} text=${t("Runs that began before this version, or have not begun, have none.")} /></${Card}>`}
    <div class="pipeline-below">${found ? html`<${Stage} run=${run} stage=${found} now=${now} again=${s => open({ stage: s })} />` : html`<${Card} title=${t("Output")}><${Tail} run=${run} live=${isOpen(run)} /></${Card}>`}
      <${Facts} run=${run} now=${now} /></div>
    ${dialog === "cancel" && html`<${Cancel} run=${run} onClose=${close} done=${done} />`}${dialog && dialog !== "cancel" && html`<${Again} run=${run} stage=${dialog.stage} name=${name} onClose=${close} />`}</div>`;
}

function Run({ id, name }) {
  const [open, setOpen] = useState(true);
  const live = useData(runPath(id), { events: event => (event.kind === "pipeline" && String(event.id) === String(id)) || event.kind === "retrain", every_ms: open ? 3000 : 0 });
  useEffect(() => {
    if (live.data)
      setOpen(isOpen(live.data));
  }, [live.data]);
  return html`<${Loaded} of=${live} lines=${8}>${run => html`<${Chosen} run=${run} name=${name} done=${live.refresh} />`}</${Loaded}>`;
}

export default function Pipeline({ name, run }) {
  const list = useData(runsPath(name), { events: ["pipeline", "retrain"] });
  return html`<${Page} title=${visible(name)} crumbs=${[[t("Pipelines"), href("/pipelines")]]}><${Loaded} of=${list} lines=${8}>${({ runs }) => {
    const id = run ?? runs[0]?.id, open = runs.some(isOpen);
    return html`<div class="pipeline"><${Timed} open=${open} name=${name} runs=${runs} chosen=${Number(id)} /><${Run} key=${id} id=${id} name=${name} /></div>`;
  }}</${Loaded}></${Page}>`;
}

function Timed({ open, ...rest }) {
  return html`<${RunList} ...${rest} now=${useNow(open)} />`;
}
