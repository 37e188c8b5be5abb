/* overview.js - what a run is: times, who, code, parameters, latest metrics, tags, note, data that went in, models that came out. */
import { html, useState } from "../../lib/html.js";
import { useData } from "../../lib/api.js";
import { number } from "../../lib/format.js";
import { href } from "../../lib/route.js";
import { safeHref } from "../../lib/safe.js";
import { t } from "../../lib/words.js";
import { visible } from "../../lib/ansi.js";
import { Badge, Chip } from "../../parts/badge.js";
import { Icon } from "../../parts/icons.js";
import { JsonView } from "../../parts/jsonview.js";
import { KeyValues } from "../../parts/kv.js";
import { Markdown } from "../../parts/markdown.js";
import { Card } from "../../parts/page.js";
import { Scroll } from "../../parts/scroll.js";
import { Sparkline } from "../../parts/sparkline.js";
import { Empty } from "../../parts/states.js";
import { Duration, Id, Num, Time } from "../../parts/values.js";
import { changeRun, isSystem, ownTags } from "./data.js";
import { useNow } from "./now.js";

const LINES_MAX = 40; /* metrics with a small line beside them */

function Linked({ text }) {
  const to = safeHref(text);
  return to ? html`<a href=${to} target="_blank" rel="noopener noreferrer">${visible(text)}</a>` : html`<bdi>${visible(text)}</bdi>`;
}

/* "git@host:a/b.git" and "https://host/a/b.git" -> the commit's page, where the host has pages of that form. */
function commitAddress(origin, commit) {
  const web = origin?.replace(/^git@([^:/]+):/, (_, host) => ["https:", "", host, ""].join("/")).replace(/\.git$/, "");
  return web && /^[0-9a-f]{7,64}$/.test(commit ?? "") ? safeHref(`${web}/commit/${commit}`) : null;
}

function Facts({ run }) {
  const now = useNow(run.status === "RUNNING"), { tags } = run, commit = tags.get("mlflow.source.git.commit"), to = commitAddress(tags.get("mlflow.source.git.repoURL"), commit);
  const end = run.end_ms ?? (run.status === "RUNNING" ? now : null), parent = tags.get("mlflow.parentRunId");
  const exit = tags.get("ingot.exit_code") ?? tags.get("ingot.signal");
  return html`<${KeyValues} rows=${[
    [t("Status"), html`<${Badge} state=${run.status} />`],
    [t("Started"), html`<${Time} ms=${run.start_ms} />`],
    [t("Ended"), run.end_ms ? html`<${Time} ms=${run.end_ms} />` : undefined],
    [t("Duration"), html`<${Duration} ms=${run.start_ms && end ? end - run.start_ms : null} />`],
    [t("User"), run.user ? visible(run.user) : undefined],
    [t("Source"), tags.has("mlflow.source.name") ? html`<${Linked} text=${tags.get("mlflow.source.name")} />` : undefined],
    [t("Command"), tags.has("ingot.command") ? html`<code>${visible(tags.get("ingot.command"))}</code>` : undefined],
    [t("Commit"), commit ? html`${to ? html`<a href=${to} target="_blank" rel="noopener noreferrer"><code title=${commit}>${commit.slice(0, 10)}</code></a>` : html`<code title=${commit}>${visible(commit.slice(0, 10))}</code>`}
      ${tags.get("mlflow.source.git.branch") && html` <${Chip}>${visible(tags.get("mlflow.source.git.branch"))}</${Chip}>`}${tags.get("ingot.git.dirty") === "true" && html` <span class="soft">${t("with changes")}</span>`}` : undefined],
    [tags.has("ingot.signal") ? t("Signal") : t("Exit code"), exit],
    [t("Host"), tags.get("ingot.host.name")],
    [t("Parent"), parent ? html`<a href=${href("/runs/{id}", { id: parent })}><${Id} value=${parent} /></a>` : undefined],
    [t("Run id"), html`<${Id} value=${run.id} />`],
  ]} />`;
}

function MetricLine({ run, metric, live }) {
  const chart = useData("/api/ingot/v1/metrics/chart", { body: { run_ids: [run.id], metric: metric.key, points: 60 }, events: event => live && event.kind === "metric" && event.id === run.id });
  const line = chart.data?.lines?.[0];
  return line && line.x.length > 1 ? html`<${Sparkline} values=${line.mean} min=${line.min} max=${line.max} label=${metric.key} />` : null;
}

function Metrics({ run }) {
  const [word, set] = useState(""), all = run.metrics.filter(m => !isSystem(m.key)).sort((a, b) => (a.key < b.key ? -1 : 1));
  const shown = all.filter(m => m.key.toLowerCase().includes(word.toLowerCase()));
  if (!all.length)
    return html`<${Empty} title=${t("No metrics")} text=${t("Log one from the program that this run is of:")} command="mlflow.log_metric('loss', 0.25, step=1)" />`;
  return html`${all.length > 12 && html`<input type="search" class="filter" value=${word} placeholder=${t("Filter metrics")} aria-label=${t("Filter metrics")} onInput=${e => set(e.target.value)} />`}
    <${Scroll} class="scroll-box"><table class="plain run-metrics"><thead><tr><th>${t("Metric")}</th><th><span class="visually-hidden">${t("History")}</span></th><th class="right">${t("Last")}</th><th class="right">${t("Step")}</th></tr></thead>
    <tbody>${shown.map((m, i) => html`<tr key=${m.key}><th scope="row"><a href=${href("/runs/{id}", run, { tab: "charts", q: m.key })}>${visible(m.key)}</a></th><td class="spark">${i < LINES_MAX && html`<${MetricLine} run=${run} metric=${m} live=${run.status === "RUNNING"} />`}</td>
      <td class="right"><${Num} value=${m.value} /></td><td class="right soft">${number(m.step)}</td></tr>`)}</tbody></table></${Scroll}>`;
}

function Params({ run }) {
  const [word, set] = useState(""), all = [...run.params].sort(([a], [b]) => (a < b ? -1 : 1)), low = word.toLowerCase();
  if (!all.length)
    return html`<${Empty} title=${t("No parameters")} text=${t("Log one from the program that this run is of:")} command="mlflow.log_param('lr', 0.1)" />`;
  const shown = all.filter(([k, v]) => k.toLowerCase().includes(low) || v.toLowerCase().includes(low));
  return html`${all.length > 12 && html`<input type="search" class="filter" value=${word} placeholder=${t("Filter parameters")} aria-label=${t("Filter parameters")} onInput=${e => set(e.target.value)} />`}
    <${Scroll} class="scroll-box"><table class="plain run-params"><thead><tr><th>${t("Parameter")}</th><th>${t("Value")}</th></tr></thead><tbody>${shown.map(([k, v]) => html`<tr key=${k}><th scope="row">${visible(k)}</th><td><bdi class="code">${visible(v)}</bdi></td></tr>`)}</tbody></table></${Scroll}>`;
}

function Tags({ run, open, done }) {
  const tags = ownTags(run.tags), remove = key => changeRun("delete-tag", { run_id: run.id, key }).then(done);
  return html`<${Card} title=${t("Tags")} actions=${html`<button type="button" class="button small" onClick=${() => open("tag")}>${t("Add tag")}</button>`}>
    ${tags.length ? html`<dl class="kv tags">${tags.map(([k, v]) => html`<div key=${k}><dt>${visible(k)}</dt><dd><span class="tag-value"><${Linked} text=${v} /></span>
      <button type="button" class="icon-button" aria-label=${t("Change tag {key}", { key: k })} title=${t("Change tag {key}", { key: k })} onClick=${() => open("tag", { tag: [k, v] })}><${Icon} name="settings" /></button>
      <button type="button" class="icon-button" aria-label=${t("Remove tag {key}", { key: k })} title=${t("Remove tag {key}", { key: k })} onClick=${() => remove(k)}><${Icon} name="close" /></button></dd></div>`)}</dl>` : html`<p class="soft">${t("None yet.")}</p>`}</${Card}>`;
}

function Note({ run, done }) {
  const text = run.tags.get("mlflow.note.content") ?? "", [draft, set] = useState(null);
  const save = async event => {
    event.preventDefault();
    await changeRun("set-tag", { run_id: run.id, key: "mlflow.note.content", value: draft });
    set(null);
    done();
  };
  const edit = html`<button type="button" class="button small" onClick=${() => set(text)}>${text ? t("Edit") : t("Write a note")}</button>`;
  return html`<${Card} title=${t("Note")} actions=${draft === null && edit}>${draft !== null ? html`<form onSubmit=${save}><label class="field"><span>${t("Markdown")}</span><textarea rows="8" value=${draft} onInput=${e => set(e.target.value)} /></label>
    <div class="actions"><button class="button primary">${t("Save")}</button><button type="button" class="button" onClick=${() => set(null)}>${t("Cancel")}</button></div></form>`
    : text ? html`<${Markdown} text=${text} />` : html`<p class="soft">${t("None yet.")}</p>`}</${Card}>`;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; /* not JSON: nothing to open */
  }
}

/* What the client wrote of a dataset's columns and figures. */
function Described({ dataset }) {
  const value = { schema: parsed(dataset.schema), profile: parsed(dataset.profile), source: parsed(dataset.source) };
  if (Object.values(value).every(x => x === undefined || x === null))
    return null;
  return html`<details><summary>${t("Schema and profile")}</summary><${JsonView} value=${value} label=${dataset.name} /></details>`;
}

function Datasets({ run }) {
  return html`<${Card} title=${t("Data that went in")}><ul class="list">${run.datasets.map(({ dataset, tags }, i) => html`<li key=${i}><div><b>${visible(dataset.name)}</b> <${Chip} title=${t("Digest")}>${visible(dataset.digest)}</${Chip}>
    ${(tags ?? []).filter(x => x.key === "mlflow.data.context").map(x => html` <${Chip} key=${x.value} kind="accent">${visible(x.value)}</${Chip}>`)}<${Described} dataset=${dataset} /></div><span class="soft">${visible(dataset.source_type ?? "")}</span></li>`)}</ul></${Card}>`;
}

function Models({ run }) {
  const filter = `run_id='${run.id.replace(/'/g, "")}'`;
  const versions = useData(`/api/2.0/mlflow/model-versions/search?filter=${encodeURIComponent(filter)}&max_results=100`, { events: ["version", "model"] }).data?.model_versions ?? [];
  if (!versions.length && !run.models_out.length)
    return null;
  return html`<${Card} title=${t("Models that came out")}><ul class="list">
    ${versions.map(v => html`<li key=${v.name + v.version}><a href=${href("/models/{name}/{version}", v)}>${t("{name} version {version}", { name: visible(v.name), version: v.version })}</a><span>${(v.aliases ?? []).map(a => html`<${Chip} key=${a} kind="accent">${visible(a)}</${Chip}>`)} <${Badge} state=${v.status} /></span></li>`)}
    ${run.models_out.map(m => html`<li key=${m.model_id}><span>${t("Logged model")} <${Id} value=${m.model_id} /></span><span class="soft">${t("step {step}", { step: m.step ?? 0 })}</span></li>`)}</ul></${Card}>`;
}

export function Overview({ run, open, done }) {
  return html`<div class="run-overview"><div><${Card} title=${t("Metrics")}><${Metrics} run=${run} /></${Card}><${Card} title=${t("Parameters")}><${Params} run=${run} /></${Card}></div>
    <div><${Card} title=${t("About")}><${Facts} run=${run} /></${Card}><${Note} run=${run} done=${done} /><${Tags} run=${run} open=${open} done=${done} />
    ${run.datasets.length > 0 && html`<${Datasets} run=${run} />`}<${Models} run=${run} /></div></div>`;
}
