/* Heads and frames: what passes, what is refused and how, what compression does. */
#include "unit/base/base_test.h"

#include "api/grpc/call.h"
#include "base/limits.h"
#include "base/time.h"
#include "net/gzip.h"

static struct http_req request(struct http_header *headers, size_t n)
{
    return (struct http_req){.version = 20, .content_type = STR("application/grpc"), .headers = headers, .header_count = n, .body = STR("")};
}

static void heads(void **state)
{
    struct fixture *f = *state;
    struct grpc_call call;
    struct http_header h[] = {{STR("grpc-timeout"), STR("2S")}, {STR("grpc-encoding"), STR("gzip")}, {STR("grpc-accept-encoding"), STR("identity, deflate, gzip")}};
    struct http_req req = request(h, 3);
    ASSERT_OK(&f->op, grpc_call_open(&f->op, &req, &call));
    assert_int_equal(call.coding, GRPC_GZIP);
    assert_true(call.packs);
    assert_in_range(f->op.deadline_ms, time_mono_ms() + 1000, time_mono_ms() + 2000);
    h[2].value = STR("identity");
    ASSERT_OK(&f->op, grpc_call_open(&f->op, &req, &call));
    assert_false(call.packs);
    h[0].value = STR("soon");
    assert_int_equal(grpc_call_open(&f->op, &req, &call), E_INVALID);
    req = request(NULL, 0);
    req.content_type = STR("application/grpc+proto");
    ASSERT_OK(&f->op, grpc_call_open(&f->op, &req, &call));
    assert_int_equal(call.coding, GRPC_IDENTITY);
    static const char *const others[] = {"application/json", "", "application/grpc-web", "application/grpc+json", "application/grpcx"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        req.content_type = str_from(others[i]);
        assert_int_equal(grpc_call_open(&f->op, &req, &call), E_INVALID);
    }
    req = request(NULL, 0);
    req.version = 11;
    assert_int_equal(grpc_call_open(&f->op, &req, &call), E_INVALID);
}

static void one_message(void **state)
{
    struct fixture *f = *state;
    const struct grpc_call call = {.coding = GRPC_IDENTITY};
    struct str m;
    ASSERT_OK(&f->op, grpc_message_only(&f->op, &call, STR("\0\0\0\0\3abc"), &m));
    ASSERT_STR(m, "abc");
    ASSERT_OK(&f->op, grpc_message_only(&f->op, &call, STR("\0\0\0\0\0"), &m));
    ASSERT_STR(m, "");
    const struct {
        struct str body;
        enum err e;
    } bad[] = {
        {STR(""), E_INVALID}, {STR("\0\0\0\0"), E_INVALID}, {STR("\0\0\0\0\4abc"), E_INVALID}, {STR("\0\0\0\0\2abc"), E_INVALID}, {STR("\2\0\0\0\3abc"), E_INVALID},
        {STR("\1\0\0\0\3abc"), E_INVALID}, {STR("\0\377\377\377\377abc"), E_TOO_LARGE},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(grpc_message_only(&f->op, &call, bad[i].body, &m), bad[i].e);
    const struct grpc_call strange = {.coding = GRPC_CODING_UNKNOWN};
    assert_int_equal(grpc_message_only(&f->op, &strange, STR("\1\0\0\0\3abc"), &m), E_UNSUPPORTED);
    ASSERT_OK(&f->op, grpc_message_only(&f->op, &strange, STR("\0\0\0\0\3abc"), &m)); /* it was not compressed after all */
}

/* A frame that we write, taken back; a long one is compressed when the peer takes that. */
static void frames_come_back(void **state)
{
    struct fixture *f = *state;
    struct grpc_call call = {.coding = GRPC_GZIP};
    AUTO(buf) struct buf out, text;
    struct str m;
    buf_init(&out, LIMIT_MIB(1));
    buf_init(&text, LIMIT_MIB(1));
    for (int i = 0; i < 5000; i++)
        buf_addf(&text, "%d,", i);
    for (int packs = 0; packs < 2; packs++) {
        call.packs = packs;
        buf_reset(&out);
        buf_add_cstr(&out, "before");
        grpc_frame_open(&out);
        buf_add_str(&out, buf_str(&text));
        ASSERT_OK(&f->op, grpc_frame_close(&f->op, &call, &out, 6));
        assert_int_equal(out.p[6], packs);
        assert_true(packs ? out.len < text.len / 2 : out.len == text.len + 11);
        ASSERT_OK(&f->op, grpc_message_only(&f->op, &call, str_sub(buf_str(&out), 6, SIZE_MAX), &m));
        assert_true(str_eq(m, buf_str(&text)));
    }
    /* A compressed message that is cut, or goes on. */
    struct str frame = str_dup(f->arena, str_sub(buf_str(&out), 6, SIZE_MAX));
    char *p = (char *)(uintptr_t)frame.p;
    p[4] = (char)(p[4] - 1);
    assert_int_equal(grpc_message_only(&f->op, &call, (struct str){p, frame.len - 1}, &m), E_INVALID);
    p[20] = (char)(p[20] ^ 0x55);
    p[4] = (char)(p[4] + 1);
    assert_int_equal(grpc_message_only(&f->op, &call, frame, &m), E_INVALID);
    /* An answer above its buffer's maximum. */
    struct buf small;
    buf_init(&small, 16);
    grpc_frame_open(&small);
    buf_add_str(&small, buf_str(&text));
    assert_int_equal(grpc_frame_close(&f->op, &call, &small, 0), E_TOO_LARGE);
    buf_clear(&small);
}

static void deflate_is_zlib(void **state)
{
    struct fixture *f = *state;
    /* zlib.compress(b"hello hello hello") */
    static const char packed[] = "\1\0\0\0\x10\x78\x9c\xcb\x48\xcd\xc9\xc9\x57\xc8\x40\x90\x00\x3a\x2e\x06\x7d";
    const struct grpc_call call = {.coding = GRPC_DEFLATE};
    struct str m;
    enum err e = grpc_message_only(&f->op, &call, (struct str){packed, 21}, &m);
    ASSERT_OK(&f->op, e);
    ASSERT_STR(m, "hello hello hello");
}

/* 4 MB of zeros in 4 KB: more than a hundredfold. */
static void bombs(void **state)
{
    struct fixture *f = *state;
    const struct grpc_call call = {.coding = GRPC_GZIP};
    AUTO(buf) struct buf zeros, out;
    struct str m;
    buf_init(&zeros, LIMIT_MIB(8));
    buf_init(&out, LIMIT_MIB(8));
    memset(buf_reserve(&zeros, LIMIT_MIB(4)), 0, LIMIT_MIB(4));
    zeros.len = LIMIT_MIB(4);
    buf_add(&out, "\1\0\0\0\0", 5);
    assert_true(gzip_pack(buf_str(&zeros), &out));
    out.p[3] = (char)((out.len - 5) >> 8);
    out.p[4] = (char)(out.len - 5);
    out.p[2] = (char)((out.len - 5) >> 16);
    assert_int_equal(grpc_message_only(&f->op, &call, buf_str(&out), &m), E_TOO_LARGE);
}

static void failures_are_fields(void **state)
{
    struct fixture *f = *state;
    struct http_req req = request(NULL, 0);
    struct http_res res = {.status = 500};
    buf_init(&res.body, 4096);
    (void)op_fail(&f->op, E_NOT_FOUND, "no \"x\"\n");
    http_set_trailer(&res, "grpc-status", STR("0"));
    grpc_error(&f->op, &req, &res);
    assert_int_equal(res.status, 200);
    assert_int_equal(res.body.len, 0);
    assert_int_equal(res.trailer_count, 0);
    assert_int_equal(res.header_count, 3);
    ASSERT_STR(res.headers[1].value, "5");
    ASSERT_STR(res.headers[2].value, "no \"x\"%0A");
    req.content_type = STR("application/json");
    grpc_error(&f->op, &req, &res);
    assert_int_equal(res.status, 415);
    req.version = 11;
    grpc_error(&f->op, &req, &res);
    assert_int_equal(res.status, 505);
    buf_clear(&res.body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(heads), TEST(one_message), TEST(frames_come_back), TEST(deflate_is_zlib), TEST(bombs), TEST(failures_are_fields)};
    return cmocka_run_group_tests_name("grpc call", tests, NULL, NULL);
}
