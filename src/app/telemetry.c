#include "app/telemetry.h"

#include <stdlib.h>
#include <unistd.h>

#include "adapter/otlp/otlp.h"
#include "base/hash.h"
#include "base/log.h"
#include "net/http.h"

#define SAMPLE_DEFAULT 0.01

struct pairs {
    struct otlp_pair p[LIMIT_TRACE_RESOURCE];
    size_t len;
};

/* The first of two variables that is set and not empty; "": none. */
static struct str env_of(const char *first, const char *second)
{
    const char *v = getenv(first);
    if ((!v || !*v) && second)
        v = getenv(second);
    return str_trim(str_from(v));
}

/* "k=v,k=v", values with %XX. */
static enum err pairs_parse(struct op *op, const char *what, struct str list, size_t max, struct pairs *ret)
{
    struct str part;
    while (list.len && str_split(&list, ',', &part)) {
        part = str_trim(part);
        size_t eq = str_find_char(part, '=');
        struct str value;
        if (!part.len)
            continue;
        if (eq == SIZE_MAX || !eq || ret->len == max || !http_percent_decode(op->arena, str_trim(str_sub(part, eq + 1, SIZE_MAX)), false, &value))
            return op_fail(op, E_INVALID, "%s must be at most %zu pairs name=value by comma; '%.*s' is none", what, max, STR_FMT(part));
        ret->p[ret->len++] = (struct otlp_pair){str_trim(str_sub(part, 0, eq)), value};
    }
    return OK;
}

static bool pairs_have(const struct pairs *p, const char *key)
{
    for (size_t i = 0; i < p->len; i++)
        if (str_eqc(p->p[i].key, key))
            return true;
    return false;
}

static void pair_add(struct pairs *p, const char *key, struct str value)
{
    if (p->len < LIMIT_TRACE_RESOURCE && !pairs_have(p, key))
        p->p[p->len++] = (struct otlp_pair){str_from(key), value};
}

/* What is said of the server itself. */
static enum err resource_make(struct op *op, struct pairs *ret)
{
    struct str name = env_of("OTEL_SERVICE_NAME", NULL);
    char host[256] = "";
    enum { OURS = 8 };
    if (name.len)
        pair_add(ret, "service.name", name);
    struct pairs more = {.len = 0};
    enum err e = pairs_parse(op, "OTEL_RESOURCE_ATTRIBUTES", env_of("OTEL_RESOURCE_ATTRIBUTES", NULL), LIMIT_TRACE_RESOURCE - OURS, &more);
    for (size_t i = 0; !e && i < more.len; i++)
        pair_add(ret, str_cstr(op->arena, more.p[i].key), more.p[i].value);
    pair_add(ret, "service.name", STR("ingot"));
    pair_add(ret, "service.version", STR(INGOT_VERSION));
    pair_add(ret, "service.instance.id", str_from(hash_random_hex(op->arena, 8)));
    pair_add(ret, "telemetry.sdk.name", STR("ingot"));
    pair_add(ret, "telemetry.sdk.language", STR("c"));
    pair_add(ret, "telemetry.sdk.version", STR(INGOT_VERSION));
    if (!gethostname(host, sizeof host - 1))
        pair_add(ret, "host.name", str_dup(op->arena, str_from(host)));
    return e;
}

static enum err ratio_parse(struct op *op, const char *what, struct str text, double *ret)
{
    if (!str_parse_f64(text, false, ret) || !(*ret >= 0 && *ret <= 1))
        return op_fail(op, E_INVALID, "%s must be a number from 0 to 1, not '%.*s'", what, STR_FMT(text));
    return OK;
}

/* OTEL_TRACES_SAMPLER: who decides, and how often. */
static enum err sampler_find(struct op *op, const struct telemetry_settings *s, struct tracer_config *c)
{
    static const struct {
        const char *name;
        double ratio;        /* < 0: the argument */
        bool parent_ignored;
    } rows[] = {{"always_on", 1, true}, {"always_off", 0, true}, {"traceidratio", -1, true},
                {"parentbased_always_on", 1, false}, {"parentbased_always_off", 0, false}, {"parentbased_traceidratio", -1, false}};
    struct str word = env_of("OTEL_TRACES_SAMPLER", NULL), arg = env_of("OTEL_TRACES_SAMPLER_ARG", NULL);
    c->ratio = SAMPLE_DEFAULT;
    if (s->sample.len)
        return ratio_parse(op, "trace-sample", s->sample, &c->ratio);
    if (!word.len)
        return OK;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!str_eqc(word, rows[i].name))
            continue;
        c->parent_ignored = rows[i].parent_ignored;
        c->ratio = rows[i].ratio < 0 ? 1 : rows[i].ratio;
        return rows[i].ratio < 0 && arg.len ? ratio_parse(op, "OTEL_TRACES_SAMPLER_ARG", arg, &c->ratio) : OK;
    }
    return op_fail(op, E_INVALID, "OTEL_TRACES_SAMPLER '%.*s' is not known", STR_FMT(word));
}

static enum err protocol_find(struct op *op, const struct telemetry_settings *s, struct otlp_config *c)
{
    struct str word = s->protocol.len ? s->protocol : env_of("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL");
    struct str packing = env_of("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION");
    c->json = str_eqc(word, "http/json");
    c->gzip = !str_eqc(packing, "none");
    if (word.len && !c->json && !str_eqc(word, "http/protobuf"))
        return op_fail(op, E_INVALID, "otlp-protocol must be http/protobuf or http/json, not '%.*s'", STR_FMT(word));
    if (packing.len && c->gzip && !str_eqc(packing, "gzip"))
        return op_fail(op, E_INVALID, "OTEL_EXPORTER_OTLP_COMPRESSION must be gzip or none, not '%.*s'", STR_FMT(packing));
    return OK;
}

/* Whole address of the receiver; "": none. */
static struct str url_find(struct op *op, const struct telemetry_settings *s)
{
    struct str whole = env_of("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", NULL), base = s->endpoint;
    if (!base.len && whole.len)
        return whole;
    if (!base.len)
        base = env_of("OTEL_EXPORTER_OTLP_ENDPOINT", NULL);
    while (base.len && base.p[base.len - 1] == '/')
        base.len--;
    return !base.len || str_ends(base, STR("/v1/traces")) ? base : str_from(op_printf(op, "%.*s/v1/traces", STR_FMT(base)));
}

static enum err milliseconds(struct op *op, const char *first, const char *second, int64_t *ret)
{
    struct str text = env_of(first, second);
    if (text.len && (!str_parse_i64(text, ret) || *ret < 1 || *ret > 3600000))
        return op_fail(op, E_INVALID, "%s must be milliseconds from 1 to 3600000, not '%.*s'", second ? second : first, STR_FMT(text));
    return OK;
}

static bool is_off(void)
{
    struct str disabled = env_of("OTEL_SDK_DISABLED", NULL), exporter = env_of("OTEL_TRACES_EXPORTER", NULL);
    return str_ieq(disabled, STR("true")) || (exporter.len && !str_eqc(exporter, "otlp"));
}

enum err telemetry_open(struct op *op, const struct telemetry_settings *s, struct telemetry **ret_sink, struct tracer **ret)
{
    struct tracer_config tracer = {0};
    struct pairs headers = {.len = 0}, resource = {.len = 0};
    int64_t timeout_ms = 0;
    struct otlp_config c = {.url = url_find(op, s)};
    enum err e = sampler_find(op, s, &tracer);
    if (e || !c.url.len || (!s->endpoint.len && is_off()))
        return e;
    struct str fields = s->headers.len ? s->headers : env_of("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS");
    struct str ca = env_of("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE");
    if ((e = protocol_find(op, s, &c)) || (e = pairs_parse(op, "otlp-headers", fields, LIMIT_TRACE_HEADERS - 1, &headers)) ||
        (e = resource_make(op, &resource)) || (e = milliseconds(op, "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT", &timeout_ms)) ||
        (e = milliseconds(op, "OTEL_BSP_SCHEDULE_DELAY", NULL, &tracer.delay_ms)))
        return e;
    c.headers = headers.p, c.header_count = headers.len;
    c.resource = resource.p, c.resource_count = resource.len;
    c.timeout_ms = (int)timeout_ms;
    c.ca_path = ca.len ? str_cstr(op->arena, ca) : NULL;
    if ((e = otlp_open(op, &c, &tracer.sink)))
        return e;
    log_at(LOG_INFO, "trace.start", {"endpoint", LOG_S(c.url)}, {"sample", LOG_F(tracer.ratio)});
    *ret_sink = tracer.sink;
    *ret = tracer_create(&tracer);
    return OK;
}
