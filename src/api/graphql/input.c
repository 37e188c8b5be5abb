/* A value comes as a literal, in which variables may stand at any place, or from the variables' JSON. Both are turned into struct item:
 * a literal's node or a JSON value. Input types are two levels deep at most (an object of scalars and lists of texts),
 * so nothing here recurses. */
#include "api/graphql/input.h"

#include "base/limits.h"
#include "core/track/experiment.h"

#define AT(member) offsetof(struct gql_input, member)
#define TYPE(var, type_name, ...)                                        \
    static const struct gql_input_field var##_fields[] = {__VA_ARGS__}; \
    const struct gql_input_type var = {type_name, var##_fields, ARRAY_LEN(var##_fields)}

const struct gql_input_type gql_input_text = {"String", NULL, 0};
TYPE(gql_input_get_run, "MlflowGetRunInput", {"runId", GQL_IN_TEXT, AT(run_id)}, {"runUuid", GQL_IN_TEXT, AT(run_uuid)});
TYPE(gql_input_get_experiment, "MlflowGetExperimentInput", {"experimentId", GQL_IN_TEXT, AT(experiment_id)});
TYPE(gql_input_list_artifacts, "MlflowListArtifactsInput", {"runId", GQL_IN_TEXT, AT(run_id)}, {"runUuid", GQL_IN_TEXT, AT(run_uuid)},
     {"path", GQL_IN_TEXT, AT(path)}, {"pageToken", GQL_IN_TEXT, AT(page_token)});
TYPE(gql_input_search_runs, "MlflowSearchRunsInput", {"experimentIds", GQL_IN_TEXTS, AT(experiment_ids)}, {"filter", GQL_IN_TEXT, AT(filter)},
     {"runViewType", GQL_IN_VIEW, AT(view)}, {"maxResults", GQL_IN_INT, AT(max_results)}, {"orderBy", GQL_IN_TEXTS, AT(order_by)},
     {"pageToken", GQL_IN_TEXT, AT(page_token)});
TYPE(gql_input_search_versions, "MlflowSearchModelVersionsInput", {"filter", GQL_IN_TEXT, AT(filter)}, {"maxResults", GQL_IN_LONG, AT(max_results)},
     {"orderBy", GQL_IN_TEXTS, AT(order_by)}, {"pageToken", GQL_IN_TEXT, AT(page_token)});
TYPE(gql_input_search_datasets, "MlflowSearchDatasetsInput", {"experimentIds", GQL_IN_TEXTS, AT(experiment_ids)});
TYPE(gql_input_interval, "MlflowGetMetricHistoryBulkIntervalInput", {"runIds", GQL_IN_TEXTS, AT(run_ids)}, {"metricKey", GQL_IN_TEXT, AT(metric_key)},
     {"startStep", GQL_IN_INT, AT(start_step)}, {"endStep", GQL_IN_INT, AT(end_step)}, {"maxResults", GQL_IN_INT, AT(max_results)});

static const struct gql_input_type *const all[] = {
    &gql_input_get_run, &gql_input_get_experiment, &gql_input_list_artifacts, &gql_input_search_runs, &gql_input_search_versions,
    &gql_input_search_datasets, &gql_input_interval,
};
static const char *const scalars[] = {"String", "Int", "LongString", "Float", "Boolean", "MlflowViewType"};
static const struct {
    const char *type, *text;
} kinds[] = {
    [GQL_IN_TEXT] = {"String", "String"},      [GQL_IN_TEXTS] = {"[String]", "String"}, [GQL_IN_LONG] = {"LongString", "LongString"},
    [GQL_IN_INT] = {"Int", "Int"},             [GQL_IN_VIEW] = {"MlflowViewType", "MlflowViewType"},
};

bool gql_input_type_known(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(scalars); i++)
        if (str_eqc(name, scalars[i]))
            return true;
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (str_eqc(name, all[i]->name))
            return true;
    return false;
}

/* One of the two is set. */
struct item {
    const struct gql_value *literal;
    const struct json *json;
};
struct reading {
    struct op *op;
    struct gql_operation *operation;
    const struct json *variables;
    struct str variable; /* the one that the item comes from; empty: a literal */
};

static struct str bare_type(struct op *op, struct str type)
{
    char *out = arena_alloc(op->arena, type.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < type.len; i++)
        if (type.p[i] != '!')
            out[n++] = type.p[i];
    return (struct str){out, n};
}

/* A value of JSON as graphql-core shows it: like Python, with single quotes. */
static struct str json_shown(struct op *op, const struct json *j)
{
    AUTO(buf) struct buf b;
    buf_init(&b, LIMIT_KIB(4));
    json_dumps_python(&b, j, false);
    struct str s = str_dup(op->arena, b.failed ? STR("<a large value>") : buf_str(&b));
    char *p = (char *)(uintptr_t)s.p; /* the copy is ours */
    for (size_t i = 0; i < s.len; i++)
        if (p[i] == '"')
            p[i] = '\'';
    return s;
}

static struct str item_shown(struct op *op, struct item it)
{
    return it.literal ? it.literal->source : json_shown(op, it.json);
}

/* `path` is where the item stands in the argument; "" is the argument itself. */
static enum err bad(struct reading *r, struct item it, const char *path, const char *text)
{
    if (!r->variable.len)
        return op_fail_field(r->op, "query", "%s", text);
    const char *at = *path ? op_printf(r->op, " at '%.*s.%s'", STR_FMT(r->variable), path) : "";
    return op_fail_field(r->op, "variables", "Variable '$%.*s' got invalid value %.*s%s; %s", STR_FMT(r->variable), STR_FMT(item_shown(r->op, it)), at, text);
}

/* Puts the variable's value in the place of its name. *ret_absent: there is none and no default. */
static enum err resolve(struct reading *r, struct item *it, const char *type, bool *ret_absent)
{
    *ret_absent = false;
    if (!it->literal || it->literal->kind != GQL_VARIABLE)
        return OK;
    struct str name = it->literal->text;
    struct gql_variable *v = gql_variable_find(r->operation, name);
    if (!v) {
        struct str o = r->operation->name;
        return o.len ? op_fail_field(r->op, "query", "Variable '$%.*s' is not defined by operation '%.*s'.", STR_FMT(name), STR_FMT(o))
                     : op_fail_field(r->op, "query", "Variable '$%.*s' is not defined.", STR_FMT(name));
    }
    v->used = true;
    if (!str_eqc(bare_type(r->op, v->type), type))
        return op_fail_field(r->op, "query", "Variable '$%.*s' of type '%.*s' used in position expecting type '%s'.", STR_FMT(name), STR_FMT(v->type), type);
    const struct json *j = json_get_str(r->variables, name);
    if (j) {
        *it = (struct item){.json = j};
        r->variable = name;
    } else if (v->dflt) {
        it->literal = v->dflt;
    } else {
        *ret_absent = true;
    }
    return OK;
}

static bool item_null(struct item it)
{
    return it.literal ? it.literal->kind == GQL_NULL : it.json->type == JSON_NULL;
}

static enum err read_text(struct reading *r, struct item it, const char *path, struct str *ret)
{
    bool fits = it.literal ? it.literal->kind == GQL_STRING : it.json->type == JSON_STRING;
    if (!fits)
        return bad(r, it, path, op_printf(r->op, "String cannot represent a non string value: %.*s", STR_FMT(item_shown(r->op, it))));
    *ret = it.literal ? it.literal->text : it.json->s;
    if (memchr(ret->p, 0, ret->len))
        return bad(r, it, path, "String must not hold a NUL character");
    return OK;
}

static enum err read_number(struct reading *r, struct item it, const char *path, enum gql_input_kind kind, int64_t *ret)
{
    bool is_long = kind == GQL_IN_LONG, fits;
    struct str shown = item_shown(r->op, it);
    if (it.literal)
        fits = it.literal->kind == GQL_INT && str_parse_i64(it.literal->text, ret);
    else
        fits = it.json->type == JSON_STRING ? is_long && str_parse_i64(it.json->s, ret) : json_as_i64(it.json, ret);
    if (is_long && !fits)
        return bad(r, it, path, op_printf(r->op, "LongString cannot represent value: %.*s", STR_FMT(shown)));
    if (is_long)
        return OK;
    bool integer = it.literal ? it.literal->kind == GQL_INT : it.json->type == JSON_INT || it.json->type == JSON_UINT;
    if (!fits && !integer)
        return bad(r, it, path, op_printf(r->op, "Int cannot represent non-integer value: %.*s", STR_FMT(shown)));
    if (!fits || *ret < INT32_MIN || *ret > INT32_MAX)
        return bad(r, it, path, op_printf(r->op, "Int cannot represent non 32-bit signed integer value: %.*s", STR_FMT(shown)));
    return OK;
}

static enum err read_view(struct reading *r, struct item it, const char *path, int64_t *ret)
{
    static const char *const names[] = {"ACTIVE_ONLY", "DELETED_ONLY", "ALL"};
    bool name = it.literal ? it.literal->kind == GQL_ENUM : it.json->type == JSON_STRING;
    struct str text = !name ? STR("") : it.literal ? it.literal->text : it.json->s;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (name && str_eqc(text, names[i])) {
            *ret = (int64_t)i + TRACK_VIEW_ACTIVE;
            return OK;
        }
    }
    struct str shown = name ? text : item_shown(r->op, it);
    return bad(r, it, path, name ? op_printf(r->op, "Value '%.*s' does not exist in 'MlflowViewType' enum.", STR_FMT(shown))
                             : op_printf(r->op, "Enum 'MlflowViewType' cannot represent non-enum value: %.*s.", STR_FMT(shown)));
}

/* A list of texts; one text alone is a list of one (specification 3.11). */
static enum err read_texts(struct reading *r, struct item it, const char *path, struct gql_texts *ret)
{
    bool list = it.literal ? it.literal->kind == GQL_LIST : it.json->type == JSON_ARRAY;
    size_t n = 0, i = 0;
    if (!list)
        n = 1;
    else if (it.json)
        n = it.json->len;
    else
        for (const struct gql_value *v = it.literal->first; v; v = v->next)
            n++;
    struct str *out = arena_array(r->op->arena, n + 1, struct str);
    if (!out)
        return op_fail(r->op, E_TOO_LARGE, "the list '%s' is too long", path);
    const struct gql_value *v = list && it.literal ? it.literal->first : it.literal;
    for (; i < n; i++, v = v && list ? v->next : NULL) {
        struct item one = it.json ? (struct item){.json = list ? &it.json->items[i] : it.json} : (struct item){.literal = v};
        struct reading sub = *r;
        bool absent;
        enum err e = resolve(&sub, &one, "String", &absent);
        if (!e)
            e = absent || item_null(one) ? op_fail_field(r->op, "query", "'%s' must not hold null", path)
                                         : read_text(&sub, one, list ? op_printf(r->op, "%s[%zu]", path, i) : path, &out[i]);
        if (e)
            return e;
    }
    *ret = (struct gql_texts){out, n};
    return OK;
}

static enum err read_member(struct reading *r, const struct gql_input_field *f, struct item it, struct gql_input *ret)
{
    struct reading sub = *r;
    bool absent;
    enum err e = resolve(&sub, &it, kinds[f->kind].type, &absent);
    if (e || absent || item_null(it))
        return e;
    void *at = (char *)ret + f->at;
    switch (f->kind) {
    case GQL_IN_TEXT:
        return read_text(&sub, it, f->name, at);
    case GQL_IN_TEXTS:
        return read_texts(&sub, it, f->name, at);
    case GQL_IN_VIEW:
        return read_view(&sub, it, f->name, at);
    default:
        return read_number(&sub, it, f->name, f->kind, at);
    }
}

static const struct gql_input_field *field_find(const struct gql_input_type *type, struct str name)
{
    for (size_t i = 0; i < type->len; i++)
        if (str_eqc(name, type->fields[i].name))
            return &type->fields[i];
    return NULL;
}

static enum err read_object(struct reading *r, const struct gql_input_type *type, struct item it, struct gql_input *ret)
{
    bool object = it.literal ? it.literal->kind == GQL_OBJECT : it.json->type == JSON_OBJECT;
    if (!object)
        return bad(r, it, "", op_printf(r->op, it.literal ? "Expected value of type '%s', found %.*s." : "Expected type '%s' to be a mapping.", type->name,
                                    STR_FMT(item_shown(r->op, it))));
    const struct gql_value *v = it.literal ? it.literal->first : NULL;
    for (uint32_t i = 0; v || (it.json && i < it.json->len); i++, v = v ? v->next : NULL) {
        struct str name = v ? v->name : it.json->members[i].key;
        const struct gql_input_field *f = field_find(type, name);
        if (!f)
            return bad(r, it, "", op_printf(r->op, "Field '%.*s' is not defined by type '%s'.", STR_FMT(name), type->name));
        struct item member = v ? (struct item){.literal = v} : (struct item){.json = &it.json->members[i].value};
        enum err e = read_member(r, f, member, ret);
        if (e)
            return e;
    }
    return OK;
}

enum err gql_input_read(struct op *op, struct gql_operation *o, const struct json *variables, const struct gql_input_type *type, const struct gql_value *v, struct gql_input *ret)
{
    struct str none = STR("");
    *ret = (struct gql_input){.run_id = none, .run_uuid = none, .experiment_id = none, .filter = none, .page_token = none, .metric_key = none,
                              .path = none, .max_results = GQL_ABSENT, .start_step = GQL_ABSENT, .end_step = GQL_ABSENT};
    struct reading r = {.op = op, .operation = o, .variables = variables};
    struct item it = {.literal = v};
    bool absent = !v;
    enum err e = v ? resolve(&r, &it, type->name, &absent) : OK;
    if (e || absent)
        return e;
    ret->given = true;
    if (item_null(it))
        return OK;
    return type->fields ? read_object(&r, type, it, ret) : read_text(&r, it, "", &ret->text);
}

enum err gql_variables_check(struct op *op, const struct gql_operation *o, const struct json *given)
{
    for (const struct gql_variable *v = o->variables; v; v = v->next) {
        struct str name = bare_type(op, v->type);
        while (name.len > 1 && name.p[0] == '[')
            name = str_sub(name, 1, name.len - 2);
        if (!gql_input_type_known(name))
            return op_fail_field(op, "query", "Unknown type '%.*s'.", STR_FMT(name));
        const struct json *j = json_get_str(given, v->name);
        if (!str_ends(v->type, STR("!")) || (!j && v->dflt))
            continue;
        if (!j)
            return op_fail_field(op, "variables", "Variable '$%.*s' of required type '%.*s' was not provided.", STR_FMT(v->name), STR_FMT(v->type));
        if (j->type == JSON_NULL)
            return op_fail_field(op, "variables", "Variable '$%.*s' of non-null type '%.*s' must not be null.", STR_FMT(v->name), STR_FMT(v->type));
    }
    return OK;
}
