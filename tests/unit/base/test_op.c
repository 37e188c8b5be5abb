#include "base_test.h"

#include "base/time.h"

#include <errno.h>

static void fails_with_text(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    assert_int_equal(op->err, OK);
    assert_null(op->msg);
    ASSERT_STR(op->actor.name, "system");
    assert_true(op->actor.perms & 1u << PERM_ADMIN);
    assert_int_equal(op_fail(op, E_NOT_FOUND, "no run '%s'", "r1"), E_NOT_FOUND);
    assert_string_equal(op->msg, "no run 'r1'");
    assert_int_equal(op_context(op, "metric %d", 7), E_NOT_FOUND);
    assert_string_equal(op->msg, "metric 7: no run 'r1'");
    assert_int_equal(op_fail(op, E_INVALID, "bad batch"), E_INVALID);
    assert_int_equal(op->err, E_INVALID);
    assert_string_equal(op->msg, "bad batch: metric 7: no run 'r1'");
    op_clear(op);
    assert_int_equal(op->err, OK);
    assert_null(op->msg);
    assert_int_equal(op_fail_field(op, "a.b", "must be %d", 3), E_INVALID);
    assert_string_equal(op->field, "a.b");
    op_clear(op);
    assert_null(op->field);
}

/* Work in an arena of its own leaves only its failure behind. */
static void failures_move(void **state)
{
    struct fixture *f = *state;
    struct op sub = f->op;
    sub.arena = arena_create(65536);
    assert_int_equal(op_fail_from(&f->op, &sub), OK);
    assert_null(f->op.msg);
    assert_int_equal(op_fail_field(&sub, "a.b", "no model '%s'", "m"), E_INVALID);
    assert_int_equal(op_fail_from(&f->op, &sub), E_INVALID);
    arena_destroy(sub.arena);
    assert_int_equal(f->op.err, E_INVALID);
    assert_string_equal(f->op.msg, "no model 'm'");
    assert_string_equal(f->op.field, "a.b");
    op_clear(&f->op);
}

static void errno_is_kept(void **state)
{
    struct fixture *f = *state;
    errno = ENOENT;
    assert_int_equal(op_fail_errno(&f->op, "open '%s'", "/x"), E_NOT_FOUND);
    assert_int_equal(errno, ENOENT);
    assert_string_equal(f->op.msg, "open '/x': No such file or directory");
    op_clear(&f->op);
    errno = ENOSPC;
    assert_int_equal(op_fail_errno(&f->op, "write"), E_IO);
    assert_string_equal(f->op.msg, "write: No space left on device");
}

/* The most common failure of an arena is that it is full: the error must still come out. */
static void a_full_arena_can_still_fail(void **state)
{
    (void)state;
    struct arena *a = arena_create(64);
    struct op op;
    op_init(&op, a);
    assert_non_null(arena_try_alloc(a, 4, 16));
    assert_int_equal(op_fail(&op, E_TOO_LARGE, "a text of some length that cannot be kept"), E_TOO_LARGE);
    assert_string_equal(op.msg, "TOO_LARGE");
    assert_int_equal(op_fail_field(&op, "field", "x"), E_INVALID);
    assert_string_equal(op.msg, "INVALID");
    arena_destroy(a);
}

static void long_texts_are_cut(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 50; i++)
        op_fail(&f->op, E_IO, "%0200d", i);
    assert_true(strlen(f->op.msg) < 2048);
    char *long_text = op_printf(&f->op, "%05000d|", 1);
    assert_int_equal(strlen(long_text), 5001);
}

static void deadline(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(op_check_deadline(&f->op), OK);
    f->op.deadline_ms = time_mono_ms() + 60000;
    assert_int_equal(op_check_deadline(&f->op), OK);
    f->op.deadline_ms = time_mono_ms() - 1;
    assert_int_equal(op_check_deadline(&f->op), E_TIMEOUT);
    assert_non_null(f->op.msg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fails_with_text), TEST(failures_move), TEST(errno_is_kept), TEST(a_full_arena_can_still_fail), TEST(long_texts_are_cut), TEST(deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
