/* dvc_runs.c - the run cache.
 *
 * The hashed text is CPython's json.dumps(entry, sort_keys=True). Stock dvc drops every key called `size` or
 * `nfiles` at every depth before hashing, parameters of that name included; compatibility needs the same. */
#include "core/pipeline/dvc_runs.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/yaml.h"
#include "core/pipeline/dvc_lock.h"
#include "core/pipeline/fspath.h"

bool dvc_runs_eligible(const struct workspace *ws, const struct dvc_stage *s, bool save)
{
    if (s->always_changed || s->deps_len + s->params_len == 0 || s->outs_len == 0)
        return false;
    for (size_t i = 0; i < s->outs_len; i++) {
        const struct dvc_out *o = &s->outs[i];
        if (o->persist || !workspace_contains(ws, o->path.abs))
            return false;
        if (save && !o->cache && !o->metric && !o->plot)
            return false;
    }
    return true;
}

/* A copy without `size` and `nfiles`. The depth is that of a parsed document (LIMIT_JSON_DEPTH). */
static struct json pruned(struct op *op, const struct json *j)
{
    struct json out = *j;
    if (j->type == JSON_ARRAY) {
        out.items = arena_alloc(op->arena, ((size_t)j->len + 1) * sizeof(struct json));
        for (uint32_t i = 0; i < j->len; i++)
            out.items[i] = pruned(op, &j->items[i]);
    } else if (j->type == JSON_OBJECT) {
        out.len = 0;
        out.members = arena_alloc(op->arena, ((size_t)j->len + 1) * sizeof(struct json_member));
        for (uint32_t i = 0; i < j->len; i++) {
            struct str k = j->members[i].key;
            if (str_eqc(k, "size") || str_eqc(k, "nfiles"))
                continue;
            out.members[out.len++] = (struct json_member){.key = k, .value = pruned(op, &j->members[i].value)};
        }
    }
    return out;
}

static struct json paths_only(struct op *op, const struct json *outs)
{
    struct json list = {.type = JSON_ARRAY, .items = arena_alloc(op->arena, ((size_t)outs->len + 1) * sizeof(struct json))};
    for (uint32_t i = 0; i < outs->len; i++) {
        const struct json *p = json_get(&outs->items[i], "path");
        if (p)
            list.items[list.len++] = *p;
    }
    return list;
}

struct str dvc_runs_hash(struct op *op, const struct json *entry, bool key)
{
    struct json j = pruned(op, entry);
    for (uint32_t i = 0; key && i < j.len; i++) {
        if (str_eqc(j.members[i].key, "outs"))
            j.members[i].value = paths_only(op, &j.members[i].value);
    }
    struct buf b;
    buf_init(&b, LIMIT_PIPELINE_FILE_BYTES);
    json_dumps_python(&b, &j, true);
    if (b.failed) { /* a part of the text would name other entries too: this one is known to nobody */
        buf_clear(&b);
        return str_from(hash_random_hex(op->arena, HASH_SHA256_LEN));
    }
    uint8_t sum[HASH_SHA256_LEN];
    char *hex = arena_alloc(op->arena, 2 * HASH_SHA256_LEN + 1);
    hash_sha256(b.p, b.len, sum);
    hash_hex(sum, sizeof(sum), hex);
    buf_clear(&b);
    return str_from(hex);
}

static struct str key_dir(struct op *op, const struct workspace *ws, struct str key)
{
    return str_from(op_printf(op, "%.*s/runs/%.2s/%.*s", STR_FMT(ws->cache_dir), key.p, STR_FMT(key)));
}

/* The newest plain file of the folder; "" when there is none. */
static struct str newest(struct op *op, struct str dir)
{
    DIR *d = opendir(str_cstr(op->arena, dir));
    struct str best = STR("");
    struct timespec best_time = {0};
    struct dirent *it;
    while (d && (it = readdir(d))) {
        struct stat st;
        uint8_t raw[HASH_SHA256_LEN];
        if (!hash_unhex(str_from(it->d_name), raw, sizeof(raw)))
            continue;
        struct str path = fspath_join(op, dir, str_from(it->d_name));
        if (stat(str_cstr(op->arena, path), &st) < 0 || !S_ISREG(st.st_mode))
            continue;
        bool newer = st.st_mtim.tv_sec > best_time.tv_sec ||
                     (st.st_mtim.tv_sec == best_time.tv_sec && st.st_mtim.tv_nsec >= best_time.tv_nsec);
        if (best.len == 0 || newer) {
            best = path;
            best_time = st.st_mtim;
        }
    }
    if (d)
        closedir(d);
    return best;
}

enum err dvc_runs_find(struct op *op, const struct workspace *ws, const struct json *entry, const struct json **ret)
{
    *ret = NULL;
    struct str path = newest(op, key_dir(op, ws, dvc_runs_hash(op, entry, true))), text;
    struct json *doc;
    if (path.len == 0)
        return OK;
    if (fspath_read(op, path, LIMIT_PIPELINE_FILE_BYTES, &text) || yaml_parse(op, text, &doc) || !dvc_lock_entry_ok(doc)) {
        op_clear(op);
        return OK;
    }
    *ret = doc;
    return OK;
}

enum err dvc_runs_save(struct op *op, const struct workspace *ws, const struct json *entry)
{
    struct str dir = key_dir(op, ws, dvc_runs_hash(op, entry, true));
    struct str path = fspath_join(op, dir, dvc_runs_hash(op, entry, false));
    if (fspath_exists(op, path))
        return OK;
    enum err e = fspath_make_dirs(op, dir);
    if (e)
        return e;
    struct buf b;
    buf_init(&b, LIMIT_PIPELINE_FILE_BYTES);
    yaml_write(&b, entry);
    e = b.failed ? op_fail(op, E_TOO_LARGE, "a run-cache entry grows too large") : fspath_write(op, path, buf_str(&b), false);
    buf_clear(&b);
    return e;
}
