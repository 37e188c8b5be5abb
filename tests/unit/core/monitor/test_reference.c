#include "core/monitor/reference.h"

#include "monitor_fixture.h"

static struct arena *arena;
static struct op op;

static void file_round_trips(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 5);
    struct reference_data d;
    reference_make(&rng, 1000, &d);
    d.columns[0][7] = NAN;
    d.ref.ece = NAN;
    AUTO(buf) struct buf b, again;
    buf_init(&b, LIMIT_MIB(1));
    buf_init(&again, LIMIT_MIB(1));
    assert_int_equal(monitor_reference_format(&op, &d.ref, &b), OK);
    struct monitor_reference back;
    assert_int_equal(monitor_reference_parse(&op, buf_str(&b), &back), OK);
    assert_true(back.version == 1 && back.features == FEATURES && back.rows == 1000 && back.auc == 0.72 && isnan(back.ece) && back.scores);
    for (int f = 0; f < FEATURES; f++) {
        assert_true(str_eq(back.names[f], feature_names[f]));
        assert_memory_equal(back.columns[f], d.columns[f], 1000 * sizeof(float));
    }
    assert_int_equal(monitor_reference_format(&op, &back, &again), OK);
    assert_true(str_eq(buf_str(&b), buf_str(&again)));
    /* Every cut is refused, and so is a tail. */
    for (size_t n = 0; n < b.len; n += n < 300 ? 1 : 997) {
        assert_int_equal(monitor_reference_parse(&op, str_sub(buf_str(&b), 0, n), &back), E_INVALID);
        op_clear(&op);
    }
    buf_add_char(&b, 'x');
    assert_int_equal(monitor_reference_parse(&op, buf_str(&b), &back), E_INVALID);
    op_clear(&op);
    reference_free(&d);
}

static void sampling_is_the_documented_one(void **state)
{
    (void)state;
    size_t rows = 3 * (size_t)LIMIT_MONITOR_REFERENCE + 17;
    float *x = calloc(rows, sizeof *x);
    for (size_t i = 0; i < rows; i++)
        x[i] = (float)i;
    x[0] = NAN;
    const float *columns[1] = {x};
    struct str name = STR("n");
    struct monitor_reference ref = {.features = 1, .names = &name, .rows = rows, .columns = columns};
    struct reference *r;
    assert_int_equal(reference_create(&op, &ref, &r), OK);
    assert_true(r->columns[0].n == LIMIT_MONITOR_REFERENCE - 1 && r->columns[0].missing == 1 && r->score.n == 0);
    for (size_t i = 1; i < LIMIT_MONITOR_REFERENCE; i++)
        assert_true(r->columns[0].values[i - 1] == (double)(i * rows / LIMIT_MONITOR_REFERENCE));
    reference_destroy(r);
    free(x);
}

static void bad_references_are_refused(void **state)
{
    (void)state;
    struct str names[2] = {STR_INIT("a"), STR_INIT("a")};
    float x = 0;
    const float *columns[2] = {&x, &x};
    struct monitor_reference ref = {.features = 2, .names = names, .rows = 1, .columns = columns};
    struct reference *r;
    assert_int_equal(reference_create(&op, &ref, &r), E_INVALID);
    op_clear(&op);
    names[1] = STR("");
    assert_int_equal(reference_create(&op, &ref, &r), E_INVALID);
    op_clear(&op);
    ref.features = LIMIT_MONITOR_FEATURES + 1;
    assert_int_equal(reference_create(&op, &ref, &r), E_TOO_LARGE);
    op_clear(&op);
    static const char *const headers[] = {
        "{}", "[]", "nonsense", "{\"format\":2,\"version\":1,\"rows\":0,\"features\":[]}", "{\"format\":1,\"version\":1,\"rows\":-1,\"features\":[]}",
        "{\"format\":1,\"version\":1,\"rows\":0,\"features\":[1]}", "{\"format\":1,\"version\":1,\"rows\":99999999,\"features\":[\"a\"]}",
        "{\"format\":1,\"version\":1,\"rows\":1,\"features\":[\"a\",\"a\"]}", "{\"format\":1,\"version\":1,\"rows\":1,\"features\":[\"a\"]}",
        "{\"format\":1,\"version\":1,\"rows\":0,\"features\":[],\"auc\":\"high\"}"};
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        char bytes[256] = "INGOTREF";
        size_t n = strlen(headers[i]);
        bytes[8] = (char)n;
        memcpy(bytes + 12, headers[i], n);
        struct monitor_reference back = {.version = 42};
        enum err e = monitor_reference_parse(&op, (struct str){bytes, 12 + n}, &back);
        if (e != E_INVALID)
            fail_msg("taken: %s", headers[i]);
        assert_int_equal(back.version, 42);
        op_clear(&op);
    }
}

int main(void)
{
    arena = arena_create(LIMIT_MIB(256));
    op_init(&op, arena);
    const struct CMUnitTest tests[] = {cmocka_unit_test(file_round_trips), cmocka_unit_test(sampling_is_the_documented_one),
                                       cmocka_unit_test(bad_references_are_refused)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_destroy(arena);
    return failed;
}
