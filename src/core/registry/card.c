#include "core/registry/card.h"

#include "base/limits.h"
#include "base/vec.h"
#include "core/registry/usage.h"
#include "core/track/store.h"
#include "sql_gen.h"

#include <inttypes.h>

#define ENDPOINTS_SHOWN 100

const struct registry_card_title registry_card_titles[] = {
    {"owner", "Owner"},
    {"intended_use", "Intended use"},
    {"limitations", "Limitations"},
    {"training_data", "Training data"},
    {"evaluation", "Evaluation"},
    {"ethics", "Ethical considerations"},
    {"caveats", "Caveats and recommendations"},
    {0},
};

struct card_arg {
    struct str name;
    int64_t version;
    const struct track_kv *in;
    size_t in_count;
    size_t limit;
    struct registry_card card;
    VEC(struct registry_card_section) rows;
    VEC(struct registry_change) history;
    struct str number;
};

static bool is_section(struct str s)
{
    for (const struct registry_card_title *t = registry_card_titles; t->section; t++) {
        if (str_eqc(s, t->section))
            return true;
    }
    return false;
}

/* The first row of each section is the nearest version's; an empty text there hides older ones. */
static enum err sections_load(struct op *op, struct db_tx *tx, struct card_arg *a)
{
    struct registry_card *c = &a->card;
    struct db_rows *rows = NULL;
    size_t titles = 0;
    bool more = false;
    while (registry_card_titles[titles].section)
        titles++;
    struct registry_card_section *found = arena_alloc(op->arena, sizeof *found * (titles + 1));
    enum err e = db_query(op, tx, &sql_registry_card_sections, DB_ARGS(DB_I64(c->version.model_row), DB_I64(a->version)), &rows);
    if (e)
        return e;
    while (!(e = db_step(op, tx, rows, &more)) && more) {
        for (size_t i = 0; i < titles; i++) {
            if (found[i].version || !str_eqc(db_col_str(tx, rows, 1), registry_card_titles[i].section))
                continue;
            if ((e = store_room(op, LIMIT_MIB(1))))
                break;
            found[i] = (struct registry_card_section){.section = str_from(registry_card_titles[i].section),
                                                      .version = db_col_i64(tx, rows, 0),
                                                      .revision = db_col_i64(tx, rows, 2),
                                                      .at_us = db_col_i64(tx, rows, 3),
                                                      .actor = db_col_dup(op, tx, rows, 4),
                                                      .body = db_col_dup(op, tx, rows, 5)};
        }
        if (e)
            break;
    }
    db_end(tx, rows);
    c->sections = found;
    for (size_t i = 0; i < titles; i++) {
        if (found[i].body.len)
            found[c->section_count++] = found[i];
    }
    return e;
}

/* A change of this version's stage, or of an alias to or from it. */
static enum err history_one(struct op *op, void *arg, const struct registry_change *c, bool *ret_go_on)
{
    struct card_arg *a = arg;
    bool mine = str_eqc(c->kind, "stage") ? str_eq(c->subject, a->number)
                                          : str_eqc(c->kind, "alias") && (str_eq(c->old_value, a->number) || str_eq(c->new_value, a->number));
    if (str_eqc(c->kind, "model"))
        *ret_go_on = false;
    if (!mine)
        return OK;
    struct registry_change *slot = vec_push(&a->history, op->arena);
    if (!slot)
        return op_fail(op, E_TOO_LARGE, "the history does not fit in memory");
    *slot = *c;
    *ret_go_on = a->history.len < LIMIT_REGISTRY_CARD_HISTORY;
    return OK;
}

static enum err get_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct card_arg *a = arg;
    struct registry_card *c = &a->card;
    enum err e = registry_version_find(op, tx, a->name, a->version, &c->version);
    if (!e)
        e = registry_version_fill(op, tx, &c->version);
    if (!e)
        e = sections_load(op, tx, a);
    c->endpoints = arena_alloc(op->arena, sizeof *c->endpoints * ENDPOINTS_SHOWN);
    if (!e)
        e = registry_usage_list(op, tx, a->name, a->version, c->endpoints, ENDPOINTS_SHOWN, &c->endpoint_count);
    a->number = str_from(op_printf(op, "%" PRId64, a->version));
    if (!e)
        e = registry_history_each(op, tx, a->name, 0, history_one, a);
    c->history = a->history.p;
    c->history_count = a->history.len;
    return e;
}

static const struct json *parsed(struct op *op, struct str text)
{
    struct json *j = NULL;
    if (text.len && !json_parse(op, text, JSON_STRICT, &j))
        return j;
    op_clear(op);
    return NULL;
}

/* What the card is about may be gone: then it says less. */
static enum err absent_is_fine(struct op *op, enum err e)
{
    if (e != E_NOT_FOUND && e != E_INVALID)
        return e;
    op_clear(op);
    return OK;
}

enum err registry_card_get(struct op *op, struct db *db, struct str name, int64_t version, struct registry_card *ret)
{
    struct card_arg a = {.name = name, .version = version};
    struct registry_card *c = &a.card;
    const struct registry_version *v = &c->version;
    enum err e = db_read(op, db, get_tx, &a);
    if (!e && v->run_id.len)
        e = absent_is_fine(op, track_run_get(op, db, v->run_id, &c->run));
    if (!e && v->model_id.len)
        e = absent_is_fine(op, logged_model_get(op, db, v->model_id, true, &c->model));
    if (e)
        return e;
    c->signature = parsed(op, v->signature);
    c->changes = parsed(op, v->semver_changes);
    c->gates = parsed(op, names_find(v->tags.p, v->tags.len, REGISTRY_GATES_TAG));
    if (c->gates && c->gates->type != JSON_ARRAY)
        c->gates = NULL;
    *ret = *c;
    return OK;
}

static enum err set_one(struct op *op, struct db_tx *tx, struct card_arg *a, const struct track_kv *s, bool *ret_changed)
{
    const struct registry_card *c = &a->card;
    struct db_val last;
    for (size_t i = 0; i < c->section_count; i++) {
        if (str_eq(c->sections[i].section, s->key) && c->sections[i].version == a->version && str_eq(c->sections[i].body, s->value))
            return OK;
    }
    enum err e = db_query_one(op, tx, &sql_registry_card_last_revision, DB_ARGS(DB_I64(c->version.row), DB_TEXT(s->key)), &last, 1);
    *ret_changed = true;
    return e ? e : db_exec(op, tx, &sql_registry_card_insert,
                           DB_ARGS(DB_I64(c->version.row), DB_TEXT(s->key), DB_I64(last.i + 1), DB_I64(op->now_us), DB_TEXT(op->actor.name),
                                   DB_TEXT(op->reason.p ? op->reason : STR("")), DB_TEXT(s->value.p ? s->value : STR(""))), NULL);
}

static enum err set_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct card_arg *a = arg;
    bool changed = false;
    const char *names = "";
    enum err e = registry_version_find(op, tx, a->name, a->version, &a->card.version);
    if (!e)
        e = sections_load(op, tx, a);
    for (size_t i = 0; !e && i < a->in_count; i++) {
        e = set_one(op, tx, a, &a->in[i], &changed);
        names = op_printf(op, "%s%s%.*s", names, i ? ", " : "", STR_FMT(a->in[i].key));
    }
    struct track_kv detail[] = {{STR("version"), str_from(op_printf(op, "%" PRId64, a->version))}, {STR("sections"), str_from(names)}};
    return e || !changed ? e : store_audit(op, tx, "card.edit", "model", a->name, detail, ARRAY_LEN(detail));
}

enum err registry_card_set(struct op *op, struct db *db, struct str name, int64_t version, const struct track_kv *sections, size_t n)
{
    struct card_arg a = {.name = name, .version = version, .in = sections, .in_count = n};
    enum err e = registry_reason_check(op);
    for (size_t i = 0; !e && i < n; i++) {
        const char *field = op_printf(op, "sections.%.*s", STR_FMT(str_sub(sections[i].key, 0, 100)));
        if (!is_section(sections[i].key))
            return op_fail_field(op, field, "a card has no section '%.*s'; it has owner, intended_use, limitations, training_data, "
                                            "evaluation, ethics, caveats", STR_FMT(str_sub(sections[i].key, 0, 100)));
        e = names_check_length(op, field, sections[i].value, LIMIT_REGISTRY_CARD_SECTION);
    }
    return e ? e : db_write(op, db, set_tx, &a);
}

static enum err edits_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct card_arg *a = arg;
    struct registry_version v;
    struct db_rows *rows = NULL;
    bool more = false;
    enum err e = registry_version_find(op, tx, a->name, a->version, &v);
    if (e || (e = db_query(op, tx, &sql_registry_card_edits, DB_ARGS(DB_I64(v.row), DB_I64((int64_t)a->limit)), &rows)))
        return e;
    while (!(e = db_step(op, tx, rows, &more)) && more) {
        struct registry_card_section *s = store_room(op, LIMIT_MIB(1)) ? NULL : vec_push(&a->rows, op->arena);
        if (!s) {
            e = op_fail(op, E_TOO_LARGE, "the edits do not fit in memory: ask for fewer");
            break;
        }
        *s = (struct registry_card_section){.section = db_col_dup(op, tx, rows, 0), .revision = db_col_i64(tx, rows, 1),
                                            .at_us = db_col_i64(tx, rows, 2), .actor = db_col_dup(op, tx, rows, 3),
                                            .reason = db_col_dup(op, tx, rows, 4), .body = db_col_dup(op, tx, rows, 5), .version = a->version};
    }
    db_end(tx, rows);
    return e;
}

enum err registry_card_edits(struct op *op, struct db *db, struct str name, int64_t version, size_t limit, struct registry_card_section **ret, size_t *ret_len)
{
    struct card_arg a = {.name = name, .version = version, .limit = limit};
    enum err e = db_read(op, db, edits_tx, &a);
    if (e)
        return e;
    *ret = a.rows.p;
    *ret_len = a.rows.len;
    return OK;
}
