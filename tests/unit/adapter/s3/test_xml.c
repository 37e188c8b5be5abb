#include "adapter/s3/xml.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "contract/scratch.h"

static struct scratch s;

static void text_is(const char *doc, const char *name, const char *want)
{
    struct str got = xml_text(&s.op, str_from(doc), name);
    if (!str_eqc(got, want))
        print_error("%s in %s: '%.*s'\n", name, doc, STR_FMT(got));
    assert_true(str_eqc(got, want));
}

static void elements_by_name(void **state)
{
    (void)state;
    struct str rest = STR("<?xml version=\"1.0\"?><List xmlns=\"u\"><Contents><Key>a</Key><Size>1</Size></Contents>\n"
                          "<Contents><Key>b</Key></Contents><ContentsX>no</ContentsX><Contents/></List>");
    struct str one;
    assert_true(xml_next(&rest, "Contents", &one));
    assert_true(str_eqc(one, "<Key>a</Key><Size>1</Size>"));
    assert_true(xml_next(&rest, "Contents", &one));
    assert_true(str_eqc(xml_text(&s.op, one, "Key"), "b"));
    assert_true(str_eqc(xml_text(&s.op, one, "Size"), ""));
    assert_true(xml_next(&rest, "Contents", &one));
    assert_int_equal(one.len, 0);
    assert_false(xml_next(&rest, "Contents", &one));
}

static void texts(void **state)
{
    (void)state;
    text_is("<ETag>&quot;ab&quot;</ETag>", "ETag", "\"ab\"");
    text_is("<ETag>&#34;ab&#34;</ETag>", "ETag", "\"ab\"");
    text_is("<T> a&amp;b&lt;&gt;&apos;&#39; </T>", "T", "a&b<>''");
    text_is("<T>a&unknown;b&</T>", "T", "a&unknown;b&");
    text_is("<Key a='1'>k</Key>", "Key", "k");
    text_is("<Keys>k</Keys>", "Key", "");
}

static void broken_documents(void **state)
{
    (void)state;
    static const char *const docs[] = {"", "<", "<Key", "<Key>", "<Key>a", "<Key>a</Key", "<Key>a</Ke", "</Key>", "<Key a", "<Key<Key<Key", "<Key>a<Key>", "&", "\xff\xfe<Key>"};
    for (size_t i = 0; i < ARRAY_LEN(docs); i++)
        text_is(docs[i], "Key", "");
}

int main(void)
{
    scratch_init(&s);
    const struct CMUnitTest tests[] = {cmocka_unit_test(elements_by_name), cmocka_unit_test(texts), cmocka_unit_test(broken_documents)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    scratch_clear(&s);
    return failed;
}
