/* test_s3.c - what the store asks, and what it makes of answers that a healthy server does not give. The contract is judged on a
 * real server (tests/contract/test_blob_s3.c). */
#include "adapter/s3/s3.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "contract/scratch.h"
#include "fake_s3.h"

#define LIST(inner) "<ListBucketResult><IsTruncated>false</IsTruncated>" inner "</ListBucketResult>"
#define OPENED {.head = "200 OK", .body = LIST("")}, {.head = "200 OK", .body = LIST("")}, {.head = "200 OK", .body = "<ListMultipartUploadsResult/>"}
#define OPEN_REQUESTS 3

struct talk {
    struct scratch s;
    struct fake_s3 fake;
    struct blob_store *store;
};

static enum err talk_begin(struct talk *t, const struct fake_step *steps, size_t n)
{
    scratch_init(&t->s);
    t->store = NULL;
    fake_start(&t->fake, steps, n);
    struct s3_config c = fake_config(&t->s.op, &t->fake);
    return s3_open(&t->s.op, &c, &(struct s3_tuning){.tries = 2}, &t->store);
}
#define BEGIN(t, ...) talk_begin(&(t), (const struct fake_step[]){__VA_ARGS__}, sizeof((const struct fake_step[]){__VA_ARGS__}) / sizeof(struct fake_step))

static void talk_end(struct talk *t)
{
    assert_int_equal(atomic_load(&t->fake.taken), t->fake.count);
    blob_store_close(t->store);
    fake_stop(&t->fake);
    scratch_clear(&t->s);
}

static bool asked(const struct talk *t, size_t i, const char *line)
{
    bool same = !strncmp(t->fake.heads[i], line, strlen(line));
    if (!same)
        print_error("%.200s\n", t->fake.heads[i]);
    return same;
}

static void a_bucket_that_is_not_there_is_told_at_the_start(void **state)
{
    (void)state;
    struct talk t;
    assert_int_equal(BEGIN(t, {.head = "404 X", .body = "<Error><Code>NoSuchBucket</Code></Error>"}), E_IO);
    assert_non_null(strstr(t.s.op.msg, "there is no bucket 'box'"));
    talk_end(&t);
    assert_int_equal(BEGIN(t, {.head = "404 Nothing here"}), E_IO);
    talk_end(&t);
    assert_int_equal(BEGIN(t, {.head = "403 X", .body = "<Error><Code>InvalidAccessKeyId</Code></Error>"}), E_IO);
    talk_end(&t);
}

static void left_overs_are_swept_and_failures_of_it_forgiven(void **state)
{
    (void)state;
    struct talk t;
    assert_int_equal(BEGIN(t, {.head = "200 OK", .body = LIST("")},
                           {.head = "200 OK", .body = "<L><IsTruncated>true</IsTruncated><NextContinuationToken>a&amp;b=</NextContinuationToken>"
                                                      "<Contents><Key>p/tmp/old</Key><LastModified>2020-01-01T00:00:00.000Z</LastModified></Contents>"
                                                      "<Contents><Key>p/tmp/young</Key><LastModified>9000-01-01T00:00:00.000Z</LastModified></Contents>"
                                                      "<Contents><Key>p/blobs/old</Key><LastModified>2020-01-01T00:00:00.000Z</LastModified></Contents></L>"},
                           {.head = "204 X"}, {.head = "200 OK", .body = LIST("<Contents><Key>other/tmp/x</Key><LastModified>2020-01-01T00:00:00Z</LastModified></Contents>")},
                           {.head = "200 OK", .body = "<U><Upload><Key>p/tmp/u</Key><UploadId>7</UploadId><Initiated>2020-01-01T00:00:00Z</Initiated></Upload></U>"},
                           {.head = "204 X"}),
                     OK);
    assert_true(asked(&t, 1, "GET /box?list-type=2&prefix=p%2Ftmp%2F HTTP"));
    assert_true(asked(&t, 2, "DELETE /box/p/tmp/old HTTP"));
    assert_true(asked(&t, 3, "GET /box?continuation-token=a%26b%3D&list-type=2&prefix=p%2Ftmp%2F HTTP"));
    assert_true(asked(&t, 4, "GET /box?prefix=p%2F&uploads= HTTP"));
    assert_true(asked(&t, 5, "DELETE /box/p/tmp/u?uploadId=7 HTTP"));
    talk_end(&t);
    assert_int_equal(BEGIN(t, {.head = "200 OK", .body = LIST("")}, {.head = "403 X", .body = "<Error><Code>AccessDenied</Code></Error>"}), OK);
    talk_end(&t);
}

#define ABC "ba/7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void a_small_blob_is_one_request(void **state)
{
    (void)state;
    struct talk t;
    assert_int_equal(BEGIN(t, OPENED, {.head = "200 OK"}), OK);
    struct blob_id id;
    assert_int_equal(blob_put(&t.s.op, t.store, STR("abc"), &id), OK);
    assert_true(asked(&t, OPEN_REQUESTS, "PUT /box/p/blobs/" ABC " HTTP"));
    assert_string_equal(t.fake.bodies[OPEN_REQUESTS], "abc");
    talk_end(&t);
}

static void wrong_bytes_are_found(void **state)
{
    (void)state;
    struct talk t;
    struct blob_id id;
    struct str back;
    hash_sha256("abc", 3, id.sha256);
    assert_int_equal(BEGIN(t, OPENED, {.head = "206 X\r\nContent-Range: bytes 0-2/3", .body = "abd"}, {.head = "206 X\r\nContent-Range: bytes 0-2/3", .body = "abc"},
                           {.head = "404 X"}, {.head = "206 X\r\nContent-Range: bytes 0-2/5", .body = "abc"}, {.head = "404 X"}),
                     OK);
    assert_int_equal(blob_get(&t.s.op, t.store, &id, 10, &back), E_CORRUPT);
    assert_int_equal(blob_get(&t.s.op, t.store, &id, 10, &back), OK);
    assert_int_equal(blob_get(&t.s.op, t.store, &id, 10, &back), E_NOT_FOUND);
    assert_int_equal(blob_get(&t.s.op, t.store, &id, 10, &back), E_NOT_FOUND); /* it went away before the rest of an answer came */
    talk_end(&t);
}

static enum err count(void *arg, struct op *op, const struct blob_info *info)
{
    (void)op;
    assert_int_equal(info->size_bytes, 3);
    ++*(int *)arg;
    return OK;
}

static void only_blobs_are_told(void **state)
{
    (void)state;
    struct talk t;
    int n = 0;
    static const char page[] = LIST("<Contents><Key>p/blobs/" ABC "</Key><Size>3</Size><LastModified>2020-01-01T00:00:00.000Z</LastModified></Contents>"
                                    "<Contents><Key>p/blobs/xx/zz</Key><Size>3</Size><LastModified>2020-01-01T00:00:00.000Z</LastModified></Contents>"
                                    "<Contents><Key>p/blobs/" ABC "00</Key><Size>3</Size><LastModified>2020-01-01T00:00:00.000Z</LastModified></Contents>"
                                    "<Contents><Key>p/blobs/" ABC "</Key><Size>x</Size><LastModified>2020-01-01T00:00:00.000Z</LastModified></Contents>"
                                    "<Contents><Key>blobs/" ABC "</Key><Size>3</Size><LastModified>2020-01-01T00:00:00.000Z</LastModified></Contents>");
    assert_int_equal(BEGIN(t, OPENED, {.head = "200 OK", .body = page},
                           {.head = "200 OK", .body = "<L><IsTruncated>true</IsTruncated><NextContinuationToken>same</NextContinuationToken></L>"},
                           {.head = "200 OK", .body = "<L><IsTruncated>true</IsTruncated><NextContinuationToken>same</NextContinuationToken></L>"}),
                     OK);
    assert_int_equal(blob_each(&t.s.op, t.store, count, &n), OK);
    assert_int_equal(n, 1);
    assert_int_equal(blob_each(&t.s.op, t.store, count, &n), E_IO); /* would turn in circles */
    talk_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket_that_is_not_there_is_told_at_the_start),
        cmocka_unit_test(left_overs_are_swept_and_failures_of_it_forgiven),
        cmocka_unit_test(a_small_blob_is_one_request),
        cmocka_unit_test(wrong_bytes_are_found),
        cmocka_unit_test(only_blobs_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
