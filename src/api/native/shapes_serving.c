/* Feature views, endpoints, their monitors and logs, rollouts. */
#include "api/native/native.h"
#include "api/native/shapes.h"

#define FIRING "firing?: bool -- Only those that fire.\n"
#define EVENT_TIME "Event time, microseconds; the newest that the endpoint has seen where it is absent."

const struct route_shape native_shapes_serving[] = {
    {.handler = native_view_list, .answer = "views: [FeatureView]"},
    {.handler = native_view_put, .body = "definition: text -- In YAML.", .answer = "FeatureView"},
    {.handler = native_view_get, .answer = "FeatureView"},
    {.handler = native_view_push,
     .body = "ids?: [int] -- Of each event, where the view names an id; one that is known is passed over.\navailable_at_us: [int] -- When each event became known.\nlabels: [int(0..1)]\n"
             "keys: <[text | null]> -- The view's key columns.",
     .answer = "accepted: int\nduplicate: int\nexpired: int -- Older than the view keeps."},
    {.handler = native_view_read,
     .body = "keys: <[text | null]> -- The view's key columns.\ntime_us: [int] -- As of when, for each row.\nnumbers?: <[num | null]> -- What the view takes from requests.",
     .answer = "features: [text]\nrows: [[num | null]]"},
    {.handler = native_endpoint_list, .query = "load?: bool -- With the last minute of each.", .answer = "endpoints: [Endpoint]"},
    {.handler = native_endpoint_put,
     .body = "version: int(1..) -- Which version of the model answers.\nconfig: object -- The model, its view, threshold, monitor, rollout and retraining: docs/serving.md.",
     .answer = "Endpoint"},
    {.handler = native_endpoint_get, .answer = "Endpoint"},
    {.handler = native_endpoint_delete, .answer = "{}"},
    {.handler = native_endpoint_live,
     .query = "span_us?: int(1..) -- How far back; 15 minutes.\nfrom_us?: int(0..)\nto_us?: int(1..) -- Now.\nstep_us?: int(0..) -- 0: as fits.",
     .answer = "now_us: int\nnow: [{ version: int, requests: int, errors: int, rows: int, runs: int, cache_hits: int, cache_misses: int, queued: int, running: int, rejected: int, timed_out: int, "
               "cancelled: int, memory_bytes: int, last_us: int, errors_by_code: <int>, batches: [{ size: int, runs: int }] }] -- Per version, since it was loaded.\n"
               "past?: { since_us: int | null, until_us: int | null, step_us?: int, t_us: [int], total?: Load, errors_by_code?: <num>, versions: [{ version: int, ...Load }] }"},
    {.handler = native_endpoint_signature,
     .answer = "version: int\nplatform: text\njoins: bool -- Requests may bring keys in place of features.\ninputs: [TensorSpec]\noutputs: [TensorSpec]\nfeatures: [text]\n"
               "view?: { name: text, time: text, id: text, keys: [text], numbers: [text] }\nid_field?: text"},
    {.handler = native_endpoint_labels,
     .body = "ids: [int] -- Request ids.\nlabels: [int(0..1)]\ntimes_us: [int] -- When each request was, event time.\nwatermark_us: int -- No label of before this will come any more.",
     .answer = "report: { joined: int, duplicates: int, unmatched: int, windows: [Window], "
               "alerts: [{ rule: text, subject: text, state: 'firing' | 'resolved', value: num | null, limit: num | null, at_us: int }], "
               "triggers: [{ rule: text, subject: text, value: num | null, limit: num | null, window_start_us: int, window_end_us: int }], rollout: RolloutDecision }\n"
               "retrains_started: int\npending: bool"},
    {.handler = native_endpoint_windows,
     .query = "from_us?: int -- Windows that begin then or later.",
     .answer = "config: { window_us: int, label_delay_us: int, label_grace_us: int, threshold: num, p95_us: num, error_rate: num, quality_drop: num, loss_rise: num, ece_max: num, ks_p: num, "
               "ks_min_d: num, psi_max: num, drift_share: num, min_rows: int, min_labels: int, cooldown_windows: int }\nwindows: [Window]"},
    {.handler = native_window_get,
     .answer = "revisions: [{ revision: int, end_us: int, figures: Window, shapes: { score: Histogram | null, features: [Histogram | null] } | null }]"},
    {.handler = native_endpoint_alerts, .query = FIRING, .answer = "alerts: [EndpointAlert]"},
    {.handler = native_endpoint_retrains,
     .answer = "retrains: [{ id: int, state: text, workspace: text, time_us: int, started_us: int, ended_us: int, exit_code: int, reason: any, result: any }]"},
    {.handler = native_predictions_list, .query = "after?: int(0..) -- The `next` of the page before.", .answer = "predictions: [LogFile]\nnext?: int"},
    {.handler = native_predictions_get, .type = "application/vnd.apache.parquet"},
    {.handler = native_payloads_list, .query = "after?: int(0..) -- The `next` of the page before.", .answer = "payloads: [LogFile]\nnext?: int"},
    {.handler = native_payloads_get, .type = "application/vnd.apache.parquet"},
    {.handler = native_endpoint_flush, .body = "", .may_lack_body = true, .answer = "{}"},
    {.handler = native_rollout_start,
     .body = "version: int(1..) -- The candidate.\nkind?: RolloutKind -- Canary.\nstart_us?: int -- " EVENT_TIME "\nplan?: RolloutPlan -- What it leaves out is as GET /rollout-plans says.",
     .answer = "RolloutState"},
    {.handler = native_rollout_list,
     .query = "brief?: bool -- With their last decision only.\nlimit?: int(1..500) -- 500, the newest first.\nbefore?: int(1..) -- Rollouts of a smaller id.",
     .answer = "rollouts: [{ id: int, control: int, candidate: int, state: 'running' | 'promoted' | 'rolled_back', step: int, started_us: int, finished_us: int | null, plan: RolloutPlan, evidence: object, "
               "paused: text | null, decisions: [{ ...RolloutStep, step_started_us: int, evidence: object }] } | { ...RolloutHead, started_us: int, finished_us: int | null, "
               "last: { seq: int, at_us: int, verdict: RolloutVerdict, reason: text, note: text, from_permille: int, to_permille: int, diff: num | null, lo: num | null, hi: num | null } | null }]"},
    {.handler = native_rollout_finish, .body = "why?: text -- For the log.", .may_lack_body = true, .answer = "RolloutState"},
    {.handler = native_rollout_report,
     .answer = "...RolloutHead\nreport: RolloutDecision | ShadowReport | TrialReport -- By the rollout's kind.\nlatency?: RolloutQuantiles"},
    {.handler = native_rollout_course,
     .answer = "...RolloutHead\nstarted_us: int\nfinished_us: int | null\ncourse: [{ ...RolloutStep, report: GuardReport | ShadowReport | TrialReport }]\n"
               "now: { verdict: RolloutVerdict, reason: text, from_permille: int, to_permille: int, step: int, diff: num | null, lo: num | null, hi: num | null, "
               "report: GuardReport | ShadowReport | TrialReport }"},
    {.handler = native_rollout_replay, .answer = "rollout_id: int\ndecisions: int\nsame: bool"},
    {.handler = native_rollout_rewards,
     .body = "ids: [int] -- Request ids.\nrewards: [num | null]\ncovariates?: [num | null] -- A figure of each from before, which takes noise away.\nnow_us?: int -- " EVENT_TIME,
     .answer = "counted: int\nunknown: int\ndecision: RolloutDecision"},
    {.handler = native_rollout_defaults, .answer = "canary: RolloutPlan\nblue_green: RolloutPlan\nshadow: RolloutPlan\nab: RolloutPlan\nbandit: RolloutPlan"},
    {.handler = native_rollout_plan,
     .body = "baseline_rate?: num -- 0 to 1; this or sd.\nsd?: num\ndelta: num -- The least difference worth finding.\nalpha?: num -- 0.05.\npower?: num -- 0.8.\ncandidates?: int(1..7)\none_sided?: bool\n"
             "covariate_r?: num -- Correlation with the covariate.\nunits_per_day?: num",
     .answer = "samples_per_arm: num | null\nsamples_per_arm_always_valid: num | null\nsamples: num | null\ndays: num | null\ndays_always_valid: num | null"},
    {.handler = native_monitor_list, .answer = "monitors: [{ endpoint: text, windows: int, firing: int, last: { ...Figures, feature_count: int } }]"},
    {.handler = NULL},
};
