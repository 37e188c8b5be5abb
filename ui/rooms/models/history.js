/* history.js - who moved which alias or stage of a model, when and why. */
import { html } from "../../lib/html.js";
import { useData } from "../../lib/api.js";
import { visible } from "../../lib/ansi.js";
import { setParams, useParam } from "../../lib/route.js";
import { shellWord } from "../../lib/shellword.js";
import { t } from "../../lib/words.js";
import { Chip } from "../../parts/badge.js";
import { Card } from "../../parts/page.js";
import { Empty, Loaded } from "../../parts/states.js";
import { Timeline } from "../../parts/timeline.js";
import { modelPath } from "./acts.js";
import { changed } from "./says.js";
import { CHANGES, ms } from "./shared.js";

function way(c) {
  return { rollback: t("rolled back"), approval: t("approved"), archive: t("moved aside"), removed: t("removed") }[c.action];
}

/* changes: of registry_change_json(), newest first. */
export function Changes({ changes }) {
  return html`<${Timeline} label=${t("History")} items=${changes.map(c => ({ key: c.id, time_ms: ms(c.time), kind: c.action === "rollback" ? "warn" : c.to === null ? "off" : "ok", who: visible(c.actor), text: c.reason ? visible(c.reason) : null,
    title: html`${changed({ ...c, subject: visible(c.subject ?? ""), from: c.from, to: c.to }, t)} ${way(c) && html`<${Chip}>${way(c)}</${Chip}>`}${c.approval > 0 && html` <span class="soft">${t("request {id}", { id: c.approval })}</span>`}` }))} />`;
}

export function History({ model }) {
  const [before] = useParam("before"), got = useData(modelPath(model, `/history?limit=100${before ? "&before=" + encodeURIComponent(before) : ""}`), { events: CHANGES });
  return html`<${Card} title=${t("History")}><${Loaded} of=${got} lines=${5}>${data => (data.history.length === 0 ?
    html`<${Empty} title=${t("Nothing was moved yet")} text=${t("Each move of an alias or a stage leaves a line here: who, when, why.")} command=${`ingot model alias ${shellWord(model)} champion 1`} />` :
    html`<${Changes} changes=${data.history} />${(before || data.next) && html`<div class="actions pager">${before && html`<button type="button" class="button" onClick=${() => setParams({ before: null })}>${t("Newest")}</button>`}${data.next && html`<button type="button" class="button" onClick=${() => setParams({ before: data.next })}>${t("Older")}</button>`}</div>`}`)}</${Loaded}></${Card}>`;
}
