/* test_sign.c - the examples of "Authenticating Requests: Using the Authorization Header" in the Amazon S3 API reference. */
#include "adapter/s3/sign.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "contract/scratch.h"

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static const struct sign_key key = {STR_INIT("AKIAIOSFODNN7EXAMPLE"), STR_INIT("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), STR_INIT("us-east-1")};

static void check(const struct sign_request *r, const char *want)
{
    struct scratch s;
    scratch_init(&s);
    struct str date = sign_date(&s.op, 1369353600LL * 1000000);
    assert_true(str_eqc(date, "20130524T000000Z"));
    struct str got = sign_authorization(&s.op, &key, r, date);
    assert_true(str_starts(got, STR("AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=")));
    if (!str_ends(got, str_from(want)))
        print_error("%.*s\n", STR_FMT(got));
    assert_true(str_ends(got, str_from(want)));
    scratch_clear(&s);
}

static void the_published_examples(void **state)
{
    (void)state;
    const struct sign_header host = {"host", STR("examplebucket.s3.amazonaws.com")}, date = {"x-amz-date", STR("20130524T000000Z")},
                             empty = {"x-amz-content-sha256", STR(EMPTY)};
    check(&(struct sign_request){.method = "GET", .path = STR("/test.txt"), .query = STR(""), .payload_hash = STR(EMPTY),
                                 .headers = {host, {"range", STR("bytes=0-9")}, empty, date}, .header_count = 4},
          "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
    check(&(struct sign_request){.method = "PUT", .path = STR("/test%24file.text"), .query = STR(""),
                                 .payload_hash = STR("44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"),
                                 .headers = {{"date", STR("Fri, 24 May 2013 00:00:00 GMT")}, host,
                                             {"x-amz-content-sha256", STR("44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072")},
                                             date, {"x-amz-storage-class", STR("REDUCED_REDUNDANCY")}},
                                 .header_count = 5},
          "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
    check(&(struct sign_request){.method = "GET", .path = STR("/"), .query = STR("lifecycle="), .payload_hash = STR(EMPTY),
                                 .headers = {host, empty, date}, .header_count = 3},
          "Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
    check(&(struct sign_request){.method = "GET", .path = STR("/"), .query = STR("max-keys=2&prefix=J"), .payload_hash = STR(EMPTY),
                                 .headers = {host, empty, date}, .header_count = 3},
          "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_published_examples)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
