/* The API described by itself: every row of the route tables that is plain HTTP becomes an operation of OpenAPI 3.1. Nothing is said here that the tables do
 * not say: paths, their parameters, permission, the sentence of help, whether a body is JSON. Bodies and query parameters of single calls stand in docs/. */
#include "api/native/native.h"

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

static void parameters_write(struct json_out *w, const char *route_path)
{
    struct str rest = str_from(route_path);
    json_key(w, "parameters");
    json_begin_array(w);
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
    json_end_array(w);
}

static void security_write(struct json_out *w, const struct route *r)
{
    json_key(w, "security");
    json_raw(w, r->perm == PERM_PUBLIC ? STR("[]") : STR("[{\"token\":[]},{\"password\":[]},{\"session\":[]}]"));
    json_kv_cstr(w, "x-ingot-permission", perm_words[r->perm]);
}

static void body_write(struct json_out *w, const struct route *r)
{
    bool sends = !strcmp(r->method, "POST") || !strcmp(r->method, "PUT") || !strcmp(r->method, "PATCH");
    if (!sends)
        return;
    json_key(w, "requestBody");
    json_raw(w, r->flags & ROUTE_ANY_TYPE ? STR("{\"content\":{\"*/*\":{}}}") : STR("{\"content\":{\"application/json\":{\"schema\":{\"type\":\"object\"}}}}"));
    json_kv_i64(w, "x-ingot-body-max-bytes", (int64_t)(r->body_max ? r->body_max : LIMIT_HTTP_BODY_BYTES));
}

static void operation_write(struct op *op, struct json_out *w, struct str path, const struct rows *row)
{
    const char *form = error_form(row->table->dialect);
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
    parameters_write(w, row->route->path);
    security_write(w, row->route);
    body_write(w, row->route);
    json_key(w, "responses");
    json_begin_object(w);
    json_key(w, "2XX");
    json_raw(w, STR("{\"description\":\"Done.\"}"));
    json_key(w, "default");
    if (form)
        json_raw(w, str_from(op_printf(op, "{\"description\":\"It failed; the status says how.\",\"content\":{\"application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/%s\"}}}}", form)));
    else
        json_raw(w, STR("{\"description\":\"It failed; the status says how.\"}"));
    json_end_object(w);
    json_end_object(w);
}

static void components_write(struct json_out *w)
{
    json_key(w, "components");
    json_raw(w, STR("{\"securitySchemes\":{"
                    "\"token\":{\"type\":\"http\",\"scheme\":\"bearer\",\"description\":\"A token of this server. On the server's own machine none is needed unless it was started with --auth.\"},"
                    "\"password\":{\"type\":\"http\",\"scheme\":\"basic\",\"description\":\"Any name, the token as the password.\"},"
                    "\"session\":{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":\"ingot_session\",\"description\":\"For browsers, by POST /api/ingot/v1/session; the name ends with _ and the port where the address has one. "
                    "What changes something needs the header X-Ingot-Request: 1 as well.\"}},"
                    "\"schemas\":{"
                    "\"error\":{\"type\":\"object\",\"required\":[\"error\",\"code\",\"request_id\"],\"properties\":{\"error\":{\"type\":\"string\"},\"code\":{\"type\":\"string\"},"
                    "\"field\":{\"type\":\"string\",\"description\":\"The input field at fault.\"},\"request_id\":{\"type\":\"string\"}}},"
                    "\"mlflow_error\":{\"type\":\"object\",\"required\":[\"error_code\",\"message\"],\"properties\":{\"error_code\":{\"type\":\"string\"},\"message\":{\"type\":\"string\"}}},"
                    "\"plain_error\":{\"type\":\"object\",\"required\":[\"error\"],\"properties\":{\"error\":{\"type\":\"string\"}}}}}"));
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
            operation_write(op, &w, p.by_path.entries[i].key, row);
        json_end_object(&w);
    }
    json_end_object(&w);
    components_write(&w);
    json_end_object(&w);
    return OK;
}
