/* Prompts are models and versions with the tag mlflow.prompt.is_prompt=true. A search sees them only if it asks for them
 * (the tag = 'true', or != 'false'); in any other search a comparison with that tag holds for all that are no prompts,
 * as in MLflow. A name is a prompt's altogether as soon as one of its versions is. */
#include "core/registry/model.h"

#include "base/limits.h"
#include "base/vec.h"
#include "core/track/filter.h"
#include "core/track/order.h"
#include "core/track/page.h"
#include "core/track/store.h"
#include "sql_gen.h"

#include <inttypes.h>
#include <stdlib.h>

#define PROMPT_TAG "mlflow.prompt.is_prompt"

enum { ATTR_NAME, ATTR_CREATED, ATTR_UPDATED, ATTR_VERSION, ATTR_RUN_ID, ATTR_SOURCE };
static const struct filter_attr model_attrs[] = {{"name", ATTR_NAME, false, true, false}};
static const struct filter_attr model_order_attrs[] = {
    {"name", ATTR_NAME, false, false, false},
    {"timestamp", ATTR_UPDATED, true, false, false},
    {"last_updated_timestamp", ATTR_UPDATED, true, false, false},
    {"creation_timestamp", ATTR_CREATED, true, false, false},
};
static const struct filter_attr version_attrs[] = {
    {"name", ATTR_NAME, false, true, false},
    {"version_number", ATTR_VERSION, true, false, false},
    {"run_id", ATTR_RUN_ID, false, true, false},
    {"source_path", ATTR_SOURCE, false, false, false},
};
static const struct filter_attr version_order_attrs[] = {
    {"name", ATTR_NAME, false, false, false},
    {"version_number", ATTR_VERSION, true, false, false},
    {"creation_timestamp", ATTR_CREATED, true, false, false},
    {"last_updated_timestamp", ATTR_UPDATED, true, false, false},
};
#define ENTITIES (1u << FILTER_ATTRIBUTE | 1u << FILTER_TAG)
static const struct filter_rules model_rules = {ENTITIES, model_attrs, ARRAY_LEN(model_attrs), FILTER_REGISTRY};
static const struct filter_rules version_rules = {ENTITIES, version_attrs, ARRAY_LEN(version_attrs), FILTER_REGISTRY};
static const struct filter_rules model_order_rules = {1u << FILTER_ATTRIBUTE, model_order_attrs, ARRAY_LEN(model_order_attrs), FILTER_REGISTRY};
static const struct filter_rules version_order_rules = {1u << FILTER_ATTRIBUTE, version_order_attrs, ARRAY_LEN(version_order_attrs), FILTER_REGISTRY};

/* Models and versions are searched by the same code over this common view of a row. */
struct item {
    int64_t row, version, created_ms, updated_ms;
    struct str name, run_id, source;
};
struct search {
    const struct registry_search *q;
    bool versions;
    bool wants_prompts;
    struct arena *scratch; /* emptied for each row, so that a scan needs little */
    struct filter filter;
    struct filter_order order[LIMIT_TRACK_ORDER_BY];
    int64_t offset;
    struct db_tx *tx;
    struct item *item;
    VEC(struct item) items;
    struct item *page;
    size_t page_len;
    struct str next_token;
    struct registry_model *models;
    struct registry_version *out;
};

static enum err find_tag(struct op *op, struct search *s, struct str key, bool *ret_found, struct str *ret)
{
    return store_find_text(op, s->tx, s->versions ? &sql_registry_version_tag_get : &sql_registry_model_tag_get, s->item->row, key,
                           ret_found, ret);
}

static bool is_prompt_clause(const struct filter_clause *c)
{
    return c->entity == FILTER_TAG && c->op < FILTER_IS_NULL && str_eq(c->key, STR(PROMPT_TAG));
}

static enum err match_clause(struct op *op, void *arg, const struct filter_clause *c, bool *ret)
{
    struct search *s = arg;
    if (is_prompt_clause(c) && !s->wants_prompts) {
        *ret = true; /* prompts are left out already */
        return OK;
    }
    if (c->entity == FILTER_TAG) {
        bool found = false;
        struct str text = {0};
        enum err e = find_tag(op, s, c->key, &found, &text);
        *ret = found ? filter_test_text(c, text) : c->op == FILTER_IS_NULL;
        return e;
    }
    struct str source = c->attr == ATTR_RUN_ID ? s->item->run_id : s->item->source;
    switch (c->attr) {
    case ATTR_NAME:
        *ret = filter_test_text(c, s->item->name);
        break;
    case ATTR_VERSION:
        *ret = filter_test_i64(c, s->item->version);
        break;
    default:
        *ret = source.len ? filter_test_text(c, source) : c->op == FILTER_IS_NULL;
    }
    return OK;
}

static enum err match_item(struct op *op, struct search *s, bool *ret)
{
    struct db_val prompt;
    enum err e = s->wants_prompts ? E_NOT_FOUND
                                  : db_query_one(op, s->tx, s->versions ? &sql_registry_version_is_prompt : &sql_registry_model_is_prompt,
                                                 DB_ARGS(DB_TEXT(s->item->name)), &prompt, 1);
    if (e != E_NOT_FOUND) {
        *ret = false;
        return e;
    }
    op_clear(op);
    return filter_match(op, &s->filter, match_clause, s, ret);
}

/* The row as views that die with the next step. */
static struct item row_view(const struct search *s, struct db_rows *rows)
{
    struct db_tx *tx = s->tx;
    if (!s->versions)
        return (struct item){.row = db_col_i64(tx, rows, 0), .name = db_col_str(tx, rows, 1),
                             .created_ms = db_col_i64(tx, rows, 3), .updated_ms = db_col_i64(tx, rows, 4)};
    return (struct item){.row = db_col_i64(tx, rows, 0),        .name = db_col_str(tx, rows, 1),
                         .version = db_col_i64(tx, rows, 2),    .created_ms = db_col_i64(tx, rows, 3),
                         .updated_ms = db_col_i64(tx, rows, 4), .source = db_col_str(tx, rows, 8),
                         .run_id = db_col_str(tx, rows, 10)};
}

static enum err judge(struct op *op, struct search *s, struct item it)
{
    bool hit = false;
    struct op scratch = *op;
    scratch.arena = s->scratch;
    s->item = &it;
    enum err e = match_item(&scratch, s, &hit);
    if (e)
        e = op_fail(op, e, "%s", scratch.msg ? scratch.msg : "the filter could not be evaluated");
    arena_reset(s->scratch);
    if (e || !hit)
        return e;
    struct item *slot = store_room(op, 0) ? NULL : vec_push(&s->items, op->arena);
    if (!slot)
        return op_fail(op, E_TOO_LARGE, "the search finds more than fits in memory: narrow the filter");
    *slot = (struct item){it.row, it.version, it.created_ms, it.updated_ms, str_dup(op->arena, it.name), {0}, {0}};
    return OK;
}

static enum err collect(struct op *op, struct search *s)
{
    struct db_rows *rows = NULL;
    enum err e = db_query(op, s->tx, s->versions ? &sql_registry_version_scan : &sql_registry_model_scan, DB_NO_ARGS, &rows);
    if (e)
        return e;
    bool more = false;
    while (!(e = db_step(op, s->tx, rows, &more)) && more && !(e = judge(op, s, row_view(s, rows))))
        ;
    db_end(s->tx, rows);
    return e;
}

static struct order_key key_of(const struct item *it, int attr)
{
    switch (attr) {
    case ATTR_NAME:
        return order_text(it->name);
    case ATTR_VERSION:
        return order_whole(it->version);
    default:
        return order_whole(attr == ATTR_CREATED ? it->created_ms : it->updated_ms);
    }
}

static int compare(const void *pa, const void *pb, void *arg)
{
    const struct search *s = arg;
    const struct item *a = pa, *b = pb;
    for (size_t i = 0; i < s->q->order_count; i++) {
        struct order_key ka = key_of(a, s->order[i].attr), kb = key_of(b, s->order[i].attr);
        int c = order_compare(&s->order[i], 1, &ka, &kb);
        if (c)
            return c;
    }
    if (s->versions && s->q->order_count == 0 && a->updated_ms != b->updated_ms)
        return a->updated_ms < b->updated_ms ? 1 : -1;
    int c = str_cmp(a->name, b->name);
    return c ? c : (a->version < b->version) - (a->version > b->version);
}

static enum err load_version(struct op *op, struct search *s, const struct item *it, struct registry_version *ret)
{
    enum err e = registry_version_find(op, s->tx, it->name, it->version, ret);
    return e ? e : registry_version_fill(op, s->tx, ret);
}

static enum err search_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct search *s = arg;
    s->tx = tx;
    enum err e = collect(op, s);
    if (e)
        return e;
    if (s->items.len > 1)
        qsort_r(s->items.p, s->items.len, sizeof *s->items.p, compare, s);
    size_t from = (size_t)s->offset < s->items.len ? (size_t)s->offset : s->items.len;
    size_t n = s->items.len - from;
    if (n > (size_t)s->q->max_results) {
        n = (size_t)s->q->max_results;
        s->next_token = page_token(op, (int64_t)(from + n));
    }
    s->page = n ? s->items.p + from : NULL;
    s->page_len = n;
    if (!s->versions)
        return OK;
    s->out = arena_array(op->arena, n + 1, struct registry_version);
    if (!s->out)
        return op_fail(op, E_TOO_LARGE, "the page does not fit in memory: lower max_results");
    for (size_t i = 0; i < n && !e; i++)
        e = load_version(op, s, &s->page[i], &s->out[i]);
    return e;
}

static enum err search_open(struct op *op, const struct registry_search *q, bool versions, int max, struct search **ret)
{
    struct search *s = *ret = op_new(op, struct search);
    if (q->max_results < 1)
        return op_fail_field(op, "max_results", "Invalid value for max_results. It must be a positive integer, but got %" PRId64, q->max_results);
    if (q->max_results > max)
        return op_fail_field(op, "max_results",
                             "Invalid value for request parameter max_results. It must be at most %d, but got value %" PRId64, max, q->max_results);
    s->q = q;
    s->versions = versions;
    enum err e = page_offset(op, q->page_token, &s->offset);
    if (!e)
        e = filter_parse(op, versions ? &version_rules : &model_rules, q->filter, &s->filter);
    if (!e)
        e = order_parse(op, versions ? &version_order_rules : &model_order_rules, q->order_by, q->order_count, s->order);
    for (size_t i = 0; !e && i < s->filter.clause_count; i++) {
        const struct filter_clause *c = &s->filter.clauses[i];
        if (!is_prompt_clause(c))
            continue;
        s->wants_prompts = (c->op == FILTER_EQ && str_ieq(c->text, STR("true"))) || (c->op == FILTER_NE && str_ieq(c->text, STR("false")));
        break; /* the first one says it */
    }
    return e;
}

enum err registry_version_search(struct op *op, struct db *db, const struct registry_search *q, struct registry_version_page *ret)
{
    AUTO(arena) struct arena *scratch = arena_create(LIMIT_TRACK_SCRATCH);
    struct search *s = NULL;
    enum err e = search_open(op, q, true, LIMIT_REGISTRY_SEARCH_VERSIONS, &s);
    s->scratch = scratch;
    if (!e)
        e = db_read(op, db, search_tx, s);
    if (!e)
        *ret = (struct registry_version_page){s->out, s->page_len, s->next_token};
    return e;
}

enum err registry_model_search(struct op *op, struct db *db, const struct registry_search *q, struct registry_model_page *ret)
{
    AUTO(arena) struct arena *scratch = arena_create(LIMIT_TRACK_SCRATCH);
    struct search *s = NULL;
    enum err e = search_open(op, q, false, LIMIT_REGISTRY_SEARCH_MODELS, &s);
    s->scratch = scratch;
    if (!e)
        e = db_read(op, db, search_tx, s);
    if (e)
        return e;
    s->models = arena_array(op->arena, s->page_len + 1, struct registry_model);
    if (!s->models)
        return op_fail(op, E_TOO_LARGE, "the page does not fit in memory: lower max_results");
    size_t n = 0;
    for (size_t i = 0; i < s->page_len; i++) {
        e = registry_model_get(op, db, s->page[i].name, &s->models[n]);
        if (e == E_NOT_FOUND) { /* deleted between the two reads */
            op_clear(op);
            continue;
        }
        if (e)
            return e;
        n++;
    }
    *ret = (struct registry_model_page){s->models, n, s->next_token};
    return OK;
}
