#include "api/native/native.h"

#include <string.h>

#include "api/native/shapes.h"
#include "base/limits.h"

enum err native_body(struct op *op, struct http_req *req, struct json **ret)
{
    struct json *j = NULL;
    enum err e = json_parse(op, req->body, JSON_STRICT, &j);
    if (e)
        return op_context(op, "request body");
    if (j->type != JSON_OBJECT)
        return op_fail(op, E_INVALID, "request body: must be a JSON object, not %s", json_type_name(j->type));
    *ret = j;
    return OK;
}

void native_reply(struct http_res *res, struct json_out *w)
{
    http_set_type(res, "application/json");
    json_out_init(w, &res->body, 0);
    w->nonfinite = JSON_NONFINITE_NULL;
}

enum err native_query_i64(struct op *op, struct http_req *req, const char *key, int64_t min, int64_t max, int64_t dflt, int64_t *ret)
{
    struct str text;
    int64_t v = dflt;
    if (http_query_get(op, req, key, &text) && (!str_parse_i64(text, &v) || v < min || v > max))
        return op_fail_field(op, key, "query parameter '%s' must be a whole number from %lld to %lld", key, (long long)min, (long long)max);
    *ret = v;
    return OK;
}

enum err native_query_bool(struct op *op, struct http_req *req, const char *key, bool *ret)
{
    struct str text = STR("false");
    bool asked = http_query_get(op, req, key, &text) && str_eqc(text, "true");
    if (!asked && !str_eqc(text, "false"))
        return op_fail_field(op, key, "query parameter '%s' must be true or false, not '%.*s'", key, STR_FMT(str_sub(text, 0, 100)));
    *ret = asked;
    return OK;
}

const struct json *native_get(const struct json *body, const char *key)
{
    const struct json *j = json_get(body, key);
    return j && j->type != JSON_NULL ? j : NULL;
}

/* The array `key`, whose length must be *n unless *n is SIZE_MAX. */
static enum err column_start(struct op *op, const struct json *obj, const char *key, size_t *n, const struct json **ret)
{
    enum err e = json_want_array(op, obj, key, ret);
    if (e)
        return e;
    if (*n != SIZE_MAX && (*ret)->len != *n)
        return op_fail_field(op, key, "'%s' has %u values where the other columns have %zu", key, (*ret)->len, *n);
    *n = (*ret)->len;
    return OK;
}

static enum err column_memory(struct op *op, const char *key)
{
    return op_fail(op, E_TOO_LARGE, "'%s' has too many values", key);
}

static enum err column_type(struct op *op, const char *key, size_t i, const char *want, const struct json *j)
{
    return op_fail_field(op, op_printf(op, "%s[%zu]", key, i), "'%s[%zu]' must be %s, not %s", key, i, want, json_type_name(j->type));
}

enum err native_i64_column(struct op *op, const struct json *obj, const char *key, size_t *n, int64_t **ret)
{
    const struct json *array = NULL;
    enum err e = column_start(op, obj, key, n, &array);
    if (e)
        return e;
    int64_t *out = arena_array(op->arena, *n + 1, int64_t);
    if (!out)
        return column_memory(op, key);
    for (size_t i = 0; i < *n; i++)
        if (!json_as_i64(&array->items[i], &out[i]))
            return column_type(op, key, i, "a whole number of 64 bits", &array->items[i]);
    *ret = out;
    return OK;
}

enum err native_f64_column(struct op *op, const struct json *obj, const char *key, size_t *n, double **ret)
{
    const struct json *array = NULL;
    enum err e = column_start(op, obj, key, n, &array);
    if (e)
        return e;
    double *out = arena_array(op->arena, *n + 1, double);
    if (!out)
        return column_memory(op, key);
    for (size_t i = 0; i < *n; i++) {
        if (array->items[i].type == JSON_NULL)
            out[i] = __builtin_nan("");
        else if (!json_as_f64(&array->items[i], &out[i]))
            return column_type(op, key, i, "a number or null", &array->items[i]);
    }
    *ret = out;
    return OK;
}

enum err native_str_column(struct op *op, const struct json *obj, const char *key, size_t *n, struct str **ret)
{
    const struct json *array = NULL;
    enum err e = column_start(op, obj, key, n, &array);
    if (e)
        return e;
    struct str *out = arena_array(op->arena, *n + 1, struct str);
    if (!out)
        return column_memory(op, key);
    for (size_t i = 0; i < *n; i++) {
        if (array->items[i].type == JSON_NULL)
            continue; /* p NULL: no key */
        if (array->items[i].type != JSON_STRING)
            return column_type(op, key, i, "a text or null", &array->items[i]);
        out[i] = array->items[i].s;
    }
    *ret = out;
    return OK;
}

enum err native_label_column(struct op *op, const struct json *obj, const char *key, size_t *n, uint8_t **ret)
{
    int64_t *wide = NULL;
    enum err e = native_i64_column(op, obj, key, n, &wide);
    if (e)
        return e;
    uint8_t *out = arena_array(op->arena, *n + 1, uint8_t);
    if (!out)
        return column_memory(op, key);
    for (size_t i = 0; i < *n; i++) {
        if (wide[i] != 0 && wide[i] != 1)
            return op_fail_field(op, op_printf(op, "%s[%zu]", key, i), "'%s[%zu]' must be 0 or 1, not %lld", key, i, (long long)wide[i]);
        out[i] = (uint8_t)wide[i];
    }
    *ret = out;
    return OK;
}

static void native_error(struct op *op, struct http_req *req, struct http_res *res)
{
    (void)req;
    struct json_out w;
    buf_reset(&res->body);
    native_reply(res, &w);
    http_set_status(res, err_http(op->err));
    json_begin_object(&w);
    json_kv_cstr(&w, "error", op->msg ? op->msg : err_name(op->err));
    json_kv_cstr(&w, "code", err_name(op->err));
    if (op->field)
        json_kv_cstr(&w, "field", op->field);
    json_kv_str(&w, "request_id", op->request_id);
    json_end_object(&w);
}

#define V1 "/api/ingot/v1"
static const struct route rows[] = {
    {"GET", V1 "/overview", native_overview, PERM_READ, ROUTE_POOL, 0, "What runs, what waits for a decision, what changed: the home page."},
    {"GET", V1 "/features", native_view_list, PERM_READ, ROUTE_POOL, 0, "List the feature views that are served online."},
    {"PUT", V1 "/features/{view}", native_view_put, PERM_FEATURE_WRITE, ROUTE_POOL | ROUTE_WRITES, LIMIT_MIB(1), "Define a feature view."},
    {"GET", V1 "/features/{view}", native_view_get, PERM_READ, ROUTE_POOL, 0, "Show a feature view and the state of its online index."},
    {"POST", V1 "/features/{view}/push", native_view_push, PERM_FEATURE_WRITE, ROUTE_POOL | ROUTE_WRITES, 0, "Add events; durable when answered."},
    {"POST", V1 "/features/{view}/get", native_view_read, PERM_READ, ROUTE_POOL, 0, "Read the features of rows as of their instants."},
    {"GET", V1 "/endpoints", native_endpoint_list, PERM_READ, ROUTE_POOL, 0, "List the endpoints; `load=true`: with their last minute."},
    {"PUT", V1 "/endpoints/{endpoint}", native_endpoint_put, PERM_DEPLOY, ROUTE_POOL | ROUTE_WRITES, 0, "Create an endpoint or move it to a version."},
    {"GET", V1 "/endpoints/{endpoint}", native_endpoint_get, PERM_READ, ROUTE_POOL, 0, "Show an endpoint: versions, traffic, monitor, pending work."},
    {"DELETE", V1 "/endpoints/{endpoint}", native_endpoint_delete, PERM_DEPLOY, ROUTE_POOL | ROUTE_WRITES, 0, "Remove an endpoint; its model stays."},
    {"GET", V1 "/endpoints/{endpoint}/live", native_endpoint_live, PERM_READ, ROUTE_POOL, 0,
     "An endpoint's recent past: requests, errors, latency, batches and queue over time, per version."},
    {"GET", V1 "/endpoints/{endpoint}/signature", native_endpoint_signature, PERM_READ, ROUTE_POOL, 0, "What an endpoint takes and gives, for forms."},
    {"POST", V1 "/endpoints/{endpoint}/labels", native_endpoint_labels, PERM_RUN_WRITE, ROUTE_POOL | ROUTE_WRITES, 0,
     "Deliver late labels; closes windows, raises alerts, moves the rollout."},
    {"GET", V1 "/endpoints/{endpoint}/windows", native_endpoint_windows, PERM_READ, ROUTE_POOL, 0, "The monitor's closed windows."},
    {"GET", V1 "/endpoints/{endpoint}/windows/{start_us}", native_window_get, PERM_READ, ROUTE_POOL, 0,
     "One window with its distributions beside the reference's."},
    {"GET", V1 "/endpoints/{endpoint}/alerts", native_endpoint_alerts, PERM_READ, ROUTE_POOL, 0, "The monitor's alerts."},
    {"GET", V1 "/endpoints/{endpoint}/retrains", native_endpoint_retrains, PERM_READ, ROUTE_POOL, 0, "Retraining runs that the monitor started."},
    {"GET", V1 "/endpoints/{endpoint}/predictions", native_predictions_list, PERM_READ, ROUTE_POOL, 0, "The files of the prediction log."},
    {"GET", V1 "/endpoints/{endpoint}/predictions/{seq}", native_predictions_get, PERM_READ, ROUTE_POOL | ROUTE_TRANSFER, 0, "One file of the prediction log (Parquet)."},
    {"GET", V1 "/endpoints/{endpoint}/payloads", native_payloads_list, PERM_DEPLOY, ROUTE_POOL, 0, "The files of the payload log."},
    {"GET", V1 "/endpoints/{endpoint}/payloads/{seq}", native_payloads_get, PERM_DEPLOY, ROUTE_POOL | ROUTE_TRANSFER, 0, "One file of the payload log (Parquet)."},
    {"POST", V1 "/endpoints/{endpoint}/flush", native_endpoint_flush, PERM_DEPLOY, ROUTE_POOL | ROUTE_WRITES, 0,
     "Write the predictions of open windows to the prediction log, and kept requests to the payload log."},
    {"POST", V1 "/endpoints/{endpoint}/rollouts", native_rollout_start, PERM_DEPLOY, ROUTE_POOL | ROUTE_WRITES, 0, "Start a rollout of another version."},
    {"GET", V1 "/endpoints/{endpoint}/rollouts", native_rollout_list, PERM_READ, ROUTE_POOL, 0, "Rollouts with their decisions and evidence, or, `brief=true`, with their last decision: the newest, or those before an id."},
    {"POST", V1 "/endpoints/{endpoint}/rollouts/{action}", native_rollout_finish, PERM_DEPLOY, ROUTE_POOL | ROUTE_WRITES, 0,
     "Promote, roll back, pause or resume by hand."},
    {"GET", V1 "/endpoints/{endpoint}/rollouts/{rollout}", native_rollout_report, PERM_READ, ROUTE_POOL, 0,
     "What a rollout's evidence says: comparisons with their bounds, the split, shares."},
    {"GET", V1 "/endpoints/{endpoint}/rollouts/{rollout}/course", native_rollout_course, PERM_READ, ROUTE_POOL, 0,
     "A rollout's evidence over time: what it said at each decision, with its bounds."},
    {"GET", V1 "/endpoints/{endpoint}/rollouts/{rollout}/replay", native_rollout_replay, PERM_READ, ROUTE_POOL, 0,
     "Take every stored decision of a rollout again from its evidence."},
    {"POST", V1 "/endpoints/{endpoint}/rewards", native_rollout_rewards, PERM_RUN_WRITE, ROUTE_POOL | ROUTE_WRITES, 0,
     "Deliver late rewards by request id; moves an A/B test or a bandit."},
    {"GET", V1 "/rollout-plans", native_rollout_defaults, PERM_READ, ROUTE_POOL, 0, "The plan of each kind of rollout where nobody says otherwise."},
    {"POST", V1 "/rollout-planner", native_rollout_plan, PERM_READ, ROUTE_POOL, LIMIT_KIB(64), "How many units an A/B test needs."},
    {"GET", V1 "/monitors", native_monitor_list, PERM_READ, ROUTE_POOL, 0, "Every endpoint's newest monitoring window and its firing alerts."},
    {"GET", V1 "/outbox", native_outbox, PERM_ADMIN, ROUTE_POOL, 0, "How many messages to webhooks wait, were delivered, have failed."},
    {"GET", V1 "/webhooks/{webhook}/deliveries", native_delivery_list, PERM_ADMIN, ROUTE_POOL, 0, "A webhook's messages, newest first: waiting, delivered, failed and why."},
    {"POST", V1 "/webhooks/{webhook}/deliveries/{delivery}/retry", native_delivery_retry, PERM_ADMIN, ROUTE_POOL | ROUTE_WRITES, 0,
     "Send a failed message again, under its old delivery id."},
    {"GET", V1 "/models", native_model_list, PERM_READ, ROUTE_POOL, 0, "The registered models in the order of their names: newest version, aliases, endpoints, owner, what waits."},
    {"POST", V1 "/models/{model}/preview", native_model_preview, PERM_MODEL_WRITE, ROUTE_POOL | ROUTE_WRITES, LIMIT_KIB(64),
     "What a move, a rollback or a deletion would do; nothing is changed."},
    {"GET", V1 "/models/{model}/versions/{version}/files", native_version_files, PERM_READ, ROUTE_POOL, 0, "A version's files with their sizes and hashes."},
    {"GET", V1 "/models/{model}/versions/{version}/compare/{other}", native_version_compare, PERM_READ, ROUTE_POOL, 0,
     "How the signature of a version differs from another's."},
    {"GET", V1 "/datasets", native_dataset_list, PERM_READ, ROUTE_POOL, 0, "The datasets that runs read, in the order of their names."},
    {"GET", V1 "/datasets/{digest}", native_dataset_get, PERM_READ, ROUTE_POOL, 0, "One of them (`name`): schema, profile, the runs that used it."},
    {"GET", V1 "/models/{model}", native_model_get, PERM_READ, ROUTE_POOL, 0, "A registered model: its aliases, newest versions, open requests."},
    {"GET", V1 "/models/{model}/versions", native_model_versions, PERM_READ, ROUTE_POOL, 0, "Versions with their semantic versions, newest first."},
    {"POST", V1 "/models/{model}/versions", native_version_create, PERM_MODEL_WRITE, ROUTE_POOL | ROUTE_WRITES, LIMIT_MIB(16),
     "Register a version; its semantic version is checked against its signature."},
    {"GET", V1 "/models/{model}/versions/{version}", native_version_get, PERM_READ, ROUTE_POOL, 0,
     "One version by number, alias or semantic version (1.2, ^1, ~1.2.3)."},
    {"PUT", V1 "/models/{model}/versions/{version}/stage", native_stage_put, PERM_MODEL_WRITE, ROUTE_POOL | ROUTE_WRITES, LIMIT_MIB(1),
     "Move a version to a stage; 202 when that waits for a second person."},
    {"GET", V1 "/models/{model}/versions/{version}/card", native_card_get, PERM_READ, ROUTE_POOL, 0, "The model card, as JSON or Markdown."},
    {"PUT", V1 "/models/{model}/versions/{version}/card", native_card_put, PERM_MODEL_WRITE, ROUTE_POOL | ROUTE_WRITES, LIMIT_MIB(16),
     "Write the owner's sections of the card."},
    {"GET", V1 "/models/{model}/versions/{version}/card/edits", native_card_edits, PERM_READ, ROUTE_POOL, 0, "Every revision of the card's sections."},
    {"PUT", V1 "/models/{model}/aliases/{alias}", native_alias_put, PERM_MODEL_WRITE, ROUTE_POOL | ROUTE_WRITES, LIMIT_MIB(1),
     "Point an alias at a version; 202 when that waits for a second person."},
    {"DELETE", V1 "/models/{model}/aliases/{alias}", native_alias_delete, PERM_MODEL_WRITE, ROUTE_POOL | ROUTE_WRITES, LIMIT_MIB(1), "Remove an alias."},
    {"GET", V1 "/models/{model}/history", native_model_history, PERM_READ, ROUTE_POOL, 0, "Who moved which alias and stage, when and why."},
    {"POST", V1 "/models/{model}/rollback", native_model_rollback, PERM_MODEL_WRITE, ROUTE_POOL | ROUTE_WRITES, LIMIT_MIB(1),
     "An alias or a stage back to an earlier version, and the endpoints with it."},
    {"GET", V1 "/models/{model}/policy", native_policy_get, PERM_READ, ROUTE_POOL, 0, "What of a model needs a second person."},
    {"PUT", V1 "/models/{model}/policy", native_policy_put, PERM_ADMIN, ROUTE_POOL | ROUTE_WRITES, LIMIT_MIB(1), "Set a model's policy."},
    {"DELETE", V1 "/models/{model}/policy", native_policy_delete, PERM_ADMIN, ROUTE_POOL | ROUTE_WRITES, LIMIT_MIB(1),
     "Put a model under the policy of all models again."},
    {"GET", V1 "/registry/policy", native_policy_get, PERM_READ, ROUTE_POOL, 0, "What of all models without a policy of their own needs a second person."},
    {"PUT", V1 "/registry/policy", native_policy_put, PERM_ADMIN, ROUTE_POOL | ROUTE_WRITES, LIMIT_MIB(1), "Set the policy of all models."},
    {"GET", V1 "/approvals", native_approval_list, PERM_READ, ROUTE_POOL, 0, "Moves that wait, or waited, for a second person."},
    {"GET", V1 "/approvals/{id}", native_approval_get, PERM_READ, ROUTE_POOL, 0, "One such request with its comments."},
    {"POST", V1 "/approvals/{id}", native_approval_decide, PERM_MODEL_WRITE, ROUTE_POOL | ROUTE_WRITES, LIMIT_MIB(1), "Approve, reject, cancel or comment."},
    {"GET", V1 "/lineage", native_lineage, PERM_READ, ROUTE_POOL, 0, "Where something comes from and what became of it."},
    {"POST", V1 "/runs/compare", native_runs_compare, PERM_READ, ROUTE_POOL, LIMIT_MIB(1),
     "Runs side by side: parameters, tags and latest metrics, and which of them differ."},
    {"POST", V1 "/runs/search", native_runs_search, PERM_READ, ROUTE_POOL, LIMIT_MIB(1),
     "Any stretch of a sorted search for runs, with the columns asked for; `version` keeps the order while one scrolls."},
    {"POST", V1 "/runs/tops", native_runs_tops, PERM_READ, ROUTE_POOL, LIMIT_MIB(1), "The least and greatest values of metrics among all runs that a search finds."},
    {"GET", V1 "/runs/columns", native_runs_columns, PERM_READ, ROUTE_POOL, 0, "Names of metrics, parameters and tags, how many runs have them, frequent values."},
    {"GET", V1 "/experiments", native_experiment_list, PERM_READ, ROUTE_POOL, 0, "All experiments with the numbers of their runs."},
    {"GET", V1 "/search", native_search, PERM_READ, ROUTE_POOL, 0, "Runs, experiments, models and endpoints by a part of their name."},
    {"POST", V1 "/metrics/chart", native_metrics_chart, PERM_READ, ROUTE_POOL, LIMIT_MIB(1),
     "A metric of several runs as lines: exact peaks per stretch, smoothed, grouped with bands."},
    {"POST", V1 "/metrics/overlay", native_metrics_overlay, PERM_READ, ROUTE_POOL, LIMIT_MIB(1),
     "A metric of up to 10,000 runs, named or found by a filter: a line of few points each, or one per group."},
    {"POST", V1 "/runs/values", native_runs_values, PERM_READ, ROUTE_POOL, LIMIT_MIB(1), "Values of up to 10,000 runs, named or found by a filter, column by column."},
    {"GET", V1 "/runs/{run}/rows", native_run_rows, PERM_READ, ROUTE_POOL | ROUTE_TRANSFER, 0, "Rows of a Parquet file of a run."},
    {"GET", V1 "/pipelines", native_pipeline_list, PERM_READ, ROUTE_POOL, 0, "Pipelines by name, each with its newest runs."},
    {"GET", V1 "/pipelines/{pipeline}/runs", native_pipeline_runs, PERM_READ, ROUTE_POOL, 0, "The runs of a pipeline, newest first."},
    {"POST", V1 "/pipeline-runs", native_pipeline_run_begin, PERM_RUN_WRITE, ROUTE_POOL | ROUTE_WRITES, LIMIT_MIB(16),
     "Report that a pipeline begins, and its stages."},
    {"GET", V1 "/pipeline-runs/{id}", native_pipeline_run_get, PERM_READ, ROUTE_POOL, 0, "A run of a pipeline: its stages, what they did, how long they usually take."},
    {"GET", V1 "/pipeline-runs/{id}/log", native_pipeline_run_log, PERM_READ, ROUTE_POOL, 0, "The end of what a stage, or the run itself, printed."},
    {"PUT", V1 "/pipeline-runs/{id}/stages", native_pipeline_run_report, PERM_RUN_WRITE, ROUTE_POOL | ROUTE_WRITES, LIMIT_MIB(48),
     "Report what stages do; the answer says whether somebody wants the run to end."},
    {"POST", V1 "/pipeline-runs/{id}/end", native_pipeline_run_end, PERM_RUN_WRITE, ROUTE_POOL | ROUTE_WRITES, LIMIT_KIB(64), "Report how the run ended."},
    {"POST", V1 "/pipeline-runs/{id}/cancel", native_pipeline_run_cancel, PERM_DEPLOY, ROUTE_POOL | ROUTE_WRITES, LIMIT_KIB(64), "End a run that runs."},
    {"POST", V1 "/pipeline-runs/{id}/again", native_pipeline_run_again, PERM_DEPLOY, ROUTE_POOL | ROUTE_WRITES, LIMIT_KIB(64),
     "Run the same pipeline again, from a stage on or only what changed."},
    {"PUT", V1 "/runs/{run}/console", native_console_put, PERM_RUN_WRITE, ROUTE_POOL | ROUTE_WRITES | ROUTE_ANY_TYPE, LIMIT_TRACK_CONSOLE_CHUNK,
     "Add what a run prints, at byte `from`; what is there already is passed over."},
    {"GET", V1 "/runs/{run}/console", native_console_get, PERM_READ, ROUTE_POOL | ROUTE_TRANSFER, 0,
     "What a run printed from byte `from` on, waiting up to `wait_ms` for more."},
    {"GET", V1 "/alert-rules", native_alert_rule_list, PERM_READ, ROUTE_POOL, 0, "The rules that raise alerts on runs."},
    {"POST", V1 "/alert-rules", native_alert_rule_add, PERM_ADMIN, ROUTE_POOL | ROUTE_TRANSFER | ROUTE_WRITES, LIMIT_MIB(1), "Add a rule."},
    {"DELETE", V1 "/alert-rules/{rule}", native_alert_rule_remove, PERM_ADMIN, ROUTE_POOL | ROUTE_WRITES, 0, "Remove a rule; its open alerts end."},
    {"GET", V1 "/alerts", native_alert_list, PERM_READ, ROUTE_POOL, 0, "Alerts on runs, newest first."},
    {"GET", V1 "/runs/{run}/preview/{path*}", native_run_preview, PERM_READ, ROUTE_POOL | ROUTE_TRANSFER, 0, "A file of a run to look at, harmless to whoever does."},
    {"GET", V1 "/openapi.json", native_openapi, PERM_READ, ROUTE_POOL, 0, "This description: every path of this server as OpenAPI 3.1."},
    {"GET", V1 "/events", native_events, PERM_READ, ROUTE_LATER, 0, "What changes, as server-sent events; Last-Event-ID goes on where a listener was."},
    {"GET", V1 "/session", native_session_get, PERM_PUBLIC, ROUTE_INLINE | ROUTE_WHO, 0, "Who is asking, and what they may."},
    {"POST", V1 "/session", native_session_open, PERM_PUBLIC, ROUTE_INLINE | ROUTE_WRITES, LIMIT_KIB(4), "Sign in a browser: a token for a cookie."},
    {"DELETE", V1 "/session", native_session_close, PERM_PUBLIC, ROUTE_INLINE | ROUTE_WRITES, LIMIT_KIB(4), "Sign out."},
    {"GET", V1 "/audit", native_audit_list, PERM_ADMIN, ROUTE_POOL, 0, "The audit log, newest first."},
    {"POST", V1 "/gc", native_gc, PERM_ADMIN, ROUTE_POOL | ROUTE_TRANSFER | ROUTE_WRITES, LIMIT_MIB(16),
     "Purge deleted runs and experiments, and bytes that nobody names."},
    {"GET", V1 "/audit/verify", native_audit_verify, PERM_ADMIN, ROUTE_POOL, 0, "Walk the audit log's hash chain."},
};

static const struct route_shape *const shapes[] = {native_shapes_serving, native_shapes_registry, native_shapes_tracking, native_shapes_pipelines, native_shapes_server, NULL};

const struct route_table native_routes = {
    .dialect = "native", .rows = rows, .len = ARRAY_LEN(rows), .error = native_error, .shapes = shapes, .names = native_shape_names};
