/* test_audit.c - the chain of audit rows, its pages and its proof. */
#include "core/audit/audit.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "adapter/sqlite/sqlite.h"
#include "base/limits.h"
#include "contract/scratch.h"
#include "sql_gen.h"

struct fixture {
    struct scratch s;
    struct db *db;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    scratch_init(&f->s);
    assert_int_equal(sql_migrations[0].number, 1); /* the audit log's own schema is enough */
    if (sqlite_open_with(&f->s.op, ":memory:", sql_migrations, 1, &f->db))
        fail_msg("%s", f->s.op.msg);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    db_close(f->db);
    scratch_clear(&f->s);
    free(f);
    return 0;
}

static void expect(struct fixture *f, enum err got, enum err want)
{
    if (got != want)
        print_error("got %s (%s), want %s\n", err_name(got), f->s.op.msg ? f->s.op.msg : "", err_name(want));
    assert_int_equal(got, want);
    op_clear(&f->s.op);
}

struct entry {
    const char *verb, *kind, *object, *detail;
    bool denied;
    enum err then;
};

static enum err append_one(struct op *op, struct db_tx *tx, void *arg)
{
    const struct entry *x = arg;
    enum err e = (x->denied ? audit_append_denied : audit_append)(
        op, tx, str_from(x->verb), str_from(x->kind), str_from(x->object), str_from(x->detail));
    return !e && x->then ? op_fail(op, x->then, "the change failed") : e;
}

static void append(struct fixture *f, const char *verb, const char *kind, const char *object)
{
    struct entry x = {verb, kind, object, "{\"a\": 1}", false, OK};
    expect(f, db_write(&f->s.op, f->db, append_one, &x), OK);
}

static void rows_carry_who_when_and_what(void **state)
{
    struct fixture *f = *state;
    f->s.op.actor.name = STR("anna");
    f->s.op.request_id = STR("req-1");
    f->s.op.now_us = 1000000;
    struct entry refused = {"delete", "model", "m", "", true, OK};
    append(f, "create", "model", "m");
    expect(f, db_write(&f->s.op, f->db, append_one, &refused), OK);
    struct audit_row *rows = NULL;
    size_t n = 0;
    expect(f, audit_list(&f->s.op, f->db, &(struct audit_filter){0}, &rows, &n), OK);
    assert_int_equal(n, 2);
    assert_int_equal(rows[1].seq, 1);
    assert_int_equal(rows[1].time_us, 1000000);
    assert_true(str_eqc(rows[1].actor, "anna") && str_eqc(rows[1].verb, "create") &&
                str_eqc(rows[1].kind, "model"));
    assert_true(str_eqc(rows[1].object, "m") && str_eqc(rows[1].detail, "{\"a\": 1}") &&
                str_eqc(rows[1].request_id, "req-1"));
    assert_true(rows[1].allowed && !rows[0].allowed);
    assert_true(str_eqc(rows[0].detail, "{}"));
    assert_memory_equal(rows[0].prev_hash, rows[1].hash, HASH_SHA256_LEN);
}

/* Computed by python3: see the essay in audit.c; the bytes were put together with struct.pack and hashlib. */
static void the_hash_is_the_documented_one(void **state)
{
    (void)state;
    const struct audit_row row = {.seq = 1,
                                  .time_us = 1000000,
                                  .actor = STR("anna"),
                                  .verb = STR("create"),
                                  .kind = STR("model"),
                                  .object = STR("m"),
                                  .allowed = true,
                                  .detail = STR("{\"a\": 1}"),
                                  .request_id = STR("req-1")};
    static const uint8_t zeros[HASH_SHA256_LEN];
    uint8_t hash[HASH_SHA256_LEN];
    char hex[2 * HASH_SHA256_LEN + 1];
    audit_hash(&row, zeros, hash);
    hash_hex(hash, sizeof hash, hex);
    assert_string_equal(hex, "af4200d312aa0ff0f9b16d711dbadeb076f75a1cbf494dbf33cb0cc79b5e0a7b");
}

static void a_failed_change_leaves_no_row(void **state)
{
    struct fixture *f = *state;
    struct entry failing = {"create", "model", "x", "{}", false, E_CONFLICT};
    append(f, "create", "model", "a");
    expect(f, db_write(&f->s.op, f->db, append_one, &failing), E_CONFLICT);
    append(f, "create", "model", "b");
    struct audit_proof proof;
    expect(f, audit_verify(&f->s.op, f->db, &proof), OK);
    assert_int_equal(proof.rows, 2);
}

static void bad_details_are_refused(void **state)
{
    struct fixture *f = *state;
    struct entry no_json = {"create", "model", "x", "{", false, OK};
    expect(f, db_write(&f->s.op, f->db, append_one, &no_json), E_CONFLICT);
    char *long_text = malloc(LIMIT_AUDIT_DETAIL_BYTES + 2);
    memset(long_text, '1', LIMIT_AUDIT_DETAIL_BYTES + 1);
    long_text[LIMIT_AUDIT_DETAIL_BYTES + 1] = 0;
    struct entry too_long = {"create", "model", "x", long_text, false, OK};
    expect(f, db_write(&f->s.op, f->db, append_one, &too_long), E_TOO_LARGE);
    free(long_text);
    struct audit_proof proof;
    expect(f, audit_verify(&f->s.op, f->db, &proof), OK);
    assert_int_equal(proof.rows, 0);
}

static size_t list(struct fixture *f, struct audit_filter filter, struct audit_row **rows)
{
    size_t n = 0;
    expect(f, audit_list(&f->s.op, f->db, &filter, rows, &n), OK);
    return n;
}

static void lists_are_filtered_and_paged(void **state)
{
    struct fixture *f = *state;
    static const char *const verbs[] = {"create", "promote", "rollback"}, *const kinds[] = {"model",
                                                                                            "endpoint"};
    for (int i = 0; i < 60; i++)
        append(f, verbs[i % 3], kinds[i % 2], i % 5 ? "x" : "y");
    struct audit_row *rows = NULL;
    assert_int_equal(list(f, (struct audit_filter){.kind = STR("model")}, &rows), 30);
    assert_int_equal(list(f, (struct audit_filter){.kind = STR("model"), .verb = STR("create")}, &rows), 10);
    assert_int_equal(list(f, (struct audit_filter){.verb = STR("rollback")}, &rows), 20);
    assert_int_equal(list(f, (struct audit_filter){.kind = STR("model"), .object = STR("y")}, &rows), 6);
    assert_int_equal(
        list(f, (struct audit_filter){.kind = STR("model"), .object = STR("y"), .verb = STR("create")},
             &rows),
        2);
    assert_int_equal(list(f, (struct audit_filter){.kind = STR("nothing")}, &rows), 0);
    int64_t before = 0, seen = 0, last = 61;
    size_t n;
    while ((n = list(f, (struct audit_filter){.before_seq = before, .limit = 7}, &rows)) > 0)
        for (size_t i = 0; i < n; i++, seen++) {
            assert_int_equal(rows[i].seq, last - 1);
            before = last = rows[i].seq;
        }
    assert_int_equal(seen, 60);
    expect(f, audit_list(&f->s.op, f->db, &(struct audit_filter){.object = STR("x")}, &rows, &n), E_INVALID);
    expect(f, audit_list(&f->s.op, f->db, &(struct audit_filter){.limit = 100000}, &rows, &n), E_INVALID);
    expect(f, audit_export(&f->s.op, f->db, 55, 100, &rows, &n), OK);
    assert_true(n == 5 && rows[0].seq == 56);
}

/* Does to the file what somebody with a hex editor would do. */
static enum err tamper_fn(struct op *op, struct db_tx *tx, void *arg)
{
    static const struct sql drop_update = {
        .name = "drop", .text = "DROP TRIGGER IF EXISTS audit_no_update", .id = -1};
    static const struct sql drop_delete = {
        .name = "drop", .text = "DROP TRIGGER IF EXISTS audit_no_delete", .id = -1};
    const struct sql statement = {.name = "tamper", .text = arg, .id = -1};
    enum err e = db_exec(op, tx, &drop_update, DB_NO_ARGS, NULL);
    if (!e)
        e = db_exec(op, tx, &drop_delete, DB_NO_ARGS, NULL);
    return e ? e : db_exec(op, tx, &statement, DB_NO_ARGS, NULL);
}

static void tampering_is_found(void **state)
{
    static const struct {
        const char *text, *row;
    } cases[] = {
        {"UPDATE audit SET actor = 'nobody' WHERE seq = 5", "row 5 "},
        {"UPDATE audit SET detail = '{\"a\": 2}' WHERE seq = 1", "row 1 "},
        {"UPDATE audit SET allowed = 0 WHERE seq = 10", "row 10 "},
        {"UPDATE audit SET time_us = time_us + 1 WHERE seq = 7", "row 7 "},
        {"UPDATE audit SET verb = 'creat', kind = 'emodel' WHERE seq = 3", "row 3 "},
        {"UPDATE audit SET hash = zeroblob(32) WHERE seq = 4", "row 4 "},
        {"UPDATE audit SET prev_hash = zeroblob(32) WHERE seq = 6", "row 6 "},
        {"DELETE FROM audit WHERE seq = 8", "row 8 "},
        {"DELETE FROM audit WHERE seq = 1", "row 1 "},
        {"UPDATE audit SET seq = -1 WHERE seq = 1", "row 1 "},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(set_up(state), 0);
        struct fixture *f = *state;
        for (int k = 0; k < 10; k++)
            append(f, "create", "model", "m");
        struct audit_proof proof;
        expect(f, audit_verify(&f->s.op, f->db, &proof), OK);
        assert_int_equal(proof.rows, 10);
        expect(f, db_write(&f->s.op, f->db, tamper_fn, (void *)(uintptr_t)cases[i].text), OK);
        assert_int_equal(audit_verify(&f->s.op, f->db, &proof), E_CORRUPT);
        assert_non_null(strstr(f->s.op.msg, cases[i].row));
        assert_int_equal(tear_down(state), 0);
    }
}

static enum err plain_fn(struct op *op, struct db_tx *tx, void *arg)
{
    const struct sql statement = {.name = "plain", .text = arg, .id = -1};
    return db_exec(op, tx, &statement, DB_NO_ARGS, NULL);
}

static void rows_are_not_changed_by_mistake(void **state)
{
    struct fixture *f = *state;
    append(f, "create", "model", "m");
    expect(f, db_write(&f->s.op, f->db, plain_fn, (void *)(uintptr_t) "UPDATE audit SET actor = 'x'"),
           E_CONFLICT);
    expect(f, db_write(&f->s.op, f->db, plain_fn, (void *)(uintptr_t) "DELETE FROM audit"), E_CONFLICT);
    struct audit_proof proof;
    expect(f, audit_verify(&f->s.op, f->db, &proof), OK);
    assert_int_equal(proof.rows, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_carry_who_when_and_what, set_up, tear_down),
        cmocka_unit_test(the_hash_is_the_documented_one),
        cmocka_unit_test_setup_teardown(a_failed_change_leaves_no_row, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_details_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lists_are_filtered_and_paged, set_up, tear_down),
        cmocka_unit_test(tampering_is_found),
        cmocka_unit_test_setup_teardown(rows_are_not_changed_by_mistake, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
