/* pgwire.h - one connection to PostgreSQL in libpq's pipeline mode: batches of messages out, results back in order.
 * A batch is what frames a transaction (BEGIN, SAVEPOINT ...: pushed, sent with the next message), at most one statement, and a
 * sync; so the frames cost no round trips of their own. Used by one thread at a time. Once `lost` is set every call fails E_IO. */
#ifndef INGOT_ADAPTER_POSTGRES_PGWIRE_H
#define INGOT_ADAPTER_POSTGRES_PGWIRE_H

#include <libpq-fe.h>

#include "base/op.h"

#define PGWIRE_PENDING 16
#define PGWIRE_SENT 512 /* a power of two */

/* What frames a transaction. */
enum pgwire_control {
    PGWIRE_BEGIN_READ,
    PGWIRE_BEGIN_WRITE,
    PGWIRE_LOCK, /* waits until no other server writes */
    PGWIRE_SAVEPOINT,
    PGWIRE_RELEASE,
    PGWIRE_ROLLBACK_TO,
    PGWIRE_CHECK_KEYS, /* constraints that the schema checks late */
    PGWIRE_DEFER_KEYS,
    PGWIRE_COMMIT,
    PGWIRE_ROLLBACK,
    PGWIRE_CONTROL_COUNT
};
/* What a result that has not come yet will be. */
enum pgwire_sent {
    PGWIRE_SENT_CONTROL,
    PGWIRE_SENT_COMMIT,
    PGWIRE_SENT_STATEMENT,
    PGWIRE_SENT_LATER, /* a statement whose caller does not wait for it */
    PGWIRE_SENT_SYNC
};

struct pgwire {
    PGconn *pg;
    bool lost;
    int64_t deadline_ms;         /* CLOCK_MONOTONIC, 0: none; past it the connection is given up (E_TIMEOUT) */
    int64_t used_ms;             /* when it last had a result */
    char lock_text[80];          /* PGWIRE_LOCK of this schema; "" until set */
    enum pgwire_control pending[PGWIRE_PENDING];
    int pending_count;
    enum pgwire_sent sent[PGWIRE_SENT]; /* a ring */
    unsigned sent_first, sent_count;
};

/* Connects and prepares the session, in blocking mode without pipeline. `writer`: commits wait for the disk, whatever the server's
 * default. E_IO: not reachable; E_UNSUPPORTED: too old, or not UTF-8. The text never holds the password. */
MUST_USE enum err pgwire_open(struct op *op, const char *url, bool writer, struct pgwire *ret);
/* Into pipeline mode. */
MUST_USE enum err pgwire_start(struct op *op, struct pgwire *w);
void pgwire_close(struct pgwire *w);
/* Before pgwire_start: one statement of no or of text results; the caller frees *ret_result (NULL: not wanted). */
MUST_USE enum err pgwire_plain(struct op *op, struct pgwire *w, const char *text, PGresult **ret_result);

/* Queues a framing statement; a frame in which nothing was sent is dropped again. */
void pgwire_push(struct pgwire *w, enum pgwire_control control);
/* Sends what is pushed, without a sync. */
MUST_USE enum err pgwire_send_pending(struct op *op, struct pgwire *w);
/* What the next results belong to; only while sent_count > 0. */
enum pgwire_sent pgwire_front(const struct pgwire *w);
/* Notes that the caller sent one message. */
void pgwire_note_sent(struct pgwire *w, enum pgwire_sent what);
/* Ends the batch and hands it to the kernel as far as that takes it. */
MUST_USE enum err pgwire_sync(struct op *op, struct pgwire *w);
/* Takes the results that come before the first statement's, of either kind (`to_statement`), or all. The first failure among them. */
MUST_USE enum err pgwire_settle(struct op *op, struct pgwire *w, bool to_statement);
/* pgwire_send_pending, sync and settle. */
MUST_USE enum err pgwire_flush(struct op *op, struct pgwire *w);
/* The next result of the statement at the front, NULL behind its last. */
MUST_USE enum err pgwire_take(struct op *op, struct pgwire *w, const char *what, PGresult **ret);
/* Notes that the results of the message at the front have been taken to their NULL. */
void pgwire_note_taken(struct pgwire *w);
/* The server has ended an idle connection, or has something to say that was not asked for. */
bool pgwire_is_stale(struct pgwire *w);
/* Sends what it can and breaks the connection: for tests of a break at a given moment. */
void pgwire_break(struct pgwire *w);

/* The error of a failed result; `what` names the statement. */
enum err pgwire_fail(struct op *op, struct pgwire *w, const PGresult *res, const char *what);
/* Where the database is, without user and password: "host:port/database". In op's arena. */
const char *pgwire_place(struct op *op, const char *url);

#endif
