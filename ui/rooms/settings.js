/* settings.js - theme, language, and what the server is. */
import { html } from "../lib/html.js";
import { t } from "../lib/words.js";
import { Page } from "../parts/page.js";

export default function Settings() {
  return html`<${Page} title=${t("Settings")} />`;
}
