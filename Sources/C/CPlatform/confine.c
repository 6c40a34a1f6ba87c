#define _GNU_SOURCE
#include "CPlatform.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

// What a process may still ask of the kernel once everything is loaded: a list of calls, and nothing beside it. It cannot open
// anything for writing, run programs, make processes or sockets, connect, signal others, or map code.

#if defined(__x86_64__)
#define TP_ARCH AUDIT_ARCH_X86_64
// Older names of calls, which only this architecture has.
#define TP_OLDER SYS_poll, SYS_stat, SYS_lstat, SYS_access, SYS_readlink, SYS_getrlimit, SYS_time,
#define TP_OLDER_SERVER SYS_epoll_wait,
#elif defined(__aarch64__)
#define TP_ARCH AUDIT_ARCH_AARCH64
#define TP_OLDER
#define TP_OLDER_SERVER
#endif

#ifdef TP_ARCH
static const uint16_t generating[] = {
    TP_OLDER
    // Files and streams that are open; files are read by whoever finds them, such as libc and the check of free memory.
    SYS_read, SYS_readv, SYS_pread64, SYS_write, SYS_writev, SYS_lseek, SYS_close, SYS_ppoll, SYS_fadvise64,
    SYS_fstat, SYS_newfstatat, SYS_statx, SYS_faccessat, SYS_readlinkat, SYS_getdents64, SYS_getcwd, SYS_statfs, SYS_fstatfs,
    // Memory. mmap and mprotect follow below.
    SYS_munmap, SYS_mremap, SYS_madvise, SYS_mincore, SYS_brk, SYS_mlock, SYS_mlock2, SYS_munlock,
    // Threads and signals of this process. clone and tgkill follow below.
    SYS_futex, SYS_set_robust_list, SYS_rseq, SYS_membarrier, SYS_sched_yield, SYS_sched_getaffinity, SYS_sched_getparam,
    SYS_sched_getscheduler, SYS_getcpu, SYS_getpid, SYS_gettid, SYS_exit, SYS_exit_group, SYS_rt_sigaction, SYS_rt_sigprocmask,
    SYS_rt_sigreturn, SYS_sigaltstack, SYS_restart_syscall,
    // Time, and what there is.
    SYS_nanosleep, SYS_clock_nanosleep, SYS_clock_gettime, SYS_clock_getres, SYS_gettimeofday, SYS_getrandom, SYS_getrusage,
    SYS_sysinfo, SYS_uname, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid,
};
// Waiting for many at once, and connections that others make.
static const uint16_t serving[] = {
    TP_OLDER_SERVER
    SYS_accept, SYS_accept4, SYS_recvfrom, SYS_recvmsg, SYS_sendto, SYS_sendmsg, SYS_shutdown, SYS_getsockname, SYS_getpeername,
    SYS_getsockopt, SYS_setsockopt, SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYS_eventfd2, SYS_timerfd_create,
    SYS_timerfd_settime, SYS_timerfd_gettime, SYS_signalfd4, SYS_pipe2,
};

// A call that is allowed when one of its arguments is as stated. Several rules of one call are alternatives.
typedef struct {
    uint16_t call;
    uint8_t argument;
    // Of the bits of `value` in the low half; EQUAL looks at both halves, EQUAL_THEN_0 at the low halves of this argument and the
    // next, which must be 0: for arguments of 32 bits, of which the kernel sees no more.
    enum { NONE_OF, SOME_OF, EQUAL, EQUAL_THEN_0 } test;
    uint32_t value;
} rule_t;
enum { WRITING = O_ACCMODE | O_CREAT | O_TRUNC };
static const rule_t rules[] = {
#if defined(__x86_64__)
    {SYS_open, 1, NONE_OF, WRITING},
#endif
    {SYS_openat, 2, NONE_OF, WRITING},
    {SYS_mmap, 2, NONE_OF, PROT_EXEC},
    {SYS_mprotect, 2, NONE_OF, PROT_EXEC},
    {SYS_clone, 0, SOME_OF, CLONE_THREAD},
    // Flags and copies of descriptors; not whom the system signals when one is ready.
    {SYS_fcntl, 1, EQUAL, F_GETFD},
    {SYS_fcntl, 1, EQUAL, F_SETFD},
    {SYS_fcntl, 1, EQUAL, F_GETFL},
    {SYS_fcntl, 1, EQUAL, F_SETFL},
    {SYS_fcntl, 1, EQUAL, F_DUPFD_CLOEXEC},
    // Asks for a limit, sets none.
    {SYS_prlimit64, 2, EQUAL, 0},
    // Whether it is a terminal and how wide; not what writes into its input.
    {SYS_ioctl, 1, EQUAL, TCGETS},
    // TCGETS2, by which newer libc asks the same; its header does not go together with others.
    {SYS_ioctl, 1, EQUAL, 0x802c542a},
    {SYS_ioctl, 1, EQUAL, TIOCGWINSZ},
    {SYS_prctl, 0, EQUAL, PR_SET_NAME},
    // Of the calling thread: Dispatch gives its threads one, and complains to the system's log where it cannot. 0 with another word
    // than PRIO_PROCESS is the whole group, or all that the user runs.
    {SYS_setpriority, 0, EQUAL_THEN_0, PRIO_PROCESS},
};
// From this number on calls have one number on all architectures and libc does without those it does not find: clone3 and openat2,
// whose flags lie in memory where no filter sees them, are not found.
enum { FIRST_COMMON_CALL = 424 };

#define TP_FIELD(name) ((uint32_t)offsetof(struct seccomp_data, name))
// Two instructions a call, seven at most a rule, and eight around them.
enum {
    CAPACITY = 2 * (sizeof generating + sizeof serving) / sizeof *generating + 7 * (sizeof rules / sizeof *rules + 1) + 8
};
typedef struct {
    struct sock_filter code[CAPACITY];
    uint16_t count;
} program_t;
static void add(program_t *p, uint16_t code, uint32_t value, uint8_t yes, uint8_t no) {
    p->code[p->count++] = (struct sock_filter){.code = code, .jt = yes, .jf = no, .k = value};
}
static void load(program_t *p, uint32_t offset) { add(p, BPF_LD | BPF_W | BPF_ABS, offset, 0, 0); }
static void end(program_t *p, uint32_t result) { add(p, BPF_RET | BPF_K, result, 0, 0); }

static void allow(program_t *p, const uint16_t *calls, size_t count) {
    for (size_t i = 0; i < count; i++) {
        add(p, BPF_JMP | BPF_JEQ | BPF_K, calls[i], 0, 1);
        end(p, SECCOMP_RET_ALLOW);
    }
}
// Begins and ends with the call's number loaded.
static void allow_if(program_t *p, rule_t rule) {
    // Both architectures are little-endian.
    const uint32_t low = TP_FIELD(args) + 8u * rule.argument;
    const int looks_twice = rule.test >= EQUAL;
    add(p, BPF_JMP | BPF_JEQ | BPF_K, rule.call, 0, looks_twice ? 6 : 4);
    if (looks_twice) {
        load(p, low + (rule.test == EQUAL ? 4 : 8));
        add(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3);
    }
    load(p, low);
    if (rule.test == NONE_OF) add(p, BPF_JMP | BPF_JSET | BPF_K, rule.value, 1, 0);
    else add(p, (uint16_t)(BPF_JMP | BPF_K | (looks_twice ? BPF_JEQ : BPF_JSET)), rule.value, 0, 1);
    end(p, SECCOMP_RET_ALLOW);
    load(p, TP_FIELD(nr));
}

static void make_program(program_t *p, int serves, uint32_t process) {
    const uint32_t refused = SECCOMP_RET_ERRNO | EPERM;
    p->count = 0;
    load(p, TP_FIELD(arch));
    // The 32-bit calls of the same machine have other numbers.
    add(p, BPF_JMP | BPF_JEQ | BPF_K, TP_ARCH, 1, 0);
    end(p, refused);
    load(p, TP_FIELD(nr));
    allow(p, generating, sizeof generating / sizeof *generating);
    if (serves) allow(p, serving, sizeof serving / sizeof *serving);
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) allow_if(p, rules[i]);
    // Signals to itself, as `raise` and `abort` send them.
    allow_if(p, (rule_t){SYS_tgkill, 0, EQUAL, process});
    add(p, BPF_JMP | BPF_JGE | BPF_K, FIRST_COMMON_CALL, 0, 1);
    end(p, SECCOMP_RET_ERRNO | ENOSYS);
    end(p, refused);
}
#endif

int tp_confine(int serves) {
#ifdef TP_ARCH
    program_t program;
    make_program(&program, serves, (uint32_t)getpid());
    const struct sock_fprog filter = {.len = program.count, .filter = program.code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return -errno;
    // For the threads that run already, too: all or none.
    const long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter);
    return result < 0 ? -errno : result > 0 ? -EBUSY : 0;
#else
    (void)serves;
    return -ENOSYS;
#endif
}
