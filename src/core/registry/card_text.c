#include "core/registry/card_text.h"

#include "base/limits.h"
#include "base/time.h"

#include <inttypes.h>
#include <math.h>

void registry_time_json(struct json_out *w, const char *key, int64_t us)
{
    char text[32];
    size_t n = time_format(us, text);
    json_kv_str(w, key, (struct str){text, n});
}

void registry_change_json(const struct registry_change *c, struct json_out *w)
{
    json_begin_object(w);
    json_kv_i64(w, "id", c->id);
    registry_time_json(w, "time", c->time_us);
    json_kv_str(w, "actor", c->actor);
    json_kv_str(w, "kind", c->kind);
    json_kv_str(w, "subject", c->subject);
    json_key(w, "from");
    c->old_value.p ? json_str(w, c->old_value) : json_null(w);
    json_key(w, "to");
    c->new_value.p ? json_str(w, c->new_value) : json_null(w);
    if (c->action.len)
        json_kv_str(w, "action", c->action);
    json_kv_str(w, "reason", c->reason);
    if (c->approval)
        json_kv_i64(w, "approval", c->approval);
    json_kv_str(w, "request_id", c->request_id);
    json_end_object(w);
}

static void kvs_json(struct json_out *w, const char *key, const struct track_kvs *kvs)
{
    json_key(w, key);
    json_begin_object(w);
    for (size_t i = 0; i < kvs->len; i++) {
        json_key_str(w, kvs->p[i].key);
        json_str(w, kvs->p[i].value);
    }
    json_end_object(w);
}

static void tree_json(struct json_out *w, const char *key, const struct json *j)
{
    json_key(w, key);
    j ? json_value(w, j) : json_null(w);
}

static void run_json(struct json_out *w, const struct track_run *r)
{
    json_key(w, "run");
    if (!r->row) {
        json_null(w);
        return;
    }
    json_begin_object(w);
    json_kv_str(w, "run_id", r->run_id);
    json_kv_str(w, "name", r->name);
    json_kv_cstr(w, "status", track_run_status_name(r->status));
    json_kv_str(w, "user", r->user_id);
    registry_time_json(w, "started", r->start_ms * TIME_US_PER_MS);
    kvs_json(w, "params", &r->params);
    json_key(w, "metrics");
    json_begin_object(w);
    for (size_t i = 0; i < r->metric_count; i++) {
        json_key_str(w, r->metrics[i].key);
        json_f64(w, r->metrics[i].value);
    }
    json_end_object(w);
    json_key(w, "datasets");
    json_begin_array(w);
    for (size_t i = 0; i < r->dataset_count; i++) {
        json_begin_object(w);
        json_kv_str(w, "name", r->datasets[i].name);
        json_kv_str(w, "digest", r->datasets[i].digest);
        json_kv_str(w, "source_type", r->datasets[i].source_type);
        json_kv_str(w, "context", names_find(r->datasets[i].tags.p, r->datasets[i].tags.len, "mlflow.data.context"));
        json_end_object(w);
    }
    json_end_array(w);
    json_end_object(w);
}

static void model_json(struct json_out *w, const struct logged_model *m)
{
    json_key(w, "logged_model");
    if (!m->row) {
        json_null(w);
        return;
    }
    json_begin_object(w);
    json_kv_str(w, "model_id", m->model_id);
    json_kv_str(w, "name", m->name);
    json_kv_str(w, "type", m->model_type);
    json_key(w, "metrics");
    json_begin_array(w);
    for (size_t i = 0; i < m->metric_count; i++) {
        json_begin_object(w);
        json_kv_str(w, "key", m->metrics[i].key);
        json_kv_f64(w, "value", m->metrics[i].value);
        json_kv_str(w, "dataset", m->metrics[i].dataset_name);
        json_kv_str(w, "dataset_digest", m->metrics[i].dataset_digest);
        json_end_object(w);
    }
    json_end_array(w);
    json_end_object(w);
}

static void texts_json(struct json_out *w, const char *key, const struct str *p, size_t n)
{
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < n; i++)
        json_str(w, p[i]);
    json_end_array(w);
}

static void sections_json(struct json_out *w, const struct registry_card *c)
{
    json_key(w, "sections");
    json_begin_object(w);
    for (size_t i = 0; i < c->section_count; i++) {
        const struct registry_card_section *s = &c->sections[i];
        json_key_str(w, s->section);
        json_begin_object(w);
        json_kv_str(w, "text", s->body);
        json_kv_i64(w, "version", s->version);
        json_kv_i64(w, "revision", s->revision);
        registry_time_json(w, "time", s->at_us);
        json_kv_str(w, "actor", s->actor);
        json_end_object(w);
    }
    json_end_object(w);
}

void registry_card_json(const struct registry_card *c, struct json_out *w)
{
    const struct registry_version *v = &c->version;
    json_begin_object(w);
    json_kv_str(w, "model", v->name);
    json_kv_i64(w, "version", v->version);
    json_kv_str(w, "semver", v->semver);
    tree_json(w, "semver_changes", c->changes);
    registry_time_json(w, "created", v->created_ms * TIME_US_PER_MS);
    json_kv_str(w, "created_by", v->user_id);
    json_kv_str(w, "description", v->description);
    json_kv_cstr(w, "stage", registry_stage_name(v->stage));
    texts_json(w, "aliases", v->aliases, v->alias_count);
    texts_json(w, "endpoints", c->endpoints, c->endpoint_count);
    kvs_json(w, "tags", &v->tags);
    json_kv_str(w, "source", v->source);
    json_kv_str(w, "data_version", v->data_version);
    tree_json(w, "signature", c->signature);
    tree_json(w, "gates", c->gates);
    run_json(w, &c->run);
    model_json(w, &c->model);
    sections_json(w, c);
    json_key(w, "history");
    json_begin_array(w);
    for (size_t i = 0; i < c->history_count; i++)
        registry_change_json(&c->history[i], w);
    json_end_array(w);
    json_end_object(w);
}

/* ---- for people ---- */

void registry_markdown_cell(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char ch = s.p[i];
        if (ch == '|' || ch == '\\')
            buf_add_char(out, '\\');
        if (ch == '<')
            buf_add_cstr(out, "&lt;");
        else
            buf_add_char(out, (unsigned char)ch < 0x20 ? ' ' : ch);
    }
}

static void row(struct buf *out, const char *key, struct str value)
{
    if (!value.len)
        return;
    buf_addf(out, "| %s | ", key);
    registry_markdown_cell(out, value);
    buf_add_cstr(out, " |\n");
}

static struct str joined(struct op *op, const struct str *p, size_t n)
{
    const char *text = "";
    for (size_t i = 0; i < n; i++)
        text = op_printf(op, "%s%s%.*s", text, i ? ", " : "", STR_FMT(p[i]));
    return str_from(text);
}

static struct str time_text(struct op *op, int64_t us)
{
    char *text = arena_alloc(op->arena, 32);
    size_t n = time_format(us / TIME_US_PER_S * TIME_US_PER_S, text);
    return (struct str){text, n};
}

static void facts_markdown(struct op *op, const struct registry_card *c, struct buf *out)
{
    const struct registry_version *v = &c->version;
    buf_add_cstr(out, "| | |\n|---|---|\n");
    row(out, "Semantic version", v->semver);
    row(out, "Created", str_from(op_printf(op, "%.*s by %.*s", STR_FMT(time_text(op, v->created_ms * TIME_US_PER_MS)),
                                           STR_FMT(v->user_id.len ? v->user_id : STR("unknown")))));
    row(out, "Stage", str_from(registry_stage_name(v->stage)));
    row(out, "Aliases", joined(op, v->aliases, v->alias_count));
    row(out, "Endpoints", joined(op, c->endpoints, c->endpoint_count));
    row(out, "Source", v->source);
    row(out, "Run", v->run_id);
    row(out, "Logged model", v->model_id);
    row(out, "Data version", v->data_version);
    buf_add_cstr(out, "\n");
    if (v->description.len)
        buf_addf(out, "%.*s\n\n", STR_FMT(v->description));
}

/* Every line of the owner's text stays Markdown; its headings would break the card's own, so they become smaller ones. */
static void body_markdown(struct buf *out, struct str body)
{
    struct str rest = body, line;
    bool fenced = false;
    while (str_split(&rest, '\n', &line)) {
        if (str_starts(str_trim(line), STR("```")) || str_starts(str_trim(line), STR("~~~")))
            fenced = !fenced;
        if (!fenced && line.len && line.p[0] == '#')
            buf_add_cstr(out, "##");
        buf_add_str(out, line);
        buf_add_char(out, '\n');
    }
    if (fenced)
        buf_add_cstr(out, "```\n");
}

static void sections_markdown(struct op *op, const struct registry_card *c, struct buf *out)
{
    for (size_t i = 0; i < c->section_count; i++) {
        const struct registry_card_section *s = &c->sections[i];
        const struct registry_card_title *t = registry_card_titles;
        while (!str_eqc(s->section, t->section))
            t++;
        buf_addf(out, "## %s\n\n", t->title);
        body_markdown(out, s->body);
        buf_addf(out, "\n*%.*s, %.*s%s*\n\n", STR_FMT(s->actor), STR_FMT(time_text(op, s->at_us)),
                 s->version == c->version.version ? "" : op_printf(op, "; written for version %" PRId64, s->version));
    }
}

/* Members of an input or output may stand in a text, as MLflow stores them. */
static const struct json *specs_get(struct op *op, const struct json *signature, const char *key)
{
    const struct json *list = json_get(signature, key);
    struct json *parsed = NULL;
    if (list && list->type == JSON_STRING && !json_parse(op, list->s, JSON_STRICT, &parsed))
        list = parsed;
    op_clear(op);
    return list && list->type == JSON_ARRAY && list->len ? list : NULL;
}

static void specs_markdown(struct op *op, const struct registry_card *c, const char *key, const char *title, struct buf *out)
{
    const struct json *list = c->signature ? specs_get(op, c->signature, key) : NULL;
    if (!list)
        return;
    buf_addf(out, "### %s\n\n| name | spec |\n|---|---|\n", title);
    for (uint32_t i = 0; i < list->len; i++) {
        const struct json *name = json_get(&list->items[i], "name");
        AUTO(buf) struct buf spec;
        buf_init(&spec, LIMIT_MIB(1));
        json_dumps_python(&spec, &list->items[i], false);
        buf_add_cstr(out, "| ");
        registry_markdown_cell(out, name && name->type == JSON_STRING ? name->s : str_from(op_printf(op, "%u", i + 1)));
        buf_add_cstr(out, " | `");
        registry_markdown_cell(out, buf_str(&spec));
        buf_add_cstr(out, "` |\n");
    }
    buf_add_cstr(out, "\n");
}

static void number_cell(struct buf *out, double v)
{
    if (isfinite(v))
        buf_addf(out, "%.6g", v);
    else
        buf_add_cstr(out, isnan(v) ? "NaN" : v < 0 ? "-Infinity" : "Infinity");
}

static void metrics_markdown(const struct registry_card *c, struct buf *out)
{
    if (!c->run.metric_count && !c->model.metric_count)
        return;
    buf_add_cstr(out, "## Metrics\n\n| metric | value | data |\n|---|---|---|\n");
    for (size_t i = 0; i < c->run.metric_count + c->model.metric_count; i++) {
        const struct track_metric *m = i < c->run.metric_count ? &c->run.metrics[i] : &c->model.metrics[i - c->run.metric_count];
        buf_add_cstr(out, "| ");
        registry_markdown_cell(out, m->key);
        buf_add_cstr(out, " | ");
        number_cell(out, m->value);
        buf_add_cstr(out, " | ");
        registry_markdown_cell(out, m->dataset_name);
        buf_add_cstr(out, " |\n");
    }
    buf_add_cstr(out, "\n");
}

static void gates_markdown(const struct registry_card *c, struct buf *out)
{
    if (!c->gates || !c->gates->len)
        return;
    buf_add_cstr(out, "## Gates\n\n| gate | value | holds |\n|---|---|---|\n");
    for (uint32_t i = 0; i < c->gates->len; i++) {
        const struct json *g = &c->gates->items[i], *metric = json_get(g, "metric"), *cmp = json_get(g, "op"), *seg = json_get(g, "segment"),
                          *pass = json_get(g, "pass");
        double limit = NAN, value = NAN;
        json_as_f64(json_get(g, "limit"), &limit);
        json_as_f64(json_get(g, "value"), &value);
        buf_add_cstr(out, "| ");
        registry_markdown_cell(out, metric && metric->type == JSON_STRING ? metric->s : STR("?"));
        buf_add_char(out, ' ');
        registry_markdown_cell(out, cmp && cmp->type == JSON_STRING ? cmp->s : STR(""));
        buf_add_char(out, ' ');
        number_cell(out, limit);
        buf_add_cstr(out, seg && seg->type == JSON_STRING ? ", " : "");
        registry_markdown_cell(out, seg && seg->type == JSON_STRING ? seg->s : STR(""));
        buf_add_cstr(out, " | ");
        number_cell(out, value);
        buf_addf(out, " | %s |\n", pass && pass->type == JSON_BOOL && pass->boolean ? "yes" : "no");
    }
    buf_add_cstr(out, "\n");
}

static void history_markdown(struct op *op, const struct registry_card *c, struct buf *out)
{
    if (!c->history_count)
        return;
    buf_add_cstr(out, "## History\n\n| when | who | what | why |\n|---|---|---|---|\n");
    for (size_t i = 0; i < c->history_count; i++) {
        const struct registry_change *h = &c->history[i];
        buf_addf(out, "| %.*s | ", STR_FMT(time_text(op, h->time_us)));
        registry_markdown_cell(out, h->actor);
        buf_addf(out, " | %.*s %.*s: %.*s to %.*s%s%.*s | ", STR_FMT(h->kind), STR_FMT(h->subject), STR_FMT(h->old_value.p ? h->old_value : STR("none")),
                 STR_FMT(h->new_value.p ? h->new_value : STR("none")), h->action.len ? ", " : "", STR_FMT(h->action));
        registry_markdown_cell(out, h->reason);
        buf_add_cstr(out, " |\n");
    }
    buf_add_cstr(out, "\n");
}

void registry_card_markdown(struct op *op, const struct registry_card *c, struct buf *out)
{
    buf_add_cstr(out, "# ");
    registry_markdown_cell(out, c->version.name);
    buf_addf(out, " version %" PRId64 "\n\n", c->version.version);
    facts_markdown(op, c, out);
    sections_markdown(op, c, out);
    if (c->signature)
        buf_add_cstr(out, "## Signature\n\n");
    specs_markdown(op, c, "inputs", "Inputs", out);
    specs_markdown(op, c, "outputs", "Outputs", out);
    specs_markdown(op, c, "params", "Params", out);
    metrics_markdown(c, out);
    gates_markdown(c, out);
    if (c->changes && c->changes->type == JSON_ARRAY && c->changes->len) {
        buf_add_cstr(out, "## Changes of the signature\n\n");
        for (uint32_t i = 0; i < c->changes->len; i++) {
            buf_add_cstr(out, "- ");
            registry_markdown_cell(out, c->changes->items[i].type == JSON_STRING ? c->changes->items[i].s : STR("?"));
            buf_add_char(out, '\n');
        }
        buf_add_cstr(out, "\n");
    }
    history_markdown(op, c, out);
}
