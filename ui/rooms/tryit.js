/* tryit.js - a request to the endpoint by hand: a form from its signature or JSON, the answer with its time and the version that gave it, and the same
 * request as a curl line. Requests are real: they count in the figures, and with a rollout they take part in it. Part of endpoint.js. */
import { html, useMemo, useState } from "../lib/html.js";
import { API, change, useData } from "../lib/api.js";
import { duration, full, number } from "../lib/format.js";
import { path, useParam } from "../lib/route.js";
import { url } from "../lib/base.js";
import { t } from "../lib/words.js";
import { JsonView } from "../parts/jsonview.js";
import { Card } from "../parts/page.js";
import { Command, Failed, Loaded, Skeleton } from "../parts/states.js";
import { Toggles } from "../parts/toggle.js";
import { answerRows, curlLine, invocationsBody, namedFields, readForm, v2Body, waysToAsk } from "./tryit_request.js";

const SHOWN_ROWS = 50;

function wayWord(name) {
  return { columns: t("Columns of the feature view"), features: t("Features"), tensors: t("Inputs"), json: "JSON" }[name];
}

function problemWord(problem) {
  return { missing: t("a value is needed"), number: t("not a number"), whole: t("not a whole number"), time: t("not a time; for example 2001-06-30 12:00") }[problem] ?? problem;
}

function hint(field) {
  return { id: t("id, for labels"), time: t("UTC; event time"), key: t("key"), number: t("number") }[field.role] ?? field.datatype;
}

function Field({ field, value, problem, set }) {
  const id = `try-${field.name}`;
  return html`<div class="field try-field"><label for=${id}><span class="try-name">${field.name}</span> <span class="soft">${hint(field)}${field.optional ? ` · ${t("optional")}` : ""}</span></label>
    ${field.kind === "bool" ? html`<select id=${id} value=${value} onChange=${e => set(e.target.value)}><option value="false">false</option><option value="true" selected=${value === "true"}>true</option></select>`
      : html`<input id=${id} value=${value} inputmode=${field.kind === "number" || field.kind === "whole" ? "decimal" : "text"} aria-invalid=${problem ? "true" : "false"} aria-describedby=${problem ? id + "-problem" : null} onInput=${e => set(e.target.value)} autocomplete="off" spellcheck="false" />`}
    ${problem && html`<span class="problem" id=${id + "-problem"}>${problem}</span>`}</div>`;
}

function Answer({ result }) {
  if (!result)
    return html`<${Card} title=${t("Answer")}><p class="soft">${t("Send a request to see what comes back.")}</p></${Card}>`;
  if (result.error)
    return html`<${Card} title=${t("Answer")}><${Failed} error=${result.error} /></${Card}>`;
  const rows = answerRows(result.data, SHOWN_ROWS);
  return html`<${Card} title=${t("Answer")}><p data-answer data-version=${result.data.model_version}><b>${t("version {version}", { version: result.data.model_version })}</b> <span class="soft">· ${t("{time} from here and back", { time: duration(result.ms) })}</span></p>
    <table class="plain"><thead><tr><th>${t("Output")}</th><th>${t("Type")}</th><th class="right">${t("Value")}</th></tr></thead><tbody>${rows.map(r => html`<tr key=${r.output + r.index}><td>${r.output}${r.of > 1 ? `[${r.index}]` : ""}</td><td class="soft">${r.datatype}</td>
      <td class="right num" title=${full(r.value)} data-value=${String(r.value)}>${typeof r.value === "number" ? number(r.value) : String(r.value)}</td></tr>`)}</tbody></table>
    ${result.data.parameters?.warning && html`<p class="stale">${result.data.parameters.warning}</p>`}
    <details><summary>JSON</summary><${JsonView} value=${result.data} /></details></${Card}>`;
}

function Lines({ endpoint, way, values, body }) {
  const at = location.origin, name = encodeURIComponent(endpoint.name);
  const lines = [[t("Open Inference Protocol (V2)"), curlLine(`${at}${url(`/v2/models/${name}/infer`)}`, body)]];
  if (way)
    lines.push(["MLflow (/invocations)", curlLine(`${at}${url(`/endpoints/${name}/invocations`)}`, invocationsBody(way, values))]);
  return html`<${Card} title=${t("The same from a shell")}>${lines.map(([text, line]) => html`<div key=${text} class="try-line"><p class="soft">${text}</p><${Command} text=${line} /></div>`)}</${Card}>`;
}

function parsed(text) {
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    return { problem: error.message };
  }
}

/* What each field holds at first: a value of its kind that the endpoint takes; as time the newest event that the view knows. */
function firstTexts(way, newest_us) {
  const day = new Date(newest_us ? newest_us / 1000 : Date.now()).toISOString().slice(0, 16).replace("T", " ");
  return Object.fromEntries(way.fields.map(f => [f.name, f.role === "time" ? day : f.role === "id" ? "" : f.kind === "text" ? "" : f.kind === "bool" ? "false" : "0"]));
}

function Form({ endpoint, signature, newest_us }) {
  const ways = useMemo(() => waysToAsk(signature), [signature]), [chosen, choose] = useParam("way", ways[0]?.name ?? "json");
  const way = ways.find(w => w.name === chosen), [texts, setTexts] = useState(() => Object.fromEntries(ways.map(w => [w.name, firstTexts(w, newest_us)]))), [json, setJson] = useState(null);
  const [result, setResult] = useState(null), [busy, setBusy] = useState(false), [tried, setTried] = useState(false);
  const form = way ? readForm(way, texts[way.name]) : null, filled = way ? v2Body(way, form.values) : null;
  const text = json ?? JSON.stringify(filled ?? (ways[0] ? v2Body(ways[0], readForm(ways[0], texts[ways[0].name]).values) : { inputs: signature.inputs.map(i => ({ name: i.name, datatype: i.datatype, shape: i.shape, data: [] })) }), null, 2);
  const raw = way ? null : parsed(text), body = way ? filled : raw.value;
  const named = way && result?.error ? new Set(namedFields(way.fields, result.error.message)) : new Set();
  const problemOf = f => (tried && form.problems[f.name] ? problemWord(form.problems[f.name]) : named.has(f.name) ? result.error.message : null);
  const send = async event => {
    event.preventDefault();
    setTried(true);
    if (way ? Object.keys(form.problems).length > 0 : raw.problem)
      return;
    setBusy(true);
    const start = performance.now();
    try {
      const { data } = await change("POST", `/v2${path("/models/{name}/infer", endpoint)}`, body);
      setResult({ data, ms: performance.now() - start });
    } catch (error) {
      setResult({ error });
    }
    setBusy(false);
  };
  const names = [...ways.map(w => w.name), "json"];
  return html`<div class="grid try"><${Card} title=${t("Request")} actions=${html`<${Toggles} label=${t("Form")} options=${names.map(n => [n, wayWord(n)])} value=${chosen} onChoose=${n => { if (n === "json") setJson(JSON.stringify(body ?? {}, null, 2)); choose(n); setResult(null); }} />`}>
      <form onSubmit=${send} noValidate>${way ? html`<div class="form-grid">${way.fields.map(f => html`<${Field} key=${f.name} field=${f} value=${texts[way.name][f.name]} problem=${problemOf(f)} set=${v => setTexts({ ...texts, [way.name]: { ...texts[way.name], [f.name]: v } })} />`)}</div>`
        : html`<label class="field"><span>${t("Body of the request")}</span><textarea rows="16" class="code" value=${text} spellcheck="false" onInput=${e => setJson(e.target.value)}></textarea></label>${raw.problem && html`<p class="problem" role="alert">${raw.problem}</p>`}`}
        <footer class="try-foot"><button type="submit" class="button primary" disabled=${busy}>${t("Send")}</button><span class="soft">${t("A real request: it counts in the figures and in a running rollout.")}</span></footer></form></${Card}>
    <div><${Answer} result=${result} />${body && html`<${Lines} endpoint=${endpoint} way=${way} values=${form?.values} body=${body} />`}</div></div>`;
}

export function TryIt({ endpoint, at }) {
  const signature = useData(`${at}/signature`), view = signature.data?.view?.name, known = useData(view ? `${API}${path("/features/{view}", { view })}` : null);
  const ready = !view || known.data || known.error;
  return html`<${Loaded} of=${signature} lines=${8}>${data => (ready ? html`<${Form} key=${data.version} endpoint=${endpoint} signature=${data} newest_us=${known.data?.newest_us} />` : html`<${Skeleton} lines=${8} />`)}</${Loaded}>`;
}
