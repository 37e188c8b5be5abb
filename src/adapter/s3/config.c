#include "adapter/s3/config.h"

#include <stdlib.h>

#include "base/limits.h"
#include "net/http.h"

#define STALL_DEFAULT_S 20

static struct str env(struct op *op, const char *const *names)
{
    for (; *names; names++) {
        const char *v = getenv(*names);
        if (v && *v)
            return str_dup(op->arena, str_trim(str_from(v)));
    }
    return STR("");
}
#define ENV(op, ...) env((op), (const char *const[]){__VA_ARGS__, NULL})

struct s3_query {
    struct str endpoint, region, addressing, stall;
};

static enum err query_parse(struct op *op, struct str query, struct s3_query *ret)
{
    struct {
        const char *name;
        struct str *value;
    } keys[] = {{"endpoint", &ret->endpoint}, {"region", &ret->region}, {"addressing", &ret->addressing}, {"stall", &ret->stall}};
    struct str part;
    while (query.len && str_split(&query, '&', &part)) {
        size_t eq = str_find_char(part, '='), i = 0;
        struct str name = str_sub(part, 0, eq);
        while (i < ARRAY_LEN(keys) && !str_eqc(name, keys[i].name))
            i++;
        if (i == ARRAY_LEN(keys) || eq == SIZE_MAX)
            return op_fail(op, E_INVALID, "blobs: '%.*s' is not known behind the '?' of an s3 address: endpoint, region, addressing and stall are; "
                           "keys belong into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", STR_FMT(name));
        if (!http_percent_decode(op->arena, str_sub(part, eq + 1, part.len), false, keys[i].value))
            return op_fail(op, E_INVALID, "blobs: the value of '%.*s' is not percent-encoded properly", STR_FMT(name));
    }
    return OK;
}

/* Amazon's rules, loosely (older buckets have capitals and underscores); nothing that changes the meaning of a URL passes. */
static bool is_bucket(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (i && (c == '-' || c == '.' || c == '_'))))
            return false;
    }
    return s.len >= 3 && s.len <= 255 && str_find(s, STR("..")) == SIZE_MAX;
}

static bool is_region(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= 'A' && s.p[i] <= 'Z') || (s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '-' || s.p[i] == '_'))
            return false;
    return s.len && s.len <= 64;
}

/* "a/b" as "a/b/". No empty, "." or ".." segments and no control bytes: servers on file systems fold them. */
static enum err prefix_parse(struct op *op, struct str raw, struct str *ret)
{
    while (raw.len && raw.p[raw.len - 1] == '/')
        raw.len--;
    bool bad = !str_is_utf8(raw) || raw.len > 512;
    for (size_t i = 0; i < raw.len; i++)
        bad = bad || (unsigned char)raw.p[i] < 0x20;
    struct str rest = raw, part;
    while (raw.len && str_split(&rest, '/', &part))
        bad = bad || !part.len || str_eqc(part, ".") || str_eqc(part, "..");
    if (bad)
        return op_fail(op, E_INVALID, "blobs: '%.*s' cannot stand in front of keys in a bucket", STR_FMT(raw));
    *ret = raw.len ? str_from(op_printf(op, "%.*s/", STR_FMT(raw))) : STR("");
    return OK;
}

static enum err endpoint_parse(struct op *op, struct str endpoint, struct s3_config *c)
{
    size_t at = str_find(endpoint, STR("://"));
    c->scheme = str_sub(endpoint, 0, at == SIZE_MAX ? 0 : at);
    struct str host = at == SIZE_MAX ? STR("") : str_sub(endpoint, at + 3, endpoint.len);
    while (host.len && host.p[host.len - 1] == '/')
        host.len--;
    bool bad = !(str_eqc(c->scheme, "http") || str_eqc(c->scheme, "https")) || !host.len;
    for (size_t i = 0; i < host.len; i++) {
        char h = host.p[i];
        bad = bad || !((h >= 'a' && h <= 'z') || (h >= 'A' && h <= 'Z') || (h >= '0' && h <= '9') || strchr("-._:[]", h));
    }
    if (bad)
        return op_fail(op, E_INVALID, "blobs: the endpoint '%.*s' must be http://HOST[:PORT] or https://HOST[:PORT]", STR_FMT(endpoint));
    /* Clients leave the usual port out of the Host header, and the header is signed. */
    struct str usual = str_eqc(c->scheme, "https") ? STR(":443") : STR(":80");
    if (str_ends(host, usual))
        host.len -= usual.len;
    c->host = host;
    return OK;
}

static enum err keys_find(struct op *op, struct s3_config *c)
{
    c->key_id = ENV(op, "AWS_ACCESS_KEY_ID");
    c->secret = ENV(op, "AWS_SECRET_ACCESS_KEY");
    c->session_token = ENV(op, "AWS_SESSION_TOKEN");
    if (!c->key_id.len || !c->secret.len)
        return op_fail(op, E_INVALID, "blobs: an s3 address needs %s in the environment",
                       !c->key_id.len && !c->secret.len ? "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
                       : c->secret.len                  ? "AWS_ACCESS_KEY_ID beside AWS_SECRET_ACCESS_KEY"
                                                        : "AWS_SECRET_ACCESS_KEY beside AWS_ACCESS_KEY_ID");
    const struct str all[] = {c->key_id, c->secret, c->session_token};
    for (size_t k = 0; k < ARRAY_LEN(all); k++)
        for (size_t i = 0; i < all[k].len; i++)
            if (all[k].p[i] <= ' ' || all[k].p[i] > '~' || all[k].len > 8192)
                return op_fail(op, E_INVALID, "blobs: the AWS keys in the environment hold blanks or control bytes");
    return OK;
}

static enum err address(struct op *op, const struct s3_query *q, struct s3_config *c)
{
    c->region = q->region.len ? q->region : ENV(op, "AWS_REGION", "AWS_DEFAULT_REGION");
    if (!c->region.len)
        c->region = STR("us-east-1");
    if (!is_region(c->region))
        return op_fail(op, E_INVALID, "blobs: '%.*s' is not a region", STR_FMT(c->region));
    struct str endpoint = q->endpoint.len ? q->endpoint : ENV(op, "MLFLOW_S3_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL");
    bool amazon = !endpoint.len;
    if (amazon)
        endpoint = str_from(op_printf(op, "https://s3.%.*s.amazonaws.com", STR_FMT(c->region)));
    enum err e = endpoint_parse(op, endpoint, c);
    if (e)
        return e;
    if (q->addressing.len && !str_eqc(q->addressing, "path") && !str_eqc(q->addressing, "virtual"))
        return op_fail(op, E_INVALID, "blobs: addressing is path or virtual, not '%.*s'", STR_FMT(q->addressing));
    /* A dot in a bucket's name breaks the wildcard certificate. */
    c->path_style = q->addressing.len ? str_eqc(q->addressing, "path") : !amazon || str_find_char(c->bucket, '.') != SIZE_MAX;
    if (!c->path_style)
        c->host = str_from(op_printf(op, "%.*s.%.*s", STR_FMT(c->bucket), STR_FMT(c->host)));
    return OK;
}

enum err s3_config_parse(struct op *op, struct str uri, struct s3_config *ret)
{
    struct s3_config c = {.stall_s = STALL_DEFAULT_S};
    struct s3_query q = {0};
    if (!str_starts(uri, STR("s3://")))
        return op_fail(op, E_INVALID, "blobs: '%.*s' is not an s3:// address", STR_FMT(uri));
    uri = str_sub(uri, 5, uri.len);
    size_t mark = str_find_char(uri, '?');
    enum err e = mark == SIZE_MAX ? OK : query_parse(op, str_sub(uri, mark + 1, uri.len), &q);
    if (e)
        return e;
    struct str path = str_sub(uri, 0, mark);
    size_t slash = str_find_char(path, '/');
    c.bucket = str_sub(path, 0, slash);
    if (!is_bucket(c.bucket))
        return op_fail(op, E_INVALID, "blobs: '%.*s' is not the name of a bucket: the form is s3://BUCKET/PREFIX", STR_FMT(c.bucket));
    int64_t stall = STALL_DEFAULT_S;
    if (q.stall.len && (!str_parse_i64(q.stall, &stall) || stall < 1 || stall > 600))
        return op_fail(op, E_INVALID, "blobs: stall is 1 to 600 seconds, not '%.*s'", STR_FMT(q.stall));
    c.stall_s = (int)stall;
    if ((e = prefix_parse(op, slash == SIZE_MAX ? STR("") : str_sub(path, slash + 1, path.len), &c.prefix)) ||
        (e = address(op, &q, &c)) || (e = keys_find(op, &c)))
        return e;
    c.ca_path = ENV(op, "AWS_CA_BUNDLE");
    *ret = c;
    return OK;
}
