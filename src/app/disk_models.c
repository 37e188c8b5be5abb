#include "app/disk_models.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "adapter/declared/declared.h"
#include "adapter/repository/beside.h"
#include "adapter/repository/repository.h"
#include "adapter/repository/triton_config.h"
#include "adapter/repository/triton_ensemble.h"
#include "app/backends.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/thread.h"
#include "core/serve/infer.h"

/* What one load request said. Its configuration is kept as text and read anew for each look, so that nothing read outlives a change. */
struct told {
    struct arena *arena;           /* holds this struct */
    struct str config;             /* "": none */
    struct repository_upload *files;
    size_t file_count;
    size_t bytes;                  /* counted in disk_models.bytes */
};
struct slot {
    struct str name;
    struct told *now, *before;     /* NULL: nothing */
    struct slot *next;
};
struct disk_models {
    const struct str *paths;
    size_t path_count;
    struct mutex lock;             /* of the slots */
    struct slot *slots;
    size_t slot_count;
    size_t bytes, max_bytes;       /* that all loads told and brought */
};

struct disk_models *disk_models_create(const struct str *paths, size_t path_count)
{
    struct disk_models *d = calloc(1, sizeof(*d));
    if (!d)
        abort();
    d->paths = paths;
    d->path_count = path_count;
    d->max_bytes = LIMIT_REPOSITORY_UPLOADS_BYTES;
    mutex_init(&d->lock);
    return d;
}

void disk_models_limit(struct disk_models *d, size_t max_bytes)
{
    d->max_bytes = max_bytes;
}

/* NULL is ignored. */
static void told_free(struct disk_models *d, struct told *t)
{
    if (!t)
        return;
    d->bytes -= t->bytes;
    arena_destroy(t->arena);
}

static void slot_free(struct disk_models *d, struct slot *s)
{
    told_free(d, s->now);
    told_free(d, s->before);
    free((char *)(uintptr_t)s->name.p);
    free(s);
}

void disk_models_destroy(struct disk_models *d)
{
    if (!d)
        return;
    for (struct slot *s = d->slots, *next; s; s = next) {
        next = s->next;
        slot_free(d, s);
    }
    mutex_clear(&d->lock);
    free(d);
}

/* ---- what load requests said; the lock is held ---- */

static struct slot *slot_find(struct disk_models *d, struct str name)
{
    for (struct slot *s = d->slots; s; s = s->next)
        if (str_eq(s->name, name))
            return s;
    return NULL;
}

static void slot_remove(struct disk_models *d, struct slot *s)
{
    struct slot **at = &d->slots;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    d->slot_count--;
    slot_free(d, s);
}

static enum err slot_get(struct op *op, struct disk_models *d, struct str name, struct slot **ret)
{
    struct slot *s = slot_find(d, name);
    if (!s && d->slot_count == LIMIT_REPOSITORY_MODELS)
        return op_fail(op, E_TOO_LARGE, "more than %d models were configured by requests", LIMIT_REPOSITORY_MODELS);
    if (!s) {
        s = calloc(1, sizeof(*s));
        char *copy = malloc(name.len + 1);
        if (!s || !copy)
            abort();
        memcpy(copy, name.p, name.len);
        s->name = (struct str){copy, name.len};
        s->next = d->slots;
        d->slots = s;
        d->slot_count++;
    }
    *ret = s;
    return OK;
}

static enum err told_make(struct op *op, struct disk_models *d, const struct json *config, const struct serve_upload *files, size_t n, struct told **ret)
{
    AUTO(buf) struct buf text;
    struct json_out w;
    size_t size = 0;
    buf_init(&text, LIMIT_SERVE_CONFIG_BYTES);
    json_out_init(&w, &text, 0);
    if (config)
        json_value(&w, config);
    for (size_t i = 0; i < n; i++)
        size += files[i].bytes.len + files[i].path.len + 64;
    if (text.failed || size > LIMIT_REPOSITORY_UPLOAD_BYTES || n > LIMIT_REPOSITORY_FILES)
        return op_fail(op, E_TOO_LARGE, "the configuration is larger than %zu bytes, or the files than %zu", (size_t)LIMIT_SERVE_CONFIG_BYTES,
                       (size_t)LIMIT_REPOSITORY_UPLOAD_BYTES);
    if (size + text.len > d->max_bytes - d->bytes)
        return op_fail(op, E_TOO_LARGE, "what was uploaded to load models holds %zu bytes already, of %zu at most: unload one of them first", d->bytes, d->max_bytes);
    struct arena *arena = arena_create(size + text.len + LIMIT_MIB(1));
    struct told *t = arena_new(arena, struct told);
    t->arena = arena;
    t->config = str_dup(arena, buf_str(&text));
    t->files = arena_alloc(arena, (n + 1) * sizeof(*t->files));
    t->file_count = n;
    t->bytes = size + text.len;
    d->bytes += t->bytes;
    for (size_t i = 0; i < n; i++)
        t->files[i] = (struct repository_upload){str_dup(arena, files[i].path), str_dup(arena, files[i].bytes)};
    *ret = t;
    return OK;
}

static enum err disk_override(const struct serve_source *self, struct op *op, struct str model, const struct json *config,
                              const struct serve_upload *files, size_t n, bool *ret_taken)
{
    struct disk_models *d = self->arg;
    struct told *t = NULL;
    struct slot *s = NULL;
    const bool taken = n || (config && triton_config_is(config));
    if (n && config && !triton_config_is(config))
        return op_fail(op, E_INVALID, "files want a configuration in Triton's names beside them");
    LOCK(&d->lock);
    if (!taken && !(s = slot_find(d, model))) {
        *ret_taken = false;
        return OK;
    }
    enum err e = s ? OK : slot_get(op, d, model, &s);
    if (!e && taken)
        e = told_make(op, d, config, files, n, &t);
    if (e)
        return e;
    told_free(d, s->before);
    s->before = s->now;
    s->now = t;
    *ret_taken = taken;
    return OK;
}

static void disk_override_undo(const struct serve_source *self, struct str model)
{
    struct disk_models *d = self->arg;
    LOCK(&d->lock);
    struct slot *s = slot_find(d, model);
    if (!s)
        return;
    told_free(d, s->now);
    s->now = s->before;
    s->before = NULL;
    if (!s->now)
        slot_remove(d, s);
}

static void disk_override_keep(const struct serve_source *self, struct str model)
{
    struct disk_models *d = self->arg;
    LOCK(&d->lock);
    struct slot *s = slot_find(d, model);
    if (!s)
        return;
    told_free(d, s->before);
    s->before = NULL;
}

static void disk_override_forget(const struct serve_source *self, struct str model)
{
    struct disk_models *d = self->arg;
    LOCK(&d->lock);
    struct slot *s = slot_find(d, model);
    if (s)
        slot_remove(d, s);
}

/* ---- looking at the disk; the lock is held ---- */

static enum err look(struct op *op, struct disk_models *d, struct repository_model **ret, size_t *ret_len)
{
    struct repository_override *list = arena_array(op->arena, d->slot_count + 1, struct repository_override);
    size_t n = 0;
    enum err e = list ? OK : op_fail(op, E_TOO_LARGE, "no memory for what was configured by requests");
    for (struct slot *s = d->slots; !e && s; s = s->next) {
        struct json *doc = NULL;
        if (!s->now)
            continue;
        if (s->now->config.len)
            e = json_parse(op, s->now->config, JSON_STRICT, &doc);
        list[n++] = (struct repository_override){s->name, doc, s->now->files, s->now->file_count};
    }
    return e ? e : repository_scan(op, d->paths, d->path_count, list, n, ret, ret_len);
}

/* What the loader's thread does for list and fetch; it takes the lock itself, so nobody else holds it meanwhile for long. */
struct listing {
    struct op *op;
    struct disk_models *models;
    struct serve_source_model **ret;
    size_t *ret_len;
    enum err err;
};

static enum err models_list(struct op *op, struct disk_models *d, struct serve_source_model **ret, size_t *ret_len)
{
    struct repository_model *found = NULL;
    size_t n = 0;
    LOCK(&d->lock);
    enum err e = look(op, d, &found, &n);
    struct serve_source_model *models = e ? NULL : arena_array(op->arena, n + 1, struct serve_source_model);
    if (e || !models)
        return e ? e : op_fail(op, E_TOO_LARGE, "no memory for %zu models", n);
    for (size_t i = 0; i < n; i++) {
        int64_t *numbers = arena_array(op->arena, found[i].version_count + 1, int64_t);
        if (!numbers)
            return op_fail(op, E_TOO_LARGE, "no memory for %zu models", n);
        for (size_t k = 0; k < found[i].version_count; k++)
            numbers[k] = found[i].versions[k].number;
        models[i] = (struct serve_source_model){.name = str_dup(op->arena, found[i].name), .config = found[i].config, .versions = numbers,
                                                .version_count = found[i].version_count, .problem = found[i].problem};
    }
    *ret = models;
    *ret_len = n;
    return OK;
}

static void listing_run(void *arg)
{
    struct listing *l = arg;
    l->err = models_list(l->op, l->models, l->ret, l->ret_len);
}

static enum err disk_list(const struct serve_source *self, struct op *op, struct serve_source_model **ret, size_t *ret_len)
{
    struct listing l = {.op = op, .models = self->arg, .ret = ret, .ret_len = ret_len};
    serve_source_run(self, listing_run, &l);
    return l.err;
}

/* The file whole, as one who wrote it left it. */
static enum err steady_read(struct op *op, struct str file, struct str *ret)
{
    struct stat before, after;
    const char *path = str_cstr(op->arena, file);
    if (stat(path, &before))
        return op_fail_errno(op, "model file '%s'", path);
    enum err e = file_read(op, path, LIMIT_MODEL_BYTES, ret);
    if (!e && stat(path, &after))
        e = op_fail_errno(op, "model file '%s'", path);
    if (!e && (before.st_size != after.st_size || before.st_ino != after.st_ino || before.st_mtim.tv_sec != after.st_mtim.tv_sec ||
               before.st_mtim.tv_nsec != after.st_mtim.tv_nsec || (size_t)after.st_size != ret->len))
        e = op_fail(op, E_BUSY, "model file '%s' is being written", path);
    return e;
}

/* Does one of the engines that the configuration means know the file? *ret_spawns: one that starts threads or processes does. */
static enum err engines_check(struct op *op, const char *const *names, struct str bytes, bool *ret_spawns)
{
    bool known = false;
    *ret_spawns = false;
    for (size_t i = 0; backend_engines[i]; i++) {
        bool meant = !names;
        for (size_t k = 0; names && names[k]; k++)
            meant = meant || !strcmp(names[k], backend_engines[i]->name);
        if (!backend_engines[i]->accepts(bytes))
            continue;
        known = known || meant;
        *ret_spawns = *ret_spawns || backend_engines[i]->spawns;
    }
    return known || !names ? OK : op_fail(op, E_INVALID, "its backend or platform does not load files of this format");
}

static enum err version_fetch(struct op *op, const struct repository_model *m, const struct repository_version *v, struct str *ret)
{
    bool spawns = false;
    if (m->ensemble)
        return triton_ensemble(op, m->ensemble, ret);
    enum err e = OK;
    if (!v->bytes.p)
        e = steady_read(op, v->file, ret);
    else if (arena_left(op->arena) < v->bytes.len + 64)
        e = op_fail(op, E_TOO_LARGE, "no memory for a model of %zu bytes", v->bytes.len);
    else
        *ret = str_dup(op->arena, v->bytes);
    if (!e)
        e = engines_check(op, m->engines, *ret, &spawns);
    if (!e && m->declared.len)
        e = declared_wrap(op, m->declared, *ret, spawns, ret);
    return e;
}

struct fetching {
    struct op *op;
    struct disk_models *models;
    struct str name;
    int64_t version;
    struct serve_files *ret;
    enum err err;
};

static enum err model_fetch(struct op *op, struct disk_models *d, struct str name, int64_t version, struct serve_files *ret)
{
    struct repository_model *found = NULL;
    size_t n = 0;
    LOCK(&d->lock);
    enum err e = look(op, d, &found, &n);
    for (size_t i = 0; !e && i < n; i++) {
        for (size_t k = 0; str_eq(found[i].name, name) && k < found[i].version_count; k++) {
            if (found[i].versions[k].number != version)
                continue;
            *ret = (struct serve_files){.reference = STR("")};
            e = version_fetch(op, &found[i], &found[i].versions[k], &ret->model);
            if (!e && !found[i].ensemble && !found[i].versions[k].bytes.p)
                e = beside_read(op, found[i].versions[k].file, &ret->transform, &ret->calibrator);
            return e;
        }
    }
    return e ? e : op_fail(op, E_NOT_FOUND, "version %lld of \"%.*s\" is gone", (long long)version, STR_FMT(name));
}

static void fetching_run(void *arg)
{
    struct fetching *f = arg;
    f->err = model_fetch(f->op, f->models, f->name, f->version, f->ret);
}

static enum err disk_fetch(const struct serve_source *self, struct op *op, struct str model, int64_t version, struct serve_files *ret)
{
    struct fetching f = {.op = op, .models = self->arg, .name = model, .version = version, .ret = ret};
    serve_source_run(self, fetching_run, &f);
    return f.err;
}

struct serve_source disk_models_source(struct disk_models *d)
{
    return (struct serve_source){.arg = d, .fetch = disk_fetch, .list = disk_list, .override = disk_override, .override_undo = disk_override_undo, .override_keep = disk_override_keep,
                                 .override_forget = disk_override_forget};
}

enum err disk_models_notes(struct op *op, struct disk_models *d)
{
    struct repository_model *found = NULL;
    size_t n = 0;
    LOCK(&d->lock);
    enum err e = look(op, d, &found, &n);
    for (size_t i = 0; !e && i < n; i++)
        if (found[i].note.len)
            log_at(LOG_WARN, "serve.note", {"name", LOG_S(found[i].name)}, {"note", LOG_S(found[i].note)});
    return e;
}

/* ---- looking again and again ---- */

struct seen {
    char *name;
    uint64_t loaded, last;         /* marks: of what was loaded, of the last look */
    bool present, gone;            /* now; at the last look it was not there */
};
struct disk_poll {
    struct disk_models *models;
    struct serve *serve;
    int64_t interval_ms;
    struct mutex lock;
    struct cond wake;
    bool stopping;
    pthread_t thread;
    struct seen seen[LIMIT_REPOSITORY_MODELS];
    size_t len;
};

static struct seen *seen_get(struct disk_poll *p, struct str name, bool *ret_new)
{
    *ret_new = false;
    for (size_t i = 0; i < p->len; i++)
        if (str_eqc(name, p->seen[i].name))
            return &p->seen[i];
    *ret_new = true;
    if (p->len == ARRAY_LEN(p->seen) || str_find_char(name, 0) != SIZE_MAX)
        return NULL;
    struct seen *s = &p->seen[p->len];
    *s = (struct seen){.name = strndup(name.p, name.len)};
    p->len += s->name != NULL;
    return s->name ? s : NULL;
}

static void change_log(struct op *op, const char *what, const char *name, enum err e)
{
    if (e)
        log_at(LOG_ERROR, "serve.poll", {"name", LOG_C(name)}, {"change", LOG_C(what)}, {"error", LOG_C(op->msg)});
    else
        log_at(LOG_INFO, "serve.poll", {"name", LOG_C(name)}, {"change", LOG_C(what)});
    op_clear(op);
}

static void model_look(struct op *op, struct disk_poll *p, const struct repository_model *m)
{
    bool fresh;
    struct seen *s = seen_get(p, m->name, &fresh);
    if (!s)
        return;
    s->present = true;
    s->gone = false;
    const bool steady = !fresh && s->last == m->mark;
    s->last = m->mark;
    if (s->loaded == m->mark || !steady)
        return;
    const char *what = s->loaded ? "changed" : "new";
    s->loaded = m->mark;
    change_log(op, what, s->name, serve_repository_load(op, p->serve, m->name, NULL));
}

/* Gone at two looks: unloaded and forgotten. */
static void gone_look(struct op *op, struct disk_poll *p, size_t i)
{
    struct seen *s = &p->seen[i];
    if (!s->gone) {
        s->gone = true;
        return;
    }
    enum err e = s->loaded ? serve_repository_unload(op, p->serve, str_from(s->name)) : OK;
    if (e == E_NOT_FOUND) {
        op_clear(op);
        e = OK;
    }
    change_log(op, "gone", s->name, e);
    free(s->name);
    *s = p->seen[--p->len];
}

struct looking {
    struct op *op;
    struct disk_models *models;
    struct repository_model *found;
    size_t n;
    enum err err;
};

static void looking_run(void *arg)
{
    struct looking *l = arg;
    LOCK(&l->models->lock);
    l->err = look(l->op, l->models, &l->found, &l->n);
}

static enum err poll_look(struct op *op, struct disk_poll *p, bool first)
{
    struct looking l = {.op = op, .models = p->models};
    serve_run_quietly(p->serve, looking_run, &l);
    struct repository_model *found = l.found;
    const size_t n = l.n;
    if (l.err)
        return l.err;
    for (size_t i = 0; i < p->len; i++)
        p->seen[i].present = false;
    for (size_t i = 0; i < n; i++) {
        bool fresh;
        struct seen *s = first ? seen_get(p, found[i].name, &fresh) : NULL;
        if (s)
            s->loaded = s->last = found[i].mark; /* serve has loaded it already */
        else if (!first)
            model_look(op, p, &found[i]);
    }
    for (size_t i = p->len; !first && i-- > 0;)
        if (!p->seen[i].present)
            gone_look(op, p, i);
    return OK;
}

static void *poll_thread(void *arg)
{
    struct disk_poll *p = arg;
    mutex_lock(&p->lock);
    while (!p->stopping) {
        if (cond_wait_ms(&p->wake, &p->lock, p->interval_ms))
            continue; /* told to stop, or woken for nothing */
        mutex_unlock(&p->lock);
        struct arena *arena = arena_create(LIMIT_COMMAND_ARENA);
        struct op op;
        op_init(&op, arena);
        if (poll_look(&op, p, false))
            log_at(LOG_ERROR, "serve.poll", {"error", LOG_C(op.msg)});
        arena_destroy(arena);
        mutex_lock(&p->lock);
    }
    mutex_unlock(&p->lock);
    return NULL;
}

enum err disk_poll_start(struct op *op, struct disk_models *d, struct serve *s, int64_t interval_ms, struct disk_poll **ret)
{
    struct disk_poll *p = calloc(1, sizeof(*p));
    if (!p)
        abort();
    p->models = d;
    p->serve = s;
    p->interval_ms = interval_ms;
    enum err e = poll_look(op, p, true);
    if (e) {
        free(p);
        return e;
    }
    mutex_init(&p->lock);
    cond_init(&p->wake);
    p->thread = thread_start("poll", poll_thread, p);
    *ret = p;
    return OK;
}

void disk_poll_stop(struct disk_poll *p)
{
    if (!p)
        return;
    mutex_lock(&p->lock);
    p->stopping = true;
    cond_signal(&p->wake);
    mutex_unlock(&p->lock);
    thread_join(p->thread);
    for (size_t i = 0; i < p->len; i++)
        free(p->seen[i].name);
    cond_clear(&p->wake);
    mutex_clear(&p->lock);
    free(p);
}
