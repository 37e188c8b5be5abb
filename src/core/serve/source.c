#include "core/serve/source.h"

#include "base/limits.h"
#include "base/yaml.h"
#include "core/registry/version.h"
#include "core/serve/loader.h"
#include "core/track/artifact.h"

void serve_source_run(const struct serve_source *self, void (*fn)(void *arg), void *arg)
{
    if (self->loader)
        loader_run(self->loader, fn, arg);
    else
        fn(arg);
}

struct reading {
    struct op *op;
    struct blob_store *blobs;
    const struct blob_id *blob;
    size_t max;
    struct str *bytes;
    enum err err;
};

static void reading_run(void *arg)
{
    struct reading *r = arg;
    r->err = blob_get(r->op, r->blobs, r->blob, r->max, r->bytes);
}

/* *ret_found false when there is no such file, be there nothing or a folder. */
static enum err file_fetch(const struct serve_source *s, struct op *op, struct str path, size_t max, bool *ret_found, struct str *ret)
{
    struct blob_id blob;
    uint64_t size = 0;
    enum err e = artifact_find(op, s->db, path, &blob, &size);
    *ret_found = !e;
    if (e == E_NOT_FOUND || e == E_INVALID) {
        op_clear(op);
        return OK;
    }
    if (!e) { /* the database is asked from here: nobody who needs it may wait for the loader's thread */
        struct reading r = {.op = op, .blobs = s->blobs, .blob = &blob, .max = max, .bytes = ret};
        serve_source_run(s, reading_run, &r);
        e = r.err;
    }
    return e ? op_context(op, "artifact %.*s", STR_FMT(path)) : OK;
}

enum err serve_source_model_file(struct op *op, struct str mlmodel, struct str *ret)
{
    struct json *doc = NULL;
    *ret = STR("model.json");
    enum err e = yaml_parse(op, mlmodel, &doc);
    if (e)
        return e;
    const struct json *data = json_path(doc, "flavors.ingot.data");
    if (!data)
        data = json_path(doc, "flavors.xgboost.data");
    if (data && data->type == JSON_STRING)
        return artifact_path_clean(op, data->s, ret);
    return OK;
}

/* The signature that MLmodel states, as JSON; "" when there is none that can be read. */
static struct str signature_text(struct op *op, struct str yaml)
{
    struct buf b;
    struct json_out w;
    struct json *doc = NULL;
    struct str text = STR("");
    struct op sub = *op; /* whoever needs the file says what is wrong with it */
    const struct json *signature = yaml_parse(&sub, yaml, &doc) ? NULL : json_get(doc, "signature");
    if (!signature || signature->type != JSON_OBJECT)
        return text;
    buf_init(&b, LIMIT_MIB(8));
    json_out_init(&w, &b, 0);
    json_value(&w, signature);
    if (!b.failed)
        text = str_dup(op->arena, buf_str(&b));
    buf_clear(&b);
    return text;
}

/* The model's file as MLmodel says, else model.json. */
static enum err model_name(const struct serve_source *s, struct op *op, struct str folder, struct str *ret_signature, struct str *ret)
{
    struct str yaml;
    bool found = false;
    *ret = STR("model.json");
    enum err e = file_fetch(s, op, artifact_path_join(op, folder, STR("MLmodel")), LIMIT_MIB(1), &found, &yaml);
    if (e || !found)
        return e;
    *ret_signature = signature_text(op, yaml);
    return serve_source_model_file(op, yaml, ret) ? op_context(op, "%.*s/MLmodel", STR_FMT(folder)) : OK;
}

static enum err registry_fetch(const struct serve_source *s, struct op *op, struct str model, int64_t version, struct serve_files *ret)
{
    struct str uri, root, name;
    bool found = false;
    struct serve_files files = {.reference = STR("")};
    enum err e = registry_version_uri(op, s->db, model, version, &uri);
    if (!e)
        e = artifact_root(op, uri, &root);
    if (e)
        return e;
    e = file_fetch(s, op, root, LIMIT_MODEL_BYTES, &found, &files.model);
    if (!e && !found) {
        e = model_name(s, op, root, &files.signature, &name);
        if (!e)
            e = file_fetch(s, op, artifact_path_join(op, root, name), LIMIT_MODEL_BYTES, &found, &files.model);
        if (!e && !found)
            e = op_fail(op, E_NOT_FOUND, "there is no file %.*s/%.*s", STR_FMT(root), STR_FMT(name));
        if (!e)
            e = file_fetch(s, op, artifact_path_join(op, root, STR("reference.bin")), LIMIT_SERVE_REFERENCE_BYTES, &found, &files.reference);
        if (!e)
            e = file_fetch(s, op, artifact_path_join(op, root, STR("transform.json")), LIMIT_CHAIN_FILE_BYTES, &found, &files.transform);
        if (!e)
            e = file_fetch(s, op, artifact_path_join(op, root, STR("calibrator.json")), LIMIT_CHAIN_FILE_BYTES, &found, &files.calibrator);
    }
    if (!e)
        *ret = files;
    return e;
}

static enum err registry_check(const struct serve_source *s, struct op *op, struct db_tx *tx, struct str model, int64_t version)
{
    struct registry_version v;
    (void)s;
    return registry_version_find(op, tx, model, version, &v);
}

struct serve_source serve_source_registry(struct db *db, struct blob_store *blobs)
{
    return (struct serve_source){.db = db, .blobs = blobs, .fetch = registry_fetch, .check = registry_check};
}
