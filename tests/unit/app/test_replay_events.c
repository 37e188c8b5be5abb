#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/backends.h"
#include "app/replay_events.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"

static const char view_text[] = "name: v\nsource:\n  path: x.csv\n  timestamp_field: date\n  id: flight\n"
                                "  available_at: date + to_minutes(CAST(delay AS BIGINT))\n  label: delay >= 15\n"
                                "entities: [{name: place, join_keys: [place]}]\naggregations: [{windows: [1h, 1d], functions: [count, rate]}]\n"
                                "request: [{name: hour, expression: hour(date)}, {name: distance, expression: distance}, {name: weight, expression: weight}]\n"
                                "ttl: 1d\nonline: true\n";
/* Row numbers are 0.. in this order; row 0 is too old, row 1 only history, row 5 behind the end. */
static const char csv[] = "date,delay,place,distance,weight\n2001-01-01 00:00:00,5,A,100,0.5\n2001-01-03 23:00:00,90,B,200,1.5\n"
                          "2001-01-04 10:00:00,20,A,300,2.5\n2001-01-04 09:00:00,2000,\"q\"\"x\",400,3\n2001-01-04 11:00:00,0,B,500,4\n2001-01-05 00:00:00,1,A,600,5\n";

struct fixture {
    struct op op;
    struct table_engine *tables;
    struct feature_view *view;
    char path[60];
};

static int up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    op_init(&f->op, arena_create(LIMIT_MIB(256)));
    snprintf(f->path, sizeof(f->path), "/tmp/ingot-replay-%d.csv", (int)getpid());
    FILE *out = fopen(f->path, "we");
    assert_non_null(out);
    fputs(csv, out);
    fclose(out);
    assert_int_equal(backend_tables_open(&f->op, &f->tables), OK);
    if (feature_view_parse(&f->op, str_from(view_text), &f->view))
        fail_msg("%s", f->op.msg);
    *state = f;
    return 0;
}

static int down(void **state)
{
    struct fixture *f = *state;
    unlink(f->path);
    table_engine_close(f->tables);
    arena_destroy(f->op.arena);
    free(f);
    return 0;
}

static int64_t at(const char *text)
{
    int64_t us;
    assert_true(time_parse(str_from(text), &us));
    return us;
}

static struct replay_events *load(struct fixture *f)
{
    struct replay_events *ev;
    if (replay_events_load(&f->op, f->tables, f->view, str_from(f->path), at("2001-01-04"), at("2001-01-05"), TIME_US_PER_DAY, &ev))
        fail_msg("%s", f->op.msg);
    return ev;
}

static void rows_and_their_orders(void **state)
{
    struct fixture *f = *state;
    struct replay_events *ev = load(f);
    assert_int_equal(ev->rows, 4);
    static const int64_t ids[] = {1, 3, 2, 4}, known[] = {1, 2, 4, 3}; /* by time; by when it was known */
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(ev->id[i], ids[i]);
        assert_int_equal(ev->id[ev->by_known[i]], known[i]);
    }
    assert_int_equal(ev->label_at[2], at("2001-01-05T10:00:00Z"));
    assert_int_equal(ev->label_at[1], at("2001-01-05T18:20:00Z")); /* not before it is known */
    assert_int_equal(replay_lower_bound(ev->t, NULL, ev->rows, at("2001-01-04")), 1);
    assert_int_equal(replay_lower_bound(ev->known, ev->by_known, ev->rows, at("2001-01-04T10:20:00Z")), 1);
    replay_events_destroy(ev);
}

static const struct json *tensor(struct fixture *f, const char *body, const char *name)
{
    struct json *doc;
    if (json_parse(&f->op, str_from(body), JSON_NAN, &doc))
        fail_msg("%s: %s", f->op.msg, body);
    const struct json *inputs = json_get(doc, "inputs");
    for (uint32_t i = 0; i < inputs->len; i++) {
        if (str_eqc(json_get(&inputs->items[i], "name")->s, name))
            return &inputs->items[i];
    }
    fail_msg("no tensor %s", name);
    return NULL;
}

static void bodies(void **state)
{
    struct fixture *f = *state;
    struct replay_events *ev = load(f);
    struct buf b;
    buf_init(&b, LIMIT_MIB(1));
    replay_infer_body(ev, 1, 2, &b);
    const struct json *t = tensor(f, b.p, "flight");
    assert_true(str_eqc(json_get(t, "datatype")->s, "INT64") && json_get(t, "data")->items[1].i == 2);
    assert_int_equal(json_get(t, "shape")->items[0].i, 2);
    t = tensor(f, b.p, "date");
    assert_int_equal(json_get(t, "data")->items[0].i, at("2001-01-04T09:00:00Z"));
    t = tensor(f, b.p, "place");
    assert_true(str_eqc(json_get(t, "data")->items[0].s, "q\"x"));
    assert_true(str_eqc(json_get(tensor(f, b.p, "distance"), "datatype")->s, "INT64"));
    t = tensor(f, b.p, "weight");
    assert_true(str_eqc(json_get(t, "datatype")->s, "FP64") && json_get(t, "data")->items[1].f == 2.5);
    struct json *doc;
    buf_reset(&b);
    replay_push_body(ev, ev->by_known, 2, &b);
    assert_int_equal(json_parse(&f->op, buf_str(&b), JSON_STRICT, &doc), OK);
    assert_int_equal(json_get(doc, "ids")->items[1].i, 2);
    assert_int_equal(json_get(doc, "labels")->items[0].i, 1);
    assert_int_equal(json_get(doc, "available_at_us")->items[0].i, at("2001-01-04T00:30:00Z"));
    assert_true(str_eqc(json_path(doc, "keys.place")->items[0].s, "B"));
    buf_reset(&b);
    replay_labels_body(ev, ev->by_label, 1, 77, &b);
    assert_int_equal(json_parse(&f->op, buf_str(&b), JSON_STRICT, &doc), OK);
    assert_int_equal(json_get(doc, "watermark_us")->i, 77);
    assert_int_equal(json_get(doc, "times_us")->items[0].i, ev->label_at[ev->by_label[0]]);
    buf_clear(&b);
    replay_events_destroy(ev);
}

static void nulls_are_refused(void **state)
{
    struct fixture *f = *state;
    struct replay_events *ev;
    FILE *out = fopen(f->path, "ae");
    assert_non_null(out);
    fputs("2001-01-04 12:00:00,,A,1,1\n", out);
    fclose(out);
    assert_int_equal(replay_events_load(&f->op, f->tables, f->view, str_from(f->path), at("2001-01-04"), at("2001-01-05"), 0, &ev), E_INVALID);
    assert_non_null(strstr(f->op.msg, "1 rows have no available_at"));
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, up, down)
    const struct CMUnitTest tests[] = {T(rows_and_their_orders), T(bodies), T(nulls_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
