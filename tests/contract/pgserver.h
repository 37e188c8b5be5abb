/* pgserver.h - for tests that need a PostgreSQL: $INGOT_TEST_POSTGRES is the URL of one that may be used up (tests/run.py and
 * tests/services/postgres.py start one). Each test works in a schema of its own. */
#ifndef INGOT_TESTS_PGSERVER_H
#define INGOT_TESTS_PGSERVER_H

#include <libpq-fe.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/op.h"

static inline void pgserver_missing(void **state UNUSED)
{
    print_message("INGOT_TEST_POSTGRES is not set: run through tests/services/postgres.py\n");
    skip();
}

/* What a program of tests ends with when there is no server. */
static inline int pgserver_skip(void)
{
    const struct CMUnitTest none[] = {cmocka_unit_test(pgserver_missing)};
    return cmocka_run_group_tests(none, NULL, NULL);
}

static inline void pgserver_quiet(void *arg UNUSED, const char *text UNUSED)
{
}

/* Runs the text on a connection of its own; false, with the reason printed, when it fails. The first column of the first row goes to
 * `out` (16 bytes; NULL: not wanted). */
static inline bool pgserver_sql(const char *text, char *out)
{
    PGconn *c = PQconnectdb(getenv("INGOT_TEST_POSTGRES"));
    PQsetNoticeProcessor(c, pgserver_quiet, NULL);
    PGresult *res = PQexec(c, text);
    bool good = PQresultStatus(res) == PGRES_COMMAND_OK || PQresultStatus(res) == PGRES_TUPLES_OK;
    if (!good)
        printf("%s: %s", text, PQresultErrorMessage(res));
    if (good && out)
        snprintf(out, 16, "%s", PQntuples(res) ? PQgetvalue(res, 0, 0) : "");
    PQclear(res);
    PQfinish(c);
    return good;
}

/* A URL whose tables live in the schema that is named after folder `dir` (made if it is not there). */
static inline char *pgserver_schema_url(struct op *op, const char *dir)
{
    const char *url = getenv("INGOT_TEST_POSTGRES"), *name = strrchr(dir, '/') + 1;
    if (!pgserver_sql(op_printf(op, "CREATE SCHEMA IF NOT EXISTS \"%s\"", name), NULL))
        abort();
    return op_printf(op, "%s?options=-csearch_path%%3D%%22%s%%22", url, name);
}

#endif
