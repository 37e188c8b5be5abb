/* encode.h - tracking and registry entities as MLflow's JSON: snake_case, unset fields and empty lists left out,
 * int64 as numbers, enums by name, NaN as the string "NaN". */
#ifndef INGOT_API_MLFLOW_ENCODE_H
#define INGOT_API_MLFLOW_ENCODE_H

#include "base/json.h"
#include "core/registry/model.h"
#include "core/track/artifact.h"
#include "core/track/experiment.h"
#include "core/track/logged_model.h"
#include "core/track/run.h"
#include "net/http.h"

/* Starts the answer: one open JSON object in res->body. encode_end closes it. */
void encode_begin(struct json_out *w, struct http_res *res);
enum err encode_end(struct op *op, struct json_out *w, struct http_res *res);
/* The answer {}. */
enum err encode_empty(struct op *op, struct http_res *res);
/* Key and text; nothing for an empty one. */
void encode_text(struct json_out *w, const char *key, struct str v);
/* An int64 written as a string, as MLflow does for ids. */
void encode_id(struct json_out *w, const char *key, int64_t v);

void encode_experiment(struct json_out *w, const struct experiment *x);
void encode_run_info(struct json_out *w, const struct track_run *r);
void encode_run(struct json_out *w, const struct track_run *r);
void encode_metric(struct json_out *w, const struct track_metric *m);
void encode_logged_model(struct json_out *w, const struct logged_model *m);
void encode_version(struct json_out *w, const struct registry_version *v);
void encode_model(struct json_out *w, const struct registry_model *m);
/* "files": paths with `prefix` and a slash before them. */
void encode_files(struct json_out *w, const struct artifact_list *list, struct str prefix);

#endif
