/* command.h - the command line: one table of commands, one option parser, one way to print results.
 * A command file exports a NULL-ended array of rows; src/app/commands.c lists the arrays. Every command has
 * --help (with examples) and --json. A command returns an error with its text in op; main prints
 * "ingot: text" on stderr and exits 1 (2 for wrong usage). */
#ifndef INGOT_APP_COMMAND_H
#define INGOT_APP_COMMAND_H

#include "base/json.h"
#include "base/op.h"

enum option_type { OPTION_FLAG, OPTION_STRING, OPTION_INT, OPTION_REAL, OPTION_MULTI /* may repeat */ };
struct option_row {
    const char *name;      /* "suite" for --suite VALUE or --suite=VALUE */
    enum option_type type;
    const char *value;     /* "FILE", for the help */
    const char *help;
    const char *dflt;      /* text of the default, or NULL: absent unless given */
    bool required;
};
struct command_ctx;
struct command {
    const char *path;      /* "data validate" */
    const char *args;      /* positional arguments for the usage line: "FILE..." or "" */
    int min_args, max_args; /* max_args -1: any number */
    const char *summary;   /* one line */
    const char *help;      /* paragraphs */
    const char *examples;  /* lines */
    const struct option_row *options; /* ended by name NULL; NULL = none */
    enum err (*run)(struct op *op, struct command_ctx *ctx);
};

/* Values of the parsed line. Asking for an option that the row lacks asserts. */
bool command_flag(const struct command_ctx *c, const char *name);
bool command_has(const struct command_ctx *c, const char *name);   /* given, or has a default */
bool command_given(const struct command_ctx *c, const char *name); /* on the command line */
struct str command_str(const struct command_ctx *c, const char *name); /* "" when absent */
int64_t command_int(const struct command_ctx *c, const char *name);
double command_real(const struct command_ctx *c, const char *name);
/* A date or an RFC 3339 time as microseconds since 1970 UTC; `dflt_us` when the option is absent. */
MUST_USE enum err command_time(struct op *op, const struct command_ctx *c, const char *name, int64_t dflt_us, int64_t *ret_us);
size_t command_multi(const struct command_ctx *c, const char *name, const struct str **ret);
size_t command_args(const struct command_ctx *c, const struct str **ret);
bool command_json(const struct command_ctx *c);

/* Results. With --json the writer's document goes to stdout; else `text` lines do. */
struct json_out *command_out(struct command_ctx *c);   /* the document; begin_object..end_object by the command */
void command_say(struct command_ctx *c, const char *fmt, ...) PRINTF_LIKE(2, 3); /* a line for people; silent with --json */
/* The program's exit code when the command returns OK, for those that run another program; 0 unless set. */
void command_exit_code(struct command_ctx *c, int code);
/* Progress on a terminal (stderr), at most ten times a second; silent elsewhere. `total` 0: unknown. */
void command_progress(struct command_ctx *c, const char *what, uint64_t done, uint64_t total);

/* Parses and runs; returns the exit code. `prog_argv` without argv[0]. */
int command_main(int argc, char **argv);

#endif
