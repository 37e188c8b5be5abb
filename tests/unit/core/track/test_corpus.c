/* The searches of data/corpus.json against the answers that MLflow 3.17.2 gave (make_corpus.py). */
#include "unit/core/track/fixture.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/json.h"
#include "core/registry/model.h"
#include "core/registry/version.h"
#include "core/track/experiment.h"
#include "core/track/index.h"
#include "core/track/input.h"
#include "core/track/logged_model.h"
#include "core/track/metric.h"
#include "core/track/run_search.h"

#define THINGS 64

struct world {
    struct fixture *f;
    int64_t now_ms;
    int64_t experiments[THINGS];
    struct str runs[THINGS], logged[THINGS];
    size_t experiment_count, run_count, logged_count;
    struct run_index *index;
};

static struct json *corpus_read(struct op *op)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/tests/unit/core/track/data/corpus.json", INGOT_SOURCE_DIR);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    struct buf b;
    buf_init(&b, LIMIT_MIB(8));
    char chunk[65536];
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, file)) > 0;)
        buf_add(&b, chunk, n);
    fclose(file);
    struct json *j = NULL;
    assert_ok(op, json_parse(op, buf_str(&b), JSON_NAN, &j));
    buf_clear(&b);
    return j;
}

static void tick(struct world *w)
{
    w->f->op.now_us = ++w->now_ms * 1000;
}

static struct track_kvs kvs(struct op *op, const struct json *j)
{
    struct track_kvs all = {arena_array(op->arena, j->len + 1, struct track_kv), j->len};
    for (uint32_t i = 0; i < j->len; i++)
        all.p[i] = (struct track_kv){j->members[i].key, j->members[i].value.s};
    return all;
}

static int64_t whole(const struct json *j, const char *key)
{
    int64_t v = 0;
    (void)json_as_i64(json_get(j, key), &v);
    return v;
}

static struct str text(const struct json *j, const char *key)
{
    const struct json *v = json_get(j, key);
    return v && v->type == JSON_STRING ? v->s : STR("");
}

static void make_run(struct world *w, const struct json *x)
{
    struct op *op = &w->f->op;
    struct track_run r;
    struct track_kvs tags = kvs(op, json_get(x, "tags")), params = kvs(op, json_get(x, "params"));
    const struct json *metrics = json_get(x, "metrics"), *datasets = json_get(x, "datasets");
    tick(w);
    assert_ok(op, track_run_create(op, w->f->db, w->experiments[whole(x, "experiment")], text(x, "name"), text(x, "user"),
                                   whole(x, "start"), tags.p, tags.len, &r));
    w->runs[w->run_count++] = r.run_id;
    struct track_metric m[8];
    for (uint32_t i = 0; i < metrics->len; i++) {
        m[i] = (struct track_metric){.key = metrics->members[i].key, .time_ms = 1};
        assert_true(json_as_f64(&metrics->members[i].value, &m[i].value));
    }
    struct track_batch b = {.run_id = r.run_id, .metrics = m, .metric_count = metrics->len, .params = params.p, .param_count = params.len};
    assert_ok(op, metric_log_batch(op, w->f->db, &b));
    for (uint32_t i = 0; i < datasets->len; i++) {
        const struct json *d = datasets->items[i].items;
        struct track_kv context = {STR("mlflow.data.context"), d[2].s};
        struct track_dataset data = {.name = d[0].s, .digest = d[1].s, .source_type = STR("local"), .source = STR("s"),
                                     .tags = {&context, d[2].type == JSON_STRING}};
        assert_ok(op, input_log(op, w->f->db, r.run_id, &data, 1, NULL, 0));
    }
    enum track_run_status status;
    assert_true(track_run_status_parse(text(x, "status"), &status));
    int64_t end = whole(x, "end");
    assert_ok(op, track_run_update(op, w->f->db, r.run_id, &status, json_get(x, "end")->type == JSON_NULL ? NULL : &end, STR(""), &r));
    if (json_get(x, "deleted"))
        assert_ok(op, track_run_delete(op, w->f->db, r.run_id));
}

static void make_model(struct world *w, const struct json *x)
{
    struct op *op = &w->f->op;
    struct registry_model made;
    struct track_kvs tags = kvs(op, json_get(x, "tags"));
    const struct json *versions = json_get(x, "versions");
    tick(w);
    assert_ok(op, registry_model_create(op, w->f->db, text(x, "name"), (struct str){0}, tags.p, tags.len, &made));
    for (uint32_t i = 0; i < versions->len; i++) {
        const struct json *v = &versions->items[i];
        struct track_kvs own = kvs(op, json_get(v, "tags"));
        struct str none = STR("");
        struct registry_version_new n = {.name = text(x, "name"), .source = text(v, "source"), .run_id = none, .run_link = none,
                                         .model_id = none, .data_version = none, .signature = none, .semver = none,
                                         .tags = own.p, .tag_count = own.len};
        if (json_get(v, "run")->type != JSON_NULL)
            n.run_id = w->runs[whole(v, "run")];
        struct registry_version out;
        tick(w);
        assert_ok(op, registry_version_create(op, w->f->db, &n, &out));
    }
}

static void make_logged(struct world *w, const struct json *x)
{
    struct op *op = &w->f->op;
    struct track_kvs tags = kvs(op, json_get(x, "tags")), params = kvs(op, json_get(x, "params"));
    struct str run = w->runs[whole(x, "run")];
    struct logged_model_new n = {w->experiments[whole(x, "experiment")], text(x, "name"), text(x, "type"), run, params.p, tags.p,
                                 params.len, tags.len};
    struct logged_model m;
    tick(w);
    assert_ok(op, logged_model_create(op, w->f->db, &n, &m));
    w->logged[w->logged_count++] = m.model_id;
    const struct json *metrics = json_get(x, "metrics");
    for (uint32_t i = 0; i < metrics->len; i++) {
        const struct json *v = metrics->items[i].items;
        struct track_metric point = {.key = v[0].s, .time_ms = v[2].i, .step = v[3].i, .model_id = m.model_id};
        assert_true(json_as_f64(&v[1], &point.value));
        if (v[4].type == JSON_STRING) {
            point.dataset_name = v[4].s;
            point.dataset_digest = v[5].s;
        }
        struct track_batch b = {.run_id = run, .metrics = &point, .metric_count = 1};
        assert_ok(op, metric_log_batch(op, w->f->db, &b));
    }
    if (whole(x, "status") != LOGGED_MODEL_PENDING)
        assert_ok(op, logged_model_finalize(op, w->f->db, m.model_id, (enum logged_model_status)whole(x, "status"), &m));
}

static struct world *world_make(struct fixture *f, const struct json *j)
{
    struct world *w = test_calloc(1, sizeof *w);
    w->f = f;
    w->now_ms = whole(j, "clock");
    w->index = run_index_create(LIMIT_TRACK_INDEX_BYTES);
    const struct json *part = json_get(j, "experiments");
    for (uint32_t i = 0; i < part->len; i++) {
        struct track_kvs tags = kvs(&f->op, json_get(&part->items[i], "tags"));
        tick(w);
        assert_ok(&f->op, experiment_create(&f->op, f->db, text(&part->items[i], "name"), STR(""), tags.p, tags.len, &w->experiments[w->experiment_count++]));
    }
    part = json_get(j, "runs");
    for (uint32_t i = 0; i < part->len; i++)
        make_run(w, &part->items[i]);
    part = json_get(j, "models");
    for (uint32_t i = 0; i < part->len; i++)
        make_model(w, &part->items[i]);
    part = json_get(j, "logged");
    for (uint32_t i = 0; i < part->len; i++)
        make_logged(w, &part->items[i]);
    return w;
}

/* "@R3@" becomes the id of run 3, or the other way round. */
static struct str named(struct world *w, struct str s, bool to_ids)
{
    struct op *op = &w->f->op;
    for (size_t i = 0; i < w->run_count; i++) {
        struct str mark = str_from(op_printf(op, "@R%zu@", i)), from = to_ids ? mark : w->runs[i], to = to_ids ? w->runs[i] : mark;
        for (size_t at; (at = str_find(s, from)) != SIZE_MAX;)
            s = str_from(op_printf(op, "%.*s%.*s%.*s", STR_FMT(str_sub(s, 0, at)), STR_FMT(to), STR_FMT(str_sub(s, at + from.len, s.len))));
    }
    return s;
}

static size_t place(const struct str *all, size_t n, struct str s)
{
    size_t i = 0;
    while (i < n && !str_eq(all[i], s))
        i++;
    return i;
}

static enum err ask_runs(struct world *w, struct str filter, const struct str *order, size_t n, struct buf *ret, bool indexed)
{
    struct op *op = &w->f->op;
    struct run_query q = {.experiments = w->experiments, .experiment_count = 2, .filter = filter, .order_by = order, .order_count = n,
                          .view = TRACK_VIEW_ACTIVE, .max_results = 1000, .index = indexed ? w->index : NULL};
    struct run_page p;
    enum err e = run_search(op, w->f->db, &q, &p);
    for (size_t i = 0; !e && i < p.len; i++)
        buf_addf(ret, "%zu ", place(w->runs, w->run_count, p.runs[i].run_id));
    return e;
}

static enum err ask_experiments(struct world *w, struct str filter, const struct str *order, size_t n, struct buf *ret)
{
    struct experiment_query q = {.filter = filter, .order_by = order, .order_count = n, .view = TRACK_VIEW_ACTIVE, .max_results = 1000};
    struct experiment_page p;
    enum err e = experiment_search(&w->f->op, w->f->db, &q, &p);
    for (size_t i = 0; !e && i < p.len; i++) {
        size_t k = 0;
        while (k < w->experiment_count && w->experiments[k] != p.items[i].id)
            k++;
        buf_addf(ret, "%d ", k < w->experiment_count ? (int)k : -1);
    }
    return e;
}

static enum err ask_registry(struct world *w, bool versions, struct str filter, const struct str *order, size_t n, struct buf *ret)
{
    struct op *op = &w->f->op;
    struct registry_search q = {filter, order, n, 1000, {0}};
    struct registry_version_page vp = {0};
    struct registry_model_page mp = {0};
    enum err e = versions ? registry_version_search(op, w->f->db, &q, &vp) : registry_model_search(op, w->f->db, &q, &mp);
    for (size_t i = 0; !e && i < vp.len; i++)
        buf_addf(ret, "%.*s/%d ", STR_FMT(vp.versions[i].name), (int)vp.versions[i].version);
    for (size_t i = 0; !e && i < mp.len; i++)
        buf_addf(ret, "%.*s ", STR_FMT(mp.models[i].name));
    return e;
}

static enum err ask(struct world *w, struct str kind, struct str filter, const struct str *order, size_t n, struct buf *ret, bool second)
{
    if (str_eqc(kind, "runs"))
        return ask_runs(w, filter, order, n, ret, second);
    if (str_eqc(kind, "experiments"))
        return ask_experiments(w, filter, order, n, ret);
    if (!str_eqc(kind, "logged"))
        return ask_registry(w, str_eqc(kind, "versions"), filter, order, n, ret);
    struct logged_model_query q = {.experiments = w->experiments, .experiment_count = 2, .filter = filter, .max_results = 1000};
    struct logged_model_page p;
    enum err e = logged_model_search(&w->f->op, w->f->db, &q, &p);
    for (size_t i = 0; !e && i < p.len; i++)
        buf_addf(ret, "%zu ", place(w->logged, w->logged_count, p.models[i].model_id));
    return e;
}

struct tally {
    int same, texts, other_text, beyond, wrong;
};

static void judge(struct world *w, const struct json *c, struct tally *t, bool second)
{
    struct op *op = &w->f->op;
    AUTO(buf) struct buf got, want;
    buf_init(&got, LIMIT_MIB(1));
    buf_init(&want, LIMIT_MIB(1));
    const struct json *order = json_get(c, "order"), *answer = json_get(c, "answer");
    struct str by[8];
    size_t n = order ? order->len : 0;
    for (size_t i = 0; i < n; i++)
        by[i] = order->items[i].s;
    for (uint32_t i = 0; answer && i < answer->len; i++) {
        const struct json *a = &answer->items[i];
        if (a->type == JSON_STRING)
            buf_addf(&want, "%.*s ", STR_FMT(a->s));
        else
            buf_addf(&want, "%d ", (int)a->i);
    }
    enum err e = ask(w, text(c, "kind"), named(w, text(c, "filter"), true), by, n, &got, second);
    struct str said = named(w, str_from(e ? op->msg : ""), false);
    bool print = getenv("CORPUS_VERBOSE") != NULL;
    if (answer && (e || !str_eq(buf_str(&got), buf_str(&want)))) {
        t->wrong++;
        fprintf(stderr, "WRONG %.*s: %.*s [%.*s]: %.*s | want %.*s\n", STR_FMT(text(c, "kind")), STR_FMT(text(c, "filter")), STR_FMT(n ? by[0] : STR("")),
                STR_FMT(e ? said : buf_str(&got)), STR_FMT(buf_str(&want)));
    } else if (answer) {
        t->same++;
    } else if (!e) {
        t->beyond++;
        if (!json_get(c, "beyond")) {
            t->wrong++;
            fprintf(stderr, "ANSWERED %.*s: %.*s [%.*s]: %.*s | they say %.*s\n", STR_FMT(text(c, "kind")), STR_FMT(text(c, "filter")), STR_FMT(n ? by[0] : STR("")),
                    STR_FMT(buf_str(&got)), STR_FMT(text(c, "error")));
        }
    } else if (str_eq(said, text(c, "error"))) {
        t->texts++;
    } else {
        t->other_text++;
        if (print)
            fprintf(stderr, "TEXT %.*s: %.*s [%.*s]: %.*s | %.*s\n", STR_FMT(text(c, "kind")), STR_FMT(text(c, "filter")), STR_FMT(n ? by[0] : STR("")),
                    STR_FMT(said), STR_FMT(text(c, "error")));
    }
    op_clear(op);
}

static void corpus(void **state)
{
    struct fixture *f = *state;
    struct json *j = corpus_read(&f->op);
    struct world *w = world_make(f, json_get(j, "world"));
    const struct json *cases = json_get(j, "cases");
    struct tally t = {0};
    struct arena *keep = f->op.arena;
    for (uint32_t i = 0; i < cases->len; i++) {
        AUTO(arena) struct arena *scratch = arena_create(LIMIT_MIB(256));
        f->op.arena = scratch;
        judge(w, &cases->items[i], &t, false);
        if (str_eqc(text(&cases->items[i], "kind"), "runs"))
            judge(w, &cases->items[i], &t, true);
        f->op.arena = keep;
    }
    printf("%d answers and %d refusals word for word; %d refused in other words, %d beyond MLflow, %d wrong\n", t.same, t.texts, t.other_text,
           t.beyond, t.wrong);
    assert_int_equal(t.wrong, 0);
    assert_true(t.same > 1200 && t.texts > 1700);
    run_index_destroy(w->index);
    test_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(corpus)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
