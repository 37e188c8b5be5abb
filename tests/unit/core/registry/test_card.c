#include "unit/core/track/fixture.h"

#include "base/buf.h"
#include "core/registry/card.h"
#include "core/registry/card_text.h"
#include "core/registry/model.h"
#include "core/track/metric.h"

static bool has(const struct buf *b, const char *part)
{
    return str_find(buf_str(b), str_from(part)) != SIZE_MAX;
}

static void build(struct fixture *f)
{
    struct op *op = &f->op;
    struct registry_model m;
    struct registry_version v;
    struct track_run r;
    struct track_kv gates = {STR(REGISTRY_GATES_TAG), STR("[{\"metric\":\"auc\",\"op\":\">=\",\"limit\":0.7,\"value\":0.8,\"pass\":true}]")};
    assert_ok(op, registry_model_create(op, f->db, STR("m"), (struct str){0}, NULL, 0, &m));
    assert_ok(op, track_run_create(op, f->db, 0, STR("train"), STR("u"), 0, NULL, 0, &r));
    struct registry_version_new in = {.name = STR("m"), .source = str_from(op_printf(op, "runs:/%s/model", r.run_id.p)), .run_id = r.run_id,
                                      .signature = STR("{\"inputs\": \"[{\\\"type\\\": \\\"double\\\", \\\"name\\\": \\\"a|b\\\"}]\"}"),
                                      .data_version = STR("sha-of-data"), .tags = &gates, .tag_count = 1};
    assert_ok(op, registry_version_create(op, f->db, &in, &v));
    assert_ok(op, registry_version_create(op, f->db, &in, &v));
    op->reason = STR("first one");
    assert_ok(op, registry_alias_set(op, f->db, STR("m"), STR("champion"), 1));
}

static void cards(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct registry_card c;
    AUTO(buf) struct buf b;
    struct json_out w;
    struct json *doc = NULL;
    buf_init(&b, LIMIT_MIB(1));
    build(f);
    struct track_kv text[] = {{STR("intended_use"), STR("Flights.\n# Not for trains\n```\n# code\n```")}, {STR("owner"), STR("team-a")}};
    assert_ok(op, registry_card_set(op, f->db, STR("m"), 1, text, 2));
    assert_ok(op, registry_card_get(op, f->db, STR("m"), 1, &c));
    assert_true(c.section_count == 2 && c.run.row && c.gates && c.signature && c.history_count == 1);
    registry_card_markdown(op, &c, &b);
    assert_true(has(&b, "# m version 1\n") && has(&b, "| Semantic version | 1.0.0 |") && has(&b, "## Intended use\n\nFlights.\n### Not for trains\n```\n# code\n```\n"));
    assert_true(has(&b, "| a\\|b |") && has(&b, "| auc >= 0.7 | 0.8 | yes |") && has(&b, "| first one |") && has(&b, "| Data version | sha-of-data |"));
    buf_reset(&b);
    json_out_init(&w, &b, 0);
    registry_card_json(&c, &w);
    assert_ok(op, json_parse(op, buf_str(&b), JSON_STRICT, &doc));
    assert_str(json_path(doc, "sections.owner.text")->s, "team-a");
    assert_str(json_path(doc, "run.name")->s, "train");
    /* The next version has the sections until it has its own. */
    assert_ok(op, registry_card_get(op, f->db, STR("m"), 2, &c));
    assert_true(c.section_count == 2 && c.sections[0].version == 1);
    buf_reset(&b);
    registry_card_markdown(op, &c, &b);
    assert_true(has(&b, "written for version 1"));
    struct track_kv own[] = {{STR("owner"), STR("team-b")}, {STR("intended_use"), STR("")}};
    assert_ok(op, registry_card_set(op, f->db, STR("m"), 2, own, 2));
    assert_ok(op, registry_card_get(op, f->db, STR("m"), 2, &c));
    assert_true(c.section_count == 1 && c.sections[0].version == 2);
    assert_str(c.sections[0].body, "team-b");
}

static void edits(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct registry_card_section *list = NULL;
    size_t n = 0;
    build(f);
    for (int i = 0; i < 3; i++) {
        struct track_kv kv = {STR("owner"), str_from(op_printf(op, "team-%d", i / 2))};
        assert_ok(op, registry_card_set(op, f->db, STR("m"), 1, &kv, 1));
    }
    assert_ok(op, registry_card_edits(op, f->db, STR("m"), 1, 10, &list, &n));
    assert_int_equal(n, 2); /* the same again is no edit */
    assert_true(list[0].revision == 2 && str_eqc(list[1].body, "team-0") && str_eqc(list[0].reason, "first one"));
    struct track_kv bad[] = {{STR("owner"), STR("x")}, {STR("colour"), STR("blue")}};
    assert_fails(op, registry_card_set(op, f->db, STR("m"), 1, bad, 2), E_INVALID, "a card has no section 'colour'");
    assert_fails(op, registry_card_set(op, f->db, STR("m"), 9, bad, 1), E_NOT_FOUND, "version=9");
    assert_ok(op, registry_version_delete(op, f->db, STR("m"), 2));
    assert_fails(op, registry_card_edits(op, f->db, STR("m"), 2, 10, &list, &n), E_NOT_FOUND, "version=2");
    assert_ok(op, registry_model_delete(op, f->db, STR("m")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(cards), fixture_test(edits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
