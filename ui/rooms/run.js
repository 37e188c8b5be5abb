/* run.js - one run: what it is, its charts, what it prints, what the machine did, its files. A run that runs is kept up to date by events. */
import { html } from "../lib/html.js";
import { useData } from "../lib/api.js";
import { href } from "../lib/route.js";
import { t } from "../lib/words.js";
import { visible } from "../lib/ansi.js";
import { Badge } from "../parts/badge.js";
import { Icon } from "../parts/icons.js";
import { LogView } from "../parts/logview.js";
import { Page, useTabs } from "../parts/page.js";
import { Empty, Loaded } from "../parts/states.js";
import { ActionButtons, useActions } from "./run/actions.js";
import { Artifacts } from "./run/artifacts.js";
import { RunCharts } from "./run/charts.js";
import { artifactAddress, consoleSource, isSystem, readRun, runPath } from "./run/data.js";
import { Overview } from "./run/overview.js";
import { url } from "../lib/base.js";

const EXEC = "ingot run exec --experiment NAME -- python train.py";

function Console({ run }) {
  const download = html`<a class="button small" href=${url(artifactAddress(run.id, "capture/console.log"))} data-native download><${Icon} name="download" />${t("Download")}</a>`;
  return html`<${LogView} key=${run.id} source=${consoleSource(run.id)} label=${t("Console")} actions=${run.status !== "RUNNING" && download}
    empty=${html`<${Empty} title=${t("Nothing was printed")} text=${t("What a program prints is kept when it is started so:")} command=${EXEC} />`} />`;
}

function Tabs({ run, open, done }) {
  const keys = run.metrics.map(m => m.key), own = keys.filter(key => !isSystem(key)), system = keys.filter(isSystem);
  const [tab, bar] = useTabs([["overview", t("Overview")], ["charts", t("Charts")], ["console", t("Console")], ["system", t("System")], ["artifacts", t("Files")]]);
  const views = {
    overview: () => html`<${Overview} run=${run} open=${open} done=${done} />`,
    charts: () => html`<${RunCharts} key="charts" run=${run} keys=${own} empty=${html`<${Empty} title=${t("No metrics")} text=${t("Log one from the program that this run is of:")} command="mlflow.log_metric('loss', 0.25, step=1)" />`} />`,
    console: () => html`<${Console} run=${run} />`,
    system: () => html`<${RunCharts} key="system" run=${run} keys=${system} axis="relative" empty=${html`<${Empty} title=${t("What the machine did is not known")} text=${t("It is measured when a program is started so:")} command=${EXEC} />`} />`,
    artifacts: () => html`<${Artifacts} run=${run} />`,
  };
  return html`${bar}<div role="tabpanel" class="run-tab">${views[tab]()}</div>`;
}

function Found({ run, done }) {
  const [open, dialog] = useActions(run, done);
  const experiment = useData(`/api/2.0/mlflow/experiments/get?experiment_id=${encodeURIComponent(run.experiment_id)}`).data?.experiment;
  return html`<${Page} title=${visible(run.name)} crumbs=${[[t("Runs"), href("/runs")], [visible(experiment?.name ?? run.experiment_id), href("/runs", {}, { exp: run.experiment_id })]]}
    badge=${html`<${Badge} state=${run.status} />${run.deleted && html` <${Badge} state="deleted" />`}`} actions=${html`<${ActionButtons} run=${run} open=${open} done=${done} />`}>
    <${Tabs} run=${run} open=${open} done=${done} />${dialog}</${Page}>`;
}

export default function Run({ id }) {
  const answer = useData(runPath(id), { events: event => (event.kind === "run" || event.kind === "metric") && (event.id ?? id) === id });
  if (answer.data === undefined)
    return html`<${Page} title=${t("Run")} crumbs=${[[t("Runs"), href("/runs")]]}><${Loaded} of=${answer} lines=${10}>${() => null}</${Loaded}></${Page}>`;
  return html`<${Loaded} of=${answer}>${data => html`<${Found} run=${readRun(data)} done=${answer.refresh} />`}</${Loaded}>`;
}
