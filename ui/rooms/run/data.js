/* data.js - a run as its pages read it: MLflow's answer made handy. Pure but for the addresses. */
import { API, change, getBytes, get } from "../../lib/api.js";
import { url } from "../../lib/base.js";

const MLFLOW = "/api/2.0/mlflow";
export const runPath = id => `${MLFLOW}/runs/get?run_id=${encodeURIComponent(id)}`;

function pairs(list) {
  return new Map((list ?? []).map(({ key, value }) => [key, value]));
}

/* {id, name, status, ... params: Map, tags: Map, metrics: [{key, value, step, time_ms}], datasets, models_in, models_out}. */
export function readRun(answer) {
  const { info, data, inputs, outputs } = answer.run, tags = pairs(data?.tags);
  const number = x => (x === null || x === undefined ? null : Number(x));
  return {
    id: info.run_id, name: info.run_name || info.run_id, experiment_id: info.experiment_id, status: info.status, deleted: info.lifecycle_stage === "deleted",
    start_ms: number(info.start_time) || null, end_ms: number(info.end_time) || null, user: info.user_id || tags.get("mlflow.user") || "", artifact_uri: info.artifact_uri,
    params: pairs(data?.params), tags, metrics: (data?.metrics ?? []).map(m => ({ key: m.key, value: number(m.value), step: number(m.step), time_ms: number(m.timestamp) })),
    datasets: inputs?.dataset_inputs ?? [], models_in: inputs?.model_inputs ?? [], models_out: outputs?.model_outputs ?? [],
  };
}

export function isSystem(key) {
  return key.startsWith("system/");
}

/* Tags that people wrote; MLflow's own and ours are shown under their meaning. */
export function ownTags(tags) {
  return [...tags].filter(([key]) => !key.startsWith("mlflow.") && !key.startsWith("ingot."));
}

/* "train/loss" and "train/acc" are one group; what has no slash stands in "". Groups of one go there too, but for "system". */
export function groupKeys(keys) {
  const groups = new Map();
  for (const key of keys) {
    const at = key.lastIndexOf("/"), name = at < 0 ? "" : key.slice(0, at);
    groups.set(name, [...(groups.get(name) ?? []), key]);
  }
  return [...groups].sort(([a], [b]) => (a === "" ? -1 : b === "" ? 1 : a < b ? -1 : 1)).map(([name, list]) => [name, list.sort()]);
}

/* The unit that the name of a system metric says. */
export function unitOf(key) {
  if (!isSystem(key))
    return null;
  for (const [end, unit] of [["_percentage", "%"], ["_megabytes", "MB"], ["_watts", "W"], ["_seconds", "s"]])
    if (key.endsWith(end))
      return unit;
  return key.endsWith("cpu_percent") ? "%" : null;
}

export const artifactAddress = (id, path) => `/get-artifact?run_id=${encodeURIComponent(id)}&path=${encodeURIComponent(path)}`;
export const frameAddress = (id, path) => url(`${API}/runs/${encodeURIComponent(id)}/preview/${path.split("/").map(encodeURIComponent).join("/")}`);

export async function listArtifacts(id, path) {
  const answer = await get(`${MLFLOW}/artifacts/list?run_id=${encodeURIComponent(id)}${path ? `&path=${encodeURIComponent(path)}` : ""}`);
  return (answer.files ?? []).map(f => ({ path: f.path, is_dir: !!f.is_dir, size: f.file_size === undefined ? null : Number(f.file_size) }));
}

export async function readArtifact(id, path, from, to) {
  return (await getBytes(artifactAddress(id, path), { range: [from, to] })).bytes.subarray(0, to - from);
}

export function readRows(id, path, offset, limit) {
  return get(`${API}/runs/${encodeURIComponent(id)}/rows?path=${encodeURIComponent(path)}&offset=${offset}&limit=${limit}`);
}

/* What a log view reads. */
export function consoleSource(id) {
  const at = `${API}/runs/${encodeURIComponent(id)}/console`;
  return { state: () => get(`${at}?max=0`), bytes: async (from, max) => (await getBytes(`${at}?raw=1&from=${from}&max=${max}`)).bytes };
}

export const changeRun = (what, body) => change("POST", `${MLFLOW}/runs/${what}`, body);
export const mlflow = (what, body) => change("POST", `${MLFLOW}/${what}`, body);
