/* `ingot serve` below its command: models from disk come up, broken ones do not stop the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "app/model_server.h"
#include "base/file.h"
#include "contract/scratch.h"

static void test_starts_and_counts(void **state)
{
    (void)state;
    struct scratch s;
    struct model_server *m = NULL;
    size_t models = 0, ready = 0;
    int port = 0;
    scratch_init(&s);
    const struct str broken = str_from(op_printf(&s.op, "%s/broken.json", s.dir));
    const struct str paths[] = {STR(INGOT_SOURCE_DIR "/tests/fuzz/corpus/trees/small.json"), broken};
    assert_int_equal(file_write_unsynced(&s.op, str_cstr(s.op.arena, broken), STR("{\"learner\": 3}")), OK);
    struct model_server_config config = {.paths = paths, .path_count = 2, .host = STR("127.0.0.1"), .io_threads = 1};
    assert_int_equal(model_server_start(&s.op, &config, &m, &port), OK);
    assert_in_range(port, 1, 65535);
    model_server_count(&s.op, m, &models, &ready);
    assert_int_equal(models, 2);
    assert_int_equal(ready, 1);
    model_server_stop(m);
    m = NULL;

    config.explicit_load = true;
    assert_int_equal(model_server_start(&s.op, &config, &m, &port), OK);
    model_server_count(&s.op, m, &models, &ready);
    assert_int_equal(models, 0);
    model_server_stop(m);
    m = NULL;

    const struct str absent = STR("/nonexistent/model.json");
    config.paths = &absent;
    config.path_count = 1;
    assert_int_equal(model_server_start(&s.op, &config, &m, &port), E_NOT_FOUND);
    assert_null(m);
    model_server_stop(NULL);
    scratch_clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_starts_and_counts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
