#include "base_test.h"

#include "base/trace.h"

#define GOOD "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static void headers_are_read_and_written(void **state)
{
    (void)state;
    struct trace_context c;
    char text[TRACE_PARENT_LEN + 1];
    assert_true(trace_context_parse(STR(GOOD), &c));
    assert_int_equal(c.trace_id[0], 0x0a);
    assert_int_equal(c.span_id[7], 0x31);
    assert_int_equal(c.flags, TRACE_SAMPLED);
    trace_context_format(&c, text);
    assert_string_equal(text, GOOD);
    assert_true(trace_context_parse(STR("cc" "-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff-what-comes-later"), &c));
    assert_int_equal(c.flags, TRACE_SAMPLED | TRACE_RANDOM); /* unknown bits are not passed on */
}

static void broken_headers_are_none(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "00", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0", GOOD "0", GOOD "-", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", "0x-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g",
        "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.x"};
    struct trace_context c;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (trace_context_parse(str_from(bad[i]), &c))
            fail_msg("taken: %s", bad[i]);
}

static void states_are_checked(void **state)
{
    struct fixture *f = *state;
    static const char *const good[] = {"", "a=1", "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7", "a=1, b=2 ,,tenant@sys=x y", "0a_-*/=!"};
    static const char *const bad[] = {"a", "=1", "a=", "A=1", "a=b=c", "a=\x01", "a=\xc3\xa4", "_a=1"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(trace_state_check(str_from(good[i])));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (trace_state_check(str_from(bad[i])))
            fail_msg("taken: %s", bad[i]);
    char *many = arena_alloc(f->arena, 200);
    for (int i = 0; i < 33; i++)
        memcpy(many + 4 * i, "a=1,", 4);
    assert_true(trace_state_check((struct str){many, 32 * 4 - 1}));
    assert_false(trace_state_check((struct str){many, 33 * 4 - 1}));
}

static struct trace *some(struct fixture *f)
{
    struct trace *t = trace_make(f->arena, NULL, 1, 2, 3);
    assert_int_equal(trace_span(t, TRACE_NONE, TRACE_SERVER, STR("request"), 0, 1000), 0);
    return t;
}

/* Whatever the order in which spans are added, each lies in the shortest one around it. */
static void parents_by_time(void **state)
{
    struct trace *t = some(*state);
    int child = trace_note(t, "child", 320, 380), run = trace_note(t, "run", 300, 400), twin = trace_note(t, "twin", 300, 400);
    int inference = trace_note(t, "inference", 100, 900), outside = trace_note(t, "outside", 950, 1200);
    int said = trace_span(t, run, TRACE_INTERNAL, STR("said"), 310, 390);
    trace_seal(t);
    assert_int_equal(t->spans[0].parent, TRACE_NONE);
    assert_int_equal(t->spans[inference].parent, 0);
    assert_int_equal(t->spans[outside].parent, 0);
    assert_int_equal(t->spans[said].parent, run);
    assert_int_equal(t->spans[child].parent, said);
    int a = t->spans[run].parent, b = t->spans[twin].parent;
    assert_true((a == twin && b == inference) || (b == run && a == inference)); /* one in the other, not both */
}

static void room_is_bounded(void **state)
{
    struct trace *t = some(*state);
    char *text = arena_alloc(((struct fixture *)*state)->arena, LIMIT_TRACE_TEXT * 2);
    memset(text, 'x', LIMIT_TRACE_TEXT * 2);
    for (int i = 0; i < LIMIT_TRACE_SPANS * 2; i++)
        trace_attr_i64(t, trace_note(t, "n", 1, 2), "k", i);
    for (int i = 0; i < LIMIT_TRACE_ATTRS * 2; i++)
        trace_attr_text(t, 0, "k", (struct str){text, LIMIT_TRACE_TEXT * 2});
    assert_int_equal(t->span_count, LIMIT_TRACE_SPANS);
    assert_int_equal(t->attr_count, LIMIT_TRACE_ATTRS);
    assert_int_equal(t->text_len, LIMIT_TRACE_TEXT);
    assert_true(t->dropped > 0);
    trace_seal(t);
    size_t bytes = 0;
    struct trace *c = trace_copy(t, &bytes);
    assert_int_equal(c->span_count, t->span_count);
    assert_memory_equal(c->text, t->text, LIMIT_TRACE_TEXT);
    assert_true(bytes > LIMIT_TRACE_TEXT);
    free(c);
}

static void nothing_without_a_trace(void **state)
{
    (void)state;
    int s = trace_note(NULL, "x", 1, 2);
    assert_int_equal(s, TRACE_NONE);
    trace_attr_text(NULL, s, "k", STR("v"));
    trace_attr_bool(NULL, s, "k", true);
    trace_fail(NULL, s, STR("v"));
}

static void ids_differ(void **state)
{
    struct fixture *f = *state;
    struct trace *t = some(f), *zero = trace_make(f->arena, NULL, 0, 0, 0);
    for (int i = 0; i < 20; i++)
        (void)trace_note(t, "n", i, i + 1);
    for (int i = 0; i < 21; i++)
        for (int k = 0; k < i; k++)
            assert_true(t->spans[i].id && t->spans[i].id != t->spans[k].id);
    uint8_t any = 0;
    for (size_t i = 0; i < TRACE_ID_BYTES; i++)
        any |= zero->context.trace_id[i];
    assert_int_not_equal(any, 0);
    struct trace_context c = trace_context_of(t, 0);
    assert_memory_equal(c.span_id, &t->spans[0].id, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(headers_are_read_and_written), TEST(broken_headers_are_none), TEST(states_are_checked), TEST(parents_by_time),
                                       TEST(room_is_bounded), TEST(nothing_without_a_trace), TEST(ids_differ)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
