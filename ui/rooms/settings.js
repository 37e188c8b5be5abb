/* settings.js - what this browser keeps (theme, language), and what the server is. */
import { html } from "../lib/html.js";
import { useData } from "../lib/api.js";
import { useStored } from "../lib/store.js";
import { languages, setLanguage, t } from "../lib/words.js";
import { Card, Page } from "../parts/page.js";
import { Command } from "../parts/states.js";
import { KeyValues } from "../parts/kv.js";
import { Toggles } from "../parts/toggle.js";
import { applyTheme, themes } from "../shell/theme.js";

function Choice({ label, ...rest }) {
  return html`<div class="field"><span id=${"choice-" + label}>${label}</span><${Toggles} labelledby=${"choice-" + label} ...${rest} /></div>`;
}

export default function Settings() {
  const [theme, setTheme] = useStored("theme", "system"), [language] = useStored("language", "en");
  const version = useData("/version", { text: true }), me = useData("/api/ingot/v1/session");
  const words = { system: t("As the system"), light: t("Light"), dark: t("Dark") };
  return html`<${Page} title=${t("Settings")}><div class="grid">
    <${Card} title=${t("This browser")}><${Choice} label=${t("Theme")} options=${themes.map(name => [name, words[name]])} value=${theme} onChoose=${name => { setTheme(name); applyTheme(name); }} />
      <${Choice} label=${t("Language")} options=${languages} value=${language} onChoose=${setLanguage} /></${Card}>
    <${Card} title=${t("This server")}><${KeyValues} rows=${[[t("Address"), html`<code>${location.origin}</code>`], [t("Version"), version.data?.trim()], [t("User"), me.data?.user]]} />
      <p class="soft">${t("MLflow's clients find it by:")}</p><${Command} text=${`export MLFLOW_TRACKING_URI=${location.origin}`} /></${Card}></div></${Page}>`;
}
