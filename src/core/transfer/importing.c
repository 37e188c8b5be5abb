#include "core/transfer/importing.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/limits.h"
#include "core/track/experiment.h"
#include "sql_gen.h"

#define NOTE_BYTES 1000

static const char *const kind_names[IMPORT_KINDS] = {"experiments", "runs", "params", "tags", "points", "logged models", "models", "versions", "files"};

const char *import_kind_name(enum import_kind k)
{
    return (size_t)k < ARRAY_LEN(kind_names) ? kind_names[k] : "?";
}

enum err import_mark_find(struct op *op, struct db_tx *tx, const struct importing *im, const char *kind, struct str key, struct str *ret)
{
    struct db_val mark;
    enum err e = db_query_one(op, tx, &sql_import_mark_get, DB_ARGS(DB_I64(im->source), DB_TEXT(str_from(kind)), DB_TEXT(key)), &mark, 1);
    if (e == E_NOT_FOUND) {
        op_clear(op);
        *ret = (struct str){0};
        return OK;
    }
    if (!e)
        *ret = mark.s;
    return e;
}

enum err import_mark_set(struct op *op, struct db_tx *tx, const struct importing *im, const char *kind, struct str key, struct str mark)
{
    return db_exec(op, tx, &sql_import_mark_put, DB_ARGS(DB_I64(im->source), DB_TEXT(str_from(kind)), DB_TEXT(key), DB_TEXT(mark)), NULL);
}

void import_note(struct importing *im, const char *fmt, ...)
{
    char text[NOTE_BYTES];
    va_list ap;
    if (im->report->note_count == IMPORT_NOTES_MAX) {
        im->report->notes_dropped++;
        return;
    }
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    im->report->notes[im->report->note_count++] = str_dup(im->op->arena, str_from(text));
}

void import_progress(const struct importing *im, enum import_kind kind, int64_t done)
{
    const int64_t totals[IMPORT_KINDS] = {im->totals.experiments, im->totals.runs, im->totals.params, im->totals.tags, im->totals.points,
                                          im->totals.logged_models, im->totals.models, im->totals.versions, 0};
    if (im->o->progress)
        im->o->progress(im->o->arg, import_kind_name(kind), done, totals[kind] > 0 ? totals[kind] : 0);
}

void import_op(const struct importing *im, struct arena *arena, struct op *ret)
{
    op_init(ret, arena);
    ret->actor = im->op->actor;
    ret->request_id = im->op->request_id;
    ret->deadline_ms = im->op->deadline_ms;
}

enum err import_failed(const struct importing *im, const struct op *from)
{
    return op_fail(im->op, from->err ? from->err : E_INTERNAL, "%s", from->msg ? from->msg : "unknown failure");
}

enum err import_pages(struct importing *im, import_page_fn fn, void *arg)
{
    struct str cursor = STR("");
    size_t n = 1;
    enum err e = OK;
    while (!e && n) {
        AUTO(arena) struct arena *arena = arena_create(LIMIT_COMMAND_ARENA);
        struct op page;
        import_op(im, arena, &page);
        e = fn(im, &page, arg, &cursor, &n);
        cursor = str_dup(im->op->arena, cursor);
        if (e)
            e = import_failed(im, &page);
    }
    return e;
}

enum err import_experiment_here(struct op *op, struct db_tx *tx, const struct importing *im, struct str id_there, int64_t *ret_id, struct str *ret_location)
{
    struct str mark;
    int64_t id = 0;
    enum err e = import_mark_find(op, tx, im, MARK_EXPERIMENT, id_there, &mark);
    if (e)
        return e;
    if (!mark.p || !str_parse_i64(mark, &id))
        return op_fail(op, E_NOT_FOUND, "its experiment %.*s was not imported", STR_FMT(id_there));
    struct experiment x;
    if ((e = experiment_find(op, tx, id, false, &x)))
        return e;
    *ret_id = id;
    if (ret_location)
        *ret_location = x.artifact_location;
    return OK;
}

struct str import_location(struct op *op, struct str location, bool model, struct str id)
{
    while (location.len && location.p[location.len - 1] == '/')
        location.len--;
    return str_from(op_printf(op, "%.*s/%s%.*s/artifacts", STR_FMT(location), model ? "models/" : "", STR_FMT(id)));
}
