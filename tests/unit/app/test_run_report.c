#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/run_report.h"
#include "base/limits.h"
#include "base/thread.h"
#include "base/time.h"

/* What a server gets is tested with one: tests/e2e/test_ui_pipelines.py. Here: without one a pipeline notices nothing. */
static void report(struct op *op, bool planned)
{
    static volatile sig_atomic_t stop;
    const struct run_report_config c = {.url = STR("http://127.0.0.1:1"), .token = STR(""), .pipeline = STR("p"), .workspace = STR("/tmp"), .stop = &stop};
    struct run_report *r = run_report_create(op, &c);
    struct dvc_stage stage = {.name = STR("a"), .cmd = {.type = JSON_STRING, .s = STR("true")}, .desc = STR("")};
    struct dvc_file file = {.stages = &stage, .len = 1};
    struct dvc_node node = {0};
    uint32_t of[] = {0};
    struct dvc_graph graph = {.file = &file, .nodes = &node, .order = of};
    struct pipeline_step step = {.name = STR("a"), .state = PIPELINE_RUNNING, .reason = "it is new", .log_path = STR("/nowhere/log")}, other = {.name = STR("b"), .reason = ""};
    const struct pipeline_result result = {.steps = &step, .len = 1};
    if (planned) {
        run_report_planned(r, &graph, &result, of);
        run_report_step(r, &step);
        run_report_step(r, &other); /* one that nobody planned */
        run_report_tracked(r, STR("a"), STR("0123"));
        step.state = PIPELINE_RAN;
        run_report_step(r, &step);
    }
    run_report_finish(r, "succeeded", 0);
    assert_int_equal(stop, 0);
}

static void test_a_server_that_is_away_costs_nothing(void **state)
{
    (void)state;
    struct arena *arena = arena_create(LIMIT_MIB(64));
    struct op op;
    op_init(&op, arena);
    report(&op, true);
    report(&op, false);
    run_report_finish(NULL, "failed", 1);
    arena_destroy(arena);
}

/* ---- a log that does not answer ---- */

struct listener {
    int fd, port;
    int begun; /* atomic */
};

/* Takes every report, whatever it says. */
static void *listener_main(void *arg)
{
    struct listener *l = arg;
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\nConnection: close\r\n\r\n{\"id\":1}";
    char text[65536];
    for (int fd; (fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0; close(fd)) {
        size_t n = 0, want = SIZE_MAX;
        ssize_t got = 1;
        while (got > 0 && n < want && n < sizeof text - 1) {
            got = read(fd, text + n, sizeof text - 1 - n);
            n += got > 0 ? (size_t)got : 0;
            text[n] = 0;
            const char *end = strstr(text, "\r\n\r\n"), *length = strcasestr(text, "content-length:");
            if (end)
                want = (size_t)(end - text) + 4 + (length ? strtoul(length + 15, NULL, 10) : 0);
        }
        if (write(fd, answer, sizeof answer - 1) > 0 && strncmp(text, "POST", 4) == 0)
            __atomic_store_n(&l->begun, 1, __ATOMIC_RELEASE);
    }
    return NULL;
}

static void listener_open(struct listener *l)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    *l = (struct listener){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_true(l->fd >= 0 && !bind(l->fd, (struct sockaddr *)&at, sizeof at) && !listen(l->fd, 16) && !getsockname(l->fd, (struct sockaddr *)&at, &len));
    l->port = ntohs(at.sin_port);
}

/* Opening a pipe that nobody writes into blocks for ever, as a file on a dead disk does. The pipeline goes on. */
static void test_a_log_that_hangs_holds_nobody(void **state)
{
    (void)state;
    static volatile sig_atomic_t stop;
    struct arena *arena = arena_create(LIMIT_MIB(64));
    struct op op;
    struct listener l;
    char dir[] = "/tmp/ingot-report-XXXXXX";
    op_init(&op, arena);
    assert_non_null(mkdtemp(dir));
    const char *path = op_printf(&op, "%s/log", dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    listener_open(&l);
    pthread_t thread = thread_start("listener", listener_main, &l);
    const struct run_report_config c = {.url = str_from(op_printf(&op, "http://127.0.0.1:%d", l.port)), .token = STR(""), .pipeline = STR("p"), .workspace = STR("/tmp"), .stop = &stop};
    struct run_report *r = run_report_create(&op, &c);
    struct dvc_stage stage = {.name = STR("a"), .cmd = {.type = JSON_STRING, .s = STR("true")}, .desc = STR("")};
    struct dvc_file file = {.stages = &stage, .len = 1};
    struct dvc_node node = {0};
    uint32_t of[] = {0};
    struct dvc_graph graph = {.file = &file, .nodes = &node, .order = of};
    struct pipeline_step step = {.name = STR("a"), .state = PIPELINE_RUNNING, .reason = "it is new", .log_path = str_from(path)};
    const struct pipeline_result result = {.steps = &step, .len = 1};
    run_report_planned(r, &graph, &result, of);
    run_report_step(r, &step);
    alarm(120); /* who waits for a reader that waits is ended */
    while (!__atomic_load_n(&l.begun, __ATOMIC_ACQUIRE))
        time_sleep_ms(5);
    for (int i = 0; i < 100; i++) { /* meanwhile the reporter comes to the log */
        run_report_step(r, &step);
        time_sleep_ms(10);
    }
    int fd = open(path, O_RDWR | O_CLOEXEC); /* now somebody writes */
    run_report_finish(r, "succeeded", 0);
    alarm(0);
    close(fd);
    shutdown(l.fd, SHUT_RDWR);
    thread_join(thread);
    close(l.fd);
    unlink(path);
    assert_int_equal(rmdir(dir), 0);
    arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_log_that_hangs_holds_nobody), cmocka_unit_test(test_a_server_that_is_away_costs_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
