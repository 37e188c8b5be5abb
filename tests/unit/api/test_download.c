/* test_download.c - the bytes of a blob over the loopback: whole, in part, and for whoever has them. */
#include "api/download.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "adapter/localfs/localfs.h"
#include "api/dispatch.h"
#include "api/services.h"
#include "base/limits.h"
#include "contract/scratch.h"
#include "net/loopback.h"

static struct blob_id blob;
static uint64_t told_size;

static enum err give(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    http_set_type(res, "text/plain");
    return download_blob(op, s->blobs, req, res, &blob, told_size);
}

static const struct route rows[] = {{"GET", "/b", give, PERM_PUBLIC, ROUTE_POOL | ROUTE_TRANSFER, 0, "x"}};
static const struct route_table table = {.dialect = "t", .rows = rows, .len = 1, .error = NULL};
static const struct route_table *const tables[] = {&table, NULL};

static const char *asked(struct scratch *s, struct dispatch *d, const char *method, const char *headers)
{
    struct buf out;
    bool closed = false;
    struct http_handler handler = dispatch_handler(d);
    buf_init(&out, LIMIT_MIB(4));
    assert_int_equal(loopback_exchange(&s->op, &handler, str_from(op_printf(&s->op, "%s /b HTTP/1.1\r\nHost: localhost\r\n%s\r\n", method, headers)), 0, &out, &closed), OK);
    const char *text = str_cstr(s->arena, buf_str(&out));
    buf_clear(&out);
    return text;
}

static void parts_and_tags(void **state)
{
    (void)state;
    struct scratch s;
    scratch_init(&s);
    struct op *op = &s.op;
    struct services services = {0};
    struct blob_writer *w = NULL;
    struct dispatch *d = NULL;
    assert_int_equal(localfs_open(op, s.dir, &services.blobs), OK);
    assert_int_equal(blob_writer_open(op, services.blobs, &w), OK);
    assert_int_equal(blob_write(op, services.blobs, w, "0123456789", 10), OK);
    assert_int_equal(blob_commit(op, services.blobs, w, &blob, &told_size), OK);
    assert_int_equal(dispatch_create(op, &(struct dispatch_config){.tables = tables, .services = &services}, &d), OK);
    const char *text = asked(&s, d, "GET", "");
    assert_true(strstr(text, "200 OK") && strstr(text, "Accept-Ranges: bytes") && strstr(text, "Cache-Control: private, no-cache") && str_ends(str_from(text), STR("\r\n\r\n0123456789")));
    const char *tag = op_printf(op, "\"%.*s\"", STR_FMT(blob_id_hex(op, &blob)));
    assert_non_null(strstr(text, tag));
    text = asked(&s, d, "GET", "Range: bytes=2-4\r\n");
    assert_true(strstr(text, "206 ") && strstr(text, "Content-Range: bytes 2-4/10") && str_ends(str_from(text), STR("\r\n\r\n234")));
    assert_true(str_ends(str_from(asked(&s, d, "GET", "Range: bytes=-3\r\n")), STR("\r\n\r\n789")));
    text = asked(&s, d, "GET", "Range: bytes=10-\r\n");
    assert_true(strstr(text, "416 ") && strstr(text, "Content-Range: bytes */10"));
    assert_true(str_ends(str_from(asked(&s, d, "GET", "Range: bytes=2-4\r\nIf-Range: \"other\"\r\n")), STR("\r\n\r\n0123456789")));
    text = asked(&s, d, "HEAD", "");
    assert_true(strstr(text, "Content-Length: 10") && str_ends(str_from(text), STR("\r\n\r\n")));
    assert_non_null(strstr(asked(&s, d, "GET", op_printf(op, "If-None-Match: %s\r\n", tag)), "304 "));
    assert_non_null(strstr(asked(&s, d, "GET", op_printf(op, "If-None-Match: \"x\", W/%s\r\n", tag)), "304 "));
    assert_non_null(strstr(asked(&s, d, "GET", "If-None-Match: *\r\n"), "304 "));
    assert_non_null(strstr(asked(&s, d, "GET", "If-None-Match: \"x\"\r\n"), "200 OK"));
    told_size = 11; /* a record that lies: an error, not an answer that breaks off */
    assert_non_null(strstr(asked(&s, d, "GET", ""), "500 "));
    dispatch_destroy(d);
    blob_store_close(services.blobs);
    scratch_clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(parts_and_tags)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
