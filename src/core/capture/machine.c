#include "core/capture/machine.h"

#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/thread.h"

#define TEXT_BYTES 16384 /* what is looked for stands at the beginning */

/* The beginning of a file, "" when it is not there. Those in /proc say that they have no bytes, so file_read() is no use here. */
static struct str text_of(struct op *op, const char *root, const char *path)
{
    int fd = open(op_printf(op, "%s/%s", root, path), O_RDONLY | O_CLOEXEC);
    char *text = arena_alloc(op->arena, TEXT_BYTES);
    size_t n = 0;
    while (fd >= 0 && n < TEXT_BYTES) {
        ssize_t got = read(fd, text + n, TEXT_BYTES - n);
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    if (fd >= 0)
        close(fd);
    return (struct str){text, n};
}

/* What follows `key`, blanks and `separator` on the first line that begins with `key`. */
static struct str value_of(struct str text, struct str key, char separator)
{
    struct str line;
    while (text.len && str_split(&text, '\n', &line)) {
        size_t at = str_starts(line, key) ? str_find_char(line, separator) : SIZE_MAX;
        if (at != SIZE_MAX && str_trim(str_sub(line, key.len, at - key.len)).len == 0)
            return str_trim(str_sub(line, at + 1, SIZE_MAX));
    }
    return STR("");
}

static struct str without_quotes(struct str s)
{
    if (s.len >= 2 && (s.p[0] == '"' || s.p[0] == '\'') && s.p[s.len - 1] == s.p[0])
        return str_sub(s, 1, s.len - 2);
    return s;
}

void capture_machine_read(struct op *op, const char *root, struct capture_machine *ret)
{
    struct utsname u = {0};
    *ret = (struct capture_machine){.cpus = thread_cpu_count()};
    if (uname(&u) == 0) {
        ret->host = str_dup(op->arena, str_from(u.nodename));
        ret->kernel = str_from(op_printf(op, "%s %s %s", u.sysname, u.release, u.machine));
    }
    ret->os = without_quotes(value_of(text_of(op, root, "etc/os-release"), STR("PRETTY_NAME"), '='));
    ret->cpu = value_of(text_of(op, root, "proc/cpuinfo"), STR("model name"), ':');
    struct str total = value_of(text_of(op, root, "proc/meminfo"), STR("MemTotal"), ':'); /* "16384 kB" */
    int64_t kib = 0;
    if (str_parse_i64(str_sub(total, 0, str_find_char(total, ' ')), &kib) && kib > 0 && kib < INT64_MAX / 1024)
        ret->memory_bytes = kib * 1024;
}
