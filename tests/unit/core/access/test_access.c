/* test_access.c - the administrator's token. */
#include "core/access/access.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "contract/scratch.h"

static void write_file(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    assert_true(fd >= 0);
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static struct str read_token(struct scratch *s)
{
    char *text = arena_alloc(s->arena, 256);
    int fd = open(scratch_path(s, ACCESS_TOKEN_FILE), O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t n = read(fd, text, 255);
    close(fd);
    assert_int_equal(n, ACCESS_TOKEN_LEN + 1);
    assert_int_equal(text[ACCESS_TOKEN_LEN], '\n');
    return (struct str){text, ACCESS_TOKEN_LEN};
}

static void the_first_start_makes_a_private_token(void **state)
{
    struct scratch *s = *state;
    struct access *a = NULL;
    assert_int_equal(access_open(&s->op, s->dir, false, &a), OK);
    access_close(a);
    struct stat st;
    assert_int_equal(stat(scratch_path(s, ACCESS_TOKEN_FILE), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    struct str first = read_token(s);
    assert_true(access_token_is_wellformed(first));
    assert_int_equal(access_open(&s->op, s->dir, false, &a), OK);
    access_close(a);
    assert_true(str_eq(first, read_token(s))); /* the second start keeps it */
    assert_int_not_equal(access(scratch_path(s, ACCESS_TOKEN_FILE ".new"), F_OK), 0);
}

static enum err check(struct scratch *s, struct access *a, struct str token, bool loopback,
                      struct actor *actor)
{
    op_clear(&s->op);
    return access_check(a, &s->op, token, loopback, actor);
}

static void only_the_right_token_opens(void **state)
{
    struct scratch *s = *state;
    struct access *a = NULL;
    struct actor actor = {0};
    assert_int_equal(access_open(&s->op, s->dir, false, &a), OK);
    struct str token = read_token(s);
    assert_int_equal(check(s, a, token, false, &actor), OK);
    assert_true(str_eqc(actor.name, "admin"));
    for (int p = PERM_PUBLIC; p < PERM_COUNT; p++)
        assert_true(actor.perms >> p & 1);
    assert_false(actor.perms & 1u << PERM_NONE);
    assert_int_equal(check(s, a, STR(""), true, &actor), OK);
    assert_true(str_eqc(actor.name, "local"));
    assert_int_equal(check(s, a, STR(""), false, &actor), E_UNAUTHENTICATED);
    /* A wrong token is refused even where none is needed: every single character counts. */
    for (size_t i = 0; i < token.len; i++) {
        char wrong[ACCESS_TOKEN_LEN];
        memcpy(wrong, token.p, token.len);
        wrong[i] ^= 1;
        struct str w = {wrong, sizeof wrong};
        assert_int_equal(check(s, a, w, true, &actor), E_UNAUTHENTICATED);
        assert_false(access_token_is_wellformed(w));
        assert_null(strstr(s->op.msg, "ingot_"));
    }
    assert_int_equal(check(s, a, str_sub(token, 0, token.len - 1), true, &actor), E_UNAUTHENTICATED);
    assert_int_equal(check(s, a, STR("' OR '1'='1"), true, &actor), E_UNAUTHENTICATED);
    access_close(a);
}

static void auth_required_holds_on_loopback_too(void **state)
{
    struct scratch *s = *state;
    struct access *a = NULL;
    struct actor actor = {0};
    assert_int_equal(access_open(&s->op, s->dir, true, &a), OK);
    assert_int_equal(check(s, a, STR(""), true, &actor), E_UNAUTHENTICATED);
    assert_int_equal(check(s, a, read_token(s), true, &actor), OK);
    access_close(a);
}

static void a_bad_token_file_is_refused_and_kept(void **state)
{
    struct scratch *s = *state;
    struct access *a = NULL;
    const char *path = scratch_path(s, ACCESS_TOKEN_FILE);
    static const char *const bad[] = {
        "", "password1234\n", "ingot_0123abcd_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA_00000000\n"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        write_file(path, bad[i], 0600);
        op_clear(&s->op);
        assert_int_equal(access_open(&s->op, s->dir, false, &a), E_CONFLICT);
        struct stat st;
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal((size_t)st.st_size, strlen(bad[i]));
    }
    unlink(path);
    op_clear(&s->op);
    assert_int_equal(access_open(&s->op, s->dir, false, &a), OK);
    access_close(a);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(access_open(&s->op, s->dir, false, &a), E_CONFLICT);
    unlink(path);
    assert_int_equal(symlink("/etc/hostname", path), 0);
    op_clear(&s->op);
    assert_int_equal(access_open(&s->op, s->dir, false, &a), E_IO);
    op_clear(&s->op);
    assert_int_equal(access_open(&s->op, "/nowhere/at/all", false, &a), E_NOT_FOUND);
}

static void tokens_have_a_checksum(void **state)
{
    (void)state;
    /* zlib.crc32(b"ingot_0123abcd_" + b"A" * 43) in python3 */
    assert_true(access_token_is_wellformed(
        STR("ingot_0123abcd_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA_f1af6d1b")));
    assert_false(access_token_is_wellformed(
        STR("ingot_0123abcd_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA_00000000")));
    assert_false(access_token_is_wellformed(STR("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_first_start_makes_a_private_token, scratch_set_up, scratch_tear_down),
        cmocka_unit_test_setup_teardown(only_the_right_token_opens, scratch_set_up, scratch_tear_down),
        cmocka_unit_test_setup_teardown(auth_required_holds_on_loopback_too, scratch_set_up, scratch_tear_down),
        cmocka_unit_test_setup_teardown(a_bad_token_file_is_refused_and_kept, scratch_set_up, scratch_tear_down),
        cmocka_unit_test(tokens_have_a_checksum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
