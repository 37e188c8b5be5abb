/* rest_files.c - artifacts of runs and logged models, asked of the server by run or model, wherever it keeps them. */
#include "adapter/mlflow/rest.h"
#include "base/limits.h"
#include "base/vec.h"

struct walk {
    VEC(struct origin_file) files;
    VEC(struct str) folders; /* still to be listed */
};

/* The path with the query that lists a folder, or reads a file. */
static const char *place_path(struct op *op, const struct origin_place *at, struct str path, bool list)
{
    struct str id = rest_quote(op, at->run_id.len ? at->run_id : at->model_id), quoted = rest_quote(op, path);
    if (at->run_id.len && list)
        return op_printf(op, "/api/2.0/mlflow/artifacts/list?run_id=%.*s%s%.*s", STR_FMT(id), quoted.len ? "&path=" : "", STR_FMT(quoted));
    if (at->run_id.len)
        return op_printf(op, "/get-artifact?run_id=%.*s&path=%.*s", STR_FMT(id), STR_FMT(quoted));
    if (list)
        return op_printf(op, "/api/2.0/mlflow/logged-models/%.*s/artifacts/directories%s%.*s", STR_FMT(id), quoted.len ? "?artifact_directory_path=" : "",
                         STR_FMT(quoted));
    return op_printf(op, "/ajax-api/2.0/mlflow/logged-models/%.*s/artifacts/files?artifact_file_path=%.*s", STR_FMT(id), STR_FMT(quoted));
}

static enum err folder_list(struct mlflow_rest *m, struct op *op, const struct origin_place *at, struct str folder, struct walk *w)
{
    struct str token = STR("");
    do {
        const struct json *items = NULL;
        struct json *doc = NULL;
        struct str more = rest_quote(op, token);
        const char *path = place_path(op, at, folder, true);
        if (more.len)
            path = op_printf(op, "%s%cpage_token=%.*s", path, str_find_char(str_from(path), '?') == SIZE_MAX ? '?' : '&', STR_FMT(more));
        enum err e = rest_get(m, op, path, &doc);
        if (e)
            return e;
        size_t n = record_items(doc, "files", &items);
        for (size_t i = 0; i < n; i++) {
            struct str name = record_text(&items[i], "path");
            struct origin_file *file = NULL;
            struct str *sub = NULL;
            if (record_bool(&items[i], "is_dir"))
                sub = vec_push(&w->folders, op->arena);
            else
                file = w->files.len < LIMIT_TRACK_ARTIFACT_LIST ? vec_push(&w->files, op->arena) : NULL;
            if (!sub && !file)
                return op_fail(op, E_TOO_LARGE, "more than %d files below one place", LIMIT_TRACK_ARTIFACT_LIST);
            if (sub)
                *sub = name;
            else
                *file = (struct origin_file){name, json_get(&items[i], "file_size") ? record_i64(&items[i], "file_size") : -1, 0};
        }
        struct str next = record_text(doc, "next_page_token");
        token = str_eq(next, token) ? STR("") : next;
    } while (token.len);
    return OK;
}

enum err rest_files(void *self, struct op *op, const struct origin_place *at, struct str *cursor, struct origin_file **ret, size_t *ret_n)
{
    struct walk w = {0};
    *ret_n = 0;
    if (cursor->len)
        return OK;
    *cursor = REST_END;
    enum err e = folder_list(self, op, at, STR(""), &w);
    for (size_t i = 0; !e && i < w.folders.len; i++) {
        if (i >= LIMIT_TRACK_ARTIFACT_LIST)
            return op_fail(op, E_TOO_LARGE, "more than %d folders below one place", LIMIT_TRACK_ARTIFACT_LIST);
        e = folder_list(self, op, at, w.folders.p[i], &w);
    }
    if (e)
        return e;
    *ret = w.files.p;
    *ret_n = w.files.len;
    return OK;
}

enum err rest_file(void *self, struct op *op, const struct origin_place *at, struct str path, origin_bytes_fn fn, void *arg)
{
    struct mlflow_rest *m = self;
    struct client_answer answer;
    const char *from = place_path(op, at, path, false);
    enum err e = client_download(op, m->client, str_from(from), fn, arg, &answer);
    if (!e && answer.status != 200)
        e = op_fail(op, answer.status == 404 ? E_NOT_FOUND : E_IO, "GET %s: status %d", from, answer.status);
    return e;
}
