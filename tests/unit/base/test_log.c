#include "base_test.h"

#include "base/json.h"
#include "base/log.h"

#include <math.h>
#include <unistd.h>

static FILE *captured;
static int saved_stderr;

static void capture_begin(void)
{
    fflush(stderr);
    captured = tmpfile();
    assert_non_null(captured);
    saved_stderr = dup(STDERR_FILENO);
    dup2(fileno(captured), STDERR_FILENO);
}

static char *capture_end(struct op *op)
{
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    long n = lseek(fileno(captured), 0, SEEK_END);
    char *text = arena_alloc(op->arena, (size_t)n + 1);
    assert_int_equal(pread(fileno(captured), text, (size_t)n, 0), n);
    fclose(captured);
    return text;
}

static void text_lines(void **state)
{
    struct fixture *f = *state;
    capture_begin();
    log_setup(LOG_INFO, LOG_TEXT);
    log_at(LOG_DEBUG, "never", {"a", LOG_I(1)});
    log_at(LOG_WARN, "db.open", {"path", LOG_C("/tmp/x y\n\"")}, {"pages", LOG_I(-3)}, {"share", LOG_F(0.1)}, {"id", LOG_C("r1")});
    char *text = capture_end(&f->op);
    char *body = strstr(text, "Z warn  ");
    assert_non_null(body);
    assert_string_equal(body, "Z warn  db.open path=\"/tmp/x y\\n\\\"\" pages=-3 share=0.1 id=r1\n");
    assert_int_equal(body - text, strlen("2001-01-01T00:00:00.000000"));
}

static void json_lines_are_json(void **state)
{
    struct fixture *f = *state;
    static char big[70000];
    memset(big, 'x', sizeof big - 1);
    capture_begin();
    log_setup(LOG_DEBUG, LOG_JSON);
    log_at(LOG_DEBUG, "a.b", {"s", LOG_C("q\"\\\x01\x7f\xff g\n")}, {"nan", LOG_F(NAN)}, {"f", LOG_F(1e300)}, {"n", LOG_I(INT64_MIN)});
    log_at(LOG_ERROR, "big", {"big", LOG_C(big)}, {"after", LOG_I(5)});
    /* More than a line can hold: what fits stays, and the line is whole. */
    struct log_kv many[40];
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = (struct log_kv){"k", LOG_C(big)};
    log_event(LOG_ERROR, "many", many, ARRAY_LEN(many));
    log_setup(LOG_INFO, LOG_TEXT);
    struct str rest = str_from(capture_end(&f->op)), line;
    int n = 0;
    while (str_split(&rest, '\n', &line) && line.len > 0) {
        struct json *j;
        ASSERT_OK(&f->op, json_parse(&f->op, line, JSON_DUP_LAST, &j));
        assert_non_null(json_get(j, "time"));
        if (n == 0) {
            assert_int_equal(json_get(j, "n")->i, INT64_MIN);
            assert_true(json_get(j, "f")->f == 1e300);
            ASSERT_STR(json_get(j, "nan")->s, "NaN");
            ASSERT_STR(json_get(j, "level")->s, "debug");
        }
        if (n == 1)
            assert_int_equal(json_get(j, "after")->i, 5);
        n++;
    }
    assert_int_equal(n, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(text_lines), TEST(json_lines_are_json)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
