/* audit.js - who did what, newest first, a page at a time; filters stand in the address. The chain of hashes is checked on demand. */
import { html, useEffect, useState } from "../lib/html.js";
import { API, get, useData } from "../lib/api.js";
import { visible } from "../lib/ansi.js";
import { integer } from "../lib/format.js";
import { useParam } from "../lib/route.js";
import { t } from "../lib/words.js";
import { Badge } from "../parts/badge.js";
import { Card, Page } from "../parts/page.js";
import { Scroll } from "../parts/scroll.js";
import { Empty, Loaded } from "../parts/states.js";
import { toast } from "../parts/toast.js";
import { Time } from "../parts/values.js";
import { Changed } from "./home.js";
import { changeText } from "./home_items.js";

const PAGE = 100;

/* The query of one page: an object needs its kind, as the API says. */
function auditPath({ kind, object, verb, before }) {
  const query = new URLSearchParams({ limit: PAGE });
  for (const [key, value] of Object.entries({ kind, object: kind ? object : "", verb, before }))
    if (value)
      query.set(key, value);
  return `${API}/audit?${query}`;
}

/* known: what the rows on the page hold, to choose from; others may be written. */
function Field({ name, label, hint, known }) {
  const [value, set] = useParam(name), id = `audit-${name}`;
  return html`<label class="field inline"><span>${label}</span><input type="search" list=${id} value=${value} placeholder=${hint} onChange=${e => set(e.target.value.trim())} spellcheck="false" />
    <datalist id=${id}>${[...new Set(known)].sort().map(v => html`<option key=${v} value=${v} />`)}</datalist></label>`;
}

function Row({ row }) {
  const detail = JSON.stringify(row.detail);
  return html`<tr><td><${Time} ms=${Date.parse(row.time)} /></td><td>${visible(row.actor)}</td><td><b title=${row.verb}>${visible(changeText(row))}</b>${!row.allowed && html` <${Badge} kind="bad">${t("Refused")}</${Badge}>`}</td>
    <td><span class="soft">${row.kind}</span> <${Changed} of=${row} /></td><td class="detail"><code title=${detail}>${detail === "{}" ? "" : visible(detail)}</code></td><td class="num right">${row.seq}</td></tr>`;
}

function verify() {
  get(API + "/audit/verify").then(proof => toast(t("The chain is whole: {n} row|The chain is whole: {n} rows", { n: integer(proof.rows) })), error => toast(error.message, { kind: "bad" }));
}

export default function Audit() {
  const [kind] = useParam("kind"), [object] = useParam("object"), [verb] = useParam("verb");
  const [more, setMore] = useState([]);
  const first = useData(auditPath({ kind, object, verb }));
  useEffect(() => setMore([]), [kind, object, verb, first.data]);
  const rows = [first.data ?? { rows: [] }, ...more].flatMap(page => page.rows), next = more.length ? more[more.length - 1].next : first.data?.next;
  const older = () => get(auditPath({ kind, object, verb, before: next })).then(page => setMore(pages => [...pages, page]), error => toast(error.message, { kind: "bad" }));
  return html`<${Page} title=${t("Audit")} actions=${html`<button type="button" class="button" onClick=${verify}>${t("Check the chain")}</button>`}>
    <div class="filters"><${Field} name="kind" label=${t("Kind")} hint="model" known=${rows.map(r => r.kind)} /><${Field} name="object" label=${t("Object")} hint=${kind ? "" : t("needs a kind")} known=${kind ? rows.map(r => r.object) : []} /><${Field} name="verb" label=${t("Verb")} hint="alert_firing" known=${rows.map(r => r.verb)} /></div>
    <${Card} label=${t("Audit")}><${Loaded} of=${first} lines=${12}>${data => data.rows.length === 0
      ? html`<${Empty} title=${t("Nothing was recorded")} text=${t("Every change is written here in the same step that makes it.")} icon="audit" />`
      : html`<${Scroll}><table class="plain audit"><thead><tr><th>${t("When")}</th><th>${t("Who")}</th><th>${t("What")}</th><th>${t("Object")}</th><th>${t("Detail")}</th><th class="right">${t("Row")}</th></tr></thead>
        <tbody>${rows.map(row => html`<${Row} key=${row.seq} row=${row} />`)}</tbody></table></${Scroll}>
        ${next && html`<p class="more"><button type="button" class="button" onClick=${older}>${t("Older")}</button></p>`}`}</${Loaded}></${Card}></${Page}>`;
}
