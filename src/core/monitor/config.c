#include "core/monitor/config.h"

#include "base/time.h"

enum config_type { CONFIG_I64, CONFIG_F64 };
static const struct {
    const char *name;
    enum config_type type;
    size_t offset;
    double min, max;
} config_fields[] = {
    {"window_us", CONFIG_I64, offsetof(struct monitor_config, window_us), 1e6, 3.2e13},
    {"label_delay_us", CONFIG_I64, offsetof(struct monitor_config, label_delay_us), 0, 3.2e14},
    {"label_grace_us", CONFIG_I64, offsetof(struct monitor_config, label_grace_us), 0, 3.2e14},
    {"threshold", CONFIG_F64, offsetof(struct monitor_config, threshold), 0, 1},
    {"p95_us", CONFIG_F64, offsetof(struct monitor_config, p95_us), 0, 4e9},
    {"error_rate", CONFIG_F64, offsetof(struct monitor_config, error_rate), 0, 1},
    {"quality_drop", CONFIG_F64, offsetof(struct monitor_config, quality_drop), 0, 1},
    {"loss_rise", CONFIG_F64, offsetof(struct monitor_config, loss_rise), 0, 1e6},
    {"ece_max", CONFIG_F64, offsetof(struct monitor_config, ece_max), 0, 1},
    {"ks_p", CONFIG_F64, offsetof(struct monitor_config, ks_p), 0, 1},
    {"ks_min_d", CONFIG_F64, offsetof(struct monitor_config, ks_min_d), 0, 1},
    {"psi_max", CONFIG_F64, offsetof(struct monitor_config, psi_max), 0, 1e6},
    {"drift_share", CONFIG_F64, offsetof(struct monitor_config, drift_share), 0, 1},
    {"min_rows", CONFIG_I64, offsetof(struct monitor_config, min_rows), 2, 1e9},
    {"min_labels", CONFIG_I64, offsetof(struct monitor_config, min_labels), 2, 1e9},
    {"cooldown_windows", CONFIG_I64, offsetof(struct monitor_config, cooldown_windows), 0, 1e6},
};

static int64_t *config_i64(struct monitor_config *c, size_t field)
{
    return (int64_t *)(void *)((char *)c + config_fields[field].offset);
}

static double *config_f64(struct monitor_config *c, size_t field)
{
    return (double *)(void *)((char *)c + config_fields[field].offset);
}

void monitor_config_default(struct monitor_config *ret)
{
    *ret = (struct monitor_config){
        .window_us = TIME_US_PER_DAY,
        .label_delay_us = TIME_US_PER_DAY,
        .label_grace_us = 7 * TIME_US_PER_DAY,
        .threshold = 0.5,
        .p95_us = 100000,
        .error_rate = 0.01,
        .quality_drop = 0.05,
        .loss_rise = 0.10,
        .ece_max = 0.10,
        .ks_p = 0.05,
        .ks_min_d = 0.1,
        .psi_max = 0.2,
        .drift_share = 0.5,
        .min_rows = 200,
        .min_labels = 200,
        .cooldown_windows = 7,
    };
}

static enum err parse_member(struct op *op, const struct json_member *m, struct monitor_config *c)
{
    for (size_t i = 0; i < ARRAY_LEN(config_fields); i++) {
        if (!str_eqc(m->key, config_fields[i].name))
            continue;
        int64_t whole = 0;
        double real = 0;
        bool integer = config_fields[i].type == CONFIG_I64;
        if (!(integer ? json_as_i64(&m->value, &whole) : json_as_f64(&m->value, &real)))
            return op_fail_field(op, config_fields[i].name, "%s must be %s", config_fields[i].name, integer ? "an integer" : "a number");
        double v = integer ? (double)whole : real;
        if (!(v >= config_fields[i].min && v <= config_fields[i].max))
            return op_fail_field(op, config_fields[i].name, "%s must lie in %g..%g, not %g", config_fields[i].name, config_fields[i].min,
                                 config_fields[i].max, v);
        if (integer)
            *config_i64(c, i) = whole;
        else
            *config_f64(c, i) = real;
        return OK;
    }
    return op_fail_field(op, "monitor", "a monitor's configuration has no member '%.*s'", STR_FMT(m->key));
}

enum err monitor_config_parse(struct op *op, const struct json *obj, struct monitor_config *ret)
{
    struct monitor_config c;
    monitor_config_default(&c);
    if (obj && obj->type != JSON_OBJECT)
        return op_fail_field(op, "monitor", "a monitor's configuration must be an object, not %s", json_type_name(obj->type));
    for (uint32_t i = 0; obj && i < obj->len; i++) {
        enum err e = parse_member(op, &obj->members[i], &c);
        if (e)
            return e;
    }
    *ret = c;
    return OK;
}

void monitor_config_json(struct json_out *w, const struct monitor_config *config)
{
    struct monitor_config c = *config;
    json_begin_object(w);
    for (size_t i = 0; i < ARRAY_LEN(config_fields); i++) {
        if (config_fields[i].type == CONFIG_I64)
            json_kv_i64(w, config_fields[i].name, *config_i64(&c, i));
        else
            json_kv_f64(w, config_fields[i].name, *config_f64(&c, i));
    }
    json_end_object(w);
}
