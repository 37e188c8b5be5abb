/* pgconn.c - a statement's way: prepared when it first runs on this connection (pgstatement.h), then bound in binary and sent in one message
 * behind whatever frames the transaction. db_last_id: what the last INSERT returned.
 *
 * A frame that is left: its RELEASE and the next frame's SAVEPOINT stand behind its last statements and travel with the next frame's first statement, so
 * that one trip brings the answers of both. When one of the left statements fails, the server skips all that follows to the sync: the RELEASE and
 * what the next frame asked for have not happened, and the newest savepoint is the left frame's. It is rolled back to and released,
 * and the next frame's beginning is sent once more; nothing of it had been done. At most one frame is left at a time. */
#include "adapter/postgres/pgconn.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "adapter/postgres/pgrows.h"
#include "adapter/postgres/pgstatement.h"
#include "adapter/postgres/pgvalue.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/time.h"

#define THIS_SCHEMA "SELECT oid FROM pg_namespace WHERE nspname = current_schema()"
#define LATER_MAX 256 /* then they are waited for */
#define MARK_NAME "ingot_mark"

/* A statement that is on its way, or answered, and that nobody waited for yet. */
struct later {
    const struct sql *sql;
    int64_t *add_changes;
};

struct pgconn {
    struct pgwire wire;
    struct later later[LATER_MAX]; /* in the order of the wire's SENT_LATER */
    int later_count;
    enum pgconn_role role;
    struct pgstatements statements;
    bool late_keys; /* some constraint is checked at the commit */
    struct db_rows *running, *spare, *streaming;
    bool changed, doomed; /* see struct pgframe */
    bool left;            /* `later` is of a frame that was left */
    enum err left_failure;
    char left_text[400];
    int64_t last_id;
    struct arena *scratch;
};

struct pgwire *pgconn_wire(struct pgconn *c)
{
    return &c->wire;
}

/* What a writer must know of the schema. */
static enum err schema_read(struct op *op, struct pgconn *c)
{
    static const char late[] = "SELECT count(*) FROM pg_constraint WHERE condeferrable AND connamespace = (" THIS_SCHEMA ")";
    PGresult *res = NULL;
    enum err e = pgstatements_read_schema(op, &c->statements, &c->wire);
    if (!e)
        e = pgwire_plain(op, &c->wire, late, &res);
    if (e)
        return e;
    c->late_keys = strcmp(PQgetvalue(res, 0, 0), "0") != 0;
    PQclear(res);
    e = pgwire_plain(op, &c->wire, THIS_SCHEMA, &res);
    if (e)
        return e;
    /* Locks belong to a database; two schemas in one are two states. 0x496e676f is "Ingo". */
    int64_t oid = 0;
    if (!PQntuples(res) || !str_parse_i64(str_from(PQgetvalue(res, 0, 0)), &oid))
        e = op_fail(op, E_IO, "the database has no schema to put tables into: search_path names none that exists");
    snprintf(c->wire.lock_text, sizeof c->wire.lock_text, "SELECT pg_advisory_xact_lock(%d, %d)", 0x496e676f, (int32_t)(uint32_t)oid);
    PQclear(res);
    return e;
}

/* The statement that notes a group's number, in the transaction that it commits. */
static enum err mark_prepare(struct op *op, struct pgconn *c)
{
    static const char text[] = "INSERT INTO db_writer (server, number, seen) VALUES ($1, $2, now()) "
                               "ON CONFLICT (server) DO UPDATE SET number = excluded.number, seen = excluded.seen";
    PGresult *res = PQprepare(c->wire.pg, MARK_NAME, text, 0, NULL);
    enum err e = PQresultStatus(res) == PGRES_COMMAND_OK ? OK : pgwire_fail(op, &c->wire, res, "open");
    PQclear(res);
    return e;
}

enum err pgconn_open(struct op *op, const char *url, enum pgconn_role role, struct pgconn **ret)
{
    struct pgconn *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    c->role = role;
    c->scratch = arena_create(LIMIT_KIB(256));
    enum err e = pgwire_open(op, url, role == PGCONN_WRITER, &c->wire);
    if (!e && role == PGCONN_WRITER)
        e = schema_read(op, c);
    if (!e && role == PGCONN_WRITER)
        e = mark_prepare(op, c);
    if (!e)
        e = pgwire_start(op, &c->wire);
    if (e) {
        pgconn_close(c);
        return e;
    }
    *ret = c;
    return OK;
}

void pgconn_close(struct pgconn *c)
{
    if (!c)
        return;
    c->wire.lost = true; /* nothing is waited for any more */
    pgconn_end_rows(c, NULL);
    pgwire_close(&c->wire);
    pgstatements_clear(&c->statements);
    while (c->spare) {
        struct db_rows *next = c->spare->next;
        free(c->spare);
        c->spare = next;
    }
    arena_destroy(c->scratch);
    free(c);
}

/* The answer to the first of those that nobody waited for. */
static enum err later_take(struct op *op, struct pgconn *c, const struct later *l)
{
    enum err e = OK, failure = OK;
    PGresult *res = NULL;
    while (!(e = pgwire_take(op, &c->wire, l->sql->name, &res)) && res) {
        int64_t changes = 0;
        if (PQresultStatus(res) == PGRES_FATAL_ERROR)
            failure = pgwire_fail(op, &c->wire, res, l->sql->name);
        else if (PQresultStatus(res) != PGRES_PIPELINE_ABORTED && l->add_changes && str_parse_i64(str_from(PQcmdTuples(res)), &changes))
            *l->add_changes += changes;
        PQclear(res);
        if (c->wire.lost)
            return failure;
    }
    if (!e)
        pgwire_note_taken(&c->wire);
    return failure ? failure : e;
}

/* Takes what comes before the results of the statement that was sent last (or, without one, all): framing, and statements that nobody
 * waited for. A sync is behind them. */
static enum err take_before(struct op *op, struct pgconn *c)
{
    enum err first = OK;
    for (int i = 0; i < c->later_count && !c->wire.lost; i++) {
        enum err e = pgwire_settle(op, &c->wire, true);
        first = first ? first : e;
        if (c->wire.lost)
            break;
        e = later_take(op, c, &c->later[i]);
        first = first ? first : e;
    }
    c->later_count = 0;
    c->left = false;
    if (!c->wire.lost) {
        enum err e = pgwire_settle(op, &c->wire, true);
        first = first ? first : e;
    }
    if (first)
        c->doomed = true;
    return first;
}

/* The framing that was pushed, for when it has to be sent again. */
struct framing {
    enum pgwire_control list[PGWIRE_PENDING];
    int count;
};

static struct framing framing_of(const struct pgwire *w)
{
    struct framing f = {.count = w->pending_count};
    memcpy(f.list, w->pending, sizeof f.list);
    return f;
}

/* The left frame has failed with what `op` tells: it is undone in front of `framing`, which was skipped or not sent. */
static void left_undo(const struct op *op, struct pgconn *c, enum err e, const struct framing *framing)
{
    c->left_failure = e;
    snprintf(c->left_text, sizeof c->left_text, "%s", op->msg ? op->msg : err_name(e));
    c->doomed = false; /* that was said of the left frame's statements */
    c->wire.pending_count = 0;
    pgwire_push(&c->wire, PGWIRE_ROLLBACK_TO);
    for (int i = 0; i < framing->count; i++)
        pgwire_push(&c->wire, framing->list[i]);
}

void pgconn_left_settle(struct pgconn *c)
{
    if (!c->left || c->wire.lost)
        return;
    struct framing framing = framing_of(&c->wire);
    struct op op;
    bool doomed = c->doomed;
    arena_reset(c->scratch);
    op_init(&op, c->scratch);
    c->wire.pending_count = 0;
    enum err e = pgwire_sync(&op, &c->wire);
    if (!e)
        e = take_before(&op, c);
    if (c->wire.lost)
        return;
    c->wire.pending_count = framing.count;
    memcpy(c->wire.pending, framing.list, sizeof framing.list);
    if (e)
        left_undo(&op, c, e, &framing);
    c->doomed = doomed;
}

enum err pgconn_left_failure(struct pgconn *c, const char **ret_text)
{
    enum err e = c->left_failure;
    c->left_failure = OK;
    *ret_text = c->left_text;
    return e;
}

/* Waits for all that nobody waited for. */
static enum err later_settle(struct op *op, struct pgconn *c)
{
    if (c->left) {
        pgconn_left_settle(c);
        return c->wire.lost ? op_fail(op, E_IO, "the connection to PostgreSQL broke; nothing was stored") : OK;
    }
    if (!c->later_count)
        return OK;
    enum err e = pgwire_sync(op, &c->wire);
    return e ? e : take_before(op, c);
}

static enum err prepare(struct op *op, struct pgconn *c, const struct sql *sql, struct pgstatement **ret)
{
    *ret = pgstatement_find(&c->statements, sql);
    if (*ret)
        return OK;
    enum err e = later_settle(op, c);
    return e ? e : pgstatement_prepare(op, &c->statements, &c->wire, sql, ret);
}

/* Where the frame stands after a statement of it. */
static void frame_note(struct pgconn *c, bool writable, bool writes, enum err e)
{
    if (!e) {
        c->changed |= writes;
        return;
    }
    if (writable && !c->changed && !c->wire.lost)
        pgwire_push(&c->wire, PGWIRE_ROLLBACK_TO);
    else
        c->doomed = true;
}

/* Binds and sends, behind whatever is pending. */
static enum err send_bound(struct op *op, struct pgconn *c, const struct pgstatement *st, const struct sql *sql, const struct db_val *args,
                           size_t n, enum pgwire_sent kind)
{
    struct pgvalue_param params[LIMIT_DB_PARAMS];
    const char *values[LIMIT_DB_PARAMS];
    int lens[LIMIT_DB_PARAMS], formats[LIMIT_DB_PARAMS];
    struct pgwire *w = &c->wire;
    if (n != (size_t)st->param_count)
        return op_fail(op, E_INTERNAL, "statement '%s' has %d parameters, %zu were given", sql->name, st->param_count, n);
    for (size_t i = 0; i < n; i++) {
        enum err e = pgvalue_encode(op, sql->name, &args[i], st->types[i], &params[i]);
        if (e)
            return e;
        values[i] = params[i].p;
        lens[i] = params[i].len;
        formats[i] = params[i].format;
    }
    enum err e = pgwire_send_pending(op, w);
    if (e)
        return e;
    if (!PQsendQueryPrepared(w->pg, st->name, (int)n, values, lens, formats, 1)) {
        w->lost = true;
        return op_fail(op, E_IO, "%s: %s", sql->name, PQerrorMessage(w->pg));
    }
    pgwire_note_sent(w, kind);
    return OK;
}

/* Makes way on the connection: rows of another statement that are still coming are set aside. */
static enum err make_way(struct op *op, struct pgconn *c)
{
    struct db_rows *rows = c->streaming;
    c->streaming = NULL;
    return rows ? pgrows_spool(op, rows) : OK;
}

/* The answers of the left frame, which come before those of what was just sent behind `framing`. *ret_again: the left frame failed, and that has to be
 * sent once more. */
static enum err left_take(struct op *op, struct pgconn *c, const struct framing *framing, bool *ret_again)
{
    struct op own;
    arena_reset(c->scratch);
    op_init(&own, c->scratch);
    enum err e = OK;
    for (int i = 0; i < c->later_count && !c->wire.lost; i++) {
        enum err one = pgwire_settle(&own, &c->wire, true);
        if (!one && !c->wire.lost)
            one = later_take(&own, c, &c->later[i]);
        e = e ? e : one;
    }
    c->later_count = 0;
    c->left = false;
    enum err rest = e && !c->wire.lost ? pgwire_settle(&own, &c->wire, false) : OK; /* all was skipped: its answers say so */
    *ret_again = e && !c->wire.lost;
    if (c->wire.lost || rest)
        return op_fail(op, E_IO, "the connection to PostgreSQL broke; nothing was stored");
    if (*ret_again)
        left_undo(&own, c, e, framing);
    return OK;
}

/* Prepares and sends. A statement that could not be bound never reached the server: it costs the frame nothing. */
static enum err start(struct op *op, struct db_tx *tx, const struct sql *sql, const struct db_val *args, size_t n, enum pgwire_sent kind,
                      struct pgstatement **ret)
{
    struct pgconn *c = tx->impl;
    struct pgstatement *st = NULL;
    if (c->doomed)
        return op_fail(op, E_INTERNAL, "%s: follows a statement that failed in the same transaction", sql->name);
    enum err e = make_way(op, c);
    if (!e && c->left && kind == PGWIRE_SENT_LATER)
        e = later_settle(op, c);
    if (e)
        return e;
    e = prepare(op, c, sql, &st);
    if (e) {
        frame_note(c, tx->writable, false, e);
        return e;
    }
    if (st->writes && !tx->writable)
        return op_fail(op, E_INTERNAL, "%s: a write inside a read transaction", sql->name);
    *ret = st;
    return send_bound(op, c, st, sql, args, n, kind);
}

/* The same, and takes the results before the statement's own. */
static enum err start_now(struct op *op, struct db_tx *tx, const struct sql *sql, const struct db_val *args, size_t n, struct pgstatement **ret)
{
    struct pgconn *c = tx->impl;
    bool again = false;
    struct framing framing = framing_of(&c->wire);
    enum err e = start(op, tx, sql, args, n, PGWIRE_SENT_STATEMENT, ret);
    if (!e)
        e = pgwire_sync(op, &c->wire);
    if (!e && c->left)
        e = left_take(op, c, &framing, &again);
    if (!e && again) {
        e = send_bound(op, c, *ret, sql, args, n, PGWIRE_SENT_STATEMENT);
        if (!e)
            e = pgwire_sync(op, &c->wire);
    }
    if (e)
        return e;
    e = take_before(op, c);
    if (e && !c->wire.lost && pgwire_settle(op, &c->wire, false)) /* it was skipped: takes the answer that says so, and the sync */
        c->doomed = true;
    return e;
}

enum err pgconn_describe(struct op *op, struct pgconn *c, const struct sql *sql, unsigned *ret_types, int *ret_count)
{
    struct pgstatement *st = NULL;
    enum err e = prepare(op, c, sql, &st);
    if (e)
        return e;
    memcpy(ret_types, st->types, sizeof st->types);
    *ret_count = st->param_count;
    return OK;
}

static int64_t number_of(const PGresult *res, int row)
{
    struct db_val v;
    bool good = PQnfields(res) > 0 && pgvalue_decode(PQftype(res, 0), PQgetvalue(res, row, 0), (size_t)PQgetlength(res, row, 0), &v);
    return good && v.type == DB_TYPE_I64 ? v.i : 0;
}

enum err pgconn_exec(struct op *op, struct db_tx *tx, const struct sql *sql, const struct db_val *args, size_t n,
                     int64_t *ret_changes)
{
    struct pgconn *c = tx->impl;
    struct pgstatement *st = NULL;
    enum err e = start_now(op, tx, sql, args, n, &st), failure = OK;
    if (e)
        return e;
    PGresult *res = NULL;
    int64_t changes = 0;
    while (!(e = pgwire_take(op, &c->wire, sql->name, &res)) && res) {
        if (PQresultStatus(res) == PGRES_FATAL_ERROR) {
            failure = pgwire_fail(op, &c->wire, res, sql->name);
        } else {
            if (!str_parse_i64(str_from(PQcmdTuples(res)), &changes))
                changes = 0;
            if (st->writes && PQntuples(res))
                c->last_id = number_of(res, PQntuples(res) - 1);
        }
        PQclear(res);
        if (c->wire.lost)
            break;
    }
    if (!e && !c->wire.lost) {
        pgwire_note_taken(&c->wire);
        e = pgwire_settle(op, &c->wire, false);
    }
    failure = failure ? failure : e;
    frame_note(c, tx->writable, st->writes, failure);
    if (!failure && ret_changes)
        *ret_changes = changes;
    return failure;
}

enum err pgconn_exec_later(struct op *op, struct db_tx *tx, const struct sql *sql, const struct db_val *args, size_t n,
                           int64_t *add_changes)
{
    struct pgconn *c = tx->impl;
    struct pgstatement *st = NULL;
    enum err e = c->later_count == LATER_MAX ? later_settle(op, c) : OK;
    if (!e)
        e = start(op, tx, sql, args, n, PGWIRE_SENT_LATER, &st);
    if (e)
        return e;
    c->later[c->later_count++] = (struct later){sql, add_changes};
    c->changed = true; /* as far as is known */
    return OK;
}

enum err pgconn_settle(struct op *op, struct db_tx *tx)
{
    return later_settle(op, tx->impl);
}

enum err pgconn_query(struct op *op, struct db_tx *tx, const struct sql *sql, const struct db_val *args, size_t n,
                      struct db_rows **ret)
{
    struct pgconn *c = tx->impl;
    struct pgstatement *st = NULL;
    enum err e = start_now(op, tx, sql, args, n, &st);
    if (e)
        return e;
    struct db_rows *rows = c->spare ? c->spare : calloc(1, sizeof *rows);
    if (!rows)
        abort();
    if (rows == c->spare)
        c->spare = rows->next;
    *rows = (struct db_rows){.conn = c, .wire = &c->wire, .scratch = c->scratch, .sql = sql, .next = c->running, .link = &c->running};
    if (rows->next)
        rows->next->link = &rows->next;
    c->running = rows;
    c->streaming = rows;
    pgrows_begin(rows);
    *ret = rows;
    return OK;
}

enum err pgconn_step(struct op *op, struct db_rows *rows, bool *ret_row)
{
    struct pgconn *c = rows->conn;
    bool row = false;
    enum err e = pgrows_step(op, rows, &row);
    if (!rows->streaming && c->streaming == rows)
        c->streaming = NULL;
    if (e) {
        frame_note(c, c->role == PGCONN_WRITER, false, e);
        return e;
    }
    *ret_row = row;
    return OK;
}

struct db_val pgconn_column(struct db_rows *rows, int i)
{
    return pgrows_column(rows, i);
}

void pgconn_end(struct db_rows *rows)
{
    struct pgconn *c = rows->conn;
    pgrows_discard(rows, c->role == PGCONN_READER);
    if (c->streaming == rows)
        c->streaming = NULL;
    *rows->link = rows->next;
    if (rows->next)
        rows->next->link = rows->link;
    rows->next = c->spare;
    c->spare = rows;
}

struct db_rows *pgconn_mark(struct pgconn *c)
{
    return c->running;
}

void pgconn_end_rows(struct pgconn *c, struct db_rows *mark)
{
    while (c->running && c->running != mark)
        pgconn_end(c->running);
}

int64_t pgconn_last_id(struct db_tx *tx)
{
    const struct pgconn *c = tx->impl;
    return c->last_id;
}

void pgconn_read_begin(struct pgconn *c, int64_t deadline_ms)
{
    c->changed = c->doomed = false;
    c->wire.deadline_ms = deadline_ms;
    pgwire_push(&c->wire, PGWIRE_BEGIN_READ);
}

void pgconn_read_end(struct pgconn *c)
{
    struct op op;
    pgconn_end_rows(c, NULL);
    c->wire.deadline_ms = 0;
    pgwire_push(&c->wire, PGWIRE_ROLLBACK);
    if (c->wire.lost || !c->wire.pending_count)
        return;
    arena_reset(c->scratch);
    op_init(&op, c->scratch);
    /* Its answer is taken when the connection is used next. */
    if (pgwire_send_pending(&op, &c->wire) || pgwire_sync(&op, &c->wire))
        c->wire.lost = true;
}

bool pgconn_is_usable(struct pgconn *c)
{
    struct op op;
    arena_reset(c->scratch);
    op_init(&op, c->scratch);
    return !c->wire.lost && !pgwire_settle(&op, &c->wire, false) && !pgwire_is_stale(&c->wire);
}

enum err pgconn_frame_begin(struct op *op, struct pgconn *c, struct pgframe *ret)
{
    enum err e = make_way(op, c);
    if (!e && !c->left)
        e = later_settle(op, c);
    if (e)
        return e;
    *ret = (struct pgframe){c->changed, c->doomed, c->running};
    c->changed = c->doomed = false;
    pgwire_push(&c->wire, PGWIRE_SAVEPOINT);
    return OK;
}

/* Keys that are checked late are looked at here, so that they fail their own function and not the group. */
static enum err late_check(struct op *op, struct pgconn *c)
{
    pgwire_push(&c->wire, PGWIRE_CHECK_KEYS);
    enum err e = pgwire_flush(op, &c->wire);
    if (!e)
        pgwire_push(&c->wire, PGWIRE_DEFER_KEYS);
    return e;
}

enum err pgconn_frame_end(struct op *op, struct pgconn *c, const struct pgframe *frame, enum err e)
{
    pgconn_end_rows(c, frame->mark);
    if (c->later_count && !c->left && !c->wire.lost) {
        for (int i = 0; i < c->later_count; i++)
            c->later[i].add_changes = NULL; /* the function has returned, and what it counted in may be gone */
        enum err late = later_settle(op, c);
        e = e ? e : late;
    }
    if (c->wire.lost)
        return e ? op_context(op, "nothing was stored") : op_fail(op, E_IO, "the connection to PostgreSQL broke; nothing was stored");
    if (!e && c->doomed)
        e = op_fail(op, E_INTERNAL, "a write went on after a statement of it had failed");
    if (!e && c->changed && c->late_keys)
        e = late_check(op, c);
    if (e)
        pgwire_push(&c->wire, PGWIRE_ROLLBACK_TO);
    pgwire_push(&c->wire, PGWIRE_RELEASE);
    c->changed = frame->changed || (!e && c->changed);
    c->doomed = frame->doomed;
    return e;
}

enum err pgconn_frame_leave(struct op *op, struct pgconn *c, const struct pgframe *frame, enum err e, bool *ret_left)
{
    *ret_left = !e && c->later_count && !c->left && !c->doomed && !c->late_keys && !c->wire.lost && !c->left_failure;
    if (!*ret_left)
        return pgconn_frame_end(op, c, frame, e);
    pgconn_end_rows(c, frame->mark);
    for (int i = 0; i < c->later_count; i++)
        c->later[i].add_changes = NULL; /* as above */
    c->left = true;
    pgwire_push(&c->wire, PGWIRE_RELEASE);
    c->changed = true;
    c->doomed = frame->doomed;
    return OK;
}

enum err pgconn_commit(struct op *op, struct pgconn *c, struct str server, int64_t number, bool *ret_unknown)
{
    struct pgwire *w = &c->wire;
    char text[24];
    int len = snprintf(text, sizeof text, "%" PRId64, number);
    const char *key = str_cstr(op->arena, server);
    const char *values[] = {key, text};
    const int lens[] = {(int)server.len, len}, formats[] = {0, 0};
    *ret_unknown = false;
    c->changed = c->doomed = false;
    enum err e = pgwire_send_pending(op, w);
    if (e)
        return e;
    *ret_unknown = true; /* until the answer is there */
    if (!PQsendQueryPrepared(w->pg, MARK_NAME, 2, values, lens, formats, 0)) {
        w->lost = true;
        return op_fail(op, E_IO, "commit: %s", PQerrorMessage(w->pg));
    }
    pgwire_note_sent(w, PGWIRE_SENT_CONTROL);
    pgwire_push(w, PGWIRE_COMMIT);
    if (!(e = pgwire_send_pending(op, w)))
        e = pgwire_sync(op, w);
    if (FAULT("db.answer")) /* the server has it, but nobody hears what it says */
        pgwire_break(w);
    if (!e)
        e = pgwire_settle(op, w, false);
    *ret_unknown = w->lost;
    return e;
}

enum err pgconn_commit_number(struct op *op, struct pgconn *c, struct str server, int64_t *ret)
{
    static const struct sql find = {.name = "commit_number", .text = "SELECT number FROM db_writer WHERE server = ?1", .id = -1};
    struct db_tx tx = {.impl = c, .writable = true};
    struct db_rows *rows = NULL;
    bool row = false;
    enum err e = pgconn_query(op, &tx, &find, DB_ARGS(DB_TEXT(server)), &rows);
    if (!e)
        e = pgconn_step(op, rows, &row);
    if (!e)
        *ret = row ? pgconn_column(rows, 0).i : 0;
    if (rows)
        pgconn_end(rows);
    return e;
}
