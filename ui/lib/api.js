/* api.js - talks to the server. Nothing else calls fetch().
 *
 * useData() paints what it has at once and asks again behind it: answers are kept by address with their ETag (those asked for
 * last: CACHE_MAX of them, CACHE_CHARS in all). A failure keeps the old data on the page and stands beside it. Changes that /events tells of make
 * the page's data stale (`events`). Requests that nobody waits for any more are aborted. */
import { useEffect, useRef, useState } from "./html.js";
import { url } from "./base.js";
import { onEvent } from "./events.js";
import { t } from "./words.js";

export const API = "/api/ingot/v1";
const CACHE_MAX = 200;
const CACHE_CHARS = 16e6; /* of JSON and text as they came; as objects they take a few times that */
const cache = new Map(); /* keyOf() -> {etag, data, size}, the one asked for last at the end */
let cached = 0;
const signedOut = new Set();

/* What failed: status 0 when the server was not reached. */
class ApiError extends Error {
  constructor(status, text, requestId, field) {
    super(text);
    this.status = status;
    this.requestId = requestId;
    this.field = field;
  }
}

/* f is called when the server asks who we are (401). */
export function onSignedOut(f) {
  signedOut.add(f);
  return () => signedOut.delete(f);
}

async function failure(response) {
  let text = "", id = response.headers.get("x-request-id"), field = null;
  try {
    const body = await response.clone().json();
    text = body.error ?? body.message ?? "";
    id = body.request_id ?? id;
    field = body.field ?? null;
  } catch {
    text = (await response.text()).slice(0, 500);
  }
  if (response.status === 401)
    for (const f of signedOut)
      f();
  return new ApiError(response.status, text || response.statusText || `HTTP ${response.status}`, id, field);
}

async function send(path, options) {
  try {
    return await fetch(url(path), { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError")
      throw error;
    throw new ApiError(0, t("The server does not answer."), null, null);
  }
}

function forget(key) {
  cached -= cache.get(key)?.size ?? 0;
  cache.delete(key);
}

function keep(key, entry) {
  forget(key);
  if (entry.size > CACHE_CHARS)
    return;
  cache.set(key, entry);
  cached += entry.size;
  while (cache.size > CACHE_MAX || cached > CACHE_CHARS)
    forget(cache.keys().next().value);
}

/* What an answer is kept under: the same address may be asked for as JSON, as text and as bytes. */
function keyOf(path, { body, text, binary }) {
  return path === null ? null : [path, text ? "text" : binary ? "bytes" : "json", body === undefined ? "" : JSON.stringify(body)].join("\n");
}

/* Reads JSON (or text, or an ArrayBuffer). `body` makes it a POST that reads (searches, charts). */
export async function get(path, { body, signal, text = false, binary = false } = {}) {
  const key = keyOf(path, { body, text, binary }), known = cache.get(key);
  const headers = { Accept: text ? "text/plain" : binary ? "application/octet-stream" : "application/json" };
  if (known?.etag)
    headers["If-None-Match"] = known.etag;
  if (body !== undefined) {
    headers["Content-Type"] = "application/json";
    headers["X-Ingot-Request"] = "1";
  }
  const response = await send(path, { method: body === undefined ? "GET" : "POST", headers, signal, body: body === undefined ? undefined : JSON.stringify(body) });
  if (response.status === 304 && known) {
    keep(key, known);
    return known.data;
  }
  if (!response.ok)
    throw await failure(response);
  if (binary) /* large: kept by who shows it */
    return response.arrayBuffer();
  const words = await response.text(), data = text ? words : JSON.parse(words);
  keep(key, { etag: response.headers.get("etag"), data, size: words.length });
  return data;
}

/* Bytes, of which nothing is kept: {bytes, status, type}. range: [from, to) of a file; a server that has none of it answers with what there is. */
export async function getBytes(path, { range, signal } = {}) {
  const headers = range ? { Range: `bytes=${range[0]}-${range[1] - 1}` } : {};
  const response = await send(path, { headers, signal });
  if (response.status === 416)
    return { bytes: new Uint8Array(0), status: 416, type: "" };
  if (!response.ok)
    throw await failure(response);
  return { bytes: new Uint8Array(await response.arrayBuffer()), status: response.status, type: response.headers.get("content-type") ?? "" };
}

/* Changes something. Forms of other sites cannot send this header, so the server tells us from them. */
export async function change(method, path, body) {
  const response = await send(path, { method, headers: { "Content-Type": "application/json", "X-Ingot-Request": "1" },
    body: body === undefined ? undefined : JSON.stringify(body) });
  if (!response.ok)
    throw await failure(response);
  const type = response.headers.get("content-type") ?? "";
  return { status: response.status, data: type.includes("json") ? await response.json() : null };
}

/* {data, error, loading, refresh}. What tells of a change while the question is under way has it asked once more behind the answer: were it asked anew at
 * once, a server that takes longer to answer than things take to change would never be heard. refresh() does not wait. path null: nothing is asked (data undefined).
 * options: body (POST that reads), text, binary, every_ms (asks again), events: [kinds] or a function(event) -> bool. */
export function useData(path, { body, text, binary, every_ms, events } = {}) {
  const key = keyOf(path, { body, text, binary });
  const [state, set] = useState(() => ({ key, data: cache.get(key)?.data, error: null, loading: path !== null }));
  const [round, again] = useState(0);
  const wanted = useRef(events), asking = useRef(false), missed = useRef(false);
  wanted.current = events;
  const changed = () => {
    if (asking.current)
      missed.current = true;
    else
      again(n => n + 1);
  };
  useEffect(() => {
    asking.current = path !== null;
    missed.current = false;
    if (path === null) {
      set({ key, data: undefined, error: null, loading: false });
      return undefined;
    }
    const stop = new AbortController();
    set(old => ({ key, data: cache.get(key)?.data ?? (old.key === key ? old.data : undefined), error: old.key === key ? old.error : null, loading: true }));
    const answered = next => {
      if (stop.signal.aborted)
        return;
      set(next);
      asking.current = false;
      if (missed.current)
        changed();
    };
    get(path, { body, text, binary, signal: stop.signal }).then(
      data => answered({ key, data, error: null, loading: false }),
      error => error.name !== "AbortError" && answered(old => ({ key, data: old.key === key ? old.data : undefined, error, loading: false })));
    return () => stop.abort();
  }, [key, round]);
  useEffect(() => {
    if (path === null || !every_ms)
      return undefined;
    const timer = setInterval(() => document.hidden || changed(), every_ms);
    return () => clearInterval(timer);
  }, [key, every_ms]);
  useEffect(() => onEvent(event => {
    const want = wanted.current;
    if (event.kind === "reset" || (typeof want === "function" ? want(event) : want?.includes(event.kind)))
      changed();
  }), []);
  const mine = state.key === key ? state : { data: cache.get(key)?.data, error: null, loading: path !== null };
  return { data: mine.data, error: mine.error, loading: mine.loading, refresh: () => again(n => n + 1) };
}

/* The data of before while the next is on its way: pictures do not go blank. Not where `kind` changed: then they would show the one as the other. */
export function useKept(of, kind) {
  const kept = useRef({ kind });
  if (of.data !== undefined || kept.current.kind !== kind)
    kept.current = { kind, data: of.data };
  return kept.current.data;
}
