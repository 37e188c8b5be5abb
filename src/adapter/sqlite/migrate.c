/* migrate.c - see migrate.h. */
#include "adapter/sqlite/migrate.h"

static const struct sql make_table = {
    .name = "schema_version_create",
    .text = "CREATE TABLE IF NOT EXISTS schema_version ("
            "number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_us INTEGER NOT NULL) STRICT",
    .id = -1,
};
static const struct sql list = {.name = "schema_version_list",
                                .text = "SELECT number, name FROM schema_version ORDER BY number",
                                .id = -1};
static const struct sql add = {.name = "schema_version_add",
                               .text =
                                   "INSERT INTO schema_version (number, name, applied_us) VALUES (?, ?, ?)",
                               .id = -1};

static const struct sql_migration *find(const struct sql_migration *migrations, int count, int64_t number)
{
    for (int i = 0; i < count; i++)
        if (migrations[i].number == number)
            return &migrations[i];
    return NULL;
}

/* Marks in `applied` what the database has already. */
static enum err read_applied(struct op *op, struct db_tx *tx, const struct sql_migration *migrations,
                             int count, bool *applied)
{
    struct db_rows *rows = NULL;
    enum err e = dbconn_query(op, tx, &list, DB_NO_ARGS, &rows);
    bool row = true;
    while (!e && (e = dbconn_step(op, rows, &row)) == OK && row) {
        const struct sql_migration *m = find(migrations, count, dbconn_column(rows, 0).i);
        if (m)
            applied[m - migrations] = true;
        else
            e = op_fail(
                op, E_CONFLICT,
                "the database was written by a newer version of this program (it has migration %lld, '%.*s')",
                (long long)dbconn_column(rows, 0).i, STR_FMT(dbconn_column(rows, 1).s));
    }
    if (rows)
        dbconn_end(rows);
    return e;
}

static enum err apply(struct op *op, struct dbconn *c, struct db_tx *tx, const struct sql_migration *m)
{
    int rc = dbconn_run(c, DBCONN_BEGIN_WRITE);
    if (rc)
        return dbconn_fail(op, c, rc, "begin");
    rc = sqlite3_exec(dbconn_handle(c), m->text, NULL, NULL, NULL);
    enum err e = rc ? dbconn_fail(op, c, rc, m->name) : OK;
    if (!e && sqlite3_get_autocommit(dbconn_handle(c)))
        return op_fail(op, E_INTERNAL, "migration %d ends its own transaction", m->number);
    if (!e)
        e = dbconn_exec(op, tx, &add,
                        DB_ARGS(DB_I64(m->number), DB_TEXT(str_from(m->name)), DB_I64(op->now_us)), NULL);
    if (!e && (rc = dbconn_run(c, DBCONN_COMMIT)) != SQLITE_OK)
        e = dbconn_fail(op, c, rc, "commit");
    if (e && !sqlite3_get_autocommit(dbconn_handle(c)))
        (void)dbconn_run(c, DBCONN_ROLLBACK);
    return e ? op_context(op, "migration %d (%s)", m->number, m->name) : OK;
}

enum err migrate_apply(struct op *op, struct dbconn *c, const struct sql_migration *migrations, int count)
{
    struct db_tx tx = {.impl = c, .writable = true};
    bool *applied = arena_alloc(op->arena, (size_t)count + 1);
    enum err e = dbconn_exec(op, &tx, &make_table, DB_NO_ARGS, NULL);
    if (!e)
        e = read_applied(op, &tx, migrations, count, applied);
    for (int i = 0; !e && i < count; i++)
        if (!applied[i])
            e = apply(op, c, &tx, &migrations[i]);
    return e;
}
