/* test_webhooks.c - transcripts of /mlflow/webhooks through the dispatcher; e2e compares them with MLflow's own server. */
#include "api/mlflow/webhooks.h"

#include "unit/core/webhook/hooks_fixture.h"

#include "api/dispatch.h"
#include "api/services.h"
#include "net/loopback.h"

struct world {
    struct hooks h; /* first */
    struct services services;
    struct dispatch *dispatch;
};

static enum err everyone(void *arg, struct op *op, struct str token, bool loopback, struct actor *ret)
{
    (void)arg, (void)op, (void)token, (void)loopback;
    *ret = (struct actor){STR("tester"), ~0u};
    return OK;
}

static int world_open(void **state)
{
    void *inner = NULL;
    hooks_open(&inner);
    struct world *w = calloc(1, sizeof *w);
    w->h = *(struct hooks *)inner;
    free(inner);
    w->services.db = w->h.f.db;
    w->services.webhooks = w->h.hooks;
    static const struct route_table *const tables[] = {&mlflow_routes, NULL};
    struct dispatch_config c = {.tables = tables, .services = &w->services, .auth = {.check = everyone}};
    assert_ok(&w->h.f.op, dispatch_create(&w->h.f.op, &c, &w->dispatch));
    *state = w;
    return 0;
}

static int world_close(void **state)
{
    struct world *w = *state;
    struct hooks *h = malloc(sizeof *h);
    dispatch_destroy(w->dispatch);
    *h = w->h;
    free(w);
    void *inner = h;
    return hooks_close(&inner);
}

static struct str ask(struct world *w, const char *method, const char *path, const char *body, int *ret_status)
{
    struct op *op = &w->h.f.op;
    AUTO(buf) struct buf out;
    struct http_handler handler = dispatch_handler(w->dispatch);
    int64_t status = 0;
    bool closed = false;
    buf_init(&out, LIMIT_MIB(4));
    char *text = op_printf(op, "%s /api/2.0/mlflow/webhooks%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                           method, path, strlen(body), body);
    assert_ok(op, loopback_exchange(op, &handler, str_from(text), 0, &out, &closed));
    struct str answer = str_dup(op->arena, buf_str(&out));
    size_t end = str_find(answer, STR("\r\n\r\n"));
    assert_true(end != SIZE_MAX && str_parse_i64(str_sub(answer, 9, 3), &status));
    *ret_status = (int)status;
    return str_sub(answer, end + 4, answer.len);
}

static void expect(struct world *w, const char *method, const char *path, const char *body, int status, const char *part)
{
    int got = 0;
    struct str answer = ask(w, method, path, body, &got);
    if (got != status || str_find(answer, str_from(part)) == SIZE_MAX)
        fail_msg("%s %s %s: %d %.*s", method, path, body, got, STR_FMT(answer));
}

#define EVENT "{\"entity\":\"MODEL_VERSION\",\"action\":\"CREATED\"}"
#define BODY(more) "{\"name\":\"a\",\"url\":\"http://127.0.0.1:1/x\",\"events\":[" EVENT "]" more "}"

static void a_webhook_over_http(void **state)
{
    struct world *w = *state;
    int status = 0;
    struct json *j = NULL;
    expect(w, "GET", "", "", 200, "{}");
    struct str made = ask(w, "POST", "", BODY(",\"secret\":\"s3cret\",\"description\":\"d\""), &status);
    assert_int_equal(status, 200);
    assert_true(str_find(made, STR("s3cret")) == SIZE_MAX);
    assert_ok(&w->h.f.op, json_parse(&w->h.f.op, made, JSON_STRICT, &j));
    const char *path = op_printf(&w->h.f.op, "/%.*s", STR_FMT(json_path(j, "webhook.webhook_id")->s));
    expect(w, "GET", path, "", 200, "\"name\":\"a\",\"description\":\"d\",\"url\":\"http://127.0.0.1:1/x\",\"events\":[" EVENT "],\"status\":\"ACTIVE\",\"creation_timestamp\":");
    expect(w, "PATCH", path, "{\"status\":\"DISABLED\",\"name\":\"\",\"url\":\"\",\"events\":[]}", 200, "\"name\":\"a\"");
    expect(w, "PATCH", path, "{\"events\":[{\"entity\":6,\"action\":1}],\"description\":\"\"}", 200, "\"url\":\"http://127.0.0.1:1/x\",\"events\":[{\"entity\":\"PROMPT_VERSION\",\"action\":\"CREATED\"}],\"status\":\"DISABLED\"");
    expect(w, "GET", "?max_results=1", "", 200, "{\"webhooks\":[{\"webhook_id\":");
    expect(w, "POST", op_printf(&w->h.f.op, "%s/test", path), "{}", 200, "{\"result\":{\"success\":false,\"error_message\":\"Failed to test webhook: ");
    expect(w, "DELETE", path, "", 200, "{}");
    expect(w, "GET", path, "", 404, "\"RESOURCE_DOES_NOT_EXIST\"");
}

static void bad_requests_name_their_fault(void **state)
{
    struct world *w = *state;
    expect(w, "POST", "", "{}", 400, "Missing value for required parameter 'name'.");
    expect(w, "POST", "", "{\"name\":\"a\",\"url\":\"https://8.8.8.8\",\"events\":[{}]}", 400, "'events[0].entity'");
    expect(w, "POST", "", "{\"name\":\"a\",\"url\":\"https://8.8.8.8\",\"events\":[{\"entity\":\"NOPE\",\"action\":\"SET\"}]}", 400, "'NOPE' is not a valid WebhookEntity");
    expect(w, "POST", "", BODY(",\"status\":\"ASLEEP\""), 400, "ACTIVE or DISABLED");
    expect(w, "POST", "", BODY(",\"secret\":5"), 400, "parameter 'secret'");
    expect(w, "GET", "?max_results=1001", "", 400, "max_results must be between 1 and 1000.");
    expect(w, "POST", "/none/test", "{\"event\":5}", 400, "parameter 'event'");
    expect(w, "POST", "/none/test", "{}", 404, "Webhook with ID none not found.");
    w->services.webhooks = NULL;
    expect(w, "GET", "", "", 501, "does not serve webhooks");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_webhook_over_http, world_open, world_close),
        cmocka_unit_test_setup_teardown(bad_requests_name_their_fault, world_open, world_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
