/* graph_fixture.h - a server without a database whose models are texts that a test sets: toys (toy_engine.h) and graphs. Model "a" has
 * version 1 in graph_files[0].text and so on by place. */
#ifndef TESTS_CORE_SERVE_GRAPH_FIXTURE_H
#define TESTS_CORE_SERVE_GRAPH_FIXTURE_H

#include "core/serve/graph_link.h"
#include "infer_fixture.h"

enum { GRAPH_FILES = 12 };
static struct {
    const char *name, *text, *config;
} graph_files[GRAPH_FILES];

static inline enum err graph_files_list(const struct serve_source *self, struct op *op, struct serve_source_model **ret, size_t *ret_len)
{
    static const int64_t one[] = {1};
    size_t n = 0;
    (void)self;
    *ret = arena_array(op->arena, GRAPH_FILES, struct serve_source_model);
    for (size_t i = 0; i < GRAPH_FILES; i++) {
        if (!graph_files[i].name)
            continue;
        struct json *config = NULL;
        if (graph_files[i].config && json_parse(op, str_from(graph_files[i].config), JSON_STRICT, &config))
            fail_msg("%s", op->msg);
        (*ret)[n++] = (struct serve_source_model){.name = str_from(graph_files[i].name), .config = config, .versions = one, .version_count = 1, .problem = STR("")};
    }
    *ret_len = n;
    return OK;
}

static inline enum err graph_files_fetch(const struct serve_source *self, struct op *op, struct str model, int64_t version, struct serve_files *ret)
{
    (void)self;
    for (size_t i = 0; i < GRAPH_FILES; i++) {
        if (!graph_files[i].name || !str_eqc(model, graph_files[i].name) || version != 1)
            continue;
        *ret = (struct serve_files){.model = str_from(graph_files[i].text), .reference = STR("")};
        return OK;
    }
    return op_fail(op, E_NOT_FOUND, "no such file");
}

static inline void graph_file(size_t at, const char *name, const char *text, const char *config)
{
    graph_files[at].name = name, graph_files[at].text = text, graph_files[at].config = config;
}

struct graphs {
    struct arena *arena;
    struct op op;
    struct serve *serve;
};

static inline void graphs_open(struct graphs *g, bool explicit_load)
{
    static const struct engine_ops *const engines[] = {&linear_engine, &toy_engine, NULL};
    const struct serve_config config = {.engines = engines, .source = {.fetch = graph_files_fetch, .list = graph_files_list}, .explicit_load = explicit_load,
                                        .threads = 4};
    if (serve_open(&g->op, &config, &g->serve) != OK)
        fail_msg("%s", g->op.msg);
}

static inline int graphs_setup(void **state)
{
    struct graphs *g = calloc(1, sizeof(*g));
    g->arena = arena_create(LIMIT_MIB(1024));
    op_init(&g->op, g->arena);
    memset(graph_files, 0, sizeof(graph_files));
    atomic_store(&toy_runs, 0), atomic_store(&toy_most_now, 0), atomic_store(&toy_closed, false);
    *state = g;
    return 0;
}

static inline int graphs_teardown(void **state)
{
    struct graphs *g = *state;
    serve_close(g->serve);
    arena_destroy(g->arena);
    free(g);
    assert_int_equal(atomic_load(&toy_loaded), 0);
    return 0;
}

/* Asks and waits; the failure's text is in g->op. */
static inline enum err graphs_ask(struct graphs *g, const char *endpoint, const struct infer_request *r, struct infer_answer *a)
{
    struct serve_endpoint *e = NULL;
    op_clear(&g->op);
    *a = (struct infer_answer){0};
    enum err err = serve_acquire(&g->op, g->serve, str_from(endpoint), &e);
    if (err)
        return err;
    err = serve_infer(&g->op, e, r, a);
    serve_release(e);
    return err;
}

static inline const struct tensor *output_named(const struct infer_answer *a, const char *name)
{
    for (size_t i = 0; i < a->output_count; i++)
        if (str_eqc(a->outputs[i].name, name))
            return &a->outputs[i];
    return NULL;
}

static inline float number_of(const struct infer_answer *a, const char *name)
{
    const struct tensor *t = output_named(a, name);
    if (!t || t->type != TENSOR_FP32 || !t->count)
        fail_msg("no number \"%s\"", name);
    return t ? ((const float *)t->data)[0] : 0;
}

/* Why it is not ready; "": it is. */
static inline struct str graphs_reason(struct graphs *g, const char *name)
{
    struct serve_index_row *rows = NULL;
    size_t n = 0;
    if (serve_index(&g->op, g->serve, &rows, &n))
        fail_msg("%s", g->op.msg);
    for (size_t i = 0; i < n; i++)
        if (str_eqc(rows[i].name, name))
            return rows[i].ready ? STR("") : rows[i].reason;
    return STR("no endpoint");
}

#define GRAPH(inputs, steps, outputs) "{\"format\":\"ingot.graph\",\"version\":1,\"inputs\":[" inputs "],\"steps\":[" steps "],\"outputs\":{" outputs "}}"
#define STEP(name, model, rest) "{\"name\":\"" name "\",\"model\":\"" model "\",\"inputs\":{\"x\":\"x\"}" rest "}"
#define MEAN(name, a, b) "{\"name\":\"" name "\",\"combine\":\"mean\",\"inputs\":[\"" a "\",\"" b "\"]}"

#endif
