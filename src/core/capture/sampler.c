/* sampler.c - numbers out of /proc (proc(5)), made as MLflow's client makes them through psutil:
 *
 *   cpu      the share of jiffies since the last reading that were neither idle nor waiting for a disk; guests' time is part of
 *            user's in the kernel's figures and not counted twice
 *   memory   used = MemTotal - MemAvailable
 *   disk     used / (used + what an ordinary user may still take), as df says
 *   network  bytes of all interfaces since the sampler was made
 *
 * A tree of processes is everything whose process group is the leader's, or whose parent is in the tree. Its CPU time adds to what
 * its living members used what they have waited for, so it does not fall when a child ends. */
#include "core/capture/sampler.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/time.h"

#define FILE_BYTES 65536 /* of a file in /proc that is looked at */
#define PREFIX "system/"
#define MEGA 1e6

struct jiffies {
    double busy, total;
};
struct traffic {
    double received, sent;
};
struct process {
    int64_t pid, parent, group;
    double ticks, resident_bytes;
    bool member;
};
struct capture_sampler {
    char proc[256], disk[256];
    const struct gpu_probe *gpus;
    struct jiffies cpu;
    struct traffic first;
    double tree_ticks;  /* < 0: not read yet */
    int64_t tree_ns;
    char text[FILE_BYTES];
    struct process *list;
    size_t len, cap;
};
struct sink {
    struct capture_metric *out;
    size_t len, max;
};

static void put(struct sink *k, double value, const char *key)
{
    if (!isfinite(value) || k->len == k->max)
        return;
    struct capture_metric *m = &k->out[k->len++];
    snprintf(m->key, sizeof m->key, PREFIX "%s", key);
    m->value = value;
}

static double tenth(double v)
{
    return round(v * 10) / 10;
}

/* The beginning of a file below /proc, in s->text; "" when it cannot be read. */
static struct str slurp(struct capture_sampler *s, const char *name)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", s->proc, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t n = 0;
    while (fd >= 0 && n < sizeof s->text) {
        ssize_t got = read(fd, s->text + n, sizeof s->text - n);
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    if (fd >= 0)
        close(fd);
    return (struct str){s->text, n};
}

/* The next whole number of a line of blanks and numbers; false at its end. */
static bool number_next(struct str *line, double *ret)
{
    *line = str_trim(*line);
    size_t n = 0;
    while (n < line->len && line->p[n] >= '0' && line->p[n] <= '9')
        n++;
    uint64_t v = 0;
    if (!n || !str_parse_u64(str_sub(*line, 0, n), &v))
        return false;
    *line = str_sub(*line, n, SIZE_MAX);
    *ret = (double)v;
    return true;
}

/* ---- the machine ---- */

/* "cpu  user nice system idle iowait irq softirq steal guest guest_nice" */
static bool cpu_read(struct capture_sampler *s, struct jiffies *ret)
{
    struct str text = slurp(s, "stat"), line;
    double v[8] = {0}, total = 0;
    if (!text.len || !str_split(&text, '\n', &line) || !str_starts(line, STR("cpu ")))
        return false;
    line = str_sub(line, 4, SIZE_MAX);
    for (size_t i = 0; i < ARRAY_LEN(v) && number_next(&line, &v[i]); i++)
        total += v[i];
    *ret = (struct jiffies){total - v[3] - v[4], total};
    return total > 0;
}

static void cpu_put(struct capture_sampler *s, struct sink *k)
{
    struct jiffies now;
    if (!cpu_read(s, &now))
        return;
    double total = now.total - s->cpu.total, busy = now.busy - s->cpu.busy;
    if (total > 0) /* else the clock of the kernel has not ticked since */
        put(k, tenth(fmin(fmax(100 * busy / total, 0), 100)), "cpu_utilization_percentage");
    s->cpu = now;
}

/* "MemTotal:  16 kB" */
static double memory_line(struct str text, struct str name)
{
    struct str line;
    double kib = 0;
    while (text.len && str_split(&text, '\n', &line)) {
        if (!str_starts(line, name))
            continue;
        line = str_sub(line, name.len, SIZE_MAX);
        return number_next(&line, &kib) ? kib * 1024 : -1;
    }
    return -1;
}

static void memory_put(struct capture_sampler *s, struct sink *k)
{
    struct str text = slurp(s, "meminfo");
    double total = memory_line(text, STR("MemTotal:")), left = memory_line(text, STR("MemAvailable:"));
    if (total <= 0 || left < 0)
        return;
    put(k, tenth((total - left) / MEGA), "system_memory_usage_megabytes");
    put(k, tenth((total - left) / total * 100), "system_memory_usage_percentage");
}

static void disk_put(const struct capture_sampler *s, struct sink *k)
{
    struct statvfs fs;
    if (statvfs(s->disk, &fs) || !fs.f_blocks)
        return;
    double block = (double)fs.f_frsize, used = (double)(fs.f_blocks - fs.f_bfree) * block, left = (double)fs.f_bavail * block;
    put(k, tenth(used / (used + left) * 100), "disk_usage_percentage");
    put(k, tenth(used / MEGA), "disk_usage_megabytes");
    put(k, tenth(left / MEGA), "disk_available_megabytes");
}

/* "  eth0: received packets errs drop fifo frame compressed multicast sent ..." */
static bool traffic_read(struct capture_sampler *s, struct traffic *ret)
{
    struct str text = slurp(s, "net/dev"), line;
    struct traffic sum = {0};
    bool any = false;
    while (text.len && str_split(&text, '\n', &line)) {
        size_t colon = str_find_char(line, ':');
        double v[9] = {0};
        size_t n = 0;
        if (colon == SIZE_MAX)
            continue;
        line = str_sub(line, colon + 1, SIZE_MAX);
        while (n < ARRAY_LEN(v) && number_next(&line, &v[n]))
            n++;
        if (n < ARRAY_LEN(v))
            continue;
        sum.received += v[0];
        sum.sent += v[8];
        any = true;
    }
    *ret = sum;
    return any;
}

static void traffic_put(struct capture_sampler *s, struct sink *k)
{
    struct traffic now;
    if (!traffic_read(s, &now))
        return;
    put(k, fmax(now.received - s->first.received, 0) / MEGA, "network_receive_megabytes");
    put(k, fmax(now.sent - s->first.sent, 0) / MEGA, "network_transmit_megabytes");
}

static void gpus_put(const struct capture_sampler *s, struct sink *k)
{
    for (int i = 0; i < gpu_count(s->gpus); i++) {
        struct gpu_reading r;
        char key[48];
#define GPU_PUT(ok, value, name)                          \
    if (ok) {                                             \
        snprintf(key, sizeof key, "gpu_%d_" name, i);     \
        put(k, tenth(value), key);                        \
    }
        gpu_read(s->gpus, i, &r);
        GPU_PUT(r.memory_used_bytes >= 0 && r.memory_total_bytes > 0, r.memory_used_bytes / r.memory_total_bytes * 100, "memory_usage_percentage")
        GPU_PUT(r.memory_used_bytes >= 0, r.memory_used_bytes / MEGA, "memory_usage_megabytes")
        GPU_PUT(r.utilization_percent >= 0, r.utilization_percent, "utilization_percentage")
        GPU_PUT(r.power_watts >= 0, r.power_watts, "power_usage_watts")
        GPU_PUT(r.power_watts >= 0 && r.power_limit_watts > 0, r.power_watts / r.power_limit_watts * 100, "power_usage_percentage")
#undef GPU_PUT
    }
}

/* ---- a tree of processes ---- */

/* "pid (comm) state ppid pgrp ..."; comm is chosen by the process and may hold blanks and parentheses, so the last one counts. */
static bool process_parse(struct str text, struct process *ret)
{
    size_t close = text.len;
    while (close && text.p[close - 1] != ')')
        close--;
    struct str rest = str_trim(str_sub(text, close, SIZE_MAX)), word;
    int64_t v[25] = {0};
    size_t n = 1; /* the state is field 3 of the page, v[1] here is ppid */
    if (!close || rest.len < 2)
        return false;
    rest = str_sub(rest, 2, SIZE_MAX);
    while (n < ARRAY_LEN(v) && rest.len && str_split(&rest, ' ', &word))
        if (!str_parse_i64(word, &v[n++])) /* rsslim may exceed 64 bits; it comes behind what is used */
            v[n - 1] = 0;
    if (n < 22)
        return false;
    ret->parent = v[1];
    ret->group = v[2];
    ret->ticks = (double)(v[11] + v[12] + v[13] + v[14]); /* utime stime cutime cstime */
    ret->resident_bytes = (double)v[21] * (double)sysconf(_SC_PAGESIZE);
    return true;
}

static void processes_read(struct capture_sampler *s)
{
    DIR *d = opendir(s->proc);
    s->len = 0;
    for (const struct dirent *e = d ? readdir(d) : NULL; e && s->len < LIMIT_CAPTURE_PROCESSES; e = readdir(d)) {
        struct process p = {0};
        char name[300];
        if (!str_parse_i64(str_from(e->d_name), &p.pid))
            continue;
        snprintf(name, sizeof name, "%s/stat", e->d_name);
        if (!process_parse(slurp(s, name), &p)) /* it ended meanwhile */
            continue;
        if (s->len == s->cap) {
            s->cap = s->cap ? 2 * s->cap : 256;
            s->list = realloc(s->list, s->cap * sizeof *s->list);
            if (!s->list)
                abort();
        }
        s->list[s->len++] = p;
    }
    if (d)
        closedir(d);
}

static int by_pid(const void *pa, const void *pb)
{
    const struct process *a = pa, *b = pb;
    return (a->pid > b->pid) - (a->pid < b->pid);
}

static bool is_member(const struct capture_sampler *s, int64_t pid)
{
    const struct process key = {.pid = pid}, *p = s->len ? bsearch(&key, s->list, s->len, sizeof key, by_pid) : NULL;
    return p && p->member;
}

/* Rounds until nobody joins; each goes at least one level down. */
static void members_mark(struct capture_sampler *s, int64_t leader)
{
    if (s->len > 1)
        qsort(s->list, s->len, sizeof *s->list, by_pid);
    for (size_t i = 0; i < s->len; i++)
        s->list[i].member = s->list[i].pid == leader || s->list[i].group == leader;
    for (int level = 0; level < LIMIT_CAPTURE_DEPTH; level++) {
        bool more = false;
        for (size_t i = 0; i < s->len; i++) {
            struct process *p = &s->list[i];
            if (p->member || p->parent <= 1 || !is_member(s, p->parent))
                continue;
            p->member = more = true;
        }
        if (!more)
            return;
    }
}

static void tree_put(struct capture_sampler *s, struct sink *k, int64_t leader)
{
    double ticks = 0, resident = 0, count = 0;
    processes_read(s);
    members_mark(s, leader);
    int64_t now_ns = time_mono_ns();
    for (size_t i = 0; i < s->len; i++) {
        if (!s->list[i].member)
            continue;
        ticks += s->list[i].ticks;
        resident += s->list[i].resident_bytes;
        count++;
    }
    if (count > 0 && s->tree_ticks >= 0) {
        double seconds = (double)(now_ns - s->tree_ns) / 1e9, cpu_s = (ticks - s->tree_ticks) / (double)sysconf(_SC_CLK_TCK);
        if (seconds > 0)
            put(k, tenth(fmax(100 * cpu_s / seconds, 0)), "process_cpu_percentage");
    }
    s->tree_ticks = ticks;
    s->tree_ns = now_ns;
    if (count > 0) {
        put(k, tenth(resident / MEGA), "process_memory_megabytes");
        put(k, count, "process_count");
    }
}

struct capture_sampler *capture_sampler_create(const char *proc, const char *disk, const struct gpu_probe *gpus)
{
    struct capture_sampler *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    snprintf(s->proc, sizeof s->proc, "%s", proc);
    snprintf(s->disk, sizeof s->disk, "%s", disk);
    s->gpus = gpus;
    s->tree_ns = time_mono_ns();
    (void)cpu_read(s, &s->cpu);
    (void)traffic_read(s, &s->first);
    return s;
}

void capture_sampler_destroy(struct capture_sampler *s)
{
    if (!s)
        return;
    free(s->list);
    free(s);
}

size_t capture_sampler_read(struct capture_sampler *s, int64_t process, struct capture_metric *out, size_t max)
{
    struct sink k = {out, 0, max};
    cpu_put(s, &k);
    memory_put(s, &k);
    disk_put(s, &k);
    traffic_put(s, &k);
    if (process > 0)
        tree_put(s, &k, process);
    gpus_put(s, &k);
    return k.len;
}
