/* home_items.js - from the rows of /overview to what the home page says: what waits for a person, and changes in words. Pure. */
import { day, number } from "../lib/format.js";
import { href } from "../lib/route.js";
import { t } from "../lib/words.js";

function approvalItem(a) {
  const title = a.kind === "alias"
    ? a.version ? t("{model}: point {alias} at version {version}", { model: a.model, alias: a.subject, version: a.version }) : t("{model}: remove {alias}", { model: a.model, alias: a.subject })
    : t("{model}: version {version} to {stage}", { model: a.model, version: a.version, stage: a.subject });
  return { key: `approval ${a.id}`, kind: "warn", word: t("Approval"), title, text: t("{who} asks: {reason}", { who: a.requested_by, reason: a.reason || t("no reason given") }),
    to: href("/models/{name}", { name: a.model }, { approval: a.id }), ms: a.requested_us / 1000 };
}

function rolloutItem(r) {
  const stuck = r.paused || r.verdict === "inconclusive";
  return stuck && { key: `rollout ${r.id}`, kind: "warn", word: r.paused ? t("Paused") : t("Inconclusive"), title: t("{endpoint}: rollout of v{version}", { endpoint: r.endpoint, version: r.candidate }),
    text: r.paused || r.reason, to: href("/endpoints/{name}", { name: r.endpoint }), day: day((r.decided_us ?? r.started_us) / 1000) };
}

/* The alerts of an endpoint are one item: the rules with how many things each found. */
function alertItems(alerts) {
  const by = new Map();
  for (const a of alerts)
    by.set(a.endpoint, [...(by.get(a.endpoint) ?? []), a]);
  return [...by].map(([endpoint, list]) => {
    const rules = new Map();
    for (const a of list)
      rules.set(a.rule, [...(rules.get(a.rule) ?? []), a.subject].filter(Boolean));
    const text = [...rules].map(([rule, subjects]) => (subjects.length ? `${ruleWord(rule)}: ${subjects.slice(0, 3).join(", ")}${subjects.length > 3 ? ` +${subjects.length - 3}` : ""}` : ruleWord(rule))).join(" · ");
    return { key: `alerts ${endpoint}`, kind: "bad", word: t("{n} alert|{n} alerts", { n: list.length }), title: endpoint, text, to: href("/monitors/{name}", { name: endpoint }),
      day: day(Math.max(...list.map(a => a.fired_us)) / 1000) };
  });
}

export function ruleWord(rule) {
  return { feature_psi: t("PSI of features"), feature_ks: t("KS of features"), score_psi: t("PSI of scores"), score_ks: t("KS of scores"), dataset_drift: t("Drift of the data"),
    error_rate: t("Errors"), logloss_rise: t("Log-loss rose"), accuracy_drop: t("Accuracy fell"), auc_drop: t("AUC fell"), calibration: t("Calibration worsened") }[rule] ?? rule;
}

export function decisions(data) {
  const failed = data.pipelines.length && ["failed", "lost"].includes(data.pipelines[0].state)
    ? [{ key: `pipeline ${data.pipelines[0].id}`, kind: "bad", word: t("Failed"), title: t("Pipeline of {name}", { name: data.pipelines[0].endpoint }), text: reasonText(data.pipelines[0].reason),
      to: href("/endpoints/{name}", { name: data.pipelines[0].endpoint }), ms: (data.pipelines[0].ended_us ?? data.pipelines[0].started_us) / 1000 }] : [];
  const runs = data.run_alerts.map(a => ({ key: `run alert ${a.id}`, kind: "bad", word: a.rule, title: a.run_name || a.run_id, text: a.reason, to: href("/runs/{id}", { id: a.run_id }), ms: a.fired_us / 1000 }));
  return [...data.approvals.map(approvalItem), ...data.rollouts.map(rolloutItem).filter(Boolean), ...alertItems(data.endpoint_alerts), ...runs, ...failed];
}

export function ruleText(r) {
  return `${ruleWord(r.rule)}${r.subject ? " (" + r.subject + ")" : ""}: ${number(r.value)}, ${t("limit {bound}", { bound: number(r.limit) })}`;
}

/* Why a pipeline was started: the monitor's reason is the alert that wanted it, as JSON. */
export function reasonText(reason) {
  if (!reason.startsWith("{"))
    return reason;
  try {
    return ruleText(JSON.parse(reason));
  } catch {
    return reason;
  }
}

/* What a change did, in a few words; a verb that has none is shown as it is. */
export function changeText(c) {
  const d = c.detail ?? {}, made = d.decision ?? {}, share = permille => `${number(permille / 10)} %`;
  const known = {
    "endpoint.alert_firing": () => t("Alert fired"),
    "endpoint.alert_resolved": () => t("Alert ended"),
    "endpoint.create": () => t("Endpoint made"),
    "endpoint.promote": () => t("v{version} serves", { version: d.version }),
    "endpoint.retrain_wanted": () => t("Retraining asked for by the monitor"),
    "endpoint.rollout_start": () => t("Rollout of v{version} began", { version: d.candidate }),
    "endpoint.rollout_advance": () => t("Rollout of v{version}: {from} → {to}", { version: made.candidate, from: share(made.from_permille), to: share(made.to_permille) }),
    "endpoint.rollout_promote": () => t("v{version} was promoted", { version: made.candidate }),
    "endpoint.rollout_rollback": () => t("v{version} was rolled back", { version: made.candidate }),
    "model.model.create": () => t("Model registered"),
    "model.model_version.create": () => t("Version {version} registered", { version: d.version }),
    "model.alias.set": () => t("Alias {alias} now points at version {version}", { alias: d.alias ?? "", version: d.to ?? "" }),
    "model.alias.delete": () => t("Alias {alias} removed", { alias: d.alias ?? "" }),
    "model.stage.set": () => t("Version {version} is now {stage}", { version: d.stage ?? "", stage: d.to ?? "" }),
    "feature_view.create": () => t("Feature view made"),
    "pipeline_run.trigger": () => t("Pipeline started"),
    "pipeline_run.end": () => t("Pipeline ended"),
    "experiment.experiment.create": () => t("Experiment made"),
    "run.run.create": () => t("Run began"),
  }[`${c.kind}.${c.verb}`];
  return known ? known() : c.verb.replaceAll("_", " ");
}

/* The thing that was changed: its name where the row tells it, else its id; and its page, null where it has none or is gone. */
export function changed(c) {
  const known = { endpoint: "/endpoints/{object}", model: "/models/{object}", feature_view: "/features/{object}", run: "/runs/{object}" }[c.kind], name = c.detail?.name || c.object, pipeline = c.detail?.pipeline;
  if (c.kind === "pipeline_run")
    return { name: `${pipeline ?? ""} #${c.object}`.trim(), to: pipeline ? href("/pipelines/{pipeline}/{object}", { pipeline, object: c.object }) : null };
  const to = c.kind === "experiment" ? href("/runs", {}, { exp: c.object }) : known ? href(known, c) : null;
  return { name: c.kind === "experiment" || c.kind === "run" ? name : c.object, to: c.verb.endsWith("delete") ? null : to };
}
