/* data.js - /data: the datasets that runs read; one of them (?name=&digest=) with its schema, profile and the runs that used it. */
import { html, useEffect, useMemo, useState } from "../lib/html.js";
import { API, useData } from "../lib/api.js";
import { visible } from "../lib/ansi.js";
import { href, path, setParams, useParam } from "../lib/route.js";
import { t } from "../lib/words.js";
import { Badge, Chip } from "../parts/badge.js";
import { KeyValues } from "../parts/kv.js";
import { Card, Page } from "../parts/page.js";
import { Scroll } from "../parts/scroll.js";
import { Empty, Loaded } from "../parts/states.js";
import { Table } from "../parts/table.js";
import { Time } from "../parts/values.js";
import { profileRows, schemaRows, sourceText } from "./data_rows.js";

const PAGE = 200, QUIET_MS = 200, EVENTS = ["run", "reset"];

function hash(digest) {
  return html`<data class="value code" value=${digest} title=${digest}>${digest.slice(0, 12)}</data>`;
}

function columns() {
  return [
    { key: "name", title: t("Name"), value: d => d.name, cell: d => html`<span title=${d.name}>${visible(d.name.split("/").at(-1) || d.name)}</span>`, width: 240, grow: true },
    { key: "digest", title: t("Digest"), value: d => d.digest, width: 140, cell: d => hash(d.digest) },
    { key: "source", title: t("Kind of source"), value: d => d.source_type, width: 140, cell: d => visible(d.source_type || "–") },
    { key: "runs", title: t("Runs"), value: d => d.runs, width: 90, align: "right", cell: d => d.more_runs ? `${d.runs}+` : d.runs },
    { key: "first", title: t("First used"), value: d => d.first_ms ?? null, width: 130, cell: d => html`<${Time} ms=${d.first_ms} />` },
    { key: "last", title: t("Last used"), value: d => d.last_ms ?? null, width: 130, cell: d => html`<${Time} ms=${d.last_ms} />` },
  ];
}

function Search() {
  const [search] = useParam("q"), [text, setText] = useState(search);
  useEffect(() => setText(search), [search]);
  useEffect(() => {
    const timer = setTimeout(() => text !== search && setParams({ q: text, after_name: null, after_digest: null }, { replace: true }), QUIET_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return html`<input type="search" class="room-search" placeholder=${t("Search by name or digest")} aria-label=${t("Search by name or digest")} value=${text} onInput=${e => setText(e.target.value)} />`;
}

function List() {
  const [search] = useParam("q"), [name] = useParam("after_name"), [digest] = useParam("after_digest"), shown = useMemo(columns, []);
  const query = new URLSearchParams({ limit: PAGE, search, after_name: name, after_digest: digest }), got = useData(`${API}/datasets?${query}`, { events: EVENTS });
  return html`<${Page} title=${t("Data")} sub=${t("Datasets that runs read, by name and digest of their content.")} actions=${html`<${Search} />`}><${Loaded} of=${got} lines=${6}>${data => (data.datasets.length === 0 ?
    html`<${Card}>${search || name ? html`<${Empty} icon="search" title=${t("No dataset is called that")} />` : html`<${Empty} icon="data" title=${t("No datasets yet")} text=${t("A dataset appears when a run says what it read.")} command="mlflow.log_input(mlflow.data.from_pandas(frame, name='NAME'), context='training')" />`}</${Card}>` :
    html`<${Card} flush label=${t("Datasets")}><${Table} id="datasets" label=${t("Datasets")} columns=${shown} rows=${data.datasets} rowKey=${d => d.name + "\n" + d.digest} rowName=${d => d.name} rowHref=${d => href("/data", {}, { name: d.name, digest: d.digest })} /></${Card}>
    ${(name || data.next) && html`<div class="actions pager">${name && html`<button type="button" class="button" onClick=${() => setParams({ after_name: null, after_digest: null })}>${t("From the beginning")}</button>`}${data.next && html`<button type="button" class="button" onClick=${() => setParams(data.next)}>${t("Next page")}</button>`}</div>`}`)}</${Loaded}></${Page}>`;
}

function Schema({ schema }) {
  const rows = schemaRows(schema);
  if (!rows.length)
    return html`<${Card} title=${t("Schema")}>${schema === null ? html`<p class="soft">${t("None was logged.")}</p>` : html`<pre>${visible(typeof schema === "string" ? schema : JSON.stringify(schema, null, 2))}</pre>`}</${Card}>`;
  return html`<${Card} title=${t("{n} column|{n} columns", { n: rows.length })}><${Scroll} class="scroll-x view-columns"><table class="plain"><thead><tr><th class="right index">#</th><th>${t("Name")}</th><th>${t("Type")}</th><th>${t("Required")}</th></tr></thead><tbody>${rows.map((r, i) => html`<tr key=${i}><td class="right soft index">${i + 1}</td><th scope="row">${visible(r.name)}</th><td><code>${visible(r.type)}</code></td><td>${r.required ? t("yes") : t("no")}</td></tr>`)}</tbody></table></${Scroll}></${Card}>`;
}

function usesColumns() {
  return [
    { key: "run", title: t("Run"), value: u => u.run, cell: u => visible(u.run), width: 200, grow: true },
    { key: "status", title: t("State"), value: u => u.status, width: 120, cell: u => html`<${Badge} state=${u.status} />` },
    { key: "context", title: t("What for"), value: u => u.context, width: 130, cell: u => (u.context ? html`<${Chip}>${visible(u.context)}</${Chip}>` : "–") },
    { key: "experiment", title: t("Experiment"), value: u => u.experiment, width: 180, cell: u => html`<a href=${href("/runs", {}, { exp: u.experiment_id })}>${visible(u.experiment)}</a>` },
    { key: "start", title: t("Started"), value: u => u.start_ms, width: 130, cell: u => html`<${Time} ms=${u.start_ms} />` },
  ];
}

function Found({ d }) {
  const shown = useMemo(usesColumns, []), source = sourceText(d.source), profile = profileRows(d.profile);
  return html`<div class="grid"><${Card} title=${t("In short")}><${KeyValues} rows=${[[t("Name"), html`<span class="wrap">${visible(d.name)}</span>`], [t("Digest"), html`<data class="value code wrap" value=${d.digest}>${visible(d.digest)}</data>`], [t("Kind of source"), visible(d.source_type || "–")], [t("Source"), html`<code class="wrap">${visible(source)}</code>`],
      [t("Runs"), d.runs], [t("First used"), html`<${Time} ms=${d.first_ms} />`], [t("Last used"), html`<${Time} ms=${d.last_ms} />`]]} /></${Card}>
    <${Card} title=${t("Profile")}>${profile.length ? html`<${KeyValues} rows=${profile.map(([k, v]) => [visible(k), html`<span class="wrap">${visible(v)}</span>`])} />` : html`<p class="soft">${t("None was logged.")}</p>`}</${Card}></div>
    <${Schema} schema=${d.schema} /><${Card} flush title=${t("Runs that used it")}>${d.used_by.length === 0 ? html`<${Empty} title=${t("All runs that used it are deleted")} />` :
      html`<${Table} id="dataset-runs" label=${t("Runs that used it")} columns=${shown} rows=${d.used_by} rowKey=${u => u.run_id} rowName=${u => u.run} rowHref=${u => href("/runs/{id}", { id: u.run_id })} />`}</${Card}>`;
}

function One({ name, digest }) {
  const got = useData(`${API}${path("/datasets/{digest}", { digest })}?name=${encodeURIComponent(name)}`, { events: EVENTS });
  return html`<${Page} title=${visible(name.split("/").at(-1) || name)} crumbs=${[[t("Data"), href("/data")]]}><${Loaded} of=${got} lines=${8}>${d => html`<${Found} d=${d} />`}</${Loaded}></${Page}>`;
}

export default function Data() {
  const [name] = useParam("name"), [digest] = useParam("digest");
  return name && digest ? html`<${One} name=${name} digest=${digest} />` : html`<${List} />`;
}
