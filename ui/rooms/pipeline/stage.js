/* stage.js - one stage of a run of a pipeline: what it did, what it is made of, the end of what it printed, run again from here. */
import { html, useMemo } from "../../lib/html.js";
import { useData } from "../../lib/api.js";
import { Lines } from "../../lib/lines.js";
import { href } from "../../lib/route.js";
import { t } from "../../lib/words.js";
import { visible } from "../../lib/ansi.js";
import { bytes } from "../../lib/format.js";
import { Badge } from "../../parts/badge.js";
import { Icon } from "../../parts/icons.js";
import { KeyValues } from "../../parts/kv.js";
import { LineView } from "../../parts/lineview.js";
import { Card } from "../../parts/page.js";
import { Bytes, Duration, Id, Time } from "../../parts/values.js";
import { isOpen, logPath, runMs } from "./data.js";

/* The end of what a stage, or without one the run itself, printed. */
export function Tail({ run, stage, live }) {
  const { data } = useData(logPath(run.id, stage), { every_ms: live ? 2000 : 0, events: event => event.kind === "pipeline" && String(event.id) === String(run.id) });
  const lines = useMemo(() => {
    const l = new Lines();
    l.append(data?.text ?? "");
    return l;
  }, [data]);
  if (!data?.text)
    return null;
  const shown = new Blob([data.text]).size;
  return html`<div class="node-log">${data.bytes > shown && html`<p class="note">${t("The last {part} of {size}.", { part: bytes(shown), size: bytes(data.bytes) })}</p>`}
    <${LineView} lines=${lines} version=${data.text.length} numbers=${false} over follow=${live} label=${t("Output")} rows=${16} /></div>`;
}

function Paths({ list }) {
  return list?.length ? html`<ul>${list.map(x => html`<li key=${x}><code>${visible(x)}</code></li>`)}</ul>` : undefined;
}

export function Stage({ run, stage, again, now }) {
  const { facts } = stage, live = isOpen(run) && stage.state === "running", took = runMs(stage, now), worked = stage.started_us && stage.state !== "skipped";
  const cmd = Array.isArray(facts?.cmd) ? facts.cmd.join("\n") : facts?.cmd;
  return html`<${Card} title=${visible(stage.name)} actions=${html`${stage.run_id && html`<a class="button small" href=${href("/runs/{id}", { id: stage.run_id })}><${Icon} name="runs" />${t("Open its run")}</a>`}
    ${!isOpen(run) && run.again.possible && html`<button type="button" class="button small" onClick=${() => again(stage.name)}><${Icon} name="play" />${t("Run again from here")}</button>`}`}>
    <${Tail} key=${stage.name} run=${run} stage=${stage.name} live=${live} />
    <div class="stage"><${KeyValues} rows=${[
      [t("State"), html`<${Badge} state=${stage.state} />`],
      [t("Because"), stage.reason ? visible(stage.reason) : undefined],
      [t("Description"), facts?.desc ? visible(facts.desc) : undefined],
      [t("Started"), worked ? html`<${Time} ms=${stage.started_us / 1000} />` : undefined],
      [t("Took"), worked ? html`<${Duration} ms=${took} />` : undefined],
      [t("Usually"), stage.usual_us ? html`<${Duration} ms=${stage.usual_us / 1000} />` : undefined],
      [t("Processor time"), stage.cpu_us ? html`<${Duration} ms=${stage.cpu_us / 1000} />` : undefined],
      [t("Most memory"), stage.max_rss_bytes ? html`<${Bytes} value=${stage.max_rss_bytes} />` : undefined],
      [t("Attempts"), stage.attempts > 1 ? stage.attempts : undefined],
      [t("Exit code"), stage.exit_code ? stage.exit_code : undefined],
      [t("Run"), stage.run_id ? html`<${Id} value=${stage.run_id} />` : undefined],
    ]} /><${KeyValues} rows=${[
      [t("Command"), cmd ? html`<pre>${cmd.split("\n").map(visible).join("\n")}</pre>` : undefined],
      [t("Needs"), html`<${Paths} list=${facts?.deps} />`],
      [t("Makes"), html`<${Paths} list=${facts?.outs} />`],
      [t("Parameters"), facts?.params?.length ? html`<${Paths} list=${facts.params} />` : undefined],
    ]} /></div></${Card}>`;
}
