/* The server itself: the home page, sessions, the audit log, webhooks, events. */
#include "api/native/native.h"
#include "api/native/shapes.h"

#define PAGE "limit?: int(1..1000) -- 100.\nbefore?: int(0..) -- The `next` of the page before.\n"

const struct route_shape native_shapes_server[] = {
    {.handler = native_overview,
     .answer = "running_count: int\nrunning: [OverviewRun]\nnewest: [OverviewRun]\n"
               "approvals: [{ id: int, model: text, kind: text, subject: text, version: int, old_value: text, requested_by: text, requested_us: int, expires_us: int, reason: text }]\n"
               "endpoint_alerts: [{ endpoint: text, rule: text, subject: text, value: num | null, bound: num | null, fired_us: int }]\n"
               "run_alerts: [{ id: int, rule: text, run_id: text, run_name: text, metric: text, reason: text, fired_us: int }]\n"
               "rollouts: [{ id: int, endpoint: text, control: int, candidate: int, started_us: int, paused?: text, verdict?: RolloutVerdict, reason?: text, permille?: int, decided_us?: int }]\n"
               "pipelines: [{ id: int, endpoint: text, reason: text, state: text, started_us?: int, ended_us?: int }]\n"
               "changes: [{ seq: int, time_us: int, actor: text, verb: text, kind: text, object: text, detail: object }]"},
    {.handler = native_outbox, .answer = "waiting: int\ndelivered: int\nfailed: int"},
    {.handler = native_delivery_list,
     .query = PAGE "state?: 'waiting' | 'delivered' | 'failed'",
     .answer = "deliveries: [{ seq: int, delivery_id: text, event: text, state: 'waiting' | 'delivered' | 'failed', created?: text, due?: text, finished?: text, attempts: int, status?: int, reason?: text, "
               "body: object }]\nnext?: int"},
    {.handler = native_delivery_retry, .body = "", .may_lack_body = true, .answer = "delivery_id: text\nstate: 'waiting'"},
    {.handler = native_openapi, .query = "dialect?: 'native' | 'all'", .answer = "<any>"},
    {.handler = native_events,
     .query = "kinds?: text -- Of run, metric, experiment, model, version, approval, endpoint, rollout, window, alert, retrain, pipeline, feature; with commas between. All.\n"
              "last_event_id?: text -- Go on behind this one; the header Last-Event-ID does as well.",
     .type = "text/event-stream"},
    {.handler = native_session_get, .answer = "Session"},
    {.handler = native_session_open, .body = "token: text", .answer = "Session"},
    {.handler = native_session_close, .answer = "Session"},
    {.handler = native_audit_list,
     .query = PAGE "kind?: text -- Of the object: run, model and so on.\nobject?: text\nverb?: text -- Such as run.create.",
     .answer = "rows: [{ seq: int, time: text, actor: text, verb: text, kind: text, object: text, allowed: bool, detail: object, request_id: text, hash: text }]\nnext?: int"},
    {.handler = native_audit_verify, .answer = "rows: int\nhead: text -- The last row's hash."},
    {.handler = native_gc,
     .body = "dry_run?: bool\nolder_than_days?: int(0..36500) -- 30.\ngrace_hours?: int(1..876000) -- Younger bytes are left; 24.\nsweep?: bool -- Bytes that nobody names go too; true.\n"
             "experiment_ids?: [text] -- These only.\nrun_ids?: [text | null]",
     .answer = "dry_run: bool\nruns: int\nexperiments: int\npoints: int\nartifacts: int\nkept: int\nkept_why: [text]\n"
               "store?: { blobs: int, bytes: int, artifacts: int, artifact_bytes: int, swept: int, swept_bytes: int }"},
    {.handler = NULL},
};
