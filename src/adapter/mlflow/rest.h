/* rest.h - what the parts of origin_rest share (inside this folder): the connection, and how JSON becomes records. */
#ifndef INGOT_ADAPTER_MLFLOW_REST_H
#define INGOT_ADAPTER_MLFLOW_REST_H

#include "base/json.h"
#include "net/client.h"
#include "port/origin.h"

struct mlflow_rest {
    struct client *client;
    struct arena *arena;    /* of the ids */
    struct str *experiments; /* ids, gathered while they are read: searches for runs ask by them */
    size_t experiment_count, experiment_room;
};

/* The end of a listing. */
#define REST_END STR("end")

/* POST with a body that `write` fills, or GET with the query in `path`. */
MUST_USE enum err rest_get(struct mlflow_rest *m, struct op *op, const char *path, struct json **ret);
MUST_USE enum err rest_post(struct mlflow_rest *m, struct op *op, const char *path, struct str body, struct json **ret);
/* A query value. */
struct str rest_quote(struct op *op, struct str s);
/* Members; absent or of another type: empty, 0, false. Integers may be written as strings. */
struct str rest_text(const struct json *obj, const char *key);
int64_t rest_i64(const struct json *obj, const char *key);
bool rest_bool(const struct json *obj, const char *key);
/* A number, or "NaN" and the like. */
double rest_f64(const struct json *obj, const char *key);
/* The items of an array, none if it is absent. */
size_t rest_items(const struct json *obj, const char *key, const struct json **ret);
/* [{"key", "value"}]; E_TOO_LARGE. */
MUST_USE enum err rest_kvs(struct op *op, const struct json *obj, const char *key, struct origin_kvs *ret);
/* Where a listing goes on: the answer's page token, or REST_END. */
struct str rest_next(const struct json *doc);

/* Members of struct origin_ops. */
MUST_USE enum err rest_logged_models(void *self, struct op *op, struct str *cursor, struct origin_logged_model **ret, size_t *ret_n);
MUST_USE enum err rest_models(void *self, struct op *op, struct str *cursor, struct origin_model **ret, size_t *ret_n);
MUST_USE enum err rest_versions(void *self, struct op *op, struct str *cursor, struct origin_version **ret, size_t *ret_n);
MUST_USE enum err rest_files(void *self, struct op *op, const struct origin_place *at, struct str *cursor, struct origin_file **ret, size_t *ret_n);
MUST_USE enum err rest_file(void *self, struct op *op, const struct origin_place *at, struct str path, origin_bytes_fn fn, void *arg);

#endif
