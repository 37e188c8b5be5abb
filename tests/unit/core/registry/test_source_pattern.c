#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "core/registry/source_pattern.h"

static void matches(void **state)
{
    (void)state;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(1));
    struct op op;
    op_init(&op, arena);
    struct source_pattern *p = NULL;
    assert_int_equal(source_pattern_create(&op, STR("^(s3|gs)://models/[a-z]+$"), &p), OK);
    assert_int_equal(source_pattern_check(&op, p, STR("s3://models/a")), OK);
    assert_int_equal(source_pattern_check(&op, p, STR("gs://models/abc")), OK);
    static const struct str bad[] = {STR_INIT("s3://other/a"), STR_INIT(""), STR_INIT("xs3://models/a"), STR_INIT("s3://models/a\0b"), STR_INIT("s3://models/a\n")};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        op_clear(&op);
        assert_int_equal(source_pattern_check(&op, p, bad[i]), E_INVALID);
        assert_string_equal(op.field, "source");
        assert_non_null(strstr(op.msg, "Invalid model version source: '"));
    }
    source_pattern_destroy(p);
    assert_int_equal(source_pattern_create(&op, STR("models"), &p), OK); /* anywhere, as Python's re.search */
    assert_int_equal(source_pattern_check(&op, p, STR("s3://models/a")), OK);
    struct str longest = {memset(arena_alloc(arena, LIMIT_REGISTRY_SOURCE_MATCHED + 8), 'm', LIMIT_REGISTRY_SOURCE_MATCHED + 8), LIMIT_REGISTRY_SOURCE_MATCHED + 1};
    assert_int_equal(source_pattern_check(&op, p, longest), E_INVALID);
    source_pattern_destroy(p);
    assert_int_equal(source_pattern_check(&op, NULL, STR("anything")), OK);
}

static void refused(void **state)
{
    (void)state;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(1));
    struct op op;
    op_init(&op, arena);
    struct source_pattern *p = NULL;
    static const struct str bad[] = {STR_INIT("("), STR_INIT("["), STR_INIT("a{2,1}"), STR_INIT("a\0b")};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        op_clear(&op);
        assert_int_equal(source_pattern_create(&op, bad[i], &p), E_INVALID);
        assert_null(p);
    }
    source_pattern_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(matches), cmocka_unit_test(refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
