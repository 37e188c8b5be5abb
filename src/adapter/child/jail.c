/* The filter is a list of what is refused (EPERM), not of what is allowed: a library that is replaced by a newer one uses other harmless
 * calls. A second, short filter follows when the engine's library is loaded and before the model is read: from then on no file can be opened, also not
 * for reading, which would be a way into the memory of the server (/proc/N/mem). Refused: sockets, starting programs and processes (threads are fine), files opened for writing, changes of the file system,
 * signals to others, tracing, typing into the server's terminal, memory shared with other programs, and doors into the kernel that a predictor does not need
 * (also those that only root finds open: a server may run as root). clone3 answers ENOSYS, as its arguments
 * cannot be judged by a filter: the C library then uses clone, whose can.
 *
 * Memory: RLIMIT_DATA counts private writable memory (Linux 4.7), which is what a model takes; RLIMIT_AS would count the shared
 * areas as well, which are large and mostly empty. Sanitizers map terabytes of it, so their builds have no limit. */
#include "adapter/child/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define JAIL_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define JAIL_ARCH AUDIT_ARCH_AARCH64
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define JAIL_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define JAIL_SANITIZED 1
#endif
#endif

static bool filtering;

bool jail_filters(void)
{
    return filtering;
}

#ifdef JAIL_ARCH
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, (what))
#define REFUSE RETURN(SECCOMP_RET_ERRNO | EPERM)
#define DENY(nr) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1), REFUSE
/* Refused when the lower half of an argument has one of the bits (DENY_BITS) or has none of them (DENY_WITHOUT). */
#define DENY_BITS(nr, arg, bits)                                                                                   \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 4), LOAD(args[arg]), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), 0, 1), REFUSE, \
        RETURN(SECCOMP_RET_ALLOW)
#define DENY_WITHOUT(nr, arg, bits)                                                                                \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 4), LOAD(args[arg]), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), 1, 0), REFUSE, \
        RETURN(SECCOMP_RET_ALLOW)

#define OWN_PID 0x7e57c0deu /* in the text of the filter: put in when it is installed */

static const struct sock_filter calls[] = {
    LOAD(arch),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, JAIL_ARCH, 1, 0),
    REFUSE,
    LOAD(nr),
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1), /* the x32 numbers of x86-64 */
    REFUSE,
    DENY_BITS(SYS_openat, 2, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC),
    DENY_WITHOUT(SYS_clone, 0, CLONE_THREAD),
    DENY_BITS(SYS_prlimit64, 0, 0xffffffff), /* of another process */
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_tgkill, 0, 4), LOAD(args[0]), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OWN_PID, 1, 0), REFUSE,
    RETURN(SECCOMP_RET_ALLOW),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
    RETURN(SECCOMP_RET_ERRNO | ENOSYS),
    /* Standard error may be the terminal from which the server was started. */
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 5), LOAD(args[1]), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TIOCSTI, 1, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TIOCLINUX, 0, 1), REFUSE, RETURN(SECCOMP_RET_ALLOW),
#ifdef SYS_open
    DENY_BITS(SYS_open, 1, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC),
    DENY(SYS_creat), DENY(SYS_fork), DENY(SYS_vfork), DENY(SYS_unlink), DENY(SYS_rename), DENY(SYS_link), DENY(SYS_symlink),
    DENY(SYS_mkdir), DENY(SYS_rmdir), DENY(SYS_chmod), DENY(SYS_chown), DENY(SYS_mknod), DENY(SYS_iopl), DENY(SYS_ioperm),
#endif
    DENY(SYS_openat2), DENY(SYS_socket), DENY(SYS_socketpair), DENY(SYS_connect), DENY(SYS_bind), DENY(SYS_listen), DENY(SYS_accept),
    DENY(SYS_accept4), DENY(SYS_sendto), DENY(SYS_sendmsg), DENY(SYS_sendmmsg), DENY(SYS_recvfrom), DENY(SYS_recvmsg), DENY(SYS_execve),
    DENY(SYS_execveat), DENY(SYS_ptrace), DENY(SYS_process_vm_readv), DENY(SYS_process_vm_writev), DENY(SYS_pidfd_open),
    DENY(SYS_pidfd_getfd), DENY(SYS_kill), DENY(SYS_tkill), DENY(SYS_rt_sigqueueinfo),
    DENY(SYS_rt_tgsigqueueinfo), DENY(SYS_pidfd_send_signal), DENY(SYS_unlinkat), DENY(SYS_renameat), DENY(SYS_renameat2), DENY(SYS_linkat),
    DENY(SYS_symlinkat), DENY(SYS_mkdirat), DENY(SYS_mknodat), DENY(SYS_fchmod), DENY(SYS_fchmodat), DENY(SYS_fchown), DENY(SYS_fchownat),
    DENY(SYS_truncate), DENY(SYS_mount), DENY(SYS_umount2), DENY(SYS_unshare), DENY(SYS_setns), DENY(SYS_chroot), DENY(SYS_pivot_root),
    DENY(SYS_bpf), DENY(SYS_perf_event_open), DENY(SYS_io_uring_setup), DENY(SYS_userfaultfd), DENY(SYS_keyctl), DENY(SYS_add_key),
    DENY(SYS_request_key), DENY(SYS_init_module), DENY(SYS_finit_module), DENY(SYS_kexec_load), DENY(SYS_reboot), DENY(SYS_memfd_create),
    DENY(SYS_setuid), DENY(SYS_setgid), DENY(SYS_setreuid), DENY(SYS_setresuid), DENY(SYS_capset), DENY(SYS_inotify_init1),
    DENY(SYS_open_by_handle_at), DENY(SYS_fanotify_init), DENY(SYS_open_tree), DENY(SYS_move_mount), DENY(SYS_fsopen), DENY(SYS_fsmount), DENY(SYS_fspick),
    DENY(SYS_shmget), DENY(SYS_shmat), DENY(SYS_msgget), DENY(SYS_semget), DENY(SYS_mq_open), DENY(SYS_setxattr), DENY(SYS_lsetxattr), DENY(SYS_acct),
    DENY(SYS_swapon), DENY(SYS_swapoff), DENY(SYS_quotactl), DENY(SYS_delete_module), DENY(SYS_settimeofday), DENY(SYS_clock_settime), DENY(SYS_adjtimex),
    DENY(SYS_clock_adjtime), DENY(SYS_sethostname), DENY(SYS_setdomainname), DENY(SYS_syslog), DENY(SYS_vhangup),
    RETURN(SECCOMP_RET_ALLOW),
};

/* No file at all is opened any more. */
static const struct sock_filter files[] = {
    LOAD(nr),
#ifdef SYS_open
    DENY(SYS_open),
#endif
    DENY(SYS_openat), RETURN(SECCOMP_RET_ALLOW),
};

static bool install(const struct sock_filter *text, size_t len)
{
    struct sock_filter own[ARRAY_LEN(calls) + ARRAY_LEN(files)];
    struct sock_fprog program = {.len = (unsigned short)len, .filter = own};
    for (size_t i = 0; i < len; i++) {
        own[i] = text[i];
        own[i].k = own[i].k == OWN_PID ? (uint32_t)getpid() : own[i].k;
    }
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

static void filter_calls(void)
{
    filtering = install(calls, ARRAY_LEN(calls));
}

void jail_close_files(void)
{
    if (filtering)
        filtering = install(files, ARRAY_LEN(files));
}
#else
static void filter_calls(void)
{
    filtering = false;
}

void jail_close_files(void)
{
}
#endif

/* Landlock (Linux 5.13): whatever path is walked to it, only the file itself may be opened, so neither other files nor the memory of other
 * processes can be. The rights are those of its first version, which every kernel that has it knows. */
bool jail_keep_file(int fd)
{
    const struct landlock_ruleset_attr attr = {.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1};
    const struct landlock_path_beneath_attr rule = {.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE, .parent_fd = fd};
    int rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    bool ok = rules >= 0 && syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0 &&
              prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && syscall(SYS_landlock_restrict_self, rules, 0) == 0;
    if (rules >= 0)
        close(rules);
    return ok;
}

/* If memory runs out, the machine ends this process before the server. */
static void offer_to_oom(void)
{
    static const char score[] = "500";
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t n = write(fd, score, sizeof score - 1);
    (void)n;
    close(fd);
}

enum err jail_enter(struct op *op, int parent_pid, int keep_fds, size_t memory_bytes)
{
    struct rlimit none = {0, 0}, memory = {memory_bytes, memory_bytes};
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
        return op_fail_errno(op, "a tie to the server");
    if (getppid() != parent_pid) /* it died before the tie was made */
        return op_fail(op, E_CANCELLED, "the server is gone");
    if (syscall(SYS_close_range, (unsigned)keep_fds, ~0u, 0) && errno != ENOSYS)
        return op_fail_errno(op, "inherited files");
    if (setrlimit(RLIMIT_CORE, &none))
        return op_fail_errno(op, "no core files");
    offer_to_oom();
#ifndef JAIL_SANITIZED
    if (memory_bytes && setrlimit(RLIMIT_DATA, &memory))
        return op_fail_errno(op, "the limit of memory");
#else
    (void)memory;
#endif
    filter_calls();
    return OK;
}
