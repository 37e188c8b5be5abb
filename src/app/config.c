#include "app/config.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/vec.h"
#include "base/yaml.h"

#define LIMIT_CONFIG_BYTES LIMIT_KIB(256)

const struct option_row config_options[] = {
    {"listen", OPTION_STRING, "HOST:PORT", "address to serve on", "127.0.0.1:5000", false},
    {"data", OPTION_STRING, "DIR", "folder of the server's whole state", "ingot-data", false},
    {"config", OPTION_STRING, "FILE", "YAML file with any of these settings", NULL, false},
    {"auth", OPTION_FLAG, NULL, "ask for tokens on loopback too", NULL, false},
    {"insecure", OPTION_FLAG, NULL, "serve another address than loopback without TLS", NULL, false},
    {"tls-cert", OPTION_STRING, "FILE", "certificate chain (PEM)", NULL, false},
    {"tls-key", OPTION_STRING, "FILE", "its private key (PEM)", NULL, false},
    {"allowed-hosts", OPTION_STRING, "LIST", "Host values to accept besides loopback names, by comma", NULL, false},
    {"io-threads", OPTION_INT, "N", "I/O threads; 0 = one per core", "0", false},
    {"pool-threads", OPTION_INT, "N", "worker threads for requests that may block", "16", false},
    {"head-timeout-ms", OPTION_INT, "MS", "time for a request's head", "30000", false},
    {"body-timeout-ms", OPTION_INT, "MS", "longest pause within a body", "30000", false},
    {"idle-timeout-ms", OPTION_INT, "MS", "time an idle connection is kept", "60000", false},
    {"drain-timeout-ms", OPTION_INT, "MS", "time for running requests at shutdown", "10000", false},
    {"max-connections", OPTION_INT, "N", "connections at a time", "4096", false},
    {"max-connections-per-peer", OPTION_INT, "N", "of these from one address", "2048", false},
    {"log-level", OPTION_STRING, "LEVEL", "debug, info, warn or error", "info", false},
    {"log-format", OPTION_STRING, "FORMAT", "text or json", "text", false},
    {0},
};

/* One setting as text, and where it came from, for the error. */
struct setting {
    struct str text; /* p NULL: not set */
    const char *from;
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

static enum err setting_of_json(struct op *op, const char *key, const struct json *j, struct setting *ret)
{
    switch (j->type) {
    case JSON_STRING:
        ret->text = j->s;
        break;
    case JSON_BOOL:
        ret->text = j->boolean ? STR("true") : STR("false");
        break;
    case JSON_INT:
        ret->text = str_from(op_printf(op, "%lld", (long long)j->i));
        break;
    default:
        return op_fail(op, E_INVALID, "config key '%s' must be a text, a whole number or true/false, not %s", key, json_type_name(j->type));
    }
    ret->from = "the config file";
    return OK;
}

static enum err setting_get(struct op *op, const struct sources *src, const char *name, struct setting *ret)
{
    *ret = (struct setting){0};
    const struct option_row *row = config_options;
    while (strcmp(row->name, name))
        row++;
    if (command_given(src->ctx, name)) {
        *ret = (struct setting){row->type == OPTION_FLAG ? STR("true") : command_str(src->ctx, name), "the command line"};
        return OK;
    }
    const char *env = getenv(name_as(op, "INGOT_", name, true));
    if (env) {
        *ret = (struct setting){str_from(env), "the environment"};
        return OK;
    }
    const char *key = name_as(op, "", name, false);
    const struct json *j = src->file ? json_get(src->file, key) : NULL;
    if (j)
        return setting_of_json(op, key, j, ret);
    if (row->dflt)
        *ret = (struct setting){str_from(row->dflt), "the default"};
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

static enum err get_bool(struct op *op, const struct sources *src, const char *name, bool *ret)
{
    struct setting s;
    enum err e = setting_get(op, src, name, &s);
    if (e)
        return e;
    if (!s.text.p || str_eqc(s.text, "false") || str_eqc(s.text, "0") || !s.text.len)
        *ret = false;
    else if (str_eqc(s.text, "true") || str_eqc(s.text, "1"))
        *ret = true;
    else
        return op_fail(op, E_INVALID, "%s (from %s) must be true or false, not '%.*s'", name, s.from, STR_FMT(s.text));
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
        return op_fail(op, E_INVALID, "%s (from %s) must be a whole number from %d to %d, not '%.*s'", name, s.from, min, max, STR_FMT(s.text));
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

static enum err hosts_split(struct op *op, struct str list, struct config *c)
{
    VEC(struct str) hosts = {0};
    struct str part;
    while (list.len && str_split(&list, ',', &part))
        if (str_trim(part).len)
            *vec_push(&hosts, op->arena) = str_trim(part);
    /* The URL that the server prints must work; an address, unlike a name, cannot be rebound. */
    if (!str_eqc(c->host, "0.0.0.0") && !str_eqc(c->host, "::"))
        *vec_push(&hosts, op->arena) =
            str_find_char(c->host, ':') == SIZE_MAX ? c->host : str_from(op_printf(op, "[%.*s]", STR_FMT(c->host)));
    c->allowed_hosts = hosts.p;
    c->allowed_host_count = hosts.len;
    return OK;
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
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum err e = get_int(op, src, rows[i].name, rows[i].min, rows[i].max, rows[i].out);
        if (e)
            return e;
    }
    return OK;
}

enum err config_load(struct op *op, struct command_ctx *ctx, struct config *ret)
{
    struct config c = {0};
    struct sources src = {ctx, NULL};
    struct str file = STR(""), listen, hosts = STR(""), cert = STR(""), key = STR("");
    enum err e = get_str(op, &src, "config", &file);
    if (!e && file.len)
        e = file_load(op, str_cstr(op->arena, file), &src.file);
    if (e || (e = get_str(op, &src, "listen", &listen)) || (e = config_parse_listen(op, listen, &c.host, &c.port)) ||
        (e = get_str(op, &src, "data", &c.data_dir)) || (e = get_bool(op, &src, "auth", &c.auth)) ||
        (e = get_bool(op, &src, "insecure", &c.insecure)) || (e = get_str(op, &src, "tls-cert", &cert)) ||
        (e = get_str(op, &src, "tls-key", &key)) || (e = get_str(op, &src, "allowed-hosts", &hosts)) ||
        (e = get_str(op, &src, "log-level", &c.log_level)) || (e = get_str(op, &src, "log-format", &c.log_format)) ||
        (e = limits_load(op, &src, &c)))
        return e;
    c.tls_cert = cert.len ? str_cstr(op->arena, cert) : NULL;
    c.tls_key = key.len ? str_cstr(op->arena, key) : NULL;
    if ((e = hosts_split(op, hosts, &c)) || (e = check_safety(op, &c)))
        return e;
    *ret = c;
    return OK;
}
