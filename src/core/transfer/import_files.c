/* import_files.c - the files of runs and logged models: read where they were, stored as blobs, named as they were. A file whose size
 * and time are those of the last import is not read again. */
#include <inttypes.h>

#include "base/limits.h"
#include "core/track/artifact.h"
#include "core/transfer/importing.h"
#include "sql_gen.h"

struct place {
    struct importing *im;
    struct op *op;
    struct origin_place there;
    struct str here;        /* URI */
    struct str root;        /* the name here of the folder */
};

struct file_arg {
    struct place *p;
    struct str name, state, mark;
};

static enum err file_mark_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct file_arg *a = arg;
    return import_mark_set(op, tx, a->p->im, MARK_FILE, a->name, a->state);
}

static enum err file_seen_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct file_arg *a = arg;
    return import_mark_find(op, tx, a->p->im, MARK_FILE, a->name, &a->mark);
}

struct copying {
    struct place *p;
    struct blob_writer *w;
};

static enum err on_bytes(void *arg, const void *p, size_t n)
{
    struct copying *c = arg;
    enum err e = blob_write(c->p->op, c->p->im->o->blobs, c->w, p, n);
    c->p->im->report->bytes += e ? 0 : (int64_t)n;
    return e;
}

static enum err file_copy(struct place *p, const struct origin_file *f, struct str name)
{
    const struct origin *o = p->im->o->origin;
    struct copying c = {.p = p};
    struct blob_id id;
    uint64_t size = 0;
    enum err e = blob_writer_open(p->op, p->im->o->blobs, &c.w);
    if (e)
        return e;
    if ((e = o->ops->file(o->self, p->op, &p->there, f->path, on_bytes, &c))) {
        blob_abort(p->im->o->blobs, c.w);
        return e;
    }
    if ((e = blob_commit(p->op, p->im->o->blobs, c.w, &id, &size)))
        return e;
    return artifact_put(p->op, p->im->o->db, name, &id, size);
}

/* `state` of a file that may change without a trace (no size, no time) is empty: it is read each time. */
static enum err file_move(struct place *p, const struct origin_file *f)
{
    struct op *op = p->op;
    struct str clean;
    enum err e = artifact_path_clean(op, f->path, &clean);
    if (e)
        return e;
    struct file_arg a = {.p = p, .name = artifact_path_join(op, p->root, clean),
                         .state = str_from(op_printf(op, "%" PRId64 ":%" PRId64, f->size_bytes, f->changed_us))};
    struct import_count *count = &p->im->report->counts[IMPORT_FILES];
    if ((e = db_read(op, p->im->o->db, file_seen_tx, &a)))
        return e;
    if (a.mark.p && str_eq(a.mark, a.state) && f->size_bytes >= 0 && f->changed_us)
        return OK;
    if ((e = file_copy(p, f, a.name)))
        return e;
    count->added++;
    return db_write(op, p->im->o->db, file_mark_tx, &a);
}

/* Everything below one location. What cannot be read is told and the rest goes on. */
static enum err place_move(struct place *p)
{
    struct importing *im = p->im;
    const struct origin *o = im->o->origin;
    struct import_count *count = &im->report->counts[IMPORT_FILES];
    struct str cursor = STR("");
    size_t n = 1;
    while (n) {
        struct origin_file *files = NULL;
        enum err e = artifact_root(p->op, p->here, &p->root);
        if (!e)
            e = o->ops->files(o->self, p->op, &p->there, &cursor, &files, &n);
        if (e) {
            count->failed++;
            import_note(im, "files at '%.*s': %s", STR_FMT(p->there.uri), p->op->msg ? p->op->msg : err_name(e));
            op_clear(p->op);
            return OK;
        }
        for (size_t i = 0; i < n; i++) {
            count->there++;
            e = file_move(p, &files[i]);
            if (e == E_CORRUPT || e == E_INTERNAL || e == E_TIMEOUT)
                return import_failed(im, p->op);
            if (e) {
                count->failed++;
                import_note(im, "file '%.*s' at '%.*s': %s", STR_FMT(files[i].path), STR_FMT(p->there.uri), p->op->msg ? p->op->msg : err_name(e));
                op_clear(p->op);
            }
            import_progress(im, IMPORT_FILES, count->there);
        }
    }
    return OK;
}

/* Where the files of a run or a model are here: only those that this import added, or an earlier one of this source. */
struct where_arg {
    struct importing *im;
    struct str id;
    bool model, ours;
    struct str here;
};

static enum err where_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct where_arg *a = arg;
    struct str mark;
    struct db_val v[12];
    enum err e = import_mark_find(op, tx, a->im, MARK_URI, a->id, &mark);
    if (e || !mark.p)
        return e;
    e = a->model ? db_query_one(op, tx, &sql_track_model_by_id, DB_ARGS(DB_TEXT(a->id)), v, 12)
                 : db_query_one(op, tx, &sql_track_run_by_uuid, DB_ARGS(DB_TEXT(a->id)), v, 10);
    a->ours = !e;
    a->here = e ? STR("") : a->model ? v[6].s : v[9].s;
    return e;
}

static enum err id_move(struct importing *im, struct str id, bool model, struct str uri)
{
    AUTO(arena) struct arena *arena = arena_create(LIMIT_COMMAND_ARENA);
    struct op op;
    import_op(im, arena, &op);
    struct where_arg a = {.im = im, .id = id, .model = model};
    enum err e = uri.len ? db_read(&op, im->o->db, where_tx, &a) : OK;
    if (e)
        return import_failed(im, &op);
    if (!a.ours)
        return OK;
    struct place p = {.im = im, .op = &op, .there = {uri, model ? STR("") : id, model ? id : STR("")}, .here = a.here};
    return place_move(&p);
}

enum err import_files(struct importing *im)
{
    const struct origin *o = im->o->origin;
    struct str cursor = STR("");
    size_t n = 1;
    enum err e = OK;
    for (int model = 0; !e && model < 2; model++) {
        cursor = STR("");
        n = 1;
        while (!e && n) {
            AUTO(arena) struct arena *arena = arena_create(LIMIT_COMMAND_ARENA);
            struct op op;
            import_op(im, arena, &op);
            struct origin_run *runs = NULL;
            struct origin_logged_model *models = NULL;
            e = model ? o->ops->logged_models(o->self, &op, &cursor, &models, &n) : o->ops->runs(o->self, &op, &cursor, &runs, &n);
            if (e) {
                e = import_failed(im, &op);
                break;
            }
            for (size_t i = 0; !e && i < n; i++)
                e = model ? id_move(im, models[i].model_id, true, models[i].artifact_uri) : id_move(im, runs[i].run_id, false, runs[i].artifact_uri);
            cursor = str_dup(im->op->arena, cursor);
        }
    }
    return e;
}
