/* embed.c - files into the program: embed OUT.c OUT.h NAME [PATH=]FILE...
 *
 * Writes a table `NAME_files` of {path, bytes, size}, sorted by path, and its `NAME_file_count`. The path is what
 * stands before '=', or the file's last component. Build-time only. */
#include "toolfile.h"

struct file {
    const char *path, *source;
    char *bytes;
    size_t size;
};

static int file_compare(const void *a, const void *b)
{
    return strcmp(((const struct file *)a)->path, ((const struct file *)b)->path);
}

static void check_name(const char *name)
{
    if (!*name || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(name) ||
        (*name >= '0' && *name <= '9'))
        tool_die("'%s' is no name ([a-z0-9_]+, not beginning with a digit)", name);
}

static struct file *read_files(int argc, char **argv)
{
    struct file *files = tool_grow(NULL, (size_t)argc + 1, sizeof *files);
    for (int i = 0; i < argc; i++) {
        char *equals = strchr(argv[i], '='), *slash = strrchr(argv[i], '/');
        files[i].source = equals ? equals + 1 : argv[i];
        if (equals)
            *equals = '\0';
        files[i].path = equals ? argv[i] : slash ? slash + 1 : argv[i];
        if (!*files[i].path || strpbrk(files[i].path, "\"\\\n"))
            tool_die("'%s' is no path to embed under", files[i].path);
        files[i].bytes = tool_read(files[i].source, &files[i].size);
    }
    qsort(files, (size_t)argc, sizeof *files, file_compare);
    for (int i = 1; i < argc; i++)
        if (strcmp(files[i - 1].path, files[i].path) == 0)
            tool_die("two files for the path '%s'", files[i].path);
    return files;
}

static void write_header(const char *path, const char *name)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        tool_die("out of memory");
    fprintf(f,
            "/* Made by tools/embed. */\n#ifndef EMBED_%s_H\n#define EMBED_%s_H\n\n#include <stddef.h>\n\n",
            name, name);
    fputs("#ifndef EMBED_FILE\n#define EMBED_FILE\n"
          "struct embed_file {\n    const char *path;\n    const unsigned char *bytes; /* a NUL stands "
          "behind them */\n"
          "    size_t size;\n};\n#endif\n\n",
          f);
    fprintf(f,
            "/* Sorted by path; the row behind the last is all zero. */\nextern const struct embed_file "
            "%s_files[];\n",
            name);
    fprintf(f, "extern const size_t %s_file_count;\n\n#endif\n", name);
    fclose(f);
    tool_write_if_changed(path, text, size);
    free(text);
}

static void write_bytes(FILE *f, const struct file *file, int index)
{
    fprintf(f, "static const unsigned char bytes_%d[] = {", index);
    for (size_t i = 0; i < file->size; i++)
        fprintf(f, "%s%u,", i % 32 == 0 ? "\n" : "", (unsigned char)file->bytes[i]);
    fputs("0};\n", f);
}

static void write_source(const char *path, const char *header, const char *name, const struct file *files,
                         int count)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        tool_die("out of memory");
    const char *slash = strrchr(header, '/');
    fprintf(f, "/* Made by tools/embed. */\n#include \"%s\"\n\n", slash ? slash + 1 : header);
    for (int i = 0; i < count; i++)
        write_bytes(f, &files[i], i);
    fprintf(f, "\nconst struct embed_file %s_files[] = {\n", name);
    for (int i = 0; i < count; i++)
        fprintf(f, "    {\"%s\", bytes_%d, %zu},\n", files[i].path, i, files[i].size);
    fprintf(f, "    {0},\n};\nconst size_t %s_file_count = %d;\n", name, count);
    fclose(f);
    tool_write_if_changed(path, text, size);
    free(text);
}

int main(int argc, char **argv)
{
    tool_name = "embed";
    if (argc < 4) {
        fputs("usage: embed OUT.c OUT.h NAME [PATH=]FILE...\n", stderr);
        return 2;
    }
    check_name(argv[3]);
    struct file *files = read_files(argc - 4, argv + 4);
    write_header(argv[2], argv[3]);
    write_source(argv[1], argv[2], argv[3], files, argc - 4);
    for (int i = 0; i < argc - 4; i++)
        free(files[i].bytes);
    free(files);
    return 0;
}
