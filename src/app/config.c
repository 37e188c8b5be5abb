#include "app/config.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/dropin.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/vec.h"
#include "base/yaml.h"

#define LIMIT_CONFIG_BYTES LIMIT_KIB(256)

struct str_vec {
    struct str *p;
    size_t len, cap;
};

const struct option_row config_options[] = {
    {"listen", OPTION_STRING, "HOST:PORT", "address to serve on", "127.0.0.1:5000", false},
    {"data", OPTION_STRING, "DIR", "folder of the server's whole state", "ingot-data", false},
    {"config", OPTION_STRING, "FILE", "YAML file with any of these settings", NULL, false},
    {"auth", OPTION_FLAG, NULL, "ask for tokens on loopback too", NULL, false},
    {"insecure", OPTION_FLAG, NULL, "serve another address than loopback without TLS", NULL, false},
    {"tls-cert", OPTION_STRING, "FILE", "certificate chain (PEM)", NULL, false},
    {"tls-key", OPTION_STRING, "FILE", "its private key (PEM)", NULL, false},
    {"allowed-hosts", OPTION_STRING, "LIST", "Host values to accept besides loopback names, by comma; * stands for any text", NULL, false},
    {"cors-allowed-origins", OPTION_STRING, "LIST", "origins whose pages may call this server, by comma; * stands for any text", NULL, false},
    {"x-frame-options", OPTION_STRING, "WORD", "SAMEORIGIN, DENY or NONE", "SAMEORIGIN", false},
    {"db", OPTION_STRING, "URL", "database in place of the SQLite file in the data folder: postgresql://user@host/db", NULL, false},
    {"blobs", OPTION_STRING, "URL", "place of the artifacts in place of the data folder: s3://bucket/prefix", NULL, false},
    {"ui-dir", OPTION_STRING, "DIR", "folder of MLflow's built web UI (mlflow/server/js/build of its wheel) to serve at /; ours begins at /home then", NULL, false},
    {"ui-src", OPTION_STRING, "DIR", "serve our own web UI from this folder (ui/ of the source), for those who work on it", NULL, false},
    {"version-source-pattern", OPTION_STRING, "REGEX", "what the source of every new model version must match", NULL, false},
    {"graphql-max-root-fields", OPTION_INT, "N", "root fields in one GraphQL document", "10", false},
    {"graphql-max-aliases", OPTION_INT, "N", "aliases in one GraphQL document", "10", false},
    {"grpc-stream", OPTION_STRING, "WORD", "answers of ModelStreamInfer: triton (each may carry an error) or mlserver (bare ones)", "triton", false},
    {"io-threads", OPTION_INT, "N", "I/O threads; 0 = one per core", "0", false},
    {"pool-threads", OPTION_INT, "N", "worker threads for requests that may block", "16", false},
    {"head-timeout-ms", OPTION_INT, "MS", "time for a request's head", "30000", false},
    {"body-timeout-ms", OPTION_INT, "MS", "longest pause within a body", "30000", false},
    {"idle-timeout-ms", OPTION_INT, "MS", "time an idle connection is kept", "60000", false},
    {"drain-timeout-ms", OPTION_INT, "MS", "time for running requests at shutdown", "10000", false},
    {"max-connections", OPTION_INT, "N", "connections at a time", "4096", false},
    {"max-connections-per-peer", OPTION_INT, "N", "of these from one address", "2048", false},
    {"webhook-schemes", OPTION_STRING, "LIST", "schemes that receivers of webhooks may have, by comma: https, http", "https", false},
    {"webhook-networks", OPTION_STRING, "LIST", "networks that webhooks may reach though they are not public (10.1.0.0/16), by comma", NULL, false},
    {"webhook-allow-private", OPTION_FLAG, NULL, "webhooks may reach any address, this machine's too", NULL, false},
    {"webhook-ca", OPTION_STRING, "FILE", "certificates (PEM) that vouch for receivers of webhooks, in place of the system's", NULL, false},
    {"webhook-timeout-s", OPTION_INT, "S", "time for one delivery of a webhook", "30", false},
    {"webhook-workers", OPTION_INT, "N", "deliveries at a time", "10", false},
    {"webhook-retries", OPTION_INT, "N", "further attempts before a delivery is given up", "20", false},
    {"webhook-pause-ms", OPTION_INT, "MS", "before the first of them; it doubles up to an hour", "1000", false},
    {"webhook-cache-ttl", OPTION_STRING, "S", "without effect", NULL, false},
    {"engines-isolate", OPTION_STRING, "WORD", "foreign engines (ONNX Runtime) in processes of their own: auto, always or never", "auto", false},
    {"engines-memory-mb", OPTION_INT, "MIB", "memory that one of these processes may take; 0 = half of the machine's", "0", false},
    {"models-memory-mb", OPTION_INT, "MIB", "memory that all loaded models together may take; 0 = no limit", "0", false},
    {"engine-threads", OPTION_INT, "N", "threads for models that are too dear for an I/O thread; 0 = one per core", "0", false},
    {"otlp-endpoint", OPTION_STRING, "URL", "OpenTelemetry collector that gets traces: http://HOST:4318; none: OTEL_EXPORTER_OTLP_ENDPOINT", NULL, false},
    {"otlp-headers", OPTION_STRING, "LIST", "fields that it asks for: name=value, by comma", NULL, false},
    {"otlp-protocol", OPTION_STRING, "WORD", "http/protobuf or http/json", NULL, false},
    {"trace-sample", OPTION_STRING, "P", "part of the requests that leave a trace, 0 to 1, unless their caller decided; 0.01 if nothing is said", NULL, false},
    {"triton-metrics", OPTION_FLAG, NULL, "metrics under Triton's names (nv_inference_*) as well", NULL, false},
    {"log-level", OPTION_STRING, "LEVEL", "debug, info, warn or error", "info", false},
    {"log-format", OPTION_STRING, "FORMAT", "text or json", "text", false},
    /* As `mlflow server` has them. */
    {"host", OPTION_STRING, "HOST", "of --listen (also -h)", NULL, false},
    {"port", OPTION_INT, "PORT", "of --listen (also -p)", NULL, false},
    {"backend-store-uri", OPTION_STRING, "URI", "postgresql://... is --db; sqlite:///FILE keeps the state in FILE.ingot", NULL, false},
    {"default-artifact-root", OPTION_STRING, "URI", "where the clients of new experiments put artifacts; none: through this server", NULL, false},
    {"artifacts-destination", OPTION_STRING, "URI", "s3://... or a folder: --blobs", NULL, false},
    {"serve-artifacts", OPTION_FLAG, NULL, "artifacts go through this server (it is so unless --no-serve-artifacts is given)", NULL, false},
    {"no-serve-artifacts", OPTION_FLAG, NULL, "artifacts do not go through this server", NULL, false},
    {"static-prefix", OPTION_STRING, "PATH", "serve below this path as well", NULL, false},
    {"registry-store-uri", OPTION_STRING, "URI", "must be the same as --backend-store-uri", NULL, false},
    {"read-replica-backend-store-uri", OPTION_STRING, "URI", "without effect", NULL, false},
    {"workers", OPTION_STRING, "N", "without effect (also -w)", NULL, false},
    {"gunicorn-opts", OPTION_STRING, "TEXT", "without effect", NULL, false},
    {"waitress-opts", OPTION_STRING, "TEXT", "without effect", NULL, false},
    {"uvicorn-opts", OPTION_STRING, "TEXT", "without effect", NULL, false},
    {"expose-prometheus", OPTION_STRING, "DIR", "without effect: /metrics is always there", NULL, false},
    {"secrets-cache-ttl", OPTION_STRING, "S", "without effect", NULL, false},
    {"secrets-cache-max-size", OPTION_STRING, "N", "without effect", NULL, false},
    {"disable-workspaces", OPTION_FLAG, NULL, "without effect", NULL, false},
    {"enable-workspaces", OPTION_FLAG, NULL, "refused", NULL, false},
    {"workspace-store-uri", OPTION_STRING, "URI", "refused", NULL, false},
    {"trace-archival-config", OPTION_STRING, "FILE", "refused", NULL, false},
    {"app-name", OPTION_STRING, "NAME", "refused: see --auth", NULL, false},
    {"artifacts-only", OPTION_FLAG, NULL, "refused", NULL, false},
    {"disable-security-middleware", OPTION_FLAG, NULL, "refused: see --allowed-hosts and --cors-allowed-origins", NULL, false},
    {"dev", OPTION_FLAG, NULL, "refused: see --log-level", NULL, false},
    {0},
};

/* Where a setting was said. The lower level wins as a whole. */
enum level { LINE, ENVIRONMENT, FILE_, DEFAULT, NOWHERE };
static const char *const level_names[] = {"the command line", "the environment", "the config file", "the default", "nowhere"};

/* One setting as text, and where it came from, for the error. */
struct setting {
    struct str text; /* p NULL: not set */
    const char *name; /* under which it was given */
    enum level level;
};

struct sources {
    struct command_ctx *ctx;
    const struct json *file;
};

static char *name_as(struct op *op, const char *prefix, const char *name, bool upper)
{
    char *s = op_printf(op, "%s%s", prefix, name);
    for (char *p = s + strlen(prefix); *p; p++)
        *p = *p == '-' ? '_' : (char)(upper ? toupper((unsigned char)*p) : *p);
    return s;
}

static enum err setting_of_json(struct op *op, const char *key, const struct json *j, struct str *ret)
{
    switch (j->type) {
    case JSON_STRING:
        *ret = j->s;
        return OK;
    case JSON_BOOL:
        *ret = j->boolean ? STR("true") : STR("false");
        return OK;
    case JSON_INT:
        *ret = str_from(op_printf(op, "%lld", (long long)j->i));
        return OK;
    default:
        return op_fail(op, E_INVALID, "config key '%s' must be a text, a whole number or true/false, not %s", key, json_type_name(j->type));
    }
}

static const struct option_row *option_of(const char *name)
{
    const struct option_row *row = config_options;
    while (strcmp(row->name, name))
        row++;
    return row;
}

static enum err conflict(struct op *op, const struct setting *a, const struct setting *b)
{
    return op_fail(op, E_INVALID, "%s and %s, both from %s, contradict each other", a->name, b->name, level_names[a->level]);
}

/* Two names of one thing at one level must say the same. */
static enum err take(struct op *op, const char *name, enum level level, struct str text, struct setting *s)
{
    struct setting other = {text, name, level};
    if (s->text.p && !str_eq(s->text, text))
        return conflict(op, s, &other);
    *s = other;
    return OK;
}

/* `name` itself at one level, under our name and under MLflow's. */
static enum err setting_at(struct op *op, const struct sources *src, const char *name, enum level level, struct setting *ret)
{
    *ret = (struct setting){.level = level};
    if (level == LINE && command_given(src->ctx, name))
        return take(op, name, level, option_of(name)->type == OPTION_FLAG ? STR("true") : command_str(src->ctx, name), ret);
    if (level == ENVIRONMENT) {
        const char *theirs = dropin_env(name), *env_name = name_as(op, "INGOT_", name, true), *env = getenv(env_name);
        enum err e = env ? take(op, env_name, level, str_from(env), ret) : OK;
        env = theirs ? getenv(theirs) : NULL;
        return e || !env || !*env ? e : take(op, theirs, level, str_from(env), ret);
    }
    const char *key = name_as(op, "", name, false);
    const struct json *j = level == FILE_ && src->file ? json_get(src->file, key) : NULL;
    struct str text;
    enum err e = j ? setting_of_json(op, key, j, &text) : OK;
    return e || !j ? e : take(op, key, level, text, ret);
}

/* The same, and what a URI of MLflow's says about it (dropin.h). */
static enum err setting_with_uri(struct op *op, const struct sources *src, const char *name, enum level level, struct setting *ret)
{
    const char *source = dropin_source(name);
    struct setting uri = {0};
    struct str text = {0};
    enum err e = setting_at(op, src, name, level, ret);
    if (!e && source)
        e = setting_at(op, src, source, level, &uri);
    if (!e && uri.text.p)
        e = dropin_translate(op, name, uri.text, &text);
    return e || !text.p ? e : take(op, uri.name, level, text, ret);
}

static enum err setting_get(struct op *op, const struct sources *src, const char *name, struct setting *ret)
{
    for (enum level level = LINE; level < DEFAULT; level++) {
        enum err e = setting_with_uri(op, src, name, level, ret);
        if (e || ret->text.p)
            return e;
    }
    const char *dflt = option_of(name)->dflt;
    *ret = (struct setting){dflt ? str_from(dflt) : (struct str){0}, name, dflt ? DEFAULT : NOWHERE};
    return OK;
}

static enum err get_str(struct op *op, const struct sources *src, const char *name, struct str *ret)
{
    struct setting s;
    enum err e = setting_get(op, src, name, &s);
    if (!e)
        *ret = s.text.p ? s.text : STR("");
    return e;
}

static bool parse_bool(struct str text, bool *ret)
{
    static const char *const words[][2] = {{"true", "false"}, {"1", "0"}, {"yes", "no"}, {"on", "off"}};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        *ret = str_ieq(text, str_from(words[i][0]));
        if (*ret || str_ieq(text, str_from(words[i][1])))
            return true;
    }
    return !text.len;
}

static enum err get_bool(struct op *op, const struct sources *src, const char *name, bool *ret)
{
    struct setting s;
    enum err e = setting_get(op, src, name, &s);
    if (e)
        return e;
    if (!parse_bool(s.text, ret))
        return op_fail(op, E_INVALID, "%s (from %s) must be true or false, not '%.*s'", s.name, level_names[s.level], STR_FMT(s.text));
    return OK;
}

static enum err get_int(struct op *op, const struct sources *src, const char *name, int min, int max, int *ret)
{
    struct setting s;
    int64_t v = 0;
    enum err e = setting_get(op, src, name, &s);
    if (e)
        return e;
    if (!str_parse_i64(s.text, &v) || v < min || v > max)
        return op_fail(op, E_INVALID, "%s (from %s) must be a whole number from %d to %d, not '%.*s'", s.name, level_names[s.level], min, max,
                       STR_FMT(s.text));
    *ret = (int)v;
    return OK;
}

enum err config_parse_listen(struct op *op, struct str text, struct str *ret_host, int *ret_port)
{
    size_t colon = SIZE_MAX;
    for (size_t i = 0; i < text.len; i++)
        if (text.p[i] == ':')
            colon = i;
    int64_t port = 0;
    if (colon == SIZE_MAX || !str_parse_i64(str_sub(text, colon + 1, SIZE_MAX), &port) || port < 0 || port > 65535)
        return op_fail(op, E_INVALID, "listen address '%.*s' must be HOST:PORT", STR_FMT(text));
    struct str host = str_sub(text, 0, colon);
    if (!host.len || str_eqc(host, "localhost"))
        host = STR("127.0.0.1");
    if (host.len > 2 && host.p[0] == '[' && host.p[host.len - 1] == ']')
        host = str_sub(host, 1, host.len - 2);
    unsigned char addr[sizeof(struct in6_addr)];
    const char *c = str_cstr(op->arena, host);
    if (inet_pton(AF_INET, c, addr) != 1 && inet_pton(AF_INET6, c, addr) != 1)
        return op_fail(op, E_INVALID, "listen host '%s' is not an IP address", c);
    *ret_host = host;
    *ret_port = (int)port;
    return OK;
}

static enum err file_load(struct op *op, const char *path, const struct json **ret)
{
    struct str text;
    struct json *j = NULL;
    enum err e = file_read(op, path, LIMIT_CONFIG_BYTES, &text);
    if (!e)
        e = yaml_parse(op, text, &j);
    if (e)
        return op_context(op, "config file '%s'", path);
    if (j->type == JSON_NULL)
        return OK;
    if (j->type != JSON_OBJECT)
        return op_fail(op, E_INVALID, "config file '%s' must be a mapping of settings", path);
    for (uint32_t i = 0; i < j->len; i++) {
        bool known = false;
        for (const struct option_row *row = config_options; row->name && !known; row++)
            known = str_eqc(j->members[i].key, name_as(op, "", row->name, false)) && strcmp(row->name, "config") != 0;
        if (!known)
            return op_fail(op, E_INVALID, "config file '%s': unknown key '%.*s'", path, STR_FMT(j->members[i].key));
    }
    *ret = j;
    return OK;
}

static void list_split(struct op *op, struct str list, struct str_vec *ret)
{
    struct str part;
    while (list.len && str_split(&list, ',', &part))
        if (str_trim(part).len)
            *vec_push(ret, op->arena) = str_trim(part);
}

static enum err lists_load(struct op *op, const struct sources *src, struct config *c)
{
    struct str_vec hosts = {0}, origins = {0};
    struct str text = STR("");
    enum err e = get_str(op, src, "allowed-hosts", &text);
    if (e)
        return e;
    list_split(op, text, &hosts);
    /* The URL that the server prints must work; an address, unlike a name, cannot be rebound. */
    if (!str_eqc(c->host, "0.0.0.0") && !str_eqc(c->host, "::"))
        *vec_push(&hosts, op->arena) =
            str_find_char(c->host, ':') == SIZE_MAX ? c->host : str_from(op_printf(op, "[%.*s]", STR_FMT(c->host)));
    if ((e = get_str(op, src, "cors-allowed-origins", &text)))
        return e;
    list_split(op, text, &origins);
    c->allowed_hosts = hosts.p;
    c->allowed_host_count = hosts.len;
    c->allowed_origins = origins.p;
    c->allowed_origin_count = origins.len;
    if ((e = get_str(op, src, "x-frame-options", &text)))
        return e;
    static const char *const words[] = {"SAMEORIGIN", "DENY", "NONE"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_ieq(text, str_from(words[i])))
            c->frame_options = i == 2 ? STR("") : str_from(words[i]);
    return c->frame_options.p ? OK : op_fail(op, E_INVALID, "x-frame-options must be SAMEORIGIN, DENY or NONE, not '%.*s'", STR_FMT(text));
}

/* listen, or its two halves as MLflow names them. A half that was said closer to the command line stands over listen. */
static enum err address_load(struct op *op, const struct sources *src, struct config *c)
{
    struct setting listen, host, port;
    enum err e = setting_get(op, src, "listen", &listen);
    if (e || (e = setting_get(op, src, "host", &host)) || (e = setting_get(op, src, "port", &port)) ||
        (e = config_parse_listen(op, listen.text, &c->host, &c->port)))
        return e;
    const struct setting *halves[] = {&host, &port};
    for (size_t i = 0; i < ARRAY_LEN(halves); i++)
        if (halves[i]->level == listen.level && listen.level != DEFAULT)
            return conflict(op, &listen, halves[i]);
    bool v6 = host.text.p && str_find_char(host.text, ':') != SIZE_MAX && host.text.p[0] != '[';
    struct str ignored_host;
    int ignored_port;
    if (host.level < listen.level)
        e = config_parse_listen(op, str_from(op_printf(op, v6 ? "[%.*s]:0" : "%.*s:0", STR_FMT(host.text))), &c->host, &ignored_port);
    if (!e && port.level < listen.level)
        e = config_parse_listen(op, str_from(op_printf(op, ":%.*s", STR_FMT(port.text))), &ignored_host, &c->port);
    return e;
}

/* Where experiments that name no place keep their artifacts: "" is below mlflow-artifacts:/. */
static enum err artifacts_load(struct op *op, const struct sources *src, struct config *c)
{
    struct setting yes, no;
    struct str root = STR("");
    bool off = false;
    enum err e = setting_get(op, src, "serve-artifacts", &yes);
    if (e || (e = setting_get(op, src, "no-serve-artifacts", &no)) || (e = get_bool(op, src, "no-serve-artifacts", &off)) ||
        (e = get_str(op, src, "default-artifact-root", &root)))
        return e;
    bool on = true;
    if (yes.text.p && !parse_bool(yes.text, &on))
        return op_fail(op, E_INVALID, "%s must be true or false, not '%.*s'", yes.name, STR_FMT(yes.text));
    if (yes.text.p && no.text.p && yes.level == no.level && on == off)
        return conflict(op, &yes, &no);
    c->serve_artifacts = no.level < yes.level ? !off : on;
    if (!c->serve_artifacts && !root.len)
        root = STR("./mlruns");
    if (root.len && str_find_char(root, ':') == SIZE_MAX && root.p[0] != '/') { /* clients see it from elsewhere */
        char cwd[PATH_MAX];
        if (!getcwd(cwd, sizeof cwd))
            return op_fail_errno(op, "the working directory");
        root = str_starts(root, STR("./")) ? str_sub(root, 2, SIZE_MAX) : root;
        root = str_from(op_printf(op, "%s/%.*s", cwd, STR_FMT(root)));
    }
    while (root.len > 1 && root.p[root.len - 1] == '/' && root.p[root.len - 2] != '/' && root.p[root.len - 2] != ':')
        root.len--;
    c->artifact_root = root;
    return OK;
}

/* MLflow's words that have no effect here, or are refused; and its own store is left alone. */
static enum err dropin_load(struct op *op, const struct sources *src, struct config *c)
{
    struct str_vec notes = {0};
    struct setting backend, destination, s, data;
    enum err e = setting_get(op, src, "backend-store-uri", &backend);
    if (!e)
        e = setting_get(op, src, "artifacts-destination", &destination);
    for (const struct option_row *row = config_options; !e && row->name; row++) {
        const char *note = NULL;
        e = setting_get(op, src, row->name, &s);
        if (!e && s.text.p)
            e = dropin_judge(op, row->name, s.text, backend.text.p ? backend.text : STR(""), &note);
        if (!e && note)
            *vec_push(&notes, op->arena) = str_from(note);
    }
    c->notes = notes.p;
    c->note_count = notes.len;
    if (!e)
        e = setting_get(op, src, "data", &data);
    if (!e && backend.text.p && data.level == backend.level && !strcmp(data.name, backend.name))
        e = dropin_check_store(op, backend.text, data.text, destination.text.p ? destination.text : STR(""));
    return e;
}

static enum err check_safety(struct op *op, struct config *c)
{
    c->loopback = str_starts(c->host, STR("127.")) || str_eqc(c->host, "::1");
    if (!c->tls_cert != !c->tls_key)
        return op_fail(op, E_INVALID, "tls-cert and tls-key belong together; only one is set");
    if (!c->loopback && !c->tls_cert && !c->insecure)
        return op_fail(op, E_INVALID,
                       "%.*s is not a loopback address: give --tls-cert and --tls-key, or accept plain HTTP with --insecure",
                       STR_FMT(c->host));
    if (!c->loopback)
        c->auth = true;
    return OK;
}

static enum err limits_load(struct op *op, const struct sources *src, struct config *c)
{
    const struct {
        const char *name;
        int min, max;
        int *out;
    } rows[] = {
        {"io-threads", 0, 256, &c->io_threads},
        {"pool-threads", 1, LIMIT_POOL_THREADS, &c->pool_threads},
        {"head-timeout-ms", 10, 3600000, &c->head_ms},
        {"body-timeout-ms", 10, 3600000, &c->body_ms},
        {"idle-timeout-ms", 10, 3600000, &c->idle_ms},
        {"drain-timeout-ms", 0, 3600000, &c->drain_ms},
        {"max-connections", 1, 1000000, &c->connections},
        {"max-connections-per-peer", 1, 1000000, &c->connections_per_peer},
        {"graphql-max-root-fields", 1, 10000, &c->graphql_root_fields},
        {"graphql-max-aliases", 1, 10000, &c->graphql_aliases},
        {"engines-memory-mb", 0, INT32_MAX, &c->engine_memory_mib},
        {"models-memory-mb", 0, INT32_MAX, &c->models_memory_mib},
        {"engine-threads", 0, LIMIT_SERVE_THREADS, &c->engine_threads},
        {"webhook-timeout-s", 1, 3600, &c->webhook.timeout_s},
        {"webhook-workers", 1, LIMIT_WEBHOOK_WORKERS, &c->webhook.workers},
        {"webhook-retries", 0, LIMIT_WEBHOOK_RETRIES, &c->webhook.retries},
        {"webhook-pause-ms", 1, 3600000, &c->webhook.pause_ms},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum err e = get_int(op, src, rows[i].name, rows[i].min, rows[i].max, rows[i].out);
        if (e)
            return e;
    }
    return OK;
}

static enum err webhook_load(struct op *op, const struct sources *src, struct config *c)
{
    struct str schemes = STR(""), networks = STR(""), ca = STR("");
    enum err e = get_str(op, src, "webhook-schemes", &schemes);
    if (e || (e = get_str(op, src, "webhook-networks", &networks)) || (e = get_str(op, src, "webhook-ca", &ca)) ||
        (e = get_bool(op, src, "webhook-allow-private", &c->webhook.allow_private)))
        return e;
    struct str_vec list = {0}, nets = {0};
    list_split(op, schemes, &list);
    list_split(op, networks, &nets);
    c->webhook.schemes = list.p;
    c->webhook.scheme_count = list.len;
    c->webhook.networks = nets.p;
    c->webhook.network_count = nets.len;
    c->webhook.ca_path = ca.len ? str_cstr(op->arena, ca) : NULL;
    return OK;
}

static enum err serving_load(struct op *op, const struct sources *src, struct config *c)
{
    struct str word = STR("");
    enum err e = get_str(op, src, "engines-isolate", &word);
    if (!e && !child_isolate_parse(word, &c->isolate))
        return op_fail_field(op, "engines-isolate", "'%.*s' is not auto, always or never", STR_FMT(word));
    if (e || (e = get_str(op, src, "grpc-stream", &word)) || (e = get_bool(op, src, "triton-metrics", &c->triton_metrics)) ||
        (e = get_str(op, src, "otlp-endpoint", &c->telemetry.endpoint)) || (e = get_str(op, src, "otlp-headers", &c->telemetry.headers)) ||
        (e = get_str(op, src, "otlp-protocol", &c->telemetry.protocol)) || (e = get_str(op, src, "trace-sample", &c->telemetry.sample)))
        return e;
    c->grpc_stream_plain = str_eqc(word, "mlserver");
    return c->grpc_stream_plain || str_eqc(word, "triton") ? OK : op_fail_field(op, "grpc-stream", "'%.*s' is not triton or mlserver", STR_FMT(word));
}

enum err config_load(struct op *op, struct command_ctx *ctx, struct config *ret)
{
    struct config c = {0};
    struct sources src = {ctx, NULL};
    struct str file = STR(""), cert = STR(""), key = STR(""), ui = STR(""), ui_src = STR("");
    enum err e = get_str(op, &src, "config", &file);
    if (!e && file.len)
        e = file_load(op, str_cstr(op->arena, file), &src.file);
    if (e || (e = address_load(op, &src, &c)) || (e = get_str(op, &src, "data", &c.data_dir)) || (e = get_str(op, &src, "db", &c.db)) ||
        (e = get_str(op, &src, "blobs", &c.blobs)) || (e = get_bool(op, &src, "auth", &c.auth)) ||
        (e = get_bool(op, &src, "insecure", &c.insecure)) || (e = get_str(op, &src, "tls-cert", &cert)) ||
        (e = get_str(op, &src, "tls-key", &key)) || (e = get_str(op, &src, "log-level", &c.log_level)) ||
        (e = get_str(op, &src, "log-format", &c.log_format)) || (e = get_str(op, &src, "ui-dir", &ui)) || (e = get_str(op, &src, "ui-src", &ui_src)) ||
        (e = get_str(op, &src, "static-prefix", &c.static_prefix)) || (e = dropin_check_prefix(op, c.static_prefix)) ||
        (e = get_str(op, &src, "version-source-pattern", &c.version_source_pattern)) || (e = limits_load(op, &src, &c)) ||
        (e = webhook_load(op, &src, &c)) || (e = serving_load(op, &src, &c)) || (e = artifacts_load(op, &src, &c)) || (e = lists_load(op, &src, &c)) || (e = dropin_load(op, &src, &c)))
        return e;
    c.tls_cert = cert.len ? str_cstr(op->arena, cert) : NULL;
    c.tls_key = key.len ? str_cstr(op->arena, key) : NULL;
    c.ui_dir = ui.len ? str_cstr(op->arena, ui) : NULL;
    c.ui_src = ui_src.len ? str_cstr(op->arena, ui_src) : NULL;
    if ((e = check_safety(op, &c)))
        return e;
    *ret = c;
    return OK;
}
