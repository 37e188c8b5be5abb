/* What the check of a file lets pass and what it refuses, with the reason. */
#include "onnx_make.h"

#include "adapter/onnx/outline.h"
#include "adapter/onnx/values.h"

struct made {
    struct buf model, graph, extra, attribute;
};

static void made_init(struct made *m)
{
    buf_init(&m->model, LIMIT_MIB(64));
    buf_init(&m->graph, LIMIT_MIB(64));
    buf_init(&m->extra, LIMIT_MIB(64));
    buf_init(&m->attribute, LIMIT_MIB(64));
    INPUT(&m->graph, "x", 1, -1, 2);
    OUTPUT(&m->graph, "y", 1, -1, 2);
}

/* Checks the file made of it; `text` must stand in the message of a failure. */
static void expect(struct made *m, enum err want, const char *text, struct onnx_outline *ret)
{
    struct arena *a = arena_create(LIMIT_MIB(64));
    struct op op;
    struct onnx_outline outline = {0};
    op_init(&op, a);
    put_model(&m->model, &m->graph, &m->extra);
    assert_true(onnx_outline_accepts(buf_str(&m->model)));
    enum err e = onnx_outline_check(&op, buf_str(&m->model), &outline);
    if (e != want || (e && !strstr(op.msg, text)))
        fail_msg("%s: %s, wanted %s: %s", err_name(e), op.msg ? op.msg : "", err_name(want), text);
    if (ret)
        *ret = outline;
    buf_clear(&m->model);
    buf_clear(&m->graph);
    buf_clear(&m->extra);
    buf_clear(&m->attribute);
    arena_destroy(a);
}

static void a_sound_file(void **state)
{
    (void)state;
    struct made m;
    struct onnx_outline o;
    float w[4] = {1, 2, 3, 4};
    made_init(&m);
    put_tensor(&m.graph, 5, "w", 1, 2, (const int64_t[]){2, 2}, w, sizeof w);
    NODE(&m.graph, "Relu", "h", "", "y"); /* out of order: the runtime sorts */
    NODE(&m.graph, "MatMul", "x", "w", "", "h");
    expect(&m, OK, "", &o);
    assert_int_equal(o.nodes, 2);
    assert_int_equal(o.opset, 17);
    assert_int_equal(o.ir_version, 8);
    assert_int_equal(o.tensors, 1);
    assert_int_equal(o.tensor_bytes, 16);
}

static void names(void **state)
{
    (void)state;
    struct made m;
    made_init(&m);
    NODE(&m.graph, "Relu", "nothing", "", "y");
    expect(&m, E_INVALID, "\"nothing\" is read but nothing defines it", NULL);
    made_init(&m);
    NODE(&m.graph, "Relu", "x", "", "z");
    expect(&m, E_INVALID, "\"y\" is read but nothing defines it", NULL);
    made_init(&m);
    NODE(&m.graph, "Relu", "x", "", "y");
    NODE(&m.graph, "Abs", "x", "", "y");
    expect(&m, E_INVALID, "\"y\" is defined twice", NULL);
    made_init(&m);
    NODE(&m.graph, "Add", "x", "b", "", "a");
    NODE(&m.graph, "Relu", "a", "", "b");
    NODE(&m.graph, "Relu", "b", "", "y");
    expect(&m, E_INVALID, "cycle", NULL);
}

/* A graph within a graph sees what is outside, also when that makes a cycle through it. */
static void graphs_within(void **state)
{
    (void)state;
    for (int cyclic = 0; cyclic < 2; cyclic++) {
        struct made m;
        struct buf body;
        made_init(&m);
        buf_init(&body, LIMIT_MIB(1));
        NODE(&body, "Relu", cyclic ? "z" : "x", "", "inner");
        OUTPUT(&body, "inner", 1, -1, 2);
        put_text(&m.attribute, 1, "then_branch");
        put_message(&m.attribute, 6, &body);
        struct buf extra;
        buf_init(&extra, LIMIT_MIB(1));
        put_message(&extra, 5, &m.attribute);
        put_node(&m.graph, 1, "If", (const char *const[]){"x", "", "y", NULL}, &extra);
        NODE(&m.graph, "Relu", "y", "", "z");
        buf_clear(&extra);
        expect(&m, cyclic ? E_INVALID : OK, "cycle", NULL);
    }
}

static void nested_deeply(void **state)
{
    (void)state;
    struct made m;
    struct buf body, attribute, extra;
    made_init(&m);
    buf_init(&body, LIMIT_MIB(1));
    buf_init(&attribute, LIMIT_MIB(1));
    buf_init(&extra, LIMIT_MIB(1));
    NODE(&body, "Relu", "x", "", "o");
    for (int i = 0; i < LIMIT_ONNX_DEPTH + 1; i++) {
        put_message(&attribute, 6, &body);
        put_message(&extra, 5, &attribute);
        put_node(&body, 1, "If", (const char *const[]){"x", "", "o", NULL}, &extra);
        buf_clear(&extra);
        buf_init(&extra, LIMIT_MIB(1));
    }
    buf_add_str(&m.graph, buf_str(&body));
    NODE(&m.graph, "Relu", "o", "", "y");
    buf_clear(&body);
    expect(&m, E_TOO_LARGE, "nested deeper", NULL);
}

static void put_function(struct buf *extra, const char *name, const char *const *calls, size_t times)
{
    struct buf f, domain;
    buf_init(&f, LIMIT_MIB(16));
    buf_init(&domain, LIMIT_KIB(4));
    put_text(&f, 1, name);
    put_text(&f, 4, "a");
    put_text(&f, 5, "b0");
    put_text(&f, 10, "own");
    put_text(&domain, 7, "own");
    char out[32];
    for (size_t i = 0; i < times; i++) {
        snprintf(out, sizeof out, "b%zu", i);
        put_node(&f, 7, *calls ? *calls : "Relu", (const char *const[]){"a", "", out, NULL}, *calls ? &domain : NULL);
    }
    put_message(extra, 25, &f);
    buf_clear(&f);
    buf_clear(&domain);
}

static void functions(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++) { /* 0: sound, 1: calls itself, 2: grows, 3: unknown */
        struct made m;
        struct buf domain;
        made_init(&m);
        buf_init(&domain, LIMIT_KIB(4));
        put_text(&domain, 7, "own");
        put_node(&m.graph, 1, kind == 3 ? "Unknown" : "F0", (const char *const[]){"x", "", "y", NULL}, &domain);
        buf_clear(&domain);
        char name[16], next[16];
        for (int i = 0; i < 24; i++) {
            snprintf(name, sizeof name, "F%d", i);
            snprintf(next, sizeof next, "F%d", i + 1);
            const char *call = i < 23 ? next : kind == 1 ? "F3" : NULL;
            put_function(&m.extra, name, &call, kind == 2 ? 2 : 1);
        }
        static const enum err want[] = {OK, E_INVALID, E_TOO_LARGE, E_UNSUPPORTED};
        static const char *const text[] = {"", "calls itself", "in place of their calls", "custom"};
        expect(&m, want[kind], text[kind], NULL);
    }
}

static void domains(void **state)
{
    (void)state;
    static const struct { const char *name; enum err want; } rows[] = {
        {"ai.onnx.ml", OK}, {"com.microsoft", OK}, {"ai.onnx", OK}, {"com.example", E_UNSUPPORTED}, {"ai.onnx.training", E_UNSUPPORTED}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct made m;
        made_init(&m);
        put_text(&m.attribute, 7, rows[i].name);
        put_node(&m.graph, 1, "Thing", (const char *const[]){"x", "", "y", NULL}, &m.attribute);
        expect(&m, rows[i].want, "custom", NULL);
    }
}

static void bytes_that_are_no_model(void **state)
{
    (void)state;
    struct made m;
    made_init(&m);
    NODE(&m.graph, "Relu", "x", "", "y");
    put_model(&m.model, &m.graph, &m.extra);
    struct arena *a = arena_create(LIMIT_MIB(64));
    struct op op;
    struct onnx_outline o;
    op_init(&op, a);
    for (size_t cut = 1; cut < m.model.len; cut++) { /* every prefix */
        struct str part = {m.model.p, cut};
        op_clear(&op);
        enum err e = onnx_outline_check(&op, part, &o);
        assert_true(e == E_INVALID || (e == OK && cut > m.model.len - 8)); /* without its operator set it is still whole */
    }
    assert_false(onnx_outline_accepts(STR("{\"a\": 1}")));
    assert_false(onnx_outline_accepts(STR("\x08")));
    assert_false(onnx_outline_accepts(STR("tree\nversion=v3")));
    arena_destroy(a);
    buf_clear(&m.model);
    buf_clear(&m.graph);
}

/* A tensor message alone. */
static enum err check_tensor(int type, size_t rank, const int64_t *dims, uint32_t field, const void *data, size_t bytes, uint32_t more, struct onnx_values *ret)
{
    struct arena *a = arena_create(LIMIT_MIB(1));
    struct op op;
    struct buf t;
    op_init(&op, a);
    buf_init(&t, LIMIT_MIB(1));
    for (size_t i = 0; i < rank; i++)
        put_int(&t, 1, dims[i]);
    put_int(&t, 2, type);
    put_text(&t, 8, "t");
    if (field)
        put_bytes(&t, field, data, bytes);
    if (more == 13)
        put_text(&t, 13, "location");
    else if (more)
        put_int(&t, more, 1);
    struct onnx_values v = {0};
    enum err e = onnx_values_check(&op, buf_str(&t), &v);
    assert_true(e == OK || op.msg != NULL);
    if (ret)
        *ret = v;
    buf_clear(&t);
    arena_destroy(a);
    return e;
}

static void tensors(void **state)
{
    (void)state;
    static const char data[64] = {0};
    struct onnx_values v;
    assert_int_equal(check_tensor(1, 2, (const int64_t[]){2, 3}, 9, data, 24, 0, &v), OK);
    assert_int_equal(v.bytes, 24);
    assert_int_equal(check_tensor(1, 2, (const int64_t[]){2, 3}, 4, data, 24, 0, NULL), OK);          /* float_data, packed */
    assert_int_equal(check_tensor(1, 2, (const int64_t[]){2, 3}, 9, data, 23, 0, NULL), E_INVALID);
    assert_int_equal(check_tensor(1, 2, (const int64_t[]){2, 3}, 9, data, 28, 0, NULL), E_INVALID);
    assert_int_equal(check_tensor(1, 2, (const int64_t[]){2, 3}, 4, data, 20, 0, NULL), E_INVALID);
    assert_int_equal(check_tensor(7, 1, (const int64_t[]){3}, 4, data, 12, 0, NULL), E_INVALID);      /* floats in an INT64 */
    assert_int_equal(check_tensor(7, 1, (const int64_t[]){3}, 7, data, 3, 0, NULL), OK);              /* int64_data, packed */
    assert_int_equal(check_tensor(1, 1, (const int64_t[]){-3}, 9, data, 12, 0, NULL), E_INVALID);
    assert_int_equal(check_tensor(1, 3, (const int64_t[]){INT64_MAX, 4, 4}, 9, data, 16, 0, NULL), E_TOO_LARGE);
    assert_int_equal(check_tensor(1, 2, (const int64_t[]){1 << 20, 1 << 20}, 0, data, 0, 0, NULL), E_TOO_LARGE);
    assert_int_equal(check_tensor(1, 2, (const int64_t[]){0, INT32_MAX}, 0, data, 0, 0, NULL), OK);   /* empty */
    assert_int_equal(check_tensor(1, 0, NULL, 9, data, 4, 0, NULL), OK);                              /* a scalar */
    assert_int_equal(check_tensor(1, 1, (const int64_t[]){3}, 0, data, 0, 0, NULL), E_INVALID);       /* no values */
    assert_int_equal(check_tensor(22, 1, (const int64_t[]){5}, 9, data, 3, 0, NULL), OK);             /* INT4: packed */
    assert_int_equal(check_tensor(22, 1, (const int64_t[]){5}, 9, data, 5, 0, NULL), E_INVALID);
    assert_int_equal(check_tensor(8, 1, (const int64_t[]){1}, 6, data, 3, 0, &v), OK);                /* a text */
    assert_int_equal(check_tensor(8, 1, (const int64_t[]){2}, 6, data, 3, 0, NULL), E_INVALID);
    assert_int_equal(check_tensor(8, 1, (const int64_t[]){3}, 9, data, 3, 0, NULL), E_INVALID);
    assert_int_equal(check_tensor(0, 1, (const int64_t[]){3}, 9, data, 12, 0, NULL), E_INVALID);
    assert_int_equal(check_tensor(99, 1, (const int64_t[]){3}, 9, data, 12, 0, NULL), E_INVALID);
    assert_int_equal(check_tensor(1, 1, (const int64_t[]){3}, 9, data, 12, 14, NULL), E_UNSUPPORTED); /* in another file */
    assert_int_equal(check_tensor(1, 1, (const int64_t[]){3}, 9, data, 12, 13, NULL), E_UNSUPPORTED);
    assert_int_equal(check_tensor(1, 1, (const int64_t[]){3}, 9, data, 12, 3, NULL), E_INVALID);      /* a segment */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_file), cmocka_unit_test(names),   cmocka_unit_test(graphs_within),           cmocka_unit_test(nested_deeply),
        cmocka_unit_test(functions),    cmocka_unit_test(domains), cmocka_unit_test(bytes_that_are_no_model), cmocka_unit_test(tensors),
    };
    return cmocka_run_group_tests_name("outline", tests, NULL, NULL);
}
