#include "core/pipeline/dvc_lock.h"

#include "base/limits.h"
#include "base/yaml.h"
#include "core/pipeline/dvc_params.h"
#include "core/pipeline/fspath.h"

static struct json text(struct str s)
{
    return (struct json){.type = JSON_STRING, .s = s};
}

static void put(struct json *obj, const char *key, struct json value)
{
    obj->members[obj->len++] = (struct json_member){.key = str_from(key), .value = value};
}

static struct json object(struct op *op, size_t room)
{
    return (struct json){.type = JSON_OBJECT, .members = arena_alloc(op->arena, (room + 1) * sizeof(struct json_member))};
}

static enum err lock_check(struct op *op, const struct json *doc)
{
    const struct json *schema = json_get(doc, "schema"), *stages = json_get(doc, "stages");
    if (!schema || schema->type != JSON_STRING || !str_eqc(schema->s, "2.0"))
        return op_fail(op, E_INVALID, "dvc.lock: 'schema' is not '2.0'");
    if (stages && stages->type != JSON_OBJECT && stages->type != JSON_NULL)
        return op_fail(op, E_INVALID, "dvc.lock: 'stages' is no map");
    for (uint32_t i = 0; stages && stages->type == JSON_OBJECT && i < stages->len; i++) {
        if (!dvc_lock_entry_ok(&stages->members[i].value))
            return op_fail(op, E_INVALID, "dvc.lock: stages.%.*s is malformed", STR_FMT(stages->members[i].key));
    }
    return OK;
}

/* Copies the document so that members can be added. */
static enum err lock_adopt(struct op *op, struct dvc_lock *l, const struct json *src)
{
    l->doc = object(op, (size_t)src->len + 1);
    for (uint32_t i = 0; i < src->len; i++)
        l->doc.members[l->doc.len++] = src->members[i];
    for (uint32_t i = 0; i < l->doc.len; i++) {
        if (str_eqc(l->doc.members[i].key, "stages"))
            l->stages = &l->doc.members[i].value;
    }
    if (!l->stages) {
        put(&l->doc, "stages", (struct json){.type = JSON_OBJECT});
        l->stages = &l->doc.members[l->doc.len - 1].value;
    }
    if (l->stages->type == JSON_NULL)
        *l->stages = (struct json){.type = JSON_OBJECT};
    l->stages_cap = l->stages->len;
    for (uint32_t i = 0; i < l->stages->len; i++) {
        if (!map_put(&l->index, l->stages->members[i].key, (void *)(uintptr_t)(i + 1)))
            return op_fail(op, E_TOO_LARGE, "dvc.lock: too many stages");
    }
    return OK;
}

/* Remembers which version of the file we know; true when it is another than before. */
static bool lock_look(struct op *op, struct dvc_lock *l)
{
    struct stat st;
    bool found = false;
    if (fspath_stat(op, l->path, &st, &found))
        op_clear(op);
    uint64_t inode = found ? (uint64_t)st.st_ino : 0;
    int64_t mtime_ns = found ? (int64_t)st.st_mtim.tv_sec * 1000000000LL + st.st_mtim.tv_nsec : 0;
    bool other = inode != l->seen_inode || mtime_ns != l->seen_mtime_ns;
    l->seen_inode = inode;
    l->seen_mtime_ns = mtime_ns;
    return other;
}

static enum err lock_read(struct op *op, struct dvc_lock *l)
{
    map_init(&l->index, op->arena);
    l->stages = NULL;
    lock_look(op, l);
    struct str path = l->path;
    struct json empty = object(op, 1);
    put(&empty, "schema", text(STR("2.0")));
    struct json *doc = &empty;
    enum err e = OK;
    if (fspath_exists(op, path)) {
        struct str bytes;
        if ((e = fspath_read(op, path, LIMIT_PIPELINE_FILE_BYTES, &bytes)))
            return e;
        if (str_trim(bytes).len) {
            if ((e = yaml_parse(op, bytes, &doc)))
                return op_context(op, "dvc.lock");
            if ((e = lock_check(op, doc)))
                return e;
        }
    }
    return lock_adopt(op, l, doc);
}

enum err dvc_lock_load(struct op *op, struct str path, struct dvc_lock **ret)
{
    struct dvc_lock *l = op_new(op, struct dvc_lock);
    l->path = path;
    map_init(&l->mine, op->arena);
    enum err e = lock_read(op, l);
    if (e)
        return e;
    *ret = l;
    return OK;
}

const struct json *dvc_lock_find(const struct dvc_lock *l, struct str stage)
{
    uintptr_t at = (uintptr_t)map_find(&l->index, stage);
    return at ? &l->stages->members[at - 1].value : NULL;
}

static enum err lock_place(struct op *op, struct dvc_lock *l, struct str stage, const struct json *entry)
{
    uintptr_t at = (uintptr_t)map_find(&l->index, stage);
    if (at) {
        l->stages->members[at - 1].value = *entry;
        return OK;
    }
    if (l->stages->len == l->stages_cap) {
        size_t cap = l->stages_cap * 2 + 16;
        struct json_member *more = arena_array(op->arena, cap, struct json_member);
        if (!more)
            return op_fail(op, E_TOO_LARGE, "dvc.lock: too many stages");
        if (l->stages->len)
            memcpy(more, l->stages->members, l->stages->len * sizeof(*more));
        l->stages->members = more;
        l->stages_cap = cap;
    }
    struct json_member *m = &l->stages->members[l->stages->len++];
    *m = (struct json_member){.key = stage, .value = *entry};
    return map_put(&l->index, stage, (void *)(uintptr_t)l->stages->len) ? OK : op_fail(op, E_TOO_LARGE, "dvc.lock: too many stages");
}

enum err dvc_lock_set(struct op *op, struct dvc_lock *l, struct str stage, const struct json *entry)
{
    struct json *keep = op_new(op, struct json);
    *keep = *entry;
    l->dirty = true;
    if (!map_put(&l->mine, stage, keep))
        return op_fail(op, E_TOO_LARGE, "dvc.lock: too many stages");
    return lock_place(op, l, stage, entry);
}

static enum err lock_merge(struct op *op, struct dvc_lock *l)
{
    enum err e = lock_read(op, l);
    for (size_t i = 0; !e && i < l->mine.len; i++)
        e = lock_place(op, l, l->mine.entries[i].key, l->mine.entries[i].value);
    return e;
}

enum err dvc_lock_save(struct op *op, struct dvc_lock *l)
{
    if (!l->dirty)
        return OK;
    if (lock_look(op, l)) {
        enum err e = lock_merge(op, l);
        if (e)
            return e;
    }
    struct buf b;
    buf_init(&b, LIMIT_PIPELINE_FILE_BYTES);
    yaml_write(&b, &l->doc);
    enum err e = b.failed ? op_fail(op, E_TOO_LARGE, "dvc.lock grows beyond %zu bytes", LIMIT_PIPELINE_FILE_BYTES)
                          : fspath_write(op, l->path, buf_str(&b), true);
    buf_clear(&b);
    if (!e) {
        l->dirty = false;
        lock_look(op, l);
    }
    return e;
}

static struct json item_json(struct op *op, struct str path, const struct dvc_digest *d)
{
    struct json j = object(op, 6);
    put(&j, "path", text(path));
    put(&j, "hash", text(STR("md5")));
    put(&j, "md5", text(d->md5));
    put(&j, "size", (struct json){.type = JSON_INT, .i = (int64_t)d->size});
    if (d->dir)
        put(&j, "nfiles", (struct json){.type = JSON_INT, .i = (int64_t)d->nfiles});
    else if (d->exec)
        put(&j, "isexec", (struct json){.type = JSON_BOOL, .boolean = true});
    return j;
}

static struct json list(struct op *op, size_t n)
{
    return (struct json){.type = JSON_ARRAY, .len = (uint32_t)n, .items = arena_alloc(op->arena, (n + 1) * sizeof(struct json))};
}

struct json dvc_lock_entry(struct op *op, const struct dvc_stage *s, const struct dvc_digest *deps,
                           const struct json *params, const struct dvc_digest *outs)
{
    struct json entry = object(op, 4);
    put(&entry, "cmd", s->cmd);
    if (s->deps_len) {
        struct json j = list(op, s->deps_len);
        for (size_t i = 0; i < s->deps_len; i++)
            j.items[i] = item_json(op, s->deps[i].def, &deps[i]);
        put(&entry, "deps", j);
    }
    if (s->params_len) {
        struct json j = object(op, s->params_len);
        for (size_t i = 0; i < s->params_len; i++)
            j.members[j.len++] = (struct json_member){.key = s->params[i].path.def, .value = params[i]};
        put(&entry, "params", j);
    }
    if (s->outs_len) {
        struct json j = list(op, s->outs_len);
        for (size_t i = 0; i < s->outs_len; i++)
            j.items[i] = item_json(op, s->outs[i].path.def, &outs[i]);
        put(&entry, "outs", j);
    }
    return entry;
}

const struct json *dvc_lock_item(const struct json *entry, const char *list_name, struct str path)
{
    const struct json *items = entry ? json_get(entry, list_name) : NULL;
    for (uint32_t i = 0; items && items->type == JSON_ARRAY && i < items->len; i++) {
        const struct json *p = json_get(&items->items[i], "path");
        if (p && p->type == JSON_STRING && str_eq(p->s, path))
            return &items->items[i];
    }
    return NULL;
}

bool dvc_lock_md5_is(const struct json *item, struct str md5)
{
    const struct json *j = item ? json_get(item, "md5") : NULL;
    const struct json *kind = item ? json_get(item, "hash") : NULL;
    return j && kind && j->type == JSON_STRING && str_eq(j->s, md5) && kind->type == JSON_STRING && str_eqc(kind->s, "md5");
}

static bool items_ok(const struct json *items)
{
    if (!items || items->type == JSON_NULL)
        return true;
    if (items->type != JSON_ARRAY)
        return false;
    for (uint32_t i = 0; i < items->len; i++) {
        const struct json *p = json_get(&items->items[i], "path");
        if (!p || p->type != JSON_STRING || p->s.len == 0)
            return false;
    }
    return true;
}

bool dvc_lock_entry_ok(const struct json *entry)
{
    const struct json *cmd = json_get(entry, "cmd"), *params = json_get(entry, "params");
    if (!cmd || (cmd->type != JSON_STRING && cmd->type != JSON_ARRAY))
        return false;
    if (params && params->type != JSON_OBJECT && params->type != JSON_NULL)
        return false;
    return items_ok(json_get(entry, "deps")) && items_ok(json_get(entry, "outs"));
}
