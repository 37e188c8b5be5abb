/* test_page.c - the page: addresses, what is asked for at once, one style instead of many. */
#include "api/web/page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "contract/scratch.h"
#include "web_gen.h"

#define FILE_ROW(path, text) {path, (const unsigned char *)(text), sizeof(text) - 1, NULL, 0}
#define INDEX                                                                                                                          \
    "<head><script src=\"{{prefix}}/ui/early.js\"></script><i title=\"{{other}}\">{{preload}}</i>\n<link rel=\"stylesheet\" href=\"{{prefix}}/ui/a.css\">\n"             \
    "<link rel=\"stylesheet\" href=\"{{prefix}}/ui/b.css\">\n<script type=\"module\" src=\"{{prefix}}/ui/app.js\"></script></head>{{prefix}}|{{unclosed"
#define APP                                                                                                                            \
    "/* app.js */\nimport { a } from \"./lib/a.js\";\nimport x, {\n  b,\n} from \"./lib/b.js\";\nimport \"./lib/side.js\";\nimport p from \"./vendor/preact.js\";\n" \
    "const later = () => import(\"./rooms/late.js\");\n"

static const struct embed_file files[] = {
    FILE_ROW("a.css", "a{}"),
    FILE_ROW("app.js", APP),
    FILE_ROW("b.css", "b{}"),
    FILE_ROW("early.js", "3;\n"),
    FILE_ROW("index.html", INDEX),
    FILE_ROW("lib/a.js", "export { c } from \"../lib/c.js\";\nimport q from \"../../out.js\";\n"),
    FILE_ROW("lib/b.js", "import \"./a.js\";\nimport m from \"./missing.js\";\n"),
    FILE_ROW("lib/c.js", "import \"../app.js\";\n"),
    FILE_ROW("lib/side.js", "1;\n"),
    FILE_ROW("rooms.js", "  { path: \"/\", load: () => import(\"./rooms/home.js\") },\n  { path: \"/late/{id}\", load: () => import(\"./rooms/late.js\") },\n"),
    FILE_ROW("rooms/home.js", "4;\n"),
    FILE_ROW("rooms/late.js", "import \"../lib/a.js\";\nimport \"./more.js\";\n"),
    FILE_ROW("rooms/more.js", "2;\n"),
    FILE_ROW("vendor/preact.js", "import \"./never-walked.js\";\n"),
};

static bool holds(struct str s, const char *part)
{
    return str_find(s, str_from(part)) != SIZE_MAX;
}

static void the_page_names_all_modules_once(void **state)
{
    struct scratch *s = *state;
    struct site *site = NULL;
    struct site_file page;
    assert_int_equal(site_open(&s->op, files, ARRAY_LEN(files), NULL, &site), OK);
    struct page_place at = {STR("/m\"l"), STR("/home"), STR("/nowhere")};
    assert_int_equal(page_make(&s->op, site, &at, &page), OK);
    const char *base = op_printf(&s->op, "/m&quot;l/ui/%.*s/", STR_FMT(site_build(site)));
    assert_true(holds(page.bytes, op_printf(&s->op, "<link rel=\"stylesheet\" href=\"%sstyle.css\">\n<script type=\"module\" src=\"%sapp.js\">", base, base)));
    assert_true(holds(page.bytes, op_printf(&s->op, "<script src=\"%searly.js\">", base)) && !holds(page.bytes, "a.css") && !holds(page.bytes, "b.css"));
    assert_true(holds(page.bytes, "<meta name=\"ingot-home\" content=\"/home\">"));
    assert_true(str_ends(page.bytes, STR("</head>/m&quot;l|{{unclosed")));
    static const char *const named[] = {"lib/a.js", "lib/b.js", "lib/c.js", "lib/side.js", "vendor/preact.js", "lib/missing.js"};
    for (size_t i = 0; i < ARRAY_LEN(named); i++) {
        const char *line = op_printf(&s->op, "<link rel=\"modulepreload\" href=\"%s%s\">", base, named[i]);
        size_t found = str_find(page.bytes, str_from(line));
        assert_int_not_equal(found, SIZE_MAX);
        assert_false(holds(str_sub(page.bytes, found + 1, SIZE_MAX), line));
    }
    assert_false(holds(page.bytes, "late.js") || holds(page.bytes, "home.js") || holds(page.bytes, "out.js") || holds(page.bytes, "never-walked") || holds(page.bytes, "{{other}}"));
    site_close(site);
}

static void a_room_brings_its_modules(void **state)
{
    struct scratch *s = *state;
    struct site *site = NULL;
    struct site_file page, home;
    struct page_place at = {STR(""), STR("/home"), STR("/late/7")};
    assert_int_equal(site_open(&s->op, files, ARRAY_LEN(files), NULL, &site), OK);
    assert_int_equal(page_make(&s->op, site, &at, &page), OK);
    assert_true(holds(page.bytes, "/rooms/late.js\">") && holds(page.bytes, "/rooms/more.js\">") && !holds(page.bytes, "/rooms/home.js\">"));
    size_t first = str_find(page.bytes, STR("/lib/a.js\">"));
    assert_false(holds(str_sub(page.bytes, first + 1, SIZE_MAX), "/lib/a.js\">"));
    at.path = STR("/home"); /* the home page under its other name */
    assert_int_equal(page_make(&s->op, site, &at, &home), OK);
    assert_true(holds(home.bytes, "/rooms/home.js\">") && !holds(home.bytes, "late.js"));
    assert_false(str_eq(home.tag, page.tag));
    site_close(site);
}

static void a_program_without_the_parts_says_so(void **state)
{
    struct scratch *s = *state;
    struct site *site = NULL;
    struct site_file page;
    struct page_place at = {STR(""), STR("/"), STR("/")};
    assert_int_equal(site_open(&s->op, files, ARRAY_LEN(files) - 1, NULL, &site), OK);
    assert_int_equal(page_make(&s->op, site, &at, &page), E_UNSUPPORTED);
    site_close(site);
}

/* What this program really holds. */
static void the_interface_is_whole(void **state)
{
    struct scratch *s = *state;
    struct site *site = NULL;
    struct site_file page, f;
    struct page_place at = {STR(""), STR("/"), STR("/monitors/churn")};
    assert_int_equal(site_open(&s->op, web_files, web_file_count, NULL, &site), OK);
    assert_int_equal(page_make(&s->op, site, &at, &page), OK);
    assert_true(holds(page.bytes, "/rooms/monitor.js\">") && !holds(page.bytes, "{{"));
    assert_int_equal(site_find(&s->op, site, STR("app.js"), &f), OK);
    assert_true(f.packed.p && f.packed.len < f.bytes.len && !memcmp(f.packed.p, "\x1f\x8b", 2));
    size_t links = 0;
    struct str rest = page.bytes, base = str_from(op_printf(&s->op, "\"/ui/%.*s/", STR_FMT(site_build(site))));
    for (size_t from; (from = str_find(rest, base)) != SIZE_MAX; links++) {
        rest = str_sub(rest, from + base.len, SIZE_MAX);
        struct str name = str_sub(rest, 0, str_find_char(rest, '"'));
        if (site_find(&s->op, site, name, &f))
            fail_msg("the page names %.*s, which is not there", STR_FMT(name));
    }
    assert_true(links > 5);
    site_close(site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_page_names_all_modules_once, scratch_set_up, scratch_tear_down),
        cmocka_unit_test_setup_teardown(a_room_brings_its_modules, scratch_set_up, scratch_tear_down),
        cmocka_unit_test_setup_teardown(a_program_without_the_parts_says_so, scratch_set_up, scratch_tear_down),
        cmocka_unit_test_setup_teardown(the_interface_is_whole, scratch_set_up, scratch_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
