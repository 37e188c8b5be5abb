/* test_links.c - what is read from the interface's own files. */
#include "api/web/links.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"

static void imports_of_a_module(void **state)
{
    (void)state;
    struct op op;
    struct links list = {0};
    op_init(&op, arena_create(LIMIT_MIB(1)));
    links_imports(&op, STR("rooms/run/x.js"),
                  STR("/* import \"./no.js\" */\nimport { a } from \"./a.js\";\nimport {\n  b,\n} from \"../b.js\";\nexport * from \"../../lib/c.js\";\nimport \"./a.js\";\n"
                      "import d from \"../../../out.js\";\nimport e from \"bare\";\nconst later = () => import(\"./later.js\");\n  import { f } from \"./indented.js\";"),
                  &list);
    static const char *const want[] = {"rooms/run/a.js", "rooms/b.js", "lib/c.js"};
    assert_int_equal(list.len, ARRAY_LEN(want));
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        assert_true(str_eqc(list.p[i], want[i]));
    for (int i = 0; i < 2 * LIMIT_WEB_FILES; i++)
        links_add(&op, &list, str_from(op_printf(&op, "%d.js", i)));
    assert_int_equal(list.len, LIMIT_WEB_FILES);
    arena_destroy(op.arena);
}

static void styles_of_a_page(void **state)
{
    (void)state;
    struct str name = {0};
    assert_true(links_style(STR("<link rel=\"stylesheet\" href=\"{{prefix}}/ui/style/a.css\">"), &name) && str_eqc(name, "style/a.css"));
    assert_true(links_style(STR("<link rel=\"stylesheet\" href=\"/a.css\">"), &name) && !name.p);
    assert_false(links_style(STR("<link rel=\"icon\" href=\"{{prefix}}/ui/icon.svg\">"), &name));
    assert_false(links_quoted(STR("a=\"never ended"), STR("a=\"")).p);
}

static void the_room_of_a_path(void **state)
{
    (void)state;
    struct op op;
    op_init(&op, arena_create(LIMIT_MIB(1)));
    struct str rooms = STR("/* path: \"/no\" */\n  { path: \"/\", load: () => import(\"./rooms/home.js\") },\n  { path: \"/runs\", rail: \"Runs\", load: () => import(\"./rooms/runs.js\") },\n"
                           "  { path: \"/runs/{id}\", load: () => import(\"./rooms/run.js\") },\n  { path: \"/m/{name}/{version}\", load: () => import(\"./rooms/v.js\") },\n");
    static const char *const cases[][2] = {{"/", "rooms/home.js"}, {"/runs", "rooms/runs.js"}, {"/runs/x%2Fy", "rooms/run.js"}, {"/m/a/1", "rooms/v.js"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_true(str_eqc(links_room(&op, rooms, str_from(cases[i][0])), cases[i][1]));
    static const char *const none[] = {"", "/runs/", "/run", "/runs/a/b", "/m/a", "/m//1", "/no", "runs"};
    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        if (links_room(&op, rooms, str_from(none[i])).p)
            fail_msg("'%s' has a room", none[i]);
    arena_destroy(op.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(imports_of_a_module), cmocka_unit_test(styles_of_a_page), cmocka_unit_test(the_room_of_a_path)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
