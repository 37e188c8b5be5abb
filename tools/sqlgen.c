/* sqlgen.c - named SQL statements into C constants: sqlgen SQLDIR OUTDIR
 *
 * SQLDIR/query/<module>.sql holds blocks
 *     -- name: run_insert
 *     -- One line or more that say what it is for.
 *     INSERT INTO ...
 * each of exactly one statement, ended by the next name or the end of the file; SQLDIR/schema/NNN_name.sql
 * holds the migrations. OUTDIR gets sql_gen.h and sql_gen.c with `const struct sql sql_run_insert` and the
 * table `sql_migrations`. As `struct sql` can come from nowhere else, SQL put together at run time
 * does not compile.
 *
 * The text is SQLite's, and the adapter of PostgreSQL translates it by rules. Where these do not do, a line
 * `-- postgres:` ends the statement and begins its other form, with the same parameters; in a migration the lines
 * `-- sqlite:`, `-- postgres:` and `-- both:` say whose the text below them is.
 *
 * The lexer knows what SQLite and PostgreSQL both read: 'literals' and "names" with doubled quotes, comments
 * of both kinds. Parameters are counted by SQLite's rule (https://sqlite.org/lang_expr.html#varparam): `?` takes
 * the number after the highest so far, `?NNN` that number, `:name`, `@name` and `$name` one number per name. */
#include "toolfile.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>

#define PARAMS_MAX 999

struct statement {
    char *name, *comment, *text;
    char *postgres; /* NULL: the text serves both */
    char *file;
    int param_count;
};

struct migration {
    int number;
    char *name, *text, *postgres;
};

static struct statement *statements;
static size_t statement_count;
static struct migration *migrations;
static size_t migration_count;

static char *copy_range(const char *from, const char *to)
{
    size_t n = (size_t)(to - from);
    char *p = tool_grow(NULL, n + 1, 1);
    memcpy(p, from, n);
    p[n] = '\0';
    return p;
}

static int is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

static int is_identifier_char(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* Skips a literal, a quoted name or a comment that begins at p; returns p when none does. */
static const char *skip_quoted(const char *p, const char *where)
{
    if (p[0] == '-' && p[1] == '-') {
        size_t n = strcspn(p, "\n");
        return p + n;
    }
    if (p[0] == '/' && p[1] == '*') {
        const char *end = strstr(p + 2, "*/");
        if (!end)
            tool_die("%s: a comment is not ended", where);
        return end + 2;
    }
    if (p[0] != '\'' && p[0] != '"' && p[0] != '`')
        return p;
    char quote = p[0];
    for (p++;; p++) {
        if (!*p)
            tool_die("%s: a literal is not ended", where);
        if (*p != quote)
            continue;
        if (p[1] != quote)
            return p + 1;
        p++;
    }
}

struct params {
    const char *names[PARAMS_MAX];
    size_t lens[PARAMS_MAX];
    int numbers[PARAMS_MAX];
    int name_count, highest;
};

static void count_param(struct params *ps, const char *p, size_t len, const char *where)
{
    int number = ps->highest + 1;
    if (*p == '?' && len > 1) {
        number = (int)strtol(p + 1, NULL, 10);
    } else if (*p != '?') {
        for (int i = 0; i < ps->name_count; i++)
            if (ps->lens[i] == len && memcmp(ps->names[i], p, len) == 0)
                return;
        if (ps->name_count == PARAMS_MAX)
            tool_die("%s: more than %d parameters", where, PARAMS_MAX);
        ps->names[ps->name_count] = p;
        ps->lens[ps->name_count++] = len;
    }
    if (number < 1 || number > PARAMS_MAX)
        tool_die("%s: parameter number %d is not in 1..%d", where, number, PARAMS_MAX);
    if (number > ps->highest)
        ps->highest = number;
}

/* Counts parameters and sees to it that only one statement stands there. */
static int check_statement(const char *text, const char *where)
{
    static struct params ps;
    ps.name_count = ps.highest = 0;
    int words = 0, ended = 0;
    for (const char *p = text; *p;) {
        const char *next = skip_quoted(p, where);
        if (next != p) {
            int comment = *p == '-' || *p == '/';
            if (!comment && ended)
                tool_die("%s: more than one statement", where);
            p = next;
            continue;
        }
        if (!isspace((unsigned char)*p) && ended)
            tool_die("%s: more than one statement", where);
        if (is_identifier_char(*p)) {
            words++;
            while (is_identifier_char(*p))
                p++;
            continue;
        }
        size_t len = 1;
        while (is_identifier_char(p[len]))
            len++;
        if (*p == '?' || ((*p == ':' || *p == '@' || *p == '$') && len > 1))
            count_param(&ps, p, len, where);
        else if (p[0] == ':' && p[1] == ':')
            len = 2; /* PostgreSQL's cast */
        else {
            ended |= *p == ';';
            len = 1;
        }
        p += len;
    }
    if (words == 0)
        tool_die("%s: no statement", where);
    return ps.highest;
}

/* Cuts blanks and the last ';' off the end. */
static void trim_end(char *text)
{
    size_t n = strlen(text);
    while (n > 0 && isspace((unsigned char)text[n - 1]))
        n--;
    if (n > 0 && text[n - 1] == ';')
        n--;
    while (n > 0 && isspace((unsigned char)text[n - 1]))
        n--;
    text[n] = '\0';
}

static int line_starts(const char *line, const char *mark)
{
    return strncmp(line, mark, strlen(mark)) == 0;
}

static const char *next_line(const char *p)
{
    p += strcspn(p, "\n");
    return p + (*p == '\n');
}

/* Takes the form that stands behind a line `-- postgres:` off the statement's text. */
static void split_postgres(struct statement *s, const char *where)
{
    char *line = s->text;
    while (*line && !line_starts(line, "-- postgres:"))
        line += next_line(line) - line;
    if (!*line)
        return;
    const char *other = next_line(line);
    s->postgres = copy_range(other, other + strlen(other));
    *line = '\0';
    char twin[PATH_MAX + 300];
    snprintf(twin, sizeof twin, "%s (postgres)", where);
    if (strstr(other, "\n-- postgres:"))
        tool_die("%s: a second form for postgres", where);
    if (check_statement(s->postgres, twin) != check_statement(s->text, where))
        tool_die("%s: the form for postgres has other parameters", where);
    trim_end(s->postgres);
}

static void add_statement(const char *file, const char *name, const char *name_end, const char *comment,
                          const char *body, const char *end)
{
    statements = tool_grow(statements, statement_count + 1, sizeof *statements);
    struct statement *s = &statements[statement_count];
    *s =
        (struct statement){.name = copy_range(name, name_end), .file = copy_range(file, file + strlen(file))};
    s->comment = copy_range(comment, body);
    s->text = copy_range(body, end);
    char where[PATH_MAX + 256];
    snprintf(where, sizeof where, "%s: %s", file, s->name);
    for (size_t i = 0; i < statement_count; i++)
        if (strcmp(statements[i].name, s->name) == 0)
            tool_die("%s: the name stands in %s as well", where, statements[i].file);
    split_postgres(s, where);
    s->param_count = check_statement(s->text, where);
    trim_end(s->text);
    statement_count++;
}

/* The next "-- name:" line at or after p, or the end of the text. */
static const char *find_block(const char *p)
{
    static const char mark[] = "-- name:";
    while (*p) {
        if (strncmp(p, mark, sizeof mark - 1) == 0)
            return p;
        p += strcspn(p, "\n");
        p += *p == '\n';
    }
    return p;
}

static void read_queries(const char *file, const char *text)
{
    const char *p = find_block(text);
    for (const char *q = text; q < p;) {
        q += strspn(q, " \t\r\n");
        if (q < p && strncmp(q, "--", 2) != 0)
            tool_die("%s: SQL stands before the first '-- name:' line", file);
        q += strcspn(q, "\n");
    }
    while (*p) {
        const char *name = p + strlen("-- name:");
        name += strspn(name, " \t");
        const char *name_end = name;
        while (is_name_char(*name_end))
            name_end++;
        const char *line_end = name_end + strspn(name_end, " \t\r");
        if (name == name_end || (*line_end && *line_end != '\n'))
            tool_die("%s: a name is not of [a-z0-9_]+: '%.*s'", file, (int)strcspn(name, "\n"), name);
        const char *comment = line_end + (*line_end == '\n');
        const char *body = comment, *end = find_block(comment);
        while (body < end && strncmp(body, "--", 2) == 0) {
            body += strcspn(body, "\n");
            body += *body == '\n';
        }
        add_statement(file, name, name_end, comment, body, end);
        p = end;
    }
}

/* What one database reads of a migration: the blocks under the other's mark are left out, and for SQLite the marks too.
 * PostgreSQL's marks stay: what stands between them is its own and not to be translated. */
static char *pick_blocks(const char *text, const char *leave_out, int keep_marks)
{
    char *out = copy_range(text, text + strlen(text)), *end = out;
    int skip = 0;
    for (const char *line = text; *line;) {
        const char *next = next_line(line);
        int mark = line_starts(line, "-- sqlite:") || line_starts(line, "-- postgres:") || line_starts(line, "-- both:");
        if (mark)
            skip = line_starts(line, leave_out);
        if (!skip && (!mark || keep_marks)) {
            memcpy(end, line, (size_t)(next - line));
            end += next - line;
        }
        line = next;
    }
    *end = '\0';
    return out;
}

static void read_migration(const char *file, const char *base, const char *text)
{
    char *end;
    long number = strtol(base, &end, 10);
    const char *name = end + 1, *dot = strrchr(base, '.');
    if (!isdigit((unsigned char)base[0]) || *end != '_' || number < 1 || number > 99999 || name >= dot)
        tool_die("%s: a migration is called NNN_name.sql", file);
    for (const char *c = name; c < dot; c++)
        if (!is_name_char(*c))
            tool_die("%s: a migration's name is of [a-z0-9_]+", file);
    migrations = tool_grow(migrations, migration_count + 1, sizeof *migrations);
    migrations[migration_count++] = (struct migration){(int)number, copy_range(name, dot), pick_blocks(text, "-- postgres:", 0),
                                                       pick_blocks(text, "-- sqlite:", 1)};
}

static int is_sql_file(const struct dirent *d)
{
    size_t n = strlen(d->d_name);
    return n > 4 && d->d_name[0] != '.' && strcmp(d->d_name + n - 4, ".sql") == 0;
}

static void read_folder(const char *folder, int schema)
{
    struct dirent **entries;
    int n = scandir(folder, &entries, is_sql_file, alphasort);
    for (int i = 0; i < n; i++) {
        size_t size = strlen(folder) + strlen(entries[i]->d_name) + 2;
        char *path = tool_grow(NULL, size, 1);
        snprintf(path, size, "%s/%s", folder, entries[i]->d_name);
        size_t text_size;
        char *text = tool_read(path, &text_size);
        if (strlen(text) != text_size)
            tool_die("%s: holds a NUL byte", path);
        if (schema)
            read_migration(path, entries[i]->d_name, text);
        else
            read_queries(path, text);
        free(text);
        free(path);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
}

static int migration_compare(const void *a, const void *b)
{
    return ((const struct migration *)a)->number - ((const struct migration *)b)->number;
}

static int statement_compare(const void *a, const void *b)
{
    return strcmp(((const struct statement *)a)->name, ((const struct statement *)b)->name);
}

static void sort_and_check(void)
{
    if (migration_count > 0)
        qsort(migrations, migration_count, sizeof *migrations, migration_compare);
    /* Gaps are allowed: each area of the program numbers its migrations in a range of its own. */
    for (size_t i = 1; i < migration_count; i++)
        if (migrations[i].number == migrations[i - 1].number)
            tool_die("two migrations have the number %d: %s and %s", migrations[i].number,
                     migrations[i - 1].name, migrations[i].name);
    /* Sorted, so that an id does not depend on the order of files. */
    if (statement_count > 0)
        qsort(statements, statement_count, sizeof *statements, statement_compare);
}

/* A C string literal, one line of the source per line of the text. */
static void put_literal(FILE *f, const char *text)
{
    fputs("\n        \"", f);
    for (const char *p = text; *p; p++) {
        if (*p == '"' || *p == '\\')
            fprintf(f, "\\%c", *p);
        else if (*p == '?' && p > text && p[-1] == '?')
            fputs("\\?", f); /* no trigraphs */
        else if (*p == '\n')
            fputs(p[1] ? "\\n\"\n        \"" : "\\n", f);
        else if (*p == '\t')
            fputs("\\t", f);
        else if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f)
            fprintf(f, "\\%03o", (unsigned char)*p);
        else
            fputc(*p, f);
    }
    fputc('"', f);
}

static void put_comment(FILE *f, const char *comment)
{
    int first = 1;
    for (const char *p = comment; *p;) {
        size_t n = strcspn(p, "\n"), skip = n < 2 ? n : 2;
        skip += strspn(p + skip, " \t");
        if (n > skip) {
            fputs(first ? "/* " : "\n * ", f);
            first = 0;
            for (size_t i = skip; i < n; i++) {
                /* Neither mark of a comment may stand in one. */
                if ((p[i] == '*' && p[i + 1] == '/') || (p[i] == '/' && p[i + 1] == '*'))
                    fprintf(f, "%c ", p[i]);
                else if (p[i] != '\r')
                    fputc(p[i], f);
            }
        }
        p += n + (p[n] == '\n');
    }
    if (!first)
        fputs(" */\n", f);
}

static void write_out(const char *folder, const char *name, void (*fill)(FILE *f))
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        tool_die("'%s' is too long", folder);
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        tool_die("out of memory");
    fill(f);
    fclose(f);
    tool_write_if_changed(path, text, size);
    free(text);
}

static void fill_header(FILE *f)
{
    fputs("/* Made by tools/sqlgen from sql/. */\n#ifndef INGOT_SQL_GEN_H\n#define INGOT_SQL_GEN_H\n\n"
          "#include \"port/db.h\"\n\n"
          "struct sql_migration {\n    int number; /* ascending */\n    const char *name;\n"
          "    const char *text; /* one statement or more */\n};\n\n"
          "/* Ascending; the row behind the last is all zero. */\n"
          "extern const struct sql_migration sql_migrations[];\nextern const int sql_migration_count;\n\n"
          "/* The same with the blocks of PostgreSQL, still in SQLite's words elsewhere. */\n"
          "extern const struct sql_migration sql_postgres_migrations[];\n"
          "/* By a statement's id: the text to use on PostgreSQL, or NULL. */\n"
          "extern const char *const sql_postgres_texts[];\n\n"
          "/* Every statement by its id; NULL behind the last. */\n"
          "extern const struct sql *const sql_statements[];\n",
          f);
    fprintf(f, "#define SQL_STATEMENT_COUNT %zu\n", statement_count);
    for (size_t i = 0; i < statement_count; i++) {
        fputc('\n', f);
        put_comment(f, statements[i].comment);
        fprintf(f, "extern const struct sql sql_%s; /* %d parameters */\n", statements[i].name,
                statements[i].param_count);
    }
    fputs("\n#endif\n", f);
}

static void fill_source(FILE *f)
{
    fputs("/* Made by tools/sqlgen from sql/. */\n#include \"sql_gen.h\"\n\n", f);
    for (int postgres = 0; postgres < 2; postgres++) {
        fprintf(f, "const struct sql_migration sql_%smigrations[] = {\n", postgres ? "postgres_" : "");
        for (size_t i = 0; i < migration_count; i++) {
            fprintf(f, "    {%d, \"%s\",", migrations[i].number, migrations[i].name);
            put_literal(f, postgres ? migrations[i].postgres : migrations[i].text);
            fputs("},\n", f);
        }
        fputs("    {0},\n};\n", f);
    }
    fprintf(f, "const int sql_migration_count = %zu;\n", migration_count);
    for (size_t i = 0; i < statement_count; i++) {
        fprintf(f, "\nconst struct sql sql_%s = {\n    .name = \"%s\",\n    .text =", statements[i].name,
                statements[i].name);
        put_literal(f, statements[i].text);
        fprintf(f, ",\n    .id = %zu,\n    .param_count = %d,\n    .column_count = -1,\n};\n", i,
                statements[i].param_count);
    }
    fputs("\nconst struct sql *const sql_statements[] = {\n", f);
    for (size_t i = 0; i < statement_count; i++)
        fprintf(f, "    &sql_%s,\n", statements[i].name);
    fputs("    NULL,\n};\n\nconst char *const sql_postgres_texts[] = {\n", f);
    for (size_t i = 0; i < statement_count; i++) {
        if (statements[i].postgres) {
            put_literal(f, statements[i].postgres);
            fputs(",\n", f);
        } else {
            fputs("    NULL,\n", f);
        }
    }
    fputs("    NULL,\n};\n", f);
}

int main(int argc, char **argv)
{
    tool_name = "sqlgen";
    if (argc != 3) {
        fputs("usage: sqlgen SQLDIR OUTDIR\n", stderr);
        return 2;
    }
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/schema", argv[1]);
    read_folder(path, 1);
    snprintf(path, sizeof path, "%s/query", argv[1]);
    read_folder(path, 0);
    sort_and_check();
    write_out(argv[2], "sql_gen.h", fill_header);
    write_out(argv[2], "sql_gen.c", fill_source);
    return 0;
}
