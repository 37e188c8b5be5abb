#include "core/alert/rule.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/time.h"
#include "base/vec.h"
#include "core/track/change.h"
#include "core/track/experiment.h"
#include "core/track/run_search.h"
#include "core/track/store.h"
#include "sql_gen.h"

static const char *const kinds[ALERT_KINDS] = {"metric", "nan", "stale", "failed"};
static const char *const comparisons[ALERT_COMPARISONS] = {">", ">=", "<", "<=", "==", "!="};

struct alerts {
    struct db *db;
    struct webhooks *hooks;
};

struct alerts *alerts_create(struct db *db, struct webhooks *hooks)
{
    struct alerts *a = calloc(1, sizeof *a);
    if (!a)
        abort();
    *a = (struct alerts){db, hooks};
    return a;
}

void alerts_destroy(struct alerts *a)
{
    free(a);
}

struct db *alerts_db(const struct alerts *a)
{
    return a->db;
}

const char *alert_kind_name(enum alert_kind k)
{
    return k < ALERT_KINDS ? kinds[k] : "unknown";
}

const char *alert_comparison_text(enum alert_comparison c)
{
    return c < ALERT_COMPARISONS ? comparisons[c] : "?";
}

bool alert_kind_parse(struct str text, enum alert_kind *ret)
{
    for (unsigned i = 0; i < ALERT_KINDS; i++) {
        if (str_eqc(text, kinds[i])) {
            *ret = (enum alert_kind)i;
            return true;
        }
    }
    return false;
}

bool alert_comparison_parse(struct str text, enum alert_comparison *ret)
{
    for (unsigned i = 0; i < ALERT_COMPARISONS; i++) {
        if (str_eqc(text, comparisons[i])) {
            *ret = (enum alert_comparison)i;
            return true;
        }
    }
    return false;
}

bool alert_rule_holds(const struct alert_rule *r, double v)
{
    switch (r->comparison) {
    case ALERT_GT:
        return v > r->threshold;
    case ALERT_GE:
        return v >= r->threshold;
    case ALERT_LT:
        return v < r->threshold;
    case ALERT_LE:
        return v <= r->threshold;
    case ALERT_EQ:
        return v == r->threshold;
    default:
        return v != r->threshold;
    }
}

static struct str metric_or_any(const struct alert_rule *r)
{
    return r->metric.len ? r->metric : STR("any metric");
}

struct str alert_rule_text(struct op *op, const struct alert_rule *r)
{
    char number[32];
    switch (r->kind) {
    case ALERT_METRIC:
        json_format_f64(r->threshold, number);
        return str_from(op_printf(op, r->points == 1 ? "%.*s %s %s" : "%.*s %s %s for %" PRId64 " points", STR_FMT(r->metric),
                                  comparisons[r->comparison], number, r->points));
    case ALERT_NAN:
        return str_from(op_printf(op, "%.*s is NaN", STR_FMT(metric_or_any(r))));
    case ALERT_STALE:
        return str_from(op_printf(op, "no point of %.*s for %" PRId64 " s", STR_FMT(metric_or_any(r)), (int64_t)(r->span_us / TIME_US_PER_S)));
    default:
        return STR("the run has failed");
    }
}

/* ---- checks ---- */

static enum err check_kind(struct op *op, const struct alert_rule *r)
{
    if (r->kind == ALERT_METRIC && (r->metric.len == 0 || !isfinite(r->threshold)))
        return op_fail_field(op, "metric", "a rule of kind 'metric' needs a metric and a finite threshold");
    if (r->kind == ALERT_METRIC && (r->points < 1 || r->points > LIMIT_ALERT_POINTS))
        return op_fail_field(op, "points", "'points' must be 1 to %d", LIMIT_ALERT_POINTS);
    if (r->kind == ALERT_STALE && (r->span_us < TIME_US_PER_S || r->span_us > LIMIT_ALERT_SPAN_US))
        return op_fail_field(op, "after", "a rule of kind 'stale' needs a time of silence from 1s to 365d");
    if (r->kind == ALERT_FAILED && r->metric.len)
        return op_fail_field(op, "metric", "a rule of kind 'failed' looks at no metric");
    return OK;
}

static enum err check_rule(struct op *op, const struct alert_rule *r)
{
    struct filter f;
    bool ok = r->name.len > 0 && r->name.len <= LIMIT_WEBHOOK_NAME;
    for (size_t i = 0; ok && i < r->name.len; i++)
        ok = isalnum((unsigned char)r->name.p[i]) || (i && (r->name.p[i] == '.' || r->name.p[i] == '_' || r->name.p[i] == '-'));
    if (!ok)
        return op_fail_field(op, "name", "a rule's name is 1 to %d letters, digits, '.', '_' and '-', and begins with a letter or digit",
                             LIMIT_WEBHOOK_NAME);
    enum err e = check_kind(op, r);
    if (!e && r->metric.len)
        e = names_check_key(op, r->metric, "metric");
    if (!e)
        e = names_check_length(op, "metric", r->metric, LIMIT_TRACK_KEY);
    return e ? e : filter_parse(op, &run_search_rules, r->filter, &f);
}

static enum err check_receiver(struct op *op, struct alerts *a, const struct alert_receiver *to)
{
    if (to->webhook_id.len && to->url.len)
        return op_fail_field(op, "webhook", "give either 'webhook' or 'url'");
    if (to->secret.len && !to->url.len)
        return op_fail_field(op, "secret", "a secret goes with an 'url'");
    struct webhook_input in = {.url = to->url, .secret = to->secret};
    return to->url.len ? webhook_check_input(op, a->hooks, &in) : OK;
}

/* ---- rows ---- */

static void load_row(struct op *op, struct db_tx *tx, struct db_rows *rows, struct alert_rule *r)
{
    bool there = !db_col_null(tx, rows, 15) && db_col_i64(tx, rows, 16) == 0;
    *r = (struct alert_rule){
        .row = db_col_i64(tx, rows, 0),
        .name = db_col_dup(op, tx, rows, 1),
        .kind = (enum alert_kind)db_col_i64(tx, rows, 2),
        .experiment = db_col_i64(tx, rows, 3),
        .filter = db_col_dup(op, tx, rows, 4),
        .metric = db_col_dup(op, tx, rows, 5),
        .comparison = (enum alert_comparison)db_col_i64(tx, rows, 6),
        .threshold = store_to_f64(db_col_i64(tx, rows, 7)),
        .points = db_col_i64(tx, rows, 8),
        .span_us = db_col_i64(tx, rows, 9),
        .webhook = there ? db_col_i64(tx, rows, 10) : 0,
        .own_webhook = db_col_i64(tx, rows, 11) != 0,
        .fresh = db_col_i64(tx, rows, 12) != 0,
        .actor = db_col_dup(op, tx, rows, 13),
        .created_us = db_col_i64(tx, rows, 14),
        .webhook_id = there ? db_col_dup(op, tx, rows, 15) : STR(""),
    };
}

static enum err load_rows(struct op *op, struct db_tx *tx, const struct sql *sql, const struct db_val *args, size_t n, struct alert_rule **ret, size_t *ret_len)
{
    struct db_rows *rows = NULL;
    VEC(struct alert_rule) v = {0};
    bool more = false;
    enum err e = db_query(op, tx, sql, args, n, &rows);
    if (e)
        return e;
    while (!(e = db_step(op, tx, rows, &more)) && more) {
        struct alert_rule *r = store_room(op, 0) ? NULL : vec_push(&v, op->arena);
        if (!r) {
            e = op_fail(op, E_TOO_LARGE, "too many alert rules to hold in memory");
            break;
        }
        load_row(op, tx, rows, r);
    }
    db_end(tx, rows);
    *ret = v.p;
    *ret_len = v.len;
    return e;
}

enum err alert_rules_load(struct op *op, struct db_tx *tx, struct alert_rule **ret, size_t *ret_len)
{
    return load_rows(op, tx, &sql_alert_rules, DB_NO_ARGS, ret, ret_len);
}

static enum err find(struct op *op, struct db_tx *tx, struct str name, struct alert_rule *ret)
{
    struct alert_rule *rows = NULL;
    size_t n = 0;
    enum err e = load_rows(op, tx, &sql_alert_rule_get, DB_ARGS(DB_TEXT(name)), &rows, &n);
    if (!e && n == 0)
        return op_fail(op, E_NOT_FOUND, "there is no alert rule '%.*s'", STR_FMT(name));
    if (!e)
        *ret = rows[0];
    return e;
}

struct call {
    struct alerts *a;
    const struct alert_rule *in;
    const struct alert_receiver *to;
    struct str name;
    struct alert_rule out;
    struct alert_rule *list;
    size_t len;
};

/* The first rule of all begins with what changes from now on. */
static enum err start_cursor(struct op *op, struct db_tx *tx)
{
    struct db_val count, cursor[2];
    int64_t oldest = 0, newest = 0;
    enum err e = db_query_one(op, tx, &sql_alert_rule_count, DB_NO_ARGS, &count, 1);
    if (e || count.i > 0)
        return e;
    if ((e = track_change_ends(op, tx, &oldest, &newest)) || (e = db_query_one(op, tx, &sql_alert_cursor_get, DB_NO_ARGS, cursor, 2)))
        return e;
    return db_exec(op, tx, &sql_alert_cursor_move, DB_ARGS(DB_I64(newest), cursor[1]), NULL);
}

static enum err receiver_of(struct op *op, struct db_tx *tx, const struct call *c, int64_t *ret_row, bool *ret_own)
{
    struct webhook w = {0};
    enum err e = OK;
    if (c->to->webhook_id.len) {
        e = webhook_find(op, tx, c->to->webhook_id, &w);
    } else if (c->to->url.len) {
        struct webhook_input in = {.name = str_from(op_printf(op, "alert-%.*s", STR_FMT(str_sub(c->in->name, 0, 50)))), .url = c->to->url,
                                   .secret = c->to->secret, .alert = true};
        e = webhook_insert(op, tx, c->a->hooks, &in, &w);
        *ret_own = true;
    }
    *ret_row = w.row;
    return e;
}

static enum err audit(struct op *op, struct db_tx *tx, const char *verb, const struct alert_rule *r)
{
    struct track_kv detail[] = {{STR("kind"), str_from(kinds[r->kind])}, {STR("rule"), alert_rule_text(op, r)}, {STR("filter"), r->filter},
                                {STR("experiment"), str_from(op_printf(op, "%" PRId64, r->experiment))}, {STR("webhook"), r->webhook_id}};
    return store_audit(op, tx, verb, "alert_rule", r->name, detail, ARRAY_LEN(detail));
}

static enum err add_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct call *c = arg;
    const struct alert_rule *r = c->in;
    struct str none = STR("");
    int64_t webhook = 0;
    bool own = false;
    enum err e = start_cursor(op, tx);
    if (!e)
        e = receiver_of(op, tx, c, &webhook, &own);
    if (e)
        return e;
    e = db_exec(op, tx, &sql_alert_rule_insert,
                DB_ARGS(DB_TEXT(r->name), DB_I64(r->kind), DB_I64(r->experiment), DB_TEXT(r->filter.p ? r->filter : none),
                        DB_TEXT(r->metric.p ? r->metric : none), DB_I64(r->comparison), DB_I64(store_from_f64(r->threshold)),
                        DB_I64(r->points), DB_I64(r->span_us), DB_I64(webhook), DB_I64(own), DB_TEXT(op->actor.name), DB_I64(op->now_us)), NULL);
    if (e == E_EXISTS) {
        op_clear(op);
        return op_fail(op, E_EXISTS, "there is an alert rule '%.*s' already", STR_FMT(r->name));
    }
    if (!e)
        e = find(op, tx, r->name, &c->out);
    return e ? e : audit(op, tx, "alert_rule.add", &c->out);
}

enum err alert_rule_add(struct op *op, struct alerts *a, const struct alert_rule *rule, const struct alert_receiver *to, struct alert_rule *ret)
{
    struct call c = {.a = a, .in = rule, .to = to};
    struct experiment x;
    enum err e = check_rule(op, rule);
    if (!e)
        e = check_receiver(op, a, to);
    if (!e && rule->experiment != ALERT_ALL_EXPERIMENTS)
        e = experiment_get(op, a->db, rule->experiment, &x);
    if (!e)
        e = db_write(op, a->db, add_tx, &c);
    if (!e)
        *ret = c.out;
    return e;
}

static enum err remove_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct call *c = arg;
    struct webhook w;
    enum err e = find(op, tx, c->name, &c->out);
    if (!e)
        e = store_exec_id(op, tx, &sql_alert_watch_delete_rule, c->out.row);
    if (!e)
        e = db_exec(op, tx, &sql_alert_close_rule, DB_ARGS(DB_I64(c->out.row), DB_I64(op->now_us)), NULL);
    if (!e)
        e = store_exec_id(op, tx, &sql_alert_rule_delete, c->out.row);
    if (!e && c->out.own_webhook && c->out.webhook_id.len) {
        e = webhook_find(op, tx, c->out.webhook_id, &w);
        if (!e)
            e = webhook_remove(op, tx, &w);
    }
    return e ? e : audit(op, tx, "alert_rule.remove", &c->out);
}

enum err alert_rule_remove(struct op *op, struct alerts *a, struct str name)
{
    return db_write(op, a->db, remove_tx, &(struct call){.name = name});
}

static enum err list_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct call *c = arg;
    return alert_rules_load(op, tx, &c->list, &c->len);
}

enum err alert_rule_list(struct op *op, struct alerts *a, struct alert_rule **ret, size_t *ret_len)
{
    struct call c = {0};
    enum err e = db_read(op, a->db, list_tx, &c);
    if (e)
        return e;
    *ret = c.list;
    *ret_len = c.len;
    return OK;
}
