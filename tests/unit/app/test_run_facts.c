#include "unit/app/scratch_git.h"

#include "app/run_facts.h"

static struct str tag(const struct run_facts *f, const char *key)
{
    for (size_t i = 0; i < f->tag_count; i++)
        if (!strcmp(f->tags[i].key, key))
            return f->tags[i].value;
    return STR("(none)");
}

/* Devices as an adapter would tell them: a.., a.., b.. */
static int three(void *self)
{
    (void)self;
    return 3;
}

static void named(void *self, int device, char *out, size_t size)
{
    (void)self;
    snprintf(out, size, "%s", device < 2 ? "Model A" : "Model B");
}

static void facts_become_tags(void **state)
{
    struct scratch_git *g = *state;
    static const struct gpu_ops ops = {.name = "test", .count = three, .model = named};
    const struct gpu_probe gpus = {&ops, NULL};
    struct run_facts f = {0};
    const struct str words[] = {STR("/bin/sh"), STR("--password=x"), STR("a b")};
    scratch_git_commit(g);
    assert_int_equal(run_facts_read(&g->op, words, ARRAY_LEN(words), g->dir, &gpus, &f), OK);
    assert_true(str_eqc(tag(&f, "ingot.host.gpu"), "Model A x 2, Model B"));
    assert_true(str_eqc(tag(&f, "ingot.command"), "/bin/sh --password=*** 'a b'"));
    assert_true(str_eqc(tag(&f, "ingot.git.dirty"), "false") && str_eqc(tag(&f, "mlflow.source.git.branch"), "topic"));
    assert_true(str_eqc(tag(&f, "ingot.python.version"), "(none)"));
    assert_true(tag(&f, "ingot.host.name").len > 0);
}

static void no_repository_no_devices(void **state)
{
    struct scratch_git *g = *state;
    struct run_facts f = {0};
    const struct gpu_probe none = {0};
    char *large = arena_alloc(g->op.arena, 20001);
    memset(large, 'x', 20000);
    const struct str words[] = {{large, 20000}};
    assert_int_equal(run_facts_read(&g->op, words, 1, g->dir, &none, &f), OK);
    assert_true(str_eqc(tag(&f, "ingot.git.dirty"), "(none)") && str_eqc(tag(&f, "ingot.host.gpu"), "(none)"));
    assert_int_equal(tag(&f, "ingot.command").len, LIMIT_TRACK_TAG_VALUE);
    assert_int_equal(run_facts_upload(&g->op, NULL, &f, false), OK); /* no log: nothing happens */
    assert_int_equal(run_facts_upload(&g->op, NULL, &f, true), E_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(facts_become_tags, scratch_git_open, scratch_git_close),
        cmocka_unit_test_setup_teardown(no_repository_no_devices, scratch_git_open, scratch_git_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
