/* dbconn.c - opens a connection with every safety that SQLite offers, and keeps its statements.
 *
 * Statements are prepared once per connection and found by the dense id of their `struct sql`. The slot
 * remembers which `struct sql` it belongs to, so that two tables of statements with the same ids (tests)
 * only cost a new preparation. A statement that is asked for while it is still running (a query inside a loop
 * over the same query) gets a second, uncached preparation.
 *
 * Settings, and why (sqlite.org/security.html, sqlite.org/wal.html):
 * - journal_mode WAL and synchronous FULL: COMMIT returns after the log is on the disk; NORMAL would lose
 *   acknowledged commits with the power.
 * - wal_autocheckpoint 0: only the writer checkpoints, in its own time. SQLite 3.7.0 to 3.51.2 can corrupt a
 *   database when two connections checkpoint at the same time; with one writer that also does every
 *   checkpoint the case cannot arise.
 * - DEFENSIVE, trusted_schema off, cell_size_check on, double-quoted strings off, no ATTACH: a damaged or planted file
 *   is refused rather than obeyed.
 * - mmap off: an I/O error is then an error code, not a SIGBUS. */
#include "adapter/sqlite/dbconn.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/time.h"

#define APPLICATION_ID 0x496e676f /* "Ingo", in the header of every database file of ours */
#define PROGRESS_STEPS 2000       /* virtual machine steps between two looks at the clock: some 20 us */

struct slot {
    const struct sql *sql;
    sqlite3_stmt *stmt;
    bool running;
};

struct db_rows {
    struct dbconn *conn;
    const struct sql *sql;
    sqlite3_stmt *stmt;
    struct slot *slot;            /* NULL: uncached */
    struct db_rows *next, **link; /* among the running ones */
};

struct dbconn {
    sqlite3 *handle;
    int64_t deadline_ms;
    int trouble;         /* see dbconn_trouble */
    struct slot **slots; /* by sql->id; single allocations, as running rows point at them */
    int slot_count;
    struct db_rows *running, *spare;
    sqlite3_stmt *control[DBCONN_CONTROL_COUNT];
};

static const char *const control_text[DBCONN_CONTROL_COUNT] = {
    [DBCONN_BEGIN] = "BEGIN",
    [DBCONN_BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [DBCONN_COMMIT] = "COMMIT",
    [DBCONN_ROLLBACK] = "ROLLBACK",
    [DBCONN_SAVEPOINT] = "SAVEPOINT ingot_write",
    [DBCONN_RELEASE] = "RELEASE ingot_write",
    [DBCONN_ROLLBACK_TO] = "ROLLBACK TO ingot_write",
};

static enum err code_to_err(int extended_rc)
{
    switch (extended_rc) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        return E_EXISTS;
    default:
        break;
    }
    switch (extended_rc & 0xff) {
    case SQLITE_CONSTRAINT:
        return E_CONFLICT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
        return E_BUSY;
    case SQLITE_INTERRUPT:
        return E_TIMEOUT;
    case SQLITE_TOOBIG:
        return E_TOO_LARGE;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return E_CORRUPT;
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return E_IO;
    default:
        return E_INTERNAL;
    }
}

enum err dbconn_fail(struct op *op, struct dbconn *c, int rc, const char *what)
{
    /* The handle may have moved on to something else since `rc` came. */
    bool same = c->handle && (sqlite3_errcode(c->handle) & 0xff) == (rc & 0xff);
    int extended = same ? sqlite3_extended_errcode(c->handle) : rc;
    if ((rc & 0xff) == SQLITE_FULL || (rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_NOMEM)
        c->trouble = extended;
    if ((rc & 0xff) == SQLITE_FULL)
        return op_fail(op, E_IO, "%s: the disk that holds the database is full; nothing was stored", what);
    if ((rc & 0xff) == SQLITE_INTERRUPT)
        return op_fail(op, E_TIMEOUT, "%s: the deadline passed", what);
    return op_fail(op, code_to_err(extended), "%s: %s", what,
                   same ? sqlite3_errmsg(c->handle) : sqlite3_errstr(rc));
}

int dbconn_trouble(const struct dbconn *c)
{
    return c->trouble;
}

bool dbconn_is_fatal(int extended_rc)
{
    if ((extended_rc & 0xff) != SQLITE_IOERR)
        return false;
    switch (extended_rc) {
    case SQLITE_IOERR_NOMEM:   /* memory, not disk */
    case SQLITE_IOERR_SHMOPEN: /* the shared index could not grow: on a full disk this heals */
    case SQLITE_IOERR_SHMSIZE:
    case SQLITE_IOERR_SHMMAP:
    case SQLITE_IOERR_READ: /* nothing was written */
    case SQLITE_IOERR_SHORT_READ:
        return false;
    default:
        return true;
    }
}

static int on_progress(void *arg)
{
    const struct dbconn *c = arg;
    return c->deadline_ms && time_mono_ms() >= c->deadline_ms;
}

void dbconn_set_deadline(struct dbconn *c, int64_t deadline_ms)
{
    c->deadline_ms = deadline_ms;
}

sqlite3 *dbconn_handle(struct dbconn *c)
{
    return c->handle;
}

static int query_int(sqlite3 *handle, const char *text, int *ret)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(handle, text, -1, &stmt, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        *ret = sqlite3_column_int(stmt, 0);
        rc = SQLITE_OK;
    }
    sqlite3_finalize(stmt);
    return rc;
}

static void harden(sqlite3 *handle)
{
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_limit(handle, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, (int)LIMIT_DB_VALUE_BYTES);
    sqlite3_extended_result_codes(handle, 1);
    sqlite3_busy_timeout(handle, DBCONN_BUSY_MS);
}

/* WAL and the mark of ours, on the writer's side; the file is empty or was made by us. */
static enum err prepare_file(struct op *op, struct dbconn *c)
{
    int id = 0, tables = 0;
    int rc = query_int(c->handle, "PRAGMA application_id", &id);
    if (!rc)
        rc = query_int(c->handle, "SELECT count(*) FROM sqlite_schema", &tables);
    if (rc)
        return dbconn_fail(op, c, rc, "open the database");
    if (id != APPLICATION_ID && (id || tables))
        return op_fail(op, E_CONFLICT, "the file is a database of another program");
    sqlite3_stmt *stmt = NULL;
    rc = sqlite3_prepare_v2(c->handle, "PRAGMA journal_mode = WAL", -1, &stmt, NULL);
    if (!rc)
        rc = sqlite3_step(stmt);
    bool wal = rc == SQLITE_ROW && !strcmp((const char *)sqlite3_column_text(stmt, 0), "wal");
    bool memory = rc == SQLITE_ROW && !strcmp((const char *)sqlite3_column_text(stmt, 0), "memory");
    sqlite3_finalize(stmt);
    if (rc != SQLITE_ROW)
        return dbconn_fail(op, c, rc, "open the database");
    if (!wal && !memory)
        return op_fail(op, E_UNSUPPORTED, "this file system has no shared memory for the database's log");
    if (id != APPLICATION_ID) {
        static const char mark[] = "PRAGMA application_id = 1231972207"; /* APPLICATION_ID in decimal */
        _Static_assert(APPLICATION_ID == 1231972207, "the mark and the constant are one number");
        rc = sqlite3_exec(c->handle, mark, NULL, NULL, NULL);
        if (rc)
            return dbconn_fail(op, c, rc, "open the database");
    }
    return OK;
}

static enum err set_up(struct op *op, struct dbconn *c, enum dbconn_role role)
{
    harden(c->handle);
    static const char common[] =
        "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY;"
        "PRAGMA wal_autocheckpoint = 0;";
    int rc = sqlite3_exec(c->handle, common, NULL, NULL, NULL);
    if (!rc && role == DBCONN_WRITER) {
        enum err e = prepare_file(op, c);
        if (e)
            return e;
        rc = sqlite3_exec(c->handle,
                          "PRAGMA synchronous = FULL; PRAGMA cache_size = -16384;"
                          "PRAGMA journal_size_limit = 67108864;",
                          NULL, NULL, NULL);
    } else if (!rc) {
        rc = sqlite3_exec(c->handle, "PRAGMA query_only = ON; PRAGMA cache_size = -4096;", NULL, NULL, NULL);
    }
    if (rc)
        return dbconn_fail(op, c, rc, "open the database");
    for (int i = 0; i < DBCONN_CONTROL_COUNT; i++) {
        rc = sqlite3_prepare_v3(c->handle, control_text[i], -1, SQLITE_PREPARE_PERSISTENT, &c->control[i],
                                NULL);
        if (rc)
            return dbconn_fail(op, c, rc, control_text[i]);
    }
    sqlite3_progress_handler(c->handle, PROGRESS_STEPS, on_progress, c);
    return OK;
}

/* SQLite's own count of its memory costs a lock per allocation, and nobody reads it. Refused (and harmless) if something else
 * in the process has used the library before. */
static void set_up_library(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

enum err dbconn_open(struct op *op, const char *path, enum dbconn_role role, struct dbconn **ret)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_up_library);
    struct dbconn *c = calloc(1, sizeof *c);
    if (!c)
        return op_fail(op, E_BUSY, "out of memory");
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
    flags |= role == DBCONN_WRITER ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
    int rc = sqlite3_open_v2(path, &c->handle, flags, NULL);
    enum err e = rc ? dbconn_fail(op, c, rc, "open the database") : set_up(op, c, role);
    if (e) {
        dbconn_close(c);
        return op_context(op, "database '%s'", path);
    }
    *ret = c;
    return OK;
}

void dbconn_close(struct dbconn *c)
{
    if (!c)
        return;
    dbconn_end_rows(c, NULL);
    for (int i = 0; i < c->slot_count; i++) {
        if (c->slots[i])
            sqlite3_finalize(c->slots[i]->stmt);
        free(c->slots[i]);
    }
    free(c->slots);
    for (int i = 0; i < DBCONN_CONTROL_COUNT; i++)
        sqlite3_finalize(c->control[i]);
    while (c->spare) {
        struct db_rows *next = c->spare->next;
        free(c->spare);
        c->spare = next;
    }
    int rc = sqlite3_close(c->handle);
    assert(rc == SQLITE_OK); /* a statement that nobody finalised would keep the connection alive */
    free(c);
}

int dbconn_run(struct dbconn *c, enum dbconn_control control)
{
    if (control == DBCONN_BEGIN || control == DBCONN_BEGIN_WRITE)
        c->trouble = 0;
    int rc = sqlite3_step(c->control[control]);
    int reset = sqlite3_reset(c->control[control]);
    return rc == SQLITE_DONE ? SQLITE_OK : (reset ? reset : rc);
}

/* The cached place of `sql`, or NULL when it cannot be cached now. */
static struct slot *slot_for(struct dbconn *c, const struct sql *sql)
{
    if (sql->id < 0 || sql->id >= LIMIT_DB_STATEMENTS)
        return NULL;
    if (sql->id >= c->slot_count) {
        int count = sql->id + 64;
        struct slot **grown = realloc(c->slots, (size_t)count * sizeof(*grown));
        if (!grown)
            return NULL;
        memset(grown + c->slot_count, 0, (size_t)(count - c->slot_count) * sizeof(*grown));
        c->slots = grown;
        c->slot_count = count;
    }
    if (!c->slots[sql->id])
        c->slots[sql->id] = calloc(1, sizeof(struct slot));
    struct slot *slot = c->slots[sql->id];
    return slot && !slot->running ? slot : NULL;
}

static enum err prepare(struct op *op, struct db_tx *tx, const struct sql *sql, struct slot **ret_slot,
                        sqlite3_stmt **ret_stmt)
{
    struct dbconn *c = tx->impl;
    struct slot *slot = slot_for(c, sql);
    sqlite3_stmt *stmt = slot && slot->sql == sql ? slot->stmt : NULL;
    if (!stmt) {
        int rc =
            sqlite3_prepare_v3(c->handle, sql->text, -1, slot ? SQLITE_PREPARE_PERSISTENT : 0, &stmt, NULL);
        if (rc)
            return dbconn_fail(op, c, rc, sql->name);
        if (slot) {
            sqlite3_finalize(slot->stmt);
            slot->stmt = stmt;
            slot->sql = sql;
        }
    }
    if (!tx->writable && !sqlite3_stmt_readonly(stmt)) {
        if (!slot)
            sqlite3_finalize(stmt);
        return op_fail(op, E_INTERNAL, "%s: a write inside a read transaction", sql->name);
    }
    *ret_slot = slot;
    *ret_stmt = stmt;
    return OK;
}

static int bind_text(sqlite3_stmt *stmt, int i, struct str s, sqlite3_destructor_type lifetime)
{
    return sqlite3_bind_text64(stmt, i, s.p ? s.p : "", s.len, lifetime, SQLITE_UTF8);
}

static int bind_blob(sqlite3_stmt *stmt, int i, struct str s, sqlite3_destructor_type lifetime)
{
    return s.len ? sqlite3_bind_blob64(stmt, i, s.p, s.len, lifetime) : sqlite3_bind_zeroblob(stmt, i, 0);
}

/* `lifetime` is SQLITE_STATIC when the statement ends before the caller's bytes do. */
static enum err bind_all(struct op *op, struct dbconn *c, sqlite3_stmt *stmt, const struct sql *sql,
                         const struct db_val *args, size_t n, sqlite3_destructor_type lifetime)
{
    if (n != (size_t)sqlite3_bind_parameter_count(stmt))
        return op_fail(op, E_INTERNAL, "statement '%s' has %d parameters, %zu were given", sql->name,
                       sqlite3_bind_parameter_count(stmt), n);
    for (size_t k = 0; k < n; k++) {
        const struct db_val *v = &args[k];
        int i = (int)k + 1, rc = SQLITE_OK;
        switch (v->type) {
        case DB_TYPE_NULL:
            rc = sqlite3_bind_null(stmt, i);
            break;
        case DB_TYPE_I64:
            rc = sqlite3_bind_int64(stmt, i, v->i);
            break;
        case DB_TYPE_F64:
            if (isnan(v->f)) /* SQLite would store NULL in its place */
                return op_fail(op, E_INVALID, "%s: NaN cannot be stored as a number", sql->name);
            rc = sqlite3_bind_double(stmt, i, v->f);
            break;
        case DB_TYPE_TEXT:
            if (v->s.len &&
                memchr(v->s.p, 0, v->s.len)) /* half of SQLite's functions would see the front only */
                return op_fail(op, E_INVALID, "%s: a text must not hold a NUL character", sql->name);
            rc = bind_text(stmt, i, v->s, lifetime);
            break;
        case DB_TYPE_BLOB:
            rc = bind_blob(stmt, i, v->s, lifetime);
            break;
        }
        if (rc)
            return dbconn_fail(op, c, rc, sql->name);
    }
    return OK;
}

static void finish(struct slot *slot, sqlite3_stmt *stmt)
{
    if (!slot) {
        sqlite3_finalize(stmt);
        return;
    }
    sqlite3_reset(stmt);
    slot->running = false;
}

enum err dbconn_query(struct op *op, struct db_tx *tx, const struct sql *sql, const struct db_val *args,
                      size_t n, struct db_rows **ret)
{
    struct dbconn *c = tx->impl;
    struct slot *slot = NULL;
    sqlite3_stmt *stmt = NULL;
    enum err e = prepare(op, tx, sql, &slot, &stmt);
    if (e)
        return e;
    e = bind_all(op, c, stmt, sql, args, n, SQLITE_TRANSIENT);
    struct db_rows *rows = NULL;
    if (!e) {
        rows = c->spare ? c->spare : calloc(1, sizeof *rows);
        if (!rows)
            e = op_fail(op, E_BUSY, "out of memory");
    }
    if (e) {
        finish(slot, stmt);
        return e;
    }
    if (rows == c->spare)
        c->spare = rows->next;
    *rows = (struct db_rows){
        .conn = c, .sql = sql, .stmt = stmt, .slot = slot, .next = c->running, .link = &c->running};
    if (rows->next)
        rows->next->link = &rows->next;
    c->running = rows;
    if (slot)
        slot->running = true;
    *ret = rows;
    return OK;
}

enum err dbconn_step(struct op *op, struct db_rows *rows, bool *ret_row)
{
    int rc = sqlite3_step(rows->stmt);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return dbconn_fail(op, rows->conn, rc, rows->sql->name);
    *ret_row = rc == SQLITE_ROW;
    return OK;
}

struct db_val dbconn_column(struct db_rows *rows, int i)
{
    assert(i >= 0 && i < sqlite3_data_count(rows->stmt)); /* a column that the statement lacks, or no row */
    /* "Unprotected" matters to connections with a mutex only (sqlite3.h), which ours are not; it saves two look-ups per value. */
    sqlite3_value *v = sqlite3_column_value(rows->stmt, i);
    switch (sqlite3_value_type(v)) {
    case SQLITE_INTEGER:
        return DB_I64(sqlite3_value_int64(v));
    case SQLITE_FLOAT:
        return DB_F64(sqlite3_value_double(v));
    case SQLITE_TEXT: {
        const char *p = (const char *)sqlite3_value_text(v);
        struct str s = {p ? p : "", p ? (size_t)sqlite3_value_bytes(v) : 0};
        return DB_TEXT(s);
    }
    case SQLITE_BLOB: {
        const char *p = sqlite3_value_blob(v);
        struct str s = {p ? p : "", p ? (size_t)sqlite3_value_bytes(v) : 0};
        return DB_BLOB(s);
    }
    default:
        return DB_NULL;
    }
}

void dbconn_end(struct db_rows *rows)
{
    struct dbconn *c = rows->conn;
    *rows->link = rows->next;
    if (rows->next)
        rows->next->link = rows->link;
    finish(rows->slot, rows->stmt);
    rows->next = c->spare;
    c->spare = rows;
}

struct db_rows *dbconn_mark(struct dbconn *c)
{
    return c->running;
}

void dbconn_end_rows(struct dbconn *c, struct db_rows *mark)
{
    while (c->running && c->running != mark)
        dbconn_end(c->running);
}

enum err dbconn_exec(struct op *op, struct db_tx *tx, const struct sql *sql, const struct db_val *args,
                     size_t n, int64_t *ret_changes)
{
    struct dbconn *c = tx->impl;
    struct slot *slot = NULL;
    sqlite3_stmt *stmt = NULL;
    enum err e = prepare(op, tx, sql, &slot, &stmt);
    if (e)
        return e;
    e = bind_all(op, c, stmt, sql, args, n, SQLITE_STATIC);
    if (!e) {
        int rc;
        while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
            ; /* rows of a RETURNING clause or a pragma are not wanted here */
        if (rc != SQLITE_DONE)
            e = dbconn_fail(op, c, rc, sql->name);
        else if (ret_changes)
            *ret_changes = sqlite3_changes64(c->handle);
    }
    finish(slot, stmt);
    return e;
}

int64_t dbconn_last_id(struct db_tx *tx)
{
    struct dbconn *c = tx->impl;
    return sqlite3_last_insert_rowid(c->handle);
}
