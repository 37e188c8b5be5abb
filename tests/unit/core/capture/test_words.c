#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "core/capture/words.h"

static void secrets_are_known_by_name(void **state)
{
    static const char *const secret[] = {"AWS_SECRET_ACCESS_KEY", "db-password", "apiKey", "HF_TOKEN", "GITHUB_TOKEN", "--api-key", "OPENAI_API_KEY", "key", "SIGNING_KEY",
                                         "WANDB_API_KEY", "DATABASE_URL", "Authorization", "tokenizer_token"};
    static const char *const plain[] = {"max_tokens", "--tokenizer", "author", "monkey", "keyboard", "OMP_NUM_THREADS", "", "learning_rate", "keys"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(secret); i++)
        if (!capture_is_secret(str_from(secret[i])))
            fail_msg("%s would be shown", secret[i]);
    for (size_t i = 0; i < ARRAY_LEN(plain); i++)
        if (capture_is_secret(str_from(plain[i])))
            fail_msg("%s would be hidden", plain[i]);
}

static void variables_by_list(void **state)
{
    const struct str also[] = {STR("EXACT"), STR("MY_*"), STR("MY_TOKEN"), STR("*")};
    (void)state;
    assert_true(capture_variable_allowed(STR("CUDA_VISIBLE_DEVICES"), NULL, 0));
    assert_true(capture_variable_allowed(STR("SLURM_JOB_ID"), NULL, 0));
    assert_false(capture_variable_allowed(STR("HOME"), NULL, 0));
    assert_false(capture_variable_allowed(STR("EXACTLY"), also, 3));
    assert_true(capture_variable_allowed(STR("EXACT"), also, 3));
    assert_true(capture_variable_allowed(STR("MY_X"), also, 3));
    assert_false(capture_variable_allowed(STR("MY_TOKEN"), also, 3)); /* asked for, and still not */
    assert_false(capture_variable_allowed(STR("DB_PASSWORD"), also, 4));
    assert_true(capture_variable_allowed(STR("HOME"), also, 4));
}

static void the_command_as_text(void **state)
{
    (void)state;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(4));
    struct op op;
    op_init(&op, arena);
    const struct str words[] = {STR("python"), STR("a b.py"), STR("--token"), STR("s3cr3t"), STR("--api-key=abc"), STR("PASSWORD=x"), STR("--lr"), STR("0.1"),
                                STR("it's"), STR(""), STR("--password"), STR("--next")};
    struct str text = capture_command_text(&op, words, ARRAY_LEN(words));
    assert_true(str_eqc(text, "python 'a b.py' --token *** --api-key=*** PASSWORD=*** --lr 0.1 'it'\\''s' '' --password --next"));
    assert_int_equal(capture_command_text(&op, words, 0).len, 0);
}

static void urls_lose_their_passwords(void **state)
{
    (void)state;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(4));
    struct op op;
    op_init(&op, arena);
    assert_true(str_eqc(capture_url_text(&op, STR("https://me:pw@git.example/a/b@c.git")), "https://git.example/a/b@c.git"));
    assert_true(str_eqc(capture_url_text(&op, STR("https://me:p@w@git.example")), "https://git.example"));
    assert_true(str_eqc(capture_url_text(&op, STR("https://git.example/x")), "https://git.example/x"));
    assert_true(str_eqc(capture_url_text(&op, STR("git@git.example:x.git")), "git@git.example:x.git"));
    assert_true(str_eqc(capture_url_text(&op, STR("")), ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_known_by_name),
        cmocka_unit_test(variables_by_list),
        cmocka_unit_test(the_command_as_text),
        cmocka_unit_test(urls_lose_their_passwords),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
