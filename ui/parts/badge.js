/* badge.js - a state in colour, shape and word. Every state that the API knows has its row here; one that has none is shown hollow with its own word. */
import { html } from "../lib/html.js";
import { t } from "../lib/words.js";

/* state -> [kind, word]. kinds: ok warn bad running off (hollow). */
const STATES = {
  FINISHED: ["ok", "Finished"], RUNNING: ["running", "Running"], FAILED: ["bad", "Failed"], KILLED: ["bad", "Killed"], SCHEDULED: ["off", "Scheduled"],
  READY: ["ok", "Ready"], PENDING_REGISTRATION: ["running", "Pending"], FAILED_REGISTRATION: ["bad", "Failed"],
  ready: ["ok", "Ready"], loading: ["running", "Loading"], unavailable: ["bad", "Unavailable"],
  queued: ["off", "Queued"], running: ["running", "Running"], succeeded: ["ok", "Succeeded"], failed: ["bad", "Failed"], cancelled: ["off", "Cancelled"], lost: ["bad", "Lost"],
  waiting: ["off", "Waiting"], ran: ["ok", "Ran"], restored: ["ok", "Cached"], retrying: ["warn", "Retrying"], blocked: ["off", "Blocked"],
  firing: ["bad", "Firing"], resolved: ["ok", "Resolved"],
  open: ["warn", "Waiting"], pending: ["warn", "Waiting"], approved: ["ok", "Approved"], rejected: ["bad", "Rejected"], withdrawn: ["off", "Withdrawn"],
  promoted: ["ok", "Promoted"], rolled_back: ["bad", "Rolled back"], paused: ["warn", "Paused"], inconclusive: ["warn", "Inconclusive"],
  active: ["ok", "Active"], deleted: ["off", "Deleted"], skipped: ["off", "Skipped"], cached: ["ok", "Cached"], changed: ["warn", "Changed"],
};

export function stateKind(state) {
  return STATES[state]?.[0] ?? "off";
}

export function stateWord(state) {
  return STATES[state] ? t(STATES[state][1]) : String(state ?? "–");
}

export function Badge({ state, kind, children, title }) {
  return html`<span class="badge badge-${kind ?? stateKind(state)}" title=${title}><i class="mark" aria-hidden="true"></i>${children ?? stateWord(state)}</span>`;
}

/* A word in a box: tags, aliases, stages. */
export function Chip({ children, title, kind }) {
  return html`<span class="chip ${kind ? "chip-" + kind : ""}" title=${title}>${children}</span>`;
}
