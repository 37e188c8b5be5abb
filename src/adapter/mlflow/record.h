/* record.h - MLflow's JSON into records of port/origin.h: the answers of a server, and the lines of an export. Texts are
 * views of the tree; what is absent or of another type is empty. Pure. */
#ifndef INGOT_ADAPTER_MLFLOW_RECORD_H
#define INGOT_ADAPTER_MLFLOW_RECORD_H

#include "base/json.h"
#include "port/origin.h"

/* Members; absent or of another type: empty, 0, false. Integers may be written as strings. */
struct str record_text(const struct json *obj, const char *key);
int64_t record_i64(const struct json *obj, const char *key);
bool record_bool(const struct json *obj, const char *key);
/* A number, or "NaN" and the like. */
double record_f64(const struct json *obj, const char *key);
/* The items of an array, none if it is absent. */
size_t record_items(const struct json *obj, const char *key, const struct json **ret);
/* [{"key", "value"}]; E_TOO_LARGE. */
MUST_USE enum err record_kvs(struct op *op, const struct json *obj, const char *key, struct origin_kvs *ret);

/* One object each. E_TOO_LARGE: it does not fit in memory. */
MUST_USE enum err record_experiment(struct op *op, const struct json *j, struct origin_experiment *ret);
/* With all that was logged, points excepted; point_count is -1. */
MUST_USE enum err record_run(struct op *op, const struct json *j, struct origin_run *ret);
MUST_USE enum err record_logged_model(struct op *op, const struct json *j, struct origin_logged_model *ret);
MUST_USE enum err record_model(struct op *op, const struct json *j, struct origin_model *ret);
MUST_USE enum err record_version(struct op *op, const struct json *j, struct origin_version *ret);

#endif
