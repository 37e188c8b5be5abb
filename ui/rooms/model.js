/* model.js - /models/{name}: what the names of a model stand for, its versions, its history, and what of it needs a second person. */
import { html } from "../lib/html.js";
import { useData } from "../lib/api.js";
import { visible } from "../lib/ansi.js";
import { duration } from "../lib/format.js";
import { href, setParams, useParam } from "../lib/route.js";
import { t } from "../lib/words.js";
import { Badge, Chip } from "../parts/badge.js";
import { Icon } from "../parts/icons.js";
import { KeyValues } from "../parts/kv.js";
import { Card, Page, useTabs } from "../parts/page.js";
import { Loaded } from "../parts/states.js";
import { Time } from "../parts/values.js";
import { AliasDialog, RollbackDialog, UnaliasDialog, modelPath } from "./models/acts.js";
import { Approvals } from "./models/approvals.js";
import { History } from "./models/history.js";
import { CHANGES, Endpoints, VersionLink, ms, useDialog, useMe } from "./models/shared.js";
import { Versions } from "./models/versions.js";

function Names({ model, aliases, latest, may, open }) {
  const list = Object.entries(aliases), staged = latest.filter(v => v.stage !== "None");
  if (!list.length && !staged.length)
    return html`<span class="soft">${t("No alias or stage names a version yet.")}</span>`;
  return html`<ul class="names">${list.map(([alias, version]) => html`<li key=${alias}><${Chip} kind="accent">${visible(alias)}</${Chip}> → <${VersionLink} model=${model} version=${version} />
    ${may("model_write") && html` <button type="button" class="icon-button" title=${t("Move alias {alias}", { alias })} aria-label=${t("Move alias {alias}", { alias })} onClick=${() => open("alias", { alias, version })}><${Icon} name="right" /></button><button type="button" class="icon-button" title=${t("Remove alias {alias}", { alias })} aria-label=${t("Remove alias {alias}", { alias })} onClick=${() => open("unalias", { model, alias })}><${Icon} name="close" /></button>`}</li>`)}
    ${staged.map(v => html`<li key=${v.stage}><${Chip}>${v.stage}</${Chip}> → <${VersionLink} model=${model} version=${v.version} /></li>`)}</ul>`;
}

function Policy({ model }) {
  const got = useData(modelPath(model, "/policy"));
  return html`<${Loaded} of=${got} lines=${2}>${p => (p.aliases.length + p.stages.length === 0 ?
    html`<p class="soft">${t("Nothing of this model is protected: whoever may write models moves its aliases and stages alone.")}</p>` :
    html`<${KeyValues} rows=${[[t("Protected aliases"), p.aliases.length ? p.aliases.map(a => html`<${Chip} key=${a}>${visible(a)}</${Chip}> `) : t("none")], [t("Protected stages"), p.stages.length ? p.stages.map(s => html`<${Chip} key=${s}>${s}</${Chip}> `) : t("none")],
      [t("A request waits"), duration(p.expires_in_s * 1000)], [t("Who asks may approve"), p.self_approval ? t("yes") : t("no")], [t("A rollback needs nobody"), p.free_rollback ? t("yes") : t("no")], [t("Whose policy"), p.own ? t("this model's own") : t("that of all models")],
      p.updated && [t("Set"), html`${visible(p.updated_by)} <${Time} ms=${ms(p.updated)} />`]]} />`)}</${Loaded}>`;
}

function Found({ model, data, refresh }) {
  const { may } = useMe(), { endpoints } = data;
  const versions = useData(modelPath(model, "/versions?limit=100"), { events: CHANGES }).data?.versions ?? data.latest;
  const subjects = [...Object.keys(data.aliases).map(a => ["alias", a]), ...[...new Set(data.latest.map(v => v.stage))].filter(s => s === "Staging" || s === "Production").map(s => ["stage", s])];
  const [open, dialog] = useDialog({ alias: AliasDialog, unalias: UnaliasDialog, rollback: RollbackDialog }, refresh, { aliases: data.aliases, versions });
  const alias = props => open("alias", { model, version: versions[0]?.version, ...props });
  const [move] = useParam("move"), [to] = useParam("to"); /* a rollback that shall be undone */
  const [tab, bar] = useTabs([["versions", t("Versions")], ["history", t("History")], ["policy", t("Policy")]]);
  const actions = may("model_write") && versions.length > 0 && html`<button type="button" class="button" onClick=${() => alias({})}>${t("Set alias")}</button>
    ${subjects.length > 0 && html`<button type="button" class="button" onClick=${() => open("rollback", { model, subjects, mayDeploy: may("deploy") })}>${t("Roll back")}</button>`}`;
  return html`<${Page} title=${visible(model)} crumbs=${[[t("Models"), href("/models")]]} actions=${actions} badge=${data.approvals.length > 0 && html`<${Badge} state="pending">${t("{n} request waits|{n} requests wait", { n: data.approvals.length })}</${Badge}>`}>
    ${data.description && html`<p class="wrap model-text">${visible(data.description)}</p>`}<${Approvals} model=${model} onlyWaiting />
    <div class="grid"><${Card} title=${t("Names")}><${Names} model=${model} aliases=${data.aliases} latest=${data.latest} may=${may} open=${(name, props) => (name === "alias" ? alias(props) : open(name, props))} /></${Card}>
      <${Card} title=${t("In short")}><${KeyValues} rows=${[[t("Served by"), endpoints.length ? html`<${Endpoints} list=${endpoints} versions />` : html`<span class="soft">${t("no endpoint")}</span>`], [t("Owner"), data.owner ? visible(data.owner) : html`<span class="soft">${t("the card names none")}</span>`],
        [t("Versions"), data.versions], [t("Registered"), html`<${Time} ms=${ms(data.created)} />`], [t("Updated"), html`<${Time} ms=${ms(data.updated)} />`]]} /></${Card}></div>
    ${bar}<div role="tabpanel">${tab === "history" ? html`<${History} model=${model} />` : tab === "policy" ? html`<${Card} title=${t("What needs a second person")}><${Policy} model=${model} /></${Card}>` : html`<${Versions} model=${model} endpoints=${endpoints} />`}</div>${dialog}
    ${move && to && may("model_write") && html`<${AliasDialog} model=${model} aliases=${data.aliases} versions=${versions} alias=${move} version=${Number(to)} onClose=${changed => { setParams({ move: null, to: null }, { replace: true }); if (changed) refresh(); }} />`}</${Page}>`;
}

export default function Model({ name }) {
  const got = useData(modelPath(name), { events: CHANGES });
  if (got.data === undefined)
    return html`<${Page} title=${visible(name)} crumbs=${[[t("Models"), href("/models")]]}><${Loaded} of=${got} lines=${8}>${() => null}</${Loaded}></${Page}>`;
  return html`<${Loaded} of=${got}>${data => html`<${Found} model=${name} data=${data} refresh=${got.refresh} />`}</${Loaded}>`;
}
