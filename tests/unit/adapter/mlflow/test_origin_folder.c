/* Lines that an export never writes, but a damaged or hostile one may hold. Whole exports: tests/unit/app/test_export.c. */
#include "adapter/mlflow/origin_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "contract/scratch.h"
#include "unit/core/track/fixture.h"

static enum err never(void *arg UNUSED, const struct origin_point *points UNUSED, size_t n UNUSED)
{
    fail_msg("a broken line gave points");
    return OK;
}

static void hostile_lines(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    static const char *const names[] = {"experiments", "runs", "points", "logged_models", "models", "versions", "artifacts"};
    struct scratch s;
    struct origin o;
    scratch_init(&s);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_ok(op, file_write(op, op_printf(op, "%s/%s.jsonl", s.dir, names[i]), STR("")));
    assert_ok(op, file_write(op, op_printf(op, "%s/manifest.json", s.dir), STR("{\"format\": \"ingot-export\", \"version\": 1, \"counts\": 3}")));
    assert_ok(op, file_write(op, op_printf(op, "%s/runs.jsonl", s.dir), STR("{\"mlflow\": {\"info\": {\"run_id\": \"r\"}}}\n{}\n[1]\nnull\n{\"mlflow\": 7, \"more\": []}")));
    assert_ok(op, file_write(op, op_printf(op, "%s/points.jsonl", s.dir), STR("{\"run_id\": \"r\", \"key\": \"k\", \"points\": [[1, 2]]}\n")));
    assert_ok(op, mlflow_folder_origin(op, str_from(s.dir), &o));
    struct str cursor = STR("");
    struct origin_run *runs;
    size_t n;
    assert_ok(op, o.ops->runs(o.self, op, &cursor, &runs, &n));
    assert_int_equal(n, 5);
    assert_str(runs[4].run_id, "");
    assert_fails(op, o.ops->points(o.self, op, &runs[0], never, NULL), E_INVALID, "[time, step, value]");
    assert_ok(op, o.ops->points(o.self, op, &runs[1], never, NULL));
    origin_close(&o);
    const char *points = op_printf(op, "%s/points.jsonl", s.dir);
    assert_int_equal(unlink(points), 0);
    assert_int_equal(mkfifo(points, 0600), 0);
    assert_fails(op, mlflow_folder_origin(op, str_from(s.dir), &o), E_INVALID, "no plain file");
    scratch_clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(hostile_lines)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
