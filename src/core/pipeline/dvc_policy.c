#include "core/pipeline/dvc_policy.h"

#include "base/limits.h"
#include "core/pipeline/dvc_template.h"

#define POLICY_SECONDS_MAX (365.0 * 86400)

static enum err seconds(struct op *op, const struct json *obj, const char *key, const char *where, int64_t *ret_ms)
{
    const struct json *j = json_get(obj, key);
    double s;
    if (!j)
        return OK;
    if (!json_as_f64(j, &s) || !(s >= 0 && s <= POLICY_SECONDS_MAX))
        return op_fail(op, E_INVALID, "%s.ingot: '%s' must be seconds from 0 to a year", where, key);
    *ret_ms = (int64_t)(s * 1000);
    return OK;
}

static enum err retry_parse(struct op *op, const struct json *j, const char *where, struct dvc_policy *p)
{
    if (j->type != JSON_OBJECT)
        return op_fail(op, E_INVALID, "%s.ingot.retry: expected {attempts, backoff}", where);
    for (uint32_t i = 0; i < j->len; i++) {
        struct str k = j->members[i].key;
        if (!str_eqc(k, "attempts") && !str_eqc(k, "backoff"))
            return op_fail(op, E_INVALID, "%s.ingot.retry: unknown key '%.*s'", where, STR_FMT(k));
    }
    enum err e = json_opt_i64(op, j, "attempts", 1, LIMIT_PIPELINE_ATTEMPTS, 1, &p->attempts);
    if (e)
        return op_context(op, "%s.ingot.retry", where);
    return seconds(op, j, "backoff", where, &p->backoff_ms);
}

static enum err env_parse(struct op *op, const struct json *j, const char *where, struct dvc_policy *p)
{
    if (j->type != JSON_OBJECT)
        return op_fail(op, E_INVALID, "%s.ingot.env: expected a map", where);
    p->env = arena_alloc(op->arena, ((size_t)j->len + 1) * sizeof(struct str));
    for (uint32_t i = 0; i < j->len; i++) {
        const struct json_member *m = &j->members[i];
        bool text = m->value.type != JSON_ARRAY && m->value.type != JSON_OBJECT;
        if (!text || m->key.len == 0 || memchr(m->key.p, '=', m->key.len) || memchr(m->key.p, '\0', m->key.len))
            return op_fail(op, E_INVALID, "%s.ingot.env: '%.*s' is no name with a scalar", where, STR_FMT(m->key));
        struct buf b;
        buf_init(&b, LIMIT_KIB(128));
        buf_addf(&b, "%.*s=", STR_FMT(m->key));
        dvc_scalar_text(&b, &m->value);
        bool bad = b.failed || memchr(b.p, '\0', b.len);
        p->env[p->env_len++] = str_dup(op->arena, buf_str(&b));
        buf_clear(&b);
        if (bad)
            return op_fail(op, E_INVALID, "%s.ingot.env: the value of '%.*s' cannot stand in an environment", where,
                           STR_FMT(m->key));
    }
    return OK;
}

enum err dvc_policy_parse(struct op *op, const struct json *meta, const char *where, struct dvc_policy *ret)
{
    struct dvc_policy p = {.attempts = 1};
    const struct json *ingot = meta ? json_get(meta, "ingot") : NULL;
    enum err e = OK;
    if (ingot && ingot->type != JSON_OBJECT)
        return op_fail(op, E_INVALID, "%s.ingot: expected a map", where);
    for (uint32_t i = 0; ingot && !e && i < ingot->len; i++) {
        struct str k = ingot->members[i].key;
        const struct json *v = &ingot->members[i].value;
        if (str_eqc(k, "retry"))
            e = retry_parse(op, v, where, &p);
        else if (str_eqc(k, "timeout"))
            e = seconds(op, ingot, "timeout", where, &p.timeout_ms);
        else if (str_eqc(k, "env"))
            e = env_parse(op, v, where, &p);
        else if (str_eqc(k, "executor") && v->type == JSON_STRING && str_eqc(v->s, "local"))
            continue;
        else if (str_eqc(k, "executor") || str_eqc(k, "resources") || str_eqc(k, "when") || str_eqc(k, "image"))
            e = op_fail(op, E_UNSUPPORTED, "%s.ingot: '%.*s' is not supported by this version", where, STR_FMT(k));
        else
            e = op_fail(op, E_INVALID, "%s.ingot: unknown key '%.*s'", where, STR_FMT(k));
    }
    if (e)
        return e;
    *ret = p;
    return OK;
}
