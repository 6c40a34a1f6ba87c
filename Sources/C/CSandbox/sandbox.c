#define _GNU_SOURCE
#include "CSandbox.h"
#include "filter.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// <sys/mount.h> and <linux/mount.h> do not go together.
int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data);
enum { CS_MS_PRIVATE = 1 << 18, CS_MS_REC = 1 << 14, CS_MS_NOSUID = 2, CS_MS_NODEV = 4 };

// Nobody, on every distribution.
enum { CS_NOBODY = 65534 };

typedef struct {
    const char *program, *script, *folder;
    cs_limits_t limits;
    int32_t allowed;
    int input, output;
    uid_t user;
    gid_t group;
    int namespaces;
    // What the child says of itself: it shares memory with its parent until it runs the program.
    int32_t protections;
    const char *step;
    int error;
} child_t;

static int write_file(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    ssize_t count = write(fd, text, strlen(text));
    close(fd);
    return count == (ssize_t)strlen(text) ? 0 : -1;
}

// "65534 ID 1" without printf, which may lock.
static int write_map(const char *path, unsigned id) {
    char text[32] = "65534 ", digits[12];
    size_t at = 6, count = 0;
    do digits[count++] = (char)('0' + id % 10);
    while (id /= 10);
    while (count) text[at++] = digits[--count];
    memcpy(text + at, " 1", 3);
    return write_file(path, text);
}

// Makes every mount read-only, and the working folder one of its own in memory.
static int restrict_files(const child_t *child) {
    if (mount(NULL, "/", NULL, CS_MS_REC | CS_MS_PRIVATE, NULL)) return -1;
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID};
    if (syscall(SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &attributes, sizeof attributes)) return -1;
    char options[64] = "mode=0700,nr_inodes=1000,size=", digits[20];
    size_t at = strlen(options), count = 0;
    uint64_t bytes = (uint64_t)child->limits.file_bytes;
    do digits[count++] = (char)('0' + bytes % 10);
    while (bytes /= 10);
    while (count) options[at++] = digits[--count];
    options[at] = 0;
    return mount("taper", child->folder, "tmpfs", CS_MS_NOSUID | CS_MS_NODEV, options);
}

static int limit(int what, int64_t soft, int64_t hard) {
    struct rlimit64 value = {.rlim_cur = (rlim64_t)soft, .rlim_max = (rlim64_t)hard};
    return (int)syscall(SYS_prlimit64, 0, what, &value, NULL);
}

static int fail(child_t *child, const char *step) {
    child->error = errno;
    child->step = step;
    _exit(127);
}

// Between clone and exec: no memory is allocated and no lock taken, for the parent's threads may hold them.
static int run_child(void *context) {
    child_t *child = context;
    struct sigaction normal = {.sa_handler = SIG_DFL};
    for (int number = 1; number < 32; number++) sigaction(number, &normal, NULL);
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (child->namespaces) {
        if (write_file("/proc/self/setgroups", "deny") || write_map("/proc/self/uid_map", child->user)
            || write_map("/proc/self/gid_map", child->group))
            return fail(child, "user namespace");
        child->protections |= CS_NAMESPACES;
        if ((child->allowed & CS_READ_ONLY) && !restrict_files(child)) child->protections |= CS_READ_ONLY;
    } else if (child->user == 0) {
        // Raw calls: libc's would change the parent's threads as well.
        if (chown(child->folder, CS_NOBODY, CS_NOBODY) || syscall(SYS_setgroups, 0, NULL)
            || syscall(SYS_setresgid, CS_NOBODY, CS_NOBODY, CS_NOBODY)
            || syscall(SYS_setresuid, CS_NOBODY, CS_NOBODY, CS_NOBODY))
            return fail(child, "giving up the rights of root");
    }
    if (chdir(child->folder)) return fail(child, "working folder");
    // Above all that will be 0, 1 and 2.
    int input = fcntl(child->input, F_DUPFD, 3), output = fcntl(child->output, F_DUPFD, 3);
    int nothing = open("/dev/null", O_WRONLY);
    if (input < 0 || output < 0 || nothing < 0 || dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(nothing, 2) < 0
        || syscall(SYS_close_range, 3, ~0u, 0))
        return fail(child, "descriptors");
    if (limit(RLIMIT_CORE, 0, 0) || limit(RLIMIT_NOFILE, 64, 64) || limit(RLIMIT_MEMLOCK, 0, 0)
        || limit(RLIMIT_CPU, child->limits.cpu_seconds, child->limits.cpu_seconds + 1)
        || limit(RLIMIT_FSIZE, child->limits.file_bytes, child->limits.file_bytes)
        || limit(RLIMIT_AS, child->limits.memory_bytes, child->limits.memory_bytes))
        return fail(child, "limits");
    // Its own path as its name: Python finds its library by it.
    char *arguments[] = {(char *)child->program, "-s", "-B", "-c", (char *)child->script, NULL};
    char *environment[] = {
        "PYTHONHASHSEED=0", "PYTHONUTF8=1", "LC_ALL=C.UTF-8", "HOME=/nonexistent", "PATH=/usr/bin:/bin", NULL,
    };
    sigset_t none;
    sigemptyset(&none);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return fail(child, "no_new_privs");
    if (!(child->allowed & CS_FILTER) || cs_install_filter()) return fail(child, "system call filter (seccomp)");
    child->protections |= CS_FILTER;
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(child->program, arguments, environment);
    return fail(child, "starting the interpreter");
}

static int64_t now_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

// The child, in namespaces of its own where that is allowed; -1 with errno.
static pid_t start(child_t *child, char *stack_end) {
    int flags = CLONE_VM | CLONE_VFORK | SIGCHLD;
    pid_t pid = -1;
    if (child->allowed & CS_NAMESPACES) {
        child->namespaces = 1;
        pid = clone(run_child, stack_end, flags | CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWNS, child);
        // Some kernels allow the namespace and no map of users.
        if (pid > 0 && child->step && !strcmp(child->step, "user namespace")) {
            while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
            child->step = NULL;
            child->protections = 0;
            pid = -1;
        }
    }
    if (pid >= 0) return pid;
    child->namespaces = 0;
    return clone(run_child, stack_end, flags, child);
}

// Reads until the child has ended, its time is over, or there is no room.
static void collect(pid_t pid, int fd, const child_t *child, char *output, size_t capacity, cs_result_t *result) {
    int64_t deadline = now_ms() + child->limits.wall_ms;
    int is_open = 1, status = 0;
    result->outcome = CS_EXITED;
    for (;;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        // The output ends with the program, as a rule; a program that closes it is asked about until it ends.
        int ready = poll(&wait, is_open ? 1 : 0, is_open ? 20 : 1);
        if (is_open && ready > 0) {
            char scrap;
            int is_full = result->output_count == capacity;
            ssize_t count =
                is_full ? read(fd, &scrap, 1) : read(fd, output + result->output_count, capacity - result->output_count);
            if (count > 0 && is_full) result->outcome = CS_TOO_MUCH;
            if (count > 0 && !is_full) result->output_count += (size_t)count;
            if (count == 0) is_open = 0;
        }
        // What it wrote before it ended is read first: the end is seen here only after the output's.
        if (!is_open && waitpid(pid, &status, WNOHANG) == pid) break;
        // Only where nothing is to be heard of it: if this process was stopped meanwhile, the program has long ended.
        if (ready <= 0 && result->outcome == CS_EXITED && now_ms() >= deadline) result->outcome = CS_TIMED_OUT;
        if (result->outcome != CS_EXITED) {
            kill(pid, SIGKILL);
            while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
            return;
        }
    }
    if (WIFSIGNALED(status)) {
        result->outcome = WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL ? CS_TIMED_OUT : CS_SIGNALLED;
        result->code = WTERMSIG(status);
    } else {
        result->code = WEXITSTATUS(status);
    }
}

void cs_run(
    const char *program, const char *script, const char *input, size_t input_count, const char *folder,
    cs_limits_t limits, int32_t allowed, char *output, size_t capacity, cs_result_t *result) {
    *result = (cs_result_t){.outcome = CS_NOT_STARTED, .step = "memory and pipes"};
    int pipes[2] = {-1, -1}, text = memfd_create("answer", MFD_CLOEXEC);
    size_t stack_bytes = 256 << 10;
    char *stack = malloc(stack_bytes);
    if (text < 0 || !stack || pipe2(pipes, O_CLOEXEC)) goto failed;
    for (size_t done = 0; done < input_count;) {
        ssize_t count = write(text, input + done, input_count - done);
        if (count < 0 && errno != EINTR) goto failed;
        if (count > 0) done += (size_t)count;
    }
    if (lseek(text, 0, SEEK_SET) < 0) goto failed;
    child_t child = {
        .program = program, .script = script, .folder = folder, .limits = limits, .allowed = allowed, .input = text,
        .output = pipes[1], .user = geteuid(), .group = getegid(),
    };
    // A signal handler must not run in the child, whose memory is ours.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = start(&child, stack + stack_bytes);
    int error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    if (pid < 0) goto failed;
    close(pipes[1]);
    pipes[1] = -1;
    if (child.step) {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
        result->step = child.step;
        errno = child.error;
        goto failed;
    }
    result->step = NULL;
    result->protections = child.protections;
    collect(pid, pipes[0], &child, output, capacity, result);
    goto done;
failed:
    result->code = errno;
done:
    free(stack);
    if (text >= 0) close(text);
    if (pipes[0] >= 0) close(pipes[0]);
    if (pipes[1] >= 0) close(pipes[1]);
}

int cs_make_folder(const char *parent, char *into, size_t capacity) {
    int count = snprintf(into, capacity, "%s/taper-code-XXXXXX", parent);
    if (count < 0 || (size_t)count >= capacity) return -ENAMETOOLONG;
    return mkdtemp(into) ? 0 : -errno;
}
