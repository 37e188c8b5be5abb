/* acts.js - what is done to the runs that are chosen: compare, tag, delete, restore; and the colour of one. An act is a call per run, a few at a time; it says how
 * far it is, ends at the first failure or when its dialog is closed, and says what was done. */
import { cls, html, useEffect, useRef, useState } from "../../lib/html.js";
import { change } from "../../lib/api.js";
import { chooseColour, palette, seriesStyle } from "../../lib/colour.js";
import { integer } from "../../lib/format.js";
import { href } from "../../lib/route.js";
import { listText } from "../../lib/runlists.js";
import { t } from "../../lib/words.js";
import { Confirm, Dialog } from "../../parts/dialog.js";
import { Icon } from "../../parts/icons.js";
import { toast } from "../../parts/toast.js";
import { compareQuery } from "./query.js";

const MLFLOW = "/api/2.0/mlflow/runs/", AT_ONCE = 4, NAMED = 5;
const EXCEPT_MAX = 100; /* runs that the address of a comparison leaves out */
const TYPED_FROM = 100; /* runs, from which on their number is typed before they are deleted */

/* One call per run, a few at a time; throws the first failure and says how many were done. told(done) after each; `stop.current` ends it. Returns how many. */
async function each(ids, f, told = () => {}, stop = {}) {
  const left = [...ids];
  let done = 0, failed = null;
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, left.length) }, async () => {
    while (left.length && !failed && !stop.current) {
      try {
        await f(left.pop());
        told(++done);
      } catch (e) {
        failed ??= e;
      }
    }
  }));
  if (failed) {
    if (done)
      failed.message = t("{done} of {n} were done. {why}", { done: integer(done), n: integer(ids.length), why: failed.message });
    throw failed;
  }
  return done;
}

/* [progress or null, run(f, after)]: calls f for all runs of `what`; after(done, ids) when it is over, or was stopped by closing the dialog. */
function useBatch(what) {
  const stop = useRef(false), [now, set] = useState(null), live = useRef(true);
  useEffect(() => () => {
    live.current = false;
    stop.current = true;
  }, []);
  const run = async (f, after) => {
    stop.current = false;
    const ids = await what.ids(), shown = Math.max(1, Math.floor(ids.length / 100));
    const done = await each(ids, f, n => live.current && n % shown === 0 && set([n, ids.length]), stop);
    if (done < ids.length)
      toast(t("Stopped: {done} of {n} were done.", { done: integer(done), n: integer(ids.length) }), { kind: "bad" });
    after(done, ids, done === ids.length);
  };
  return [now && html`<p class="says" role="status"><progress max=${now[1]} value=${now[0]}></progress> ${t("{done} of {n}", { done: integer(now[0]), n: integer(now[1]) })}</p>`, run];
}

function listed({ choice, n }, nameOf) {
  if (choice.inverted)
    return choice.ids.size ? t("{n} of the runs that the filter finds", { n: integer(n) }) : t("All {n} runs that the filter finds", { n: integer(n) });
  const ids = [...choice.ids], names = ids.slice(0, NAMED).map(nameOf).map(name => (name.length > 60 ? name.slice(0, 60) + "…" : name)).join(", ");
  return ids.length > NAMED ? t("{names} and {n} more", { names, n: ids.length - NAMED }) : names;
}

function Tag({ what, nameOf, done, onClose }) {
  const [key, setKey] = useState(""), [value, setValue] = useState(""), [progress, run] = useBatch(what), { n } = what;
  const act = () => run(id => change("POST", MLFLOW + "set-tag", { run_id: id, key: key.trim(), value }), (count, ids, whole) => {
    if (whole)
      toast(t("{n} run was tagged.|{n} runs were tagged.", { n: count }));
    done(false);
  });
  return html`<${Confirm} title=${t("Tag {n} run|Tag {n} runs", { n })} says=${t("The tag is set on {names}. A value that it has there is replaced.", { names: listed(what, nameOf) })} verb=${t("Set tag")} act=${act} onClose=${onClose}
    extra=${html`<label class="field"><span>${t("Tag")}</span><input value=${key} onInput=${e => setKey(e.target.value)} required autofocus maxlength="250" spellcheck="false" /></label><label class="field"><span>${t("Value")}</span><input value=${value} onInput=${e => setValue(e.target.value)} maxlength="8000" spellcheck="false" /></label>${progress}`} />`;
}

function Gone({ what, nameOf, done, onClose }) {
  const [progress, run] = useBatch(what), { n } = what, one = verb => id => change("POST", MLFLOW + verb, { run_id: id });
  const remove = () => run(one("delete"), (count, ids, whole) => {
    if (whole)
      toast(t("{n} run was deleted.|{n} runs were deleted.", { n: count }), { undo: () => each(ids, one("restore")).then(() => done(false), e => toast(e.message, { kind: "bad" })) });
    done(true);
  });
  const restore = () => run(one("restore"), (count, ids, whole) => {
    if (whole)
      toast(t("{n} run was restored.|{n} runs were restored.", { n: count }));
    done(true);
  });
  if (what.kind === "restore")
    return html`<${Confirm} title=${t("Restore {n} run|Restore {n} runs", { n })} says=${t("{names} will be shown again.", { names: listed(what, nameOf) })} verb=${t("Restore")} act=${restore} onClose=${onClose} extra=${progress} />`;
  return html`<${Confirm} danger title=${t("Delete {n} run|Delete {n} runs", { n })} says=${t("{names} will no longer be shown. What was logged stays, and deleted runs can be restored until they are purged.", { names: listed(what, nameOf) })} verb=${t("Delete")} act=${remove} onClose=${onClose}
    typed=${n >= TYPED_FROM ? String(n) : undefined} extra=${progress} />`;
}

/* what: {kind: "delete" | "restore" | "tag", choice, n, ids(): a promise of them}. done(gone): afterwards; gone: they are no longer in the table. */
export function RunsDialog(props) {
  return props.what.kind === "tag" ? html`<${Tag} ...${props} />` : html`<${Gone} ...${props} />`;
}

/* The line at the foot while runs are chosen. `at`: the address' search. */
export function Chosen({ choice, at, ask, clear }) {
  const { inverted, ids, count } = choice, says = inverted && !ids.size ? t("All {n} runs that match are chosen", { n: integer(count) }) : t("{n} run chosen|{n} runs chosen", { n: count });
  const query = inverted ? (ids.size <= EXCEPT_MAX ? compareQuery({ ...at, except: [...ids] }) : null) : { runs: listText([...ids]) };
  return html`<div class="chosen-bar" role="region" aria-label=${t("Chosen runs")}><b aria-live="polite">${says}</b>
    ${at.deleted ? html`<button type="button" class="button" onClick=${() => ask("restore")}>${t("Restore")}</button>` : html`
      ${query && html`<a class=${cls("button", count > 1 && "primary")} href=${href("/compare", {}, query)}>${t("Compare")}</a>`}
      <button type="button" class="button" onClick=${() => ask("tag")}>${t("Tag")}</button><button type="button" class="button" onClick=${() => ask("delete")}>${t("Delete")}</button>`}
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
