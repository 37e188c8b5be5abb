/* replay_main.c - runs a fuzz target over files, without libFuzzer: the kept corpus becomes an ordinary test under any compiler.
 *     fuzz_json FILE_OR_FOLDER...
 * Folders are not entered deeper than one level. An input that is missing is an error: an empty run must not pass. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replayed;

static int replay_file(const char *path)
{
    FILE *f = fopen(path, "rbe");
    if (!f) {
        fprintf(stderr, "cannot open '%s': %m\n", path);
        return 1;
    }
    struct stat st;
    size_t size = fstat(fileno(f), &st) == 0 ? (size_t)st.st_size : 0;
    /* A block of exactly the size, so that ASan sees the first byte read beyond it. */
    uint8_t *data = malloc(size ? size : 1);
    int bad = !data || fread(data, 1, size, f) != size;
    fclose(f);
    if (bad)
        fprintf(stderr, "cannot read '%s'\n", path);
    else
        LLVMFuzzerTestOneInput(data, size);
    free(data);
    replayed++;
    return bad;
}

static int replay_folder(const char *path)
{
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, alphasort), bad = n < 0;
    for (int i = 0; i < n; i++) {
        char file[4096];
        struct stat st;
        snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && stat(file, &st) == 0 && S_ISREG(st.st_mode))
            bad |= replay_file(file);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return bad;
}

int main(int argc, char **argv)
{
    int bad = 0;
    for (int i = 1; i < argc; i++) {
        struct stat st;
        bad |= stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode) ? replay_folder(argv[i]) : replay_file(argv[i]);
    }
    if (replayed == 0) {
        fprintf(stderr, "no input replayed\n");
        return 1;
    }
    printf("%d inputs replayed\n", replayed);
    return bad;
}
