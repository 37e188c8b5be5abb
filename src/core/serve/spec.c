#include "core/serve/spec.h"

#include "base/limits.h"

static enum err name_check(struct op *op, const char *what, struct str s)
{
    if (!s.len || s.len > LIMIT_SERVE_NAME || !str_is_utf8(s))
        return op_fail_field(op, what, "%s must be 1 to %d bytes of UTF-8", what, LIMIT_SERVE_NAME);
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f || s.p[i] == '/')
            return op_fail_field(op, what, "%s must not hold '/' or control bytes", what);
    return OK;
}

static enum err keys_check(struct op *op, const struct json *config)
{
    static const char *const known[] = {"model", "view", "id_field", "threshold", "monitor", "rollout", "retrain", "payload_log", "logger",
                                        "batch", "queue", "cache", "warmup", "concurrency", "inline_us", "memory_max_bytes", "triton",
                                        "validate", "post"};
    for (size_t i = 0; i < config->len; i++) {
        size_t k = 0;
        while (k < ARRAY_LEN(known) && !str_eqc(config->members[i].key, known[k]))
            k++;
        if (k == ARRAY_LEN(known))
            return op_fail_field(op, str_cstr(op->arena, str_sub(config->members[i].key, 0, str_find_char(config->members[i].key, 0))),
                                 "the configuration of an endpoint has no member \"%.*s\"", STR_FMT(config->members[i].key));
    }
    return OK;
}

enum err serve_spec_parse(struct op *op, struct str name, const struct json *config, struct serve_spec *ret)
{
    struct serve_spec s = {.doc = config};
    enum err e = name_check(op, "the endpoint's name", name);
    if (!e && (!config || config->type != JSON_OBJECT))
        e = op_fail_field(op, "config", "the configuration of an endpoint must be an object");
    if (!e)
        e = keys_check(op, config);
    if (!e)
        e = json_opt_str(op, config, "model", name, &s.model);
    if (!e)
        e = name_check(op, "model", s.model);
    if (!e)
        e = json_opt_str(op, config, "view", STR(""), &s.view);
    if (!e)
        e = json_opt_str(op, config, "id_field", STR(""), &s.id_field);
    if (!e)
        e = payload_config_parse(op, name, config, &s.payload);
    if (!e)
        e = monitor_config_parse(op, json_get(config, "monitor"), &s.monitor);
    if (!e)
        e = json_opt_f64(op, config, "threshold", s.monitor.threshold, &s.monitor.threshold);
    if (!e && !(s.monitor.threshold >= 0 && s.monitor.threshold <= 1))
        e = op_fail_field(op, "threshold", "threshold must be in [0, 1]");
    if (!e)
        e = rollout_plan_parse(op, json_get(config, "rollout"), &s.rollout);
    if (!e)
        e = serve_policy_parse(op, config, &s.policy);
    if (!e)
        e = chain_spec_parse(op, config, s.monitor.threshold, s.view.len > 0, &s.chain);
    if (!e)
        *ret = s;
    return e;
}
