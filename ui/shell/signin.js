/* signin.js - asks for a token where the server wants one. The server keeps it behind a cookie that scripts cannot read. */
import { html, useState } from "../lib/html.js";
import { API, change } from "../lib/api.js";
import { t } from "../lib/words.js";
import { Command } from "../parts/states.js";
import { Page } from "../parts/page.js";

export function signOut() {
  change("DELETE", API + "/session").then(() => location.reload(), () => location.reload());
}

export function SignIn({ done }) {
  const [token, setToken] = useState(""), [error, setError] = useState(null), [busy, setBusy] = useState(false);
  const submit = async event => {
    event.preventDefault();
    setBusy(true);
    try {
      await change("POST", API + "/session", { token: token.trim() });
      done();
    } catch (e) {
      setBusy(false);
      setError(e);
    }
  };
  return html`<${Page} title=${t("Sign in")}><form class="card signin" onSubmit=${submit}>
    <label class="field"><span>${t("Token")}</span><input type="password" autocomplete="current-password" value=${token} onInput=${e => setToken(e.target.value)} autofocus required /></label>
    ${error && html`<p class="problem" role="alert">${error.message}</p>`}
    <footer><button type="submit" class="button primary" disabled=${busy}>${t("Sign in")}</button></footer>
    <p class="soft">${t("The administrator's lies in the server's data folder:")}</p><${Command} text="cat DATA/admin-token" /></form></${Page}>`;
}
