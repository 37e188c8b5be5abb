/* test_blob_s3.c - the blob contract on a real S3 server (tests/services/s3.py sets INGOT_TEST_S3 and the keys).
 * Parts, copies and windows are small, so that blobs of a few megabytes go all the ways that large ones go: S3 takes no part below
 * 5 MiB but the last. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "adapter/s3/s3.h"
#include "contract/blob_contract.h"

static const struct s3_tuning small = {.part_bytes = (size_t)5 << 20, .copy_bytes = (size_t)6 << 20, .read_bytes = (size_t)1 << 20};

/* Each test has a prefix of its own: the name of its scratch folder. */
static enum err open_s3(struct op *op, const char *dir, struct blob_store **ret)
{
    struct s3_config config;
    const char *last = strrchr(dir, '/');
    enum err e = s3_config_parse(op, str_from(op_printf(op, "%s%s", getenv("INGOT_TEST_S3"), last)), &config);
    return e ? e : s3_open(op, &config, &small, ret);
}

static void no_s3_server(void **state)
{
    (void)state;
    const char *why = getenv("INGOT_NO_S3");
    print_message("INGOT_TEST_S3 is not set: run through tests/services/s3.py%s%s\n", why ? ", which says: " : "", why ? why : "");
    skip();
}

int main(void)
{
    const struct blob_contract c = {"s3", open_s3, .durable = false, .remote = true};
    const struct CMUnitTest none[] = {cmocka_unit_test(no_s3_server)};
    return getenv("INGOT_TEST_S3") ? blob_contract_run(&c) : cmocka_run_group_tests(none, NULL, NULL);
}
