/* embed.c - files into the program: embed [-s] OUT.c OUT.h NAME [PATH=]FILE...
 *
 * Writes a table `NAME_files` of {path, bytes, size, packed, packed_size}, sorted by path, and its `NAME_file_count`. The path is what
 * stands before '=', or the file's last component. `packed` is the same as one gzip stream, made here so that no server spends
 * time on it; it is left out where it would not be smaller. -s: scripts and styles lose what only people read (squeeze.h), but for those below vendor/.
 * Build-time only. */
#include "squeeze.h"

#include <zlib.h>

struct file {
    const char *path, *source;
    char *bytes, *packed;
    size_t size, packed_size;
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

/* The best that zlib can do: it is done once. The header has no time and no name, so equal input is equal output. */
static void pack(struct file *f)
{
    z_stream z = {0};
    if (deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK)
        tool_die("out of memory");
    size_t room = deflateBound(&z, f->size);
    f->packed = tool_grow(NULL, room, 1);
    z.next_in = (unsigned char *)f->bytes;
    z.avail_in = (unsigned)f->size;
    z.next_out = (unsigned char *)f->packed;
    z.avail_out = (unsigned)room;
    if (deflate(&z, Z_FINISH) != Z_STREAM_END)
        tool_die("cannot pack '%s'", f->source);
    f->packed_size = z.total_out < f->size ? z.total_out : 0;
    deflateEnd(&z);
}

static bool has_suffix(const char *path, const char *suffix)
{
    size_t n = strlen(path), k = strlen(suffix);
    return n >= k && strcmp(path + n - k, suffix) == 0;
}

static struct file *read_files(int argc, char **argv, bool squeezed)
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
        bool script = has_suffix(files[i].path, ".js");
        if (squeezed && (script || has_suffix(files[i].path, ".css")) && strncmp(files[i].path, "vendor/", 7) != 0)
            files[i].size = squeeze(files[i].bytes, files[i].size, script);
        pack(&files[i]);
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
          "    size_t size;\n    const unsigned char *packed; /* the same as a gzip stream; NULL: that is not smaller */\n"
          "    size_t packed_size;\n};\n#endif\n\n",
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

static void write_bytes(FILE *f, const char *name, int index, const char *bytes, size_t size)
{
    fprintf(f, "static const unsigned char %s_%d[] = {", name, index);
    for (size_t i = 0; i < size; i++)
        fprintf(f, "%s%u,", i % 32 == 0 ? "\n" : "", (unsigned char)bytes[i]);
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
    for (int i = 0; i < count; i++) {
        write_bytes(f, "bytes", i, files[i].bytes, files[i].size);
        if (files[i].packed_size)
            write_bytes(f, "packed", i, files[i].packed, files[i].packed_size);
    }
    fprintf(f, "\nconst struct embed_file %s_files[] = {\n", name);
    for (int i = 0; i < count; i++) {
        fprintf(f, "    {\"%s\", bytes_%d, %zu, ", files[i].path, i, files[i].size);
        if (files[i].packed_size)
            fprintf(f, "packed_%d, %zu},\n", i, files[i].packed_size);
        else
            fputs("NULL, 0},\n", f);
    }
    fprintf(f, "    {0},\n};\nconst size_t %s_file_count = %d;\n", name, count);
    fclose(f);
    tool_write_if_changed(path, text, size);
    free(text);
}

int main(int argc, char **argv)
{
    tool_name = "embed";
    bool squeezed = argc > 1 && strcmp(argv[1], "-s") == 0;
    argc -= squeezed;
    argv += squeezed;
    if (argc < 4) {
        fputs("usage: embed [-s] OUT.c OUT.h NAME [PATH=]FILE...\n", stderr);
        return 2;
    }
    check_name(argv[3]);
    struct file *files = read_files(argc - 4, argv + 4, squeezed);
    write_header(argv[2], argv[3]);
    write_source(argv[1], argv[2], argv[3], files, argc - 4);
    for (int i = 0; i < argc - 4; i++) {
        free(files[i].bytes);
        free(files[i].packed);
    }
    free(files);
    return 0;
}
