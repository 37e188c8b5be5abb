#include "base_test.h"

#include "base/json.h"
#include "base/limits.h"

#include <math.h>

static struct json *parse(struct fixture *f, const char *text, unsigned flags)
{
    struct json *j = NULL;
    ASSERT_OK(&f->op, json_parse(&f->op, str_from(text), flags, &j));
    return j;
}

static void numbers_have_their_type(void **state)
{
    struct fixture *f = *state;
    struct json *j = parse(f, "[0, -0, -0.0, 9223372036854775807, 9223372036854775808, 18446744073709551615, 18446744073709551616,"
                              "-9223372036854775808, -9223372036854775809, 1.0, 1e2, 1e-400, 0e999, 123456789012345678901234567890]", 0);
    static const enum json_type want[] = {JSON_INT,  JSON_INT,  JSON_REAL, JSON_INT,  JSON_UINT, JSON_UINT, JSON_REAL,
                                          JSON_INT,  JSON_REAL, JSON_REAL, JSON_REAL, JSON_REAL, JSON_REAL, JSON_REAL};
    assert_int_equal(j->len, ARRAY_LEN(want));
    for (uint32_t i = 0; i < j->len; i++)
        if (j->items[i].type != want[i])
            fail_msg("number %u is %s", i, json_type_name(j->items[i].type));
    assert_true(signbit(j->items[2].f) && j->items[2].f == 0);
    assert_true(j->items[5].u == UINT64_MAX);
    assert_true(j->items[6].f == 18446744073709551616.0);
    assert_true(j->items[7].i == INT64_MIN);
    assert_true(j->items[11].f == 0.0 && j->items[12].f == 0.0);
    assert_true(j->items[13].f == 123456789012345678901234567890.0);
}

static void finders(void **state)
{
    struct fixture *f = *state;
    struct json *j = parse(f, "{\"a\":{\"b\":{\"c\":[1,\"x\"]}},\"n\":null,\"\":2,\"z\\u0000z\":3}", 0);
    assert_int_equal(json_path(j, "a.b.c")->len, 2);
    assert_null(json_path(j, "a.x.c"));
    assert_null(json_path(j, "a.b.c.d"));
    assert_int_equal(json_get(j, "n")->type, JSON_NULL);
    assert_int_equal(json_get(j, "")->i, 2);
    assert_int_equal(json_get_str(j, (struct str){"z\0z", 3})->i, 3);
    assert_null(json_get(j, "z"));
    assert_null(json_get(NULL, "a"));
    assert_null(json_get(json_path(j, "a.b.c"), "a"));
}

static void typed_readers(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct json *j = parse(f, "{\"s\":\"x\",\"i\":5,\"r\":2.5,\"w\":3.0,\"b\":true,\"n\":null,\"a\":[],\"o\":{},\"u\":18446744073709551615}", 0);
    struct str s;
    int64_t i;
    double d;
    bool b;
    const struct json *c;
    ASSERT_OK(op, json_want_str(op, j, "s", &s));
    ASSERT_STR(s, "x");
    ASSERT_OK(op, json_want_i64(op, j, "i", 0, 5, &i));
    ASSERT_OK(op, json_want_i64(op, j, "w", 0, 5, &i));
    assert_int_equal(i, 3);
    ASSERT_OK(op, json_want_f64(op, j, "i", &d));
    assert_true(d == 5.0);
    ASSERT_OK(op, json_want_f64(op, j, "u", &d));
    assert_true(d == 18446744073709551616.0);
    ASSERT_OK(op, json_want_array(op, j, "a", &c));
    ASSERT_OK(op, json_want_object(op, j, "o", &c));
    ASSERT_OK(op, json_opt_str(op, j, "n", STR("d"), &s));
    ASSERT_STR(s, "d");
    ASSERT_OK(op, json_opt_i64(op, j, "none", 0, 1, 77, &i));
    assert_int_equal(i, 77);
    ASSERT_OK(op, json_opt_f64(op, NULL, "none", 1.5, &d));
    assert_true(d == 1.5);
    ASSERT_OK(op, json_opt_bool(op, j, "b", false, &b));
    assert_true(b);
    ASSERT_OK(op, json_opt_bool(op, j, "n", true, &b));
    assert_true(b);
    assert_int_equal(op->err, OK);

#define REFUSED(call, text)                                                                        \
    do {                                                                                           \
        assert_int_equal((call), E_INVALID);                                                       \
        assert_string_equal(op->msg, (text));                                                      \
        assert_non_null(op->field);                                                                \
        op_clear(op);                                                                              \
    } while (0)
    i = 9;
    REFUSED(json_want_str(op, j, "none", &s), "'none' is missing");
    REFUSED(json_want_str(op, j, "n", &s), "'n' is missing");
    REFUSED(json_want_str(op, j, "i", &s), "'i' must be a string, not an integer");
    REFUSED(json_want_i64(op, j, "i", 0, 4, &i), "'i' must be between 0 and 4, not 5");
    REFUSED(json_want_i64(op, j, "r", 0, 4, &i), "'r' must be an integer, not a real number");
    REFUSED(json_want_i64(op, j, "u", 0, 4, &i), "'u' must be between 0 and 4");
    REFUSED(json_want_i64(op, j, "s", 0, 4, &i), "'s' must be an integer, not a string");
    REFUSED(json_want_f64(op, j, "s", &d), "'s' must be a number, not a string");
    REFUSED(json_want_array(op, j, "o", &c), "'o' must be an array, not an object");
    REFUSED(json_want_object(op, j, "a", &c), "'a' must be an object, not an array");
    REFUSED(json_opt_bool(op, j, "s", false, &b), "'s' must be true or false, not a string");
    REFUSED(json_opt_str(op, j, "b", STR(""), &s), "'b' must be a string, not a boolean");
    REFUSED(json_want_i64(op, NULL, "i", 0, 4, &i), "'i' is missing");
    assert_int_equal(i, 9); /* untouched by failures */
}

static void as_integer(void **state)
{
    (void)state;
    int64_t i;
    assert_true(json_as_i64(&(struct json){.type = JSON_REAL, .f = 9007199254740992.0}, &i) && i == 9007199254740992);
    assert_false(json_as_i64(&(struct json){.type = JSON_REAL, .f = 9007199254740994.0}, &i));
    assert_false(json_as_i64(&(struct json){.type = JSON_REAL, .f = NAN}, &i));
    assert_false(json_as_i64(&(struct json){.type = JSON_REAL, .f = -INFINITY}, &i));
    assert_false(json_as_i64(&(struct json){.type = JSON_REAL, .f = 0.5}, &i));
    assert_false(json_as_i64(&(struct json){.type = JSON_UINT, .u = UINT64_MAX}, &i));
    assert_false(json_as_i64(NULL, &i));
    assert_false(json_as_f64(NULL, &(double){0}));
}

static void limits(void **state)
{
    struct fixture *f = *state;
    struct json *j;
    char *deep = arena_alloc(f->arena, 300);
    for (int n = LIMIT_JSON_DEPTH; n <= LIMIT_JSON_DEPTH + 1; n++) {
        memset(deep, '[', (size_t)n);
        memset(deep + n, ']', (size_t)n);
        enum err e = json_parse(&f->op, (struct str){deep, (size_t)n * 2}, 0, &j);
        assert_int_equal(e, n == LIMIT_JSON_DEPTH ? OK : E_INVALID);
    }
    assert_non_null(strstr(f->op.msg, "nested too deep"));
    op_clear(&f->op);
    char *big = malloc(LIMIT_JSON_BYTES + 1);
    assert_non_null(big);
    memset(big, '[', LIMIT_JSON_BYTES + 1);
    assert_int_equal(json_parse(&f->op, (struct str){big, LIMIT_JSON_BYTES + 1}, 0, &j), E_TOO_LARGE);
    op_clear(&f->op);
    size_t before = arena_used(f->arena);
    assert_int_equal(json_parse(&f->op, (struct str){big, LIMIT_JSON_BYTES}, 0, &j), E_INVALID); /* a bomb of '[' */
    op_clear(&f->op);
    assert_true(arena_used(f->arena) - before < 65536);
    free(big);
    /* An arena that is too small gives a clean error on both ways in. */
    for (size_t size = 100; size <= 3000000; size += 2900000 / 2) {
        struct arena *small = arena_create(size / 2);
        struct op op;
        op_init(&op, small);
        char *text = malloc(size + 1);
        assert_non_null(text);
        for (size_t i = 0; i < size; i++)
            text[i] = i == 0 ? '[' : i % 2 ? '1' : ',';
        text[size - 1] = '1';
        text[size] = ']';
        assert_int_equal(json_parse(&op, (struct str){text, size + 1}, 0, &j), E_TOO_LARGE);
        free(text);
        arena_destroy(small);
    }
}

static void repeated_keys(void **state)
{
    struct fixture *f = *state;
    for (int n = 3; n <= 300; n *= 10) {
        char *text = op_printf(&f->op, "{");
        for (int i = 0; i < n; i++)
            text = op_printf(&f->op, "%s\"k%d\":%d,", text, i, i);
        text = op_printf(&f->op, "%s\"k1\":\"last\",\"end\":1}", text);
        struct json *j;
        assert_int_equal(json_parse(&f->op, str_from(text), 0, &j), E_INVALID);
        assert_non_null(strstr(f->op.msg, "\"k1\" twice"));
        op_clear(&f->op);
        j = parse(f, text, JSON_DUP_LAST);
        assert_int_equal(j->len, n + 1);
        ASSERT_STR(j->members[1].key, "k1");
        ASSERT_STR(j->members[1].value.s, "last");
        ASSERT_STR(j->members[n].key, "end");
    }
    /* Escapes do not hide a repetition. */
    struct json *j;
    assert_int_equal(json_parse(&f->op, STR("{\"a\":1,\"\\u0061\":2}"), 0, &j), E_INVALID);
}

static void python_constants(void **state)
{
    struct fixture *f = *state;
    struct json *j = parse(f, "{\"a\":[NaN,Infinity,-Infinity,1.5],\"b\":\"NaN\"}", JSON_NAN);
    assert_true(isnan(json_get(j, "a")->items[0].f));
    assert_true(json_get(j, "a")->items[1].f > 0 && isinf(json_get(j, "a")->items[1].f));
    assert_true(json_get(j, "a")->items[2].f < 0 && isinf(json_get(j, "a")->items[2].f));
    ASSERT_STR(json_get(j, "b")->s, "NaN");
    static const char *const bad[] = {"NaN", "[Infinity]", "[-Infinity]"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(json_parse(&f->op, str_from(bad[i]), 0, &j), E_INVALID);
    static const char *const worse[] = {"nan", "Nan", "NaNN", "+Infinity", "-NaN", "Inf", "- Infinity"};
    for (size_t i = 0; i < ARRAY_LEN(worse); i++)
        assert_int_equal(json_parse(&f->op, str_from(worse[i]), JSON_NAN, &j), E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(numbers_have_their_type), TEST(finders), TEST(typed_readers), TEST(as_integer),
        TEST(limits), TEST(repeated_keys), TEST(python_constants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
