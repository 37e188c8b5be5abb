/* test_raise.c - changes of the registry become messages, with MLflow's payloads, exactly when the change is stored. */
#include "core/webhook/raise.h"

#include "core/registry/alias.h"
#include "core/registry/model.h"
#include "unit/core/webhook/hooks_fixture.h"

/* The data of the newest message to `w`, as JSON text; NULL when there is none. */
static const char *newest(struct hooks *h, const struct webhook *w)
{
    struct outbox_row *rows = NULL;
    size_t n = 0;
    assert_ok(&h->f.op, outbox_list(&h->f.op, h->hooks, w->id, OUTBOX_STATES, 0, 1, &rows, &n));
    if (!n)
        return NULL;
    size_t at = str_find(rows[0].body, STR("\"data\": "));
    return str_cstr(h->f.op.arena, str_sub(rows[0].body, at + 8, rows[0].body.len - at - 9));
}

static size_t count(struct hooks *h, const struct webhook *w)
{
    struct outbox_row *rows = NULL;
    size_t n = 0;
    assert_ok(&h->f.op, outbox_list(&h->f.op, h->hooks, w->id, OUTBOX_STATES, 0, 1000, &rows, &n));
    return n;
}

static void the_registry_tells_of_models(void **state)
{
    struct hooks *h = *state;
    struct op *op = &h->f.op;
    struct webhook model = hooks_register(h, "model", WEBHOOK_MODEL_CREATED, NULL), version = hooks_register(h, "version", WEBHOOK_VERSION_CREATED, NULL),
                   set = hooks_register(h, "set", WEBHOOK_VERSION_TAG_SET, NULL), unset = hooks_register(h, "unset", WEBHOOK_VERSION_TAG_DELETED, NULL),
                   alias = hooks_register(h, "alias", WEBHOOK_ALIAS_CREATED, NULL), unalias = hooks_register(h, "unalias", WEBHOOK_ALIAS_DELETED, NULL),
                   prompt = hooks_register(h, "prompt", WEBHOOK_PROMPT_CREATED, NULL);
    struct registry_model m;
    struct registry_version v;
    struct track_kv tag = {STR("team"), STR("a")};
    assert_ok(op, registry_model_create(op, h->f.db, STR("m"), STR("words"), &tag, 1, &m));
    assert_string_equal(newest(h, &model), "{\"name\": \"m\", \"tags\": {\"team\": \"a\"}, \"description\": \"words\"}");
    assert_ok(op, registry_model_create(op, h->f.db, STR("bare"), (struct str){0}, NULL, 0, &m));
    assert_string_equal(newest(h, &model), "{\"name\": \"bare\", \"tags\": {}, \"description\": \"\"}");
    struct registry_version_new in = {.name = STR("m"), .source = STR("s3://bucket/x"), .tags = &tag, .tag_count = 1};
    assert_ok(op, registry_version_create(op, h->f.db, &in, &v));
    assert_string_equal(newest(h, &version), "{\"name\": \"m\", \"version\": \"1\", \"source\": \"s3://bucket/x\", \"run_id\": null, "
                                             "\"tags\": {\"team\": \"a\"}, \"description\": null}");
    assert_ok(op, registry_version_set_tag(op, h->f.db, STR("m"), 1, STR("k"), STR("v")));
    assert_string_equal(newest(h, &set), "{\"name\": \"m\", \"version\": \"1\", \"key\": \"k\", \"value\": \"v\"}");
    assert_ok(op, registry_version_delete_tag(op, h->f.db, STR("m"), 1, STR("k")));
    assert_string_equal(newest(h, &unset), "{\"name\": \"m\", \"version\": \"1\", \"key\": \"k\"}");
    assert_ok(op, registry_alias_set(op, h->f.db, STR("m"), STR("champion"), 1));
    assert_ok(op, registry_alias_set(op, h->f.db, STR("m"), STR("champion"), 1));
    assert_string_equal(newest(h, &alias), "{\"name\": \"m\", \"alias\": \"champion\", \"version\": \"1\"}");
    assert_int_equal(count(h, &alias), 2); /* MLflow tells of each call */
    assert_ok(op, registry_alias_delete(op, h->f.db, STR("m"), STR("champion")));
    assert_string_equal(newest(h, &unalias), "{\"name\": \"m\", \"alias\": \"champion\"}");
    assert_ok(op, registry_model_set_tag(op, h->f.db, STR("m"), STR("k"), STR("v")));
    assert_int_equal(count(h, &model), 2);
    assert_int_equal(count(h, &prompt), 0);
}

static void the_registry_tells_of_prompts(void **state)
{
    struct hooks *h = *state;
    struct op *op = &h->f.op;
    struct webhook model = hooks_register(h, "model", WEBHOOK_MODEL_CREATED, NULL), prompt = hooks_register(h, "prompt", WEBHOOK_PROMPT_CREATED, NULL),
                   version = hooks_register(h, "version", WEBHOOK_PROMPT_VERSION_CREATED, NULL), set = hooks_register(h, "set", WEBHOOK_PROMPT_TAG_SET, NULL),
                   vset = hooks_register(h, "vset", WEBHOOK_PROMPT_VERSION_TAG_SET, NULL), alias = hooks_register(h, "alias", WEBHOOK_PROMPT_ALIAS_CREATED, NULL);
    const struct track_kv tags[] = {{STR("mlflow.prompt.is_prompt"), STR("true")}, {STR("_mlflow_prompt_type"), STR("text")},
                                    {STR("mlflow.prompt.text"), STR("Hi {{name}}")}, {STR("mine"), STR("1")}};
    struct registry_model m;
    struct registry_version v;
    assert_ok(op, registry_model_create(op, h->f.db, STR("p"), (struct str){0}, tags, 4, &m));
    assert_string_equal(newest(h, &prompt), "{\"name\": \"p\", \"tags\": {\"mlflow.prompt.text\": \"Hi {{name}}\", \"mine\": \"1\"}, \"description\": \"\"}");
    struct registry_version_new in = {.name = STR("p"), .source = STR("dummy-source"), .tags = tags, .tag_count = 4, .description = STR("first")};
    assert_ok(op, registry_version_create(op, h->f.db, &in, &v));
    assert_string_equal(newest(h, &version),
                        "{\"name\": \"p\", \"version\": \"1\", \"template\": \"Hi {{name}}\", \"tags\": {\"mine\": \"1\"}, \"description\": \"first\"}");
    assert_ok(op, registry_model_set_tag(op, h->f.db, STR("p"), STR("k"), STR("v")));
    assert_string_equal(newest(h, &set), "{\"name\": \"p\", \"key\": \"k\", \"value\": \"v\"}");
    assert_ok(op, registry_version_set_tag(op, h->f.db, STR("p"), 1, STR("k"), STR("v")));
    assert_string_equal(newest(h, &vset), "{\"name\": \"p\", \"version\": \"1\", \"key\": \"k\", \"value\": \"v\"}");
    assert_ok(op, registry_alias_set(op, h->f.db, STR("p"), STR("a"), 1));
    assert_string_equal(newest(h, &alias), "{\"name\": \"p\", \"alias\": \"a\", \"version\": \"1\"}");
    assert_int_equal(count(h, &model), 0);
}

static void no_change_no_message(void **state)
{
    struct hooks *h = *state;
    struct op *op = &h->f.op;
    struct webhook w = hooks_register(h, "w", WEBHOOK_MODEL_CREATED, NULL);
    assert_fails(op, db_write(op, h->f.db, hooks_raise_tx, &(struct raised){WEBHOOK_MODEL_CREATED, 3, E_CONFLICT}), E_CONFLICT, "the change failed");
    assert_int_equal(hooks_waiting(h, w.id), 0);
    int64_t due[4];
    size_t n = 0;
    assert_ok(op, outbox_take(op, h->hooks, 4, due, &n));
    assert_int_equal(n, 0);
    hooks_raise(h, WEBHOOK_MODEL_CREATED, 3);
    assert_int_equal(hooks_waiting(h, w.id), 3);
}

static void only_active_subscribers_hear(void **state)
{
    struct hooks *h = *state;
    struct op *op = &h->f.op;
    struct webhook a = hooks_register(h, "a", WEBHOOK_MODEL_CREATED, NULL), b = hooks_register(h, "b", WEBHOOK_MODEL_CREATED, NULL),
                   other = hooks_register(h, "c", WEBHOOK_ALIAS_CREATED, NULL);
    assert_ok(op, webhook_update(op, h->hooks, b.id, &(struct webhook_input){.active = &(bool){false}}, &b));
    hooks_raise(h, WEBHOOK_MODEL_CREATED, 2);
    assert_int_equal(hooks_waiting(h, a.id), 2);
    assert_int_equal(hooks_waiting(h, b.id), 0);
    assert_int_equal(hooks_waiting(h, other.id), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        hooks_test(the_registry_tells_of_models),
        hooks_test(the_registry_tells_of_prompts),
        hooks_test(no_change_no_message),
        hooks_test(only_active_subscribers_hear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
