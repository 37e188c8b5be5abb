/* rollout.js - the rollouts of an endpoint: the one that runs (or was chosen) as a picture, and all of the past. Part of endpoint.js. Event times of the data
 * may lie long ago, so days are shown and not distances from today. */
import { cls, html, useMemo, useState } from "../lib/html.js";
import { useData } from "../lib/api.js";
import * as format from "../lib/format.js";
import { useParam } from "../lib/route.js";
import { shellWord } from "../lib/shellword.js";
import { t } from "../lib/words.js";
import { Badge } from "../parts/badge.js";
import { Card } from "../parts/page.js";
import { Empty, Loaded } from "../parts/states.js";
import { RolloutActions, StartDialog } from "./rollout_actions.js";
import { Evidence } from "./rollout_evidence.js";
import { decisionWords, kindWord, measuredShares, share, standingWords, trackSteps, trafficWords, verdictKind } from "./rollout_words.js";

const RUNNING_MS = 5000, MEASURED_US = 900000000;

/* An instant of event time: the day and the minute, in UTC as the data has it. */
function eventTime(us) {
  return us === null || us === undefined ? format.MISSING : new Date(us / 1000).toISOString().slice(0, 16).replace("T", " ");
}

function stateOf(r) {
  return r.state === "running" && r.paused ? "paused" : r.state;
}

const STEP_WORDS = { done: () => t("passed"), here: () => t("now"), failed: () => t("stopped here"), ahead: () => t("ahead"), unreached: () => t("not reached") };

function Track({ rollout }) {
  const steps = trackSteps(rollout.plan, rollout);
  return html`<ol class="track" aria-label=${t("Steps")}>${steps.map(s => html`<li key=${s.permille} class=${cls("track-step", "track-" + s.state)} aria-current=${s.state === "here" ? "step" : null} data-permille=${s.permille} data-state=${s.state}>
    <span class="track-dot" aria-hidden="true"></span><b>${share(s.permille)}</b><span class="soft">${STEP_WORDS[s.state]()}</span><span class="soft num">${s.at_us !== null && s.state !== "ahead" && s.state !== "unreached" ? eventTime(s.at_us) : ""}</span></li>`)}</ol>`;
}

/* Shares as one bar, what was meant; beside it what came. */
function Shares({ arms, label }) {
  const total = arms.reduce((n, a) => n + a.part, 0);
  return html`<div class="shares"><span class="soft">${label}</span><div class="share-bar" role="img" aria-label=${`${label}: ${arms.map(a => `v${a.version} ${total ? format.percent(a.part / total) : "–"}`).join(", ")}`}>
    ${total > 0 ? arms.map((a, i) => a.part > 0 && html`<i key=${a.version} class=${"arm-" + (i % 6)} style=${{ flexGrow: a.part }} title=${`v${a.version}: ${format.percent(a.part / total)}`}><b>v${a.version}</b> ${format.percent(a.part / total)}</i>`) : html`<span class="soft">${t("nothing yet")}</span>`}</div></div>`;
}

/* What was meant and what came. Canary and blue-green compare two slices of equal size; A/B and bandits know their arms' shares. */
function Split({ rollout, endpoint, at }) {
  const measured = useData(endpoint.rollout.active && endpoint.rollout.id === rollout.id ? `${at}/live?span_us=${MEASURED_US}&step_us=5000000` : null, { every_ms: RUNNING_MS });
  const report = rollout.now.report, arms = report.arms, running = endpoint.rollout.active && endpoint.rollout.id === rollout.id;
  if (!arms)
    return null;
  const own = arms.every(a => a.permille !== undefined), meant = running ? endpoint.rollout.shares.map(s => ({ version: s.version, part: s.permille })) : own ? arms.map(a => ({ version: a.version, part: a.permille })) : null;
  const canary = rollout.kind === "canary", came = arms.map(a => ({ version: a.version, part: own && rollout.kind === "ab" ? a.units : canary ? a.labels : a.requests }));
  const srm = report.srm_log_e !== undefined && report.srm_log_e !== null;
  return html`<div class="split">${meant && html`<${Shares} arms=${meant} label=${t("Traffic meant")} />`}
    ${running && measured.data?.past?.versions?.length > 0 && html`<${Shares} arms=${measuredShares(measured.data.past, meant)} label=${t("Measured, 15 min")} />`}
    <${Shares} arms=${came} label=${own ? (rollout.kind === "ab" ? t("Units that came") : t("Requests that came")) : canary ? t("Labelled and compared") : t("Requests that came")} />
    ${canary && html`<p class="soft">${t("The compared slices are meant to be half and half: equally many units of either at every step below 100 %.")}</p>`}
    ${srm && html`<p><${Badge} kind=${report.srm_log_e >= report.srm_boundary ? "bad" : "ok"}>${report.srm_log_e >= report.srm_boundary ? t("The split is not the planned one") : t("The split is as planned")}</${Badge}> <span class="soft">${t("evidence {value}, boundary {limit}", { value: format.number(report.srm_log_e), limit: format.number(report.srm_boundary) })}</span></p>`}</div>`;
}

function Decisions({ rollout }) {
  const rows = [...rollout.course].reverse(), left = rollout.decisions - rollout.course.length;
  return html`<${Card} title=${t("Decisions")}>${rows.length === 0 ? html`<p class="soft">${t("None yet: decisions come with labels, rewards and the guardrails' looks.")}</p>`
    : html`<ol class="list decisions">${rows.map(d => html`<li key=${d.seq} data-seq=${d.seq} data-verdict=${d.verdict}><span><${Badge} kind=${verdictKind(d.verdict)}>${decisionWords(t, format, rollout.plan, d)}</${Badge}></span><time class="soft num" datetime=${new Date(d.at_us / 1000).toISOString()}>${eventTime(d.at_us)}</time></li>`)}</ol>`}
    ${left > 0 && html`<p class="soft">${t("{n} decision that changed nothing is left out.|{n} decisions that changed nothing are left out.", { n: left })}</p>`}</${Card}>`;
}

function headline(rollout, endpoint) {
  const last = rollout.course[rollout.course.length - 1];
  if (rollout.state !== "running")
    return last ? decisionWords(t, format, rollout.plan, last) : "";
  if (rollout.paused)
    return t("It waits for a person: {why}. {traffic}.", { why: rollout.paused === "by_hand" ? t("paused by hand") : decisionWords(t, format, rollout.plan, last ?? rollout.now), traffic: trafficWords(t, endpoint.rollout) });
  return t("{traffic}. {now}", { traffic: trafficWords(t, endpoint.rollout), now: standingWords(t, format, rollout.plan, rollout.now) });
}

function Picture({ rollout, endpoint, at, changed }) {
  const state = stateOf(rollout);
  return html`<${Card} title=${t("{kind} of v{candidate} against v{control}", { kind: kindWord(t, rollout.kind), candidate: rollout.candidate, control: rollout.control })}
    actions=${html`<${Badge} state=${state} />${rollout.state === "running" && html`<${RolloutActions} rollout=${rollout} endpoint=${endpoint} at=${at} changed=${changed} />`}`}>
    <p class="headline" data-headline>${headline(rollout, endpoint)}</p>
    <p class="soft num">${eventTime(rollout.started_us)} → ${rollout.finished_us === null ? t("goes on") : eventTime(rollout.finished_us)} <span>${t("event time, UTC")}</span></p>
    ${rollout.kind === "canary" && html`<${Track} rollout=${rollout} />`}
    <${Split} rollout=${rollout} endpoint=${endpoint} at=${at} /></${Card}>
  <${Evidence} rollout=${rollout} /><${Decisions} rollout=${rollout} />`;
}

function Past({ rows, chosen, choose }) {
  return html`<${Card} title=${t("All rollouts")}><ul class="list past">${rows.map(r => html`<li key=${r.id}><button type="button" class=${cls("link", r.id === chosen && "strong")} aria-pressed=${r.id === chosen ? "true" : "false"} onClick=${() => choose(r.id)}>${kindWord(t, r.kind)} v${r.control} → v${r.candidate}</button>
    <span class="past-why"><${Badge} state=${stateOf(r)} /> <span class="soft">${r.last ? decisionWords(t, format, r.plan, r.last) : t("no decision yet")}</span></span><span class="soft num">${format.day(r.started_us / 1000)}${r.finished_us !== null ? " → " + format.day(r.finished_us / 1000) : ""}</span></li>`)}</ul></${Card}>`;
}

export function Rollouts({ endpoint, at, changed }) {
  const list = useData(`${at}/rollouts?brief=true`, { events: ["rollout", "endpoint"], every_ms: endpoint.rollout.active ? RUNNING_MS : 0 });
  const [param, setParam] = useParam("rollout"), [starting, start] = useState(false);
  const rows = list.data?.rollouts ?? [], chosen = rows.find(r => String(r.id) === param) ?? rows[0];
  const course = useData(chosen ? `${at}/rollouts/${chosen.id}/course` : null, { events: ["rollout"], every_ms: chosen?.state === "running" ? RUNNING_MS : 0 });
  const again = () => { changed(); list.refresh(); course.refresh(); };
  const begin = html`<button type="button" class="button primary" disabled=${endpoint.rollout.active} title=${endpoint.rollout.active ? t("One runs already") : null} onClick=${() => start(true)}>${t("Start a rollout")}</button>`;
  const command = `ingot deploy canary ${shellWord(endpoint.name)} --version ${endpoint.version + 1}`;
  return html`<div class="bar-row end">${begin}</div><${Loaded} of=${list} lines=${8}>${() => (rows.length === 0
    ? html`<${Card}><${Empty} icon="endpoints" title=${t("No rollout yet")} text=${t("A rollout moves traffic from one version to another step by step and decides on the evidence of labels whether to go on.")} command=${command} /></${Card}>`
    : html`<${Loaded} of=${course} lines=${10}>${rollout => html`<${Picture} key=${rollout.id} rollout=${rollout} endpoint=${endpoint} at=${at} changed=${again} />`}</${Loaded}>
      <${Past} rows=${rows} chosen=${chosen.id} choose=${id => setParam(String(id))} />`)}</${Loaded}>
    ${starting && html`<${StartDialog} endpoint=${endpoint} at=${at} onClose=${done => { start(false); if (done) { setParam(""); again(); } }} />`}`;
}
