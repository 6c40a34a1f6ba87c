#define _GNU_SOURCE
#include "filter.h"
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define CS_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define CS_ARCH AUDIT_ARCH_AARCH64
#endif

// Low half of the first argument; both architectures are little-endian.
#define CS_ARGUMENT0 offsetof(struct seccomp_data, args[0])
#define CS_LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (field))
#define CS_RETURN(value) BPF_STMT(BPF_RET | BPF_K, (value))
#define CS_ERROR(number) CS_RETURN(SECCOMP_RET_ERRNO | ((number) & SECCOMP_RET_DATA))
// Refuses one call, else goes on.
#define CS_DENY(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (call), 0, 1), CS_ERROR(EPERM)

int cs_install_filter(void) {
#ifdef CS_ARCH
    struct sock_filter filter[] = {
        CS_LOAD(offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CS_ARCH, 1, 0),
        CS_RETURN(SECCOMP_RET_KILL_PROCESS),
        CS_LOAD(offsetof(struct seccomp_data, nr)),
#if defined(__x86_64__)
        // The x32 numbers are other names of the same calls.
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),
        CS_RETURN(SECCOMP_RET_KILL_PROCESS),
        CS_DENY(SYS_fork),
        CS_DENY(SYS_vfork),
#endif
        // Threads are made, processes are not. clone3 hides its flags in memory; libc then takes clone.
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
        CS_ERROR(ENOSYS),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4),
        CS_LOAD(CS_ARGUMENT0),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 0, 1),
        CS_RETURN(SECCOMP_RET_ALLOW),
        CS_ERROR(EPERM),
        // Network; socketpair stays, which reaches nobody.
        CS_DENY(SYS_socket),
        CS_DENY(SYS_io_uring_setup),
        // Other processes.
        CS_DENY(SYS_kill),
        CS_DENY(SYS_tkill),
        CS_DENY(SYS_tgkill),
        CS_DENY(SYS_rt_sigqueueinfo),
        CS_DENY(SYS_rt_tgsigqueueinfo),
        CS_DENY(SYS_pidfd_open),
        CS_DENY(SYS_pidfd_send_signal),
        CS_DENY(SYS_ptrace),
        CS_DENY(SYS_process_vm_readv),
        CS_DENY(SYS_process_vm_writev),
        CS_DENY(SYS_prlimit64),
        CS_DENY(SYS_setpriority),
        CS_DENY(SYS_sched_setaffinity),
        CS_DENY(SYS_shmget),
        CS_DENY(SYS_msgget),
        CS_DENY(SYS_semget),
        // The system.
        CS_DENY(SYS_mount),
        CS_DENY(SYS_umount2),
        CS_DENY(SYS_move_mount),
        CS_DENY(SYS_open_tree),
        CS_DENY(SYS_fsopen),
        CS_DENY(SYS_mount_setattr),
        CS_DENY(SYS_pivot_root),
        CS_DENY(SYS_chroot),
        CS_DENY(SYS_unshare),
        CS_DENY(SYS_setns),
        CS_DENY(SYS_bpf),
        CS_DENY(SYS_perf_event_open),
        CS_DENY(SYS_userfaultfd),
        CS_DENY(SYS_keyctl),
        CS_DENY(SYS_add_key),
        CS_DENY(SYS_request_key),
        CS_DENY(SYS_mknodat),
#if defined(__x86_64__)
        CS_DENY(SYS_mknod),
#endif
        CS_DENY(SYS_reboot),
        CS_DENY(SYS_swapon),
        CS_DENY(SYS_swapoff),
        CS_DENY(SYS_init_module),
        CS_DENY(SYS_finit_module),
        CS_DENY(SYS_delete_module),
        CS_DENY(SYS_kexec_load),
        CS_RETURN(SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof(filter) / sizeof(filter[0]), .filter = filter};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
#else
    errno = ENOSYS;
    return -1;
#endif
}
