/* command.c - parsing, help and result printing for every command of the program.
 *
 * Options are looked up in the command's row; nothing is guessed: an unknown option, a missing value or a
 * number that is none ends with exit code 2 and a line that says what was expected. */
#include "app/command.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/commands.h"
#include "base/limits.h"
#include "base/time.h"
#include "base/vec.h"

#define LIMIT_COMMAND_OPTIONS 96
#define LIMIT_COMMAND_OUTPUT LIMIT_MIB(256)
#define PROGRESS_INTERVAL_MS 100
#define PROGRESS_AFTER_MS 1000

struct option_value {
    bool given;
    struct str text; /* the last value, or the default */
    int64_t i;
    double f;
    VEC(struct str) all;
};
struct command_ctx {
    const struct command *command;
    struct option_value values[LIMIT_COMMAND_OPTIONS];
    VEC(struct str) args;
    bool json;
    struct buf out;
    struct json_out writer;
    bool out_used;
    int64_t started_ms, progress_ms;
    bool progress_shown;
    int exit_code;
};

static const struct option_row common_options[] = {
    {"json", OPTION_FLAG, NULL, "print one JSON document instead of text", NULL, false},
    {"help", OPTION_FLAG, NULL, "show this help", NULL, false},
    {0},
};

static const struct option_row *option_find(const struct option_row *rows, struct str name)
{
    for (; rows && rows->name; rows++)
        if (str_eqc(name, rows->name))
            return rows;
    return NULL;
}

static size_t option_index(const struct command_ctx *c, const char *name)
{
    const struct option_row *row = option_find(c->command->options, str_from(name));
    assert(row && "a command asked for an option that its row lacks");
    return (size_t)(row - c->command->options);
}

bool command_flag(const struct command_ctx *c, const char *name)
{
    return c->values[option_index(c, name)].given;
}

bool command_has(const struct command_ctx *c, const char *name)
{
    const struct option_value *v = &c->values[option_index(c, name)];
    return v->given || v->text.p;
}

bool command_given(const struct command_ctx *c, const char *name)
{
    return c->values[option_index(c, name)].given;
}

struct str command_str(const struct command_ctx *c, const char *name)
{
    struct str s = c->values[option_index(c, name)].text;
    return s.p ? s : STR("");
}

int64_t command_int(const struct command_ctx *c, const char *name)
{
    return c->values[option_index(c, name)].i;
}

double command_real(const struct command_ctx *c, const char *name)
{
    return c->values[option_index(c, name)].f;
}

enum err command_time(struct op *op, const struct command_ctx *c, const char *name, int64_t dflt_us, int64_t *ret_us)
{
    *ret_us = dflt_us;
    if (!command_has(c, name) || time_parse(command_str(c, name), ret_us))
        return OK;
    return op_fail_field(op, name, "--%s '%.*s': expected a date or an RFC 3339 time such as 2001-04-01T00:00:00Z", name,
                         STR_FMT(command_str(c, name)));
}

size_t command_multi(const struct command_ctx *c, const char *name, const struct str **ret)
{
    const struct option_value *v = &c->values[option_index(c, name)];
    *ret = v->all.p;
    return v->all.len;
}

size_t command_args(const struct command_ctx *c, const struct str **ret)
{
    *ret = c->args.p;
    return c->args.len;
}

bool command_json(const struct command_ctx *c)
{
    return c->json;
}

struct json_out *command_out(struct command_ctx *c)
{
    c->out_used = true;
    return &c->writer;
}

static void progress_clear(struct command_ctx *c)
{
    if (c->progress_shown)
        fputs("\r\033[K", stderr);
    c->progress_shown = false;
}

void command_say(struct command_ctx *c, const char *fmt, ...)
{
    if (c->json)
        return;
    progress_clear(c);
    va_list ap;
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
    fflush(stdout);
}

void command_exit_code(struct command_ctx *c, int code)
{
    c->exit_code = code;
}

void command_progress(struct command_ctx *c, const char *what, uint64_t done, uint64_t total)
{
    int64_t now = time_mono_ms();
    if (now - c->started_ms < PROGRESS_AFTER_MS || now - c->progress_ms < PROGRESS_INTERVAL_MS || !isatty(STDERR_FILENO))
        return;
    c->progress_ms = now;
    c->progress_shown = true;
    if (total)
        fprintf(stderr, "\r\033[K%s %llu / %llu (%.0f %%)", what, (unsigned long long)done, (unsigned long long)total,
                100.0 * (double)done / (double)total);
    else
        fprintf(stderr, "\r\033[K%s %llu", what, (unsigned long long)done);
}

static enum err value_set(struct op *op, const struct option_row *row, struct option_value *v, struct str text, bool given)
{
    v->given = v->given || given;
    v->text = text;
    if (row->type == OPTION_INT && !str_parse_i64(text, &v->i))
        return op_fail(op, E_INVALID, "--%s wants a whole number, not '%.*s'", row->name, STR_FMT(text));
    if (row->type == OPTION_REAL && !str_parse_f64(text, false, &v->f))
        return op_fail(op, E_INVALID, "--%s wants a number, not '%.*s'", row->name, STR_FMT(text));
    if (row->type == OPTION_MULTI && given) {
        struct str *slot = vec_push(&v->all, op->arena);
        if (!slot)
            return op_fail(op, E_TOO_LARGE, "too many --%s", row->name);
        *slot = text;
    }
    return OK;
}

/* The letters that people type for three options: "-p 5000" is "--port 5000" where the command has it. -h stays the help unless a value follows. */
static char *letter_spelled(struct op *op, const struct command_ctx *c, const char *word, bool value_follows)
{
    static const struct {
        const char *letter, *name;
    } letters[] = {{"-h", "host"}, {"-p", "port"}, {"-w", "workers"}};
    for (size_t i = 0; i < ARRAY_LEN(letters); i++)
        if (!strcmp(word, letters[i].letter) && option_find(c->command->options, str_from(letters[i].name)) && value_follows)
            return op_printf(op, "--%s", letters[i].name);
    return NULL;
}

/* Takes "--name", "--name=value" or "--name value"; *ret_used counts the words. */
static enum err option_take(struct op *op, struct command_ctx *c, char **argv, int argc, int *ret_used, bool *ret_help)
{
    struct str word = str_from(argv[0]);
    size_t eq = str_find_char(word, '=');
    struct str name = str_sub(word, 2, eq == SIZE_MAX ? SIZE_MAX : eq - 2);
    *ret_used = 1;
    if (str_eqc(name, "help")) {
        *ret_help = true;
        return OK;
    }
    const struct option_row *row = option_find(c->command->options, name);
    if (!row && str_eqc(name, "json")) {
        c->json = true;
        return OK;
    }
    if (!row)
        return op_fail(op, E_INVALID, "unknown option '--%.*s' (see ingot %s --help)", STR_FMT(name), c->command->path);
    struct option_value *v = &c->values[row - c->command->options];
    if (row->type == OPTION_FLAG) {
        if (eq != SIZE_MAX)
            return op_fail(op, E_INVALID, "--%s takes no value", row->name);
        v->given = true;
        return OK;
    }
    if (eq != SIZE_MAX)
        return value_set(op, row, v, str_sub(word, eq + 1, SIZE_MAX), true);
    if (argc < 2)
        return op_fail(op, E_INVALID, "--%s wants a value: --%s %s", row->name, row->name, row->value);
    *ret_used = 2;
    return value_set(op, row, v, str_from(argv[1]), true);
}

static enum err line_parse(struct op *op, struct command_ctx *c, int argc, char **argv, bool *ret_help)
{
    size_t n = 0;
    for (const struct option_row *row = c->command->options; row && row->name; row++, n++) {
        assert(n < LIMIT_COMMAND_OPTIONS);
        if (row->dflt) {
            enum err e = value_set(op, row, &c->values[n], str_from(row->dflt), false);
            if (e)
                return e;
        }
    }
    bool only_args = false;
    for (int i = 0; i < argc;) {
        char *spelled = only_args ? NULL : letter_spelled(op, c, argv[i], i + 1 < argc && argv[i + 1][0] != '-');
        if (spelled)
            argv[i] = spelled;
        struct str word = str_from(argv[i]);
        if (!only_args && str_eqc(word, "--")) {
            only_args = true;
            i++;
        } else if (!only_args && str_starts(word, STR("--"))) {
            int used = 0;
            enum err e = option_take(op, c, argv + i, argc - i, &used, ret_help);
            if (e)
                return e;
            i += used;
        } else if (!only_args && (str_eqc(word, "-h") || str_eqc(word, "-?"))) {
            *ret_help = true;
            i++;
        } else {
            *vec_push(&c->args, op->arena) = word;
            i++;
        }
    }
    if (*ret_help)
        return OK;
    for (const struct option_row *row = c->command->options; row && row->name; row++)
        if (row->required && !c->values[row - c->command->options].given)
            return op_fail(op, E_INVALID, "--%s %s is needed: %s", row->name, row->value ? row->value : "", row->help);
    int args = (int)c->args.len;
    if (args < c->command->min_args || (c->command->max_args >= 0 && args > c->command->max_args))
        return op_fail(op, E_INVALID, "usage: ingot %s %s [OPTIONS]", c->command->path, c->command->args);
    return OK;
}

static void help_options(const struct option_row *rows)
{
    for (; rows && rows->name; rows++) {
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", rows->name, rows->value ? " " : "", rows->value ? rows->value : "");
        printf("  %-28s %s%s%s%s%s\n", left, rows->help, rows->dflt ? " (default: " : "", rows->dflt ? rows->dflt : "",
               rows->dflt ? ")" : "", rows->required ? " (required)" : "");
    }
}

static void help_print(const struct command *cmd)
{
    printf("ingot %s - %s\n\nusage: ingot %s%s%s [OPTIONS]\n", cmd->path, cmd->summary, cmd->path, *cmd->args ? " " : "", cmd->args);
    if (cmd->help)
        printf("\n%s\n", cmd->help);
    printf("\noptions:\n");
    help_options(cmd->options);
    help_options(common_options);
    if (cmd->examples)
        printf("\nexamples:\n%s\n", cmd->examples);
}

static void overview_print(FILE *f)
{
    fprintf(f, "ingot %s - the machine-learning lifecycle in one program\n\nusage: ingot COMMAND [ARGUMENTS] [OPTIONS]\n\ncommands:\n",
            INGOT_VERSION);
    for (const struct command *const *group = command_groups; *group; group++)
        for (const struct command *cmd = *group; cmd->path; cmd++)
            fprintf(f, "  %-22s %s\n", cmd->path, cmd->summary);
    fprintf(f, "\n`ingot COMMAND --help` explains one and shows examples.\n");
}

/* The longest row whose words are the first words of the line; *ret_words tells how many. */
static const struct command *command_find(int argc, char **argv, int *ret_words)
{
    const struct command *best = NULL;
    int best_words = 0;
    for (const struct command *const *group = command_groups; *group; group++)
        for (const struct command *cmd = *group; cmd->path; cmd++) {
            struct str rest = str_from(cmd->path), word;
            int words = 0;
            bool match = true;
            while (match && str_split(&rest, ' ', &word)) {
                match = words < argc && str_eqc(word, argv[words]);
                words++;
            }
            if (match && words > best_words) {
                best = cmd;
                best_words = words;
            }
        }
    *ret_words = best_words;
    return best;
}

/* Lists the commands that begin with the word given, for "ingot data". */
static bool group_print(const char *word)
{
    bool any = false;
    struct str w = str_from(word);
    for (const struct command *const *group = command_groups; *group; group++)
        for (const struct command *cmd = *group; cmd->path; cmd++) {
            struct str path = str_from(cmd->path);
            if (str_starts(path, w) && path.len > w.len && path.p[w.len] == ' ') {
                printf("%s  %-22s %s\n", any ? "" : "commands:\n", cmd->path, cmd->summary);
                any = true;
            }
        }
    return any;
}

static int fail_print(const struct op *op, enum err e)
{
    fprintf(stderr, "ingot: %s\n", op->msg ? op->msg : err_name(e));
    return e == E_INVALID ? 2 : 1;
}

static int command_run(const struct command *cmd, int argc, char **argv)
{
    AUTO(arena) struct arena *arena = arena_create(LIMIT_COMMAND_ARENA);
    struct op op;
    op_init(&op, arena);
    struct command_ctx *c = arena_new(arena, struct command_ctx);
    c->command = cmd;
    c->started_ms = time_mono_ms();
    buf_init(&c->out, LIMIT_COMMAND_OUTPUT);
    bool help = false;
    enum err e = line_parse(&op, c, argc, argv, &help);
    if (help) {
        help_print(cmd);
        return 0;
    }
    if (e)
        return fail_print(&op, e);
    json_out_init(&c->writer, &c->out, 2);
    e = cmd->run(&op, c);
    progress_clear(c);
    if (c->json && c->out_used && !c->out.failed && c->out.len) {
        fwrite(c->out.p, 1, c->out.len, stdout);
        putchar('\n');
    }
    buf_clear(&c->out);
    if (fflush(stdout) || ferror(stdout)) {
        fprintf(stderr, "ingot: cannot write the result to standard output\n");
        return 1;
    }
    if (e) {
        fail_print(&op, e);
        return 1;
    }
    return c->exit_code;
}

int command_main(int argc, char **argv)
{
    if (argc == 0) {
        overview_print(stdout);
        return 0;
    }
    if (!strcmp(argv[0], "--help") || !strcmp(argv[0], "-h") || !strcmp(argv[0], "help")) {
        overview_print(stdout);
        return 0;
    }
    if (!strcmp(argv[0], "--version") || !strcmp(argv[0], "version")) {
        printf("ingot %s\n", INGOT_VERSION);
        return 0;
    }
    int words = 0;
    const struct command *cmd = command_find(argc, argv, &words);
    if (cmd)
        return command_run(cmd, argc - words, argv + words);
    if (argc == 1 || !strcmp(argv[argc - 1], "--help")) {
        if (group_print(argv[0])) {
            if (argc > 1)
                return 0;
            fprintf(stderr, "ingot: '%s' is a group of commands; name one of them\n", argv[0]);
            return 2;
        }
    }
    fprintf(stderr, "ingot: no command '%s%s%s'; `ingot --help` lists them\n", argv[0], argc > 1 && argv[1][0] != '-' ? " " : "",
            argc > 1 && argv[1][0] != '-' ? argv[1] : "");
    return 2;
}
