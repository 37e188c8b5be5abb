/* serve.js - the dialog that makes an endpoint answer with a version at once. Step by step is a rollout's work, on the endpoint's page. */
import { html, useState } from "../../lib/html.js";
import { API, change, useData } from "../../lib/api.js";
import { visible } from "../../lib/ansi.js";
import { href, path } from "../../lib/route.js";
import { t } from "../../lib/words.js";
import { Dialog } from "../../parts/dialog.js";
import { toast } from "../../parts/toast.js";

function address(endpoint) {
  return API + path("/endpoints/{endpoint}", { endpoint });
}

async function move(endpoint, version) {
  const now = await change("PUT", address(endpoint.name), { version, config: endpoint.config });
  return now.data;
}

/* endpoints: [{endpoint, version}] of the model that answer with another version. */
export function ServeDialog({ model, version, endpoints, onClose }) {
  const [name, setName] = useState(endpoints[0].endpoint), [busy, setBusy] = useState(false), [error, setError] = useState(null), got = useData(address(name)), e = got.loading ? null : got.data;
  const held = e?.rollout?.active;
  const send = async event => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await move(e, version);
      toast(t("Endpoint {endpoint} answers with version {version}.", { endpoint: name, version }), { undo: () => move(e, e.version).then(() => toast(t("Endpoint {endpoint} answers with version {version}.", { endpoint: name, version: e.version })), problem => toast(problem.message, { kind: "bad" })) });
      onClose(true);
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  const problem = error ?? got.error;
  return html`<${Dialog} title=${t("Serve version {version}", { version })} onClose=${() => onClose(false)}><form onSubmit=${send}>
    <label class="field"><span>${t("Endpoint")}</span><select value=${name} onChange=${x => setName(x.target.value)}>${endpoints.map(x => html`<option key=${x.endpoint} value=${x.endpoint} selected=${x.endpoint === name}>${visible(x.endpoint)}</option>`)}</select></label>
    <div class="says act-says" aria-live="polite">${e ? html`<p>${held ? t("A rollout runs at {endpoint}: promote it or roll it back first.", { endpoint: name }) : t("Endpoint {endpoint} will serve version {version} of {model} instead of {from}, all requests at once. No request fails.", { endpoint: name, version, model, from: e.version })}</p>` : html`<p class="soft">…</p>`}
      <p><a href=${href("/endpoints/{name}", { name })}>${t("Step by step: start a rollout")}</a></p></div>
    ${problem && html`<p class="problem" role="alert">${problem.message}${problem.requestId && html` <span class="soft">${t("Request")} <code>${problem.requestId}</code></span>`}</p>`}
    <footer><button type="button" class="button" onClick=${() => onClose(false)}>${t("Cancel")}</button><button type="submit" class="button primary" disabled=${busy || !e || held || e.version === version}>${t("Serve")}</button></footer></form></${Dialog}>`;
}
