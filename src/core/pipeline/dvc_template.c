/* dvc_template.c - parametrisation as DVC 3 does it.
 *
 * Grammar of one expression: word (`.` word | `[` word `]`)*, word = anything but `.`, `[`, `]`. A word selects
 * a key of a map or an index of a list (negative counts from the end). `\${` is a literal `${`.
 * In a command a map unpacks to flags: nested maps join their keys by '.', true is `--k`, false is nothing (or
 * `--no-k` with parsing.bool = boolean_optional), a list is `--k a b` (or `--k a --k b` with parsing.list =
 * append), strings are quoted for the shell. Everywhere else a list or map is an error.
 * Trees are at most LIMIT_JSON_DEPTH deep (the parsers refuse more), which bounds the recursion here. */
#include "core/pipeline/dvc_template.h"

#include "base/limits.h"
#include "core/pipeline/dvc_params.h"
#include "core/pipeline/fspath.h"

static bool is_composite(const struct json *j)
{
    return j->type == JSON_ARRAY || j->type == JSON_OBJECT;
}

/* --- the context --- */

static enum err merge(struct op *op, struct json *into, const struct json *from, const char *where, int depth)
{
    if (depth > LIMIT_JSON_DEPTH)
        return op_fail(op, E_TOO_LARGE, "%s: variables nest too deep", where);
    struct json_member *all = arena_array(op->arena, (size_t)into->len + from->len + 1, struct json_member);
    if (!all)
        return op_fail(op, E_TOO_LARGE, "%s: too many variables", where);
    if (into->len)
        memcpy(all, into->members, into->len * sizeof(*all));
    uint32_t n = into->len;
    for (uint32_t i = 0; i < from->len; i++) {
        const struct json_member *m = &from->members[i];
        struct json_member *old = NULL;
        for (uint32_t k = 0; k < into->len && !old; k++)
            old = str_eq(all[k].key, m->key) ? &all[k] : NULL;
        if (!old) {
            all[n++] = *m;
            continue;
        }
        if (old->value.type != JSON_OBJECT || m->value.type != JSON_OBJECT)
            return op_fail(op, E_INVALID, "%s: cannot redefine variable '%.*s'", where, STR_FMT(m->key));
        enum err e = merge(op, &old->value, &m->value, where, depth + 1);
        if (e)
            return e;
    }
    into->members = all;
    into->len = n;
    return OK;
}

static struct json strings_json(struct op *op, struct str list)
{
    struct json out = {.type = JSON_ARRAY};
    struct str rest = list, part;
    uint32_t max = 1;
    for (size_t i = 0; i < list.len; i++)
        max += list.p[i] == ',';
    out.items = arena_alloc(op->arena, max * sizeof(struct json));
    while (str_split(&rest, ',', &part)) {
        if (part.len)
            out.items[out.len++] = (struct json){.type = JSON_STRING, .s = part};
    }
    return out;
}

static struct dvc_import *import_find(struct dvc_context *ctx, struct str path)
{
    struct dvc_import *i = ctx->imports;
    while (i && !str_eq(i->path, path))
        i = i->next;
    return i;
}

/* Picks the named keys of a loaded file. */
static enum err select_keys(struct op *op, const struct json *doc, const struct json *keys, struct str path,
                            const char *where, struct json *ret)
{
    struct json out = {.type = JSON_OBJECT};
    out.members = arena_alloc(op->arena, (keys->len + 1) * sizeof(struct json_member));
    for (uint32_t i = 0; i < keys->len; i++) {
        const struct json *v = json_get_str(doc, keys->items[i].s);
        if (!v)
            return op_fail(op, E_INVALID, "%s: could not find '%.*s' in '%.*s'", where, STR_FMT(keys->items[i].s),
                           STR_FMT(path));
        out.members[out.len++] = (struct json_member){.key = keys->items[i].s, .value = *v};
    }
    *ret = out;
    return OK;
}

enum err dvc_context_import(struct op *op, struct dvc_context *ctx, struct str dir, struct str item, const char *where)
{
    size_t colon = str_find_char(item, ':');
    struct str name = colon == SIZE_MAX ? item : str_sub(item, 0, colon);
    struct json *keys = NULL;
    if (colon != SIZE_MAX) {
        keys = op_new(op, struct json);
        *keys = strings_json(op, str_sub(item, colon + 1, item.len));
        if (keys->len == 0)
            keys = NULL;
    }
    struct str path = fspath_join(op, dir, name);
    struct dvc_import *old = import_find(ctx, path);
    if (old && !keys && !old->keys)
        return OK;
    if (old && (!keys || !old->keys))
        return op_fail(op, E_INVALID, "%s: cannot load '%.*s': it is loaded already", where, STR_FMT(item));
    const struct json *doc;
    enum err e = dvc_params_load(op, path, name, &doc);
    if (e)
        return op_context(op, "%s", where);
    struct json picked = *doc;
    if (keys && (e = select_keys(op, doc, keys, name, where, &picked)))
        return e;
    if ((e = merge(op, &ctx->root, &picked, where, 0)))
        return e;
    if (!old) {
        struct dvc_import *add = op_new(op, struct dvc_import);
        *add = (struct dvc_import){.path = path, .keys = keys, .next = ctx->imports};
        ctx->imports = add;
    }
    return OK;
}

enum err dvc_context_vars(struct op *op, struct dvc_context *ctx, struct str dir, const struct json *vars, const char *where)
{
    if (!vars || vars->type == JSON_NULL)
        return OK;
    if (vars->type != JSON_ARRAY)
        return op_fail(op, E_INVALID, "%s: expected a list of files and maps", where);
    for (uint32_t i = 0; i < vars->len; i++) {
        const struct json *v = &vars->items[i];
        const char *at = op_printf(op, "%s[%u]", where, i);
        enum err e;
        if (v->type == JSON_STRING && dvc_is_template(v->s))
            e = op_fail(op, E_INVALID, "%s: interpolating is not allowed here", at);
        else if (v->type == JSON_STRING)
            e = dvc_context_import(op, ctx, dir, v->s, at);
        else if (v->type == JSON_OBJECT)
            e = merge(op, &ctx->root, v, at, 0);
        else
            e = op_fail(op, E_INVALID, "%s: expected a file name or a map", at);
        if (e)
            return e;
    }
    return OK;
}

struct dvc_context dvc_context_with(struct op *op, const struct dvc_context *ctx, const struct json *item, struct str key)
{
    struct dvc_context out = *ctx;
    out.root.members = arena_alloc(op->arena, ((size_t)ctx->root.len + 2) * sizeof(struct json_member));
    uint32_t n = 0;
    out.root.members[n++] = (struct json_member){.key = STR("item"), .value = *item};
    if (key.len)
        out.root.members[n++] = (struct json_member){.key = STR("key"), .value = {.type = JSON_STRING, .s = key}};
    for (uint32_t i = 0; i < ctx->root.len; i++) {
        struct str k = ctx->root.members[i].key;
        if (!str_eqc(k, "item") && !(key.len && str_eqc(k, "key")))
            out.root.members[n++] = ctx->root.members[i];
    }
    out.root.len = n;
    return out;
}

/* --- expressions --- */

/* Position of the next `${...}` at or after `from`: its start and the length with both braces. */
static bool expression_find(struct str s, size_t from, size_t *ret_start, size_t *ret_len)
{
    for (size_t i = from; i + 1 < s.len; i++) {
        if (s.p[i] != '$' || s.p[i + 1] != '{' || (i > 0 && s.p[i - 1] == '\\'))
            continue;
        for (size_t k = i + 2; k < s.len && s.p[k] != '\n'; k++) {
            if (s.p[k] == '}') {
                *ret_start = i;
                *ret_len = k + 1 - i;
                return true;
            }
        }
    }
    return false;
}

bool dvc_is_template(struct str text)
{
    size_t start, len;
    return expression_find(text, 0, &start, &len);
}

static const struct json *step_into(const struct json *at, struct str word)
{
    word = str_trim(word);
    if (at->type == JSON_OBJECT)
        return json_get_str(at, word);
    int64_t index;
    if (at->type != JSON_ARRAY || !str_parse_i64(word, &index))
        return NULL;
    if (index < 0)
        index += (int64_t)at->len;
    return index >= 0 && index < (int64_t)at->len ? &at->items[index] : NULL;
}

/* Takes one word off the front of an expression; false on bad syntax. */
static bool word_take(struct str *rest, bool first, struct str *ret)
{
    bool index = !first && rest->p[0] == '[';
    size_t i = first ? 0 : 1;
    size_t start = i;
    if (!first && !index && rest->p[0] != '.')
        return false;
    while (i < rest->len && !memchr(".[]", rest->p[i], 3))
        i++;
    *ret = str_sub(*rest, start, i - start);
    if (index) {
        if (i == rest->len || rest->p[i] != ']')
            return false;
        i++;
    }
    *rest = str_sub(*rest, i, rest->len);
    return ret->len > 0;
}

static enum err expression_value(struct op *op, const struct dvc_context *ctx, struct str expr, const char *where,
                                 const struct json **ret)
{
    const struct json *at = &ctx->root;
    struct str rest = expr, word;
    for (bool first = true; first || rest.len; first = false) {
        if (!word_take(&rest, first, &word))
            return op_fail(op, E_INVALID, "%s: '${%.*s}' is no valid expression", where, STR_FMT(expr));
        at = step_into(at, word);
        if (!at)
            return op_fail(op, E_INVALID, "%s: could not find '%.*s' in the variables", where, STR_FMT(expr));
    }
    *ret = at;
    return OK;
}

/* --- text --- */

void dvc_scalar_text(struct buf *b, const struct json *j)
{
    char num[40];
    switch (j->type) {
    case JSON_NULL:
        buf_add_cstr(b, "None");
        break;
    case JSON_BOOL:
        buf_add_cstr(b, j->boolean ? "true" : "false");
        break;
    case JSON_INT:
        buf_addf(b, "%lld", (long long)j->i);
        break;
    case JSON_UINT:
        buf_addf(b, "%llu", (unsigned long long)j->u);
        break;
    case JSON_REAL:
        if (__builtin_isfinite(j->f))
            buf_add(b, num, json_format_f64(j->f, num));
        else
            buf_add_cstr(b, __builtin_isnan(j->f) ? "nan" : j->f > 0 ? "inf" : "-inf");
        break;
    case JSON_STRING:
        buf_add_str(b, j->s);
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
    case JSON_INTS:
    case JSON_REALS:
        break; /* refused before */
    }
}

static void shell_quote(struct buf *b, struct str s)
{
    bool safe = s.len > 0;
    for (size_t i = 0; i < s.len && safe; i++) {
        char c = s.p[i];
        safe = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || memchr("_@%+=:,./-", c, 10);
    }
    if (safe) {
        buf_add_str(b, s);
        return;
    }
    buf_add_char(b, '\'');
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == '\'')
            buf_add_cstr(b, "'\"'\"'");
        else
            buf_add_char(b, s.p[i]);
    }
    buf_add_char(b, '\'');
}

static void flag_item(struct buf *b, const struct json *v)
{
    if (v->type == JSON_STRING)
        shell_quote(b, v->s);
    else if (v->type == JSON_BOOL)
        buf_add_cstr(b, v->boolean ? "True" : "False"); /* Python's text, inside a list only */
    else
        dvc_scalar_text(b, v);
    buf_add_char(b, ' ');
}

static enum err flag_list(struct op *op, const struct dvc_context *ctx, struct buf *b, struct str key,
                          const struct json *v, const char *where)
{
    for (uint32_t i = 0; i < v->len; i++) {
        if (is_composite(&v->items[i]))
            return op_fail(op, E_INVALID, "%s: cannot interpolate a nested list or map in '%.*s'", where, STR_FMT(key));
        if (i == 0 || ctx->list_append)
            buf_addf(b, "--%.*s ", STR_FMT(key));
        flag_item(b, &v->items[i]);
    }
    return OK;
}

static enum err flags_add(struct op *op, const struct dvc_context *ctx, struct buf *b, struct str prefix,
                          const struct json *map, const char *where, int depth)
{
    if (depth > LIMIT_JSON_DEPTH)
        return op_fail(op, E_TOO_LARGE, "%s: map nests too deep", where);
    for (uint32_t i = 0; i < map->len; i++) {
        const struct json *v = &map->members[i].value;
        struct str key = map->members[i].key;
        if (prefix.len)
            key = str_from(op_printf(op, "%.*s.%.*s", STR_FMT(prefix), STR_FMT(key)));
        enum err e = OK;
        if (v->type == JSON_OBJECT && v->len) {
            e = flags_add(op, ctx, b, key, v, where, depth + 1);
        } else if (v->type == JSON_ARRAY) {
            e = flag_list(op, ctx, b, key, v, where);
        } else if (v->type == JSON_BOOL) {
            if (v->boolean || ctx->bool_optional)
                buf_addf(b, "--%s%.*s ", v->boolean ? "" : "no-", STR_FMT(key));
        } else if (v->type != JSON_OBJECT) {
            buf_addf(b, "--%.*s ", STR_FMT(key));
            flag_item(b, v);
        }
        if (e)
            return e;
    }
    return OK;
}

static enum err value_text(struct op *op, const struct dvc_context *ctx, struct buf *b, const struct json *v,
                           unsigned flags, const char *where)
{
    if (!is_composite(v)) {
        dvc_scalar_text(b, v);
        return OK;
    }
    if (v->type != JSON_OBJECT || !(flags & DVC_RESOLVE_CMD))
        return op_fail(op, E_INVALID, "%s: cannot interpolate a %s", where, v->type == JSON_OBJECT ? "map" : "list");
    enum err e = flags_add(op, ctx, b, STR(""), v, where, 0);
    while (b->len && b->p[b->len - 1] == ' ')
        b->len--;
    return e;
}

/* Text between expressions, with `\${` made `${`. */
static void literal_add(struct buf *b, struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!(s.p[i] == '\\' && i + 2 < s.len && s.p[i + 1] == '$' && s.p[i + 2] == '{'))
            buf_add_char(b, s.p[i]);
    }
}

static enum err text_resolve(struct op *op, const struct dvc_context *ctx, struct str s, unsigned flags,
                             const char *where, struct json *ret)
{
    size_t start, len, at = 0;
    const struct json *v;
    enum err e = OK;
    if (expression_find(s, 0, &start, &len) && start == 0 && len == s.len) {
        if ((e = expression_value(op, ctx, str_sub(s, 2, len - 3), where, &v)))
            return e;
        if (!is_composite(v) || (flags & DVC_RESOLVE_ANY)) {
            *ret = *v;
            return OK;
        }
    }
    struct buf b;
    buf_init(&b, LIMIT_PIPELINE_FILE_BYTES);
    while (!e && expression_find(s, at, &start, &len)) {
        literal_add(&b, str_sub(s, at, start - at));
        e = expression_value(op, ctx, str_sub(s, start + 2, len - 3), where, &v);
        if (!e)
            e = value_text(op, ctx, &b, v, flags, where);
        at = start + len;
    }
    literal_add(&b, str_sub(s, at, s.len));
    if (!e && b.failed)
        e = op_fail(op, E_TOO_LARGE, "%s: the text grows too long", where);
    if (!e)
        *ret = (struct json){.type = JSON_STRING, .s = str_dup(op->arena, buf_str(&b))};
    buf_clear(&b);
    return e;
}

static enum err object_resolve(struct op *op, const struct dvc_context *ctx, const struct json *src, unsigned flags,
                               const char *where, struct json *ret)
{
    struct json out = {.type = JSON_OBJECT, .len = src->len};
    out.members = arena_alloc(op->arena, ((size_t)src->len + 1) * sizeof(struct json_member));
    for (uint32_t i = 0; i < src->len; i++) {
        struct json key;
        enum err e = text_resolve(op, ctx, src->members[i].key, DVC_RESOLVE_PLAIN, where, &key);
        if (e)
            return e;
        if (key.type != JSON_STRING)
            return op_fail(op, E_INVALID, "%s: a key must be text", where);
        out.members[i].key = key.s;
        e = dvc_resolve(op, ctx, &src->members[i].value, flags, where, &out.members[i].value);
        if (e)
            return e;
    }
    *ret = out;
    return OK;
}

enum err dvc_resolve(struct op *op, const struct dvc_context *ctx, const struct json *src, unsigned flags,
                     const char *where, struct json *ret)
{
    if (src->type == JSON_STRING)
        return text_resolve(op, ctx, src->s, flags, where, ret);
    if (src->type == JSON_OBJECT)
        return object_resolve(op, ctx, src, flags, where, ret);
    struct json out = *src;
    if (src->type == JSON_ARRAY) {
        out.items = arena_alloc(op->arena, ((size_t)src->len + 1) * sizeof(struct json));
        for (uint32_t i = 0; i < src->len; i++) {
            enum err e = dvc_resolve(op, ctx, &src->items[i], flags, where, &out.items[i]);
            if (e)
                return e;
        }
    }
    *ret = out;
    return OK;
}
