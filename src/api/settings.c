#include "api/settings.h"

#include <stdio.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/thread.h"
#include "core/observe/tracer.h"

enum { TEXT_MAX = 63 };

static struct mutex lock = {PTHREAD_MUTEX_INITIALIZER};

static enum err may_change(struct op *op)
{
    bool admin = op->actor.perms & 1u << PERM_ADMIN;
    return admin ? OK : op_fail(op, E_DENIED, "'%.*s' may not change settings", STR_FMT(op->actor.name));
}

/* ---- logging ---- */

enum { LOG_FILE, LOG_INFOS, LOG_WARNINGS, LOG_ERRORS, LOG_VERBOSE, LOG_FORMATS, LOG_COUNT };
static const struct {
    struct str name;
    enum setting_kind kind;
} log_rows[LOG_COUNT] = {
    [LOG_FILE] = {STR_INIT("log_file"), SETTING_TEXT},        [LOG_INFOS] = {STR_INIT("log_info"), SETTING_BOOL},
    [LOG_WARNINGS] = {STR_INIT("log_warning"), SETTING_BOOL}, [LOG_ERRORS] = {STR_INIT("log_error"), SETTING_BOOL},
    [LOG_VERBOSE] = {STR_INIT("log_verbose_level"), SETTING_UINT}, [LOG_FORMATS] = {STR_INIT("log_format"), SETTING_TEXT},
};

size_t settings_log_get(struct op *op, struct setting **ret)
{
    struct setting *all = arena_alloc(op->arena, LOG_COUNT * sizeof *all);
    const enum log_level level = log_level_get();
    const uint64_t numbers[LOG_COUNT] = {[LOG_INFOS] = level <= LOG_INFO, [LOG_WARNINGS] = level <= LOG_WARN, [LOG_ERRORS] = 1, [LOG_VERBOSE] = level == LOG_DEBUG};
    for (size_t i = 0; i < LOG_COUNT; i++)
        all[i] = (struct setting){.name = log_rows[i].name, .kind = log_rows[i].kind, .number = numbers[i], .text = i == LOG_FORMATS ? STR("default") : STR("")};
    *ret = all;
    return LOG_COUNT;
}

static enum err log_value(struct op *op, const struct setting *change, uint64_t wanted[LOG_COUNT])
{
    size_t i = 0;
    while (i < LOG_COUNT && !str_eq(log_rows[i].name, change->name))
        i++;
    if (i == LOG_COUNT)
        return op_fail(op, E_INVALID, "\"%.*s\" is not a setting of logging", STR_FMT(change->name));
    if (change->kind != log_rows[i].kind)
        return op_fail(op, E_INVALID, "setting \"%.*s\" is of another type", STR_FMT(change->name));
    if (i == LOG_FILE && change->text.len)
        return op_fail(op, E_UNSUPPORTED, "the log goes to standard error, not to a file");
    if (i == LOG_FORMATS && !str_eq(change->text, STR("default")))
        return op_fail(op, E_UNSUPPORTED, "log_format is decided when the server starts");
    if (i == LOG_ERRORS && !change->number)
        return op_fail(op, E_UNSUPPORTED, "errors are always logged");
    wanted[i] = change->number;
    return OK;
}

enum err settings_log_put(struct op *op, const struct setting *changes, size_t n)
{
    struct setting *now = NULL;
    uint64_t wanted[LOG_COUNT];
    enum err e = n ? may_change(op) : OK;
    LOCK(&lock);
    settings_log_get(op, &now);
    for (size_t i = 0; i < LOG_COUNT; i++)
        wanted[i] = now[i].number;
    for (size_t i = 0; !e && i < n; i++)
        e = log_value(op, &changes[i], wanted);
    if (e || !n)
        return e;
    log_level_set(wanted[LOG_VERBOSE] ? LOG_DEBUG : wanted[LOG_INFOS] ? LOG_INFO : wanted[LOG_WARNINGS] ? LOG_WARN : LOG_ERROR);
    return OK;
}

/* ---- tracing ---- */

static struct {
    struct str name, standard;
    char text[TEXT_MAX + 1];
    bool changed;
} trace_rows[] = {
    {.name = STR_INIT("trace_file"), .standard = STR_INIT("")},       {.name = STR_INIT("trace_level"), .standard = STR_INIT("OFF")},
    {.name = STR_INIT("trace_rate"), .standard = STR_INIT("1000")},   {.name = STR_INIT("trace_count"), .standard = STR_INIT("-1")},
    {.name = STR_INIT("log_frequency"), .standard = STR_INIT("0")},   {.name = STR_INIT("trace_mode"), .standard = STR_INIT("triton")},
};

static struct tracer *bound;

static struct str trace_text_of(size_t i)
{
    return trace_rows[i].changed ? str_from(trace_rows[i].text) : trace_rows[i].standard;
}

static struct str trace_value(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(trace_rows); i++)
        if (str_eqc(trace_rows[i].name, name))
            return trace_text_of(i);
    return STR("");
}

/* The lock is held. */
static void trace_apply(void)
{
    int64_t rate = 1000, count = -1;
    if (!bound || !str_parse_i64(trace_value("trace_rate"), &rate) || !str_parse_i64(trace_value("trace_count"), &count))
        return;
    tracer_rule_set(bound, !str_eqc(trace_value("trace_level"), "OFF"), rate, count);
}

void settings_trace_bind(struct tracer *tracer)
{
    LOCK(&lock);
    bound = tracer;
    trace_apply();
}

size_t settings_trace_get(struct op *op, struct setting **ret)
{
    const size_t n = ARRAY_LEN(trace_rows);
    struct setting *all = arena_alloc(op->arena, n * sizeof *all);
    struct str *texts = arena_alloc(op->arena, n * sizeof *texts);
    LOCK(&lock);
    for (size_t i = 0; i < n; i++) {
        texts[i] = str_dup(op->arena, trace_text_of(i));
        if (bound && str_eqc(trace_rows[i].name, "trace_count"))
            texts[i] = str_from(op_printf(op, "%lld", (long long)tracer_rule_left(bound)));
        all[i] = (struct setting){.name = trace_rows[i].name, .kind = SETTING_LIST, .text = STR(""), .list = &texts[i], .list_len = 1};
    }
    *ret = all;
    return n;
}

/* Levels by their names, the rest but the file by numbers. */
static bool trace_value_fits(struct str name, struct str value)
{
    int64_t n;
    if (str_eqc(name, "trace_level"))
        return str_eqc(value, "OFF") || str_eqc(value, "TIMESTAMPS") || str_eqc(value, "TENSORS");
    return !(str_eqc(name, "trace_rate") || str_eqc(name, "trace_count")) || (str_parse_i64(value, &n) && n >= -1);
}

/* The row of a change, checked. */
static enum err trace_row(struct op *op, const struct setting *change, size_t *ret)
{
    size_t i = 0;
    while (i < ARRAY_LEN(trace_rows) && !str_eq(trace_rows[i].name, change->name))
        i++;
    if (i == ARRAY_LEN(trace_rows))
        return op_fail(op, E_INVALID, "\"%.*s\" is not a setting of tracing", STR_FMT(change->name));
    if (change->kind != SETTING_LIST || change->list_len > 1 || (change->list_len && change->list[0].len > TEXT_MAX))
        return op_fail(op, E_INVALID, "setting \"%.*s\" is one text of at most %d bytes", STR_FMT(change->name), TEXT_MAX);
    if (change->list_len && !trace_value_fits(change->name, change->list[0]))
        return op_fail(op, E_INVALID, "setting \"%.*s\" cannot be \"%.*s\"", STR_FMT(change->name), STR_FMT(change->list[0]));
    *ret = i;
    return OK;
}

enum err settings_trace_put(struct op *op, struct str model, const struct setting *changes, size_t n)
{
    size_t row = 0;
    enum err e = n ? may_change(op) : OK;
    if (!e && n && model.len)
        e = op_fail(op, E_UNSUPPORTED, "tracing is set for the whole server, not for one model");
    for (size_t i = 0; !e && i < n; i++)
        e = trace_row(op, &changes[i], &row);
    if (e)
        return e;
    LOCK(&lock);
    for (size_t i = 0; i < n; i++) {
        if (trace_row(op, &changes[i], &row))
            continue; /* they were checked above */
        trace_rows[row].changed = changes[i].list_len > 0;
        if (changes[i].list_len)
            snprintf(trace_rows[row].text, sizeof trace_rows[row].text, "%.*s", STR_FMT(changes[i].list[0]));
    }
    if (n) /* a look at them begins no new count */
        trace_apply();
    return OK;
}
