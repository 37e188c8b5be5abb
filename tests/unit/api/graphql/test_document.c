#include "unit/core/track/fixture.h"

#include "api/graphql/document.h"
#include "base/buf.h"

static struct op *op_open(void)
{
    static struct op op;
    op_init(&op, arena_create(LIMIT_MIB(16)));
    return &op;
}

static struct gql_document *parse(struct op *op, const char *text)
{
    struct gql_document *d = NULL;
    assert_ok(op, gql_document_parse(op, str_from(text), &d));
    return d;
}

static void tree(void **state)
{
    (void)state;
    struct op *op = op_open();
    struct gql_document *d = parse(op, "query Q($a: [String!]! = [\"x\"], $b: Int = 3) @component(name: \"c\") {\n"
                                       "  alias: field(input: {s: \"a\\u00e9\\uD83D\\uDE00\\u{1F600}\\n\", n: -1.5e3, l: [1, [2], {}], v: $a, t: true, z: null, e: ENUM}) { x, y { z } }\n"
                                       "  ...F ... on T { k } ... { m }\n}\nfragment F on T { g }");
    struct gql_operation *o = d->operations;
    assert_str(o->name, "Q");
    assert_true(o->kind == GQL_QUERY && !o->next);
    assert_str(o->variables->type, "[String!]!");
    assert_str(o->variables->dflt->first->text, "x");
    assert_str(o->variables->next->name, "b");
    assert_str(o->directives->arguments->value.text, "c");
    struct gql_selection *s = o->first;
    assert_str(s->alias, "alias");
    assert_str(s->name, "field");
    const struct gql_value *in = &s->arguments->value, *m = in->first;
    assert_int_equal(in->kind, GQL_OBJECT);
    assert_str(m->text, "a\xC3\xA9\xF0\x9F\x98\x80\xF0\x9F\x98\x80\n");
    m = m->next;
    assert_true(m->kind == GQL_FLOAT && str_eqc(m->text, "-1.5e3"));
    m = m->next;
    assert_str(m->source, "[1, [2], {}]");
    assert_true(m->first->next->kind == GQL_LIST && m->first->next->first->kind == GQL_INT && m->first->next->next->kind == GQL_OBJECT);
    m = m->next;
    assert_true(m->kind == GQL_VARIABLE && str_eqc(m->text, "a") && str_eqc(m->source, "$a"));
    assert_true(m->next->kind == GQL_BOOLEAN && m->next->next->kind == GQL_NULL && m->next->next->next->kind == GQL_ENUM);
    assert_str(s->first->next->first->name, "z");
    s = s->next;
    assert_true(s->kind == GQL_SPREAD && str_eqc(s->name, "F"));
    s = s->next;
    assert_true(s->kind == GQL_INLINE && str_eqc(s->type, "T") && str_eqc(s->first->name, "k"));
    s = s->next;
    assert_true(s->kind == GQL_INLINE && s->type.len == 0 && !s->next);
    assert_ptr_equal(gql_fragment_find(d, STR("F")), d->fragments);
    assert_null(gql_fragment_find(d, STR("G")));
    arena_destroy(op->arena);
}

/* The example of the specification, section 2.9.4, and the corner cases of it. */
static void block_strings(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"\"\"\"\n    Hello,\n      World!\n\n    Yours,\n      GraphQL.\n  \"\"\"", "Hello,\n  World!\n\nYours,\n  GraphQL."},
        {"\"\"\"a\n  b\"\"\"", "a\nb"},
        {"\"\"\"\"\"\"", ""},
        {"\"\"\"   \n \n\"\"\"", ""},
        {"\"\"\"x \\\"\"\" y\"\"\"", "x \"\"\" y"},
        {"\"\"\"\r\n\ta\r\tb\r\n\"\"\"", "a\nb"},
        {"\"\"\" a\n\n   b\"\"\"", " a\n\nb"},
    };
    struct op *op = op_open();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct gql_document *d = parse(op, op_printf(op, "{a(b: %s)}", cases[i].text));
        assert_str(d->operations->first->arguments->value.text, cases[i].want);
    }
    arena_destroy(op->arena);
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"", "Syntax Error: Unexpected <EOF>. (line 1, column 1)"}, {"{", "Expected Name, found <EOF>."}, {"{}", "Expected Name, found '}'."},
        {"{a", "Expected Name, found <EOF>."}, {"{a}}", "Unexpected '}'. (line 1, column 4)"}, {"{a(}", "Expected Name"}, {"{a(b)}", "Expected ':'"},
        {"{a(b:)}", "Unexpected ')'"}, {"{a(b:\"x)}", "Unterminated string"}, {"{a(b:\"\"\"x)}", "Unterminated string"}, {"{a(b:01)}", "Invalid number"},
        {"{a(b:1.)}", "expected digit"}, {"{a(b:1x)}", "Invalid number"}, {"{a(b:-)}", "Invalid number"}, {"{a(b:\"\\q\")}", "escape"},
        {"{a(b:\"\\uD800\")}", "Unicode"}, {"{a(b:\"\\u{110000}\")}", "Unicode"}, {"{a ? b}", "Unexpected character: U+003F"}, {"type A { b: Int }", "Unexpected 'type'"},
        {"fragment on on T {a}", "Unexpected 'on'"}, {"fragment F T {a}", "Expected 'on'"}, {"query($a:Int=$b){a}", "Unexpected '$'"},
        {"query($a:[Int){a}", "Expected ']'"}, {"{a\n  b(", "(line 2, column 5)"}, {"{...F{a}}", "Expected Name"}, {"{... on T}", "Expected '{'"},
        {"{a(b:\"\xff\")}", "not UTF-8"}, {"query Q", "Expected '{'"},
    };
    struct op *op = op_open();
    struct gql_document *d;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_fails(op, gql_document_parse(op, str_from(cases[i].text), &d), E_INVALID, cases[i].part);
    struct buf b;
    for (int kind = 0; kind < 3; kind++) {
        buf_init(&b, LIMIT_MIB(1));
        buf_add_cstr(&b, kind == 1 ? "{a(b:" : "");
        for (int i = 0; i < (kind == 2 ? 70000 : 33); i++)
            buf_add_cstr(&b, kind == 0 ? "{a" : kind == 1 ? "[" : " ");
        assert_fails(op, gql_document_parse(op, buf_str(&b), &d), E_TOO_LARGE, kind == 2 ? "larger than" : "nest more than 32 deep");
        buf_clear(&b);
    }
    arena_destroy(op->arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tree), cmocka_unit_test(block_strings), cmocka_unit_test(refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
