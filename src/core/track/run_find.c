/* Names are searched as filters of run_search.h, over the columns in memory. A filter's text cannot hold both kinds of quotes, and %, _ mean something in it:
 * they are asked for as "any character", and what comes back is looked at again. */
#include "core/track/run_find.h"

#include "base/limits.h"
#include "core/track/experiment.h"

#include <stdio.h>

static unsigned char folded(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

bool run_find_has(struct str name, struct str text, bool at_start)
{
    for (size_t from = 0; from + text.len <= name.len; from++) {
        size_t i = 0;
        while (i < text.len && folded(name.p[from + i]) == folded(text.p[i]))
            i++;
        if (i == text.len)
            return true;
        if (at_start)
            return false;
    }
    return false;
}

static struct str pattern(struct op *op, const char *field, struct str text, bool at_start)
{
    char *out = arena_alloc(op->arena, text.len + strlen(field) + 16);
    size_t n = (size_t)snprintf(out, strlen(field) + 16, "%s ILIKE '%s", field, at_start ? "" : "%");
    for (size_t i = 0; i < text.len; i++)
        out[n++] = text.p[i] == '\'' || text.p[i] == '%' || text.p[i] == '\\' ? '_' : text.p[i];
    out[n++] = '%';
    out[n++] = '\'';
    return (struct str){out, n};
}

struct find {
    struct db *db;
    struct run_index *index;
    struct str text;
    size_t limit, len, from; /* from: of the present kind */
    struct run_found *found;
};

static bool is_known(const struct find *f, struct str run_id, int64_t experiment)
{
    for (size_t i = f->from; i < f->len; i++)
        if (run_id.len ? str_eq(f->found[i].run_id, run_id) : f->found[i].experiment_id == experiment)
            return true;
    return false;
}

static enum err find_experiments(struct op *op, struct find *f, bool at_start)
{
    struct experiment_page page;
    enum err e = experiment_search(op, f->db, &(struct experiment_query){.filter = pattern(op, "attribute.name", f->text, at_start), .view = TRACK_VIEW_ACTIVE,
                                                                         .max_results = LIMIT_TRACK_FIND}, &page);
    for (size_t i = 0; !e && i < page.len && f->len - f->from < f->limit; i++) {
        const struct experiment *x = &page.items[i];
        if (run_find_has(x->name, f->text, at_start) && !is_known(f, STR(""), x->id))
            f->found[f->len++] = (struct run_found){STR(""), x->name, x->id, x->name};
    }
    return e;
}

static enum err experiment_name(struct op *op, const struct find *f, struct run_found *r)
{
    struct experiment x;
    for (size_t i = f->from; i < f->len; i++) {
        if (f->found[i].experiment_id == r->experiment_id && &f->found[i] != r) {
            r->experiment_name = f->found[i].experiment_name;
            return OK;
        }
    }
    enum err e = experiment_get(op, f->db, r->experiment_id, &x);
    if (e == E_NOT_FOUND) {
        op_clear(op);
        return OK;
    }
    if (!e)
        r->experiment_name = x.name;
    return e;
}

static enum err find_runs(struct op *op, struct find *f, struct str filter, bool by_name, bool at_start)
{
    struct run_page page;
    struct run_columns none = {0};
    enum err e = run_search(op, f->db, &(struct run_query){.all_experiments = true, .filter = filter, .view = TRACK_VIEW_ACTIVE, .max_results = LIMIT_TRACK_FIND,
                                                           .columns = &none, .index = f->index}, &page);
    for (size_t i = 0; !e && i < page.len && f->len - f->from < f->limit; i++) {
        const struct track_run *r = &page.runs[i];
        if ((by_name && !run_find_has(r->name, f->text, at_start)) || is_known(f, r->run_id, 0))
            continue;
        struct run_found *out = &f->found[f->len++];
        *out = (struct run_found){.run_id = r->run_id, .name = r->name, .experiment_id = r->experiment_id};
        e = experiment_name(op, f, out);
    }
    return e;
}

static bool is_hex(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f')))
            return false;
    return s.len >= 4 && s.len <= 32;
}

enum err run_find(struct op *op, struct db *db, struct run_index *index, struct str text, size_t limit, struct run_found **ret, size_t *ret_len)
{
    if (text.len > LIMIT_TRACK_FIND_BYTES || memchr(text.p ? text.p : "", 0, text.len))
        return op_fail_field(op, "q", "'q' must be a text of at most %d bytes", LIMIT_TRACK_FIND_BYTES);
    struct find f = {.db = db, .index = index, .text = text, .limit = limit};
    f.found = arena_array(op->arena, 2 * limit + 1, struct run_found);
    if (!f.found)
        return op_fail(op, E_TOO_LARGE, "the answer does not fit in memory");
    enum err e = OK;
    for (int at_start = 1; text.len && !e && at_start >= 0; at_start--)
        e = find_experiments(op, &f, at_start);
    f.from = f.len;
    if (!e && is_hex(text))
        e = find_runs(op, &f, str_from(op_printf(op, "attributes.run_id LIKE '%.*s%%'", STR_FMT(text))), false, false);
    for (int at_start = 1; text.len && !e && at_start >= 0; at_start--)
        e = find_runs(op, &f, pattern(op, "attributes.run_name", text, at_start), true, at_start);
    if (!e) {
        *ret = f.found;
        *ret_len = f.len;
    }
    return e;
}
