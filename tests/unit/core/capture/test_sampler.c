#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/limits.h"
#include "core/capture/sampler.h"

/* A folder that looks like /proc. */
struct fixture {
    char root[64];
};

static void put(const struct fixture *f, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", f->root, name);
    for (char *slash = strchr(path + strlen(f->root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(path, 0777);
        *slash = '/';
    }
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static int up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    snprintf(f->root, sizeof f->root, "/tmp/ingot-proc-XXXXXX");
    assert_non_null(mkdtemp(f->root));
    *state = f;
    return 0;
}

static int down(void **state)
{
    struct fixture *f = *state;
    char command[128];
    snprintf(command, sizeof command, "%s", f->root);
    pid_t pid = fork();
    if (pid == 0) {
        execlp("rm", "rm", "-rf", command, (char *)NULL);
        _exit(127);
    }
    waitpid(pid, NULL, 0);
    free(f);
    return 0;
}

static bool find(const struct capture_metric *m, size_t n, const char *key, double *ret)
{
    for (size_t i = 0; i < n; i++) {
        if (!strcmp(m[i].key, key)) {
            *ret = m[i].value;
            return true;
        }
    }
    return false;
}

#define assert_value(m, n, key, want)                                        \
    do {                                                                     \
        double got_ = -12345;                                                \
        if (!find(m, n, key, &got_))                                         \
            fail_msg("line %d: no %s", __LINE__, key);                       \
        if (got_ < (want)-1e-9 || got_ > (want) + 1e-9)                      \
            fail_msg("line %d: %s is %.9g", __LINE__, key, got_);            \
    } while (0)

static const char net[] = "Inter-|   Receive  | Transmit\n face |bytes packets\n"
                          "    lo: 1000000 1 0 0 0 0 0 0 2000000 1 0 0 0 0 0 0\n  eth0:%d 1 0 0 0 0 0 0 %d 1 0 0 0 0 0 0\n";

static void numbers_are_mlflows(void **state)
{
    struct fixture *f = *state;
    static struct capture_metric m[LIMIT_CAPTURE_METRICS];
    char text[512];
    double v;
    put(f, "stat", "cpu  100 0 100 700 100 0 0 0 50 0\ncpu0 1 2 3\n");
    put(f, "meminfo", "MemTotal:       2000000 kB\nMemFree: 1 kB\nMemAvailable:   1500000 kB\n");
    snprintf(text, sizeof text, net, 500, 700);
    put(f, "net/dev", text);
    struct capture_sampler *s = capture_sampler_create(f->root, "/", NULL);
    put(f, "stat", "cpu  200 50 150 900 200 50 25 25 99 9\ncpu0 1 2 3\n"); /* 600 more, 300 of them idle or waiting */
    snprintf(text, sizeof text, net, 1000500, 3000700);
    put(f, "net/dev", text);
    size_t n = capture_sampler_read(s, 0, m, LIMIT_CAPTURE_METRICS);
    assert_value(m, n, "system/cpu_utilization_percentage", 50);
    assert_value(m, n, "system/system_memory_usage_megabytes", 512);
    assert_value(m, n, "system/system_memory_usage_percentage", 25);
    assert_value(m, n, "system/network_receive_megabytes", 1);
    assert_value(m, n, "system/network_transmit_megabytes", 3);
    assert_true(find(m, n, "system/disk_usage_percentage", &v) && v > 0 && v <= 100);
    assert_true(find(m, n, "system/disk_available_megabytes", &v) && v >= 0);
    assert_false(find(m, n, "system/process_count", &v));
    assert_false(find(m, n, "system/gpu_0_utilization_percentage", &v));
    n = capture_sampler_read(s, 0, m, LIMIT_CAPTURE_METRICS); /* the kernel's clock stood still: no share of nothing */
    assert_false(find(m, n, "system/cpu_utilization_percentage", &v));
    assert_int_equal(capture_sampler_read(s, 0, m, 2), 2);
    capture_sampler_destroy(s);
}

static void a_tree_of_processes(void **state)
{
    struct fixture *f = *state;
    static struct capture_metric m[LIMIT_CAPTURE_METRICS];
    char text[300];
    double v, page = (double)sysconf(_SC_PAGESIZE);
    static const struct {
        int pid, parent, group, pages;
        const char *name;
    } list[] = {{100, 1, 100, 1000, "sh"},
                {101, 100, 100, 2000, "py) R 1 1 ("},  /* a name that lies */
                {102, 101, 102, 3000, "worker"},       /* a group of its own below a member */
                {103, 1, 100, 4000, "orphan"},         /* of the group, its parent gone */
                {99, 102, 99, 5000, "deep"},           /* a lower number than its parent's */
                {200, 1, 200, 9000, "stranger"},       {201, 200, 200, 9000, "his child"}};
    for (size_t i = 0; i < ARRAY_LEN(list); i++) {
        char name[32];
        snprintf(name, sizeof name, "%d/stat", list[i].pid);
        snprintf(text, sizeof text, "%d (%s) S %d %d 1 0 -1 4194304 1 1 1 1 3 4 5 6 20 0 1 0 12345 67890 %d 18446744073709551615 1 1\n", list[i].pid,
                 list[i].name, list[i].parent, list[i].group, list[i].pages);
        put(f, name, text);
    }
    put(f, "300/stat", "300 (cut");
    put(f, "301/stat", "");
    struct capture_sampler *s = capture_sampler_create(f->root, "/nowhere/at/all", NULL);
    size_t n = capture_sampler_read(s, 100, m, LIMIT_CAPTURE_METRICS);
    assert_value(m, n, "system/process_count", 5);
    assert_true(find(m, n, "system/process_memory_megabytes", &v) && v > 15000 * page / 1e6 - 0.06 && v < 15000 * page / 1e6 + 0.06);
    assert_true(find(m, n, "system/process_cpu_percentage", &v) || n == 2); /* the first reading has nothing to compare with but the start */
    assert_false(find(m, n, "system/disk_usage_percentage", &v));
    assert_false(find(m, n, "system/system_memory_usage_megabytes", &v));
    n = capture_sampler_read(s, 555, m, LIMIT_CAPTURE_METRICS); /* none of that number */
    assert_int_equal(n, 0);
    capture_sampler_destroy(s);
}

static void this_machine(void **state)
{
    static struct capture_metric m[LIMIT_CAPTURE_METRICS];
    double v;
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        for (volatile unsigned long i = 0;; i++) {
        }
    }
    setpgid(pid, pid);
    struct capture_sampler *s = capture_sampler_create("/proc", "/", NULL);
    (void)capture_sampler_read(s, pid, m, LIMIT_CAPTURE_METRICS);
    usleep(400000);
    size_t n = capture_sampler_read(s, pid, m, LIMIT_CAPTURE_METRICS);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_true(find(m, n, "system/process_cpu_percentage", &v) && v > 1 && v < 150);
    assert_value(m, n, "system/process_count", 1);
    assert_true(find(m, n, "system/cpu_utilization_percentage", &v) && v > 0);
    capture_sampler_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(numbers_are_mlflows, up, down),
        cmocka_unit_test_setup_teardown(a_tree_of_processes, up, down),
        cmocka_unit_test(this_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
