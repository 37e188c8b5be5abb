/* The online index: equal to the offline join bit for bit, durable, and safe under concurrent use. */
#include "unit/core/feature/flights_fixture.h"

#include <stdatomic.h>
#include <signal.h>
#include <sys/wait.h>

#include "adapter/sqlite/sqlite.h"
#include "base/thread.h"
#include "core/audit/audit.h"
#include "core/feature/online.h"

/* Landed flights in the order in which they became known, as a client pushes them. */
struct events {
    size_t n;
    int64_t *ids, *at;
    uint8_t *labels;
    struct str *keys[2];
};

static struct events load_events(struct flights *f, const char *from, const char *to)
{
    struct frame *fr = NULL;
    const char *sql = op_printf(&f->op, "SELECT r, a, late, origin, destination FROM (SELECT file_row_number AS r, %.*s AS a, %.*s AS late, origin, destination FROM read_parquet('%s', file_row_number = true)) "
                                        "WHERE a > TIMESTAMP '%s' AND a <= TIMESTAMP '%s' ORDER BY a, r",
                                STR_FMT(f->view->available_at_sql), STR_FMT(f->view->label_sql), FLIGHTS, from, to);
    must(f, frame_load(&f->op, f->tables, str_from(sql), LIMIT_MIB(512), &fr));
    struct events ev = {.n = fr->rows, .ids = arena_alloc(f->arena, fr->rows * 8), .at = arena_alloc(f->arena, fr->rows * 8), .labels = arena_alloc(f->arena, fr->rows)};
    for (size_t k = 0; k < 2; k++)
        ev.keys[k] = arena_alloc(f->arena, fr->rows * sizeof(struct str));
    for (size_t i = 0; i < fr->rows; i++) {
        ev.ids[i] = fr->cols[0].i64[i];
        ev.at[i] = fr->cols[1].i64[i];
        ev.labels[i] = fr->cols[2].i64[i] == 1;
        for (size_t k = 0; k < 2; k++)
            ev.keys[k][i] = str_dup(f->arena, fr->cols[3 + k].dict[fr->cols[3 + k].code[i]]);
    }
    frame_destroy(fr);
    return ev;
}

static void shuffle(struct events *ev, size_t from, size_t to, uint64_t seed)
{
#define SWAP(a, b) do { __typeof__(a) swap_ = (a); (a) = (b); (b) = swap_; } while (0)
    for (size_t i = to; i > from + 1; i--) {
        size_t j = from + next_random(&seed) % (i - from);
        SWAP(ev->ids[i - 1], ev->ids[j]);
        SWAP(ev->at[i - 1], ev->at[j]);
        SWAP(ev->labels[i - 1], ev->labels[j]);
        SWAP(ev->keys[0][i - 1], ev->keys[0][j]);
        SWAP(ev->keys[1][i - 1], ev->keys[1][j]);
    }
#undef SWAP
}

static struct feature_push_result push(struct flights *f, struct feature_online *o, struct feature_table *t, const struct events *ev, size_t from, size_t to)
{
    struct feature_push_result total = {0}, r;
    for (size_t i = from; i < to; i += 20000) {
        const struct str *keys[2] = {ev->keys[0] + i, ev->keys[1] + i};
        struct feature_events part = {to - i < 20000 ? to - i : 20000, ev->ids + i, keys, ev->at + i, ev->labels + i};
        must(f, feature_online_push(&f->op, o, t, &part, &r));
        total.accepted += r.accepted;
        total.duplicate += r.duplicate;
        total.expired += r.expired;
        total.newest_us = r.newest_us;
    }
    return total;
}

/* Reads row i of the offline frame online and demands the same bits. */
static void compare_row(struct flights *f, struct feature_table *t, const struct frame *frame, size_t i)
{
    struct str keys[2];
    float out[27];
    for (size_t k = 0; k < 2; k++)
        keys[k] = frame->cols[2 + k].dict[frame->cols[2 + k].code[i]];
    double distance = frame_column(frame, STR("distance"))->f64[i];
    struct feature_row row = {frame->cols[1].i64[i], keys, &distance};
    must(f, feature_online_get(&f->op, t, &row, out));
    for (size_t c = 0; c < 27; c++) {
        float want = (float)frame->cols[4 + c].f64[i];
        if (isnan(want) ? !isnan(out[c]) : memcmp(&want, &out[c], sizeof want) != 0)
            print_error("row %zu feature %.*s: offline %.9g online %.9g\n", i, STR_FMT(frame->cols[4 + c].name), (double)want, (double)out[c]);
        assert_true(isnan(want) ? isnan(out[c]) : memcmp(&want, &out[c], sizeof want) == 0);
    }
}

struct online {
    struct db *db;
    struct feature_online *o;
    struct feature_table *t;
    const char *path;
};

static struct online online_open(struct flights *f)
{
    struct online s = {.path = op_printf(&f->op, "%s/features.db", f->dir)};
    must(f, sqlite_open(&f->op, s.path, &s.db));
    must(f, feature_online_open(&f->op, s.db, &s.o));
    must(f, feature_online_apply(&f->op, s.o, f->view->text, &s.t));
    return s;
}

static void online_close(struct online *s)
{
    feature_online_close(s->o);
    db_close(s->db);
}

static void online_end(struct flights *f, struct online *s)
{
    online_close(s);
    unlink(s->path);
    unlink(op_printf(&f->op, "%s-wal", s->path));
    unlink(op_printf(&f->op, "%s-shm", s->path));
}

/* The replay of a day in event time: push what has landed, then ask; 20 thousand rows, 27 features each. */
static void test_skew(void **state)
{
    struct flights *f = *state;
    struct frame *frame = flights_frame(f, "2001-02-10", "2001-02-11 12:00:00");
    struct events ev = load_events(f, "2001-01-13", "2001-02-11 12:00:00");
    struct online s = online_open(f);
    assert_true(frame->rows > 20000);
    size_t at = 0, rows = 0;
    for (size_t i = 0; i < frame->rows; i++, rows++) {
        int64_t t = frame->cols[1].i64[i];
        size_t to = at;
        /* A quarter of an hour at a time: at least all that this row needs. What lands after it must not show. */
        int64_t quarter = 15 * 60 * TIME_US_PER_S, until = (t / quarter + 1) * quarter;
        while (to < ev.n && ev.at[at] <= t && ev.at[to] <= until)
            to++;
        if (to > at)
            push(f, s.o, s.t, &ev, at, to);
        at = to;
        compare_row(f, s.t, frame, i);
    }
    print_message("%zu rows x 27 features equal offline and online, %zu events\n", rows, at);
    /* Later events change nothing for earlier instants. */
    push(f, s.o, s.t, &ev, at, ev.n);
    for (size_t i = 0; i < frame->rows; i += 7)
        compare_row(f, s.t, frame, i);
    online_end(f, &s);
    frame_destroy(frame);
}

/* Late and shuffled pushes, repeated pushes, a restart: always the same answers. */
static void test_late_and_restart(void **state)
{
    struct flights *f = *state;
    struct frame *frame = flights_frame(f, "2001-02-10", "2001-02-10 18:00:00");
    struct events ev = load_events(f, "2001-01-12", "2001-02-11");
    struct online s = online_open(f);
    size_t tail = ev.n - 30000; /* the last 30 thousand events come in any order */
    shuffle(&ev, tail, ev.n, 7);
    struct feature_push_result r = push(f, s.o, s.t, &ev, 0, ev.n - 100);
    assert_int_equal(r.accepted, ev.n - 100);
    r = push(f, s.o, s.t, &ev, ev.n - 5000, ev.n); /* repeated, with 100 new ones */
    assert_int_equal(r.accepted, 100);
    assert_int_equal(r.duplicate, 4900);
    for (size_t i = 0; i < frame->rows; i += 3)
        compare_row(f, s.t, frame, i);
    struct feature_table_info before, after;
    feature_table_info_get(s.t, &before);
    online_close(&s);
    s = online_open(f);
    feature_table_info_get(s.t, &after);
    assert_int_equal(after.events, before.events);
    assert_int_equal(after.newest_us, before.newest_us);
    for (size_t i = 0; i < frame->rows; i += 3)
        compare_row(f, s.t, frame, i);
    print_message("%zu events, %zu keys, %.1f MB\n", (size_t)after.events, (size_t)after.keys, (double)after.memory_bytes / 1e6);
    online_end(f, &s);
    frame_destroy(frame);
}

static enum err push_one(struct flights *f, struct online *s, int64_t id, const char *origin, int64_t at, int label, struct feature_push_result *r)
{
    struct str o = str_from(origin), d = STR("JFK");
    const struct str *keys[2] = {&o, &d};
    uint8_t l = (uint8_t)label;
    op_clear(&f->op);
    return feature_online_push(&f->op, s->o, s->t, &(struct feature_events){1, &id, keys, &at, &l}, r);
}

static enum err get_one(struct flights *f, struct online *s, const char *origin, int64_t t, float *out)
{
    struct str keys[2] = {str_from(origin), STR("JFK")};
    double distance = 100;
    op_clear(&f->op);
    return feature_online_get(&f->op, s->t, &(struct feature_row){t, keys, &distance}, out);
}

static void test_expiry_and_errors(void **state)
{
    struct flights *f = *state;
    struct online s = online_open(f);
    struct feature_push_result r;
    float out[27];
    int64_t day = TIME_US_PER_DAY, t0 = instant("2001-03-01");
    assert_int_equal(get_one(f, &s, "ORD", t0, out), OK); /* nothing known yet */
    assert_true(out[0] == 0 && isnan(out[1]) && out[26] == 100);
    assert_int_equal(push_one(f, &s, 1, "ORD", t0, 1, &r), OK);
    assert_int_equal(push_one(f, &s, 2, "ORD", t0 + 29 * day, 0, &r), OK);
    assert_int_equal(get_one(f, &s, "ORD", t0 + 29 * day, out), OK);
    assert_true(out[6] == 1 && out[7] == 0);
    /* Exactly at the edges of the slack and of a window. */
    assert_int_equal(get_one(f, &s, "ORD", t0 + 28 * day - 1, out), OK);
    assert_true(out[6] == 1 && out[7] == 1);
    assert_int_equal(get_one(f, &s, "ORD", t0 + 28 * day, out), OK);
    assert_true(out[6] == 0);
    assert_int_equal(get_one(f, &s, "ORD", t0 + 27 * day, out), OK);
    assert_int_equal(get_one(f, &s, "ORD", t0 + 27 * day - 1, out), E_INVALID);
    assert_non_null(strstr(f->op.msg, "no longer kept"));
    /* Retained until 30 days behind the newest; older events are told apart. */
    assert_int_equal(push_one(f, &s, 3, "ORD", t0 - day, 1, &r), OK);
    assert_int_equal(r.expired, 1);
    assert_int_equal(push_one(f, &s, 4, "ORD", t0 - day + 1, 1, &r), OK);
    assert_int_equal(r.accepted, 1);
    /* Refused pushes leave nothing. */
    assert_int_equal(push_one(f, &s, 5, "ORD", t0 + 29 * day, 2, &r), E_INVALID);
    assert_int_equal(push_one(f, &s, 5, "ORD", f->op.now_us + 2 * day, 1, &r), E_INVALID);
    char *name = arena_alloc(f->arena, LIMIT_FEATURE_KEY_BYTES + 2);
    memset(name, 'x', LIMIT_FEATURE_KEY_BYTES + 1);
    assert_int_equal(push_one(f, &s, 5, name, t0 + 29 * day, 1, &r), E_INVALID);
    assert_int_equal(get_one(f, &s, name, t0 + 29 * day, out), OK);
    struct str o = STR("ORD");
    const struct str *keys[2] = {&o, &o};
    int64_t at = t0;
    uint8_t l = 0;
    op_clear(&f->op);
    assert_int_equal(feature_online_push(&f->op, s.o, s.t, &(struct feature_events){1, NULL, keys, &at, &l}, &r), E_INVALID);
    op_clear(&f->op);
    assert_int_equal(feature_online_push(&f->op, s.o, s.t, &(struct feature_events){0, NULL, keys, &at, &l}, &r), OK);
    struct feature_table_info info;
    feature_table_info_get(s.t, &info);
    assert_int_equal(info.events, 3);
    online_end(f, &s);
}

static void test_definitions(void **state)
{
    struct flights *f = *state;
    struct online s = online_open(f);
    struct feature_table *again = NULL;
    must(f, feature_online_apply(&f->op, s.o, f->view->text, &again));
    assert_ptr_equal(again, s.t);
    const char *changed = op_printf(&f->op, "%.*s\n# changed\n", STR_FMT(f->view->text));
    op_clear(&f->op);
    assert_int_equal(feature_online_apply(&f->op, s.o, str_from(changed), &again), E_CONFLICT);
    op_clear(&f->op);
    assert_int_equal(feature_online_apply(&f->op, s.o, STR("name: x"), &again), E_INVALID);
    assert_non_null(f->op.field);
    op_clear(&f->op);
    assert_null(feature_online_find(s.o, STR("other")));
    struct feature_table *const *list = NULL;
    assert_int_equal(feature_online_list(&f->op, s.o, &list), 1);
    assert_ptr_equal(list[0], feature_online_find(s.o, STR("flights_delay")));
    /* The definition is in the audit log, once. */
    struct audit_row *rows = NULL;
    size_t n = 0;
    must(f, audit_list(&f->op, s.db, &(struct audit_filter){.kind = STR("feature_view")}, &rows, &n));
    assert_int_equal(n, 1);
    assert_true(str_eqc(rows[0].object, "flights_delay"));
    online_end(f, &s);
}

struct race {
    struct flights *f;
    struct online *s;
    const struct events *ev;
    atomic_bool stop;
    atomic_size_t reads;
};

static void *race_reader(void *arg)
{
    struct race *r = arg;
    struct arena *arena = arena_create(LIMIT_MIB(1));
    struct op op;
    op_init(&op, arena);
    struct str keys[2] = {STR("ORD"), STR("LAX")};
    double distance = 1;
    float out[27], last = 0;
    int64_t t = r->ev->at[r->ev->n - 1];
    while (!atomic_load(&r->stop)) {
        if (feature_online_get(&op, r->s->t, &(struct feature_row){t, keys, &distance}, out))
            abort();
        if (out[6] < last) /* events only come */
            abort();
        last = out[6];
        atomic_fetch_add(&r->reads, 1);
    }
    arena_destroy(arena);
    return NULL;
}

static void test_concurrent_reads(void **state)
{
    struct flights *f = *state;
    struct events ev = load_events(f, "2001-02-01", "2001-02-02");
    struct online s = online_open(f);
    struct race r = {.f = f, .s = &s, .ev = &ev};
    pthread_t a = thread_start("reader", race_reader, &r), b = thread_start("reader", race_reader, &r);
    for (size_t i = 0; i + 500 < ev.n; i += 500)
        push(f, s.o, s.t, &ev, i, i + 500);
    atomic_store(&r.stop, true);
    thread_join(a);
    thread_join(b);
    assert_true(atomic_load(&r.reads) > 0);
    online_end(f, &s);
}

/* The victim: pushes event after event into the database at `path` and says each id on stdout once it is acknowledged. */
static int crash_main(const char *path)
{
    struct arena *arena = arena_create(LIMIT_MIB(512));
    struct op op;
    struct db *db = NULL;
    struct feature_online *o = NULL;
    struct feature_view *v = NULL;
    struct feature_table *t = NULL;
    op_init(&op, arena);
    if (sqlite_open(&op, path, &db) || feature_online_open(&op, db, &o) || feature_view_load(&op, FLIGHTS_VIEW, &v) || feature_online_apply(&op, o, v->text, &t))
        return 1;
    struct feature_table_info info;
    feature_table_info_get(t, &info);
    for (int64_t id = (int64_t)info.events;; id++) {
        struct str origin = STR("ORD"), destination = STR("JFK");
        const struct str *keys[2] = {&origin, &destination};
        int64_t at = 985000000LL * TIME_US_PER_S + id;
        uint8_t label = id & 1;
        struct feature_push_result r;
        if (feature_online_push(&op, o, t, &(struct feature_events){1, &id, keys, &at, &label}, &r) || r.accepted != 1)
            return 1;
        if (write(STDOUT_FILENO, &id, sizeof id) != sizeof id)
            return 1;
    }
}

/* Killed at any moment, the server comes back with every event that it acknowledged, and counts none twice. */
static void test_kill(void **state)
{
    struct flights *f = *state;
    struct online s = {.path = op_printf(&f->op, "%s/features.db", f->dir)};
    int64_t acked = -1;
    for (int round = 0; round < 10; round++) {
        int pipe_fd[2];
        assert_int_equal(pipe(pipe_fd), 0);
        pid_t child = fork();
        if (child == 0) {
            dup2(pipe_fd[1], STDOUT_FILENO);
            close(pipe_fd[0]);
            char self[] = "/proc/self/exe";
            execl(self, self, s.path, (char *)NULL);
            _exit(9);
        }
        close(pipe_fd[1]);
        int64_t id = 0, first = acked;
        /* The first acknowledgement proves that it runs; the blow falls a little later. */
        if (read(pipe_fd[0], &id, sizeof id) == sizeof id)
            acked = id;
        time_sleep_ms(3 + round * 5);
        kill(child, SIGKILL);
        while (read(pipe_fd[0], &id, sizeof id) == sizeof id)
            acked = id;
        close(pipe_fd[0]);
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && acked > first);
    }
    s = online_open(f);
    struct feature_table_info info;
    feature_table_info_get(s.t, &info);
    /* At most the one push that was stored but not yet acknowledged comes on top. */
    print_message("%lld acknowledged, %llu there\n", (long long)acked + 1, (unsigned long long)info.events);
    assert_true((int64_t)info.events >= acked + 1 && (int64_t)info.events <= acked + 2);
    online_end(f, &s);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return crash_main(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expiry_and_errors), cmocka_unit_test(test_kill), cmocka_unit_test(test_definitions), cmocka_unit_test(test_concurrent_reads),
        cmocka_unit_test(test_late_and_restart), cmocka_unit_test(test_skew),
    };
    return cmocka_run_group_tests(tests, flights_setup, flights_teardown);
}
