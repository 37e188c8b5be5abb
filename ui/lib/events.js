/* events.js - one stream for the page: GET /api/ingot/v1/events tells what changed (never the data itself); whoever shows it
 * asks again. The browser reconnects and resumes by Last-Event-ID; where the server no longer knows that place it
 * sends "reset" and everything is asked again. Events are handed on at most every GATHER_MS, doubles once. */
import { url } from "./base.js";

const GATHER_MS = 250;
const RETRY_MAX_MS = 30000;
const listeners = new Set();
const states = new Set();
let source = null, waiting = new Map(), timer = 0, retry_ms = 1000, live = "connecting", refused = false;

function tell(state) {
  if (state === live)
    return;
  live = state;
  for (const f of states)
    f(live);
}

function flush() {
  timer = 0;
  const events = [...waiting.values()];
  waiting = new Map();
  for (const event of events)
    for (const f of [...listeners])
      try {
        f(event);
      } catch (error) {
        reportError(error); /* the others hear of it all the same */
      }
}

function received(message) {
  let event;
  try {
    event = JSON.parse(message.data);
  } catch {
    return; /* not ours: the next one will be */
  }
  waiting.set(`${event.kind}\n${event.id ?? event.name ?? ""}`, event);
  timer ||= setTimeout(flush, GATHER_MS);
}

function connect() {
  source = new EventSource(url("/api/ingot/v1/events"));
  source.onopen = () => {
    retry_ms = 1000;
    if (refused) /* this stream does not know where the one before it was */
      received({ data: '{"kind":"reset"}' });
    refused = false;
    tell("live");
  };
  source.onmessage = received;
  source.addEventListener("reset", () => received({ data: '{"kind":"reset"}' }));
  source.onerror = () => {
    tell("lost");
    if (source.readyState === EventSource.CLOSED) { /* refused: the browser does not try again */
      refused = true;
      setTimeout(connect, retry_ms);
      retry_ms = Math.min(retry_ms * 2, RETRY_MAX_MS);
    }
  };
}

/* f({kind, id, name, ...}). Returns what ends it. */
export function onEvent(f) {
  listeners.add(f);
  return () => listeners.delete(f);
}

/* "connecting", "live" or "lost". */
export function onConnection(f) {
  states.add(f);
  f(live);
  return () => states.delete(f);
}

export function startEvents() {
  if (!source)
    connect();
}
