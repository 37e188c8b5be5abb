/* A source is a URI that clients will later read from, so a version must not point outside of what its author
 * produced: MLflow closed several advisories of that kind one by one. The rules here:
 *  - no ".." segment and no NUL, after decoding percent escapes until nothing changes (a text that takes long is refused);
 *  - models:/name/N, models:/name@alias, models:/name/latest stand for that version's bytes;
 *  - models:/m-<id> and our own mlflow-artifacts: URIs must belong to the named logged model or run;
 *  - file: and bare paths must lie among the artifacts of the named run or logged model; any other scheme is the client's affair. */
#include "core/registry/source.h"

#include "core/registry/alias.h"
#include "core/registry/history.h"
#include "core/track/artifact.h"
#include "core/track/logged_model.h"
#include "core/track/run.h"
#include "core/track/store.h"
#include "sql_gen.h"

#include <inttypes.h>

static enum err bad_relative(struct op *op, struct str source)
{
    return op_fail_field(op, "source",
                         "Invalid model version source: '%.*s'. If supplying a source as an http, https, local file path, "
                         "ftp, objectstore, or mlflow-artifacts uri, an absolute path must be provided without relative "
                         "path references present. Please provide an absolute path.",
                         STR_FMT(source));
}

static enum err bad_owner(struct op *op, struct str source, const char *param)
{
    return op_fail_field(op, "source",
                         "Invalid model version source: '%.*s'. The %s request parameter must identify the resource that "
                         "contains the source.",
                         STR_FMT(source), param);
}

static enum err check_relative(struct op *op, struct str source)
{
    struct str rest, part;
    if (!artifact_unescape(op, source, &rest) || memchr(rest.p, 0, rest.len))
        return bad_relative(op, source);
    while (str_split(&rest, '/', &part)) {
        if (str_eq(part, STR("..")) || str_eq(part, STR(".")))
            return bad_relative(op, source);
    }
    return OK;
}

/* Is `uri` the root or below it? Both are URIs of our store. */
static bool is_within(struct op *op, struct str uri, struct str root)
{
    struct str a, b;
    if (artifact_root(op, uri, &a) || artifact_root(op, root, &b)) {
        op_clear(op);
        return false;
    }
    return b.len > 0 && str_starts(a, b) && (a.len == b.len || a.p[b.len] == '/');
}

static enum err run_uri(struct op *op, struct db_tx *tx, struct str run_id, struct str *ret)
{
    struct db_val v[10];
    enum err e = db_query_one(op, tx, &sql_track_run_by_uuid, DB_ARGS(DB_TEXT(run_id)), v, ARRAY_LEN(v));
    if (!e)
        *ret = v[9].s;
    return e;
}

/* models:/name/3, models:/name/latest, models:/name@alias */
static enum err from_version(struct op *op, struct db_tx *tx, struct str ref, struct registry_source *s)
{
    size_t at = str_find_char(ref, '@'), slash = str_find_char(ref, '/');
    size_t cut = at != SIZE_MAX ? at : slash;
    if (cut == SIZE_MAX)
        return bad_owner(op, s->source, "model_id");
    struct str name = str_sub(ref, 0, cut), which = str_sub(ref, cut + 1, ref.len);
    int64_t model = 0, version = 0;
    enum err e = registry_model_row(op, tx, name, &model);
    if (e)
        return e;
    bool named = at != SIZE_MAX || str_ieq(which, STR("latest"));
    e = named ? registry_alias_version(op, tx, name, which, &version) : registry_version_parse(op, which, &version);
    if (e == E_INVALID && named) {
        op_clear(op);
        return op_fail_field(op, "source", "Registered model alias %.*s not found.", STR_FMT(which));
    }
    struct registry_version from;
    if (!e)
        e = registry_version_find(op, tx, name, version, &from);
    if (e)
        return e;
    if ((s->run_id.len && !str_eq(s->run_id, from.run_id)) || (s->model_id.len && !str_eq(s->model_id, from.model_id)))
        return op_fail_field(op, "source",
                             "Invalid model version source: '%.*s'. The run_id and model_id request parameters must match "
                             "the referenced model version.",
                             STR_FMT(s->source));
    s->source = str_from(op_printf(op, "models:/%.*s/%" PRId64, STR_FMT(name), version));
    s->storage_location = from.storage_location.len ? from.storage_location : from.source;
    s->run_id = from.run_id;
    s->model_id = from.model_id;
    s->origin_row = from.row;
    s->signature = from.signature;
    return OK;
}

static enum err from_logged_model(struct op *op, struct db_tx *tx, struct str id, struct registry_source *s)
{
    if (s->model_id.len && !str_eq(s->model_id, id))
        return bad_owner(op, s->source, "model_id");
    struct logged_model m;
    enum err e = logged_model_find(op, tx, id, &m);
    if (e)
        return e;
    s->model_id = id;
    s->storage_location = m.artifact_uri;
    return OK;
}

static enum err from_run(struct op *op, struct db_tx *tx, struct str ref, struct registry_source *s)
{
    size_t slash = str_find_char(ref, '/');
    struct str id = slash == SIZE_MAX ? ref : str_sub(ref, 0, slash), root;
    if (!str_eq(id, s->run_id) || s->model_id.len)
        return bad_owner(op, s->source, s->model_id.len ? "model_id" : "run_id");
    enum err e = run_uri(op, tx, id, &root);
    if (e == E_NOT_FOUND) {
        op_clear(op);
        return bad_owner(op, s->source, "run_id");
    }
    if (!e)
        s->storage_location = slash == SIZE_MAX ? root : artifact_path_join(op, root, str_sub(ref, slash + 1, ref.len));
    return e;
}

static enum err from_own_store(struct op *op, struct db_tx *tx, struct registry_source *s)
{
    const char *param = s->model_id.len ? "model_id" : "run_id";
    struct str root = {0};
    enum err e = E_NOT_FOUND;
    if (s->model_id.len) {
        struct logged_model m;
        e = logged_model_find(op, tx, s->model_id, &m);
        root = e ? root : m.artifact_uri;
    } else if (s->run_id.len) {
        e = run_uri(op, tx, s->run_id, &root);
    }
    if (e && e != E_NOT_FOUND)
        return e;
    op_clear(op);
    if (e || !is_within(op, s->source, root))
        return bad_owner(op, s->source, param);
    return OK;
}

static bool has_scheme(struct str s)
{
    size_t colon = str_find_char(s, ':');
    if (colon == SIZE_MAX || colon < 2)
        return false;
    for (size_t i = 0; i < colon; i++) {
        char c = s.p[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (i && ((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.'));
        if (!ok)
            return false;
    }
    return true;
}

/* /a/b of "/a/b", "file:/a/b" and "file:///a/b"; p NULL: no absolute path, or one with dot segments. */
static struct str local_path(struct str uri)
{
    struct str path = str_starts(uri, STR("file:")) ? str_sub(uri, 5, SIZE_MAX) : uri, rest, part;
    if (str_starts(path, STR("///")))
        path = str_sub(path, 2, SIZE_MAX);
    while (path.len > 1 && path.p[path.len - 1] == '/')
        path.len--;
    bool good = path.len > 1 && path.p[0] == '/' && !memchr(path.p, 0, path.len) && str_find_char(path, '%') == SIZE_MAX;
    rest = str_sub(path, 1, SIZE_MAX);
    while (good && str_split(&rest, '/', &part))
        good = part.len && !str_eq(part, STR(".")) && !str_eq(part, STR(".."));
    return good ? path : (struct str){0};
}

/* A path of the clients' file system. It is never opened here, but whoever serves the version would open it, so it must lie among the
 * artifacts of the run or logged model that is named, where those are kept on such a path (--default-artifact-root). */
static enum err from_local(struct op *op, struct db_tx *tx, struct registry_source *s)
{
    const char *param = s->model_id.len ? "model_id" : "run_id";
    struct str root = STR("");
    enum err e = OK;
    if (s->model_id.len) {
        struct logged_model m;
        e = logged_model_find(op, tx, s->model_id, &m);
        root = e ? root : m.artifact_uri;
    } else if (s->run_id.len) {
        e = run_uri(op, tx, s->run_id, &root);
    }
    if (e && e != E_NOT_FOUND)
        return e;
    op_clear(op);
    struct str path = local_path(s->source), above = local_path(root);
    if (!e && above.p && path.p && str_starts(path, above) && (path.len == above.len || path.p[above.len] == '/'))
        return OK;
    return op_fail_field(op, "source",
                         "Invalid model version source: '%.*s'. To use a local path as a model version source, the %s "
                         "request parameter has to be specified and the local path has to be contained within the "
                         "artifact directory of the run specified by the %s.",
                         STR_FMT(s->source), param, param);
}

static struct str behind(struct str s, size_t n)
{
    s = str_sub(s, n, s.len);
    while (s.len && s.p[0] == '/')
        s = str_sub(s, 1, s.len);
    return s;
}

enum err source_resolve(struct op *op, struct db_tx *tx, const struct registry_version_new *v, struct registry_source *ret)
{
    struct str none = STR("");
    struct registry_source s = {v->source, none, v->run_id.p ? v->run_id : none, v->model_id.p ? v->model_id : none, .signature = none};
    struct str prompt = names_find(v->tags, v->tag_count, "mlflow.prompt.is_prompt");
    bool is_prompt = str_ieq(prompt, STR("true"));
    enum err e = OK;
    if (is_prompt && !str_eqc(v->source, "prompt-template") && !str_eqc(v->source, "dummy-source"))
        return op_fail_field(op, "source", "Invalid prompt source: '%.*s'. Prompt sources must use an MLflow placeholder.", STR_FMT(v->source));
    if (is_prompt) {
        *ret = s; /* a prompt's source is a placeholder */
        return OK;
    }
    bool local = !has_scheme(v->source) || str_starts(v->source, STR("file:"));
    e = local ? from_local(op, tx, &s) : check_relative(op, v->source);
    if (e)
        return e;
    if (str_starts(v->source, STR("models:"))) {
        struct str ref = behind(v->source, strlen("models:"));
        bool logged = str_starts(ref, STR("m-")) && str_find_char(ref, '/') == SIZE_MAX && str_find_char(ref, '@') == SIZE_MAX;
        e = logged ? from_logged_model(op, tx, ref, &s) : from_version(op, tx, ref, &s);
    } else if (str_starts(v->source, STR("runs:"))) {
        e = from_run(op, tx, behind(v->source, strlen("runs:")), &s);
    } else if (str_starts(v->source, STR("mlflow-artifacts:"))) {
        e = from_own_store(op, tx, &s);
    }
    if (!e && s.model_id.len) {
        struct logged_model m;
        e = logged_model_find(op, tx, s.model_id, &m);
        if (!e) {
            s.logged_model_row = m.row;
            s.run_id = s.run_id.len ? s.run_id : m.source_run_id;
        }
    }
    if (!e)
        *ret = s;
    return e;
}
