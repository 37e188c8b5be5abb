#include "unit/base/base_test.h"

#include "api/grpc/status.h"
#include "base/limits.h"

static void every_error_has_its_status(void **state)
{
    (void)state;
    assert_int_equal(grpc_status_of(OK), GRPC_OK);
    assert_int_equal(grpc_status_of(E_INVALID), 3);
    assert_int_equal(grpc_status_of(E_UNAUTHENTICATED), 16);
    assert_int_equal(grpc_status_of(E_DENIED), 7);
    assert_int_equal(grpc_status_of(E_NOT_FOUND), 5);
    assert_int_equal(grpc_status_of(E_BUSY), 14);
    assert_int_equal(grpc_status_of(E_TIMEOUT), 4);
    assert_int_equal(grpc_status_of(E_CANCELLED), 1);
    assert_int_equal(grpc_status_of(E_UNSUPPORTED), 12);
    assert_int_equal(grpc_status_of(E_TOO_LARGE), 8);
    for (int e = E_INVALID; e < ERR_COUNT; e++)
        assert_int_not_equal(grpc_status_of((enum err)e), GRPC_OK);
    assert_int_equal(grpc_status_of(ERR_COUNT), GRPC_UNKNOWN);
    ASSERT_STR(grpc_status_text(GRPC_OK), "0");
    ASSERT_STR(grpc_status_text(GRPC_UNAUTHENTICATED), "16");
}

static void texts_are_percent_encoded(void **state)
{
    struct fixture *f = *state;
    ASSERT_STR(grpc_message_encode(f->arena, STR("plain text ~")), "plain text ~");
    ASSERT_STR(grpc_message_encode(f->arena, STR("50% \n\x7f")), "50%25 %0A%7F");
    ASSERT_STR(grpc_message_encode(f->arena, STR("Größe")), "Gr%C3%B6%C3%9Fe");
    ASSERT_STR(grpc_message_encode(f->arena, STR("")), "");
    char *big = calloc(1, 10000);
    memset(big, '\n', 10000);
    struct str cut = grpc_message_encode(f->arena, (struct str){big, 10000});
    assert_in_range(cut.len, LIMIT_GRPC_TEXT_BYTES - 2, LIMIT_GRPC_TEXT_BYTES);
    assert_int_equal(cut.len % 3, 0);
    free(big);
}

static void timeouts(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {{"1H", 3600000}, {"2M", 120000}, {"3S", 3000}, {"99999999S", 99999999000}, {"15m", 15}, {"1u", 1}, {"1500u", 2}, {"1n", 1}, {"0m", 0}, {"99999999H", 99999999ll * 3600000}};
    static const char *const bad[] = {"", "5", "S", "-1S", "1s", "1 S", "123456789S", "1.5S", "1SS"};
    int64_t ms = 0;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(grpc_timeout_parse(str_from(good[i].text), &ms));
        assert_int_equal(ms, good[i].ms);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(grpc_timeout_parse(str_from(bad[i]), &ms));
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(every_error_has_its_status), TEST(texts_are_percent_encoded), TEST(timeouts)};
    return cmocka_run_group_tests_name("grpc status", tests, NULL, NULL);
}
