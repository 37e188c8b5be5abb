/* Where the code came from: the commit is read from .git as git lays it out, without running git; a NULL log does nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/run_log.h"
#include "base/file.h"
#include "base/limits.h"

#define SHA1 "0123456789abcdef0123456789abcdef01234567"
#define SHA2 "89abcdef0123456789abcdef0123456789abcdef"

struct fixture {
    struct arena *arena;
    struct op op;
    char dir[64];
};

static const char *at(struct fixture *f, const char *path)
{
    return op_printf(&f->op, "%s%s", f->dir, path);
}

static void put(struct fixture *f, const char *path, const char *text)
{
    if (file_write(&f->op, at(f, path), str_from(text)) != OK)
        fail_msg("%s", f->op.msg);
}

static int setup(void **state)
{
    static struct fixture f;
    unsetenv("INGOT_GIT_COMMIT");
    f.arena = arena_create(LIMIT_MIB(64));
    op_init(&f.op, f.arena);
    snprintf(f.dir, sizeof(f.dir), "/tmp/ingot-git-XXXXXX");
    assert_non_null(mkdtemp(f.dir));
    static const char *const folders[] = {"/.git", "/.git/refs", "/.git/refs/heads", "/sub", "/sub/deep"};
    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        assert_int_equal(mkdir(at(&f, folders[i]), 0700), 0);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    static const char *const files[] = {"/.git/HEAD", "/.git/packed-refs", "/.git/refs/heads/main"};
    static const char *const folders[] = {"/sub/deep", "/sub", "/.git/refs/heads", "/.git/refs", "/.git", ""};
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        unlink(at(f, files[i]));
    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        assert_int_equal(rmdir(at(f, folders[i])), 0);
    arena_destroy(f->arena);
    return 0;
}

static void test_commit_from_loose_packed_and_detached(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(run_log_git_commit(&f->op, at(f, "/sub/deep")).len, 0); /* no HEAD yet */
    put(f, "/.git/HEAD", "ref: refs/heads/main\n");
    assert_int_equal(run_log_git_commit(&f->op, f->dir).len, 0);             /* a branch without commits */
    put(f, "/.git/packed-refs", "# pack-refs with: peeled\n" SHA2 " refs/heads/mainline\n" SHA1 " refs/heads/main\n");
    assert_true(str_eqc(run_log_git_commit(&f->op, at(f, "/sub/deep")), SHA1));
    put(f, "/.git/refs/heads/main", SHA2 "\n"); /* a loose ref is newer than a packed one */
    assert_true(str_eqc(run_log_git_commit(&f->op, at(f, "/sub")), SHA2));
    put(f, "/.git/HEAD", SHA1 "\n");
    assert_true(str_eqc(run_log_git_commit(&f->op, f->dir), SHA1));
    setenv("INGOT_GIT_COMMIT", "feed", 1);
    assert_true(str_eqc(run_log_git_commit(&f->op, f->dir), "feed"));
    unsetenv("INGOT_GIT_COMMIT");
    assert_int_equal(run_log_git_commit(&f->op, "/nowhere").len, 0);
}

static void test_without_a_server_nothing_happens(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    assert_int_equal(run_log_param(op, NULL, "a", STR("b")), OK);
    assert_int_equal(run_log_params(op, NULL, "a", NULL), OK);
    assert_int_equal(run_log_metric(op, NULL, "a", 1, 0), OK);
    assert_int_equal(run_log_artifact(op, NULL, "a", STR("x/y"), STR("z")), OK);
    assert_int_equal(run_log_input(op, NULL, "training", STR("a"), STR("b"), STR("c")), OK);
    assert_int_equal(run_log_tag(op, NULL, "a", STR("b")), OK);
    assert_int_equal(run_log_flush(op, NULL), OK);
    assert_int_equal(run_log_end(op, NULL, true), OK);
    assert_int_equal(run_log_id(NULL).len, 0);
}

/* A server that is not there is one clear failure. */
static void test_a_dead_server_is_named(void **state)
{
    struct fixture *f = *state;
    struct client *c = NULL;
    struct run_log *l = NULL;
    const struct client_config config = {.base_url = STR("http://127.0.0.1:9"), .timeout_ms = 2000};
    const struct run_log_start start = {.experiment = STR("e")};
    assert_int_equal(client_create(&f->op, &config, &c), OK);
    assert_int_equal(run_log_start(&f->op, c, &start, &l), E_IO);
    assert_non_null(strstr(f->op.msg, "127.0.0.1"));
    client_destroy(c);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_commit_from_loose_packed_and_detached), TEST(test_without_a_server_nothing_happens),
                                       TEST(test_a_dead_server_is_named)};
    return cmocka_run_group_tests_name("run_log", tests, NULL, NULL);
}
