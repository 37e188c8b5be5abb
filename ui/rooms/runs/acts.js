/* acts.js - what is done to the runs that are chosen: compare, tag, delete, restore; and the colour of one. */
import { cls, html, useState } from "../../lib/html.js";
import { change } from "../../lib/api.js";
import { chooseColour, palette, seriesStyle } from "../../lib/colour.js";
import { href } from "../../lib/route.js";
import { t } from "../../lib/words.js";
import { Confirm, Dialog } from "../../parts/dialog.js";
import { Icon } from "../../parts/icons.js";
import { toast } from "../../parts/toast.js";

const MLFLOW = "/api/2.0/mlflow/runs/", AT_ONCE = 4, NAMED = 5;
const COMPARE_MAX = 10000;

/* One call per run, a few at a time; throws the first failure and says how many were done. */
async function each(ids, f) {
  const left = [...ids];
  let done = 0, failed = null;
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, left.length) }, async () => {
    while (left.length && !failed) {
      try {
        await f(left.pop());
        done++;
      } catch (e) {
        failed ??= e;
      }
    }
  }));
  if (failed) {
    if (done)
      failed.message = t("{done} of {n} were done. {why}", { done, n: ids.length, why: failed.message });
    throw failed;
  }
}

function listed(ids, nameOf) {
  const names = ids.slice(0, NAMED).map(nameOf).map(name => (name.length > 60 ? name.slice(0, 60) + "…" : name)).join(", ");
  return ids.length > NAMED ? t("{names} and {n} more", { names, n: ids.length - NAMED }) : names;
}

function Tag({ ids, nameOf, done, onClose }) {
  const [key, setKey] = useState(""), [value, setValue] = useState("");
  const act = async () => {
    await each(ids, id => change("POST", MLFLOW + "set-tag", { run_id: id, key: key.trim(), value }));
    toast(t("{n} run was tagged.|{n} runs were tagged.", { n: ids.length }));
    done(false);
  };
  return html`<${Confirm} title=${t("Tag {n} run|Tag {n} runs", { n: ids.length })} says=${t("The tag is set on {names}. A value that it has there is replaced.", { names: listed(ids, nameOf) })} verb=${t("Set tag")} act=${act} onClose=${onClose}
    extra=${html`<label class="field"><span>${t("Tag")}</span><input value=${key} onInput=${e => setKey(e.target.value)} required autofocus maxlength="250" spellcheck="false" /></label><label class="field"><span>${t("Value")}</span><input value=${value} onInput=${e => setValue(e.target.value)} maxlength="8000" spellcheck="false" /></label>`} />`;
}

/* what: {kind: "delete" | "restore" | "tag", ids}. done(gone): afterwards; gone: they are no longer in the table. */
export function RunsDialog({ what, nameOf, done, onClose }) {
  const { kind, ids } = what;
  if (kind === "tag")
    return html`<${Tag} ids=${ids} nameOf=${nameOf} done=${done} onClose=${onClose} />`;
  const send = verb => each(ids, id => change("POST", MLFLOW + verb, { run_id: id }));
  const remove = async () => {
    await send("delete");
    toast(t("{n} run was deleted.|{n} runs were deleted.", { n: ids.length }), { undo: () => send("restore").then(() => done(false), e => toast(e.message, { kind: "bad" })) });
    done(true);
  };
  const restore = async () => {
    await send("restore");
    toast(t("{n} run was restored.|{n} runs were restored.", { n: ids.length }));
    done(true);
  };
  if (kind === "restore")
    return html`<${Confirm} title=${t("Restore {n} run|Restore {n} runs", { n: ids.length })} says=${t("{names} will be shown again.", { names: listed(ids, nameOf) })} verb=${t("Restore")} act=${restore} onClose=${onClose} />`;
  return html`<${Confirm} danger title=${t("Delete {n} run|Delete {n} runs", { n: ids.length })} says=${t("{names} will no longer be shown. What was logged stays, and deleted runs can be restored until they are purged.", { names: listed(ids, nameOf) })} verb=${t("Delete")} act=${remove} onClose=${onClose} />`;
}

/* The line at the foot while runs are chosen. */
export function Chosen({ ids, deleted, ask, clear }) {
  return html`<div class="chosen-bar" role="region" aria-label=${t("Chosen runs")}><b>${t("{n} run chosen|{n} runs chosen", { n: ids.length })}</b>
    ${deleted ? html`<button type="button" class="button" onClick=${() => ask({ kind: "restore", ids })}>${t("Restore")}</button>` : html`
      <a class=${cls("button", ids.length > 1 && "primary")} href=${ids.length <= COMPARE_MAX ? href("/compare", {}, { runs: ids.join(",") }) : null}>${t("Compare")}</a>
      <button type="button" class="button" onClick=${() => ask({ kind: "tag", ids })}>${t("Tag")}</button><button type="button" class="button" onClick=${() => ask({ kind: "delete", ids })}>${t("Delete")}</button>`}
    <button type="button" class="icon-button" aria-label=${t("Choose none")} title=${t("Choose none")} onClick=${clear}><${Icon} name="close" /></button></div>`;
}

export function ColourDialog({ run, onClose }) {
  const now = seriesStyle(run.id);
  const pick = n => {
    chooseColour(run.id, n);
    onClose();
  };
  return html`<${Dialog} title=${t("Colour of {name}", { name: run.name.slice(0, 80) })} onClose=${onClose}><p class="says">${t("The run has this colour in every chart.")}</p>
    <div class="swatches">${palette.map((c, n) => html`<button type="button" key=${c} class="swatch" style=${{ background: c }} aria-label=${t("Colour {n}", { n: n + 1 })} aria-pressed=${String(now.stroke === c && !now.dash.length)} onClick=${() => pick(n)}></button>`)}</div>
    <footer><button type="button" class="button" onClick=${() => pick(null)}>${t("By itself")}</button></footer></${Dialog}>`;
}
