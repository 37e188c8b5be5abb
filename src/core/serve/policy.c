#include "core/serve/policy.h"

#include <stdio.h>

struct serve_policy serve_policy_default(void)
{
    struct serve_policy p = {.batch.max_delay_us = 2000, .queue.max_size = LIMIT_SERVE_QUEUE_DEFAULT, .queue.max_bytes = LIMIT_SERVE_QUEUE_BYTES,
                             .warmup.count = 8, .inline_ns = LIMIT_SERVE_INLINE_NS};
    for (size_t i = 0; i < ARRAY_LEN(p.queue.patience); i++)
        p.queue.patience[i].override = true;
    return p;
}

/* The object under `key` with none but the known members; *ret NULL when it is absent. */
static enum err part_get(struct op *op, const struct json *config, const char *path, const char *key, const char *const *known,
                         const struct json **ret)
{
    const struct json *part = json_get(config, key);
    *ret = part && part->type != JSON_NULL ? part : NULL;
    if (!*ret)
        return OK;
    if (part->type != JSON_OBJECT)
        return op_fail_field(op, path, "%s is a %s, not an object", path, json_type_name(part->type));
    for (size_t i = 0; i < part->len; i++) {
        size_t k = 0;
        while (known[k] && !str_eqc(part->members[i].key, known[k]))
            k++;
        if (!known[k])
            return op_fail_field(op, path, "%s has no member \"%.*s\"", path, STR_FMT(part->members[i].key));
    }
    return OK;
}

/* An integer of `obj` (NULL: the default), named by its whole path in the error. */
static enum err number_get(struct op *op, const struct json *obj, const char *path, const char *key, int64_t min, int64_t max, int64_t dflt,
                           int64_t *ret)
{
    *ret = dflt;
    const struct json *j = obj ? json_get(obj, key) : NULL;
    char name[96];
    snprintf(name, sizeof(name), "%s%s%s", path, *path ? "." : "", key);
    if (!j || j->type == JSON_NULL)
        return OK;
    if (!json_as_i64(j, ret) || *ret < min || *ret > max)
        return op_fail_field(op, name, "%s must be a whole number from %lld to %lld", name, (long long)min, (long long)max);
    return OK;
}

static enum err batch_parse(struct op *op, const struct json *config, struct serve_policy *p)
{
    static const char *const known[] = {"max_size", "max_rows", "max_delay_us", "preferred", NULL};
    const struct json *batch = NULL;
    int64_t size = 0, rows = 0;
    enum err e = part_get(op, config, "batch", "batch", known, &batch);
    if (!e)
        e = number_get(op, batch, "batch", "max_size", 0, LIMIT_SERVE_BATCH, 0, &size);
    if (!e)
        e = number_get(op, batch, "batch", "max_delay_us", 0, LIMIT_SERVE_DELAY_US, p->batch.max_delay_us, &p->batch.max_delay_us);
    if (!e)
        e = number_get(op, batch, "batch", "max_rows", 0, INT32_MAX, 0, &rows);
    p->batch.max_size = (size_t)size;
    p->batch.max_rows = (size_t)rows;
    const struct json *list = batch ? json_get(batch, "preferred") : NULL;
    if (e || !list || list->type == JSON_NULL)
        return e;
    if (list->type != JSON_ARRAY || list->len > LIMIT_SERVE_PREFERRED)
        return op_fail_field(op, "batch.preferred", "batch.preferred must be a list of at most %d sizes", LIMIT_SERVE_PREFERRED);
    for (size_t i = 0; i < list->len; i++) {
        int64_t v = 0, least = i ? (int64_t)p->batch.preferred[i - 1] + 1 : 1;
        if (!json_as_i64(&list->items[i], &v) || v < least || v > (size ? size : LIMIT_SERVE_BATCH))
            return op_fail_field(op, "batch.preferred", "batch.preferred must be ascending sizes up to max_size");
        p->batch.preferred[p->batch.preferred_len++] = (size_t)v;
    }
    return OK;
}

/* One policy of `obj` under `key`, named `path` in errors. Absent: nothing changes. */
static enum err patience_parse(struct op *op, const struct json *obj, const char *path, const char *key, struct serve_patience *p)
{
    static const char *const known[] = {"timeout_action", "default_timeout_microseconds", "allow_timeout_override", NULL};
    const struct json *part = NULL;
    struct str action = STR("REJECT");
    enum err e = part_get(op, obj, path, key, known, &part);
    if (e || !part)
        return e;
    if ((e = json_opt_str(op, part, "timeout_action", action, &action)) ||
        (e = number_get(op, part, path, "default_timeout_microseconds", 0, LIMIT_SERVE_TIMEOUT_US, 0, &p->timeout_us)) ||
        (e = json_opt_bool(op, part, "allow_timeout_override", true, &p->override)))
        return e;
    p->delay = str_ieq(action, STR("DELAY"));
    if (!p->delay && !str_ieq(action, STR("REJECT")))
        return op_fail_field(op, path, "%s.timeout_action must be REJECT or DELAY", path);
    return OK;
}

/* The default for all priorities, then what {"1": policy, ...} says of some. */
static enum err patiences_parse(struct op *op, const struct json *queue, struct serve_policy *p)
{
    static const char path[] = "queue.priority_queue_policy";
    const struct json *levels = queue ? json_get(queue, "priority_queue_policy") : NULL;
    enum err e = queue ? patience_parse(op, queue, "queue.default_queue_policy", "default_queue_policy", &p->queue.patience[0]) : OK;
    for (size_t i = 1; i < ARRAY_LEN(p->queue.patience); i++)
        p->queue.patience[i] = p->queue.patience[0];
    if (e || !levels || levels->type == JSON_NULL)
        return e;
    if (levels->type != JSON_OBJECT)
        return op_fail_field(op, path, "%s is a %s, not an object", path, json_type_name(levels->type));
    for (uint32_t i = 0; !e && i < levels->len; i++) {
        struct str key = levels->members[i].key;
        int64_t level = 0;
        if (!str_parse_i64(key, &level) || level < 1 || level > p->queue.levels)
            return op_fail_field(op, path, "%s: \"%.*s\" is none of the priorities 1 to %u", path, STR_FMT(key), p->queue.levels);
        e = patience_parse(op, levels, path, str_cstr(op->arena, key), &p->queue.patience[level]);
    }
    return e;
}

static enum err queue_parse(struct op *op, const struct json *config, struct serve_policy *p)
{
    static const char *const known[] = {"max_queue_size", "max_queue_bytes", "priority_levels", "default_priority_level", "default_queue_policy",
                                        "priority_queue_policy", NULL};
    const struct json *queue = NULL;
    int64_t size = 0, bytes = 0, levels = 0, level = 0;
    enum err e = part_get(op, config, "queue", "queue", known, &queue);
    if (!e)
        e = number_get(op, queue, "queue", "max_queue_size", 1, LIMIT_SERVE_QUEUE, LIMIT_SERVE_QUEUE_DEFAULT, &size);
    if (!e)
        e = number_get(op, queue, "queue", "max_queue_bytes", 1, (int64_t)LIMIT_SERVE_QUEUES_BYTES, (int64_t)LIMIT_SERVE_QUEUE_BYTES, &bytes);
    if (!e)
        e = number_get(op, queue, "queue", "priority_levels", 0, LIMIT_SERVE_PRIORITIES, 0, &levels);
    if (!e)
        e = number_get(op, queue, "queue", "default_priority_level", levels ? 1 : 0, levels, (levels + 1) / 2, &level);
    p->queue.max_size = (size_t)size;
    p->queue.max_bytes = (size_t)bytes;
    p->queue.levels = (uint32_t)levels;
    p->queue.default_level = (uint32_t)level;
    return e ? e : patiences_parse(op, queue, p);
}

static enum err shapes_check(struct op *op, const struct json *shapes)
{
    for (size_t i = 0; i < shapes->len; i++) {
        const struct json *shape = &shapes->members[i].value;
        int64_t v = 0;
        bool ok = shape->type == JSON_ARRAY && shape->len <= LIMIT_TENSOR_RANK;
        for (size_t k = 0; ok && k < shape->len; k++)
            ok = json_as_i64(&shape->items[k], &v) && v >= 1;
        if (!ok)
            return op_fail_field(op, "warmup.shapes", "warmup.shapes: \"%.*s\" must be a list of at most %d lengths", STR_FMT(shapes->members[i].key),
                                 LIMIT_TENSOR_RANK);
    }
    return OK;
}

static enum err warmup_parse(struct op *op, const struct json *config, struct serve_policy *p)
{
    static const char *const known[] = {"count", "sample", "shapes", NULL};
    const struct json *part = NULL;
    int64_t count = 0;
    struct str sample = STR("zero");
    enum err e = part_get(op, config, "warmup", "warmup", known, &part);
    if (!e)
        e = number_get(op, part, "warmup", "count", 0, LIMIT_SERVE_WARM_CALLS, (int64_t)p->warmup.count, &count);
    if (!e && part)
        e = json_opt_str(op, part, "sample", sample, &sample);
    if (e)
        return e;
    p->warmup.count = (size_t)count;
    p->warmup.random = str_eqc(sample, "random");
    if (!p->warmup.random && !str_eqc(sample, "zero"))
        return op_fail_field(op, "warmup.sample", "warmup.sample must be \"zero\" or \"random\"");
    const struct json *shapes = part ? json_get(part, "shapes") : NULL;
    if (!shapes || shapes->type == JSON_NULL)
        return OK;
    if (shapes->type != JSON_OBJECT)
        return op_fail_field(op, "warmup.shapes", "warmup.shapes is a %s, not an object", json_type_name(shapes->type));
    p->warmup.shapes = shapes;
    return shapes_check(op, shapes);
}

enum err serve_policy_parse(struct op *op, const struct json *config, struct serve_policy *ret)
{
    static const char *const cache_known[] = {"max_bytes", NULL};
    struct serve_policy p = serve_policy_default();
    const struct json *cache = NULL;
    int64_t cache_bytes = 0, concurrency = 0, inline_us = 0, memory = 0;
    enum err e = batch_parse(op, config, &p);
    if (!e)
        e = queue_parse(op, config, &p);
    if (!e)
        e = warmup_parse(op, config, &p);
    if (!e)
        e = part_get(op, config, "cache", "cache", cache_known, &cache);
    if (!e)
        e = number_get(op, cache, "cache", "max_bytes", 0, (int64_t)LIMIT_SERVE_CACHE_BYTES, 0, &cache_bytes);
    if (!e)
        e = number_get(op, config, "", "concurrency", 0, LIMIT_SERVE_THREADS, 0, &concurrency);
    if (!e)
        e = number_get(op, config, "", "inline_us", 0, 1000000, LIMIT_SERVE_INLINE_NS / 1000, &inline_us);
    if (!e)
        e = number_get(op, config, "", "memory_max_bytes", 0, INT64_MAX, 0, &memory);
    if (e)
        return e;
    p.cache_bytes = (size_t)cache_bytes;
    p.concurrency = (uint32_t)concurrency;
    p.inline_ns = inline_us * 1000;
    p.memory_max_bytes = (size_t)memory;
    *ret = p;
    return OK;
}
