/* audit.js - who did what, newest first. */
import { html } from "../lib/html.js";
import { t } from "../lib/words.js";
import { Page } from "../parts/page.js";

export default function Audit() {
  return html`<${Page} title=${t("Audit")} />`;
}
