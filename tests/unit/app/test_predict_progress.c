/* What people are told of how far a job is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/predict_progress.h"
#include "base/time.h"

static void text_is(uint64_t rows, uint64_t total, uint64_t scored, int64_t ms, const char *want)
{
    AUTO(buf) struct buf b;
    buf_init(&b, 512);
    predict_progress_text(&(struct scoring_progress){.rows = rows, .total = total, .scored = scored}, ms, &b);
    assert_string_equal(b.p, want);
}

static void test_texts(void **state)
{
    (void)state;
    text_is(0, 0, 0, 0, "0 of 0 rows");
    text_is(0, 100, 0, 1000, "0 of 100 rows (0 %)");
    text_is(1200, 5000, 400, 1000, "1200 of 5000 rows (24 %), 400 rows/s, 0:09 left");
    text_is(50, 1000000, 50, 500, "50 of 1000000 rows (0 %), 100 rows/s, 2:46:39 left");
    text_is(5000, 5000, 400, 1000, "5000 of 5000 rows (100 %), 400 rows/s");
}

/* Standard error of a call, without a terminal. */
static size_t told(struct predict_progress *p, char *out, size_t size)
{
    FILE *f = tmpfile();
    const int before = dup(STDERR_FILENO);
    assert_true(f && before >= 0 && dup2(fileno(f), STDERR_FILENO) >= 0);
    p->live = false;
    predict_progress_tell(p, &(struct scoring_progress){.rows = 1, .total = 2, .scored = 1});
    predict_progress_clear(p);
    fflush(stderr);
    dup2(before, STDERR_FILENO);
    close(before);
    rewind(f);
    const size_t n = fread(out, 1, size - 1, f);
    out[n] = 0;
    fclose(f);
    return n;
}

static void test_when(void **state)
{
    (void)state;
    struct predict_progress p;
    char text[256];
    predict_progress_init(&p, PREDICT_SHOW_ALWAYS);
    assert_int_equal(told(&p, text, sizeof(text)), 0); /* short jobs say nothing */
    p.started_ms -= 100000;
    p.told_ms -= 2000;
    assert_true(told(&p, text, sizeof(text)) && strstr(text, "1 of 2 rows (50 %)") && strchr(text, '\n'));
    assert_int_equal(told(&p, text, sizeof(text)), 0); /* not at once again */
    predict_progress_init(&p, PREDICT_SHOW_AUTO);
    p.started_ms -= 100000;
    p.told_ms -= 2000;
    assert_int_equal(told(&p, text, sizeof(text)), 0); /* no terminal: twice a minute */
    p.told_ms -= 60000;
    assert_true(told(&p, text, sizeof(text)));
    predict_progress_init(&p, PREDICT_SHOW_NEVER);
    p.started_ms = p.told_ms = 0;
    assert_int_equal(told(&p, text, sizeof(text)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_texts), cmocka_unit_test(test_when)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
