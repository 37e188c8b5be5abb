/* Models on disk as a source: what load requests say and undo, files that are steady, backends that know a file, and polling with a
 * serve of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "app/backends.h"
#include "app/disk_models.h"
#include "base/file.h"
#include "base/limits.h"
#include "contract/scratch.h"
#include "core/serve/infer.h"

static struct scratch s;
static struct str root;
static struct disk_models *disk;
static struct serve_source source;

static void put(const char *path, const char *bytes)
{
    char *full = op_printf(&s.op, "%s/%s", s.dir, path), *folder = op_printf(&s.op, "%s", full);
    *strrchr(folder, '/') = 0;
    assert_int_equal(file_make_dirs(&s.op, folder, 0700), OK);
    assert_int_equal(file_write_unsynced(&s.op, full, str_from(bytes)), OK);
}

static enum err fetch(const char *model, int64_t version, struct str *ret)
{
    struct serve_files files = {0};
    op_clear(&s.op);
    enum err e = source.fetch(&source, &s.op, str_from(model), version, &files);
    *ret = files.model;
    return e;
}

static enum err tell(const char *config, const struct serve_upload *files, size_t n, bool *ret_taken)
{
    struct json *doc = NULL;
    op_clear(&s.op);
    if (config)
        assert_int_equal(json_parse(&s.op, str_from(config), JSON_STRICT, &doc), OK);
    return source.override(&source, &s.op, STR("m"), doc, files, n, ret_taken);
}

static int up(void **state)
{
    (void)state;
    scratch_init(&s);
    root = str_from(s.dir);
    put("m/1/model.onnx", "one");
    put("m/2/model.onnx", "two");
    disk = disk_models_create(&root, 1);
    source = disk_models_source(disk);
    backend_engines_setup(CHILD_ISOLATE_NEVER, 0);
    return 0;
}

static int down(void **state)
{
    (void)state;
    disk_models_destroy(disk);
    scratch_clear(&s);
    return 0;
}

static void test_requests(void **state)
{
    (void)state;
    struct str bytes;
    bool taken = true;
    assert_int_equal(fetch("m", 2, &bytes), OK);
    assert_true(str_eqc(bytes, "two"));
    assert_int_equal(fetch("m", 1, &bytes), E_NOT_FOUND); /* the latest only */
    assert_int_equal(tell("{\"concurrency\": 1}", NULL, 0, &taken), OK);
    assert_false(taken);
    assert_int_equal(tell("{\"version_policy\": {\"all\": {}}}", NULL, 0, &taken), OK);
    assert_true(taken);
    assert_int_equal(fetch("m", 1, &bytes), OK);
    assert_true(str_eqc(bytes, "one"));
    const struct serve_upload file = {STR("7/model.bin"), STR("seven")};
    assert_int_equal(tell(NULL, &file, 1, &taken), OK);
    assert_true(taken);
    assert_int_equal(fetch("m", 1, &bytes), E_NOT_FOUND);
    assert_int_equal(fetch("m", 7, &bytes), OK);
    assert_true(str_eqc(bytes, "seven"));
    source.override_undo(&source, STR("m"));
    assert_int_equal(fetch("m", 1, &bytes), OK); /* what was told before holds again */
    assert_int_equal(tell("{\"concurrency\": 1}", &file, 1, &taken), E_INVALID);
    assert_int_equal(tell(NULL, NULL, 0, &taken), OK);
    assert_false(taken);
    assert_int_equal(fetch("m", 1, &bytes), E_NOT_FOUND);
    assert_int_equal(fetch("m", 2, &bytes), OK);
}

/* What all load requests brought has a limit, until it is not wanted any more. */
static void test_uploads_have_a_limit(void **state)
{
    (void)state;
    static char big[600000];
    struct str bytes;
    bool taken = false;
    const struct serve_upload file = {STR("7/model.bin"), {big, sizeof(big)}}, small = {STR("8/model.bin"), STR("eight")};
    disk_models_limit(disk, LIMIT_MIB(1));
    assert_int_equal(tell(NULL, &file, 1, &taken), OK);
    /* The one before is kept until this one is loaded. */
    assert_int_equal(tell(NULL, &file, 1, &taken), E_TOO_LARGE);
    assert_non_null(strstr(s.op.msg, "unload one of them first"));
    assert_int_equal(fetch("m", 7, &bytes), OK);
    assert_int_equal(tell(NULL, &small, 1, &taken), OK);
    source.override_keep(&source, STR("m"));
    assert_int_equal(tell(NULL, &file, 1, &taken), OK);
    source.override_undo(&source, STR("m"));
    assert_int_equal(fetch("m", 8, &bytes), OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tell(NULL, &file, 1, &taken), OK);
        source.override_forget(&source, STR("m"));
    }
    assert_int_equal(fetch("m", 7, &bytes), E_NOT_FOUND);
    assert_int_equal(fetch("m", 2, &bytes), OK); /* as it lies on disk */
    for (int i = 0; i <= LIMIT_REPOSITORY_MODELS; i++) { /* loads that failed leave nothing */
        const struct str name = str_from(op_printf(&s.op, "n%d", i));
        op_clear(&s.op);
        assert_int_equal(source.override(&source, &s.op, name, NULL, &small, 1, &taken), OK);
        source.override_undo(&source, name);
    }
}

static void test_backends(void **state)
{
    (void)state;
    struct str bytes;
    put("m/config.pbtxt", "backend: 'fil'");
    assert_int_equal(fetch("m", 2, &bytes), E_INVALID);
    assert_non_null(strstr(s.op.msg, "does not load files of this format"));
    put("m/config.pbtxt", "input { name: 'x' data_type: TYPE_FP32 dims: 1 }");
    assert_int_equal(fetch("m", 2, &bytes), OK);
    assert_true(backend_engines[0]->accepts(bytes) && str_ends(bytes, STR("two")));
    put("m/config.pbtxt", "platform: 'ensemble' ensemble_scheduling { step { model_name: 'a' } }");
    assert_int_equal(fetch("m", 2, &bytes), OK);
    assert_true(str_starts(bytes, STR("{\"format\":\"ingot.graph\"")));
    put("m/config.pbtxt", "version_policy { all {} }");
    struct serve_source_model *models = NULL;
    size_t n = 0;
    assert_int_equal(source.list(&source, &s.op, &models, &n), OK);
    assert_true(n == 1 && models[0].version_count == 2 && models[0].versions[0] == 1 && models[0].config);
}

static const char line[] = "{\"format\":\"ingot-linear\",\"version\":1,\"features\":2,\"weights\":[1,%d],\"bias\":0}";

/* Looks until the row says `ready` for the model, or for a minute. */
static bool becomes(struct serve *serve, const char *name, bool there)
{
    for (int i = 0; i < 600; i++) {
        struct serve_endpoint *e = NULL;
        struct op op = s.op;
        bool found = serve_acquire(&op, serve, str_from(name), &e) == OK;
        serve_release(e);
        if (found == there)
            return true;
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    return false;
}

static void test_polling(void **state)
{
    (void)state;
    struct serve *serve = NULL;
    struct disk_poll *poll = NULL;
    const struct serve_config config = {.engines = backend_engines, .source = source};
    assert_int_equal(serve_open(&s.op, &config, &serve), OK);
    assert_int_equal(disk_poll_start(&s.op, disk, serve, 20, &poll), OK);
    put("line.json", op_printf(&s.op, line, 2));
    assert_true(becomes(serve, "line", true)); /* there, whether it loads or not */
    assert_int_equal(unlink(op_printf(&s.op, "%s/line.json", s.dir)), 0);
    assert_true(becomes(serve, "line", false));
    disk_poll_stop(poll);
    serve_close(serve);
    disk_poll_stop(NULL);
    assert_int_equal(disk_models_notes(&s.op, disk), OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_requests, up, down), cmocka_unit_test_setup_teardown(test_uploads_have_a_limit, up, down),
                                       cmocka_unit_test_setup_teardown(test_backends, up, down),
                                       cmocka_unit_test_setup_teardown(test_polling, up, down)};
    return cmocka_run_group_tests_name("disk_models", tests, NULL, NULL);
}
