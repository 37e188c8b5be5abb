#include "pipeline_test.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>

static void a_bare_folder_becomes_a_repository(void **state)
{
    struct fixture *f = *state;
    struct workspace *ws;
    ASSERT_OK(f, workspace_open(&f->op, f->dir, true, &ws));
    assert_false(fspath_exists(&f->op, at(f, ".dvc")));
    ws = open_ws(f);
    ASSERT_STR(ws->root, str_cstr(f->arena, ws->dir));
    assert_non_null(strstr(get(f, ".dvc/config").p, "no_scm = True"));
    ASSERT_STR(get(f, ".dvc/.gitignore"), "/config.local\n/tmp\n/cache\n");
    assert_false(ws->scm);
    assert_int_equal(ws->links_len, 2);
    ASSERT_FAILS(f, workspace_open(&f->op, at(f, "nowhere"), false, &ws), E_NOT_FOUND, "nowhere");
}

static void the_root_above_and_its_config_count(void **state)
{
    struct fixture *f = *state;
    put(f, ".dvc/config", "# c\n[core]\n    remote = x\n['remote \"x\"']\n    url = /tmp/x\n[cache]\n    type = hardlink, copy\n"
                          "    dir = ../elsewhere\n[parsing]\n    list = append\n    bool = boolean_optional\n");
    put(f, ".git/HEAD", "ref");
    put(f, "sub/dvc.yaml", "");
    struct workspace *ws;
    ASSERT_OK(f, workspace_open(&f->op, at(f, "sub"), false, &ws));
    assert_true(str_ends(ws->dir, STR("/sub")));
    assert_true(str_ends(ws->cache_dir, STR("/elsewhere")));
    assert_int_equal(ws->links_len, 2);
    assert_int_equal(ws->links[0], WORKSPACE_HARDLINK);
    assert_true(ws->scm && ws->list_append && ws->bool_optional);
    put(f, ".dvc/config.local", "[core]\n no_scm = true\n");
    ASSERT_OK(f, workspace_open(&f->op, at(f, "sub"), false, &ws));
    assert_false(ws->scm);
}

static void bad_config_is_refused(void **state)
{
    struct fixture *f = *state;
    struct workspace *ws;
    put(f, ".dvc/config", "[cache]\n type = reflink,teleport\n");
    ASSERT_FAILS(f, workspace_open(&f->op, f->dir, false, &ws), E_INVALID, "teleport");
    put(f, ".dvc/config", "[cache\n");
    ASSERT_FAILS(f, workspace_open(&f->op, f->dir, false, &ws), E_INVALID, "key = value");
}

static void outputs_are_ignored_once(void **state)
{
    struct fixture *f = *state;
    put(f, ".git/HEAD", "ref");
    put(f, "d/.gitignore", "/old");
    struct workspace *ws = open_ws(f);
    ASSERT_OK(f, workspace_ignore(&f->op, ws, fspath_join(&f->op, ws->dir, STR("d/new"))));
    ASSERT_OK(f, workspace_ignore(&f->op, ws, fspath_join(&f->op, ws->dir, STR("d/new"))));
    ASSERT_STR(get(f, "d/.gitignore"), "/old\n/new\n");
}

static void one_process_at_a_time(void **state)
{
    struct fixture *f = *state;
    struct workspace *ws = open_ws(f);
    int other = open(str_cstr(f->arena, at(f, ".dvc/tmp/lock")), O_RDWR | O_CREAT, 0600);
    assert_true(other >= 0 && flock(other, LOCK_EX) == 0);
    ASSERT_FAILS(f, workspace_lock(&f->op, ws, 50), E_BUSY, "locked");
    close(other);
    ASSERT_OK(f, workspace_lock(&f->op, ws, 0));
    other = open(str_cstr(f->arena, at(f, ".dvc/tmp/lock")), O_RDWR);
    assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
    workspace_unlock(ws);
    assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
    close(other);
}

static void a_run_keeps_others_out_even_through_its_children(void **state)
{
    struct fixture *f = *state;
    struct workspace *ws = open_ws(f), *other = open_ws(f);
    int ends[2];
    char go = 0;
    ASSERT_OK(f, workspace_claim(&f->op, ws, 0));
    ASSERT_FAILS(f, workspace_claim(&f->op, other, 30), E_BUSY, "works in");
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) { /* holds what it inherited until told to end */
        close(ends[1]);
        _exit(read(ends[0], &go, 1) != 0);
    }
    workspace_release(ws);
    ASSERT_FAILS(f, workspace_claim(&f->op, other, 30), E_BUSY, "left behind");
    close(ends[1]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    close(ends[0]);
    ASSERT_OK(f, workspace_claim(&f->op, other, 0));
    workspace_release(other);
}

static void containment(void **state)
{
    struct fixture *f = *state;
    struct workspace *ws = open_ws(f);
    assert_true(workspace_contains(ws, fspath_join(&f->op, ws->dir, STR("a"))));
    assert_false(workspace_contains(ws, ws->root));
    assert_false(workspace_contains(ws, fspath_join(&f->op, ws->dir, STR("../a"))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_bare_folder_becomes_a_repository), TEST(the_root_above_and_its_config_count), TEST(bad_config_is_refused),
        TEST(outputs_are_ignored_once), TEST(one_process_at_a_time), TEST(a_run_keeps_others_out_even_through_its_children),
        TEST(containment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
