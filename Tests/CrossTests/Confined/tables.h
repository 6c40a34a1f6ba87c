// The filter of CPlatform/confine.c as the kernel would apply it, without installing it: emulators refuse filters, and the
// lists of the other architecture can be looked at nowhere else.
#include "../../../Sources/C/CPlatform/confine.c"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALLOWED = 0 };

// errno of a call under the filter, or 0.
static int verdict(const program_t *p, const struct seccomp_data *data) {
    uint32_t a = 0;
    for (size_t at = 0; at < p->count; at++) {
        const struct sock_filter i = p->code[at];
        switch (i.code) {
        case BPF_LD | BPF_W | BPF_ABS: memcpy(&a, (const char *)data + i.k, 4); break;
        case BPF_JMP | BPF_JEQ | BPF_K: at += a == i.k ? i.jt : i.jf; break;
        case BPF_JMP | BPF_JGE | BPF_K: at += a >= i.k ? i.jt : i.jf; break;
        case BPF_JMP | BPF_JSET | BPF_K: at += a & i.k ? i.jt : i.jf; break;
        case BPF_RET | BPF_K:
            if (i.k == SECCOMP_RET_ALLOW) return ALLOWED;
            if ((i.k & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO) return (int)(i.k & SECCOMP_RET_DATA);
            // fall through
        default:
            fprintf(stderr, "instruction %zu: neither a test nor an answer\n", at);
            exit(1);
        }
    }
    fprintf(stderr, "the filter runs past its end\n");
    exit(1);
}

typedef struct {
    const char *what;
    int number;
    uint64_t arguments[3];
    int generating, serving;  // errno expected for either purpose, 0 when allowed
} call_t;
#define BOTH(error) error, error
static const call_t calls[] = {
    {"read", SYS_read, {0}, BOTH(0)},
    {"write", SYS_write, {1}, BOTH(0)},
    {"exit_group", SYS_exit_group, {0}, BOTH(0)},
    {"futex", SYS_futex, {0}, BOTH(0)},
    {"openat to read", SYS_openat, {0, 0, O_RDONLY | O_CLOEXEC | O_NONBLOCK}, BOTH(0)},
    {"openat to write", SYS_openat, {0, 0, O_WRONLY}, BOTH(EPERM)},
    {"openat for both", SYS_openat, {0, 0, O_RDWR}, BOTH(EPERM)},
    {"openat that creates", SYS_openat, {0, 0, O_CREAT}, BOTH(EPERM)},
    {"openat that empties", SYS_openat, {0, 0, O_TRUNC}, BOTH(EPERM)},
    {"openat of a nameless file", SYS_openat, {0, 0, O_TMPFILE | O_WRONLY}, BOTH(EPERM)},
    {"openat2", SYS_openat2, {0}, BOTH(ENOSYS)},
    {"unlinkat", SYS_unlinkat, {0}, BOTH(EPERM)},
    {"renameat2", SYS_renameat2, {0}, BOTH(EPERM)},
    {"truncate", SYS_truncate, {0}, BOTH(EPERM)},
    {"mkdirat", SYS_mkdirat, {0}, BOTH(EPERM)},
    {"linkat", SYS_linkat, {0}, BOTH(EPERM)},
    {"fchmodat", SYS_fchmodat, {0}, BOTH(EPERM)},
    {"execve", SYS_execve, {0}, BOTH(EPERM)},
    {"execveat", SYS_execveat, {0}, BOTH(EPERM)},
    {"mmap of memory", SYS_mmap, {0, 0, PROT_READ | PROT_WRITE}, BOTH(0)},
    {"mmap of code", SYS_mmap, {0, 0, PROT_READ | PROT_EXEC}, BOTH(EPERM)},
    {"mprotect to code", SYS_mprotect, {0, 0, PROT_EXEC}, BOTH(EPERM)},
    {"clone of a thread", SYS_clone, {CLONE_VM | CLONE_THREAD}, BOTH(0)},
    {"clone of a process", SYS_clone, {17}, BOTH(EPERM)},
    {"clone3", SYS_clone3, {0}, BOTH(ENOSYS)},
    {"socket", SYS_socket, {0}, BOTH(EPERM)},
    {"socketpair", SYS_socketpair, {0}, BOTH(EPERM)},
    {"connect", SYS_connect, {0}, BOTH(EPERM)},
    {"bind", SYS_bind, {0}, BOTH(EPERM)},
    {"accept4", SYS_accept4, {0}, EPERM, 0},
    {"sendto", SYS_sendto, {0}, EPERM, 0},
    {"epoll_pwait", SYS_epoll_pwait, {0}, EPERM, 0},
    {"kill", SYS_kill, {1}, BOTH(EPERM)},
    {"tgkill of oneself", SYS_tgkill, {4711}, BOTH(0)},
    {"tgkill of another", SYS_tgkill, {4712}, BOTH(EPERM)},
    {"tgkill of a number beyond 32 bits", SYS_tgkill, {4711 | 1ull << 32}, BOTH(EPERM)},
    {"prlimit64 that asks", SYS_prlimit64, {0, 0, 0}, BOTH(0)},
    {"prlimit64 that sets", SYS_prlimit64, {0, 0, 1ull << 32}, BOTH(EPERM)},
    {"ioctl that asks for a terminal", SYS_ioctl, {0, TCGETS}, BOTH(0)},
    {"ioctl that asks as newer libc does", SYS_ioctl, {0, 0x802c542a}, BOTH(0)},
    {"ioctl that types into a terminal", SYS_ioctl, {0, TIOCSTI}, BOTH(EPERM)},
    {"prctl of a thread's name", SYS_prctl, {PR_SET_NAME}, BOTH(0)},
    {"prctl of anything else", SYS_prctl, {PR_SET_DUMPABLE}, BOTH(EPERM)},
    {"setpriority of oneself", SYS_setpriority, {PRIO_PROCESS, 0}, BOTH(0)},
    {"setpriority of another", SYS_setpriority, {PRIO_PROCESS, 1}, BOTH(EPERM)},
    {"setpriority of one's group", SYS_setpriority, {PRIO_PGRP, 0}, BOTH(EPERM)},
    {"setpriority of all one's processes", SYS_setpriority, {PRIO_USER, 0}, BOTH(EPERM)},
    // The kernel looks at the low half of either.
    {"setpriority of another behind a high half", SYS_setpriority, {1ull << 32, 1 | 1ull << 32}, BOTH(EPERM)},
    {"setpriority of all behind a high half", SYS_setpriority, {PRIO_USER | 1ull << 32, 0}, BOTH(EPERM)},
    {"ptrace", SYS_ptrace, {0}, BOTH(EPERM)},
    {"process_vm_writev", SYS_process_vm_writev, {0}, BOTH(EPERM)},
    {"bpf", SYS_bpf, {0}, BOTH(EPERM)},
    {"memfd_create", SYS_memfd_create, {0}, BOTH(EPERM)},
    {"io_uring_setup", SYS_io_uring_setup, {0}, BOTH(ENOSYS)},
    {"a call of tomorrow", 600, {0}, BOTH(ENOSYS)},
#if defined(__x86_64__)
    {"open to read", SYS_open, {0, O_RDONLY}, BOTH(0)},
    {"open to write", SYS_open, {0, O_WRONLY}, BOTH(EPERM)},
    {"creat", SYS_creat, {0}, BOTH(EPERM)},
    {"fork", SYS_fork, {0}, BOTH(EPERM)},
    {"vfork", SYS_vfork, {0}, BOTH(EPERM)},
    {"unlink", SYS_unlink, {0}, BOTH(EPERM)},
    {"rename", SYS_rename, {0}, BOTH(EPERM)},
    // The x32 name of socket.
    {"x32 socket", 0x40000000 | SYS_socket, {0}, BOTH(ENOSYS)},
#endif
};

// Counts the calls that the filter answers otherwise than expected.
static int check_tables(void) {
    int wrong = 0;
    for (int serves = 0; serves < 2; serves++) {
        static program_t program;
        make_program(&program, serves, 4711);
        for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
            struct seccomp_data data = {.nr = calls[i].number, .arch = TP_ARCH};
            for (int a = 0; a < 3; a++) data.args[a] = calls[i].arguments[a];
            const int expected = serves ? calls[i].serving : calls[i].generating, found = verdict(&program, &data);
            if (found != expected) {
                fprintf(stderr, "%s%s: expected errno %d, found %d\n", calls[i].what, serves ? ", serving" : "", expected, found);
                wrong++;
            }
            data.arch = AUDIT_ARCH_I386;
            if (verdict(&program, &data) != EPERM) wrong++, fprintf(stderr, "%s is allowed by its 32-bit name\n", calls[i].what);
        }
    }
    return wrong;
}
