/* pgwire.c - libpq's pipeline mode (postgresql.org/docs/15/libpq-pipeline-mode.html) under a strict discipline.
 *
 * Results come in the order in which messages were sent, so `sent` lists what is still to come. Everything before a statement
 * is taken before the statement's own results; after an error the server skips to the next sync and libpq gives
 * PGRES_PIPELINE_ABORTED for what was skipped, so a batch always ends at its sync in a known state.
 *
 * Nothing waits for ever: the socket is non-blocking and every wait is a poll() with an end. A wait that ends unanswered gives the
 * connection up rather than to cancel the statement: cancelling opens another connection, which may hang as well.
 * client_connection_check_interval lets the server notice within a second that nobody listens any more. */
#include "adapter/postgres/pgwire.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/limits.h"
#include "base/time.h"

#define OLDEST_SERVER 130000
#define CONNECT_TIMEOUT_S "5"

static const char *const control_text[PGWIRE_CONTROL_COUNT] = {
    [PGWIRE_BEGIN_READ] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    /* Each statement sees what was committed before it: so all of a group see what was there when the lock came. */
    [PGWIRE_BEGIN_WRITE] = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
    [PGWIRE_SAVEPOINT] = "SAVEPOINT ingot_write",
    [PGWIRE_RELEASE] = "RELEASE SAVEPOINT ingot_write",
    [PGWIRE_ROLLBACK_TO] = "ROLLBACK TO SAVEPOINT ingot_write",
    [PGWIRE_CHECK_KEYS] = "SET CONSTRAINTS ALL IMMEDIATE",
    [PGWIRE_DEFER_KEYS] = "SET CONSTRAINTS ALL DEFERRED",
    [PGWIRE_COMMIT] = "COMMIT",
    [PGWIRE_ROLLBACK] = "ROLLBACK",
};

/* Settings of every session; one that a server does not know is passed over. An idle transaction of the writer holds the lock that
 * all servers share, so its end is forced when this process hangs. */
static const char session_text[] =
    "SELECT set_config(n, v, false) FROM (VALUES ('client_connection_check_interval', '1000'), ('lock_timeout', '20000'), "
    "('idle_in_transaction_session_timeout', '60000'), ('statement_timeout', '0'), ('jit', 'off'), ('bytea_output', 'hex'), "
    "('default_transaction_read_only', 'off'), ('standard_conforming_strings', 'on')) AS t (n, v) "
    "WHERE current_setting(n, true) IS NOT NULL";
_Static_assert(LIMIT_DB_LOCK_MS == 20000 && LIMIT_DB_ANSWER_MS == 60000, "session_text spells these limits out");
static const char durable_text[] =
    "SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' "
    "ELSE current_setting('synchronous_commit') END, false)";

struct state_row {
    const char *prefix;
    enum err err;
};
/* SQLSTATE codes, or the front of one (postgresql.org/docs/15/errcodes-appendix.html); the first that fits. */
static const struct state_row states[] = {
    {"23505", E_EXISTS},   /* unique_violation */
    {"23", E_CONFLICT},    /* other constraints */
    {"22P02", E_CONFLICT}, /* a text that is no JSON: as a NOT NULL column refuses it elsewhere */
    {"22", E_INVALID},     /* data exceptions: out of range, not UTF-8 */
    {"40", E_BUSY},        /* serialization, deadlock: only with writers that are not ours */
    {"55P03", E_BUSY},     /* lock_not_available */
    {"57014", E_TIMEOUT},  /* query_canceled */
    {"53100", E_IO},       /* disk_full */
    {"53", E_BUSY},        /* memory, connections */
    {"54", E_TOO_LARGE},   /* program limits: an index row above 2704 bytes */
    {"XX001", E_CORRUPT},  {"XX002", E_CORRUPT},
    {"58", E_IO},          {"57", E_IO},
    {"08", E_IO},          {"28", E_IO},
    {"3D", E_IO},          {"25P03", E_IO}, /* idle_in_transaction_session_timeout */
};

/* libpq's messages end with a line break and may have several lines. */
static struct str first_line(const char *text)
{
    struct str s = str_trim(str_from(text)), line;
    size_t end = str_find_char(s, '\n');
    line = str_trim(str_sub(s, 0, end));
    return line.len ? line : STR("no reason given");
}

static enum err lost(struct op *op, struct pgwire *w, const char *what)
{
    w->lost = true;
    return op_fail(op, E_IO, "%s: the connection to PostgreSQL broke: %.*s", what, STR_FMT(first_line(PQerrorMessage(w->pg))));
}

enum err pgwire_fail(struct op *op, struct pgwire *w, const PGresult *res, const char *what)
{
    const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE), *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
    if (PQstatus(w->pg) == CONNECTION_BAD || !state)
        return lost(op, w, what);
    enum err e = E_INTERNAL;
    for (size_t i = 0; i < ARRAY_LEN(states) && e == E_INTERNAL; i++)
        if (!strncmp(state, states[i].prefix, strlen(states[i].prefix)))
            e = states[i].err;
    if (!strncmp(state, "57P0", 4) || !strcmp(state, "25P03"))
        w->lost = true; /* the server ends this session */
    return op_fail(op, e, "%s: %s (SQLSTATE %s)", what, text ? text : "failed", state);
}

enum err pgwire_plain(struct op *op, struct pgwire *w, const char *text, PGresult **ret_result)
{
    PGresult *res = PQexec(w->pg, text);
    ExecStatusType status = PQresultStatus(res);
    enum err e = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ? OK : pgwire_fail(op, w, res, "PostgreSQL");
    if (e || !ret_result)
        PQclear(res);
    else
        *ret_result = res;
    return e;
}

static enum err check_server(struct op *op, const struct pgwire *w)
{
    int version = PQserverVersion(w->pg);
    if (version < OLDEST_SERVER)
        return op_fail(op, E_UNSUPPORTED, "PostgreSQL %d is too old: 13 or later is needed", version / 10000);
    const char *encoding = PQparameterStatus(w->pg, "server_encoding");
    if (!encoding || strcmp(encoding, "UTF8") != 0)
        return op_fail(op, E_UNSUPPORTED, "the database has encoding %s: it must be UTF8", encoding ? encoding : "?");
    return OK;
}

static void ignore_notice(void *arg UNUSED, const PGresult *res UNUSED)
{
}

const char *pgwire_place(struct op *op, const char *url)
{
    const char *host = "local", *port = "", *name = "";
    PQconninfoOption *options = PQconninfoParse(url, NULL);
    for (const PQconninfoOption *o = options; o && o->keyword; o++) {
        if (!o->val)
            continue;
        host = strcmp(o->keyword, "host") && strcmp(o->keyword, "hostaddr") ? host : o->val;
        port = strcmp(o->keyword, "port") ? port : o->val;
        name = strcmp(o->keyword, "dbname") ? name : o->val;
    }
    const char *place = op_printf(op, "%s%s%s/%s", host, port[0] ? ":" : "", port, name);
    PQconninfoFree(options);
    return place;
}

enum err pgwire_open(struct op *op, const char *url, bool writer, struct pgwire *ret)
{
    /* The earlier ones are defaults that the URL may replace; the later ones are ours. */
    const char *const keys[] = {"connect_timeout",      "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout",
                                "fallback_application_name", "dbname",     "client_encoding",     NULL};
    const char *const values[] = {CONNECT_TIMEOUT_S, "10", "5", "3", "20000", "ingot", url, "UTF8", NULL};
    struct pgwire w = {.pg = PQconnectdbParams(keys, values, 1), .used_ms = time_mono_ms()};
    if (!w.pg)
        return op_fail(op, E_BUSY, "out of memory");
    enum err e;
    if (PQstatus(w.pg) != CONNECTION_OK) {
        e = op_fail(op, E_IO, "PostgreSQL at %s cannot be reached: %.*s", pgwire_place(op, url), STR_FMT(first_line(PQerrorMessage(w.pg))));
    } else {
        PQsetNoticeReceiver(w.pg, ignore_notice, NULL);
        e = check_server(op, &w);
        if (!e)
            e = pgwire_plain(op, &w, session_text, NULL);
        if (!e && writer)
            e = pgwire_plain(op, &w, durable_text, NULL);
    }
    if (e)
        PQfinish(w.pg);
    else
        *ret = w;
    return e;
}

enum err pgwire_start(struct op *op, struct pgwire *w)
{
    return PQsetnonblocking(w->pg, 1) || !PQenterPipelineMode(w->pg) ? lost(op, w, "open") : OK;
}

void pgwire_close(struct pgwire *w)
{
    if (w->pg)
        PQfinish(w->pg);
    w->pg = NULL;
}

void pgwire_push(struct pgwire *w, enum pgwire_control control)
{
    enum pgwire_control *last = w->pending_count ? &w->pending[w->pending_count - 1] : NULL;
    bool unused = last && *last == PGWIRE_SAVEPOINT;
    if (control == PGWIRE_ROLLBACK_TO && unused)
        return;
    if ((control == PGWIRE_RELEASE && unused) || (control == PGWIRE_ROLLBACK && last && *last == PGWIRE_BEGIN_READ)) {
        w->pending_count--;
        return;
    }
    if (w->pending_count == PGWIRE_PENDING) {
        w->lost = true; /* cannot be: savepoints inside savepoints, sixteen deep, with nothing said in them */
        return;
    }
    w->pending[w->pending_count++] = control;
}

void pgwire_note_sent(struct pgwire *w, enum pgwire_sent what)
{
    if (w->sent_count == PGWIRE_SENT)
        w->lost = true;
    else
        w->sent[(w->sent_first + w->sent_count++) % PGWIRE_SENT] = what;
}

enum pgwire_sent pgwire_front(const struct pgwire *w)
{
    return w->sent[w->sent_first];
}

enum err pgwire_send_pending(struct op *op, struct pgwire *w)
{
    if (w->lost)
        return op_fail(op, E_IO, "the connection to PostgreSQL is broken");
    for (int i = 0; i < w->pending_count; i++) {
        enum pgwire_control control = w->pending[i];
        const char *text = control == PGWIRE_LOCK ? w->lock_text : control_text[control];
        if (!PQsendQueryParams(w->pg, text, 0, NULL, NULL, NULL, NULL, 0))
            return lost(op, w, text);
        pgwire_note_sent(w, control == PGWIRE_COMMIT ? PGWIRE_SENT_COMMIT : PGWIRE_SENT_CONTROL);
    }
    w->pending_count = 0;
    return OK;
}

enum err pgwire_sync(struct op *op, struct pgwire *w)
{
    if (!PQpipelineSync(w->pg) || PQflush(w->pg) < 0)
        return lost(op, w, "send");
    pgwire_note_sent(w, PGWIRE_SENT_SYNC);
    return OK;
}

/* Waits until a result can be had without blocking, and writes what the kernel did not take yet meanwhile. */
static enum err pump(struct op *op, struct pgwire *w, const char *what)
{
    int64_t until = 0;
    for (;;) {
        int left = PQflush(w->pg);
        if (left < 0)
            return lost(op, w, what);
        if (!PQisBusy(w->pg))
            return OK;
        int64_t now = time_mono_ms();
        until = until ? until : now + (int64_t)LIMIT_DB_ANSWER_MS;
        int64_t end = w->deadline_ms && w->deadline_ms < until ? w->deadline_ms : until;
        struct pollfd fd = {.fd = PQsocket(w->pg), .events = (short)(POLLIN | (left ? POLLOUT : 0))};
        int n = end > now ? poll(&fd, 1, (int)(end - now)) : 0;
        if (n == 0) {
            w->lost = true;
            return end == w->deadline_ms ? op_fail(op, E_TIMEOUT, "%s: the deadline passed", what)
                                         : op_fail(op, E_IO, "%s: PostgreSQL does not answer", what);
        }
        if ((n < 0 && errno != EINTR) || (n > 0 && (fd.revents & (POLLIN | POLLERR | POLLHUP)) && !PQconsumeInput(w->pg)))
            return lost(op, w, what);
    }
}

enum err pgwire_take(struct op *op, struct pgwire *w, const char *what, PGresult **ret)
{
    if (w->lost)
        return op_fail(op, E_IO, "%s: the connection to PostgreSQL is broken", what);
    enum err e = pump(op, w, what);
    if (!e)
        *ret = PQgetResult(w->pg);
    return e;
}

void pgwire_note_taken(struct pgwire *w)
{
    w->sent_count--;
    w->sent_first = (w->sent_first + 1) % PGWIRE_SENT;
}

/* The results of the message at the front. */
static enum err settle_one(struct op *op, struct pgwire *w)
{
    enum pgwire_sent kind = pgwire_front(w);
    enum err e = OK, failure = OK;
    PGresult *res = NULL;
    while (!(e = pgwire_take(op, w, "transaction", &res)) && res) {
        ExecStatusType status = PQresultStatus(res);
        if (status == PGRES_FATAL_ERROR && !failure)
            failure = pgwire_fail(op, w, res, "transaction");
        if (kind == PGWIRE_SENT_COMMIT && status == PGRES_COMMAND_OK && strcmp(PQcmdStatus(res), "COMMIT") != 0 && !failure)
            failure = op_fail(op, E_INTERNAL, "the transaction had failed before its commit");
        PQclear(res);
        if (status == PGRES_PIPELINE_SYNC)
            break; /* no NULL follows it */
        if (w->lost)
            return failure;
    }
    if (e)
        return e;
    pgwire_note_taken(w);
    return failure;
}

enum err pgwire_settle(struct op *op, struct pgwire *w, bool to_statement)
{
    enum err first = OK;
    while (w->sent_count && !(to_statement && (pgwire_front(w) == PGWIRE_SENT_STATEMENT || pgwire_front(w) == PGWIRE_SENT_LATER))) {
        enum err e = settle_one(op, w);
        first = first ? first : e;
        if (w->lost)
            return first ? first : op_fail(op, E_IO, "the connection to PostgreSQL is broken");
    }
    w->used_ms = time_mono_ms();
    return first;
}

enum err pgwire_flush(struct op *op, struct pgwire *w)
{
    enum err e = pgwire_send_pending(op, w);
    if (!e)
        e = pgwire_sync(op, w);
    return e ? e : pgwire_settle(op, w, false);
}

bool pgwire_is_stale(struct pgwire *w)
{
    struct pollfd fd = {.fd = PQsocket(w->pg), .events = POLLIN};
    return w->lost || poll(&fd, 1, 0) != 0;
}

void pgwire_break(struct pgwire *w)
{
    while (PQflush(w->pg) > 0) {
        struct pollfd fd = {.fd = PQsocket(w->pg), .events = POLLOUT};
        (void)poll(&fd, 1, 1000);
    }
    (void)shutdown(PQsocket(w->pg), SHUT_RDWR);
}
