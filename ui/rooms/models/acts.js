/* acts.js - the dialogs that change something of a model: alias, stage, rollback, deletion. Each asks the server what the act would do (nothing is changed by
 * asking) and says that in sentences before its button can be pressed. What was done can be undone from the toast where there is a way back. */
import { html, useEffect, useState } from "../../lib/html.js";
import { API, change, useData } from "../../lib/api.js";
import { visible } from "../../lib/ansi.js";
import { duration } from "../../lib/format.js";
import { go, path } from "../../lib/route.js";
import { t } from "../../lib/words.js";
import { Dialog } from "../../parts/dialog.js";
import { toast } from "../../parts/toast.js";
import { says } from "./says.js";

const STAGES = ["None", "Staging", "Production", "Archived"], QUIET_MS = 200;

export function modelPath(model, rest = "") {
  return API + path("/models/{model}", { model }) + rest;
}

/* 202: it waits for somebody else. Says what happened, with the way back. */
function told(answer, text, undo) {
  if (answer.status !== 202)
    return toast(text, { undo });
  const id = answer.data.approval;
  return toast(t("Nothing changed yet: request {id} waits for approval.", { id }), { undo: () => change("POST", `${API}/approvals/${id}`, { action: "cancel" }).then(() => toast(t("Request {id} is withdrawn.", { id })), failed) });
}

function failed(error) {
  toast(error.message, { kind: "bad" });
}

/* What is typed is asked about once it rests. */
function useQuiet(value) {
  const [quiet, set] = useState(value), key = JSON.stringify(value);
  useEffect(() => {
    const timer = setTimeout(() => set(value), QUIET_MS);
    return () => clearTimeout(timer);
  }, [key]);
  return JSON.stringify(quiet) === key ? quiet : null;
}

/* act: the preview's body, or null while fields are missing. send(): the promise of the real act. */
function ActDialog({ title, model, act, verb, waitVerb, danger, typed, children, send, onClose }) {
  const asked = useQuiet(act), preview = useData(asked ? modelPath(model, "/preview") : null, { body: asked ?? undefined });
  const [busy, setBusy] = useState(false), [error, setError] = useState(null), [text, setText] = useState("");
  const known = asked && preview.data && !preview.loading ? preview.data : null, will = known && says(asked, known, t, duration(known.expires_in_s * 1000));
  const run = async event => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await send(known);
      onClose(true);
    } catch (e) {
      setError(e);
      setBusy(false);
    }
  };
  const problem = error ?? preview.error;
  return html`<${Dialog} title=${title} onClose=${() => onClose(false)}><form onSubmit=${run}>${children}
    <div class="says act-says ${will?.waits ? "waits" : ""}" aria-live="polite">${will ? will.sentences.map(s => html`<p key=${s}>${visible(s)}</p>`) : !problem && html`<p class="soft">${act ? "…" : t("Choose what shall happen.")}</p>`}</div>
    ${typed && will && !will.blocked && html`<label class="field"><span>${t("Type {name} to confirm", { name: typed })}</span><input value=${text} onInput=${e => setText(e.target.value)} autocomplete="off" spellcheck="false" /></label>`}
    ${problem && html`<p class="problem" role="alert">${problem.message}${problem.requestId && html` <span class="soft">${t("Request")} <code>${problem.requestId}</code></span>`}</p>`}
    <footer><button type="button" class="button" onClick=${() => onClose(false)}>${t("Cancel")}</button>
      <button type="submit" class="button ${danger ? "danger" : "primary"}" disabled=${busy || !will || will.blocked || (typed && text !== typed)}>${will?.waits ? waitVerb ?? t("Ask for approval") : verb}</button></footer></form></${Dialog}>`;
}

function Reason({ value, set }) {
  return html`<label class="field"><span>${t("Why (kept in the history)")}</span><input value=${value} maxlength="2000" onInput=${e => set(e.target.value)} /></label>`;
}

function VersionField({ versions, value, set }) {
  return html`<label class="field"><span>${t("Version")}</span><select value=${value} onChange=${e => set(Number(e.target.value))}>${versions.map(v => html`<option key=${v.version} value=${v.version} selected=${v.version === value}>${v.version}${v.semver ? ` (${v.semver})` : ""}</option>`)}</select></label>`;
}

/* aliases: those of the model, by name; versions: to choose from; version: the one chosen at first. alias: given when an existing one is moved. */
export function AliasDialog({ model, aliases, versions, version: first, alias: given, onClose }) {
  const [alias, setAlias] = useState(given ?? ""), [version, setVersion] = useState(first), [reason, setReason] = useState("");
  const at = modelPath(model, path("/aliases/{alias}", { alias })), text = t("Alias {alias} names version {version}.", { alias, version });
  const send = async known => {
    const back = () => (known.from === null ? change("DELETE", at, { reason: "undo" }) : change("PUT", at, { version: Number(known.from), reason: "undo" })).then(a => told(a, t("Alias {alias} is as it was.", { alias })), failed);
    told(await change("PUT", at, { version, reason }), text, back);
  };
  return html`<${ActDialog} title=${given ? t("Move alias {alias}", { alias: given }) : t("Set an alias")} model=${model} verb=${t("Set alias")} act=${alias.trim() ? { act: "alias", alias, version } : null} send=${send} onClose=${onClose}>
    ${!given && html`<label class="field"><span>${t("Alias")}</span><input value=${alias} list="aliases" autofocus autocomplete="off" spellcheck="false" onInput=${e => setAlias(e.target.value)} /><datalist id="aliases">${Object.keys(aliases).map(a => html`<option key=${a} value=${a} />`)}</datalist></label>`}
    <${VersionField} versions=${versions} value=${version} set=${setVersion} /><${Reason} value=${reason} set=${setReason} /></${ActDialog}>`;
}

export function UnaliasDialog({ model, alias, onClose }) {
  const [reason, setReason] = useState(""), at = modelPath(model, path("/aliases/{alias}", { alias }));
  const send = async known => told(await change("DELETE", at, { reason }), t("Alias {alias} is removed.", { alias }),
    () => change("PUT", at, { version: Number(known.from), reason: "undo" }).then(a => told(a, t("Alias {alias} is as it was.", { alias })), failed));
  return html`<${ActDialog} title=${t("Remove alias {alias}", { alias })} model=${model} verb=${t("Remove")} danger act=${{ act: "alias", alias, version: 0 }} send=${send} onClose=${onClose}><${Reason} value=${reason} set=${setReason} /></${ActDialog}>`;
}

/* stage: the one it is in; to: the one chosen at first. */
export function StageDialog({ model, version, stage: now, to, onClose }) {
  const [stage, setStage] = useState(to ?? (now === "Production" ? "Archived" : "Production")), [archive, setArchive] = useState(true), [reason, setReason] = useState("");
  const can = stage === "Staging" || stage === "Production", at = modelPath(model, path("/versions/{version}/stage", { version })), archive_others = can && archive;
  const send = async known => {
    const back = known.archives.length ? undefined : () => change("PUT", at, { stage: known.from, reason: "undo" }).then(a => told(a, t("Version {version} is back in {stage}.", { version, stage: known.from })), failed);
    told(await change("PUT", at, { stage, archive_others, reason }), t("Version {version} is in {stage}.", { version, stage }), back);
  };
  return html`<${ActDialog} title=${t("Promote version {version}", { version })} model=${model} verb=${stage === "Archived" || stage === "None" ? t("Move to {stage}", { stage }) : t("Promote to {stage}", { stage })} act=${{ act: "stage", version, stage, archive_others }} send=${send} onClose=${onClose}>
    <label class="field"><span>${t("Stage")}</span><select value=${stage} onChange=${e => setStage(e.target.value)}>${STAGES.map(s => html`<option key=${s} value=${s} selected=${s === stage}>${s}</option>`)}</select></label>
    ${can && html`<label class="check"><input type="checkbox" checked=${archive} onChange=${e => setArchive(e.target.checked)} /> ${t("Archive the versions that hold {stage} now", { stage })}</label>`}<${Reason} value=${reason} set=${setReason} /></${ActDialog}>`;
}

/* subjects: [["alias", "champion"], ["stage", "Production"]] that name a version now. */
export function RollbackDialog({ model, subjects, mayDeploy, onClose }) {
  const [at, setAt] = useState(0), [along, setAlong] = useState(mayDeploy), [reason, setReason] = useState(""), [kind, name] = subjects[at], target = { [kind]: name, endpoints: along };
  const send = async known => {
    const answer = await change("POST", modelPath(model, "/rollback"), { ...target, reason }), stuck = (answer.data.endpoints ?? []).filter(e => !e.moved);
    /* The way forward again is an act of its own, with its own sentences: the page on which it is confirmed. */
    const again = () => go(kind === "alias" ? `${path("/models/{model}", { model })}?${new URLSearchParams({ move: name, to: known.from })}` : `${path("/models/{model}/{from}", { model, from: known.from })}?move=${name}`);
    told(answer, t("{name} is back at version {version}.", { name, version: known.version }), known.from === null ? undefined : again);
    for (const e of stuck)
      toast(t("Endpoint {endpoint} did not go along: {why}", { endpoint: e.endpoint, why: e.error }), { kind: "bad" });
  };
  return html`<${ActDialog} title=${t("Roll back")} model=${model} verb=${t("Roll back")} danger act=${{ act: "rollback", ...target }} send=${send} onClose=${onClose}>
    <label class="field"><span>${t("What goes back")}</span><select value=${at} onChange=${e => setAt(Number(e.target.value))}>${subjects.map(([k, n], i) => html`<option key=${k + n} value=${i} selected=${i === at}>${k === "alias" ? t("alias {name}", { name: n }) : t("stage {name}", { name: n })}</option>`)}</select></label>
    ${mayDeploy && html`<label class="check"><input type="checkbox" checked=${along} onChange=${e => setAlong(e.target.checked)} /> ${t("Endpoints that serve the version go along")}</label>`}<${Reason} value=${reason} set=${setReason} /></${ActDialog}>`;
}

export function DeleteDialog({ model, version, onClose }) {
  const send = async () => {
    await change("DELETE", "/api/2.0/mlflow/model-versions/delete", { name: model, version: String(version) });
    toast(t("Version {version} of {model} is deleted.", { version, model }));
  };
  return html`<${ActDialog} title=${t("Delete version {version}", { version })} model=${model} verb=${t("Delete")} danger typed=${model} act=${{ act: "delete", version }} send=${send} onClose=${onClose} />`;
}
