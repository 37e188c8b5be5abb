#include "unit/core/track/fixture.h"

#include "core/track/console.h"
#include "core/track/experiment.h"
#include "core/track/run.h"

static struct str new_run(struct fixture *f)
{
    struct track_run run;
    assert_ok(&f->op, track_run_create(&f->op, f->db, 0, STR("r"), STR("me"), 1, NULL, 0, &run));
    return run.run_id;
}

static struct console_state append(struct fixture *f, struct str run, int64_t from, const char *text)
{
    struct console_state s;
    assert_ok(&f->op, console_append(&f->op, f->db, run, from, str_from(text), &s));
    return s;
}

static struct console_text text_at(struct fixture *f, struct str run, int64_t from, size_t max)
{
    struct console_text t;
    assert_ok(&f->op, console_read(&f->op, f->db, run, from, max, &t));
    return t;
}

static void bytes_have_their_place(void **state)
{
    struct fixture *f = *state;
    struct str run = new_run(f), other = new_run(f);
    struct console_state s;
    assert_int_equal(text_at(f, run, 0, 100).state.size, 0);
    assert_int_equal(append(f, run, 0, "hello ").size, 6);
    assert_int_equal(append(f, run, 0, "hello ").size, 6);         /* an answer was lost */
    assert_int_equal(append(f, run, 2, "llo world").size, 11);     /* another sender began earlier */
    assert_int_equal(append(f, run, 3, "lo").size, 11);
    assert_fails(&f->op, console_append(&f->op, f->db, run, 12, STR("x"), &s), E_CONFLICT, "ends at byte 11");
    assert_str(text_at(f, run, 0, 100).bytes, "hello world");
    assert_str(text_at(f, run, 4, 3).bytes, "o w");
    assert_str(text_at(f, run, 6, 100).bytes, "world");
    assert_str(text_at(f, run, -5, 100).bytes, "world");
    assert_str(text_at(f, run, -500, 100).bytes, "hello world");
    assert_int_equal(text_at(f, run, 11, 100).bytes.len, 0);
    assert_int_equal(text_at(f, run, 99, 100).bytes.len, 0);
    assert_int_equal(text_at(f, run, 0, 0).bytes.len, 0);
    assert_int_equal(text_at(f, other, 0, 100).state.size, 0);
    assert_int_equal(append(f, run, 11, "").size, 11);
}

static void any_bytes(void **state)
{
    struct fixture *f = *state;
    struct str run = new_run(f);
    struct console_state s;
    const struct str bytes = {"\0\xff\x1b[31m\n", 8};
    assert_ok(&f->op, console_append(&f->op, f->db, run, 0, bytes, &s));
    assert_true(str_eq(text_at(f, run, 0, 100).bytes, bytes));
}

static void the_newest_are_kept(void **state)
{
    struct fixture *f = *state;
    struct str run = new_run(f);
    struct console_state s = {0};
    char *chunk = arena_alloc(f->op.arena, LIMIT_TRACK_CONSOLE_CHUNK);
    for (size_t i = 0; i < LIMIT_TRACK_CONSOLE_CHUNK; i++)
        chunk[i] = (char)('a' + i % 23);
    const size_t chunks = LIMIT_TRACK_CONSOLE_BYTES / LIMIT_TRACK_CONSOLE_CHUNK + 3;
    for (size_t i = 0; i < chunks; i++)
        assert_ok(&f->op, console_append(&f->op, f->db, run, s.size, (struct str){chunk, LIMIT_TRACK_CONSOLE_CHUNK - 7}, &s));
    assert_int_equal(s.size, chunks * (LIMIT_TRACK_CONSOLE_CHUNK - 7));
    assert_true(s.size - s.first >= (int64_t)LIMIT_TRACK_CONSOLE_BYTES && s.size - s.first < (int64_t)(LIMIT_TRACK_CONSOLE_BYTES + LIMIT_TRACK_CONSOLE_ROW));
    struct console_text t = text_at(f, run, 5, 50);
    assert_int_equal(t.from, s.first);
    assert_int_equal(t.bytes.p[0], chunk[(size_t)s.first % (LIMIT_TRACK_CONSOLE_CHUNK - 7)]);
    t = text_at(f, run, s.size - 1000000, LIMIT_MIB(1)); /* over many pieces */
    assert_int_equal(t.bytes.len, 1000000);
    for (size_t i = 0; i < t.bytes.len; i++)
        if (t.bytes.p[i] != chunk[((size_t)t.from + i) % (LIMIT_TRACK_CONSOLE_CHUNK - 7)])
            fail_msg("byte %zu differs", i);
    assert_fails(&f->op, console_append(&f->op, f->db, run, s.size, (struct str){chunk - 0, LIMIT_TRACK_CONSOLE_CHUNK + 1}, &s), E_TOO_LARGE, "in one call");
}

static void runs_that_end_and_go(void **state)
{
    struct fixture *f = *state;
    struct str run = new_run(f);
    struct track_run r;
    struct console_state s;
    struct console_text t;
    const enum track_run_status done = TRACK_RUN_KILLED;
    append(f, run, 0, "x");
    assert_false(text_at(f, run, 0, 10).state.ended);
    assert_ok(&f->op, track_run_update(&f->op, f->db, run, &done, NULL, STR(""), &r));
    assert_true(text_at(f, run, 0, 10).state.ended);
    assert_int_equal(append(f, run, 1, "late").size, 5); /* what was on its way */
    assert_ok(&f->op, track_run_delete(&f->op, f->db, run));
    assert_fails(&f->op, console_append(&f->op, f->db, run, 5, STR("y"), &s), E_CONFLICT, "deleted");
    assert_str(text_at(f, run, 0, 10).bytes, "xlate");
    assert_fails(&f->op, console_append(&f->op, f->db, STR("nope"), 0, STR("y"), &s), E_NOT_FOUND, "nope");
    assert_fails(&f->op, console_read(&f->op, f->db, STR("nope"), 0, 1, &t), E_NOT_FOUND, "nope");
    assert_fails(&f->op, console_append(&f->op, f->db, run, -1, STR("y"), &s), E_INVALID, "from");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(bytes_have_their_place),
        fixture_test(any_bytes),
        fixture_test(the_newest_are_kept),
        fixture_test(runs_that_end_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
