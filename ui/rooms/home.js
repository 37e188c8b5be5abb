/* home.js - what is running, what changed, what needs a decision. */
import { html } from "../lib/html.js";
import { t } from "../lib/words.js";
import { Page } from "../parts/page.js";

export default function Home() {
  return html`<${Page} title=${t("Home")} />`;
}
