/* view.c - parses and checks a feature view, and fills its features.
 *
 * The schema is closed: an unknown key is an error, because a misspelt option that is silently ignored becomes
 * a wrong feature. The instant t of a row sees an event when available_at <= t; the window of width W
 * holds it when available_at > t - W. Both bounds are those of the offline join and of the online index. */
#include "core/feature/view.h"

#include <math.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/time.h"
#include "base/yaml.h"

#define NAME_MAX_BYTES 128
#define EXPRESSION_MAX_BYTES 8192
#define WINDOW_MAX_US (3660LL * TIME_US_PER_DAY)

/* What one block of `aggregations` says. */
struct block {
    uint32_t entities; /* bit per entity */
    size_t window_len, function_len;
    int64_t widths[FEATURE_WINDOWS_MAX];
    struct str window_names[FEATURE_WINDOWS_MAX];
    enum feature_kind functions[2];
};

struct parse {
    struct op *op;
    struct feature_view *v;
    struct str keys[FEATURE_KEYS_MAX];
    struct str numbers[FEATURE_NUMBERS_MAX];
};

static enum err check_keys(struct op *op, const char *path, const struct json *obj, const char *const *known)
{
    if (!obj || obj->type != JSON_OBJECT)
        return op_fail_field(op, path, "%s must be a mapping", path);
    for (size_t i = 0; i < obj->len; i++) {
        bool found = false;
        for (size_t k = 0; known[k]; k++)
            found |= str_eqc(obj->members[i].key, known[k]);
        if (!found)
            return op_fail_field(op, path, "%s has no key '%.*s'", path, STR_FMT(obj->members[i].key));
    }
    return OK;
}

static bool is_name(struct str s)
{
    if (!s.len || s.len > NAME_MAX_BYTES || (s.p[0] >= '0' && s.p[0] <= '9'))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'))
            return false;
    }
    return true;
}

/* A name under obj[key]: letters, digits and '_', not starting with a digit. */
static enum err want_name(struct op *op, const char *path, const struct json *obj, const char *key, struct str *ret)
{
    const struct json *j = json_get(obj, key);
    if (!j || j->type != JSON_STRING || !is_name(j->s)) {
        const char *field = op_printf(op, "%s%s%s", path, *path ? "." : "", key);
        return op_fail_field(op, field, "%s must be a name: letters, digits and _, at most %d", field, NAME_MAX_BYTES);
    }
    *ret = str_dup(op->arena, j->s);
    return OK;
}

static enum err want_expression(struct op *op, const char *path, const struct json *obj, const char *key, struct str *ret)
{
    const struct json *j = json_get(obj, key);
    struct str s = j && j->type == JSON_STRING ? str_trim(j->s) : STR("");
    if (!s.len || s.len > EXPRESSION_MAX_BYTES || memchr(s.p, 0, s.len))
        return op_fail_field(op, path, "%s.%s must be an expression of 1 to %d bytes", path, key, EXPRESSION_MAX_BYTES);
    *ret = str_dup(op->arena, s);
    return OK;
}

/* "90m", "28d": not empty and not longer than any window may be. */
static bool parse_duration(struct str s, int64_t *ret_us)
{
    int64_t us = 0;
    if (!time_parse_span(s, WINDOW_MAX_US, &us) || us == 0)
        return false;
    *ret_us = us;
    return true;
}

/* Index of `name` in the list, added at its end when new; SIZE_MAX when the list is full. */
static size_t intern(struct str *list, size_t *len, size_t max, struct str name)
{
    for (size_t i = 0; i < *len; i++) {
        if (str_eq(list[i], name))
            return i;
    }
    if (*len == max)
        return SIZE_MAX;
    list[*len] = name;
    return (*len)++;
}

static enum err parse_source(struct parse *p, const struct json *root)
{
    static const char *const known[] = {"path", "timestamp_field", "id", "available_at", "label", NULL};
    struct op *op = p->op;
    const struct json *src = json_get(root, "source");
    enum err e = check_keys(op, "source", src, known);
    if (!e)
        e = json_want_str(op, src, "path", &p->v->source_path);
    if (!e)
        e = want_name(op, "source", src, "timestamp_field", &p->v->timestamp_field);
    if (!e && json_get(src, "id"))
        e = want_name(op, "source", src, "id", &p->v->id_field);
    if (!e)
        e = want_expression(op, "source", src, "available_at", &p->v->available_at_sql);
    if (!e)
        e = want_expression(op, "source", src, "label", &p->v->label_sql);
    if (e)
        return e;
    if (!p->v->source_path.len || memchr(p->v->source_path.p, 0, p->v->source_path.len))
        return op_fail_field(op, "source.path", "source.path must be a file name");
    p->v->source_path = str_dup(op->arena, p->v->source_path);
    return OK;
}

static enum err parse_entity(struct parse *p, const struct json *j, size_t at)
{
    static const char *const known[] = {"name", "join_keys", "description", NULL};
    struct op *op = p->op;
    const char *path = op_printf(op, "entities[%zu]", at);
    struct feature_entity *en = &p->v->entities[at];
    enum err e = check_keys(op, path, j, known);
    if (!e)
        e = want_name(op, path, j, "name", &en->name);
    if (e)
        return e;
    for (size_t i = 0; i < at; i++) {
        if (str_eq(p->v->entities[i].name, en->name))
            return op_fail_field(op, path, "entity '%.*s' is defined twice", STR_FMT(en->name));
    }
    const struct json *keys = json_get(j, "join_keys");
    if (!keys || keys->type != JSON_ARRAY || !keys->len || keys->len > FEATURE_KEYS_MAX)
        return op_fail_field(op, path, "%s.join_keys must list 1 to %d columns", path, FEATURE_KEYS_MAX);
    for (size_t i = 0; i < keys->len; i++) {
        if (keys->items[i].type != JSON_STRING || !is_name(keys->items[i].s))
            return op_fail_field(op, path, "%s.join_keys[%zu] must be a column name", path, i);
        size_t k = intern(p->keys, &p->v->key_len, FEATURE_KEYS_MAX, str_dup(op->arena, keys->items[i].s));
        if (k == SIZE_MAX)
            return op_fail_field(op, path, "more than %d key columns", FEATURE_KEYS_MAX);
        for (size_t o = 0; o < i; o++) {
            if (en->keys[o] == k)
                return op_fail_field(op, path, "%s.join_keys names a column twice", path);
        }
        en->keys[i] = k;
    }
    en->key_len = keys->len;
    return OK;
}

static enum err parse_entities(struct parse *p, const struct json *root)
{
    const struct json *list = json_get(root, "entities");
    if (!list || list->type != JSON_ARRAY || !list->len || list->len > FEATURE_ENTITIES_MAX)
        return op_fail_field(p->op, "entities", "entities must list 1 to %d entities", FEATURE_ENTITIES_MAX);
    p->v->entities = arena_alloc(p->op->arena, list->len * sizeof *p->v->entities);
    p->v->entity_len = list->len;
    for (size_t i = 0; i < list->len; i++) {
        enum err e = parse_entity(p, &list->items[i], i);
        if (e)
            return e;
    }
    return OK;
}

static enum err parse_windows(struct parse *p, const char *path, const struct json *j, struct block *b)
{
    struct op *op = p->op;
    const struct json *list = json_get(j, "windows");
    if (!list || list->type != JSON_ARRAY || !list->len || list->len > FEATURE_WINDOWS_MAX)
        return op_fail_field(op, path, "%s.windows must list 1 to %d durations such as 1h or 28d", path, FEATURE_WINDOWS_MAX);
    for (size_t i = 0; i < list->len; i++) {
        if (list->items[i].type != JSON_STRING || !parse_duration(list->items[i].s, &b->widths[i]))
            return op_fail_field(op, path, "%s.windows[%zu] must be a duration such as 1h or 28d, at most %lld days", path, i, WINDOW_MAX_US / TIME_US_PER_DAY);
        b->window_names[i] = str_dup(op->arena, list->items[i].s);
    }
    b->window_len = list->len;
    return OK;
}

static enum err parse_functions(struct parse *p, const char *path, const struct json *j, struct block *b)
{
    const struct json *list = json_get(j, "functions");
    if (!list || list->type != JSON_ARRAY || !list->len || list->len > ARRAY_LEN(b->functions))
        return op_fail_field(p->op, path, "%s.functions must list count, rate or both", path);
    for (size_t i = 0; i < list->len; i++) {
        const struct json *f = &list->items[i];
        if (f->type == JSON_STRING && str_eqc(f->s, "count"))
            b->functions[i] = FEATURE_COUNT;
        else if (f->type == JSON_STRING && str_eqc(f->s, "rate"))
            b->functions[i] = FEATURE_RATE;
        else
            return op_fail_field(p->op, path, "%s.functions[%zu] must be count or rate", path, i);
    }
    b->function_len = list->len;
    return OK;
}

static enum err parse_block_entities(struct parse *p, const char *path, const struct json *j, struct block *b)
{
    const struct json *list = json_get(j, "entities");
    if (!list) {
        b->entities = (1u << p->v->entity_len) - 1;
        return OK;
    }
    if (list->type != JSON_ARRAY || !list->len)
        return op_fail_field(p->op, path, "%s.entities must list entity names", path);
    for (size_t i = 0; i < list->len; i++) {
        size_t at = SIZE_MAX;
        for (size_t k = 0; k < p->v->entity_len; k++) {
            if (list->items[i].type == JSON_STRING && str_eq(p->v->entities[k].name, list->items[i].s))
                at = k;
        }
        if (at == SIZE_MAX)
            return op_fail_field(p->op, path, "%s.entities[%zu] is no entity of this view", path, i);
        b->entities |= 1u << at;
    }
    return OK;
}

static enum err add_feature(struct parse *p, const struct feature_def *def)
{
    struct feature_view *v = p->v;
    if (v->len == FEATURE_MAX)
        return op_fail_field(p->op, "aggregations", "more than %d features", FEATURE_MAX);
    bool taken = str_eqc(def->name, "label") || str_eqc(def->name, "available_at") ||
                 str_eq(def->name, v->timestamp_field) || str_eq(def->name, v->id_field);
    for (size_t i = 0; i < v->key_len; i++)
        taken |= str_eq(def->name, p->keys[i]);
    if (taken || feature_view_find(v, def->name))
        return op_fail_field(p->op, "name", "the feature name '%.*s' is taken", STR_FMT(def->name));
    v->features[v->len++] = *def;
    return OK;
}

/* Windows of all blocks as one ascending list. */
static enum err collect_windows(struct parse *p, const struct block *blocks, size_t n)
{
    struct feature_view *v = p->v;
    v->windows = arena_alloc(p->op->arena, FEATURE_WINDOWS_MAX * sizeof *v->windows);
    for (size_t b = 0; b < n; b++) {
        for (size_t i = 0; i < blocks[b].window_len; i++) {
            size_t at = 0;
            while (at < v->window_len && v->windows[at].width_us < blocks[b].widths[i])
                at++;
            if (at < v->window_len && v->windows[at].width_us == blocks[b].widths[i])
                continue;
            if (v->window_len == FEATURE_WINDOWS_MAX)
                return op_fail_field(p->op, "aggregations", "more than %d different windows", FEATURE_WINDOWS_MAX);
            memmove(&v->windows[at + 1], &v->windows[at], (v->window_len - at) * sizeof *v->windows);
            v->windows[at] = (struct feature_window){blocks[b].window_names[i], blocks[b].widths[i]};
            v->window_len++;
        }
    }
    return OK;
}

static size_t window_index(const struct feature_view *v, int64_t width_us)
{
    size_t i = 0;
    while (v->windows[i].width_us != width_us)
        i++;
    return i;
}

/* The features of one block: entity by entity, window by window, function by function. */
static enum err add_block(struct parse *p, const struct block *b)
{
    for (size_t en = 0; en < p->v->entity_len; en++) {
        if (!(b->entities >> en & 1))
            continue;
        for (size_t w = 0; w < b->window_len; w++) {
            for (size_t f = 0; f < b->function_len; f++) {
                const char *fn = b->functions[f] == FEATURE_COUNT ? "count" : "rate";
                const char *name = op_printf(p->op, "%.*s_%s_%.*s", STR_FMT(p->v->entities[en].name), fn, STR_FMT(b->window_names[w]));
                struct feature_def def = {.name = str_from(name), .kind = b->functions[f], .entity = en,
                                          .window = window_index(p->v, b->widths[w])};
                enum err e = add_feature(p, &def);
                if (e)
                    return e;
            }
        }
    }
    return OK;
}

static enum err parse_aggregations(struct parse *p, const struct json *root)
{
    static const char *const known[] = {"windows", "functions", "entities", NULL};
    struct op *op = p->op;
    const struct json *list = json_get(root, "aggregations");
    if (!list || list->type != JSON_ARRAY || !list->len || list->len > FEATURE_WINDOWS_MAX)
        return op_fail_field(op, "aggregations", "aggregations must list 1 to %d blocks", FEATURE_WINDOWS_MAX);
    struct block *blocks = arena_alloc(op->arena, list->len * sizeof *blocks);
    for (size_t i = 0; i < list->len; i++) {
        const char *path = op_printf(op, "aggregations[%zu]", i);
        enum err e = check_keys(op, path, &list->items[i], known);
        if (!e)
            e = parse_windows(p, path, &list->items[i], &blocks[i]);
        if (!e)
            e = parse_functions(p, path, &list->items[i], &blocks[i]);
        if (!e)
            e = parse_block_entities(p, path, &list->items[i], &blocks[i]);
        if (e)
            return e;
    }
    enum err e = collect_windows(p, blocks, list->len);
    for (size_t i = 0; !e && i < list->len; i++)
        e = add_block(p, &blocks[i]);
    return e;
}

/* hour(ts), weekday(ts) or a bare column. */
static enum err parse_request_feature(struct parse *p, const struct json *j, size_t at)
{
    static const char *const known[] = {"name", "expression", NULL};
    struct op *op = p->op;
    const char *path = op_printf(op, "request[%zu]", at);
    struct feature_def def = {0};
    struct str x = {0};
    enum err e = check_keys(op, path, j, known);
    if (!e)
        e = want_name(op, path, j, "name", &def.name);
    if (!e)
        e = want_expression(op, path, j, "expression", &x);
    if (e)
        return e;
    struct str ts = p->v->timestamp_field;
    if (str_eqc(x, op_printf(op, "hour(%.*s)", STR_FMT(ts)))) {
        def.kind = FEATURE_HOUR;
    } else if (str_eqc(x, op_printf(op, "weekday(%.*s)", STR_FMT(ts)))) {
        def.kind = FEATURE_WEEKDAY;
    } else if (is_name(x) && !str_eq(x, ts)) {
        def.kind = FEATURE_NUMBER;
        def.number = intern(p->numbers, &p->v->number_len, FEATURE_NUMBERS_MAX, x);
        if (def.number == SIZE_MAX)
            return op_fail_field(op, path, "more than %d request columns", FEATURE_NUMBERS_MAX);
        for (size_t i = 0; i < p->v->key_len; i++) {
            if (str_eq(p->keys[i], x))
                return op_fail_field(op, path, "%s: '%.*s' is a key column, not a number", path, STR_FMT(x));
        }
    } else {
        return op_fail_field(op, path, "%s.expression must be hour(%.*s), weekday(%.*s) or a column", path, STR_FMT(ts), STR_FMT(ts));
    }
    return add_feature(p, &def);
}

static enum err parse_request(struct parse *p, const struct json *root)
{
    const struct json *list = json_get(root, "request");
    if (!list)
        return OK;
    if (list->type != JSON_ARRAY)
        return op_fail_field(p->op, "request", "request must be a list of features");
    for (size_t i = 0; i < list->len; i++) {
        enum err e = parse_request_feature(p, &list->items[i], i);
        if (e)
            return e;
    }
    return OK;
}

static enum err parse_ttl(struct parse *p, const struct json *root)
{
    struct feature_view *v = p->v;
    int64_t widest = v->windows[v->window_len - 1].width_us;
    const struct json *j = json_get(root, "ttl");
    v->ttl_us = widest;
    if (j && (j->type != JSON_STRING || !parse_duration(j->s, &v->ttl_us)))
        return op_fail_field(p->op, "ttl", "ttl must be a duration such as 28d");
    if (v->ttl_us < widest)
        return op_fail_field(p->op, "ttl", "ttl is shorter than the widest window");
    return json_opt_bool(p->op, root, "online", true, &v->online);
}

enum err feature_view_parse(struct op *op, struct str yaml, struct feature_view **ret)
{
    static const char *const known[] = {"name", "description", "source", "entities", "aggregations", "request", "ttl", "online", NULL};
    struct json *root = NULL;
    if (yaml.len > LIMIT_FEATURE_VIEW_BYTES)
        return op_fail(op, E_TOO_LARGE, "the view has %zu bytes, the limit is %zu", yaml.len, LIMIT_FEATURE_VIEW_BYTES);
    enum err e = yaml_parse(op, yaml, &root);
    if (e)
        return e;
    struct parse *p = op_new(op, struct parse);
    *p = (struct parse){.op = op, .v = op_new(op, struct feature_view)};
    struct feature_view *v = p->v;
    v->features = arena_alloc(op->arena, FEATURE_MAX * sizeof *v->features);
    e = check_keys(op, "the view", root, known);
    if (!e)
        e = want_name(op, "", root, "name", &v->name);
    if (!e)
        e = json_opt_str(op, root, "description", STR(""), &v->description);
    if (!e)
        e = parse_source(p, root);
    if (!e)
        e = parse_entities(p, root);
    if (!e)
        e = parse_aggregations(p, root);
    if (!e)
        e = parse_request(p, root);
    if (!e)
        e = parse_ttl(p, root);
    if (e)
        return e;
    v->keys = p->keys;
    v->numbers = p->numbers;
    v->text = str_dup(op->arena, yaml);
    v->description = str_dup(op->arena, v->description);
    uint8_t digest[HASH_SHA256_LEN];
    hash_sha256(yaml.p, yaml.len, digest);
    hash_hex(digest, sizeof digest, v->digest);
    *ret = v;
    return OK;
}

enum err feature_view_load(struct op *op, const char *path, struct feature_view **ret)
{
    struct str text = {0};
    enum err e = file_read(op, path, LIMIT_FEATURE_VIEW_BYTES, &text);
    if (e)
        return e;
    struct feature_view *v = NULL;
    e = feature_view_parse(op, text, &v);
    if (e)
        return op_context(op, "%s", path);
    const char *slash = strrchr(path, '/');
    if (slash && v->source_path.p[0] != '/')
        v->source_path = str_from(op_printf(op, "%.*s%.*s", (int)(slash - path) + 1, path, STR_FMT(v->source_path)));
    *ret = v;
    return OK;
}

const struct feature_def *feature_view_find(const struct feature_view *v, struct str name)
{
    for (size_t i = 0; i < v->len; i++) {
        if (str_eq(v->features[i].name, name))
            return &v->features[i];
    }
    return NULL;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

void feature_view_fill(const struct feature_view *v, int64_t t_us, const double *numbers, const struct feature_tally *tallies, float *out)
{
    int64_t hour = floor_div(t_us, 3600 * TIME_US_PER_S);
    int64_t day = floor_div(t_us, TIME_US_PER_DAY);
    for (size_t i = 0; i < v->len; i++) {
        const struct feature_def *d = &v->features[i];
        const struct feature_tally *t = &tallies[d->entity * v->window_len + d->window];
        switch (d->kind) {
        case FEATURE_COUNT:
            out[i] = (float)t->events;
            break;
        case FEATURE_RATE:
            out[i] = t->events ? (float)((double)t->flagged / (double)t->events) : NAN;
            break;
        case FEATURE_HOUR:
            out[i] = (float)(hour - 24 * floor_div(hour, 24));
            break;
        case FEATURE_WEEKDAY: /* 1970-01-01 was a Thursday */
            out[i] = (float)(day + 4 - 7 * floor_div(day + 4, 7));
            break;
        case FEATURE_NUMBER:
            out[i] = (float)numbers[d->number];
            break;
        }
    }
}
