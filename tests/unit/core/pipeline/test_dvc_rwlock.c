#include "pipeline_test.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/json.h"
#include "core/pipeline/dvc_rwlock.h"

struct world {
    struct workspace *ws;
    struct dvc_stage a, b;
    pid_t other; /* a process that lives as long as the test */
};

static struct dvc_stage stage(struct fixture *f, const char *dep, const char *out)
{
    struct dvc_path *d = arena_new(f->arena, struct dvc_path);
    struct dvc_out *o = arena_new(f->arena, struct dvc_out);
    d->abs = str_from(dep);
    o->path.abs = str_from(out);
    return (struct dvc_stage){.deps = d, .deps_len = 1, .outs = o, .outs_len = 1};
}

static struct world open_world(struct fixture *f)
{
    struct world w = {.ws = open_ws(f), .a = stage(f, "/r/in", "/r/a"), .b = stage(f, "/r/in", "/r/b"), .other = fork()};
    if (w.other == 0) {
        pause();
        _exit(0);
    }
    return w;
}

static void close_world(const struct world *w)
{
    kill(w->other, SIGKILL);
    assert_int_equal(waitpid(w->other, NULL, 0), w->other);
}

static enum err publish(struct fixture *f, struct world *w, size_t running, const struct dvc_stage *next)
{
    const struct dvc_stage *list[] = {&w->a, &w->b};
    return dvc_rwlock_publish(&f->op, w->ws, list, running, next);
}

static struct json *file(struct fixture *f)
{
    struct json *doc;
    ASSERT_OK(f, json_parse(&f->op, get(f, ".dvc/tmp/rwlock"), JSON_STRICT, &doc));
    return doc;
}

static void our_stages_come_and_go(void **state)
{
    struct fixture *f = *state;
    struct world w = open_world(f);
    ASSERT_OK(f, publish(f, &w, 1, &w.b));
    struct json *doc = file(f);
    assert_int_equal(json_get(json_get(doc, "write"), "/r/a")->members[0].value.i, getpid());
    assert_int_equal(json_get(doc, "write")->len, 2);
    assert_int_equal(json_get(json_get(doc, "read"), "/r/in")->len, 1);
    ASSERT_OK(f, publish(f, &w, 1, NULL));
    assert_int_equal(json_get(file(f), "write")->len, 1);
    ASSERT_OK(f, publish(f, &w, 0, NULL));
    ASSERT_STR(get(f, ".dvc/tmp/rwlock"), "{\"write\":{},\"read\":{}}");
    close_world(&w);
}

static void others_at_work_are_respected(void **state)
{
    struct fixture *f = *state;
    struct world w = open_world(f);
    int other = (int)w.other;
    put(f, ".dvc/tmp/rwlock", op_printf(&f->op, "{\"write\": {\"/r/in/deep\": {\"pid\": %d, \"cmd\": \"dvc repro\"}}}", other));
    ASSERT_FAILS(f, publish(f, &w, 0, &w.a), E_BUSY, "'dvc repro'");
    put(f, ".dvc/tmp/rwlock", op_printf(&f->op, "{\"read\": {\"/r\": [{\"pid\": %d, \"cmd\": \"dvc repro\"}]}}", other));
    ASSERT_FAILS(f, publish(f, &w, 0, &w.a), E_BUSY, "'/r/a' is busy");
    put(f, ".dvc/tmp/rwlock", op_printf(&f->op, "{\"read\": {\"/r/in\": [{\"pid\": %d, \"cmd\": \"x\"}]}, \"write\": {\"/r/zz\": {\"pid\": %d, \"cmd\": \"x\"}}}", other, other));
    ASSERT_OK(f, publish(f, &w, 0, &w.a)); /* readers share */
    struct json *doc = file(f);
    assert_int_equal(json_get(json_get(doc, "read"), "/r/in")->len, 2);
    assert_non_null(json_get(json_get(doc, "write"), "/r/zz"));
    ASSERT_OK(f, publish(f, &w, 0, NULL));
    assert_int_equal(json_get(json_get(file(f), "read"), "/r/in")->len, 1);
    close_world(&w);
    ASSERT_OK(f, publish(f, &w, 0, &w.b)); /* the dead hold nothing */
    assert_null(json_get(json_get(file(f), "write"), "/r/zz"));
}

static void a_damaged_file_is_named(void **state)
{
    struct fixture *f = *state;
    struct world w = open_world(f);
    static const char *const bad[] = {"{", "[1]x", "{\"write\": [1]}", "{\"write\": {\"/a\": 3}}", "{\"read\": {\"/a\": {}}}", "{\"read\": {\"/a\": [{\"pid\": \"x\", \"cmd\": \"y\"}]}}"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        put(f, ".dvc/tmp/rwlock", bad[i]);
        ASSERT_FAILS(f, publish(f, &w, 0, NULL), E_CORRUPT, "rwlock");
    }
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(our_stages_come_and_go), TEST(others_at_work_are_respected), TEST(a_damaged_file_is_named)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
