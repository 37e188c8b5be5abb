#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "app/command.h"
#include "app/commands.h"

/* Runs a line with its output thrown away; the exit code. */
static int line(int argc, char **argv)
{
    int out = dup(1), err = dup(2), null = open("/dev/null", O_WRONLY);
    dup2(null, 1);
    dup2(null, 2);
    int code = command_main(argc, argv);
    dup2(out, 1);
    dup2(err, 2);
    close(out);
    close(err);
    close(null);
    return code;
}
#define LINE(...) line((int)(sizeof((char *[]){__VA_ARGS__}) / sizeof(char *)), (char *[]){__VA_ARGS__})

static void wrong_lines_are_refused_with_two(void **state)
{
    (void)state;
    assert_int_equal(LINE("nonsense"), 2);
    assert_int_equal(LINE("server", "--nonsense"), 2);
    assert_int_equal(LINE("server", "--listen"), 2);
    assert_int_equal(LINE("server", "--io-threads", "many"), 2);
    assert_int_equal(LINE("server", "--auth=yes"), 2);
    assert_int_equal(LINE("deploy"), 2);
    assert_int_equal(LINE("deploy", "create", "x"), 2); /* --model is needed */
    assert_int_equal(LINE("audit", "list", "extra"), 2);
    /* Times are judged by the command, before it touches a file or a server. */
    assert_int_equal(LINE("features", "join", "--view", "/no/such", "--out", "/no/such", "--start", "soon"), 1);
    assert_int_equal(LINE("replay", "--view", "/no/such", "--endpoint", "e", "--start", "2001-13-01", "--end", "2001-01-02"), 1);
    assert_int_equal(LINE("deploy", "canary", "e", "--version", "1", "--start", "soon"), 1);
}

static void help_and_version_succeed(void **state)
{
    (void)state;
    assert_int_equal(line(0, NULL), 0);
    assert_int_equal(LINE("--help"), 0);
    assert_int_equal(LINE("--version"), 0);
    assert_int_equal(LINE("deploy", "--help"), 0);
    for (const struct command *const *group = command_groups; *group; group++)
        for (const struct command *cmd = *group; cmd->path; cmd++) {
            char path[64], *words[8] = {0};
            int n = 0;
            snprintf(path, sizeof path, "%s", cmd->path);
            for (char *p = path, *word; (word = strsep(&p, " ")) && n < 6;)
                words[n++] = word;
            words[n++] = (char *)"--help";
            assert_int_equal(line(n, words), 0);
        }
}

static void every_row_is_complete(void **state)
{
    (void)state;
    for (const struct command *const *group = command_groups; *group; group++)
        for (const struct command *cmd = *group; cmd->path; cmd++) {
            assert_non_null(cmd->run);
            assert_non_null(cmd->args);
            assert_true(cmd->summary && *cmd->summary);
            assert_true(cmd->examples && strstr(cmd->examples, cmd->path));
            for (const struct option_row *o = cmd->options; o && o->name; o++) {
                assert_true(o->help && *o->help);
                assert_true(o->type == OPTION_FLAG || o->value);
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_lines_are_refused_with_two),
        cmocka_unit_test(help_and_version_succeed),
        cmocka_unit_test(every_row_is_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
