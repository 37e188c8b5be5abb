/* rows.c - rows of a Parquet file that a run logged, for people to look at: a page at a time, read by a process of its own (app/rows_reader.h), as
 * looking at files must not cost those who serve. */
#include "api/native/native.h"
#include "api/services.h"
#include "base/limits.h"
#include "core/track/artifact.h"
#include "core/track/run.h"

static enum err file_find(struct op *op, struct services *s, struct str run_id, struct str path, struct blob_id *ret, uint64_t *ret_size)
{
    struct track_run run;
    struct str clean, root;
    enum err e = track_run_get(op, s->db, run_id, &run);
    if (!e)
        e = artifact_path_clean(op, path, &clean);
    if (!e)
        e = artifact_root(op, run.artifact_uri, &root);
    return e ? e : artifact_find(op, s->db, artifact_path_join(op, root, clean), ret, ret_size);
}

enum err native_run_rows(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct str name = STR(""), path;
    int64_t offset = 0, limit = 0;
    struct blob_id id;
    uint64_t size = 0;
    if (!http_query_get(op, req, "path", &name))
        return op_fail_field(op, "path", "query parameter 'path' is needed: the file's name below the run's artifacts");
    enum err e = native_query_i64(op, req, "offset", 0, INT64_MAX / 2, 0, &offset);
    if (!e)
        e = native_query_i64(op, req, "limit", 1, LIMIT_ROWS_PAGE, 100, &limit);
    if (!e)
        e = file_find(op, s, req->path_args[0], name, &id, &size);
    if (!e && !s->rows_read)
        e = op_fail(op, E_UNSUPPORTED, "this server does not read files of rows");
    if (!e && (e = blob_local_path(op, s->blobs, &id, &path)) == E_UNSUPPORTED)
        e = op_fail(op, E_UNSUPPORTED, "files of rows are shown where the artifacts lie on the server's own disk: download this one");
    if (e)
        return e;
    struct json_out w;
    native_reply(res, &w);
    return s->rows_read(op, path, offset, limit, &res->body);
}
