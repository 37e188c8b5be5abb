#include "core/track/run_find.h"

#include "api/native/native.h"
#include "api/services.h"
#include "base/limits.h"
#include "core/registry/model.h"
#include "core/serve/serve.h"

static void begin_result(struct json_out *w, const char *kind, struct str name)
{
    json_begin_object(w);
    json_kv_cstr(w, "kind", kind);
    json_kv_str(w, "name", name);
}

static void write_found(struct json_out *w, const struct run_found *f)
{
    bool run = f->run_id.len > 0;
    begin_result(w, run ? "run" : "experiment", f->name);
    if (run)
        json_kv_str(w, "id", f->run_id);
    else
        json_kv_i64(w, "id", f->experiment_id);
    if (run && f->experiment_name.len)
        json_kv_str(w, "detail", f->experiment_name);
    json_end_object(w);
}

/* Quotes and wildcards of the filter's language are asked for as any character; what comes back is looked at again. */
static struct str model_filter(struct op *op, struct str text)
{
    char *safe = arena_alloc(op->arena, text.len + 1);
    for (size_t i = 0; i < text.len; i++)
        safe[i] = text.p[i] == '\'' || text.p[i] == '%' || text.p[i] == '\\' ? '_' : text.p[i];
    return str_from(op_printf(op, "name ILIKE '%%%.*s%%'", (int)text.len, safe));
}

static enum err find_models(struct op *op, struct services *s, struct str text, int64_t limit, struct json_out *w)
{
    struct registry_model_page page;
    int64_t written = 0;
    enum err e = registry_model_search(op, s->db, &(struct registry_search){.filter = model_filter(op, text), .max_results = LIMIT_TRACK_FIND}, &page);
    for (int at_start = 1; !e && at_start >= 0; at_start--) {
        for (size_t i = 0; i < page.len && written < limit; i++) {
            const struct registry_model *m = &page.models[i];
            if (!run_find_has(m->name, text, at_start) || (!at_start && run_find_has(m->name, text, true)))
                continue;
            begin_result(w, "model", m->name);
            json_end_object(w);
            written++;
        }
    }
    return e;
}

static void find_endpoints(struct op *op, struct services *s, struct str text, int64_t limit, struct json_out *w)
{
    struct str *names = NULL;
    size_t n = s->serve ? serve_list(op, s->serve, &names) : 0;
    int64_t written = 0;
    for (int at_start = 1; at_start >= 0; at_start--) {
        for (size_t i = 0; i < n && written < limit; i++) {
            if (!run_find_has(names[i], text, at_start) || (!at_start && run_find_has(names[i], text, true)))
                continue;
            begin_result(w, "endpoint", names[i]);
            json_end_object(w);
            written++;
        }
    }
}

/* Each kind gets an equal share of the answer, models and endpoints first: there are few of them, and they are looked for by name. */
enum err native_search(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct run_found *found = NULL;
    struct str text = {0};
    size_t n = 0;
    int64_t limit = 0;
    struct json_out w;
    if (!http_query_get(op, req, "q", &text))
        text = STR("");
    enum err e = native_query_i64(op, req, "limit", 1, LIMIT_TRACK_FIND, 12, &limit);
    int64_t share = (limit + 3) / 4;
    if (!e)
        e = run_find(op, s->db, s->run_index, text, (size_t)(limit > 3 ? limit - 2 * share : share), &found, &n);
    if (e)
        return e;
    native_reply(res, &w);
    json_begin_object(&w);
    json_key(&w, "results");
    json_begin_array(&w);
    if (text.len) {
        find_endpoints(op, s, text, share, &w);
        e = find_models(op, s, text, share, &w);
    }
    for (size_t i = 0; !e && i < n; i++)
        write_found(&w, &found[i]);
    json_end_array(&w);
    json_end_object(&w);
    return e;
}
