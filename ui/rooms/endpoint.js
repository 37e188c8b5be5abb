/* endpoint.js - the room /endpoints/{name}: how it does now, its rollouts, a request to try, its settings. */
import { html, useState } from "../lib/html.js";
import { API, useData } from "../lib/api.js";
import { visible } from "../lib/ansi.js";
import { path, go, href } from "../lib/route.js";
import { t } from "../lib/words.js";
import { Badge } from "../parts/badge.js";
import { Confirm } from "../parts/dialog.js";
import { JsonView } from "../parts/jsonview.js";
import { KeyValues } from "../parts/kv.js";
import { Menu, MenuItem } from "../parts/menu.js";
import { Card, Page, useTabs } from "../parts/page.js";
import { Loaded } from "../parts/states.js";
import { change } from "../lib/api.js";
import { DeployDialog } from "./endpoint_deploy.js";
import { EndpointLive } from "./endpoint_live.js";
import { Rollouts } from "./rollout.js";
import { kindWord, trafficWords } from "./rollout_words.js";
import { TryIt } from "./tryit.js";

const REFRESH_MS = 5000;

function Settings({ endpoint }) {
  return html`<div class="grid"><${Card} title=${t("What answers")}><${KeyValues} rows=${[
    [t("Model"), html`<a href=${href("/models/{name}", { name: endpoint.model })}>${visible(endpoint.model)}</a>`],
    [t("Live version"), html`<a href=${href("/models/{name}/{version}", { name: endpoint.model, version: endpoint.version })}>v${endpoint.version}</a>`],
    [t("Loaded versions"), endpoint.versions.map(v => `v${v}`).join(", ") || "–"],
    [t("Format"), endpoint.format || "–"],
    [t("Features"), String(endpoint.features)],
    [t("Feature view"), endpoint.view && html`<a href=${href("/features/{view}", endpoint)}>${visible(endpoint.view)}</a>`],
    [t("Retraining"), endpoint.pending ? t("runs now") : undefined],
  ]} /></${Card}>
  <${Card} title=${t("Configuration")}><${JsonView} value=${endpoint.config} /></${Card}></div>`;
}

function Remove({ endpoint, onClose }) {
  const says = t("{name} answers nobody any more: clients get 404. Its model, its rollouts' decisions and the prediction log stay.", { name: endpoint.name });
  return html`<${Confirm} title=${t("Remove the endpoint")} says=${says} verb=${t("Remove")} danger typed=${endpoint.name}
    act=${() => change("DELETE", `${API}${path("/endpoints/{name}", { name: endpoint.name })}`)} onClose=${done => { onClose(); if (done) go("/endpoints"); }} />`;
}

export default function Endpoint({ name }) {
  const at = `${API}${path("/endpoints/{name}", { name })}`;
  const data = useData(at, { every_ms: REFRESH_MS, events: ["endpoint", "rollout"] }), [dialog, open] = useState(null);
  const [tab, bar] = useTabs([["live", t("Live")], ["rollouts", t("Rollouts")], ["try", t("Try it")], ["settings", t("Settings")]]);
  const e = data.data, busy = e?.rollout.active;
  const sub = e && (busy ? `${kindWord(t, e.rollout.kind)}: ${trafficWords(t, e.rollout)}` : t("v{version} of {model} answers all requests", { version: e.version, model: e.model }));
  const actions = e && html`${e.monitor && html`<a class="button" href=${href("/monitors/{name}", { name })}>${t("Monitor")}</a>`}<${Menu} icon="more" label=${t("More")} className="icon-button" right>${close => html`
    <${MenuItem} onClick=${() => { close(); open("version"); }}>${t("Change version or settings")}</${MenuItem}><${MenuItem} onClick=${() => { close(); open("remove"); }}>${t("Remove the endpoint")}</${MenuItem}>`}</${Menu}>`;
  return html`<${Page} title=${name} crumbs=${[[t("Endpoints"), href("/endpoints")]]} badge=${e && html`<${Badge} state=${e.ready ? "ready" : "unavailable"} />${busy && html` <${Badge} kind="running">${t("Rollout runs")}</${Badge}>`}`} sub=${sub && visible(sub)} actions=${actions}>
    ${bar}<${Loaded} of=${data} lines=${8}>${endpoint => html`
      ${tab === "live" && html`<${EndpointLive} endpoint=${endpoint} at=${at} />`}
      ${tab === "rollouts" && html`<${Rollouts} endpoint=${endpoint} at=${at} changed=${data.refresh} />`}
      ${tab === "try" && html`<${TryIt} endpoint=${endpoint} at=${at} />`}
      ${tab === "settings" && html`<${Settings} endpoint=${endpoint} />`}`}</${Loaded}>
    ${dialog === "remove" && html`<${Remove} endpoint=${e} onClose=${() => open(null)} />`}
    ${dialog === "version" && html`<${DeployDialog} endpoint=${e} onClose=${() => { open(null); data.refresh(); }} />`}</${Page}>`;
}
