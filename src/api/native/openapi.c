/* The API described by itself: every row of the route tables that is plain HTTP becomes an operation of OpenAPI 3.1. Nothing is said here that the tables do
 * not say: paths, their parameters, permission, the sentence of help, and what a handler reads and answers where its dialect has tables of that (shapes_*.c). */
#include "api/native/native.h"
#include "api/native/shapes.h"

#include "api/dispatch.h"
#include "api/services.h"
#include "base/map.h"
#include "base/vec.h"

struct rows {
    const struct route *route;
    const struct route_table *table;
    struct rows *next; /* of the same path, in the table's order */
};

struct paths {
    struct op *op;
    struct map by_path;     /* path as OpenAPI writes it -> its first row */
    bool native_only;
};

static const char *const perm_words[PERM_COUNT] = {
    [PERM_PUBLIC] = "public", [PERM_READ] = "read", [PERM_RUN_WRITE] = "run_write", [PERM_MODEL_WRITE] = "model_write", [PERM_INFER] = "infer",
    [PERM_FEATURE_WRITE] = "feature_write", [PERM_DEPLOY] = "deploy", [PERM_ADMIN] = "admin",
};

/* The error form of a dialect, as its route table's error function writes it. */
static const char *error_form(const char *dialect)
{
    static const char *const forms[][2] = {{"native", "error"}, {"mlflow", "mlflow_error"}, {"v2", "plain_error"},
                                           {"v1", "plain_error"}, {"invocations", "mlflow_error"}};
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        if (!strncmp(dialect, forms[i][0], strlen(forms[i][0])))
            return forms[i][1];
    return NULL;
}

/* "{path*}" has the same name without its star. */
static struct str path_written(struct op *op, const char *path)
{
    struct str s = str_from(path);
    bool star = s.len > 2 && str_ends(s, STR("*}"));
    return star ? str_from(op_printf(op, "%.*s}", (int)s.len - 2, path)) : s;
}

static void take_row(void *arg, const struct route_table *t, const struct route *r)
{
    struct paths *p = arg;
    bool pages = !strcmp(t->dialect, "web") || !strcmp(t->dialect, "ui"), calls = !strcmp(t->dialect, "grpc"); /* for people; for another protocol */
    if (pages || calls || (p->native_only && strcmp(t->dialect, "native")))
        return;
    struct str path = path_written(p->op, r->path);
    struct rows *row = op_new(p->op, struct rows), *first = map_find(&p->by_path, path);
    *row = (struct rows){r, t, NULL};
    while (first && first->next)
        first = first->next;
    if (first)
        first->next = row;
    else if (!map_put(&p->by_path, path, row))
        (void)op_fail(p->op, E_TOO_LARGE, "too many routes");
}

/* "get_api_ingot_v1_runs_run_console": unique, as method and path are. */
static struct str operation_id(struct op *op, const char *method, struct str path)
{
    char *id = op_printf(op, "%s%.*s", method, STR_FMT(path)), *out = id;
    for (const char *c = id; *c; c++) {
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9');
        bool upper = *c >= 'A' && *c <= 'Z';
        if (plain || upper)
            *out++ = (char)(upper ? *c | 0x20 : *c);
        else if (*c != '}' && out > id && out[-1] != '_')
            *out++ = '_';
    }
    return (struct str){id, (size_t)(out - id)};
}

static const struct route_shape *shape_of(const struct rows *row)
{
    for (const struct route_shape *const *table = row->table->shapes; table && *table; table++)
        for (const struct route_shape *s = *table; s->handler; s++)
            if (s->handler == row->route->handler)
                return s;
    return NULL;
}

static void path_parameters_write(struct json_out *w, const char *route_path)
{
    struct str rest = str_from(route_path);
    for (size_t at; (at = str_find_char(rest, '{')) != SIZE_MAX;) {
        size_t end = str_find_char(rest, '}');
        struct str name = str_sub(rest, at + 1, end - at - 1);
        bool tail = str_ends(name, STR("*"));
        json_begin_object(w);
        json_kv_str(w, "name", tail ? str_sub(name, 0, name.len - 1) : name);
        json_kv_cstr(w, "in", "path");
        json_kv_bool(w, "required", true);
        if (tail)
            json_kv_cstr(w, "description", "The rest of the path, slashes included.");
        json_key(w, "schema");
        json_raw(w, STR("{\"type\":\"string\"}"));
        json_end_object(w);
        rest = str_sub(rest, end + 1, SIZE_MAX);
    }
}

static enum err parameters_write(struct op *op, struct json_out *w, const struct rows *row, const struct route_shape *said)
{
    struct shape *query = NULL;
    enum err e = said && said->query ? shape_parse(op, said->query, row->table->names, &query) : OK;
    if (e)
        return op_context(op, "%s", row->route->path);
    json_key(w, "parameters");
    json_begin_array(w);
    path_parameters_write(w, row->route->path);
    for (const struct shape_field *f = query ? query->fields : NULL; f; f = f->next) {
        json_begin_object(w);
        json_kv_str(w, "name", f->name);
        json_kv_cstr(w, "in", "query");
        json_kv_bool(w, "required", !f->optional);
        if (f->help.len)
            json_kv_str(w, "description", f->help);
        json_key(w, "schema");
        shape_schema(w, f->shape, false);
        json_end_object(w);
    }
    json_end_array(w);
    return OK;
}

static void security_write(struct json_out *w, const struct route *r)
{
    json_key(w, "security");
    json_raw(w, r->perm == PERM_PUBLIC ? STR("[]") : STR("[{\"token\":[]},{\"password\":[]},{\"session\":[]}]"));
    json_kv_cstr(w, "x-ingot-permission", perm_words[r->perm]);
}

static enum err schema_write(struct op *op, struct json_out *w, const struct rows *row, const char *text, bool null_absent)
{
    struct shape *s = NULL;
    enum err e = shape_parse(op, text, row->table->names, &s);
    if (e)
        return op_context(op, "%s", row->route->path);
    json_key(w, "schema");
    shape_schema(w, s, null_absent);
    return OK;
}

static enum err body_write(struct op *op, struct json_out *w, const struct rows *row, const struct route_shape *said)
{
    const struct route *r = row->route;
    bool sends = !strcmp(r->method, "POST") || !strcmp(r->method, "PUT") || !strcmp(r->method, "PATCH"), bytes = r->flags & ROUTE_ANY_TYPE;
    if (said ? !said->body && !bytes : !sends)
        return OK;
    json_key(w, "requestBody");
    json_begin_object(w);
    if (said && !said->may_lack_body)
        json_kv_bool(w, "required", true);
    json_key(w, "content");
    json_begin_object(w);
    json_key(w, said && said->body ? "application/json" : bytes ? "*/*" : "application/json");
    json_begin_object(w);
    enum err e = OK;
    if (said && said->body) {
        e = schema_write(op, w, row, said->body, true);
    } else if (!bytes) {
        json_key(w, "schema");
        json_raw(w, STR("{\"type\":\"object\"}"));
    }
    json_end_object(w);
    json_end_object(w);
    json_end_object(w);
    json_kv_i64(w, "x-ingot-body-max-bytes", (int64_t)(r->body_max ? r->body_max : LIMIT_HTTP_BODY_BYTES));
    return e;
}

static enum err answers_write(struct op *op, struct json_out *w, const struct rows *row, const struct route_shape *said)
{
    const char *form = error_form(row->table->dialect);
    enum err e = OK;
    json_key(w, "responses");
    json_begin_object(w);
    json_key(w, "2XX");
    json_begin_object(w);
    json_kv_cstr(w, "description", "Done.");
    if (said) {
        json_key(w, "content");
        json_begin_object(w);
        if (said->answer) {
            json_key(w, "application/json");
            json_begin_object(w);
            e = schema_write(op, w, row, said->answer, false);
            json_end_object(w);
        }
        if (said->type) {
            json_key(w, said->type);
            json_raw(w, STR("{}"));
        }
        json_end_object(w);
    }
    json_end_object(w);
    json_key(w, "default");
    if (form)
        json_raw(w, str_from(op_printf(op, "{\"description\":\"It failed; the status says how.\",\"content\":{\"application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/%s\"}}}}", form)));
    else
        json_raw(w, STR("{\"description\":\"It failed; the status says how.\"}"));
    json_end_object(w);
    return e;
}

static enum err operation_write(struct op *op, struct json_out *w, struct str path, const struct rows *row)
{
    const struct route_shape *said = shape_of(row);
    struct str method = str_dup(op->arena, str_from(row->route->method));
    for (size_t i = 0; i < method.len; i++)
        ((char *)(uintptr_t)method.p)[i] |= 0x20;
    json_key_str(w, method);
    json_begin_object(w);
    json_kv_str(w, "operationId", operation_id(op, row->route->method, path));
    json_kv_cstr(w, "summary", row->route->help ? row->route->help : "");
    json_key(w, "tags");
    json_begin_array(w);
    json_cstr(w, row->table->dialect);
    json_end_array(w);
    enum err e = parameters_write(op, w, row, said);
    if (e)
        return e;
    security_write(w, row->route);
    if ((e = body_write(op, w, row, said)) || (e = answers_write(op, w, row, said)))
        return e;
    json_end_object(w);
    return OK;
}

/* What the schemas of operations refer to. */
static enum err names_write(struct op *op, struct json_out *w)
{
    for (const struct shape_name *n = native_shape_names; n->name; n++) {
        struct shape *s = NULL;
        enum err e = shape_parse(op, n->text, native_shape_names, &s);
        if (e)
            return op_context(op, "%s", n->name);
        json_key(w, n->name);
        shape_schema(w, s, false);
    }
    return OK;
}

static enum err components_write(struct op *op, struct json_out *w)
{
    json_key(w, "components");
    json_begin_object(w);
    json_key(w, "securitySchemes");
    json_raw(w, STR("{"
                    "\"token\":{\"type\":\"http\",\"scheme\":\"bearer\",\"description\":\"A token of this server. On the server's own machine none is needed unless it was started with --auth.\"},"
                    "\"password\":{\"type\":\"http\",\"scheme\":\"basic\",\"description\":\"Any name, the token as the password.\"},"
                    "\"session\":{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":\"ingot_session\",\"description\":\"For browsers, by POST /api/ingot/v1/session; the name ends with _ and the port where the address has one. "
                    "What changes something needs the header X-Ingot-Request: 1 as well.\"}}"));
    json_key(w, "schemas");
    json_begin_object(w);
    json_key(w, "error");
    json_raw(w, STR("{\"type\":\"object\",\"required\":[\"error\",\"code\",\"request_id\"],\"properties\":{\"error\":{\"type\":\"string\"},\"code\":{\"type\":\"string\"},"
                    "\"field\":{\"type\":\"string\",\"description\":\"The input field at fault.\"},\"request_id\":{\"type\":\"string\"}}}"));
    json_key(w, "mlflow_error");
    json_raw(w, STR("{\"type\":\"object\",\"required\":[\"error_code\",\"message\"],\"properties\":{\"error_code\":{\"type\":\"string\"},\"message\":{\"type\":\"string\"}}}"));
    json_key(w, "plain_error");
    json_raw(w, STR("{\"type\":\"object\",\"required\":[\"error\"],\"properties\":{\"error\":{\"type\":\"string\"}}}"));
    enum err e = names_write(op, w);
    json_end_object(w);
    json_end_object(w);
    return e;
}

enum err native_openapi(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct paths p = {.op = op};
    struct str dialect;
    if (http_query_get(op, req, "dialect", &dialect)) {
        if (!str_eqc(dialect, "native") && !str_eqc(dialect, "all"))
            return op_fail_field(op, "dialect", "query parameter 'dialect' must be native or all");
        p.native_only = str_eqc(dialect, "native");
    }
    map_init(&p.by_path, op->arena);
    dispatch_each(s->dispatch, take_row, &p);
    if (op->err)
        return op->err;
    struct json_out w;
    native_reply(res, &w);
    json_begin_object(&w);
    json_kv_cstr(&w, "openapi", "3.1.0");
    json_key(&w, "info");
    json_raw(&w, STR("{\"title\":\"Ingot\",\"version\":\"" INGOT_VERSION "\",\"description\":\"Every HTTP path of this server, of all dialects it speaks.\"}"));
    json_key(&w, "paths");
    json_begin_object(&w);
    for (size_t i = 0; i < p.by_path.len; i++) {
        json_key_str(&w, p.by_path.entries[i].key);
        json_begin_object(&w);
        for (const struct rows *row = p.by_path.entries[i].value; row; row = row->next)
            if (operation_write(op, &w, p.by_path.entries[i].key, row))
                return op->err;
        json_end_object(&w);
    }
    json_end_object(&w);
    enum err e = components_write(op, &w);
    json_end_object(&w);
    return e;
}
