/* The walk is breadth first, so that a node's depth is its least, once up and once down from the start, with marks of its
 * own each: a retraining leads back to its model, and a graph with such a circle must end. One rule per kind of edge says what
 * lies above and below it and which two statements find them; a new kind of edge is a row and two statements. */
#include "core/registry/lineage.h"

#include "base/json.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/vec.h"
#include "core/registry/version.h"
#include "core/track/store.h"
#include "sql_gen.h"

#include <inttypes.h>

enum kind { DATA, DATASET, RUN, MODEL, VERSION, ALIAS, ENDPOINT, ROLLOUT, WINDOW, RETRAIN, KINDS };

/* A key has up to two parts; which of them is a number says the kind. */
struct key {
    enum kind kind;
    struct str a, b;
    int64_t n;
};
static const struct {
    const char *name;
    int parts;
    int number; /* the part that is one; -1: none */
    const struct sql *show;
} kinds[KINDS] = {
    [DATA] = {"data", 1, -1, &sql_lineage_show_data},
    [DATASET] = {"dataset", 2, -1, &sql_lineage_show_dataset},
    [RUN] = {"run", 1, -1, &sql_lineage_show_run},
    [MODEL] = {"logged_model", 1, -1, &sql_lineage_show_model},
    [VERSION] = {"version", 2, 1, &sql_lineage_show_version},
    [ALIAS] = {"alias", 2, -1, &sql_lineage_show_alias},
    [ENDPOINT] = {"endpoint", 1, -1, &sql_lineage_show_endpoint},
    [ROLLOUT] = {"rollout", 1, 0, &sql_lineage_show_rollout},
    [WINDOW] = {"window", 2, 1, &sql_lineage_show_window},
    [RETRAIN] = {"retrain", 1, 0, &sql_lineage_show_retrain},
};

struct walk;
typedef enum err (*reach_fn)(struct op *op, struct walk *w, size_t at);
struct rule {
    enum kind from, to;
    const char *relation;
    const struct sql *down, *up;
    reach_fn down_fn, up_fn; /* instead of the statements, where JSON must be read */
};

struct found {
    struct key key;
    struct str id;
    int steps[2]; /* from the start, down and up, plus one; 0: not reached that way */
    struct str label, state;
    int64_t time_us;
};
struct walk {
    struct db_tx *tx;
    const struct lineage_query *q;
    VEC(struct found) nodes;
    VEC(struct lineage_edge) edges;
    VEC(size_t) queue;
    struct map ids;   /* id -> index + 1 */
    struct map links; /* "from to relation" */
    bool up;          /* the direction of this pass */
    const struct rule *rule;
    bool truncated;
};

static enum err retrain_version_down(struct op *op, struct walk *w, size_t at);
static enum err retrain_version_up(struct op *op, struct walk *w, size_t at);

#define RULE(from, to, relation, name) {from, to, relation, &sql_lineage_##name##_down, &sql_lineage_##name##_up, NULL, NULL}
static const struct rule rules[] = {
    RULE(DATA, DATASET, "described", data_dataset),
    RULE(DATA, VERSION, "trained", data_version),
    RULE(DATASET, RUN, "input", dataset_run),
    RULE(MODEL, RUN, "input", model_run),
    RULE(RUN, MODEL, "output", run_model),
    RULE(RUN, VERSION, "registered", run_version),
    RULE(MODEL, VERSION, "registered", model_version),
    RULE(VERSION, VERSION, "copied", version_copy),
    RULE(VERSION, ALIAS, "named", version_alias),
    RULE(VERSION, ENDPOINT, "served", version_endpoint),
    RULE(VERSION, ROLLOUT, "candidate", candidate_rollout),
    RULE(VERSION, ROLLOUT, "control", control_rollout),
    RULE(ROLLOUT, ENDPOINT, "moved", rollout_endpoint),
    RULE(ENDPOINT, WINDOW, "watched", endpoint_window),
    RULE(WINDOW, RETRAIN, "triggered", window_retrain),
    RULE(ENDPOINT, RETRAIN, "retrained", endpoint_retrain),
    {RETRAIN, VERSION, "registered", NULL, NULL, retrain_version_down, retrain_version_up},
};

/* ---- names ---- */

static struct str escaped(struct op *op, struct str s)
{
    if (str_find_char(s, '/') == SIZE_MAX && str_find_char(s, '%') == SIZE_MAX)
        return s;
    AUTO(buf) struct buf b;
    buf_init(&b, 3 * s.len + 1);
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == '/' || s.p[i] == '%')
            buf_addf(&b, "%%%02X", (unsigned char)s.p[i]);
        else
            buf_add_char(&b, s.p[i]);
    }
    return str_dup(op->arena, buf_str(&b));
}

static bool unescaped(struct op *op, struct str s, struct str *ret)
{
    char *out = arena_alloc(op->arena, s.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++, n++) {
        out[n] = s.p[i];
        if (s.p[i] != '%')
            continue;
        int hi = i + 2 < s.len ? str_hex_digit(s.p[i + 1]) : -1, lo = i + 2 < s.len ? str_hex_digit(s.p[i + 2]) : -1;
        if (hi < 0 || lo < 0 || hi + lo == 0)
            return false;
        out[n] = (char)(hi * 16 + lo);
        i += 2;
    }
    *ret = (struct str){out, n};
    return true;
}

static struct str key_id(struct op *op, const struct key *k)
{
    const char *name = kinds[k->kind].name;
    struct str a = escaped(op, k->a), b = escaped(op, k->b);
    if (kinds[k->kind].number == 0)
        return str_from(op_printf(op, "%s/%" PRId64, name, k->n));
    if (kinds[k->kind].number == 1)
        return str_from(op_printf(op, "%s/%.*s/%" PRId64, name, STR_FMT(a), k->n));
    return str_from(kinds[k->kind].parts == 1 ? op_printf(op, "%s/%.*s", name, STR_FMT(a))
                                              : op_printf(op, "%s/%.*s/%.*s", name, STR_FMT(a), STR_FMT(b)));
}

struct str lineage_version_id(struct op *op, struct str model, int64_t version)
{
    return key_id(op, &(struct key){.kind = VERSION, .a = model, .n = version});
}

static enum err bad_id(struct op *op, struct str id)
{
    return op_fail_field(op, "node",
                         "'%.*s' names no node: it must be data/VERSION, dataset/DIGEST/NAME, run/ID, logged_model/ID, version/MODEL/N, "
                         "alias/MODEL/ALIAS, endpoint/NAME, rollout/ID, window/ENDPOINT/START_US or retrain/ID",
                         STR_FMT(str_sub(id, 0, 300)));
}

static enum err key_parse(struct op *op, struct str id, struct key *ret)
{
    struct str rest = id, part, parts[3];
    size_t n = 0, k = 0;
    while (n < 3 && str_split(&rest, '/', &part))
        parts[n++] = part;
    if (n < 2 || str_split(&rest, '/', &part) || memchr(id.p, 0, id.len) || id.len > LIMIT_KIB(4))
        return bad_id(op, id);
    while (k < KINDS && !str_eqc(parts[0], kinds[k].name))
        k++;
    if (k == KINDS || n != (size_t)kinds[k].parts + 1)
        return bad_id(op, id);
    struct key key = {.kind = (enum kind)k};
    if (!unescaped(op, parts[1], &key.a) || (n == 3 && !unescaped(op, parts[2], &key.b)))
        return bad_id(op, id);
    if (kinds[k].number >= 0 && !str_parse_i64(kinds[k].number ? key.b : key.a, &key.n))
        return bad_id(op, id);
    *ret = key;
    return OK;
}

enum err lineage_direction_parse(struct op *op, struct str text, enum lineage_direction *ret)
{
    static const char *const names[] = {"", "up", "down", "both"};
    for (unsigned i = 1; i < ARRAY_LEN(names); i++) {
        if (str_eqc(text, names[i])) {
            *ret = (enum lineage_direction)i;
            return OK;
        }
    }
    return op_fail_field(op, "direction", "direction must be up, down or both, not '%.*s'", STR_FMT(str_sub(text, 0, 100)));
}

/* ---- the walk ---- */

static size_t key_args(const struct key *k, struct db_val args[2])
{
    int number = kinds[k->kind].number, parts = kinds[k->kind].parts;
    args[0] = number == 0 ? DB_I64(k->n) : DB_TEXT(k->a);
    args[1] = number == 1 ? DB_I64(k->n) : DB_TEXT(k->b.p ? k->b : STR(""));
    return (size_t)parts;
}

static enum err ask(struct op *op, struct walk *w, const struct sql *sql, const struct key *k, struct db_rows **ret)
{
    struct db_val args[2];
    size_t n = key_args(k, args);
    if (n > (size_t)sql->param_count)
        n = (size_t)sql->param_count;
    return db_query(op, w->tx, sql, args, n, ret);
}

static enum err show(struct op *op, struct walk *w, struct found *f, bool *ret_there)
{
    struct db_rows *rows = NULL;
    bool more = false;
    enum err e = ask(op, w, kinds[f->key.kind].show, &f->key, &rows);
    if (e)
        return e;
    e = db_step(op, w->tx, rows, &more);
    if (!e && more) {
        f->label = db_col_dup(op, w->tx, rows, 0);
        f->state = db_col_dup(op, w->tx, rows, 1);
        f->time_us = db_col_i64(w->tx, rows, 2);
    }
    db_end(w->tx, rows);
    *ret_there = more;
    return e;
}

/* The index of the node, which is added if it is new; SIZE_MAX: there is no room for it, or no such thing any more. */
static enum err node_find(struct op *op, struct walk *w, const struct key *key, size_t *ret)
{
    struct found f = {.key = *key, .id = key_id(op, key)};
    uintptr_t known = (uintptr_t)map_find(&w->ids, f.id);
    bool there = false;
    *ret = known ? known - 1 : SIZE_MAX;
    if (known)
        return OK;
    enum err e = store_room(op, 0);
    if (!e)
        e = show(op, w, &f, &there);
    if (e || !there)
        return e;
    if (w->nodes.len >= LIMIT_LINEAGE_NODES) {
        w->truncated = true;
        return OK;
    }
    struct found *slot = vec_push(&w->nodes, op->arena);
    if (!slot || !map_put(&w->ids, f.id, (void *)(uintptr_t)w->nodes.len))
        return op_fail(op, E_TOO_LARGE, "the lineage does not fit in memory");
    *slot = f;
    *ret = w->nodes.len - 1;
    return OK;
}

/* The present rule leads from node `at` to `key`, in the direction of this pass. */
static enum err reach(struct op *op, struct walk *w, size_t at, const struct key *key)
{
    size_t other = 0;
    enum err e = node_find(op, w, key, &other);
    if (e || other == SIZE_MAX)
        return e;
    size_t from = w->up ? other : at, to = w->up ? at : other;
    struct str link = str_from(op_printf(op, "%zu %zu %s", from, to, w->rule->relation));
    if (!map_has(&w->links, link)) {
        struct lineage_edge *edge = vec_push(&w->edges, op->arena);
        if (!edge || !map_put(&w->links, link, w))
            return op_fail(op, E_TOO_LARGE, "the lineage does not fit in memory");
        *edge = (struct lineage_edge){from, to, w->rule->relation};
    }
    int *steps = &w->nodes.p[other].steps[w->up];
    if (*steps)
        return OK;
    *steps = w->nodes.p[at].steps[w->up] + 1;
    size_t *next = vec_push(&w->queue, op->arena);
    if (!next)
        return op_fail(op, E_TOO_LARGE, "the lineage does not fit in memory");
    *next = other;
    return OK;
}

static enum err reach_all(struct op *op, struct walk *w, size_t at, const struct sql *sql, enum kind kind)
{
    struct db_rows *rows = NULL;
    VEC(struct key) keys = {0};
    bool more = false;
    enum err e = ask(op, w, sql, &w->nodes.p[at].key, &rows);
    if (e)
        return e;
    while (!(e = db_step(op, w->tx, rows, &more)) && more) {
        w->truncated = w->truncated || keys.len == LIMIT_LINEAGE_FAN;
        if (keys.len == LIMIT_LINEAGE_FAN || (e = store_room(op, 0)))
            break;
        struct key *k = vec_push(&keys, op->arena);
        if (!k) {
            e = op_fail(op, E_TOO_LARGE, "the lineage does not fit in memory");
            break;
        }
        k->kind = kind;
        if (kinds[kind].number == 0)
            k->n = db_col_i64(w->tx, rows, 0);
        else
            k->a = db_col_dup(op, w->tx, rows, 0);
        if (kinds[kind].number == 1)
            k->n = db_col_i64(w->tx, rows, 1);
        else if (kinds[kind].parts == 2)
            k->b = db_col_dup(op, w->tx, rows, 1);
    }
    db_end(w->tx, rows);
    for (size_t i = 0; !e && i < keys.len; i++)
        e = reach(op, w, at, &keys.p[i]);
    return e;
}

/* The version that a retraining's result names; false when it names none. */
static bool result_read(struct op *op, struct str text, struct key *ret)
{
    struct json *doc = NULL;
    struct key k = {.kind = VERSION};
    if (json_parse(op, text, JSON_STRICT, &doc) || json_want_str(op, doc, "model", &k.a) ||
        json_want_i64(op, doc, "version", 1, INT64_MAX, &k.n)) {
        op_clear(op);
        return false;
    }
    *ret = k;
    return true;
}

static enum err retrain_version_down(struct op *op, struct walk *w, size_t at)
{
    struct db_val v;
    struct key k;
    enum err e = db_query_one(op, w->tx, &sql_lineage_retrain_result, DB_ARGS(DB_I64(w->nodes.p[at].key.n)), &v, 1);
    if (e == E_NOT_FOUND) {
        op_clear(op);
        return OK;
    }
    return e || !result_read(op, v.s, &k) ? e : reach(op, w, at, &k);
}

static enum err retrain_version_up(struct op *op, struct walk *w, size_t at)
{
    struct key want = w->nodes.p[at].key, got, found = {.kind = RETRAIN};
    struct db_rows *rows = NULL;
    bool more = false, hit = false;
    enum err e = db_query(op, w->tx, &sql_lineage_retrain_results_of_model, DB_ARGS(DB_TEXT(want.a)), &rows);
    if (e)
        return e;
    while (!hit && !(e = db_step(op, w->tx, rows, &more)) && more) {
        if ((e = store_room(op, 0)))
            break;
        found.n = db_col_i64(w->tx, rows, 0);
        hit = result_read(op, db_col_dup(op, w->tx, rows, 1), &got) && got.n == want.n && str_eq(got.a, want.a);
    }
    db_end(w->tx, rows);
    return e || !hit ? e : reach(op, w, at, &found);
}

static enum err expand(struct op *op, struct walk *w, size_t at)
{
    enum err e = OK;
    for (size_t i = 0; !e && i < ARRAY_LEN(rules); i++) {
        const struct rule *r = &rules[i];
        w->rule = r;
        if (w->nodes.p[at].key.kind != (w->up ? r->to : r->from))
            continue;
        if (r->down_fn)
            e = (w->up ? r->up_fn : r->down_fn)(op, w, at);
        else
            e = reach_all(op, w, at, w->up ? r->up : r->down, w->up ? r->from : r->to);
    }
    return e;
}

static enum err pass(struct op *op, struct walk *w, bool up)
{
    size_t first = w->queue.len, *start = vec_push(&w->queue, op->arena);
    if (!start)
        return op_fail(op, E_TOO_LARGE, "the lineage does not fit in memory");
    enum err e = OK;
    *start = 0;
    w->up = up;
    w->nodes.p[0].steps[up] = 1;
    for (size_t i = first; !e && i < w->queue.len; i++) {
        if (w->nodes.p[w->queue.p[i]].steps[up] <= w->q->depth)
            e = expand(op, w, w->queue.p[i]);
    }
    return e;
}

static enum err read_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct walk *w = arg;
    struct key key;
    size_t at = 0;
    w->tx = tx;
    enum err e = key_parse(op, w->q->node, &key);
    if (!e)
        e = node_find(op, w, &key, &at);
    if (!e && at == SIZE_MAX)
        e = op_fail(op, E_NOT_FOUND, "there is no %.*s", STR_FMT(w->q->node));
    if (!e && w->q->direction & LINEAGE_UP)
        e = pass(op, w, true);
    if (!e && w->q->direction & LINEAGE_DOWN)
        e = pass(op, w, false);
    return e;
}

enum err lineage_read(struct op *op, struct db *db, const struct lineage_query *q, struct lineage *ret)
{
    struct walk w = {.q = q};
    if (q->depth < 1 || q->depth > LIMIT_LINEAGE_DEPTH)
        return op_fail_field(op, "depth", "depth must be from 1 to %d", LIMIT_LINEAGE_DEPTH);
    map_init(&w.ids, op->arena);
    map_init(&w.links, op->arena);
    enum err e = db_read(op, db, read_tx, &w);
    if (e)
        return e;
    struct lineage out = {.node_count = w.nodes.len, .edges = w.edges.p, .edge_count = w.edges.len, .truncated = w.truncated};
    out.nodes = arena_alloc(op->arena, sizeof *out.nodes * (w.nodes.len + 1));
    for (size_t i = 0; i < w.nodes.len; i++) {
        const struct found *f = &w.nodes.p[i];
        int depth = f->steps[1] && (!f->steps[0] || f->steps[1] <= f->steps[0]) ? 1 - f->steps[1] : f->steps[0] - 1;
        out.nodes[i] = (struct lineage_node){f->id, str_from(kinds[f->key.kind].name), f->label, f->state, f->time_us, depth};
    }
    *ret = out;
    return OK;
}
