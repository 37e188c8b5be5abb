/* rest.h - what the parts of origin_rest share (inside this folder): the connection, and its listings. */
#ifndef INGOT_ADAPTER_MLFLOW_REST_H
#define INGOT_ADAPTER_MLFLOW_REST_H

#include "adapter/mlflow/record.h"
#include "net/client.h"

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
/* Where a listing goes on: the answer's page token, or REST_END. */
struct str rest_next(const struct json *doc);

/* Members of struct origin_ops. */
MUST_USE enum err rest_logged_models(void *self, struct op *op, struct str *cursor, struct origin_logged_model **ret, size_t *ret_n);
MUST_USE enum err rest_models(void *self, struct op *op, struct str *cursor, struct origin_model **ret, size_t *ret_n);
MUST_USE enum err rest_versions(void *self, struct op *op, struct str *cursor, struct origin_version **ret, size_t *ret_n);
MUST_USE enum err rest_files(void *self, struct op *op, const struct origin_place *at, struct str *cursor, struct origin_file **ret, size_t *ret_n);
MUST_USE enum err rest_file(void *self, struct op *op, const struct origin_place *at, struct str path, origin_bytes_fn fn, void *arg);

#endif
