/* test_site.c - files from the program and from a folder. */
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
#define STYLE(name) "<link rel=\"stylesheet\" href=\"{{prefix}}/ui/" name "\">\n"

static const struct embed_file files[] = {
    FILE_ROW("a.css", "a{}"),
    FILE_ROW("b.css", "b{}\n"),
    FILE_ROW("index.html", "<head>\n" STYLE("b.css") STYLE("none.css") "<link rel=\"stylesheet\" href=\"elsewhere.css\">\n" STYLE("a.css") "</head>"),
    FILE_ROW("lib/side.js", "1;\n"),
    FILE_ROW("vendor/preact.js", "2;\n"),
};

static void put(struct scratch *s, const char *name, const char *text)
{
    int fd = open(scratch_path(s, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void another_byte_is_another_build(void **state)
{
    struct scratch *s = *state;
    struct embed_file changed[ARRAY_LEN(files)];
    struct site *one = NULL, *two = NULL;
    struct site_file f, g;
    memcpy(changed, files, sizeof files);
    changed[3].bytes = (const unsigned char *)"2;\n";
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

static void styles_are_one_file_in_the_order_of_the_page(void **state)
{
    struct scratch *s = *state;
    struct site *site = NULL;
    struct site_file f, one;
    assert_int_equal(site_open(&s->op, files, ARRAY_LEN(files), NULL, &site), OK);
    assert_int_equal(site_find(&s->op, site, STR(SITE_STYLES), &f), OK);
    assert_true(str_eqc(f.bytes, "b{}\n\na{}\n"));
    assert_string_equal(f.type, "text/css; charset=utf-8");
    assert_int_equal(site_find(&s->op, site, STR("a.css"), &one), OK);
    assert_true(!memcmp(f.packed.p, "\x1f\x8b", 2) && !str_eq(f.tag, one.tag));
    site_close(site);
    assert_int_equal(site_open(&s->op, files, 2, NULL, &site), OK); /* without a page there is none */
    assert_int_equal(site_find(&s->op, site, STR(SITE_STYLES), &f), E_NOT_FOUND);
    site_close(site);
    site_close(NULL);
}

static void only_plain_files_below_the_folder(void **state)
{
    struct scratch *s = *state;
    struct site *site = NULL;
    struct site_file f;
    struct op *op = &s->op;
    assert_int_equal(site_open(op, files, ARRAY_LEN(files), s->dir, &site), E_NOT_FOUND);
    assert_int_equal(site_open(op, files, ARRAY_LEN(files), "/nowhere/at/all", &site), E_NOT_FOUND);
    put(s, "index.html", STYLE("a.css"));
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
    assert_int_equal(site_find(op, site, STR(SITE_STYLES), &f), E_NOT_FOUND); /* each for itself while one works on them */
    site_close(site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(another_byte_is_another_build, scratch_set_up, scratch_tear_down),
        cmocka_unit_test_setup_teardown(styles_are_one_file_in_the_order_of_the_page, scratch_set_up, scratch_tear_down),
        cmocka_unit_test_setup_teardown(only_plain_files_below_the_folder, scratch_set_up, scratch_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
