/* card.js - the owner's sections of a model card, read and written; every revision is kept and shown. A section that a version lacks comes from the nearest
 * version before it and says so. */
import { html, useState } from "../../lib/html.js";
import { change, useData } from "../../lib/api.js";
import { visible } from "../../lib/ansi.js";
import { href, path } from "../../lib/route.js";
import { url } from "../../lib/base.js";
import { shellWord } from "../../lib/shellword.js";
import { t } from "../../lib/words.js";
import { Chip } from "../../parts/badge.js";
import { Icon } from "../../parts/icons.js";
import { Markdown } from "../../parts/markdown.js";
import { Card } from "../../parts/page.js";
import { Scroll } from "../../parts/scroll.js";
import { Empty, Loaded } from "../../parts/states.js";
import { toast } from "../../parts/toast.js";
import { Time } from "../../parts/values.js";
import { modelPath } from "./acts.js";
import { CHANGES, VersionLink, ms } from "./shared.js";

const SECTIONS = ["owner", "intended_use", "limitations", "training_data", "evaluation", "ethics", "caveats"];

function titleOf(section) {
  return { owner: t("Owner"), intended_use: t("Intended use"), limitations: t("Limitations"), training_data: t("Training data"), evaluation: t("Evaluation"), ethics: t("Ethics"), caveats: t("Caveats") }[section] ?? section;
}

function Editor({ at, section, text, done }) {
  const [value, setValue] = useState(text), [reason, setReason] = useState(""), [busy, setBusy] = useState(false), [error, setError] = useState(null), [look, setLook] = useState(false);
  const save = async event => {
    event.preventDefault();
    setBusy(true);
    try {
      await change("PUT", at, { sections: { [section]: value }, reason });
      toast(t("Section {section} is saved.", { section: titleOf(section) }));
      done(true);
    } catch (e) {
      setError(e);
      setBusy(false);
    }
  };
  return html`<form class="card-editor" onSubmit=${save}>${look ? html`<${Markdown} text=${value} />` : html`<label class="field"><span>${t("Markdown")}</span><textarea rows="8" maxlength="100000" autofocus value=${value} onInput=${e => setValue(e.target.value)} /></label>`}
    <label class="field"><span>${t("Why (kept with the revision)")}</span><input value=${reason} maxlength="2000" onInput=${e => setReason(e.target.value)} /></label>
    ${error && html`<p class="problem" role="alert">${error.message}</p>`}
    <div class="actions"><button type="submit" class="button primary small" disabled=${busy || value === text}>${t("Save")}</button><button type="button" class="button small" onClick=${() => setLook(!look)}>${look ? t("Write") : t("Preview")}</button><button type="button" class="button small" onClick=${() => done(false)}>${t("Cancel")}</button></div></form>`;
}

function Section({ model, version, at, name, have, edits, may, refresh }) {
  const [editing, edit] = useState(false), [past, setPast] = useState(false), mine = have?.version === version, own = edits.filter(e => e.section === name);
  const note = have && html`<p class="soft small">${!mine && html`<${Chip}>${t("from version {version}", { version: have.version })}</${Chip}> `}${visible(have.actor ?? "")} <${Time} ms=${ms(have.time)} />
    ${own.length > 0 && html` · <button type="button" class="link" aria-expanded=${String(past)} onClick=${() => setPast(!past)}>${t("{n} revision|{n} revisions", { n: own.length })}</button>`}</p>`;
  return html`<section class="card-section" aria-label=${titleOf(name)}><header><h3>${titleOf(name)}</h3>${may && !editing && html`<button type="button" class="button small" aria-label=${t("Edit {section}", { section: titleOf(name) })} onClick=${() => edit(true)}>${t("Edit")}</button>`}</header>
    ${editing ? html`<${Editor} at=${at} section=${name} text=${have?.text ?? ""} done=${saved => { edit(false); if (saved) refresh(); }} />` : have?.text ? html`<${Markdown} text=${have.text} />${note}` : html`<p class="soft">${t("Nothing is written here.")}</p>`}
    ${past && html`<ol class="revisions">${own.map(e => html`<li key=${e.revision}><p class="soft small">#${e.revision} ${visible(e.actor)} <${Time} ms=${ms(e.time)} />${e.reason && html` · ${visible(e.reason)}`} <${VersionLink} model=${model} version=${version} /></p><pre>${visible(e.text) || t("(taken back)")}</pre></li>`)}</ol>`}</section>`;
}

/* The card's "gates": what ingot evaluate demanded and found. */
function Gates({ gates }) {
  if (!Array.isArray(gates) || !gates.length)
    return null;
  const keys = [...new Set(gates.flatMap(g => Object.keys(Object(g))))].slice(0, 8);
  return html`<${Card} title=${t("Gates at evaluation")}><${Scroll}><table class="plain"><thead><tr>${keys.map(k => html`<th key=${k}>${visible(k)}</th>`)}</tr></thead><tbody>${gates.map((g, i) => html`<tr key=${i}>${keys.map(k => html`<td key=${k}>${g[k] === true ? t("yes") : g[k] === false ? t("no") : visible(String(g[k] ?? "–"))}</td>`)}</tr>`)}</tbody></table></${Scroll}></${Card}>`;
}

export function ModelCard({ model, version, card, refresh, may }) {
  const at = modelPath(model, path("/versions/{version}/card", { version })), edits = useData(at + "/edits", { events: CHANGES }), written = SECTIONS.some(s => card.sections[s]?.text);
  const again = () => { refresh(); edits.refresh(); };
  const download = html`<a class="button small" href=${url(at + "?format=markdown")} data-native download=${`${model}-${version}.md`}><${Icon} name="download" />${t("As Markdown")}</a>`;
  return html`<${Card} title=${t("Model card")} actions=${download}>${!written && !may && html`<${Empty} title=${t("The card is empty")} text=${t("Its owner says here what the model is for and what it is not.")} command=${`ingot model card ${shellWord(model)} ${version} --set owner=NAME`} />`}
    ${(written || may) && html`<${Loaded} of=${edits} lines=${4}>${data => SECTIONS.map(s => html`<${Section} key=${s} model=${model} version=${version} at=${at} name=${s} have=${card.sections[s]} edits=${data.edits} may=${may} refresh=${again} />`)}</${Loaded}>`}</${Card}><${Gates} gates=${card.gates} />`;
}
