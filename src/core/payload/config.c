#include "core/payload/config.h"

#include "base/time.h"

enum { FLUSH_S = 300 };

static enum err keys_check(struct op *op, const char *part, const struct json *j, const char *const *known, size_t n)
{
    if (j->type != JSON_OBJECT)
        return op_fail_field(op, part, "%s must be an object", part);
    for (size_t i = 0; i < j->len; i++) {
        size_t k = 0;
        while (k < n && !str_eqc(j->members[i].key, known[k]))
            k++;
        if (k == n)
            return op_fail_field(op, part, "%s has no member \"%.*s\"", part, STR_FMT(j->members[i].key));
    }
    return OK;
}

static enum err names_parse(struct op *op, const struct json *j, const char *field, const struct str **ret, size_t *ret_len)
{
    if (j->type != JSON_ARRAY || j->len > LIMIT_PAYLOAD_NAMES)
        return op_fail_field(op, field, "%s must be a list of at most %d names", field, LIMIT_PAYLOAD_NAMES);
    struct str *names = arena_alloc(op->arena, (j->len + 1) * sizeof *names);
    for (size_t i = 0; i < j->len; i++) {
        if (j->items[i].type != JSON_STRING || !j->items[i].s.len)
            return op_fail_field(op, field, "%s must be a list of names", field);
        names[i] = j->items[i].s;
    }
    *ret = names;
    *ret_len = j->len;
    return OK;
}

static enum err log_parse(struct op *op, const struct json *j, struct payload_config *c)
{
    static const char *const known[] = {"sample", "max_bytes", "flush_s", "columns", "redact", "redact_ids", "keep_days"};
    int64_t max_bytes = 0, flush_s = 0, keep_days = 0;
    enum err e = keys_check(op, "payload_log", j, known, ARRAY_LEN(known));
    if (e || (e = json_opt_f64(op, j, "sample", 0.01, &c->sample)) ||
        (e = json_opt_i64(op, j, "max_bytes", 4096, (int64_t)LIMIT_PAYLOAD_FILE_BYTES, (int64_t)LIMIT_MIB(16), &max_bytes)) ||
        (e = json_opt_i64(op, j, "flush_s", 1, LIMIT_PAYLOAD_FLUSH_S, FLUSH_S, &flush_s)) ||
        (e = json_opt_bool(op, j, "redact_ids", false, &c->redact_ids)) ||
        (e = json_opt_i64(op, j, "keep_days", 0, LIMIT_PAYLOAD_KEEP_DAYS, 0, &keep_days)))
        return e;
    if (!(c->sample >= 0 && c->sample <= 1))
        return op_fail_field(op, "payload_log.sample", "payload_log.sample must be in [0, 1]");
    c->max_bytes = (size_t)max_bytes;
    c->flush_us = flush_s * TIME_US_PER_S;
    c->keep_us = keep_days * TIME_US_PER_DAY;
    const struct json *columns = json_get(j, "columns"), *redact = json_get(j, "redact");
    bool all = !columns || columns->type == JSON_NULL || (columns->type == JSON_STRING && str_eqc(columns->s, "all"));
    if (!all && (e = names_parse(op, columns, "payload_log.columns", &c->columns, &c->column_count)))
        return e;
    return redact && redact->type != JSON_NULL ? names_parse(op, redact, "payload_log.redact", &c->redact, &c->redact_count) : OK;
}

static enum err logger_parse(struct op *op, struct str endpoint, const struct json *j, struct payload_config *c)
{
    static const char *const known[] = {"mode", "url", "service", "namespace"};
    struct str mode = STR("");
    enum err e = keys_check(op, "logger", j, known, ARRAY_LEN(known));
    if (e || (e = json_opt_str(op, j, "mode", STR("all"), &mode)) || (e = json_want_str(op, j, "url", &c->url)) ||
        (e = json_opt_str(op, j, "service", endpoint, &c->service)) || (e = json_opt_str(op, j, "namespace", STR("default"), &c->space)))
        return e;
    c->events = str_eqc(mode, "all") ? PAYLOAD_EVENT_REQUEST | PAYLOAD_EVENT_RESPONSE : str_eqc(mode, "request") ? PAYLOAD_EVENT_REQUEST
              : str_eqc(mode, "response") ? PAYLOAD_EVENT_RESPONSE : 0;
    if (!c->events)
        return op_fail_field(op, "logger.mode", "logger.mode must be all, request or response");
    if (!str_starts(c->url, STR("http://")) && !str_starts(c->url, STR("https://")))
        return op_fail_field(op, "logger.url", "logger.url must be an http or https URL");
    for (size_t i = 0; i < c->url.len; i++)
        if ((unsigned char)c->url.p[i] <= 0x20 || (unsigned char)c->url.p[i] >= 0x7f)
            return op_fail_field(op, "logger.url", "logger.url must be plain ASCII");
    return OK;
}

enum err payload_config_parse(struct op *op, struct str endpoint, const struct json *config, struct payload_config *ret)
{
    struct payload_config c = {0};
    const struct json *log = json_get(config, "payload_log"), *logger = json_get(config, "logger");
    enum err e = log && log->type != JSON_NULL ? log_parse(op, log, &c) : OK;
    if (!e && logger && logger->type != JSON_NULL)
        e = logger_parse(op, endpoint, logger, &c);
    if (!e)
        *ret = c;
    return e;
}

static bool is_in(const struct str *names, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(names[i], name))
            return true;
    return false;
}

bool payload_config_takes(const struct payload_config *c, struct str name)
{
    return !c->columns || is_in(c->columns, c->column_count, name);
}

void payload_config_hide_places(const struct payload_config *c, struct str tensor, bool *hidden, size_t width)
{
    for (size_t i = 0; i < c->redact_count; i++) {
        const struct str name = c->redact[i];
        uint64_t place = 0;
        if (name.len > tensor.len + 1 && str_starts(name, tensor) && name.p[tensor.len] == '_' && str_parse_u64(str_sub(name, tensor.len + 1, SIZE_MAX), &place) &&
            place < width)
            hidden[place] = true;
    }
}

bool payload_config_hides(const struct payload_config *c, struct str name)
{
    return is_in(c->redact, c->redact_count, name);
}
