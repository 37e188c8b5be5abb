#include "core/pipeline/dvc_stage.h"

#include <stdlib.h>

#include "core/pipeline/dvc_cache.h"
#include "core/pipeline/dvc_params.h"
#include "core/pipeline/dvc_runs.h"
#include "core/pipeline/fspath.h"

/* --- inputs --- */

static int by_key(const void *a, const void *b)
{
    return str_cmp(((const struct json_member *)a)->key, ((const struct json_member *)b)->key);
}

static enum err params_read(struct op *op, const struct dvc_params *p, struct json *ret)
{
    const struct json *doc;
    if (!fspath_exists(op, p->path.abs))
        return op_fail(op, E_NOT_FOUND, "parameter file '%.*s' does not exist", STR_FMT(p->path.def));
    enum err e = dvc_params_load(op, p->path.abs, p->path.def, &doc);
    if (e)
        return e;
    size_t n = p->keys_len ? p->keys_len : doc->len;
    struct json out = {.type = JSON_OBJECT, .members = arena_alloc(op->arena, (n + 1) * sizeof(struct json_member))};
    for (size_t i = 0; i < n; i++) {
        struct str key = p->keys_len ? p->keys[i] : doc->members[i].key;
        const struct json *v = p->keys_len ? dvc_params_find(doc, key) : &doc->members[i].value;
        if (!v)
            return op_fail(op, E_NOT_FOUND, "parameter '%.*s' is missing from '%.*s'", STR_FMT(key), STR_FMT(p->path.def));
        out.members[out.len++] = (struct json_member){.key = key, .value = *v};
    }
    qsort(out.members, out.len, sizeof(*out.members), by_key);
    *ret = out;
    return OK;
}

enum err dvc_stage_inputs(struct op *op, struct dvc_session *d, const struct dvc_stage *s, struct dvc_inputs *ret)
{
    struct dvc_inputs in = {
        .deps = arena_alloc(op->arena, (s->deps_len + 1) * sizeof(struct dvc_digest)),
        .params = arena_alloc(op->arena, (s->params_len + 1) * sizeof(struct json)),
    };
    for (size_t i = 0; i < s->deps_len; i++) {
        if (!fspath_exists(op, s->deps[i].abs))
            return op_fail(op, E_NOT_FOUND, "dependency '%.*s' does not exist", STR_FMT(s->deps[i].def));
        enum err e = dvc_digest(op, &d->state, s->deps[i].abs, &in.deps[i]);
        if (e)
            return e;
    }
    for (size_t i = 0; i < s->params_len; i++) {
        enum err e = params_read(op, &s->params[i], &in.params[i]);
        if (e)
            return e;
    }
    *ret = in;
    return OK;
}

/* --- changed? --- */

static const char *param_changed(struct op *op, const struct dvc_params *p, const struct json *now, const struct json *entry)
{
    const struct json *files = json_get(entry, "params");
    const struct json *old = files ? json_get_str(files, p->path.def) : NULL;
    for (uint32_t i = 0; i < now->len; i++) {
        const struct json *was = old ? json_get_str(old, now->members[i].key) : NULL;
        if (!was || !dvc_params_equal(was, &now->members[i].value))
            return op_printf(op, "parameter '%.*s' of %.*s changed", STR_FMT(now->members[i].key), STR_FMT(p->path.def));
    }
    if (p->keys_len == 0 && (!old || old->len != now->len))
        return op_printf(op, "%.*s changed", STR_FMT(p->path.def));
    return NULL;
}

const char *dvc_stage_changed(struct op *op, const struct dvc_session *d, const struct dvc_stage *s, const struct dvc_inputs *in)
{
    const struct json *entry = dvc_lock_find(d->lock, s->name);
    if (!entry)
        return "it never ran";
    const struct json *cmd = json_get(entry, "cmd");
    if (!cmd || !dvc_params_equal(cmd, &s->cmd))
        return "its command changed";
    if (s->frozen)
        return NULL;
    if (s->always_changed)
        return "it is always_changed";
    if (s->deps_len + s->params_len + s->outs_len == 0)
        return "it has neither dependencies nor outputs";
    for (size_t i = 0; i < s->deps_len; i++) {
        if (!dvc_lock_md5_is(dvc_lock_item(entry, "deps", s->deps[i].def), in->deps[i].md5))
            return op_printf(op, "dependency '%.*s' changed", STR_FMT(s->deps[i].def));
    }
    const char *why = NULL;
    for (size_t i = 0; !why && i < s->params_len; i++)
        why = param_changed(op, &s->params[i], &in->params[i], entry);
    return why;
}

enum err dvc_stage_outs_changed(struct op *op, struct dvc_session *d, const struct dvc_stage *s, const char **ret_why)
{
    const struct json *entry = dvc_lock_find(d->lock, s->name);
    *ret_why = NULL;
    for (size_t i = 0; i < s->outs_len; i++) {
        const struct dvc_out *o = &s->outs[i];
        struct dvc_digest now;
        if (!fspath_exists(op, o->path.abs)) {
            *ret_why = op_printf(op, "output '%.*s' is missing", STR_FMT(o->path.def));
            return OK;
        }
        enum err e = dvc_digest(op, &d->state, o->path.abs, &now);
        if (e)
            return e;
        if (!dvc_lock_md5_is(dvc_lock_item(entry, "outs", o->path.def), now.md5)) {
            *ret_why = op_printf(op, "output '%.*s' changed", STR_FMT(o->path.def));
            return OK;
        }
        /* A right output whose cache object is gone (dvc gc, a fresh clone) is simply cached again. */
        bool has;
        if (o->cache && ((e = dvc_cache_has(op, d->ws, now.md5, &has)) ||
                         (!has && (e = dvc_cache_commit(op, d->ws, o->path.abs, &now, o->persist)))))
            return e;
    }
    return OK;
}

/* --- restore --- */

/* What a lock item says about an output. */
static bool item_digest(const struct json *item, struct dvc_digest *ret)
{
    const struct json *md5 = item ? json_get(item, "md5") : NULL, *j;
    struct dvc_digest d = {0};
    int64_t n;
    if (!md5 || md5->type != JSON_STRING || !dvc_lock_md5_is(item, md5->s))
        return false;
    d.md5 = md5->s;
    d.dir = str_ends(md5->s, STR(".dir"));
    if (!(j = json_get(item, "size")) || !json_as_i64(j, &n) || n < 0)
        return false;
    d.size = (uint64_t)n;
    if ((j = json_get(item, "nfiles")) && json_as_i64(j, &n) && n >= 0)
        d.nfiles = (uint64_t)n;
    j = json_get(item, "isexec");
    d.exec = j && j->type == JSON_BOOL && j->boolean;
    *ret = d;
    return true;
}

/* All outputs known to the entry and in the cache. */
static enum err restorable(struct op *op, struct dvc_session *d, const struct dvc_stage *s, const struct json *entry,
                           struct dvc_digest *outs, bool *ret)
{
    *ret = entry != NULL;
    for (size_t i = 0; *ret && i < s->outs_len; i++) {
        *ret = item_digest(dvc_lock_item(entry, "outs", s->outs[i].path.def), &outs[i]);
        if (*ret && dvc_cache_has(op, d->ws, outs[i].md5, ret)) {
            if (op->err != E_CORRUPT)
                return op->err;
            op_clear(op); /* a damaged entry or object restores nothing */
            *ret = false;
        }
    }
    return OK;
}

static struct json entry_of(struct op *op, const struct dvc_stage *s, const struct dvc_inputs *in, const struct dvc_digest *outs)
{
    return dvc_lock_entry(op, s, in->deps, in->params, outs);
}

enum err dvc_stage_restore(struct op *op, struct dvc_session *d, const struct dvc_stage *s, const struct dvc_inputs *in,
                           bool unchanged, bool dry, bool *ret_done)
{
    struct dvc_digest *outs = arena_alloc(op->arena, (s->outs_len + 1) * sizeof(*outs));
    enum err e = OK;
    *ret_done = false;
    if (s->outs_len == 0)
        return OK;
    if (unchanged)
        e = restorable(op, d, s, dvc_lock_find(d->lock, s->name), outs, ret_done);
    if (!e && !*ret_done && dvc_runs_eligible(d->ws, s, false)) {
        struct json probe = entry_of(op, s, in, outs);
        const struct json *found;
        e = dvc_runs_find(op, d->ws, &probe, &found);
        if (!e && found)
            e = restorable(op, d, s, found, outs, ret_done);
    }
    if (e || !*ret_done || dry)
        return e;
    for (size_t i = 0; !e && i < s->outs_len; i++) {
        const struct dvc_out *o = &s->outs[i];
        struct dvc_digest now;
        if (fspath_exists(op, o->path.abs) && (e = dvc_digest(op, &d->state, o->path.abs, &now)) == OK &&
            str_eq(now.md5, outs[i].md5))
            continue; /* in place already */
        if (!e)
            e = dvc_cache_checkout(op, d->ws, outs[i].md5, outs[i].exec, o->path.abs, o->persist || !o->cache);
        if (!e && o->cache)
            e = workspace_ignore(op, d->ws, o->path.abs);
    }
    if (e)
        return e;
    struct json entry = entry_of(op, s, in, outs);
    return dvc_lock_set(op, d->lock, s->name, &entry);
}

/* --- running --- */

enum err dvc_stage_clean(struct op *op, const struct dvc_stage *s)
{
    for (size_t i = 0; i < s->outs_len; i++) {
        enum err e = s->outs[i].persist ? OK : fspath_remove(op, s->outs[i].path.abs);
        if (e)
            return e;
    }
    return OK;
}

enum err dvc_stage_record(struct op *op, struct dvc_session *d, const struct dvc_stage *s, const struct dvc_inputs *in)
{
    struct dvc_digest *outs = arena_alloc(op->arena, (s->outs_len + 1) * sizeof(*outs));
    bool save = dvc_runs_eligible(d->ws, s, true);
    for (size_t i = 0; i < s->outs_len; i++) {
        const struct dvc_out *o = &s->outs[i];
        if (!fspath_exists(op, o->path.abs))
            return op_fail(op, E_NOT_FOUND, "output '%.*s' was not made", STR_FMT(o->path.def));
        enum err e = dvc_digest(op, &d->state, o->path.abs, &outs[i]);
        /* Uncached metrics and plots go into the cache too when the run may be restored from it. */
        if (!e && (o->cache || save))
            e = dvc_cache_commit(op, d->ws, o->path.abs, &outs[i], o->persist || !o->cache);
        if (!e && o->cache)
            e = workspace_ignore(op, d->ws, o->path.abs);
        if (e)
            return e;
    }
    struct json entry = entry_of(op, s, in, outs);
    enum err e = save ? dvc_runs_save(op, d->ws, &entry) : OK;
    return e ? e : dvc_lock_set(op, d->lock, s->name, &entry);
}
