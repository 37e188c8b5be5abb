/* endpoint_deploy.js - the form that makes an endpoint, or moves one to another version or configuration. Used by endpoints.js and endpoint.js. */
import { html, useState } from "../lib/html.js";
import { API, change, useData } from "../lib/api.js";
import { path } from "../lib/route.js";
import { t } from "../lib/words.js";
import { Dialog } from "../parts/dialog.js";
import { toast } from "../parts/toast.js";

/* Versions of a model, newest first, with what they are called. */
export function VersionSelect({ model, value, onChange, except = [] }) {
  const list = useData(model ? `${API}${path("/models/{model}/versions", { model })}` : null), rows = (list.data?.versions ?? []).filter(v => !except.includes(v.version));
  return html`<select value=${value} required onChange=${e => onChange(Number(e.target.value))}><option value="">${list.loading && !list.data ? t("Loading") : t("Choose")}</option>
    ${rows.map(v => html`<option key=${v.version} value=${v.version} selected=${v.version === value}>v${v.version}${v.semver ? ` (${v.semver})` : ""}${v.aliases?.length ? " · " + v.aliases.join(", ") : ""}${v.stage && v.stage !== "None" ? " · " + v.stage : ""}</option>`)}</select>
    ${list.error && html`<span class="problem">${list.error.message}</span>`}${list.data && rows.length === 0 && html`<span class="soft">${t("There is no other version.")}</span>`}`;
}

function parsed(text) {
  try {
    const value = JSON.parse(text);
    return value && typeof value === "object" && !Array.isArray(value) ? { value } : { problem: t("The configuration must be a JSON object.") };
  } catch (error) {
    return { problem: String(error.message) };
  }
}

function says(endpoint, name, version, config) {
  if (!name || !version)
    return t("Choose what shall answer, and under which name.");
  if (!endpoint)
    return t("Version {version} of {model} is loaded, warmed and then answers requests to {name}.", { version, model: config.model ?? name, name });
  return version === endpoint.version ? t("The settings of {name} change; version {version} goes on answering. No request fails.", { name, version })
    : t("All requests to {name} go to version {version} at once; now version {old} answers. No request fails. To go step by step, start a rollout instead.", { name, version, old: endpoint.version });
}

/* endpoint: the one to change, or nothing. onClose(name or undefined). */
export function DeployDialog({ endpoint, onClose }) {
  const [name, setName] = useState(endpoint?.name ?? ""), [model, setModel] = useState(endpoint?.model ?? ""), [version, setVersion] = useState(endpoint?.version ?? 0);
  const [text, setText] = useState(JSON.stringify(endpoint?.config ?? {}, null, 2)), [more, setMore] = useState(Boolean(endpoint)), [busy, setBusy] = useState(false), [error, setError] = useState(null);
  const models = useData(endpoint ? null : `${API}/models?limit=500`), config = parsed(text);
  const whole = { ...config.value, ...(endpoint ? {} : { model }) };
  const run = async event => {
    event.preventDefault();
    setBusy(true);
    try {
      await change("PUT", `${API}${path("/endpoints/{name}", { name })}`, { version, config: whole });
      toast(t("{name} answers with version {version}.", { name, version }));
      onClose(name);
    } catch (e) {
      setError(e);
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${endpoint ? t("Change {name}", { name }) : t("Deploy a model")} onClose=${() => onClose()}><form onSubmit=${run}>
    ${!endpoint && html`<label class="field"><span>${t("Registered model")}</span><select value=${model} required onChange=${e => { setModel(e.target.value); setVersion(0); if (!name) setName(e.target.value); }}><option value="">${t("Choose")}</option>
      ${(models.data?.models ?? []).map(m => html`<option key=${m.model} value=${m.model} selected=${m.model === model}>${m.model}</option>`)}</select></label>
    <label class="field"><span>${t("Name of the endpoint")}</span><input value=${name} required maxlength="255" onInput=${e => setName(e.target.value)} autocomplete="off" spellcheck="false" /></label>`}
    <label class="field"><span>${t("Version")}</span><${VersionSelect} model=${model} value=${version} onChange=${setVersion} /></label>
    ${more ? html`<label class="field"><span>${t("Configuration (JSON; docs/serving.md)")}</span><textarea rows="10" class="code" value=${text} spellcheck="false" onInput=${e => setText(e.target.value)}></textarea></label>`
    : html`<p><button type="button" class="link" onClick=${() => setMore(true)}>${t("Configuration")}</button></p>`}
    ${config.problem && html`<p class="problem" role="alert">${config.problem}</p>`}
    <p class="says">${says(endpoint, name, version, whole)}</p>
    ${error && html`<p class="problem" role="alert">${error.message}</p>`}
    <footer><button type="button" class="button" onClick=${() => onClose()}>${t("Cancel")}</button><button type="submit" class="button primary" disabled=${busy || !name || !version || !config.value}>${endpoint ? t("Change") : t("Deploy")}</button></footer></form></${Dialog}>`;
}
