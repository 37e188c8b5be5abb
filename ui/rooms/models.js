/* models.js - /models: every registered model with its newest version, where it is served and who owns it; and, as a tab, what waits for approval. */
import { html, useEffect, useMemo, useState } from "../lib/html.js";
import { API, useData } from "../lib/api.js";
import { visible } from "../lib/ansi.js";
import { href, setParams, useParam } from "../lib/route.js";
import { t } from "../lib/words.js";
import { Badge } from "../parts/badge.js";
import { Card, Page, useTabs } from "../parts/page.js";
import { Empty, Loaded } from "../parts/states.js";
import { Table } from "../parts/table.js";
import { Time } from "../parts/values.js";
import { Approvals } from "./models/approvals.js";
import { Aliases, CHANGES, Endpoints, Stage, VersionLink, ms } from "./models/shared.js";

const PAGE = 200, QUIET_MS = 200;

function columns() {
  return [
    { key: "model", title: t("Name"), value: m => m.model, cell: m => html`<span title=${m.model}>${visible(m.model)}</span>`, width: 160, grow: true },
    { key: "newest", title: t("Newest"), value: m => m.newest?.version ?? null, width: 96, cell: m => (m.newest ? html`<${VersionLink} model=${m.model} version=${m.newest.version} /> <span class="soft">${m.newest.semver}</span>` : "–") },
    { key: "aliases", title: t("Aliases"), sort: false, value: m => Object.keys(m.aliases).join(), width: 140, cell: m => (Object.keys(m.aliases).length ? html`<${Aliases} names=${Object.keys(m.aliases)} />` : "–") },
    { key: "stages", title: t("Stages"), sort: false, value: m => Object.keys(m.stages).join(), width: 140, cell: m => (Object.keys(m.stages).length ? Object.entries(m.stages).map(([name, v]) => html`<span key=${name}><${Stage} name=${name} /> <span class="soft">v${v}</span> </span>`) : "–") },
    { key: "endpoints", title: t("Served by"), value: m => m.endpoints.map(e => e.endpoint).join() || null, width: 150, cell: m => (m.endpoints.length ? html`<${Endpoints} list=${m.endpoints} versions />` : "–") },
    { key: "owner", title: t("Owner"), value: m => m.owner || m.newest?.created_by || null, width: 100, cell: m => html`<span title=${m.owner ? "" : t("Who registered the newest version; the card names no owner.")} class=${m.owner ? "" : "soft"}>${visible((m.owner || m.newest?.created_by || "–").split("\n")[0])}</span>` },
    { key: "versions", title: t("Versions"), value: m => m.versions, width: 80, align: "right" },
    { key: "waiting", title: t("Waiting"), value: m => m.waiting, width: 80, align: "right", cell: m => (m.waiting ? html`<${Badge} state="pending">${m.waiting}</${Badge}>` : "–") },
    { key: "updated", title: t("Updated"), value: m => ms(m.updated), width: 110, cell: m => html`<${Time} ms=${ms(m.updated)} />` },
  ];
}

function Search() {
  const [search] = useParam("q"), [text, setText] = useState(search);
  useEffect(() => setText(search), [search]);
  useEffect(() => {
    const timer = setTimeout(() => text !== search && setParams({ q: text, after: null }, { replace: true }), QUIET_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return html`<input type="search" class="room-search" placeholder=${t("Search models")} aria-label=${t("Search models")} value=${text} onInput=${e => setText(e.target.value)} />`;
}

function List() {
  const [search] = useParam("q"), [after] = useParam("after"), shown = useMemo(columns, []);
  const got = useData(`${API}/models?limit=${PAGE}&search=${encodeURIComponent(search)}&after=${encodeURIComponent(after)}`, { events: CHANGES });
  return html`<${Loaded} of=${got} lines=${8}>${data => (data.models.length === 0 ?
    html`<${Card}>${search || after ? html`<${Empty} icon="search" title=${t("No model is called that")} />` : html`<${Empty} icon="models" title=${t("No models yet")} text=${t("A registered model is a name under which versions are kept, each with its run, its signature and its card.")} command="mlflow.register_model('runs:/RUN_ID/model', 'NAME')" />`}</${Card}>` :
    html`<${Card} flush label=${t("Models")}><${Table} id="models" label=${t("Models")} columns=${shown} rows=${data.models} rowKey=${m => m.model} rowName=${m => m.model} rowHref=${m => href("/models/{name}", { name: m.model })} /></${Card}>
    ${(after || data.next) && html`<div class="actions pager">${after && html`<button type="button" class="button" onClick=${() => setParams({ after: null })}>${t("From the beginning")}</button>`}${data.next && html`<button type="button" class="button" onClick=${() => setParams({ after: data.next })}>${t("Next page")}</button>`}</div>`}`)}</${Loaded}>`;
}

export default function Models() {
  const waiting = useData(`${API}/approvals?state=pending`, { events: CHANGES }).data?.approvals.length;
  const [tab, bar] = useTabs([["models", t("Models")], ["approvals", waiting ? t("Approvals ({n})", { n: waiting }) : t("Approvals")]]);
  return html`<${Page} title=${t("Models")} actions=${tab === "models" && html`<${Search} />`}>${bar}<div role="tabpanel">${tab === "approvals" ? html`<${Approvals} />` : html`<${List} />`}</div></${Page}>`;
}
