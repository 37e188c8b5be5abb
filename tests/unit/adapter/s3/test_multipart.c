/* test_multipart.c - answers of which one cannot tell what they mean, and refusals; the good ways are walked on a real server. */
#include "adapter/s3/multipart.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/limits.h"
#include "contract/scratch.h"
#include "fake_s3.h"

#define BEGUN {.head = "200 OK", .body = "<InitiateMultipartUploadResult><UploadId>a&amp;b/c</UploadId></InitiateMultipartUploadResult>"}
#define PART {.head = "200 OK\r\nETag: \"t\""}
#define NO_UPLOAD {.head = "404 X", .body = "<Error><Code>NoSuchUpload</Code></Error>"}
#define COMPLETED {.head = "200 OK", .body = "<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>"}

struct talk {
    struct scratch s;
    struct fake_s3 fake;
    struct s3_client *client;
    struct multipart m;
};

static void talk_begin(struct talk *t, const struct fake_step *steps, size_t n)
{
    scratch_init(&t->s);
    t->m = (struct multipart){0};
    fake_start(&t->fake, steps, n);
    struct s3_config c = fake_config(&t->s.op, &t->fake);
    t->client = s3_client_create(&c, 3);
}

static void talk_end(struct talk *t)
{
    assert_int_equal(atomic_load(&t->fake.taken), t->fake.count);
    multipart_clear(&t->m);
    s3_client_destroy(t->client);
    fake_stop(&t->fake);
    scratch_clear(&t->s);
}

/* Begins and adds one part of five bytes. */
static void upload(struct talk *t)
{
    assert_int_equal(multipart_begin(&t->s.op, t->client, STR("tmp/x"), &t->m), OK);
    assert_int_equal(multipart_add(&t->s.op, &t->m, STR("hello")), OK);
}

static void an_upload_as_sent(void **state)
{
    (void)state;
    struct talk t;
    const struct fake_step steps[] = {BEGUN, PART, {.head = "200 OK", .body = "<CopyPartResult><ETag>&quot;c&quot;</ETag></CopyPartResult>"}, COMPLETED};
    talk_begin(&t, steps, ARRAY_LEN(steps));
    upload(&t);
    assert_int_equal(multipart_add_copy(&t.s.op, &t.m, STR("from"), 10, 20), OK);
    assert_int_equal(multipart_complete(&t.s.op, &t.m), OK);
    assert_int_equal(t.m.size, 25);
    assert_true(!strncmp(t.fake.heads[0], "POST /box/p/tmp/x?uploads= HTTP/1.1\r\n", 37));
    assert_true(!strncmp(t.fake.heads[1], "PUT /box/p/tmp/x?partNumber=1&uploadId=a%26b%2Fc HTTP/1.1\r\n", 59));
    assert_non_null(strstr(t.fake.heads[2], "x-amz-copy-source: /box/p/from\r\n"));
    assert_non_null(strstr(t.fake.heads[2], "x-amz-copy-source-range: bytes=10-29\r\n"));
    assert_non_null(strstr(t.fake.bodies[3], "<Part><PartNumber>1</PartNumber><ETag>\"t\"</ETag></Part><Part><PartNumber>2</PartNumber>"));
    talk_end(&t);
}

static void a_lost_completion_is_resolved(void **state)
{
    (void)state;
    struct talk t;
    /* The connection breaks after the server completed; the second try finds no upload, and the object is there. */
    const struct fake_step done[] = {BEGUN, PART, {.head = NULL}, NO_UPLOAD, {.head = "200 OK", .body = "hello"}};
    talk_begin(&t, done, ARRAY_LEN(done));
    upload(&t);
    assert_int_equal(multipart_complete(&t.s.op, &t.m), OK);
    assert_true(!strncmp(t.fake.heads[4], "HEAD /box/p/tmp/x HTTP/1.1\r\n", 28));
    talk_end(&t);
    const struct fake_step other[] = {BEGUN, PART, NO_UPLOAD, {.head = "200 OK", .body = "hell"}};
    talk_begin(&t, other, ARRAY_LEN(other));
    upload(&t);
    assert_int_equal(multipart_complete(&t.s.op, &t.m), E_IO);
    talk_end(&t);
    const struct fake_step gone[] = {BEGUN, PART, NO_UPLOAD, {.head = "404 X"}};
    talk_begin(&t, gone, ARRAY_LEN(gone));
    upload(&t);
    assert_int_equal(multipart_complete(&t.s.op, &t.m), E_IO);
    talk_end(&t);
}

static void an_error_in_a_good_answer_is_one(void **state)
{
    (void)state;
    struct talk t;
    const struct fake_step steps[] = {BEGUN, PART, {.head = "200 OK", .body = "<Error><Code>InternalError</Code></Error>"}, {.head = "200 OK", .body = "  "}};
    talk_begin(&t, steps, ARRAY_LEN(steps));
    upload(&t);
    assert_int_equal(multipart_complete(&t.s.op, &t.m), E_IO);
    talk_end(&t);
}

static void strange_answers_are_refused(void **state)
{
    (void)state;
    struct talk t;
    const struct fake_step steps[] = {{.head = "200 OK", .body = "<x/>"}, BEGUN, {.head = "200 OK"}, {.head = "200 OK\r\nETag: <x>"}, NO_UPLOAD, {.head = "204 X"}};
    talk_begin(&t, steps, ARRAY_LEN(steps));
    assert_int_equal(multipart_begin(&t.s.op, t.client, STR("k"), &t.m), E_IO);
    assert_int_equal(multipart_begin(&t.s.op, t.client, STR("k"), &t.m), OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(multipart_add(&t.s.op, &t.m, STR("hello")), E_IO);
    assert_int_equal(t.m.parts, 0);
    t.m.parts = LIMIT_S3_PARTS;
    assert_int_equal(multipart_add(&t.s.op, &t.m, STR("hello")), E_TOO_LARGE);
    t.m.parts = 0;
    multipart_abort(&t.m);
    assert_true(!strncmp(t.fake.heads[5], "DELETE /box/p/k?uploadId=a%26b%2Fc HTTP/1.1\r\n", 45));
    assert_null(t.m.id);
    multipart_abort(&t.m); /* nothing to end */
    talk_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(an_upload_as_sent), cmocka_unit_test(a_lost_completion_is_resolved),
                                       cmocka_unit_test(an_error_in_a_good_answer_is_one), cmocka_unit_test(strange_answers_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
