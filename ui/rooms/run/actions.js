/* actions.js - what can be done to a run: rename, tag, delete and restore, compare with others, register a model from it. */
import { html, useState } from "../../lib/html.js";
import { useData, useKept } from "../../lib/api.js";
import { go } from "../../lib/route.js";
import { t } from "../../lib/words.js";
import { Confirm, Dialog } from "../../parts/dialog.js";
import { Menu, MenuItem } from "../../parts/menu.js";
import { Skeleton } from "../../parts/states.js";
import { toast } from "../../parts/toast.js";
import { Time } from "../../parts/values.js";
import { changeRun, mlflow } from "./data.js";

function Rename({ run, onClose, done }) {
  const [name, set] = useState(run.name);
  const act = async () => {
    await changeRun("update", { run_id: run.id, run_name: name });
    done();
    toast(t("Renamed to {name}", { name }), { undo: () => changeRun("update", { run_id: run.id, run_name: run.name }).then(done) });
  };
  return html`<${Confirm} title=${t("Rename run")} says=${t("The run {name} gets another name. Its id stays.", { name: run.name })} verb=${t("Rename")} act=${act} onClose=${onClose}
    extra=${html`<label class="field"><span>${t("Name")}</span><input value=${name} onInput=${e => set(e.target.value)} required maxlength="250" /></label>`} />`;
}

function Delete({ run, onClose, done }) {
  const act = async () => {
    await changeRun("delete", { run_id: run.id });
    done();
    toast(t("Deleted {name}", { name: run.name }), { undo: () => changeRun("restore", { run_id: run.id }).then(done) });
  };
  return html`<${Confirm} title=${t("Delete run")} danger says=${t("The run {name} goes out of all lists. It can be restored until it is purged; registered versions keep their files.", { name: run.name })} verb=${t("Delete")}
    act=${act} onClose=${onClose} />`;
}

function SetTag({ run, onClose, done, tag }) {
  const [key, setKey] = useState(tag?.[0] ?? ""), [value, setValue] = useState(tag?.[1] ?? "");
  const act = async () => {
    await changeRun("set-tag", { run_id: run.id, key, value });
    done();
  };
  return html`<${Confirm} title=${tag ? t("Change tag") : t("Add tag")} says=${t("The run {name} is marked with it.", { name: run.name })} verb=${t("Save")} act=${act} onClose=${onClose}
    extra=${html`<label class="field"><span>${t("Key")}</span><input value=${key} onInput=${e => setKey(e.target.value)} required readonly=${!!tag} /></label>
      <label class="field"><span>${t("Value")}</span><input value=${value} onInput=${e => setValue(e.target.value)} /></label>`} />`;
}

/* Other runs of the experiment, newest first. */
function Compare({ run, onClose }) {
  const [chosen, set] = useState(new Set()), [word, setWord] = useState("");
  const found = useData("/api/2.0/mlflow/runs/search", { body: { experiment_ids: [run.experiment_id], max_results: 200, ...(word.trim() ? { filter: `attributes.run_name ILIKE '%${word.trim().replace(/'/g, "_")}%'` } : {}), order_by: ["attributes.start_time DESC"] } });
  const answer = useKept(found), runs = answer && (answer.runs ?? []).map(r => r.info).filter(r => r.run_id !== run.id && (r.run_name ?? "").toLowerCase().includes(word.trim().toLowerCase())); /* at once; the server finds those beyond */
  const flip = id => {
    const next = new Set(chosen);
    if (!next.delete(id))
      next.add(id);
    set(next);
  };
  const start = event => {
    event.preventDefault();
    onClose();
    go(`/compare?runs=${[run.id, ...chosen].map(encodeURIComponent).join(",")}`);
  };
  return html`<${Dialog} title=${t("Compare {name} with", { name: run.name })} onClose=${onClose}><form onSubmit=${start}>
    <label class="field"><span>${t("Name contains")}</span><input type="search" value=${word} onInput=${e => setWord(e.target.value)} /></label>
    ${runs ? html`<ul class="pick">${runs.map(r => html`<li key=${r.run_id}><label><input type="checkbox" checked=${chosen.has(r.run_id)} onChange=${() => flip(r.run_id)} /> <bdi>${r.run_name || r.run_id}</bdi></label> <${Time} ms=${Number(r.start_time)} /></li>`)}
      ${!runs.length && html`<li class="soft">${t("There are no other runs in this experiment.")}</li>`}</ul>` : html`<${Skeleton} />`}
    <footer><button type="button" class="button" onClick=${onClose}>${t("Cancel")}</button><button class="button primary" disabled=${!chosen.size}>${t("Compare")}</button></footer></form></${Dialog}>`;
}

/* Where a version can come from: the models that the run logged, or a folder of its artifacts. */
function Register({ run, onClose }) {
  const models = run.models_out.map(m => m.model_id);
  const [name, setName] = useState(""), [from, setFrom] = useState(models[0] ?? ""), [folder, setFolder] = useState("model");
  const known = useData("/api/2.0/mlflow/registered-models/search?max_results=200").data?.registered_models ?? [];
  const exists = known.some(m => m.name === name), source = from ? `models:/${from}` : `${run.artifact_uri}/${folder}`;
  const act = async () => {
    if (!exists)
      await mlflow("registered-models/create", { name }).catch(error => {
        if (!/exists/i.test(error.message))
          throw error;
      });
    const { data } = await mlflow("model-versions/create", { name, source, run_id: run.id, ...(from ? { model_id: from } : {}) });
    toast(t("Registered {name} version {version}", { name, version: data.model_version.version }));
    go(`/models/${encodeURIComponent(name)}/${data.model_version.version}`);
  };
  const says = name ? (exists ? t("A new version of the model {name} is made from {source}.", { name, source }) : t("A new model {name} is made, and its version 1 from {source}.", { name, source }))
    : t("A version of a model is made from what this run left.");
  return html`<${Confirm} title=${t("Register model")} says=${says} verb=${t("Register")} act=${act} onClose=${onClose} extra=${html`
    <label class="field"><span>${t("Model")}</span><input list="known-models" value=${name} onInput=${e => setName(e.target.value)} required autocomplete="off" /><datalist id="known-models">${known.map(m => html`<option key=${m.name} value=${m.name} />`)}</datalist></label>
    ${models.length > 0 && html`<label class="field"><span>${t("From")}</span><select value=${from} onChange=${e => setFrom(e.target.value)}>${models.map(id => html`<option key=${id} value=${id}>${t("logged model {id}", { id })}</option>`)}<option value="">${t("a folder of artifacts")}</option></select></label>`}
    ${!from && html`<label class="field"><span>${t("Folder of artifacts")}</span><input value=${folder} onInput=${e => setFolder(e.target.value)} required /></label>`}`} />`;
}

const DIALOGS = { rename: Rename, delete: Delete, tag: SetTag, compare: Compare, register: Register };

/* done(): the run is asked for again. Returns [open(name, more), the dialog or null]. */
export function useActions(run, done) {
  const [open, set] = useState(null);
  const dialog = open && html`<${DIALOGS[open.name]} run=${run} done=${done} onClose=${() => set(null)} ...${open.more} />`;
  return [(name, more) => set({ name, more }), dialog];
}

export function ActionButtons({ run, open, done }) {
  const restore = () => changeRun("restore", { run_id: run.id }).then(() => { done(); toast(t("Restored {name}", { name: run.name })); }, error => toast(error.message, { kind: "bad" }));
  return html`<button type="button" class="button" onClick=${() => open("compare")}>${t("Compare with…")}</button>
    <button type="button" class="button" onClick=${() => open("register")}>${t("Register model")}</button>
    <${Menu} icon="more" label=${t("More actions")} right className="icon-button">${close => [["rename", t("Rename")], ["tag", t("Add tag")], run.deleted ? null : ["delete", t("Delete")]].filter(Boolean).map(([name, text]) => html`
      <${MenuItem} key=${name} onClick=${() => { close(); open(name); }}>${text}</${MenuItem}>`)}</${Menu}>
    ${run.deleted && html`<button type="button" class="button primary" onClick=${restore}>${t("Restore")}</button>`}`;
}
