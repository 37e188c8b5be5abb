/* native.h - Ingot's own JSON API under /api/ingot/v1: what no other product's dialect has words for (online
 * features, endpoints, rollouts, late labels, audit). Snake-case members, RFC 3339 or *_us times, errors as
 * {"error": text, "code": NAME, "field": path?, "request_id": id}. */
#ifndef INGOT_API_NATIVE_NATIVE_H
#define INGOT_API_NATIVE_NATIVE_H

#include "api/route.h"
#include "base/json.h"

extern const struct route_table native_routes;

/* Shared by the handler files of this folder. */
#define NATIVE_PAGE_MAX 1000
/* The body as a JSON object; E_INVALID otherwise. */
MUST_USE enum err native_body(struct op *op, struct http_req *req, struct json **ret);
/* Starts a JSON answer; the writer's buffer is res->body. */
void native_reply(struct http_res *res, struct json_out *w);
/* "a,b" style whole numbers in the query: absent gives `dflt`. */
MUST_USE enum err native_query_i64(struct op *op, struct http_req *req, const char *key, int64_t min, int64_t max, int64_t dflt, int64_t *ret);
/* "true" or "false" in the query: absent gives false. */
MUST_USE enum err native_query_bool(struct op *op, struct http_req *req, const char *key, bool *ret);
/* The member `key`; NULL where it is absent or null, which are the same in a body. */
const struct json *native_get(const struct json *body, const char *key);
/* The array member `key` of `obj` as n numbers in op's arena; E_INVALID names key[i]. *ret_n is set, or must match when not SIZE_MAX. */
MUST_USE enum err native_i64_column(struct op *op, const struct json *obj, const char *key, size_t *n, int64_t **ret);
MUST_USE enum err native_str_column(struct op *op, const struct json *obj, const char *key, size_t *n, struct str **ret);
MUST_USE enum err native_label_column(struct op *op, const struct json *obj, const char *key, size_t *n, uint8_t **ret);
MUST_USE enum err native_f64_column(struct op *op, const struct json *obj, const char *key, size_t *n, double **ret);

/* features.c */
enum err native_view_put(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_view_get(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_view_list(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_view_push(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_view_read(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
/* endpoints.c */
/* The version of `model` that the endpoint answers with; 0: it is gone, or has another model. */
int64_t native_live_version(struct op *op, struct services *s, struct str endpoint, struct str model);
MUST_USE enum err native_endpoint_known(struct op *op, struct services *s, struct str name); /* else E_NOT_FOUND */
enum err native_endpoint_put(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_endpoint_get(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_endpoint_list(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_endpoint_labels(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_endpoint_windows(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_endpoint_alerts(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_endpoint_retrains(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_endpoint_delete(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_endpoint_flush(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
/* live.c */
enum err native_endpoint_live(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_endpoint_signature(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
/* logs.c */
enum err native_predictions_list(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_predictions_get(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_payloads_list(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_payloads_get(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
/* rollouts.c */
enum err native_rollout_course(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_rollout_start(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_rollout_list(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_rollout_finish(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
/* deliveries.c */
enum err native_outbox(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_delivery_list(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_delivery_retry(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
/* compare.c */
enum err native_runs_compare(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_metrics_chart(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
/* many.c */
enum err native_metrics_overlay(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_runs_values(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
/* runs.c */
enum err native_runs_search(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_runs_tops(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_runs_columns(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_experiment_list(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
/* search.c */
enum err native_search(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
/* pipelines.c */
enum err native_pipeline_list(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_pipeline_runs(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_pipeline_run_get(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_pipeline_run_log(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_pipeline_run_begin(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_pipeline_run_report(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_pipeline_run_end(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_pipeline_run_cancel(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_pipeline_run_again(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
/* rows.c */
enum err native_run_rows(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
/* console.c */
enum err native_console_put(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_console_get(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
/* alerts.c */
enum err native_alert_rule_list(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_alert_rule_add(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_alert_rule_remove(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_alert_list(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
/* trials.c */
enum err native_rollout_rewards(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_rollout_report(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_rollout_replay(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_rollout_defaults(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_rollout_plan(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
/* rollouts.c: event time for what names none. */
int64_t native_event_now(struct op *op, struct services *s, struct str endpoint);
/* retention.c */
enum err native_gc(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
/* previews.c */
enum err native_run_preview(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
/* openapi.c */
enum err native_openapi(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
/* events.c */
enum err native_events(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
/* session.c */
enum err native_session_get(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_session_open(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_session_close(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
/* monitors.c */
enum err native_monitor_list(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_window_get(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
/* overview.c */
enum err native_overview(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
/* audit.c */
enum err native_audit_list(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_audit_verify(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
/* registry.c */
enum err native_model_get(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_model_versions(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_model_history(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_version_create(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_version_get(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_alias_put(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_alias_delete(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_stage_put(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_model_rollback(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
/* models.c */
enum err native_model_list(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_model_preview(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_version_files(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_version_compare(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
/* datasets.c */
enum err native_dataset_list(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_dataset_get(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
/* approvals.c */
enum err native_policy_get(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_policy_delete(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_policy_put(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_approval_list(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_approval_get(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_approval_decide(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
/* cards.c */
enum err native_card_get(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_card_put(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_card_edits(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err native_lineage(struct op *op, struct services *s, struct http_req *req, struct http_res *res);

#endif
