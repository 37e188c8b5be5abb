/* UBJSON: every kind of value, every way to count, and what is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "adapter/trees/ubjson.h"
#include "base/limits.h"

static void with(struct str bytes, void (*check)(struct op *op, enum err e, const struct json *doc))
{
    struct arena *a = arena_create(LIMIT_MIB(16));
    struct op op;
    struct json *doc = NULL;
    op_init(&op, a);
    enum err e = ubjson_parse(&op, bytes, &doc);
    check(&op, e, doc);
    arena_destroy(a);
}

/* The same as {"a": [1, -2, 300, 70000, 5000000000], "b": [1.5, -2], "c": {"t": true, "f": false, "z": null, "s": "hi"}, "d": 0.25,
 * "n": [7, [], {}], "e": []} */
static const char sample[] = "{i\x01" "a[#i\x05" "i\x01" "i\xfe" "I\x01\x2c" "l\x00\x01\x11\x70" "L\x00\x00\x00\x01\x2a\x05\xf2\x00"
                             "i\x01" "b[$d#L\x00\x00\x00\x00\x00\x00\x00\x02" "\x3f\xc0\x00\x00" "\xc0\x00\x00\x00"
                             "U\x01" "c{i\x01tTi\x01" "fFi\x01zZi\x01sSi\x02hi}"
                             "i\x01" "dD\x3f\xd0\x00\x00\x00\x00\x00\x00"
                             "i\x01n[Ni\x07[]{}]"
                             "i\x01" "e[$U#i\x00" "}";

static void sample_check(struct op *op, enum err e, const struct json *doc)
{
    int64_t v = 0;
    if (e)
        fail_msg("%s", op->msg);
    static const int64_t whole[] = {1, -2, 300, 70000, 5000000000};
    const struct json *a = json_get(doc, "a"), *b = json_get(doc, "b"), *c = json_get(doc, "c"), *n = json_get(doc, "n");
    assert_int_equal(a->type, JSON_ARRAY);
    assert_int_equal(a->len, 5);
    for (size_t i = 0; i < 5; i++)
        assert_true(json_as_i64(&a->items[i], &v) && v == whole[i]);
    assert_int_equal(b->type, JSON_REALS);
    assert_true(b->len == 2 && b->reals[0] == 1.5 && b->reals[1] == -2);
    assert_true(json_get(c, "t")->boolean && !json_get(c, "f")->boolean && json_get(c, "z")->type == JSON_NULL);
    assert_true(str_eqc(json_get(c, "s")->s, "hi"));
    assert_true(json_get(doc, "d")->f == 0.25);
    assert_int_equal(n->len, 3);
    assert_true(n->items[0].i == 7 && n->items[1].type == JSON_ARRAY && n->items[2].type == JSON_OBJECT);
    assert_int_equal(json_get(doc, "e")->type, JSON_INTS);
}

static void refused(struct op *op, enum err e, const struct json *doc)
{
    (void)doc;
    assert_int_equal(e, E_INVALID);
    assert_non_null(op->msg);
}

static void test_every_kind(void **state)
{
    (void)state;
    assert_true(ubjson_accepts((struct str){sample, sizeof(sample) - 1}));
    assert_false(ubjson_accepts(STR("{\"learner\"")));
    with((struct str){sample, sizeof(sample) - 1}, sample_check);
}

static void test_cut_off_anywhere(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof(sample) - 1; n++) {
        char *copy = malloc(n ? n : 1); /* of exactly this size: ASan sees a byte too far */
        memcpy(copy, sample, n);
        with((struct str){copy, n}, refused);
        free(copy);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct str cases[] = {
        STR_INIT("{i\x01" "aZ}x"), STR_INIT("{i\xff" "aZ}"), STR_INIT("{i\x01" "a[#i\x7fi\x01}"), STR_INIT("{i\x01" "a[$S#i\x01i\x01x}"),
        STR_INIT("{i\x01" "a[$T#i\x7f}"), STR_INIT("{i\x01" "aQ}"), STR_INIT("{d\x01" "aZ}"), STR_INIT("{$i#i\x01" "i\x01" "a\x01}"),
        STR_INIT("{i\x01" "a[$d#L\x7f\xff\xff\xff\xff\xff\xff\xff}"), STR_INIT("{i\x01" "a[$D#l\x20\x00\x00\x00}"), STR_INIT("]"), STR_INIT("{]"),
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        with(cases[i], refused);
    char deep[1000];
    memset(deep, '[', sizeof(deep));
    with((struct str){deep, sizeof(deep)}, refused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind),
        cmocka_unit_test(test_cut_off_anywhere),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests_name("ubjson", tests, NULL, NULL);
}
