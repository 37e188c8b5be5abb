/* test_event.c - names, enums, bodies in CPython's form, and the signature that MLflow's own verifier accepts. */
#include "core/webhook/event.h"

#include "unit/core/track/fixture.h"

static void names_and_enums(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < WEBHOOK_EVENTS; i++) {
        enum webhook_event e;
        struct json *j = NULL;
        assert_true(webhook_event_parse(webhook_event_name((enum webhook_event)i), &e));
        assert_int_equal(e, i);
        assert_ok(&f->op, json_parse(&f->op, webhook_event_example(e), JSON_STRICT, &j));
        assert_int_equal(j->type, JSON_OBJECT);
    }
    enum webhook_event e;
    assert_false(webhook_event_parse(STR("model_version"), &e));
    assert_ok(&f->op, webhook_event_of_enums(&f->op, STR("MODEL_VERSION_TAG"), STR("DELETED"), &e));
    assert_int_equal(e, WEBHOOK_VERSION_TAG_DELETED);
    assert_ok(&f->op, webhook_event_of_enums(&f->op, STR("10"), STR("5"), &e));
    assert_int_equal(e, WEBHOOK_BUDGET_EXCEEDED);
    assert_fails(&f->op, webhook_event_of_enums(&f->op, STR("MODEL_VERSION"), STR("SET"), &e), E_INVALID,
                 "Invalid action 'set' for entity 'model_version'. Valid actions are: ['created']");
    assert_fails(&f->op, webhook_event_of_enums(&f->op, STR("PROMPT_ALIAS"), STR("UPDATED"), &e), E_INVALID, "Valid actions are: ['created', 'deleted']");
    assert_fails(&f->op, webhook_event_of_enums(&f->op, STR("ENTITY_UNSPECIFIED"), STR("SET"), &e), E_INVALID, "not a valid WebhookEntity");
    assert_fails(&f->op, webhook_event_of_enums(&f->op, STR("0"), STR("1"), &e), E_INVALID, "not a valid WebhookEntity");
    assert_fails(&f->op, webhook_event_of_enums(&f->op, STR("METRIC_ALERT"), STR("FIRING"), &e), E_INVALID, "not a valid WebhookEntity");
    assert_fails(&f->op, webhook_event_of_enums(&f->op, STR("PROMPT"), STR("FLY"), &e), E_INVALID, "not a valid WebhookAction");
}

static void bodies_have_pythons_form(void **state)
{
    struct fixture *f = *state;
    struct str body;
    assert_ok(&f->op, webhook_event_body(&f->op, WEBHOOK_ALIAS_CREATED, 1767323045000006, STR("{\"name\":\"m\",\"n\":1.0,\"t\":\"\xc3\xa9\"}"), &body));
    assert_str(body, "{\"entity\": \"model_version_alias\", \"action\": \"created\", \"timestamp\": \"2026-01-02T03:04:05.000006+00:00\", "
                     "\"data\": {\"name\": \"m\", \"n\": 1.0, \"t\": \"\\u00e9\"}}");
    assert_ok(&f->op, webhook_event_body(&f->op, WEBHOOK_ALERT_FIRING, 1767323045000000, STR("{}"), &body));
    assert_str(body, "{\"entity\": \"metric_alert\", \"action\": \"firing\", \"timestamp\": \"2026-01-02T03:04:05+00:00\", \"data\": {}}");
}

/* Computed once with Python's hmac and base64 modules. */
static void the_signature_is_hmac_of_id_time_and_body(void **state)
{
    struct fixture *f = *state;
    struct str s = webhook_signature(&f->op, STR("s3cret"), STR("id-1"), STR("1700000000"), STR("{\"a\": 1}"));
    assert_str(s, "v1,YW5PRvKTy+IERaaAfKQzg15qWC7EzIzNmMWjrKRbRvY=");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(names_and_enums),
        fixture_test(bodies_have_pythons_form),
        fixture_test(the_signature_is_hmac_of_id_time_and_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
