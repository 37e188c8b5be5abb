#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "adapter/nvml/nvml.h"
#include "base/limits.h"

static void a_device(void **state)
{
    struct op op;
    struct gpu_probe g = {0};
    char name[96] = "";
    struct gpu_reading r;
    op_init(&op, *state);
    if (nvml_open(&op, &g)) {
        assert_int_equal(op.err, E_UNSUPPORTED);
        printf("[  SKIPPED ] needs an NVIDIA device: %s\n", op.msg);
        skip();
    }
    assert_true(gpu_count(&g) >= 1);
    gpu_model(&g, 0, name, sizeof name);
    assert_true(strlen(name) > 3);
    gpu_read(&g, 0, &r);
    assert_true(r.memory_total_bytes > 1e9 && r.memory_used_bytes >= 0 && r.memory_used_bytes <= r.memory_total_bytes);
    assert_true(r.utilization_percent <= 100);
    gpu_close(&g);
    assert_int_equal(gpu_count(&g), 0);
}

static int up(void **state)
{
    *state = arena_create(LIMIT_MIB(4));
    return 0;
}

static int down(void **state)
{
    arena_destroy(*state);
    return 0;
}

static void no_library(void **state)
{
    (void)state;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(4));
    struct op op;
    struct gpu_probe g = {0};
    op_init(&op, arena);
    setenv("INGOT_NVML", "/nowhere/libnvidia-ml.so", 1);
    assert_int_equal(nvml_open(&op, &g), E_UNSUPPORTED);
    assert_non_null(strstr(op.msg, "/nowhere/libnvidia-ml.so"));
    op_clear(&op);
    setenv("INGOT_NVML", "libm.so.6", 1); /* a library, but another one */
    assert_int_equal(nvml_open(&op, &g), E_UNSUPPORTED);
    assert_non_null(strstr(op.msg, "nvmlInit_v2"));
    unsetenv("INGOT_NVML");
    assert_int_equal(gpu_count(&g), 0);
    gpu_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_library), cmocka_unit_test_setup_teardown(a_device, up, down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
