/* db_contract.c - the suite of port/db: see db_contract.h. */
#include "contract/db_contract.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>

#include <cmocka.h>

#include "base/thread.h"
#include "base/time.h"
#include "contract/scratch.h"

const char db_contract_schema[] =
    "CREATE TABLE thing (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, size INTEGER NOT NULL CHECK "
    "(size >= 0)) STRICT;"
    "CREATE TABLE part (id INTEGER PRIMARY KEY, thing_id INTEGER NOT NULL REFERENCES thing (id)) STRICT;"
    "CREATE TABLE late (id INTEGER PRIMARY KEY,"
    "  thing_id INTEGER NOT NULL REFERENCES thing (id) DEFERRABLE INITIALLY DEFERRED) STRICT;"
    "CREATE TABLE value (id INTEGER PRIMARY KEY, i INTEGER, f ANY, t TEXT, b BLOB) STRICT;";

enum {
    THING_ADD,
    THING_COUNT,
    THING_GET,
    THING_LIST,
    PART_ADD,
    LATE_ADD,
    VALUE_PUT,
    VALUE_GET,
    VALUE_ADD,
    VALUE_LIST,
    SLOW,
    SYNTAX
};
static const struct sql q[] = {
    [THING_ADD] = {"thing_add", "INSERT INTO thing (name, size) VALUES (?, ?)", THING_ADD, 2, -1},
    [THING_COUNT] = {"thing_count", "SELECT count(*) FROM thing", THING_COUNT, 0, 1},
    [THING_GET] = {"thing_get", "SELECT id, size FROM thing WHERE name = ?", THING_GET, 1, 2},
    [THING_LIST] = {"thing_list", "SELECT name, size FROM thing ORDER BY name", THING_LIST, 0, 2},
    [PART_ADD] = {"part_add", "INSERT INTO part (thing_id) VALUES (?)", PART_ADD, 1, -1},
    [LATE_ADD] = {"late_add", "INSERT INTO late (thing_id) VALUES (?)", LATE_ADD, 1, -1},
    [VALUE_PUT] = {"value_put", "INSERT INTO value (id, i, f, t, b) VALUES (1, ?1, ?2, ?3, ?4) ON CONFLICT (id) DO UPDATE "
                   "SET i = excluded.i, f = excluded.f, t = excluded.t, b = excluded.b",
                   VALUE_PUT, 4, -1},
    [VALUE_GET] = {"value_get", "SELECT i, f, t, b FROM value WHERE id = 1", VALUE_GET, 0, 4},
    [VALUE_ADD] = {"value_add", "INSERT INTO value (id, i) VALUES (?, ?)", VALUE_ADD, 2, -1},
    [VALUE_LIST] = {"value_list", "SELECT id FROM value", VALUE_LIST, 0, 1},
    [SLOW] = {"slow",
              "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n", SLOW,
              0, 1},
    [SYNTAX] = {"syntax", "SELEKT 1", SYNTAX, 0, 1},
};

static const struct db_contract *contract;

struct fixture {
    struct scratch s;
    struct db *db;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    scratch_init(&f->s);
    enum err e = contract->open(&f->s.op, f->s.dir, &f->db);
    if (e)
        print_error("open: %s\n", f->s.op.msg);
    assert_int_equal(e, OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    db_close(f->db);
    scratch_clear(&f->s);
    free(f);
    return 0;
}

struct thing {
    const char *name;
    int64_t size;
    int64_t id;    /* out */
    enum err then; /* what the function returns after its insert */
};

static enum err add_thing(struct op *op, struct db_tx *tx, void *arg)
{
    struct thing *t = arg;
    int64_t changes = 0;
    enum err e =
        db_exec(op, tx, &q[THING_ADD], DB_ARGS(DB_TEXT(str_from(t->name)), DB_I64(t->size)), &changes);
    if (e)
        return e;
    assert_int_equal(changes, 1);
    t->id = db_last_id(tx);
    return t->then ? op_fail(op, t->then, "as asked") : OK;
}

static enum err get_size(struct op *op, struct db_tx *tx, void *arg)
{
    struct thing *t = arg;
    struct db_val v[2];
    enum err e = db_query_one(op, tx, &q[THING_GET], DB_ARGS(DB_TEXT(str_from(t->name))), v, 2);
    if (!e) {
        t->id = v[0].i;
        t->size = v[1].i;
    }
    return e;
}

static enum err count_things(struct op *op, struct db_tx *tx, void *arg)
{
    struct db_val v;
    enum err e = db_query_one(op, tx, &q[THING_COUNT], DB_NO_ARGS, &v, 1);
    if (!e)
        *(int64_t *)arg = v.i;
    return e;
}

static int64_t count(struct fixture *f)
{
    int64_t n = -1;
    assert_int_equal(db_read(&f->s.op, f->db, count_things, &n), OK);
    return n;
}

static void expect(struct fixture *f, enum err got, enum err want)
{
    if (got != want)
        print_error("got %s (%s), want %s\n", err_name(got), f->s.op.msg ? f->s.op.msg : "", err_name(want));
    assert_int_equal(got, want);
    if (want)
        assert_non_null(f->s.op.msg);
    op_clear(&f->s.op);
}

static void writes_are_read_back(void **state)
{
    struct fixture *f = *state;
    struct thing t = {.name = "a", .size = INT64_MAX};
    expect(f, db_write(&f->s.op, f->db, add_thing, &t), OK);
    assert_int_equal(t.id, 1);
    struct thing back = {.name = "a"};
    expect(f, db_read(&f->s.op, f->db, get_size, &back), OK);
    assert_true(back.size == INT64_MAX);
    struct thing none = {.name = "none"};
    expect(f, db_read(&f->s.op, f->db, get_size, &none), E_NOT_FOUND);
    if (contract->durable) {
        db_close(f->db);
        expect(f, contract->open(&f->s.op, f->s.dir, &f->db), OK);
        assert_int_equal(count(f), 1);
    }
}

static void a_failing_function_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct thing t = {.name = "a", .size = 1, .then = E_CONFLICT};
    expect(f, db_write(&f->s.op, f->db, add_thing, &t), E_CONFLICT);
    assert_int_equal(count(f), 0);
    t.then = OK;
    expect(f, db_write(&f->s.op, f->db, add_thing, &t), OK);
    assert_int_equal(count(f), 1);
}

static void constraints_have_their_error(void **state)
{
    struct fixture *f = *state;
    struct thing t = {.name = "a", .size = 1};
    expect(f, db_write(&f->s.op, f->db, add_thing, &t), OK);
    expect(f, db_write(&f->s.op, f->db, add_thing, &t), E_EXISTS);
    struct thing negative = {.name = "b", .size = -1};
    expect(f, db_write(&f->s.op, f->db, add_thing, &negative), E_CONFLICT);
    assert_int_equal(count(f), 1);
}

static enum err add_part(struct op *op, struct db_tx *tx, void *arg)
{
    return db_exec(op, tx, arg, DB_ARGS(DB_I64(77)), NULL);
}

/* A foreign key that is checked at the commit must fail its own function, never the others of the group. */
static void foreign_keys_hold(void **state)
{
    struct fixture *f = *state;
    expect(f, db_write(&f->s.op, f->db, add_part, (void *)(uintptr_t)&q[PART_ADD]), E_CONFLICT);
    expect(f, db_write(&f->s.op, f->db, add_part, (void *)(uintptr_t)&q[LATE_ADD]), E_CONFLICT);
    struct thing t = {.name = "a", .size = 1};
    expect(f, db_write(&f->s.op, f->db, add_thing, &t), OK);
}

static enum err put_value(struct op *op, struct db_tx *tx, void *arg)
{
    const struct db_val *v = arg;
    struct db_val row[4] = {DB_NULL, DB_NULL, DB_NULL, DB_NULL};
    if (v->type != DB_TYPE_NULL)
        row[v->type - DB_TYPE_I64] = *v; /* the columns stand in the order of enum db_type */
    return db_exec(op, tx, &q[VALUE_PUT], row, 4, NULL);
}

static enum err get_value(struct op *op, struct db_tx *tx, void *arg)
{
    struct db_val row[4], *ret = arg;
    enum err e = db_query_one(op, tx, &q[VALUE_GET], DB_NO_ARGS, row, 4);
    *ret = DB_NULL;
    for (size_t i = 0; !e && i < 4; i++)
        if (row[i].type != DB_TYPE_NULL)
            *ret = row[i];
    return e;
}

static struct db_val round_trip(struct fixture *f, struct db_val in)
{
    struct db_val out = DB_NULL;
    expect(f, db_write(&f->s.op, f->db, put_value, &in), OK);
    expect(f, db_read(&f->s.op, f->db, get_value, &out), OK);
    return out;
}

static void doubles_come_back_bit_for_bit(void **state)
{
    struct fixture *f = *state;
    static const double edge[] = {0.0,      -0.0,     5e-324,   -5e-324, DBL_MIN, DBL_MAX,
                                  -DBL_MAX, 1e308,    0.1,      3.0,     -1e15,   9007199254740993.0,
                                  1e19,     INFINITY, -INFINITY};
    for (size_t i = 0; i < ARRAY_LEN(edge); i++) {
        struct db_val v = round_trip(f, DB_F64(edge[i]));
        assert_int_equal(v.type, DB_TYPE_F64);
        assert_memory_equal(&v.f, &edge[i], sizeof(double));
    }
    uint64_t seed = 42;
    for (int i = 0; i < 200; i++) {
        uint64_t bits = scratch_random(&seed);
        double d;
        memcpy(&d, &bits, sizeof d);
        if (isnan(d))
            continue;
        struct db_val v = round_trip(f, DB_F64(d));
        assert_memory_equal(&v.f, &d, sizeof d);
    }
    struct db_val nan = DB_F64(NAN);
    expect(f, db_write(&f->s.op, f->db, put_value, &nan), E_INVALID);
}

static void texts_and_blobs_keep_their_bytes(void **state)
{
    struct fixture *f = *state;
    struct db_val v = round_trip(f, DB_TEXT(STR("")));
    assert_int_equal(v.type, DB_TYPE_TEXT);
    assert_int_equal(v.s.len, 0);
    v = round_trip(f, DB_TEXT(((struct str){NULL, 0})));
    assert_int_equal(v.type, DB_TYPE_TEXT);
    v = round_trip(f, DB_BLOB(((struct str){NULL, 0})));
    assert_int_equal(v.type, DB_TYPE_BLOB);
    v = round_trip(f, DB_NULL);
    assert_int_equal(v.type, DB_TYPE_NULL);
    v = round_trip(f, DB_TEXT(STR("Zürich \xf0\x9f\x9b\xab 'x' \"y\"; DROP TABLE thing; --")));
    assert_true(str_eq(v.s, STR("Zürich \xf0\x9f\x9b\xab 'x' \"y\"; DROP TABLE thing; --")));
    struct db_val nul = DB_TEXT(STR("a\0b"));
    expect(f, db_write(&f->s.op, f->db, put_value, &nul), E_INVALID);
    size_t n = (size_t)3 << 20;
    char *big = malloc(n);
    for (size_t i = 0; i < n; i++)
        big[i] = (char)(i * 31);
    v = round_trip(f, DB_BLOB(((struct str){big, n})));
    assert_int_equal(v.s.len, n);
    assert_memory_equal(v.s.p, big, n);
    free(big);
    struct db_val wide = round_trip(f, DB_I64(INT64_MIN));
    assert_true(wide.type == DB_TYPE_I64 && wide.i == INT64_MIN);
}

static enum err list_names(struct op *op, struct db_tx *tx, void *arg)
{
    struct db_rows *rows = NULL;
    bool row = true;
    char *out = arg;
    enum err e = db_query(op, tx, &q[THING_LIST], DB_NO_ARGS, &rows);
    while (!e && (e = db_step(op, tx, rows, &row)) == OK && row)
        out += snprintf(out, 16, "%.*s ", STR_FMT(db_col_str(tx, rows, 0)));
    return e;
}

/* Not by any language's rules: the same order on every database. */
static void texts_are_ordered_by_their_bytes(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"b", "B", "a", "\xc3\xa4", "_", "10", "9", "a b", "ab"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct thing t = {.name = names[i], .size = 1};
        expect(f, db_write(&f->s.op, f->db, add_thing, &t), OK);
    }
    char got[256] = "";
    expect(f, db_read(&f->s.op, f->db, list_names, got), OK);
    assert_string_equal(got, "10 9 B _ a a b ab b \xc3\xa4 ");
}

/* Adds "a", which is there; then asks who that is, and adds another. */
static enum err add_after_failure(struct op *op, struct db_tx *tx, void *arg)
{
    struct thing taken = {.name = "a", .size = 2}, *other = arg;
    if (add_thing(op, tx, &taken) != E_EXISTS)
        return op_fail(op, E_INTERNAL, "the name was free");
    op_clear(op);
    enum err e = get_size(op, tx, &taken);
    if (!e && taken.size != 1)
        return op_fail(op, E_INTERNAL, "the failed insert left something");
    return e ? e : add_thing(op, tx, other);
}

static void a_function_goes_on_after_its_first_statement_failed(void **state)
{
    struct fixture *f = *state;
    struct thing t = {.name = "a", .size = 1}, other = {.name = "b", .size = 1};
    expect(f, db_write(&f->s.op, f->db, add_thing, &t), OK);
    expect(f, db_write(&f->s.op, f->db, add_after_failure, &other), OK);
    assert_int_equal(count(f), 2);
}

/* Three things without waiting for each, the last of a taken name: the function must fail as a whole, however late that shows. */
static enum err add_later(struct op *op, struct db_tx *tx, void *arg)
{
    const char *const *names = arg;
    int64_t added = 0;
    enum err e = OK;
    for (size_t i = 0; !e && i < 3; i++)
        e = db_exec_later(op, tx, &q[THING_ADD], DB_ARGS(DB_TEXT(str_from(names[i])), DB_I64(1)), &added);
    if (!e)
        e = db_settle(op, tx);
    if (!e)
        assert_int_equal(added, 3);
    return e;
}

static void statements_may_be_waited_for_together(void **state)
{
    struct fixture *f = *state;
    const char *good[] = {"a", "b", "c"}, *bad[] = {"d", "e", "a"};
    expect(f, db_write(&f->s.op, f->db, add_later, good), OK);
    assert_int_equal(count(f), 3);
    expect(f, db_write(&f->s.op, f->db, add_later, bad), E_EXISTS);
    assert_int_equal(count(f), 3);
}

static enum err misuse_params(struct op *op, struct db_tx *tx, void *arg UNUSED)
{
    struct db_val v;
    return db_query_one(op, tx, &q[THING_GET], DB_NO_ARGS, &v, 1);
}

static enum err misuse_syntax(struct op *op, struct db_tx *tx, void *arg UNUSED)
{
    return db_exec(op, tx, &q[SYNTAX], DB_NO_ARGS, NULL);
}

static enum err write_inside(struct op *op, struct db_tx *tx UNUSED, void *arg)
{
    struct thing t = {.name = "inside", .size = 1};
    return db_write(op, arg, add_thing, &t);
}

static void misuse_is_an_error(void **state)
{
    struct fixture *f = *state;
    expect(f, db_read(&f->s.op, f->db, misuse_params, NULL), E_INTERNAL);
    expect(f, db_read(&f->s.op, f->db, misuse_syntax, NULL), E_INTERNAL);
    struct thing t = {.name = "a", .size = 1};
    expect(f, db_read(&f->s.op, f->db, add_thing, &t), E_INTERNAL); /* an INSERT inside a read */
    expect(f, db_read(&f->s.op, f->db, write_inside, f->db), E_INTERNAL);
    assert_int_equal(count(f), 0);
}

struct nest {
    struct db *db;
    enum err inner;
};

static enum err nested(struct op *op, struct db_tx *tx, void *arg)
{
    struct nest *n = arg;
    struct thing outer = {.name = "outer", .size = 1}, inner = {.name = "inner", .size = 1, .then = n->inner};
    enum err e = add_thing(op, tx, &outer);
    struct db_rows *rows = NULL;
    bool row = false;
    if (!e)
        e = db_query(op, tx, &q[THING_LIST], DB_NO_ARGS, &rows);
    if (!e)
        e = db_step(op, tx, rows, &row);
    if (e)
        return e;
    if (db_write(op, n->db, add_thing, &inner))
        op_clear(op);
    /* The outer function's query outlives the inner write; a read sees both. */
    assert_true(str_eq(db_col_str(tx, rows, 0), STR("outer")));
    db_end(tx, rows);
    int64_t seen = 0;
    e = db_read(op, n->db, count_things, &seen);
    assert_int_equal(seen, n->inner ? 1 : 2);
    return e;
}

static void a_write_inside_a_write_joins_it(void **state)
{
    struct fixture *f = *state;
    struct nest n = {f->db, E_CONFLICT};
    expect(f, db_write(&f->s.op, f->db, nested, &n), OK);
    assert_int_equal(count(f), 1);
    struct thing gone = {.name = "inner"};
    expect(f, db_read(&f->s.op, f->db, get_size, &gone), E_NOT_FOUND);
}

static enum err same_query_twice(struct op *op, struct db_tx *tx, void *arg)
{
    struct db_rows *outer = NULL, *inner = NULL;
    enum err e = db_query(op, tx, &q[VALUE_LIST], DB_NO_ARGS, &outer);
    bool row = true;
    int pairs = 0;
    while (!e && (e = db_step(op, tx, outer, &row)) == OK && row) {
        bool inner_row = true;
        e = db_query(op, tx, &q[VALUE_LIST], DB_NO_ARGS, &inner);
        while (!e && (e = db_step(op, tx, inner, &inner_row)) == OK && inner_row)
            pairs++;
        /* `inner` is left open on purpose: the transaction's end must end it. */
    }
    *(int *)arg = pairs;
    return e;
}

static enum err add_values(struct op *op, struct db_tx *tx, void *arg UNUSED)
{
    for (int64_t i = 1; i <= 5; i++) {
        enum err e = db_exec(op, tx, &q[VALUE_ADD], DB_ARGS(DB_I64(i), DB_NULL), NULL);
        if (e)
            return e;
    }
    return OK;
}

static void one_statement_runs_inside_itself(void **state)
{
    struct fixture *f = *state;
    expect(f, db_write(&f->s.op, f->db, add_values, NULL), OK);
    int pairs = 0;
    for (int i = 0; i < 3; i++) {
        expect(f, db_read(&f->s.op, f->db, same_query_twice, &pairs), OK);
        assert_int_equal(pairs, 25);
    }
    expect(f, db_write(&f->s.op, f->db, same_query_twice, &pairs), OK);
}

static enum err slow(struct op *op, struct db_tx *tx, void *arg UNUSED)
{
    struct db_val v;
    return db_query_one(op, tx, &q[SLOW], DB_NO_ARGS, &v, 1);
}

static void a_read_ends_at_its_deadline(void **state)
{
    struct fixture *f = *state;
    int64_t began = time_mono_ms();
    f->s.op.deadline_ms = began + 50;
    expect(f, db_read(&f->s.op, f->db, slow, NULL), E_TIMEOUT);
    assert_true(time_mono_ms() - began < 5000);
    expect(f, db_read(&f->s.op, f->db, slow, NULL), E_TIMEOUT); /* it has passed already */
    f->s.op.deadline_ms = 0;
    assert_int_equal(count(f), 0);
}

struct block {
    struct mutex lock;
    struct cond changed;
    bool running, release;
    struct db *db;
};

static enum err block_fn(struct op *op UNUSED, struct db_tx *tx UNUSED, void *arg)
{
    struct block *b = arg;
    LOCK(&b->lock);
    b->running = true;
    cond_broadcast(&b->changed);
    while (!b->release)
        cond_wait(&b->changed, &b->lock);
    return OK;
}

static void *blocker(void *arg)
{
    struct block *b = arg;
    struct arena *a = arena_create(1 << 20);
    struct op op;
    op_init(&op, a);
    assert_int_equal(db_write(&op, b->db, block_fn, b), OK);
    arena_destroy(a);
    return NULL;
}

static pthread_t block_writer(struct block *b, struct db *db)
{
    *b = (struct block){.db = db};
    mutex_init(&b->lock);
    cond_init(&b->changed);
    pthread_t t = thread_start("blocker", blocker, b);
    LOCK(&b->lock);
    while (!b->running)
        cond_wait(&b->changed, &b->lock);
    return t;
}

static void release_writer(struct block *b, pthread_t t)
{
    mutex_lock(&b->lock);
    b->release = true;
    cond_broadcast(&b->changed);
    mutex_unlock(&b->lock);
    thread_join(t);
    cond_clear(&b->changed);
    mutex_clear(&b->lock);
}

static void a_queued_write_gives_up_at_its_deadline(void **state)
{
    struct fixture *f = *state;
    struct block b;
    pthread_t t = block_writer(&b, f->db);
    struct thing late = {.name = "late", .size = 1};
    f->s.op.deadline_ms = time_mono_ms() + 30;
    expect(f, db_write(&f->s.op, f->db, add_thing, &late), E_TIMEOUT);
    f->s.op.deadline_ms = 0;
    if (contract->concurrent)
        assert_int_equal(count(f), 0); /* reads go on beside a running write */
    release_writer(&b, t);
    assert_int_equal(count(f), 0);
}

struct snapshot {
    struct db *db;
    int64_t before, after;
};

static void *write_one(void *arg)
{
    struct arena *a = arena_create(1 << 20);
    struct op op;
    op_init(&op, a);
    struct thing t = {.name = "meanwhile", .size = 1};
    assert_int_equal(db_write(&op, arg, add_thing, &t), OK);
    arena_destroy(a);
    return NULL;
}

static enum err look_twice(struct op *op, struct db_tx *tx, void *arg)
{
    struct snapshot *s = arg;
    enum err e = count_things(op, tx, &s->before);
    thread_join(thread_start("meanwhile", write_one, s->db));
    return e ? e : count_things(op, tx, &s->after);
}

/* A write that was started; its op is its own, as it belongs to the writer until the end. */
struct started {
    struct arena *arena;
    struct op op;
    struct thing thing;
    struct mutex *lock;
    struct cond *changed;
    int *ended;
    enum err result;
    int place; /* in the order of the ends, from 1; 0: not ended */
};

static void on_started_done(void *arg, enum err e)
{
    struct started *w = arg;
    LOCK(w->lock);
    w->result = e;
    assert_int_equal(w->place, 0);
    w->place = ++*w->ended;
    cond_broadcast(w->changed);
}

enum { STARTED = 40 };

/* Forty writes start behind one that holds the writer; the seventh fails by itself, the ninth by a constraint. */
static void started_writes_end_once_in_order(void **state)
{
    struct fixture *f = *state;
    struct block b = {.db = f->db};
    struct mutex lock;
    struct cond changed;
    int ended = 0;
    struct started w[STARTED];
    mutex_init(&b.lock);
    cond_init(&b.changed);
    mutex_init(&lock);
    cond_init(&changed);
    pthread_t holder = thread_start("holder", blocker, &b);
    mutex_lock(&b.lock);
    while (!b.running)
        cond_wait(&b.changed, &b.lock);
    mutex_unlock(&b.lock);
    for (int i = 0; i < STARTED; i++) {
        w[i] = (struct started){.arena = arena_create(1 << 20), .lock = &lock, .changed = &changed, .ended = &ended};
        op_init(&w[i].op, w[i].arena);
        w[i].thing = (struct thing){.name = op_printf(&w[i].op, "%d", i == 9 ? 8 : i), .size = i, .then = i == 7 ? E_CONFLICT : OK};
        db_write_start(&w[i].op, f->db, add_thing, &w[i].thing, on_started_done, &w[i]);
        assert_int_equal(w[i].place, 0);
    }
    mutex_lock(&b.lock);
    b.release = true;
    cond_broadcast(&b.changed);
    mutex_unlock(&b.lock);
    thread_join(holder);
    mutex_lock(&lock);
    while (ended < STARTED)
        cond_wait(&changed, &lock);
    mutex_unlock(&lock);
    for (int i = 0; i < STARTED; i++) {
        assert_int_equal(w[i].result, i == 7 ? E_CONFLICT : i == 9 ? E_EXISTS : OK);
        assert_int_equal(w[i].place, i + 1);
        assert_true(!w[i].result == !w[i].op.msg);
        assert_null(w[i].op.tx);
        arena_destroy(w[i].arena);
    }
    assert_int_equal(count(f), STARTED - 2);
    cond_clear(&changed);
    mutex_clear(&lock);
    cond_clear(&b.changed);
    mutex_clear(&b.lock);
}

static void note_result(void *arg, enum err e)
{
    *(enum err *)arg = e;
}

static enum err start_inside(struct op *op, struct db_tx *tx UNUSED, void *arg)
{
    struct thing t = {.name = "inside", .size = 1};
    enum err result = OK;
    db_write_start(op, arg, add_thing, &t, note_result, &result);
    return result;
}

static void no_write_is_started_inside_a_transaction(void **state)
{
    struct fixture *f = *state;
    expect(f, db_write(&f->s.op, f->db, start_inside, f->db), E_INTERNAL);
    expect(f, db_read(&f->s.op, f->db, start_inside, f->db), E_INTERNAL);
    assert_int_equal(count(f), 0);
}

/* What was started before the close is finished by it, and durable. */
static void a_close_finishes_what_was_started(void **state)
{
    struct fixture *f = *state;
    struct mutex lock;
    struct cond changed;
    int ended = 0;
    struct started w[STARTED];
    mutex_init(&lock);
    cond_init(&changed);
    for (int i = 0; i < STARTED; i++) {
        w[i] = (struct started){.arena = arena_create(1 << 20), .lock = &lock, .changed = &changed, .ended = &ended};
        op_init(&w[i].op, w[i].arena);
        w[i].thing = (struct thing){.name = op_printf(&w[i].op, "%d", i), .size = i};
        db_write_start(&w[i].op, f->db, add_thing, &w[i].thing, on_started_done, &w[i]);
    }
    db_close(f->db);
    assert_int_equal(ended, STARTED); /* the writer's thread is over */
    for (int i = 0; i < STARTED; i++) {
        assert_int_equal(w[i].result, OK);
        arena_destroy(w[i].arena);
    }
    expect(f, contract->open(&f->s.op, f->s.dir, &f->db), OK);
    assert_int_equal(count(f), contract->durable ? STARTED : 0);
    cond_clear(&changed);
    mutex_clear(&lock);
}

static void a_read_sees_one_snapshot(void **state)
{
    struct fixture *f = *state;
    struct snapshot s = {.db = f->db};
    expect(f, db_read(&f->s.op, f->db, look_twice, &s), OK);
    assert_int_equal(s.before, 0);
    assert_int_equal(s.after, 0);
    assert_int_equal(count(f), 1);
}

enum { WRITERS = 16, WRITES = 40 };
struct crowd {
    struct db *db;
    int index;
    atomic_int *wrong;
};

/* Every third write fails after its insert; each thread reads its own writes at once. */
static void *crowd_main(void *arg)
{
    struct crowd *c = arg;
    struct arena *a = arena_create((size_t)4 << 20);
    struct op op;
    op_init(&op, a);
    for (int i = 0; i < WRITES; i++) {
        struct thing t = {
            .name = op_printf(&op, "%d-%d", c->index, i), .size = i, .then = i % 3 == 2 ? E_INVALID : OK};
        enum err e = db_write(&op, c->db, add_thing, &t);
        struct thing back = {.name = t.name};
        op_clear(&op);
        enum err r = db_read(&op, c->db, get_size, &back);
        op_clear(&op);
        bool right = e == t.then && r == (t.then ? E_NOT_FOUND : OK) && (r || back.size == i);
        if (!right)
            atomic_fetch_add(c->wrong, 1);
    }
    arena_destroy(a);
    return NULL;
}

static void sixteen_writers_do_not_mix(void **state)
{
    struct fixture *f = *state;
    struct crowd crowd[WRITERS];
    pthread_t threads[WRITERS];
    atomic_int wrong = 0;
    for (int i = 0; i < WRITERS; i++) {
        crowd[i] = (struct crowd){f->db, i, &wrong};
        threads[i] = thread_start("crowd", crowd_main, &crowd[i]);
    }
    for (int i = 0; i < WRITERS; i++)
        thread_join(threads[i]);
    assert_int_equal(atomic_load(&wrong), 0);
    assert_int_equal(count(f), WRITERS * (WRITES - WRITES / 3));
    expect(f, contract->check(&f->s.op, f->db), OK);
}

/* db_contract_kill.c has the loop; it opens the database by itself, many times. */
static void acknowledged_writes_survive_sigkill(void **state)
{
    struct fixture *f = *state;
    db_close(f->db);
    db_contract_kill(contract, &f->s.op, f->s.dir);
    expect(f, contract->open(&f->s.op, f->s.dir, &f->db), OK);
}

int db_contract_run(const struct db_contract *c)
{
    contract = c;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writes_are_read_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failing_function_leaves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(constraints_have_their_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(foreign_keys_hold, set_up, tear_down),
        cmocka_unit_test_setup_teardown(doubles_come_back_bit_for_bit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(texts_and_blobs_keep_their_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(texts_are_ordered_by_their_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_function_goes_on_after_its_first_statement_failed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(statements_may_be_waited_for_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(misuse_is_an_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_write_inside_a_write_joins_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_statement_runs_inside_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_read_ends_at_its_deadline, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_queued_write_gives_up_at_its_deadline, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sixteen_writers_do_not_mix, set_up, tear_down),
        cmocka_unit_test_setup_teardown(started_writes_end_once_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_write_is_started_inside_a_transaction, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_close_finishes_what_was_started, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_read_sees_one_snapshot, set_up, tear_down), /* concurrent */
        cmocka_unit_test_setup_teardown(acknowledged_writes_survive_sigkill, set_up, tear_down), /* durable */
    };
    assert(c->concurrent || !c->durable);
    size_t n = ARRAY_LEN(tests) - !c->concurrent -
               !c->durable; /* the last ones ask for more than every database gives */
    return _cmocka_run_group_tests(c->name, tests, n, NULL, NULL);
}
