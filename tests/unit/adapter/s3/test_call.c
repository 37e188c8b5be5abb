/* test_call.c - what is tried again, what is not, and what a failure is called. */
#include "adapter/s3/call.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "contract/scratch.h"
#include "fake_s3.h"

#define XML_ERROR(code) "<?xml version=\"1.0\"?><Error><Code>" code "</Code><Message>m&amp;m</Message><AWSAccessKeyId>the-id</AWSAccessKeyId></Error>"

struct talk {
    struct scratch s;
    struct fake_s3 fake;
    struct s3_client *client;
    struct s3_answer a;
};

static void begin(struct talk *t, const struct fake_step *steps, size_t n, int tries)
{
    scratch_init(&t->s);
    fake_start(&t->fake, steps, n);
    struct s3_config c = fake_config(&t->s.op, &t->fake);
    t->client = s3_client_create(&c, tries);
}
#define BEGIN(t, tries, ...) begin(&(t), (const struct fake_step[]){__VA_ARGS__}, sizeof((const struct fake_step[]){__VA_ARGS__}) / sizeof(struct fake_step), tries)

static void end(struct talk *t, size_t requests)
{
    s3_client_destroy(t->client);
    fake_stop(&t->fake);
    assert_int_equal(atomic_load(&t->fake.taken), requests);
    scratch_clear(&t->s);
}

static void call(struct talk *t, const struct s3_request *r, enum err want)
{
    enum err e = s3_call(&t->s.op, t->client, r, &t->a);
    if (e != want)
        print_error("got %s: %s\n", err_name(e), t->s.op.msg ? t->s.op.msg : "");
    assert_int_equal(e, want);
    if (e) {
        assert_null(strstr(t->s.op.msg, "the-id"));
        assert_null(strstr(t->s.op.msg, "the-secret"));
        assert_null(strstr(t->s.op.msg, "Signature="));
    }
}

static const struct s3_request head = {.method = "HEAD", .key = STR_INIT("k y")};
static const struct s3_request put = {.method = "PUT", .key = STR_INIT("k"), .body = STR_INIT("hello")};

static void a_request_as_sent(void **state)
{
    (void)state;
    struct talk t;
    BEGIN(t, 1, {.head = "200 OK\r\nETag: \"e\"\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT"}, {.head = "200 OK", .body = "<a/>"});
    call(&t, &head, OK);
    assert_true(t.a.status == 200 && str_eqc(t.a.etag, "\"e\"") && t.a.modified_us == 784111777LL * 1000000);
    assert_true(!strncmp(t.fake.heads[0], "HEAD /box/p/k%20y HTTP/1.1\r\n", 28));
    assert_non_null(strstr(t.fake.heads[0], "\r\nAuthorization: AWS4-HMAC-SHA256 Credential=the-id/"));
    assert_non_null(strstr(t.fake.heads[0], "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,"));
    assert_non_null(strstr(t.fake.heads[0], "\r\nx-amz-security-token: the-token\r\n"));
    assert_null(strstr(t.fake.heads[0], "the-secret"));
    call(&t, &put, OK);
    assert_true(!strncmp(t.fake.heads[1], "PUT /box/p/k HTTP/1.1\r\n", 23) && !strcmp(t.fake.bodies[1], "hello"));
    assert_non_null(strstr(t.fake.heads[1], "x-amz-content-sha256: 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"));
    assert_true(str_eqc(t.a.body, "<a/>"));
    end(&t, 2);
}

static void failures_that_pass_are_outlived(void **state)
{
    (void)state;
    struct talk t;
    BEGIN(t, 10, {.head = "200 OK", .half_head = true}, {.head = "500 X", .body = XML_ERROR("InternalError")}, {.head = "503 X", .body = XML_ERROR("SlowDown")}, {.head = NULL}, {.head = "502 X"},
          {.head = "429 X"}, {.head = "400 X", .body = XML_ERROR("RequestTimeout")}, {.head = "200 OK", .body = XML_ERROR("InternalError")}, {.head = "504 X"},
          {.head = "200 OK"});
    call(&t, &put, OK);
    for (size_t i = 0; i < 10; i++)
        assert_string_equal(t.fake.bodies[i], "hello"); /* the body is whole each time */
    end(&t, 10);
}

static void failures_that_stay_are_told(void **state)
{
    (void)state;
    struct talk t;
    BEGIN(t, 3, {.head = "503 X", .body = XML_ERROR("SlowDown")}, {.head = "503 X"}, {.head = "503 X", .body = XML_ERROR("SlowDown")});
    call(&t, &put, E_BUSY);
    assert_non_null(strstr(t.s.op.msg, "S3 PUT box/p/k: 503 SlowDown"));
    end(&t, 3);
    BEGIN(t, 2, {.head = "500 X"}, {.head = "500 X"});
    call(&t, &put, E_IO);
    end(&t, 2);
    BEGIN(t, 2, {.head = NULL}, {.head = NULL});
    call(&t, &put, E_IO);
    end(&t, 2);
}

static void refusals_are_not_repeated(void **state)
{
    (void)state;
    static const struct {
        struct fake_step step;
        enum err want;
        const char *text;
    } rows[] = {
        {{.head = "403 X", .body = XML_ERROR("SignatureDoesNotMatch")}, E_IO, "403 SignatureDoesNotMatch: m&m: see AWS_ACCESS_KEY_ID"},
        {{.head = "403 X", .body = XML_ERROR("RequestTimeTooSkewed")}, E_IO, "set the clock"},
        {{.head = "403 X\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT", .body = XML_ERROR("AccessDenied")}, E_IO, "s ahead of S3's"},
        {{.head = "301 X\r\nx-amz-bucket-region: eu-west-9", .body = XML_ERROR("PermanentRedirect")}, E_IO, "not in region r but in eu-west-9"},
        {{.head = "404 X", .body = XML_ERROR("NoSuchBucket")}, E_IO, "no bucket 'box'"},
        {{.head = "400 X", .body = XML_ERROR("EntityTooSmall")}, E_IO, "400 EntityTooSmall: m&m"},
        {{.head = "200 X", .body = XML_ERROR("AccessDenied")}, E_IO, "200 AccessDenied"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct talk t;
        begin(&t, &rows[i].step, 1, 5);
        call(&t, &put, rows[i].want);
        if (!strstr(t.s.op.msg, rows[i].text))
            print_error("%s\n", t.s.op.msg);
        assert_non_null(strstr(t.s.op.msg, rows[i].text));
        end(&t, 1);
    }
    struct talk t;
    BEGIN(t, 5, {.head = "404 X", .body = XML_ERROR("NoSuchKey")}, {.head = "416 X"}, {.head = "412 X"});
    for (int i = 0; i < 3; i++)
        call(&t, &put, OK);
    assert_int_equal(t.a.status, 412);
    end(&t, 3);
}

static void a_broken_range_is_resumed(void **state)
{
    (void)state;
    struct talk t;
    char into[32] = "";
    struct s3_request get = {.method = "GET", .key = STR("k"), .ranged = true, .range_from = 100, .range_len = 10, .into = into};
    BEGIN(t, 5, {.head = "206 X\r\nContent-Range: bytes 100-109/200", .body = "0123456789", .cut = 7},
          {.head = "206 X\r\nContent-Range: bytes 103-109/200", .body = "3456789", .cut = 7}, {.head = "500 X"},
          {.head = "206 X\r\nContent-Range: bytes 103-109/200", .body = "3456789", .cut = 5, .hang = true},
          {.head = "206 X\r\nContent-Range: bytes 105-109/200", .body = "56789"});
    call(&t, &get, OK);
    assert_true(t.a.got == 10 && t.a.size == 200 && !memcmp(into, "0123456789", 11));
    assert_non_null(strstr(t.fake.heads[0], "\r\nRange: bytes=100-109\r\n"));
    assert_non_null(strstr(t.fake.heads[4], "\r\nRange: bytes=105-109\r\n"));
    end(&t, 5);
}

/* Bytes of another range, or all of them, must never land in the place of those asked for. */
static void wrong_ranges_are_refused(void **state)
{
    (void)state;
    struct talk t;
    char into[32] = "";
    struct s3_request get = {.method = "GET", .key = STR("k"), .ranged = true, .range_from = 100, .range_len = 10, .into = into};
    BEGIN(t, 3, {.head = "206 X\r\nContent-Range: bytes 0-9/200", .body = "wrongbytes"}, {.head = "200 X", .body = "wrongbytes"},
          {.head = "206 X\r\nContent-Range: bytes 100-119/200", .body = "more than was asked."});
    call(&t, &get, E_IO);
    assert_non_null(strstr(t.s.op.msg, "not the range"));
    end(&t, 3);
}

static void the_deadline_bounds_it_all(void **state)
{
    (void)state;
    struct talk t;
    static const struct fake_step step = {.head = "200 X", .body = "xxxxxxxxxx", .cut = 5, .hang = true};
    begin(&t, &step, 1, 100);
    int64_t start_ms = time_mono_ms();
    t.s.op.deadline_ms = start_ms + 300;
    call(&t, &put, E_TIMEOUT);
    assert_in_range(time_mono_ms() - start_ms, 100, 3000);
    end(&t, 1);
    static const struct fake_step busy[] = {{.head = "503 X"}, {.head = "503 X"}, {.head = "503 X"}, {.head = "503 X"}, {.head = "503 X"}, {.head = "503 X"}};
    begin(&t, busy, ARRAY_LEN(busy), 100);
    t.s.op.deadline_ms = time_mono_ms() + 400;
    call(&t, &put, E_TIMEOUT);
    assert_true(time_mono_ms() < t.s.op.deadline_ms + 300);
    size_t taken = atomic_load(&t.fake.taken);
    assert_in_range(taken, 2, 5);
    end(&t, taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_as_sent),         cmocka_unit_test(failures_that_pass_are_outlived), cmocka_unit_test(failures_that_stay_are_told),
        cmocka_unit_test(refusals_are_not_repeated), cmocka_unit_test(a_broken_range_is_resumed),       cmocka_unit_test(wrong_ranges_are_refused),
        cmocka_unit_test(the_deadline_bounds_it_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
