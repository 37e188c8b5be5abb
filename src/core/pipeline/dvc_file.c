/* dvc_file.c - the schema of dvc.yaml (DVC 3), closed: an unknown key is an error, because a misspelt one would
 * silently change what runs. Ingot's own settings stand under meta.ingot, which stock dvc ignores.
 * Order of work per stage: find its context (global + its own vars), resolve every value, then check types:
 * a template may yield any type, so types can only be checked after it. */
#include "core/pipeline/dvc_file.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/vec.h"
#include "base/yaml.h"
#include "core/pipeline/dvc_policy.h"
#include "core/pipeline/dvc_template.h"
#include "core/pipeline/fspath.h"

struct reader {
    const struct workspace *ws;
    struct dvc_context ctx;
    VEC(struct dvc_stage) stages;
};

static const char *const top_keys[] = {"stages", "vars", "params", "metrics", "plots", "artifacts", "datasets", NULL};
static const char *const stage_keys[] = {"cmd", "wdir", "deps", "params", "outs", "metrics", "plots", "frozen",
                                         "always_changed", "desc", "meta", "vars", "matrix", NULL};
static const char *const foreach_keys[] = {"foreach", "do", NULL};
static const char *const out_keys[] = {"cache", "persist", "remote", "push", "desc", "type", "labels", "meta",
                                       "checkpoint", NULL};
static const char *const plot_keys[] = {"template", "x", "y", "x_label", "y_label", "title", "header", NULL};

static bool key_listed(struct str key, const char *const *list)
{
    for (; *list; list++) {
        if (str_eqc(key, *list))
            return true;
    }
    return false;
}

static enum err check_keys(struct op *op, const struct json *obj, const char *const *keys, const char *const *more,
                           const char *where)
{
    for (uint32_t i = 0; i < obj->len; i++) {
        struct str k = obj->members[i].key;
        if (!key_listed(k, keys) && !(more && key_listed(k, more)))
            return op_fail(op, E_INVALID, "%s: unknown key '%.*s'", where, STR_FMT(k));
    }
    return OK;
}

/* Letters, digits, '_' and '-'; bytes above ASCII are letters of some script. */
static enum err check_name(struct op *op, struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.p[i];
        if (!(c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-'))
            return op_fail(op, E_INVALID, "dvc.yaml: stage name '%.*s' has other characters than letters, digits, '_', '-'",
                           STR_FMT(name));
    }
    return name.len ? OK : op_fail(op, E_INVALID, "dvc.yaml: a stage has no name");
}

static int by_def(const void *a, const void *b)
{
    return str_cmp(((const struct dvc_path *)a)->def, ((const struct dvc_path *)b)->def);
}

static int by_out(const void *a, const void *b)
{
    return by_def(&((const struct dvc_out *)a)->path, &((const struct dvc_out *)b)->path);
}

static int by_params(const void *a, const void *b)
{
    struct str x = ((const struct dvc_params *)a)->path.def, y = ((const struct dvc_params *)b)->path.def;
    bool x_first = str_eqc(x, "params.yaml"), y_first = str_eqc(y, "params.yaml");
    return x_first != y_first ? (x_first ? -1 : 1) : str_cmp(x, y);
}

static int by_str(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static enum err read_path(struct op *op, struct str wdir, const struct json *j, const char *where, struct dvc_path *ret)
{
    if (j->type != JSON_STRING || j->s.len == 0)
        return op_fail(op, E_INVALID, "%s: expected a path, got %s", where, json_type_name(j->type));
    if (memchr(j->s.p, '\0', j->s.len))
        return op_fail(op, E_INVALID, "%s: a path cannot hold a NUL byte", where);
    if (str_find(j->s, STR("://")) != SIZE_MAX)
        return op_fail(op, E_UNSUPPORTED, "%s: remote path '%.*s'", where, STR_FMT(j->s));
    ret->def = j->s; /* as written, "./" and a last "/" included: dvc.lock is keyed by it */
    ret->abs = fspath_join(op, wdir, ret->def);
    return OK;
}

static enum err want_list(struct op *op, const struct json *j, const char *where)
{
    return j->type == JSON_ARRAY ? OK : op_fail(op, E_INVALID, "%s: expected a list, got %s", where, json_type_name(j->type));
}

static enum err read_cmd(struct op *op, const struct json *j, const char *where, struct dvc_stage *s)
{
    bool good = j->type == JSON_STRING || j->type == JSON_ARRAY;
    uint32_t n = j->type == JSON_ARRAY ? j->len : 1;
    for (uint32_t i = 0; good && i < n; i++) {
        const struct json *one = j->type == JSON_ARRAY ? &j->items[i] : j;
        good = one->type == JSON_STRING && one->s.len && !memchr(one->s.p, '\0', one->s.len);
    }
    if (!good || n == 0)
        return op_fail(op, E_INVALID, "%s: expected a command or a list of commands", where);
    s->cmd = *j;
    return OK;
}

static enum err read_deps(struct op *op, const struct json *j, const char *where, struct dvc_stage *s)
{
    enum err e = want_list(op, j, where);
    if (e)
        return e;
    s->deps = arena_alloc(op->arena, ((size_t)j->len + 1) * sizeof(*s->deps));
    for (uint32_t i = 0; i < j->len; i++) {
        e = read_path(op, s->wdir, &j->items[i], op_printf(op, "%s[%u]", where, i), &s->deps[i]);
        if (e)
            return e;
    }
    s->deps_len = j->len;
    qsort(s->deps, s->deps_len, sizeof(*s->deps), by_def);
    for (size_t i = 1; i < s->deps_len; i++) {
        if (str_eq(s->deps[i].abs, s->deps[i - 1].abs))
            return op_fail(op, E_INVALID, "%s: '%.*s' is listed twice", where, STR_FMT(s->deps[i].def));
    }
    return OK;
}

/* --- params --- */

static struct dvc_params *params_slot(struct op *op, struct dvc_stage *s, struct str file, size_t room)
{
    for (size_t i = 0; i < s->params_len; i++) {
        if (str_eq(s->params[i].path.def, file))
            return &s->params[i];
    }
    struct dvc_params *p = &s->params[s->params_len++];
    p->path = (struct dvc_path){.def = file, .abs = fspath_join(op, s->wdir, file)};
    p->keys = arena_alloc(op->arena, (room + 1) * sizeof(struct str));
    return p;
}

static enum err params_file(struct op *op, struct dvc_stage *s, const struct json_member *m, size_t room, const char *where)
{
    struct dvc_params *p = params_slot(op, s, m->key, room);
    if (m->value.type == JSON_NULL)
        return OK;
    enum err e = want_list(op, &m->value, where);
    for (uint32_t i = 0; !e && i < m->value.len; i++) {
        if (m->value.items[i].type != JSON_STRING)
            e = op_fail(op, E_INVALID, "%s[%u]: expected the name of a parameter", where, i);
        else
            p->keys[p->keys_len++] = m->value.items[i].s;
    }
    return e;
}

static void params_finish(struct dvc_params *p)
{
    if (p->keys_len < 2)
        return;
    qsort(p->keys, p->keys_len, sizeof(*p->keys), by_str);
    size_t n = 1;
    for (size_t i = 1; i < p->keys_len; i++) {
        if (!str_eq(p->keys[i], p->keys[n - 1]))
            p->keys[n++] = p->keys[i];
    }
    p->keys_len = n;
}

static enum err read_params(struct op *op, const struct json *j, const char *where, struct dvc_stage *s)
{
    enum err e = want_list(op, j, where);
    if (e)
        return e;
    size_t files = 1, room = j->len;
    for (uint32_t i = 0; i < j->len; i++) {
        const struct json *it = &j->items[i];
        files += it->type == JSON_OBJECT ? it->len : 0;
        for (uint32_t k = 0; it->type == JSON_OBJECT && k < it->len; k++)
            room += it->members[k].value.type == JSON_ARRAY ? it->members[k].value.len : 0;
    }
    s->params = arena_alloc(op->arena, files * sizeof(*s->params));
    for (uint32_t i = 0; !e && i < j->len; i++) {
        const struct json *it = &j->items[i];
        const char *at = op_printf(op, "%s[%u]", where, i);
        if (it->type == JSON_STRING) {
            struct dvc_params *p = params_slot(op, s, STR("params.yaml"), room);
            p->keys[p->keys_len++] = it->s;
        } else if (it->type == JSON_OBJECT) {
            for (uint32_t k = 0; !e && k < it->len; k++)
                e = params_file(op, s, &it->members[k], room, at);
        } else {
            e = op_fail(op, E_INVALID, "%s: expected a parameter or {file: [parameters]}", at);
        }
    }
    for (size_t i = 0; !e && i < s->params_len; i++)
        params_finish(&s->params[i]);
    if (!e)
        qsort(s->params, s->params_len, sizeof(*s->params), by_params);
    return e;
}

/* --- outs, metrics, plots --- */

static enum err out_flag(struct op *op, const struct json *props, const char *key, bool *io, const char *where)
{
    const struct json *j = json_get(props, key);
    if (!j)
        return OK;
    if (j->type != JSON_BOOL)
        return op_fail(op, E_INVALID, "%s: '%s' must be true or false", where, key);
    *io = j->boolean;
    return OK;
}

static enum err out_props(struct op *op, const struct json *props, const char *where, struct dvc_out *out)
{
    if (props->type != JSON_OBJECT)
        return op_fail(op, E_INVALID, "%s: expected {path: {settings}}", where);
    enum err e = check_keys(op, props, out_keys, out->plot ? plot_keys : NULL, where);
    if (!e)
        e = out_flag(op, props, "cache", &out->cache, where);
    if (!e)
        e = out_flag(op, props, "persist", &out->persist, where);
    return e;
}

static enum err read_out(struct op *op, const struct workspace *ws, const struct json *j, const char *where,
                         struct str wdir, struct dvc_out *out)
{
    struct json key = *j;
    enum err e = OK;
    if (j->type == JSON_OBJECT) {
        if (j->len != 1)
            return op_fail(op, E_INVALID, "%s: expected one path with its settings", where);
        key = (struct json){.type = JSON_STRING, .s = j->members[0].key};
        const struct json *props = &j->members[0].value;
        if (out->plot && props->type == JSON_ARRAY) { /* several plots of one file */
            for (uint32_t i = 0; !e && i < props->len; i++)
                e = out_props(op, &props->items[i], where, out);
        } else {
            e = out_props(op, props, where, out);
        }
    }
    if (!e)
        e = read_path(op, wdir, &key, where, &out->path);
    if (!e && !workspace_contains(ws, out->path.abs))
        e = op_fail(op, E_INVALID, "%s: output '%.*s' is outside of the repository", where, STR_FMT(out->path.def));
    if (!e && fspath_inside(fspath_join(op, ws->root, STR(".dvc")), out->path.abs))
        e = op_fail(op, E_INVALID, "%s: output '%.*s' is inside of .dvc", where, STR_FMT(out->path.def));
    if (!e && fspath_inside(out->path.abs, ws->dir))
        e = op_fail(op, E_INVALID, "%s: output '%.*s' holds the pipeline itself", where, STR_FMT(out->path.def));
    return e;
}

static enum err read_outs(struct op *op, const struct workspace *ws, const struct json *stage, const char *where,
                          struct dvc_stage *s)
{
    static const char *const kinds[] = {"outs", "metrics", "plots"};
    size_t room = 0;
    for (int k = 0; k < 3; k++) {
        const struct json *j = json_get(stage, kinds[k]);
        room += j && j->type == JSON_ARRAY ? j->len : 0;
    }
    s->outs = arena_alloc(op->arena, (room + 1) * sizeof(*s->outs));
    for (int k = 0; k < 3; k++) {
        const struct json *j = json_get(stage, kinds[k]);
        enum err e = j ? want_list(op, j, op_printf(op, "%s.%s", where, kinds[k])) : OK;
        for (uint32_t i = 0; !e && j && i < j->len; i++) {
            struct dvc_out *o = &s->outs[s->outs_len++];
            *o = (struct dvc_out){.cache = true, .metric = k == 1, .plot = k == 2};
            e = read_out(op, ws, &j->items[i], op_printf(op, "%s.%s[%u]", where, kinds[k], i), s->wdir, o);
        }
        if (e)
            return e;
    }
    qsort(s->outs, s->outs_len, sizeof(*s->outs), by_out);
    return OK;
}

/* --- one stage --- */

static enum err read_bool(struct op *op, const struct json *obj, const char *key, const char *where, bool *ret)
{
    return out_flag(op, obj, key, ret, where);
}

/* Resolves every value of a stage but `vars`. */
static enum err stage_resolve(struct op *op, const struct dvc_context *ctx, const struct json *def, const char *where,
                              struct json *ret)
{
    struct json out = {.type = JSON_OBJECT};
    out.members = arena_alloc(op->arena, ((size_t)def->len + 1) * sizeof(struct json_member));
    for (uint32_t i = 0; i < def->len; i++) {
        const struct json_member *m = &def->members[i];
        if (str_eqc(m->key, "vars") || str_eqc(m->key, "matrix"))
            continue;
        const char *at = op_printf(op, "%s.%.*s", where, STR_FMT(m->key));
        unsigned flags = str_eqc(m->key, "cmd") ? DVC_RESOLVE_CMD : DVC_RESOLVE_PLAIN;
        struct json_member *to = &out.members[out.len++];
        to->key = m->key;
        enum err e = dvc_resolve(op, ctx, &m->value, flags, at, &to->value);
        if (e)
            return e;
    }
    *ret = out;
    return OK;
}

static enum err stage_fill(struct op *op, const struct workspace *ws, const struct json *j, const char *where,
                           struct dvc_stage *s)
{
    const struct json *v;
    enum err e = read_cmd(op, json_get(j, "cmd"), op_printf(op, "%s.cmd", where), s);
    if (!e && (v = json_get(j, "deps")))
        e = read_deps(op, v, op_printf(op, "%s.deps", where), s);
    if (!e && (v = json_get(j, "params")))
        e = read_params(op, v, op_printf(op, "%s.params", where), s);
    if (!e)
        e = read_outs(op, ws, j, where, s);
    if (!e)
        e = read_bool(op, j, "frozen", where, &s->frozen);
    if (!e)
        e = read_bool(op, j, "always_changed", where, &s->always_changed);
    if (!e)
        e = json_opt_str(op, j, "desc", STR(""), &s->desc);
    if (!e)
        e = dvc_policy_parse(op, json_get(j, "meta"), op_printf(op, "%s.meta", where), &s->policy);
    return e;
}

static enum err stage_add(struct op *op, struct reader *r, const struct dvc_context *outer, struct str name,
                          const struct json *def)
{
    const char *where = op_printf(op, "dvc.yaml: stages.%.*s", STR_FMT(name));
    if (def->type != JSON_OBJECT)
        return op_fail(op, E_INVALID, "%s: expected a map", where);
    enum err e = check_keys(op, def, stage_keys, NULL, where);
    if (!e && !json_get(def, "cmd"))
        e = op_fail(op, E_INVALID, "%s: 'cmd' is missing", where);
    if (e)
        return e;
    struct dvc_context ctx = *outer;
    struct dvc_stage s = {.name = name, .wdir = r->ws->dir};
    const struct json *wdir = json_get(def, "wdir");
    if (wdir) {
        struct json dir;
        e = dvc_resolve(op, &ctx, wdir, DVC_RESOLVE_PLAIN, op_printf(op, "%s.wdir", where), &dir);
        if (!e && dir.type != JSON_STRING)
            e = op_fail(op, E_INVALID, "%s.wdir: expected a folder", where);
        if (e)
            return e;
        s.wdir = fspath_join(op, r->ws->dir, dir.s);
    }
    struct json resolved;
    e = dvc_context_vars(op, &ctx, s.wdir, json_get(def, "vars"), op_printf(op, "%s.vars", where));
    if (!e)
        e = stage_resolve(op, &ctx, def, where, &resolved);
    if (!e)
        e = stage_fill(op, r->ws, &resolved, where, &s);
    if (e)
        return e;
    struct dvc_stage *slot = r->stages.len < LIMIT_PIPELINE_STAGES ? vec_push(&r->stages, op->arena) : NULL;
    if (!slot)
        return op_fail(op, E_TOO_LARGE, "dvc.yaml: more than %d stages", LIMIT_PIPELINE_STAGES);
    *slot = s;
    return OK;
}

static struct str scalar_str(struct op *op, const struct json *j)
{
    struct buf b;
    buf_init(&b, LIMIT_PIPELINE_FILE_BYTES);
    dvc_scalar_text(&b, j);
    struct str s = str_dup(op->arena, buf_str(&b));
    buf_clear(&b);
    return s;
}

static struct str generated_name(struct op *op, struct str group, struct str key)
{
    return str_from(op_printf(op, "%.*s@%.*s", STR_FMT(group), STR_FMT(key)));
}

/* A list without lists or maps names its stages by value, any other by index; a map by key. */
static enum err foreach_expand(struct op *op, struct reader *r, struct str name, const struct json *def)
{
    const char *where = op_printf(op, "dvc.yaml: stages.%.*s", STR_FMT(name));
    enum err e = check_keys(op, def, foreach_keys, NULL, where);
    const struct json *src = json_get(def, "foreach"), *body = json_get(def, "do");
    if (!e && (!src || !body))
        e = op_fail(op, E_INVALID, "%s: 'foreach' and 'do' belong together", where);
    struct json list;
    if (!e)
        e = dvc_resolve(op, &r->ctx, src, DVC_RESOLVE_ANY, op_printf(op, "%s.foreach", where), &list);
    if (!e && list.type != JSON_ARRAY && list.type != JSON_OBJECT)
        e = op_fail(op, E_INVALID, "%s.foreach: expected a list or a map, got %s", where, json_type_name(list.type));
    bool map = !e && list.type == JSON_OBJECT, composite = false;
    for (uint32_t i = 0; !e && !map && i < list.len; i++)
        composite |= list.items[i].type == JSON_ARRAY || list.items[i].type == JSON_OBJECT;
    for (uint32_t i = 0; !e && i < list.len; i++) {
        const struct json *item = map ? &list.members[i].value : &list.items[i];
        struct str key = map ? list.members[i].key : composite ? str_from(op_printf(op, "%u", i)) : scalar_str(op, item);
        struct dvc_context ctx = dvc_context_with(op, &r->ctx, item, map ? key : STR(""));
        e = stage_add(op, r, &ctx, generated_name(op, name, key), body);
    }
    return e;
}

/* One combination: value `pick[k]` of variable k. */
static enum err matrix_one(struct op *op, struct reader *r, struct str name, const struct json *def,
                           const struct json *axes, const uint32_t *pick)
{
    struct json item = {.type = JSON_OBJECT, .len = axes->len};
    item.members = arena_alloc(op->arena, ((size_t)axes->len + 1) * sizeof(struct json_member));
    struct str key = STR("");
    for (uint32_t k = 0; k < axes->len; k++) {
        struct str axis = axes->members[k].key;
        const struct json *v = &axes->members[k].value.items[pick[k]];
        item.members[k] = (struct json_member){.key = axis, .value = *v};
        struct str part = v->type == JSON_ARRAY || v->type == JSON_OBJECT
                              ? str_from(op_printf(op, "%.*s%u", STR_FMT(axis), pick[k]))
                              : scalar_str(op, v);
        key = str_from(op_printf(op, "%.*s%s%.*s", STR_FMT(key), k ? "-" : "", STR_FMT(part)));
    }
    struct dvc_context ctx = dvc_context_with(op, &r->ctx, &item, key);
    return stage_add(op, r, &ctx, generated_name(op, name, key), def);
}

static enum err matrix_expand(struct op *op, struct reader *r, struct str name, const struct json *def)
{
    const char *where = op_printf(op, "dvc.yaml: stages.%.*s.matrix", STR_FMT(name));
    const struct json *src = json_get(def, "matrix");
    struct json axes;
    enum err e = src->type == JSON_OBJECT && src->len ? OK : op_fail(op, E_INVALID, "%s: expected a map of lists", where);
    if (!e)
        e = dvc_resolve(op, &r->ctx, src, DVC_RESOLVE_ANY, where, &axes);
    for (uint32_t k = 0; !e && k < axes.len; k++) {
        if (axes.members[k].value.type != JSON_ARRAY)
            e = op_fail(op, E_INVALID, "%s.%.*s: expected a list", where, STR_FMT(axes.members[k].key));
        else if (axes.members[k].value.len == 0)
            return OK; /* no combination at all */
    }
    if (e)
        return e;
    uint32_t *pick = arena_alloc(op->arena, axes.len * sizeof(*pick));
    for (;;) {
        if ((e = matrix_one(op, r, name, def, &axes, pick)))
            return e;
        uint32_t k = axes.len;
        while (k > 0 && ++pick[k - 1] == axes.members[k - 1].value.len)
            pick[--k] = 0;
        if (k == 0)
            return OK;
    }
}

static enum err check_top(struct op *op, const struct json *doc)
{
    if (doc->type != JSON_OBJECT)
        return op_fail(op, E_INVALID, "dvc.yaml: expected a map, got %s", json_type_name(doc->type));
    enum err e = check_keys(op, doc, top_keys, NULL, "dvc.yaml");
    for (uint32_t i = 0; !e && i < doc->len; i++) {
        struct str k = doc->members[i].key;
        bool map = str_eqc(k, "stages") || str_eqc(k, "artifacts");
        if (!str_eqc(k, "datasets") && doc->members[i].value.type != (map ? JSON_OBJECT : JSON_ARRAY))
            e = op_fail(op, E_INVALID, "dvc.yaml: %.*s: expected a %s", STR_FMT(k), map ? "map" : "list");
    }
    return e;
}

static enum err stages_read(struct op *op, struct reader *r, const struct json *stages)
{
    enum err e = OK;
    for (uint32_t i = 0; !e && stages && i < stages->len; i++) {
        struct str name = stages->members[i].key;
        const struct json *def = &stages->members[i].value;
        if ((e = check_name(op, name)))
            break;
        if (json_get(def, "foreach") || json_get(def, "do"))
            e = foreach_expand(op, r, name, def);
        else if (json_get(def, "matrix"))
            e = matrix_expand(op, r, name, def);
        else
            e = stage_add(op, r, &r->ctx, name, def);
    }
    return e;
}

static enum err check_unique(struct op *op, const struct dvc_file *f)
{
    struct map seen;
    map_init(&seen, op->arena);
    for (size_t i = 0; i < f->len; i++) {
        if (map_has(&seen, f->stages[i].name))
            return op_fail(op, E_INVALID, "dvc.yaml: two stages are called '%.*s'", STR_FMT(f->stages[i].name));
        if (!map_put(&seen, f->stages[i].name, &f->stages[i]))
            return op_fail(op, E_TOO_LARGE, "dvc.yaml: too many stages");
    }
    return OK;
}

enum err dvc_file_parse(struct op *op, const struct workspace *ws, struct str text, struct dvc_file **ret)
{
    struct json *doc;
    enum err e = yaml_parse(op, text, &doc);
    if (e)
        return op_context(op, "dvc.yaml");
    if ((e = check_top(op, doc)))
        return e;
    struct reader r = {.ws = ws};
    r.ctx.root.type = JSON_OBJECT;
    r.ctx.list_append = ws->list_append;
    r.ctx.bool_optional = ws->bool_optional;
    if (fspath_exists(op, fspath_join(op, ws->dir, STR("params.yaml"))))
        e = dvc_context_import(op, &r.ctx, ws->dir, STR("params.yaml"), "dvc.yaml");
    if (!e)
        e = dvc_context_vars(op, &r.ctx, ws->dir, json_get(doc, "vars"), "dvc.yaml: vars");
    if (!e)
        e = stages_read(op, &r, json_get(doc, "stages"));
    if (e)
        return e;
    struct dvc_file *f = op_new(op, struct dvc_file);
    *f = (struct dvc_file){.stages = r.stages.p, .len = r.stages.len};
    if ((e = check_unique(op, f)))
        return e;
    *ret = f;
    return OK;
}

enum err dvc_file_load(struct op *op, const struct workspace *ws, struct dvc_file **ret)
{
    struct str text;
    enum err e = fspath_read(op, fspath_join(op, ws->dir, STR("dvc.yaml")), LIMIT_PIPELINE_FILE_BYTES, &text);
    return e ? e : dvc_file_parse(op, ws, text, ret);
}
