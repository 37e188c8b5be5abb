/* journal.c - a log of what must outlive the process.
 *
 * Format. A row holds up to LIMIT_ROLLOUT_JOURNAL entries of 33 bytes, little-endian: id (8), event time (8), version (8), two floats
 * (4 + 4), kind (1). A NOTE is a pick: its version, and its propensity as the first float. A PAIR is two scores. TAKEN says that the note or
 * pair of this id was used, and is written in the transaction that counts what it was used for.
 *
 * The order of rows means nothing: several threads, and several servers on one database, write at once, so a TAKEN may come to stand
 * before its NOTE. What was taken anywhere is not brought back. (An id that is used again after its reward came would not be brought back
 * either: ids are meant to be used once.)
 *
 * Bound. A server has at most LIMIT_ROLLOUT_NOTES notes in memory, the youngest. Since the oldest of them no more than as many notes and
 * twice as many TAKEN entries can have been written (one for each note that was there then or came since), so rows that lie further
 * back than three times that, by the running sum `upto`, are deleted when others are added.
 *
 * Promise. What an answer acknowledged (rewards, labels) stands in the database before the answer. A pick or a pair is acknowledged
 * to nobody: it lies in memory alone for at most LIMIT_ROLLOUT_FLUSH_MS and the time of one commit, and that much is lost by a kill. */
#include "core/rollout/journal.h"

#include <stdlib.h>

#include "base/buf.h"
#include "core/rollout/idring.h"
#include "core/rollout/rollout.h"
#include "core/rollout/store.h"
#include "sql_gen.h"

enum { ENTRY_BYTES = 33, KEPT = 3 * LIMIT_ROLLOUT_NOTES };

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "entries are copied as they lie in memory");

static unsigned char *put(unsigned char *to, const void *v, size_t n)
{
    memcpy(to, v, n);
    return to + n;
}

static const unsigned char *take(const unsigned char *from, void *v, size_t n)
{
    memcpy(v, from, n);
    return from + n;
}

static void entry_write(unsigned char to[ENTRY_BYTES], const struct live_entry *e)
{
    to = put(to, &e->id, 8);
    to = put(to, &e->event_us, 8);
    to = put(to, &e->version, 8);
    to = put(to, &e->a, 4);
    to = put(to, &e->b, 4);
    *to = e->kind;
}

static bool entry_read(const unsigned char *from, struct live_entry *ret)
{
    from = take(from, &ret->id, 8);
    from = take(from, &ret->event_us, 8);
    from = take(from, &ret->version, 8);
    from = take(from, &ret->a, 4);
    from = take(from, &ret->b, 4);
    ret->kind = *from;
    return *from < LIVE_KIND_COUNT;
}

static enum err row_write(struct op *op, struct db_tx *tx, int64_t rollout, const struct live_entry *entries, size_t n)
{
    unsigned char *bytes = arena_try_alloc(op->arena, n, ENTRY_BYTES);
    if (!bytes)
        return op_fail(op, E_TOO_LARGE, "the journal's %zu entries find no room", n);
    for (size_t i = 0; i < n; i++)
        entry_write(bytes + i * ENTRY_BYTES, &entries[i]);
    return db_exec(op, tx, &sql_rollout_journal_insert,
                   DB_ARGS(DB_I64(rollout), DB_I64((int64_t)n), DB_BLOB(((struct str){(const char *)bytes, n * ENTRY_BYTES}))), NULL);
}

enum err journal_write(struct op *op, struct db_tx *tx, int64_t rollout, const struct live_entry *entries, size_t n)
{
    if (!n)
        return OK;
    for (size_t at = 0; at < n; at += LIMIT_ROLLOUT_JOURNAL) {
        enum err e = row_write(op, tx, rollout, entries + at, n - at < LIMIT_ROLLOUT_JOURNAL ? n - at : LIMIT_ROLLOUT_JOURNAL);
        if (e)
            return e;
    }
    return db_exec(op, tx, &sql_rollout_journal_prune, DB_ARGS(DB_I64(rollout), DB_I64(KEPT)), NULL);
}

enum err journal_drop(struct op *op, struct db_tx *tx, int64_t rollout)
{
    return db_exec(op, tx, &sql_rollout_journal_drop, DB_ARGS(DB_I64(rollout)), NULL);
}

/* ---- reading ---- */
struct load {
    struct rollout_live *live;
    struct str endpoint;
    const struct rollout_weights *weights;
    struct idring *taken;
};

typedef void entry_fn(struct load *l, const struct live_entry *e);

static void entry_taken(struct load *l, const struct live_entry *e)
{
    bool evicted;
    if (e->kind == LIVE_TAKEN)
        (void)idring_put(l->taken, e->id, &evicted);
}

static void entry_restore(struct load *l, const struct live_entry *e)
{
    if (e->kind != LIVE_TAKEN && !idring_find(l->taken, e->id))
        rollout_live_restore(l->live, l->endpoint, l->weights, e);
}

static enum err each_entry(struct op *op, struct db_tx *tx, struct load *l, entry_fn *fn)
{
    struct db_rows *rows;
    bool more = false;
    enum err e = db_query(op, tx, &sql_rollout_journal_list, DB_ARGS(DB_I64(l->weights->id)), &rows);
    if (e)
        return e;
    while (!e && !(e = db_step(op, tx, rows, &more)) && more) {
        struct str bytes = db_col_str(tx, rows, 0);
        bool whole = bytes.len % ENTRY_BYTES == 0;
        for (size_t i = 0; whole && i < bytes.len; i += ENTRY_BYTES) {
            struct live_entry entry;
            whole = entry_read((const unsigned char *)bytes.p + i, &entry);
            if (whole)
                fn(l, &entry);
        }
        if (!whole)
            e = op_fail(op, E_CORRUPT, "the journal of rollout %lld is damaged", (long long)l->weights->id);
    }
    db_end(tx, rows);
    return e;
}

static enum err load_one(struct op *op, struct db_tx *tx, struct rollout_live *live, struct str endpoint)
{
    struct rollout_weights *w = op_new(op, struct rollout_weights);
    enum err e = rollout_weights_tx(op, tx, endpoint, w);
    if (e || !w->active || (!w->shadow && !w->arm_count))
        return e;
    struct load l = {live, endpoint, w, idring_create(1, 4 * LIMIT_ROLLOUT_NOTES, (uint64_t)w->id)};
    e = each_entry(op, tx, &l, entry_taken);
    if (!e)
        e = each_entry(op, tx, &l, entry_restore);
    idring_destroy(l.taken);
    return e;
}

static enum err load_read(struct op *op, struct db_tx *tx, void *arg)
{
    struct str names[LIMIT_MONITOR_ENDPOINTS];
    size_t n = 0;
    struct db_rows *rows;
    bool more = false;
    enum err e = db_query(op, tx, &sql_rollout_running_spaces, DB_ARGS(DB_TEXT(STR(""))), &rows); /* "": of all endpoints */
    if (e)
        return e;
    while (!(e = db_step(op, tx, rows, &more)) && more && n < ARRAY_LEN(names))
        names[n++] = db_col_dup(op, tx, rows, 0);
    db_end(tx, rows);
    for (size_t i = 0; !e && i < n; i++)
        e = load_one(op, tx, arg, names[i]);
    return e;
}

enum err rollout_live_load(struct op *op, struct db *db, struct rollout_live *live)
{
    return db_read(op, db, load_read, live);
}
