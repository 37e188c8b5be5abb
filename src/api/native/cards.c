#include "core/registry/card.h"

#include "api/native/native.h"
#include "api/native/registry.h"
#include "api/services.h"
#include "base/limits.h"
#include "core/registry/card_text.h"
#include "core/registry/lineage.h"

static enum err card_load(struct op *op, struct services *s, const struct http_req *req, struct registry_card *ret)
{
    struct registry_version v;
    enum err e = native_version_arg(op, s->db, req, &v);
    return e ? e : registry_card_get(op, s->db, v.name, v.version, ret);
}

enum err native_card_get(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct registry_card card;
    struct json_out w;
    struct str format = STR("json");
    http_query_get(op, req, "format", &format);
    bool markdown = str_eqc(format, "markdown");
    if (!markdown && !str_eqc(format, "json"))
        return op_fail_field(op, "format", "a card is json or markdown, not '%.*s'", STR_FMT(str_sub(format, 0, 100)));
    enum err e = card_load(op, s, req, &card);
    if (e)
        return e;
    if (markdown) {
        http_set_type(res, "text/markdown; charset=utf-8");
        registry_card_markdown(op, &card, &res->body);
    } else {
        native_reply(res, &w);
        registry_card_json(&card, &w);
    }
    return OK;
}

enum err native_card_put(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct json *body = NULL;
    const struct json *sections = NULL;
    struct registry_version v;
    enum err e = native_reason_body(op, req, &body);
    if (e || (e = json_want_object(op, body, "sections", &sections)) || (e = native_version_arg(op, s->db, req, &v)))
        return e;
    struct track_kv *kvs = arena_alloc(op->arena, sizeof *kvs * (sections->len + 1));
    for (uint32_t i = 0; i < sections->len; i++) {
        if (sections->members[i].value.type != JSON_STRING)
            return op_fail_field(op, "sections", "the sections of a card are texts");
        kvs[i] = (struct track_kv){sections->members[i].key, sections->members[i].value.s};
    }
    e = registry_card_set(op, s->db, v.name, v.version, kvs, sections->len);
    return e ? e : native_card_get(op, s, req, res);
}

enum err native_card_edits(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct registry_card_section *list = NULL;
    struct registry_version v;
    struct json_out w;
    size_t n = 0;
    int64_t limit = 0;
    enum err e = native_query_i64(op, req, "limit", 1, NATIVE_PAGE_MAX, 100, &limit);
    if (e || (e = native_version_arg(op, s->db, req, &v)) || (e = registry_card_edits(op, s->db, v.name, v.version, (size_t)limit, &list, &n)))
        return e;
    native_reply(res, &w);
    json_begin_object(&w);
    json_key(&w, "edits");
    json_begin_array(&w);
    for (size_t i = 0; i < n; i++) {
        json_begin_object(&w);
        json_kv_str(&w, "section", list[i].section);
        json_kv_i64(&w, "revision", list[i].revision);
        registry_time_json(&w, "time", list[i].at_us);
        json_kv_str(&w, "actor", list[i].actor);
        json_kv_str(&w, "reason", list[i].reason);
        json_kv_str(&w, "text", list[i].body);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
    return OK;
}

static void lineage_write(struct json_out *w, const struct lineage *l)
{
    json_begin_object(w);
    json_key(w, "nodes");
    json_begin_array(w);
    for (size_t i = 0; i < l->node_count; i++) {
        const struct lineage_node *n = &l->nodes[i];
        json_begin_object(w);
        json_kv_str(w, "id", n->id);
        json_kv_str(w, "kind", n->kind);
        json_kv_str(w, "label", n->label);
        json_kv_str(w, "state", n->state);
        if (n->time_us)
            registry_time_json(w, "time", n->time_us);
        json_kv_i64(w, "depth", n->depth);
        json_end_object(w);
    }
    json_end_array(w);
    json_key(w, "edges");
    json_begin_array(w);
    for (size_t i = 0; i < l->edge_count; i++) {
        json_begin_object(w);
        json_kv_str(w, "from", l->nodes[l->edges[i].from].id);
        json_kv_str(w, "to", l->nodes[l->edges[i].to].id);
        json_kv_cstr(w, "relation", l->edges[i].relation);
        json_end_object(w);
    }
    json_end_array(w);
    json_kv_bool(w, "truncated", l->truncated);
    json_end_object(w);
}

enum err native_lineage(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct lineage_query q = {.node = STR("")};
    struct lineage l;
    struct json_out w;
    struct str direction = STR("both");
    int64_t depth = 0;
    http_query_get(op, req, "node", &q.node);
    http_query_get(op, req, "direction", &direction);
    enum err e = lineage_direction_parse(op, direction, &q.direction);
    if (e || (e = native_query_i64(op, req, "depth", 1, LIMIT_LINEAGE_DEPTH, LIMIT_LINEAGE_DEPTH, &depth)))
        return e;
    q.depth = (int)depth;
    if ((e = lineage_read(op, s->db, &q, &l)))
        return e;
    native_reply(res, &w);
    lineage_write(&w, &l);
    return OK;
}
