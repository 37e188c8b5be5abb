#include "app/predict_model.h"

#include <stdlib.h>

#include "app/backends.h"
#include "app/model_server.h"
#include "app/state.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/limits.h"
#include "core/registry/alias.h"
#include "core/serve/source.h"
#include "net/client.h"

#define MLFLOW_API "/api/2.0/mlflow/"

struct predict_model {
    struct arena *arena;         /* names and paths, as long as the model */
    struct str name;
    int64_t version;             /* of a registered model; 0: the newest that the source lists */
    struct model_server_config disk;
    struct state state;
    struct client *client;       /* NULL: not from a server */
    struct serve_source inner;   /* of disk or state */
    struct serve *serve;
    struct serve_endpoint *endpoint;
    struct buf digests;          /* of all bytes that were fetched, 32 each */
    char sha256[65];
};

/* ---- the source: the inner one, or a server, with a digest taken on the way ---- */

static void digest_add(struct predict_model *m, struct str bytes)
{
    uint8_t digest[HASH_SHA256_LEN];
    hash_sha256(bytes.p, bytes.len, digest);
    buf_add(&m->digests, digest, sizeof(digest));
}

static void digest_end(struct predict_model *m)
{
    uint8_t digest[HASH_SHA256_LEN] = {0};
    if (m->digests.len == sizeof(digest))
        memcpy(digest, m->digests.p, sizeof(digest));
    else
        hash_sha256(m->digests.p, m->digests.len, digest);
    hash_hex(digest, sizeof(digest), m->sha256);
}

static enum err bytes_take(void *arg, const void *p, size_t n)
{
    struct buf *b = arg;
    buf_add(b, p, n);
    return b->failed ? E_TOO_LARGE : OK;
}

/* *ret_found false: the server has no such file. */
static enum err remote_file(struct op *op, struct client *c, const char *path, size_t max, bool *ret_found, struct str *ret)
{
    AUTO(buf) struct buf b;
    struct client_answer a = {0};
    buf_init(&b, max);
    enum err e = client_download(op, c, str_from(path), bytes_take, &b, &a);
    if (e)
        return e;
    *ret_found = a.status == 200;
    if (a.status == 200) {
        char *copy = arena_array(op->arena, b.len + 1, char);
        if (!copy)
            return op_fail(op, E_TOO_LARGE, "no memory for a model of %zu bytes", b.len);
        if (b.len)
            memcpy(copy, b.p, b.len);
        *ret = (struct str){copy, b.len};
        return OK;
    }
    if (a.status == 404 || a.status == 400) /* 400: the version is one file, and nothing lies below it */
        return OK;
    return op_fail(op, a.status == 401 ? E_UNAUTHENTICATED : a.status == 403 ? E_DENIED : E_IO, "the server answered %d to GET %s: %.*s", a.status, path,
                   STR_FMT(str_sub(a.body, 0, 500)));
}

static const char *coded(struct op *op, struct str s)
{
    return str_cstr(op->arena, http_percent_encode(op->arena, s, true));
}

static const char *version_file_path(struct op *op, const struct predict_model *m, int64_t version, struct str file)
{
    return op_printf(op, "/model-versions/get-artifact?name=%s&version=%lld&path=%s", coded(op, m->name), (long long)version, coded(op, file));
}

/* A version that points at one file. */
static enum err remote_single(struct op *op, struct predict_model *m, int64_t version, bool *ret_found, struct str *ret)
{
    struct json *doc = NULL;
    struct str uri = STR("");
    const struct str scheme = STR("mlflow-artifacts:/");
    const char *path = op_printf(op, MLFLOW_API "model-versions/get-download-uri?name=%s&version=%lld", coded(op, m->name), (long long)version);
    enum err e = client_json(op, m->client, "GET", str_from(path), (struct str){0}, &doc);
    if (!e)
        e = json_want_str(op, doc, "artifact_uri", &uri);
    if (e || !str_starts(uri, scheme))
        return e;
    uri = str_sub(uri, scheme.len, SIZE_MAX);
    return remote_file(op, m->client, op_printf(op, "/api/2.0/mlflow-artifacts/artifacts/%.*s", STR_FMT(http_percent_encode(op->arena, uri, false))), LIMIT_MODEL_BYTES,
                       ret_found, ret);
}

static enum err remote_fetch(struct predict_model *m, struct op *op, int64_t version, struct serve_files *ret)
{
    struct str yaml = STR(""), file = STR("model.json"), bytes = STR("");
    bool found = false;
    enum err e = remote_file(op, m->client, version_file_path(op, m, version, STR("MLmodel")), LIMIT_MIB(1), &found, &yaml);
    if (!e && found && (e = serve_source_model_file(op, yaml, &file)))
        op_context(op, "MLmodel");
    if (!e)
        e = remote_file(op, m->client, version_file_path(op, m, version, file), LIMIT_MODEL_BYTES, &found, &bytes);
    if (!e && !found)
        e = remote_single(op, m, version, &found, &bytes);
    if (!e && !found)
        e = op_fail(op, E_NOT_FOUND, "version %lld of \"%.*s\" has no file %.*s", (long long)version, STR_FMT(m->name), STR_FMT(file));
    *ret = (struct serve_files){.model = bytes, .reference = STR("")};
    if (!e)
        e = remote_file(op, m->client, version_file_path(op, m, version, STR("transform.json")), LIMIT_CHAIN_FILE_BYTES, &found, &ret->transform);
    if (!e)
        e = remote_file(op, m->client, version_file_path(op, m, version, STR("calibrator.json")), LIMIT_CHAIN_FILE_BYTES, &found, &ret->calibrator);
    return e;
}

static enum err source_fetch(const struct serve_source *self, struct op *op, struct str model, int64_t version, struct serve_files *ret)
{
    struct predict_model *m = self->arg;
    enum err e = m->client ? remote_fetch(m, op, version, ret) : m->inner.fetch(&m->inner, op, model, version, ret);
    if (e)
        return e;
    digest_add(m, ret->model);
    if (ret->transform.len)
        digest_add(m, ret->transform);
    if (ret->calibrator.len)
        digest_add(m, ret->calibrator);
    return OK;
}

static enum err source_list(const struct serve_source *self, struct op *op, struct serve_source_model **ret, size_t *ret_len)
{
    struct predict_model *m = self->arg;
    if (m->inner.list)
        return m->inner.list(&m->inner, op, ret, ret_len);
    struct serve_source_model *one = op_new(op, struct serve_source_model);
    *one = (struct serve_source_model){.name = m->name, .versions = &m->version, .version_count = 1, .problem = STR("")};
    *ret = one;
    *ret_len = 1;
    return OK;
}

/* ---- which model ---- */

/* "models:/NAME/VERSION" or "models:/NAME@ALIAS"; a word in place of the number is an alias. */
static enum err ref_parse(struct op *op, struct str ref, struct str *ret_name, int64_t *ret_version, struct str *ret_alias)
{
    struct str rest = str_sub(ref, strlen("models:/"), SIZE_MAX);
    size_t at = str_find_char(rest, '@');
    if (at == SIZE_MAX)
        at = str_find_char(rest, '/');
    struct str word = at == SIZE_MAX ? STR("") : str_sub(rest, at + 1, SIZE_MAX);
    *ret_name = str_sub(rest, 0, at);
    *ret_version = 0;
    *ret_alias = STR("");
    if (!ret_name->len || !word.len)
        return op_fail(op, E_INVALID, "--model '%.*s': expected models:/NAME/VERSION or models:/NAME@ALIAS", STR_FMT(ref));
    if (rest.p[at] == '@' || !str_parse_i64(word, ret_version))
        *ret_alias = word;
    return ret_alias->len || *ret_version > 0 ? OK : op_fail(op, E_INVALID, "--model '%.*s': versions count from 1", STR_FMT(ref));
}

static enum err state_resolve(struct op *op, const struct predict_place *place, struct predict_model *m, struct str alias)
{
    struct registry_version v;
    enum err e = state_open(op, place->data, place->db, place->blobs, &m->state);
    if (!e && alias.len && !(e = registry_alias_resolve(op, m->state.db, m->name, alias, &v)))
        m->version = v.version;
    if (!e)
        m->inner = serve_source_registry(m->state.db, m->state.blobs);
    return e;
}

static enum err remote_resolve(struct op *op, const struct predict_place *place, struct predict_model *m, struct str alias)
{
    struct json *doc = NULL;
    const struct client_config config = {.base_url = place->server, .bearer_token = place->token, .timeout_ms = LIMIT_SCORING_SERVER_MS};
    enum err e = client_create(op, &config, &m->client);
    if (e || !alias.len)
        return e;
    const char *path = op_printf(op, MLFLOW_API "registered-models/alias?name=%s&alias=%s", coded(op, m->name), coded(op, alias));
    e = client_json(op, m->client, "GET", str_from(path), (struct str){0}, &doc);
    const struct json *version = e ? NULL : json_path(doc, "model_version.version");
    bool good = version && (version->type == JSON_STRING ? str_parse_i64(version->s, &m->version) : json_as_i64(version, &m->version));
    return e || good ? e : op_fail(op, E_IO, "the server does not say which version \"%.*s\" is", STR_FMT(alias));
}

/* The only model of the path, or the one that --name names. Of the others only those are loaded that a graph is made of. */
static enum err disk_choose(struct op *op, struct predict_model *m, struct str name)
{
    struct serve_source_model *models = NULL;
    size_t n = 0, at = SIZE_MAX;
    enum err e = m->inner.list(&m->inner, op, &models, &n);
    if (e)
        return e;
    for (size_t i = 0; i < n; i++)
        if (name.len ? str_eq(models[i].name, name) : n == 1)
            at = i;
    if (at == SIZE_MAX && name.len)
        return op_fail(op, E_NOT_FOUND, "'%.*s' has no model \"%.*s\"", STR_FMT(m->disk.paths[0]), STR_FMT(name));
    if (at == SIZE_MAX)
        return op_fail(op, E_INVALID, n ? "'%.*s' has several models: say which by --name" : "there is no model in '%.*s'", STR_FMT(m->disk.paths[0]));
    m->name = str_dup(m->arena, models[at].name);
    return OK;
}

static enum err serve_make(struct op *op, struct predict_model *m)
{
    const struct serve_config config = {.engines = backend_engines, .source = {.arg = m, .fetch = source_fetch, .list = source_list},
                                        .queue_max_bytes = SIZE_MAX, .explicit_load = true};
    return serve_open(op, &config, &m->serve);
}

static enum err model_take_up(struct op *op, struct predict_model *m)
{
    enum err e = serve_repository_load(op, m->serve, m->name, NULL);
    if (!e)
        e = serve_acquire(op, m->serve, m->name, &m->endpoint);
    if (!e)
        m->version = serve_endpoint_info(m->endpoint)->live;
    if (!e)
        digest_end(m);
    return e;
}

enum err predict_model_open(struct op *op, const struct predict_place *place, struct predict_model **ret)
{
    struct predict_model *m = calloc(1, sizeof(*m));
    if (!m)
        abort(); /* a small fixed allocation */
    m->arena = arena_create(LIMIT_MIB(1));
    buf_init(&m->digests, LIMIT_MIB(1));
    struct str alias = STR("");
    enum err e = OK;
    if (str_starts(place->ref, STR("models:/"))) {
        e = ref_parse(op, place->ref, &m->name, &m->version, &alias);
        m->name = str_dup(m->arena, m->name);
        if (!e)
            e = place->state ? state_resolve(op, place, m, alias) : remote_resolve(op, place, m, alias);
        if (!e)
            e = serve_make(op, m);
    } else {
        struct str *path = arena_new(m->arena, struct str);
        *path = str_dup(m->arena, place->ref);
        m->disk = (struct model_server_config){.paths = path, .path_count = 1};
        m->inner = model_server_source(&m->disk);
        e = serve_make(op, m);
        if (!e)
            e = disk_choose(op, m, place->name);
    }
    if (!e)
        e = model_take_up(op, m);
    if (e) {
        predict_model_close(m);
        return e;
    }
    *ret = m;
    return OK;
}

void predict_model_close(struct predict_model *m)
{
    if (!m)
        return;
    serve_release(m->endpoint);
    serve_close(m->serve);
    client_destroy(m->client);
    state_close(&m->state);
    buf_clear(&m->digests);
    arena_destroy(m->arena);
    free(m);
}

struct serve_endpoint *predict_model_endpoint(const struct predict_model *m)
{
    return m->endpoint;
}

struct serve *predict_model_serve(const struct predict_model *m)
{
    return m->serve;
}

struct str predict_model_name(const struct predict_model *m)
{
    return m->name;
}

int64_t predict_model_version(const struct predict_model *m)
{
    return m->version;
}

const char *predict_model_sha256(const struct predict_model *m)
{
    return m->sha256;
}
