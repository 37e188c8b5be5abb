/* lineage.js - where a version comes from and what became of it, as a graph of pages. */
import { html, useMemo } from "../../lib/html.js";
import { API, useData } from "../../lib/api.js";
import { setParams, useParam } from "../../lib/route.js";
import { t } from "../../lib/words.js";
import { Graph } from "../../parts/graph.js";
import { Card } from "../../parts/page.js";
import { Loaded } from "../../parts/states.js";
import { fold } from "./folded.js";
import { CHANGES } from "./shared.js";

function kinds() {
  return { data: t("Data version"), dataset: t("Dataset"), run: t("Run"), logged_model: t("Logged model"), version: t("Version"), alias: t("Alias"), endpoint: t("Endpoint"), rollout: t("Rollout"), window: t("Window"), retrain: t("Retraining") };
}

function relations() {
  return { described: t("describes"), trained: t("trained"), input: t("read by"), output: t("made"), registered: t("registered"), copied: t("copied"), named: t("named"), served: t("serves"), candidate: t("candidate"), control: t("control"), moved: t("moved"), watched: t("watched"), triggered: t("triggered"), retrained: t("retrained") };
}

/* node: as docs/registry.md names them. */
export function Lineage({ node }) {
  const [whole] = useParam("lineage"), got = useData(`${API}/lineage?node=${encodeURIComponent(node)}${whole ? "" : "&depth=4"}`, { events: CHANGES });
  const graph = useMemo(() => got.data && fold(got.data, n => t("{n} window|{n} windows", { n })), [got.data]);
  const more = html`<button type="button" class="button small" aria-pressed=${String(Boolean(whole))} onClick=${() => setParams({ lineage: whole ? null : "all" }, { replace: true })}>${whole ? t("Nearby") : t("All of it")}</button>`;
  return html`<${Card} title=${t("Lineage")} actions=${more}><${Loaded} of=${got} lines=${5}>${data => html`<${Graph} nodes=${graph.nodes} edges=${graph.edges} selected=${node} label=${t("Lineage")} kinds=${kinds()} words=${relations()} />
    ${data.truncated && html`<p class="soft">${t("There is more than can be shown.")}</p>`}`}</${Loaded}></${Card}>`;
}
