#include "core/monitor/summary.h"

#include <inttypes.h>

#include "base/limits.h"
#include "base/map.h"
#include "sql_gen.h"

struct summaries {
    struct json_out *w;
    struct map firing; /* endpoint -> how many alerts, as a pointer */
};

static enum err firing_read(struct op *op, struct db_tx *tx, struct summaries *s)
{
    struct db_rows *rows;
    bool row;
    enum err e = db_query(op, tx, &sql_monitor_firing_counts, DB_ARGS(DB_I64(LIMIT_MONITOR_ENDPOINTS)), &rows);
    if (e)
        return e;
    while (!(e = db_step(op, tx, rows, &row)) && row)
        if (!map_put(&s->firing, db_col_dup(op, tx, rows, 0), (void *)(uintptr_t)db_col_i64(tx, rows, 1))) {
            e = op_fail(op, E_TOO_LARGE, "no memory is left for the list of monitors");
            break;
        }
    db_end(tx, rows);
    return e;
}

/* Everything but the features, which are many. */
static void last_write(struct json_out *w, const struct json *figures)
{
    const struct json *features = json_get(figures, "features");
    json_begin_object(w);
    for (uint32_t i = 0; i < figures->len; i++)
        if (!str_eqc(figures->members[i].key, "features")) {
            json_key_str(w, figures->members[i].key);
            json_value(w, &figures->members[i].value);
        }
    json_kv_i64(w, "feature_count", features && features->type == JSON_ARRAY ? (int64_t)features->len : 0);
    json_end_object(w);
}

/* `arena` is for this row alone: figures of many features are large, and only a few of them are told. */
static enum err summary_write(struct op *op, struct db_tx *tx, struct db_rows *rows, struct summaries *s, struct arena *arena)
{
    struct op sub;
    struct json *figures = NULL;
    arena_reset(arena);
    op_init(&sub, arena);
    struct str endpoint = db_col_dup(&sub, tx, rows, 0);
    enum err e = json_parse(&sub, db_col_dup(&sub, tx, rows, 1), JSON_STRICT, &figures);
    if (e || figures->type != JSON_OBJECT)
        return op_fail(op, E_CORRUPT, "the figures of endpoint '%.*s' are no JSON object", STR_FMT(endpoint));
    json_begin_object(s->w);
    json_kv_str(s->w, "endpoint", endpoint);
    json_kv_i64(s->w, "windows", db_col_i64(tx, rows, 2));
    json_kv_i64(s->w, "firing", (int64_t)(uintptr_t)map_find(&s->firing, endpoint));
    json_key(s->w, "last");
    last_write(s->w, figures);
    json_end_object(s->w);
    return OK;
}

static enum err summaries_read(struct op *op, struct db_tx *tx, void *arg)
{
    struct summaries *s = arg;
    struct db_rows *rows;
    bool row;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_REQUEST_ARENA);
    enum err e = firing_read(op, tx, s);
    if (e || (e = db_query(op, tx, &sql_monitor_last_windows, DB_ARGS(DB_I64(LIMIT_MONITOR_ENDPOINTS)), &rows)))
        return e;
    json_begin_array(s->w);
    while (!(e = db_step(op, tx, rows, &row)) && row && !(e = summary_write(op, tx, rows, s, arena)))
        ;
    json_end_array(s->w);
    db_end(tx, rows);
    return e;
}

enum err monitor_summaries_json(struct op *op, struct db *db, struct json_out *w)
{
    struct summaries s = {.w = w};
    map_init(&s.firing, op->arena);
    return db_read(op, db, summaries_read, &s);
}

struct shapes {
    struct str endpoint;
    int64_t start_us;
    struct json_out *w;
};

static enum err shapes_read(struct op *op, struct db_tx *tx, void *arg)
{
    struct shapes *s = arg;
    struct db_rows *rows;
    size_t n = 0;
    bool row;
    enum err e = db_query(op, tx, &sql_monitor_window_shapes, DB_ARGS(DB_TEXT(s->endpoint), DB_I64(s->start_us)), &rows);
    if (e)
        return e;
    json_begin_array(s->w);
    for (; !(e = db_step(op, tx, rows, &row)) && row; n++) {
        json_begin_object(s->w);
        json_kv_i64(s->w, "revision", db_col_i64(tx, rows, 0));
        json_kv_i64(s->w, "end_us", db_col_i64(tx, rows, 1));
        json_key(s->w, "figures");
        json_raw(s->w, db_col_str(tx, rows, 2));
        json_key(s->w, "shapes");
        if (db_col_null(tx, rows, 3))
            json_null(s->w);
        else
            json_raw(s->w, db_col_str(tx, rows, 3));
        json_end_object(s->w);
    }
    json_end_array(s->w);
    db_end(tx, rows);
    return e ? e : n ? OK : op_fail(op, E_NOT_FOUND, "endpoint '%.*s' has no window that begins at %" PRId64, STR_FMT(s->endpoint), s->start_us);
}

enum err monitor_shapes_json(struct op *op, struct db *db, struct str endpoint, int64_t start_us, struct json_out *w)
{
    struct shapes s = {.endpoint = endpoint, .start_us = start_us, .w = w};
    return db_read(op, db, shapes_read, &s);
}
