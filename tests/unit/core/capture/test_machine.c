#include "unit/core/capture/folder.h"

#include "core/capture/machine.h"

static void facts_from_files(void **state)
{
    struct folder *f = *state;
    struct capture_machine m;
    folder_put(f, "etc/os-release", "NAME=\"X\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\n");
    folder_put(f, "proc/cpuinfo", "processor\t: 0\nmodel\t\t: 85\nmodel name\t: Some CPU @ 2.5GHz\n\nprocessor\t: 1\nmodel name\t: Some CPU @ 2.5GHz\n");
    folder_put(f, "proc/meminfo", "MemTotal:       16384 kB\nMemFree:  1 kB\n");
    capture_machine_read(&f->op, f->root, &m);
    assert_true(str_eqc(m.os, "Debian GNU/Linux 12 (bookworm)"));
    assert_true(str_eqc(m.cpu, "Some CPU @ 2.5GHz"));
    assert_int_equal(m.memory_bytes, 16384 * 1024);
    assert_true(m.cpus >= 1 && m.host.len && str_starts(m.kernel, STR("Linux ")));
}

static void what_is_not_there_is_left_out(void **state)
{
    struct folder *f = *state;
    struct capture_machine m;
    capture_machine_read(&f->op, f->root, &m);
    assert_int_equal(m.os.len + m.cpu.len, 0);
    assert_int_equal(m.memory_bytes, 0);
    assert_int_equal(f->op.err, OK);
    folder_put(f, "proc/meminfo", "MemTotal: lots\n");
    folder_put(f, "etc/os-release", "PRETTY_NAME=\"\n");
    capture_machine_read(&f->op, f->root, &m);
    assert_int_equal(m.memory_bytes, 0);
    assert_true(str_eqc(m.os, "\""));
}

static void this_machine(void **state)
{
    struct folder *f = *state;
    struct capture_machine m;
    capture_machine_read(&f->op, "", &m);
    assert_true(m.memory_bytes > (int64_t)LIMIT_MIB(64));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(facts_from_files, folder_open, folder_close),
        cmocka_unit_test_setup_teardown(what_is_not_there_is_left_out, folder_open, folder_close),
        cmocka_unit_test_setup_teardown(this_machine, folder_open, folder_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
