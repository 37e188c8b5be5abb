/* Runs and experiments by a part of their name. */
#include "core/track/run_find.h"

#include "unit/core/track/fixture.h"

#include "core/track/index.h"

static struct str made(struct fixture *f, int64_t experiment, const char *name, int64_t start_ms)
{
    struct track_run r;
    assert_ok(&f->op, track_run_create(&f->op, f->db, experiment, str_from(name), STR("me"), start_ms, NULL, 0, &r));
    return str_dup(f->op.arena, r.run_id);
}

static const char *names(struct fixture *f, struct run_index *index, const char *text, size_t limit)
{
    struct run_found *found = NULL;
    size_t n = 0;
    assert_ok(&f->op, run_find(&f->op, f->db, index, str_from(text), limit, &found, &n));
    const char *out = "";
    for (size_t i = 0; i < n; i++)
        out = op_printf(&f->op, "%s%s%.*s", out, i ? "|" : "", STR_FMT(found[i].name));
    return out;
}

static void beginnings_come_first(void **state)
{
    struct fixture *f = *state;
    int64_t id = 0;
    assert_ok(&f->op, experiment_create(&f->op, f->db, STR("Flights"), STR(""), NULL, 0, &id));
    struct str first = made(f, id, "the flight", 1);
    made(f, id, "flight-2", 2);
    made(f, 0, "FLIGHT-3", 3);
    made(f, 0, "it's 50% \"done\"", 4);
    struct run_index *index = run_index_create(LIMIT_MIB(16));
    for (int i = 0; i < 2; i++) {
        struct run_index *x = i ? index : NULL;
        assert_string_equal(names(f, x, "flight", 10), "Flights|FLIGHT-3|flight-2|the flight");
        assert_string_equal(names(f, x, "flight", 1), "Flights|FLIGHT-3");
        assert_string_equal(names(f, x, "it's 50%", 10), "it's 50% \"done\"");
        assert_string_equal(names(f, x, "\"done\"", 10), "it's 50% \"done\"");
        assert_string_equal(names(f, x, "50_", 10), "");
        assert_string_equal(names(f, x, "%", 10), "it's 50% \"done\"");
        assert_string_equal(names(f, x, "", 10), "");
        assert_string_equal(names(f, x, op_printf(&f->op, "%.8s", first.p), 10), "the flight");
    }
    run_index_destroy(index);
    struct run_found *found = NULL;
    size_t n = 0;
    char *longer = arena_alloc(f->op.arena, LIMIT_TRACK_FIND_BYTES + 2);
    memset(longer, 'x', LIMIT_TRACK_FIND_BYTES + 1);
    longer[LIMIT_TRACK_FIND_BYTES + 1] = 0;
    assert_fails(&f->op, run_find(&f->op, f->db, NULL, str_from(longer), 5, &found, &n), E_INVALID, "at most");
}

static void parts_of_names(void **state)
{
    (void)state;
    assert_true(run_find_has(STR("Abc"), STR("aB"), true));
    assert_false(run_find_has(STR("xAbc"), STR("ab"), true));
    assert_true(run_find_has(STR("xAbc"), STR("ab"), false));
    assert_false(run_find_has(STR("a"), STR("ab"), false));
    assert_true(run_find_has(STR(""), STR(""), true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(beginnings_come_first), cmocka_unit_test(parts_of_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
