/* test_site.c - files from the program and from a folder, and the page made of them. */
#include "api/web/site.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "contract/scratch.h"
#include "web_gen.h"

#define FILE_ROW(path, text) {path, (const unsigned char *)(text), sizeof(text) - 1, NULL, 0}
#define INDEX                                                                                                                          \
    "<head><link href=\"{{prefix}}/ui/a.css\"><i title=\"{{other}}\">{{preload}}</i><script src=\"{{prefix}}/ui/app.js\"></script></head>{{prefix}}|{{unclosed"
#define APP                                                                                                                            \
    "/* app.js */\nimport { a } from \"./lib/a.js\";\nimport x, {\n  b,\n} from \"./lib/b.js\";\nimport \"./lib/side.js\";\nimport p from \"./vendor/preact.js\";\n" \
    "const later = () => import(\"./rooms/late.js\");\n"

static const struct embed_file files[] = {
    FILE_ROW("a.css", "a{}"),
    FILE_ROW("app.js", APP),
    FILE_ROW("index.html", INDEX),
    FILE_ROW("lib/a.js", "export { c } from \"../lib/c.js\";\nimport q from \"../../out.js\";\n"),
    FILE_ROW("lib/b.js", "import \"./a.js\";\nimport m from \"./missing.js\";\n"),
    FILE_ROW("lib/c.js", "import \"../app.js\";\n"),
    FILE_ROW("lib/side.js", "1;\n"),
    FILE_ROW("rooms/late.js", "2;\n"),
    FILE_ROW("vendor/preact.js", "import \"./never-walked.js\";\n"),
};

static int set_up(void **state)
{
    struct scratch *s = calloc(1, sizeof *s);
    scratch_init(s);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    scratch_clear(*state);
    free(*state);
    return 0;
}

static void put(struct scratch *s, const char *name, const char *text)
{
    int fd = open(scratch_path(s, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

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
    struct str build = site_build(site);
    assert_int_equal(build.len, 16);
    assert_int_equal(site_page(&s->op, site, STR("/m\"l"), STR("/home"), &page), OK);
    const char *base = op_printf(&s->op, "/m&quot;l/ui/%.*s/", STR_FMT(build));
    assert_true(holds(page.bytes, op_printf(&s->op, "<link href=\"%sa.css\">", base)));
    assert_true(holds(page.bytes, op_printf(&s->op, "<script src=\"%sapp.js\">", base)));
    assert_true(holds(page.bytes, "<meta name=\"ingot-home\" content=\"/home\">"));
    assert_true(str_ends(page.bytes, STR("</head>/m&quot;l|{{unclosed")));
    static const char *const named[] = {"lib/a.js", "lib/b.js", "lib/c.js", "lib/side.js", "vendor/preact.js", "lib/missing.js"};
    for (size_t i = 0; i < ARRAY_LEN(named); i++) {
        const char *line = op_printf(&s->op, "<link rel=\"modulepreload\" href=\"%s%s\">", base, named[i]);
        size_t at = str_find(page.bytes, str_from(line));
        assert_int_not_equal(at, SIZE_MAX);
        assert_false(holds(str_sub(page.bytes, at + 1, SIZE_MAX), line));
    }
    assert_false(holds(page.bytes, "late.js") || holds(page.bytes, "out.js") || holds(page.bytes, "never-walked") || holds(page.bytes, "{{other}}"));
    site_close(site);
    site_close(NULL);
}

static void another_byte_is_another_build(void **state)
{
    struct scratch *s = *state;
    struct embed_file changed[ARRAY_LEN(files)];
    struct site *one = NULL, *two = NULL;
    struct site_file f, g;
    memcpy(changed, files, sizeof files);
    changed[6].bytes = (const unsigned char *)"2;\n";
    assert_int_equal(site_open(&s->op, files, ARRAY_LEN(files), NULL, &one), OK);
    assert_int_equal(site_open(&s->op, changed, ARRAY_LEN(files), NULL, &two), OK);
    assert_false(str_eq(site_build(one), site_build(two)));
    assert_int_equal(site_find(&s->op, one, STR("lib/side.js"), &f), OK);
    assert_int_equal(site_find(&s->op, two, STR("lib/side.js"), &g), OK);
    assert_false(str_eq(f.tag, g.tag));
    assert_string_equal(f.type, "text/javascript; charset=utf-8");
    assert_int_equal(site_find(&s->op, one, STR("lib/none.js"), &f), E_NOT_FOUND);
    site_close(one);
    site_close(two);
}

static void a_program_without_the_parts_says_so(void **state)
{
    struct scratch *s = *state;
    struct site *site = NULL;
    struct site_file page;
    assert_int_equal(site_open(&s->op, files, ARRAY_LEN(files) - 1, NULL, &site), OK);
    assert_int_equal(site_page(&s->op, site, STR(""), STR("/"), &page), E_UNSUPPORTED);
    site_close(site);
}

static void only_plain_files_below_the_folder(void **state)
{
    struct scratch *s = *state;
    struct site *site = NULL;
    struct site_file f;
    struct op *op = &s->op;
    assert_int_equal(site_open(op, files, ARRAY_LEN(files), s->dir, &site), E_NOT_FOUND);
    assert_int_equal(site_open(op, files, ARRAY_LEN(files), "/nowhere/at/all", &site), E_NOT_FOUND);
    put(s, "index.html", "{{prefix}}/ui/x {{preload}}");
    assert_int_equal(mkdir(scratch_path(s, "lib"), 0700), 0);
    put(s, "lib/x.js", "x");
    put(s, ".secret", "no");
    assert_int_equal(symlink(scratch_path(s, ".secret"), scratch_path(s, "link.js")), 0);
    assert_int_equal(symlink("lib", scratch_path(s, "other")), 0);
    assert_int_equal(mkfifo(scratch_path(s, "pipe.js"), 0600), 0);
    assert_int_equal(site_open(op, files, ARRAY_LEN(files), s->dir, &site), OK);
    assert_int_equal(site_build(site).len, 0);
    assert_int_equal(site_find(op, site, STR("lib/x.js"), &f), OK);
    assert_true(str_eqc(f.bytes, "x"));
    put(s, "lib/x.js", "changed");
    assert_int_equal(site_find(op, site, STR("lib/x.js"), &f), OK);
    assert_true(str_eqc(f.bytes, "changed"));
    static const char *const refused[] = {"", "/", "lib", "lib/", "/lib/x.js", "lib//x.js", "lib/../lib/x.js", "../x", ".secret", "link.js", "other/x.js", "pipe.js", "lib/x.js/",
                                          "lib/x.js/y", "./lib/x.js", "a.css", "LIB/x.js"};
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        if (site_find(op, site, str_from(refused[i]), &f) != E_NOT_FOUND)
            fail_msg("'%s' was served", refused[i]);
    assert_int_equal(site_find(op, site, (struct str){"lib/x.js\0y", 10}, &f), E_NOT_FOUND);
    assert_int_equal(site_find(op, site, STR("vendor/preact.js"), &f), OK); /* from the program */
    assert_int_equal(site_page(op, site, STR(""), STR("/"), &f), OK);
    assert_true(str_starts(f.bytes, STR("/ui/x ")));
    site_close(site);
}

/* What this program really holds. */
static void the_interface_is_whole(void **state)
{
    struct scratch *s = *state;
    struct site *site = NULL;
    struct site_file page, f;
    assert_int_equal(site_open(&s->op, web_files, web_file_count, NULL, &site), OK);
    assert_int_equal(site_page(&s->op, site, STR(""), STR("/"), &page), OK);
    assert_false(holds(page.bytes, "{{"));
    assert_int_equal(site_find(&s->op, site, STR("app.js"), &f), OK);
    assert_true(f.packed.p && f.packed.len < f.bytes.len && !memcmp(f.packed.p, "\x1f\x8b", 2));
    size_t links = 0;
    struct str rest = page.bytes, base = str_from(op_printf(&s->op, "\"/ui/%.*s/", STR_FMT(site_build(site))));
    for (size_t at; (at = str_find(rest, base)) != SIZE_MAX; links++) {
        rest = str_sub(rest, at + base.len, SIZE_MAX);
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
        cmocka_unit_test_setup_teardown(the_page_names_all_modules_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_byte_is_another_build, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_program_without_the_parts_says_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_plain_files_below_the_folder, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_interface_is_whole, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
