#include "unit/app/scratch_git.h"

#include "app/run_git.h"

static void a_repository(void **state)
{
    struct scratch_git *g = *state;
    struct run_git r;
    struct str diff = {0};
    scratch_git_commit(g);
    run_git_read(&g->op, g->dir, &r);
    assert_int_equal(r.commit.len, 40);
    assert_true(str_eqc(r.branch, "topic") && str_eqc(r.remote, "https://git.example/x.git"));
    assert_true(r.known && !r.dirty);
    assert_int_equal(run_git_diff(&g->op, g->dir, &diff), OK);
    assert_int_equal(diff.len, 0);
    assert_int_equal(scratch_shell(g, "echo more >> a.txt; echo new > untracked.txt"), 0);
    run_git_read(&g->op, g->dir, &r);
    assert_true(r.known && r.dirty);
    assert_int_equal(run_git_diff(&g->op, g->dir, &diff), OK);
    assert_true(str_find(diff, STR("\n+more\n")) != SIZE_MAX && str_find(diff, STR("untracked")) == SIZE_MAX);
    assert_int_equal(scratch_shell(g, "git checkout -q --detach"), 0);
    run_git_read(&g->op, g->dir, &r);
    assert_int_equal(r.branch.len, 0);
    assert_int_equal(r.commit.len, 40);
}

static void none(void **state)
{
    struct scratch_git *g = *state;
    struct run_git r;
    struct str diff = {0};
    run_git_read(&g->op, g->dir, &r);
    assert_int_equal(r.commit.len + r.branch.len + r.remote.len, 0);
    assert_false(r.known);
    assert_int_equal(run_git_diff(&g->op, g->dir, &diff), E_UNSUPPORTED);
}

static void a_diff_that_is_too_large(void **state)
{
    struct scratch_git *g = *state;
    struct str diff = {0};
    scratch_git_commit(g);
    assert_int_equal(scratch_shell(g, "yes 'a line that makes it large' | head -c 90000000 > a.txt"), 0);
    assert_int_equal(run_git_diff(&g->op, g->dir, &diff), E_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_repository, scratch_git_open, scratch_git_close),
        cmocka_unit_test_setup_teardown(none, scratch_git_open, scratch_git_close),
        cmocka_unit_test_setup_teardown(a_diff_that_is_too_large, scratch_git_open, scratch_git_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
