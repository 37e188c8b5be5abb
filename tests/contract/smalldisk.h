/* smalldisk.h - a real file system of a given size, for what happens when it is full: a tmpfs in a mount namespace of our
 * own. Call it in a child process that has no threads yet. */
#ifndef INGOT_TESTS_SMALLDISK_H
#define INGOT_TESTS_SMALLDISK_H

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static inline bool smalldisk_write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return good;
}

/* Mounts it over the folder `dir`; false where this machine's kernel does not let users do that. */
static inline bool smalldisk_mount(const char *dir, int size_kib)
{
    char text[64];
    uid_t uid = getuid();
    if (uid == 0 ? unshare(CLONE_NEWNS) : unshare(CLONE_NEWUSER | CLONE_NEWNS))
        return false;
    snprintf(text, sizeof text, "0 %u 1", (unsigned)uid);
    if (uid != 0 && !smalldisk_write_file("/proc/self/uid_map", text))
        return false;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
        return false;
    snprintf(text, sizeof text, "size=%dk,mode=0700", size_kib);
    return !mount("tmpfs", dir, "tmpfs", 0, text);
}

/* Eats all free space with the file `path`, and gives it back. */
static inline void smalldisk_fill(const char *path)
{
    static const char zeros[4096];
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    for (size_t n = sizeof zeros; fd >= 0 && n;)
        if (write(fd, zeros, n) <= 0)
            n /= 2;
    if (fd >= 0)
        close(fd);
}

#endif
