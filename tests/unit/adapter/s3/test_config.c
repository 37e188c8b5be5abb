#include "adapter/s3/config.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "contract/scratch.h"

static const char *const names[] = {"MLFLOW_S3_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION",
                                    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE"};

static int set_up(void **state)
{
    struct scratch *s = calloc(1, sizeof *s);
    scratch_init(s);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        unsetenv(names[i]);
    setenv("AWS_ACCESS_KEY_ID", "id", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "very-secret", 1);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    scratch_clear(*state);
    free(*state);
    return 0;
}

static struct s3_config good(struct scratch *s, const char *uri)
{
    struct s3_config c;
    enum err e = s3_config_parse(&s->op, str_from(uri), &c);
    if (e)
        print_error("%s: %s\n", uri, s->op.msg);
    assert_int_equal(e, OK);
    return c;
}

static void bad(struct scratch *s, const char *uri, const char *part)
{
    struct s3_config c;
    assert_int_equal(s3_config_parse(&s->op, str_from(uri), &c), E_INVALID);
    if (!strstr(s->op.msg, part))
        print_error("%s: %s\n", uri, s->op.msg);
    assert_non_null(strstr(s->op.msg, part));
    assert_null(strstr(s->op.msg, "very-secret"));
    op_clear(&s->op);
}

static void amazon_by_default(void **state)
{
    struct s3_config c = good(*state, "s3://my-bucket/a/b/");
    assert_true(str_eqc(c.bucket, "my-bucket") && str_eqc(c.prefix, "a/b/") && str_eqc(c.scheme, "https") && str_eqc(c.region, "us-east-1"));
    assert_true(str_eqc(c.host, "my-bucket.s3.us-east-1.amazonaws.com") && !c.path_style && c.stall_s == 20);
    assert_true(str_eqc(c.key_id, "id") && str_eqc(c.secret, "very-secret") && str_eqc(c.session_token, ""));
    c = good(*state, "s3://my.bucket");
    assert_true(c.path_style && str_eqc(c.host, "s3.us-east-1.amazonaws.com") && str_eqc(c.prefix, ""));
    setenv("AWS_DEFAULT_REGION", "eu-west-3", 1);
    setenv("AWS_SESSION_TOKEN", "tok", 1);
    c = good(*state, "s3://bucket");
    assert_true(str_eqc(c.region, "eu-west-3") && str_eqc(c.session_token, "tok"));
    setenv("AWS_REGION", "eu-west-1", 1);
    assert_true(str_eqc(good(*state, "s3://bucket").host, "bucket.s3.eu-west-1.amazonaws.com"));
    assert_true(str_eqc(good(*state, "s3://bucket?region=x-1").region, "x-1"));
}

static void other_endpoints(void **state)
{
    setenv("AWS_ENDPOINT_URL", "https://third:443", 1);
    struct s3_config c = good(*state, "s3://bucket/p");
    assert_true(c.path_style && str_eqc(c.host, "third") && str_eqc(c.scheme, "https"));
    setenv("AWS_ENDPOINT_URL_S3", "http://second:80/", 1);
    assert_true(str_eqc(good(*state, "s3://bucket/p").host, "second"));
    setenv("MLFLOW_S3_ENDPOINT_URL", "http://first:9000", 1);
    assert_true(str_eqc(good(*state, "s3://bucket/p").host, "first:9000"));
    c = good(*state, "s3://bucket/p?endpoint=http%3A%2F%2F127.0.0.1:1&addressing=virtual&stall=3");
    assert_true(!c.path_style && str_eqc(c.host, "bucket.127.0.0.1:1") && c.stall_s == 3);
    c = good(*state, "s3://bucket/p?endpoint=http://[::1]:9000");
    assert_true(str_eqc(c.host, "[::1]:9000"));
}

static void what_is_refused(void **state)
{
    bad(*state, "s3:/bucket", "not an s3:// address");
    bad(*state, "s3://", "not the name of a bucket");
    bad(*state, "s3://a/b", "not the name of a bucket");
    bad(*state, "s3://bu..cket", "not the name of a bucket");
    bad(*state, "s3://bucket@host/", "not the name of a bucket");
    bad(*state, "s3://bucket/../x", "cannot stand in front");
    bad(*state, "s3://bucket//x", "cannot stand in front");
    bad(*state, "s3://bucket/a\n", "cannot stand in front");
    bad(*state, "s3://bucket?secret=x", "keys belong into AWS_ACCESS_KEY_ID");
    bad(*state, "s3://bucket?region", "not known");
    bad(*state, "s3://bucket?region=a/b", "not a region");
    bad(*state, "s3://bucket?endpoint=ftp://x", "must be http://");
    bad(*state, "s3://bucket?endpoint=http://", "must be http://");
    bad(*state, "s3://bucket?endpoint=http://u:p@h", "must be http://");
    bad(*state, "s3://bucket?endpoint=http://h/path", "must be http://");
    bad(*state, "s3://bucket?endpoint=%2", "percent-encoded");
    bad(*state, "s3://bucket?addressing=host", "path or virtual");
    bad(*state, "s3://bucket?stall=0", "1 to 600");
    unsetenv("AWS_SECRET_ACCESS_KEY");
    bad(*state, "s3://bucket", "needs AWS_SECRET_ACCESS_KEY beside");
    unsetenv("AWS_ACCESS_KEY_ID");
    bad(*state, "s3://bucket", "needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
    setenv("AWS_ACCESS_KEY_ID", "i", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "very-secret with\r\nX: y", 1);
    bad(*state, "s3://bucket", "blanks or control bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(amazon_by_default, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_endpoints, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
