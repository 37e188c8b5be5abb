/* home.js - what needs a decision, what is running, what changed. Everything stands in one answer, /overview, asked again when the server tells of a change. */
import { html } from "../lib/html.js";
import { API, useData } from "../lib/api.js";
import { visible } from "../lib/ansi.js";
import { number } from "../lib/format.js";
import { href } from "../lib/route.js";
import { t } from "../lib/words.js";
import { Badge, Chip } from "../parts/badge.js";
import { Icon } from "../parts/icons.js";
import { Card, Page } from "../parts/page.js";
import { Empty, Loaded } from "../parts/states.js";
import { Duration, Time } from "../parts/values.js";
import { changeText, changed, decisions, reasonText } from "./home_items.js";

const SHOWN = 10, CHANGES = 14;
const KINDS = ["run", "experiment", "model", "version", "approval", "endpoint", "rollout", "alert", "retrain", "pipeline"];

function Decisions({ items }) {
  return html`<${Card} title=${t("Needs a decision")}>${items.length === 0
    ? html`<p class="soft calm"><${Icon} name="check" /> ${t("Nothing waits for you.")}</p>`
    : html`<ul class="list">${items.map(item => html`<li key=${item.key}><div><${Badge} kind=${item.kind}>${item.word}</${Badge}> <a href=${item.to}>${visible(item.title)}</a>
      <div class="soft">${visible(item.text)}</div></div>${item.ms !== undefined ? html`<${Time} ms=${item.ms} />` : html`<span class="soft num">${item.day}</span>`}</li>`)}</ul>`}</${Card}>`;
}

function RunRow({ run }) {
  const end = run.end_ms ?? Date.now();
  return html`<li><div><a href=${href("/runs/{id}", run)}>${visible(run.name || run.id)}</a> <span class="soft">${visible(run.experiment)}</span></div>
    <span class="run-state"><${Badge} state=${run.status} /><${Duration} ms=${end - run.start_ms} /><${Time} ms=${run.start_ms} /></span></li>`;
}

function Runs({ data }) {
  const list = [...data.running, ...data.newest.filter(run => run.status !== "RUNNING")].slice(0, SHOWN);
  const title = data.running_count ? t("{n} run is running|{n} runs are running", { n: data.running_count }) : t("Newest runs");
  return html`<${Card} title=${title} actions=${list.length > 0 && html`<a href=${href("/runs")}>${t("All runs")}</a>`}>${list.length === 0
    ? html`<${Empty} title=${t("No runs yet")} text=${t("Point MLflow's client here and log a run:")} command=${`export MLFLOW_TRACKING_URI=${location.origin}`} icon="runs" />`
    : html`<ul class="list">${list.map(run => html`<${RunRow} key=${run.id} run=${run} />`)}</ul>`}</${Card}>`;
}

function Endpoints({ list }) {
  return html`<${Card} title=${t("Endpoints")} actions=${list.length > 0 && html`<a href=${href("/endpoints")}>${t("All endpoints")}</a>`}>${list.length === 0
    ? html`<${Empty} title=${t("Nothing is served yet")} text=${t("A registered version is deployed by:")} command="ingot deploy create" icon="endpoints" />`
    : html`<ul class="list">${list.slice(0, SHOWN).map(e => html`<li key=${e.name}><div><a href=${href("/endpoints/{name}", e)}>${visible(e.name)}</a>
      <div class="soft">${visible(e.model)} <span class="num">v${e.version}</span>${e.rollout.active && html` · ${t("{share} % to v{version}", { share: number(e.rollout.permille / 10), version: e.rollout.candidate })}`}</div></div>
      <${Badge} state=${e.ready ? "ready" : "loading"} /></li>`)}</ul>`}</${Card}>`;
}

function Pipelines({ list }) {
  return list.length > 0 && html`<${Card} title=${t("Pipelines")}><ul class="list">${list.slice(0, 5).map(p => html`<li key=${p.id}><div><a href=${href("/pipelines")}>${visible(p.endpoint)}</a><div class="soft">${visible(reasonText(p.reason))}</div></div>
    <span class="run-state"><${Badge} state=${p.state} /><${Duration} ms=${p.started_us ? ((p.ended_us ?? Date.now() * 1000) - p.started_us) / 1000 : null} /></span></li>`)}</ul></${Card}>`;
}

export function Changed({ of }) {
  const { name, to } = changed(of), text = visible(name);
  return to ? html`<a class="chip" href=${to} title=${of.object}>${text}</a>` : html`<${Chip}>${text}</${Chip}>`;
}

function Changes({ rows }) {
  const list = rows.slice(0, CHANGES);
  return html`<${Card} title=${t("What changed")} actions=${list.length > 0 && html`<a href=${href("/audit")}>${t("Audit log")}</a>`}>${list.length === 0
    ? html`<p class="soft">${t("Nothing has changed yet.")}</p>`
    : html`<ul class="list">${list.map(c => html`<li key=${c.seq}><div>${visible(changeText(c))} <${Changed} of=${c} />
      <div class="soft">${visible(c.actor)}</div></div><${Time} ms=${c.time_us / 1000} /></li>`)}</ul>`}</${Card}>`;
}

export default function Home() {
  const overview = useData(API + "/overview", { events: KINDS, every_ms: 30000 });
  const endpoints = useData(API + "/endpoints", { events: ["endpoint", "rollout"], every_ms: 30000 });
  return html`<${Page} title=${t("Home")}><${Loaded} of=${overview} lines=${8}>${data => html`<div class="home">
    <div><${Decisions} items=${decisions(data)} /><${Runs} data=${data} /></div>
    <div><${Endpoints} list=${endpoints.data?.endpoints ?? []} /><${Pipelines} list=${data.pipelines} /><${Changes} rows=${data.changes} /></div></div>`}</${Loaded}></${Page}>`;
}
