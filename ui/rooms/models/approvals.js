/* approvals.js - what waits for a second person, and what became of earlier requests. Used by the list of models and by the page of one. */
import { html, useState } from "../../lib/html.js";
import { API, change, useData } from "../../lib/api.js";
import { visible } from "../../lib/ansi.js";
import { useParam } from "../../lib/route.js";
import { t } from "../../lib/words.js";
import { Badge } from "../../parts/badge.js";
import { Dialog } from "../../parts/dialog.js";
import { Card } from "../../parts/page.js";
import { Empty, Loaded } from "../../parts/states.js";
import { toast } from "../../parts/toast.js";
import { Toggles } from "../../parts/toggle.js";
import { Time } from "../../parts/values.js";
import { asks } from "./says.js";
import { CHANGES, VersionLink, ms, useMe } from "./shared.js";

const STATE_KIND = { pending: "warn", approved: "ok", rejected: "bad", cancelled: "off", expired: "off" };

function stateWord(state) {
  return { pending: t("Waiting"), approved: t("Approved"), rejected: t("Rejected"), cancelled: t("Withdrawn"), expired: t("Expired") }[state] ?? state;
}

function verbs() {
  return { approve: [t("Approve"), t("Approved.")], reject: [t("Reject"), t("Rejected.")], cancel: [t("Withdraw"), t("Withdrawn.")], comment: [t("Comment"), t("Comment added.")] };
}

function what(action, a) {
  const line = asks(a, t);
  return { approve: t("This will happen at once: {line}. If things have moved since the request was made, nothing changes and you are told.", { line }),
    reject: t("Nothing changes; the request is closed: {line}.", { line }), cancel: t("Nothing changes; the request is taken back: {line}.", { line }), comment: t("A comment beside the request: {line}.", { line }) }[action];
}

function Decide({ request, action, onClose }) {
  const [comment, setComment] = useState(""), [busy, setBusy] = useState(false), [error, setError] = useState(null), [verb, done] = verbs()[action];
  const send = async event => {
    event.preventDefault();
    setBusy(true);
    try {
      await change("POST", `${API}/approvals/${request.id}`, { action, comment });
      toast(done);
      onClose(true);
    } catch (e) {
      setError(e);
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${t("Request {id}: {model}", { id: request.id, model: visible(request.model) })} onClose=${() => onClose(false)}><form onSubmit=${send}><p class="says">${what(action, request)}</p>
    <label class="field"><span>${t("Comment")}</span><textarea rows="3" maxlength="2000" required=${action === "comment"} value=${comment} onInput=${e => setComment(e.target.value)} /></label>
    ${error && html`<p class="problem" role="alert">${error.message}</p>`}
    <footer><button type="button" class="button" onClick=${() => onClose(false)}>${t("Cancel")}</button><button type="submit" class="button ${action === "reject" ? "danger" : "primary"}" disabled=${busy}>${verb}</button></footer></form></${Dialog}>`;
}

function Notes({ id }) {
  const got = useData(`${API}/approvals/${id}`, { events: CHANGES });
  const notes = (got.data?.notes ?? []).filter(n => n.text);
  return notes.length > 0 && html`<ul class="notes">${notes.map((n, i) => html`<li key=${i}><b>${visible(n.actor)}</b> <${Time} ms=${ms(n.time)} /> <span class="wrap">${visible(n.text)}</span></li>`)}</ul>`;
}

function who(request, me, self) {
  if (request.requested_by !== me.user)
    return me.may("deploy") ? t("{name} asked; you may decide.", { name: visible(request.requested_by) }) : t("{name} asked; somebody who may deploy decides.", { name: visible(request.requested_by) });
  return self ? t("You asked, and may approve it yourself.") : t("You asked; another person who may deploy decides.");
}

function Buttons({ request, me, self, open }) {
  const mine = request.requested_by === me.user;
  return html`${me.may("deploy") && (!mine || self) && html`<button type="button" class="button primary small" onClick=${() => open("approve")}>${t("Approve")}</button>`}
    ${me.may("deploy") && html`<button type="button" class="button small" onClick=${() => open("reject")}>${t("Reject")}</button>`}
    ${mine && html`<button type="button" class="button small" onClick=${() => open("cancel")}>${t("Withdraw")}</button>`}
    ${me.may("model_write") && html`<button type="button" class="button small" onClick=${() => open("comment")}>${t("Comment")}</button>`}`;
}

function Request({ request, me, self, done, named }) {
  const [action, open] = useState(null), waits = request.state === "pending";
  return html`<li class="request" data-request=${request.id}><div class="request-what"><div><b>${asks(request, t)}</b> ${named && html`<${VersionLink} model=${request.model} version=${request.version ?? request.from}>${visible(request.model)}</${VersionLink}>`}</div>
    <p class="soft">#${request.id} · <${Time} ms=${ms(request.requested)} /> · ${waits ? html`${who(request, me, self)} ${t("Waits until")} <${Time} ms=${ms(request.expires)} />` : html`${visible(request.requested_by)} → ${visible(request.decided_by ?? "–")}`}</p>
    ${request.reason && html`<p class="wrap">${visible(request.reason)}</p>`}<${Notes} id=${request.id} /></div>
    <div class="actions">${waits ? html`<${Buttons} request=${request} me=${me} self=${self} open=${open} />` : html`<${Badge} kind=${STATE_KIND[request.state]}>${stateWord(request.state)}</${Badge}>`}</div>
    ${action && html`<${Decide} request=${request} action=${action} onClose=${changed => { open(null); if (changed) done(); }} />`}</li>`;
}

/* One model's policy says who may approve what he asked for himself. */
function WithPolicy(props) {
  const policy = useData(`${API}/models/${encodeURIComponent(props.request.model)}/policy`);
  return html`<${Request} ...${props} self=${Boolean(policy.data?.self_approval)} />`;
}

/* model: only its requests. onlyWaiting: nothing is drawn where nothing waits. */
export function Approvals({ model, onlyWaiting }) {
  const [show, setShow] = useParam("show", "pending"), me = useMe(), state = onlyWaiting ? "pending" : show === "all" ? "all" : "pending";
  const got = useData(`${API}/approvals?state=${state}${model ? "&model=" + encodeURIComponent(model) : ""}`, { events: CHANGES });
  if (onlyWaiting && !got.data?.approvals.length)
    return null;
  const choose = !onlyWaiting && html`<${Toggles} label=${t("Which")} options=${[["pending", t("Waiting")], ["all", t("All")]]} value=${state} onChoose=${setShow} />`;
  return html`<${Card} title=${onlyWaiting ? t("Waits for approval") : t("Approvals")} actions=${choose}><${Loaded} of=${got} lines=${3}>${data => (data.approvals.length === 0 ?
    html`<${Empty} icon="check" title=${t("Nothing waits for approval")} text=${t("A model's policy says which aliases and stages need a second person.")} command="ingot model protect --alias champion --stage Production" />` :
    html`<ul class="requests">${data.approvals.map(a => html`<${WithPolicy} key=${a.id} request=${a} me=${me} done=${got.refresh} named=${!model} />`)}</ul>`)}</${Loaded}></${Card}>`;
}
