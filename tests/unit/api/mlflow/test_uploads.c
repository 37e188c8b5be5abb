/* test_uploads.c - an upload in parts as transcripts: requests through the connection code, the dispatcher and the handlers. What the real
 * client does is in tests/e2e/test_artifacts.py. */
#include "api/mlflow/uploads.h"

#include "unit/core/track/fixture.h"

#include "adapter/mem/mem.h"
#include "api/dispatch.h"
#include "api/services.h"
#include "base/buf.h"
#include "base/json.h"
#include "net/loopback.h"

struct world {
    struct fixture *f;
    struct services services;
    struct dispatch *dispatch;
    int status;
    struct str head; /* of the last answer */
};

/* Nobody may do anything but what is public. */
static enum err nobody(void *arg, struct op *op, struct str token, bool loopback, struct actor *ret)
{
    (void)arg, (void)loopback;
    if (!str_eqc(token, "good"))
        return op_fail(op, E_UNAUTHENTICATED, "a token is needed");
    *ret = (struct actor){STR("tester"), ~0u};
    return OK;
}

static int world_open(void **state)
{
    void *inner = NULL;
    fixture_open(&inner);
    struct world *w = test_calloc(1, sizeof *w);
    w->f = inner;
    w->services.db = w->f->db;
    w->services.blobs = mem_blobs_create(0);
    static const struct route_table *const tables[] = {&mlflow_routes, &mlflow_proxy_routes, NULL};
    assert_ok(&w->f->op, dispatch_create(&w->f->op, &(struct dispatch_config){.tables = tables, .services = &w->services, .auth = {.check = nobody}}, &w->dispatch));
    *state = w;
    return 0;
}

static int world_close(void **state)
{
    struct world *w = *state;
    void *inner = w->f;
    dispatch_destroy(w->dispatch);
    blob_store_close(w->services.blobs);
    test_free(w);
    return fixture_close(&inner);
}

/* The body of the answer. `token` NULL: none. */
static struct str ask(struct world *w, const char *method, const char *target, const char *token, const char *body)
{
    struct op *op = &w->f->op;
    struct buf out;
    buf_init(&out, LIMIT_MIB(4));
    struct http_handler handler = dispatch_handler(w->dispatch);
    const char *auth = token ? op_printf(op, "Authorization: Bearer %s\r\n", token) : "";
    char *text = op_printf(op, "%s %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", method, target, auth,
                           strlen(body), body);
    bool closed = false;
    assert_ok(op, loopback_exchange(op, &handler, str_from(text), 0, &out, &closed));
    struct str answer = str_dup(op->arena, buf_str(&out));
    buf_clear(&out);
    size_t end = str_find(answer, STR("\r\n\r\n"));
    int64_t status = 0;
    assert_true(end != SIZE_MAX && str_parse_i64(str_sub(answer, 9, 3), &status));
    w->status = (int)status;
    w->head = str_sub(answer, 0, end);
    return str_sub(answer, end + 4, answer.len);
}

#define MPU "/api/2.0/mlflow-artifacts/mpu/"
#define FILES "/api/2.0/mlflow-artifacts/artifacts/"

/* What stands behind the host in the address of a part. */
static const char *part_target(struct op *op, const struct json *created, uint32_t i)
{
    struct str url = json_get(&json_get(created, "credentials")->items[i], "url")->s, host = STR("http://localhost");
    assert_true(str_starts(url, host));
    return str_cstr(op->arena, str_sub(url, host.len, url.len));
}

static void parts_by_transcript(void **state)
{
    struct world *w = *state;
    struct op *op = &w->f->op;
    struct json *created;
    ask(w, "POST", MPU "create/0/r/artifacts", NULL, "{\"path\": \"f\", \"num_parts\": 2}");
    assert_int_equal(w->status, 401);
    assert_ok(op, json_parse(op, ask(w, "POST", MPU "create/0/r/artifacts", "good", "{\"path\": \"/tmp/dir/f\", \"num_parts\": 2}"), 0, &created));
    assert_int_equal(w->status, 200);
    const char *id = str_cstr(op->arena, json_get(created, "upload_id")->s);
    for (uint32_t i = 0; i < 2; i++) { /* without any token */
        ask(w, "PUT", part_target(op, created, i), NULL, i ? "two" : "one");
        assert_int_equal(w->status, 200);
        assert_true(str_find(w->head, STR("\r\nETag: \"")) != SIZE_MAX);
    }
    ask(w, "PUT", MPU "part?upload_id=0&part_number=1", NULL, "x");
    assert_int_equal(w->status, 404);
    ask(w, "PUT", MPU "part?part_number=1", NULL, "x");
    assert_int_equal(w->status, 400);
    const char *end = op_printf(op, "{\"path\": \"f\", \"upload_id\": \"%s\", \"parts\": [{\"part_number\": 1}, {\"part_number\": 2, \"etag\": null}]}", id);
    ask(w, "POST", MPU "complete/0/r/artifacts", NULL, end);
    assert_int_equal(w->status, 401);
    assert_str(ask(w, "POST", MPU "complete/0/r/artifacts", "good", end), "{}");
    assert_str(ask(w, "GET", FILES "0/r/artifacts/f", "good", ""), "onetwo");
    ask(w, "GET", FILES "0/r/artifacts/f", NULL, "");
    assert_int_equal(w->status, 401);
    assert_str(ask(w, "POST", MPU "abort/0/r/artifacts", "good", end), "{}");
    ask(w, "POST", MPU "complete/0/r/artifacts", "good", end);
    assert_int_equal(w->status, 404);
}

static void names_of_the_client(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *path;
        int status;
    } rows[] = {{"f", 200}, {"/a/b/f", 200}, {"C:\\\\a\\\\f", 200}, {"", 400}, {"..", 400}, {"a/..", 400}, {"a/", 400}, {"%2e%2e", 400}, {"a#b", 400}, {"a\\u0000b", 400}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        ask(w, "POST", MPU "create/d", "good", op_printf(&w->f->op, "{\"path\": \"%s\", \"num_parts\": 1}", rows[i].path));
        if (w->status != rows[i].status)
            fail_msg("%s: %d", rows[i].path, w->status);
    }
    ask(w, "POST", MPU "create/d", "good", "[]");
    assert_int_equal(w->status, 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(parts_by_transcript, world_open, world_close),
                                       cmocka_unit_test_setup_teardown(names_of_the_client, world_open, world_close)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
