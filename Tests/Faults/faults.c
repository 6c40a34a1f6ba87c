// Preloaded into a program: makes one of its calls to the file system fail, or kills it there.
//
//   TAPER_FAULT_FOLDER  what counts: calls on paths in this folder, and on descriptors opened by them
//   TAPER_FAULT_AT      number of the call that fails, from 1; absent: none
//   TAPER_FAULT_ERRNO   number of the error; "kill": the process is killed there, after half of what it writes;
//                       "short": a write takes half
//   TAPER_FAULT_LOG     descriptor that gets a line for every call that counts: number, name, path or descriptor
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DESCRIPTORS = 4096 };
static atomic_uchar is_counted[DESCRIPTORS];
static atomic_long number;
static const char *folder;
static long fault_at;
static int fault_errno, kills, shortens, log_descriptor = -1;

__attribute__((constructor)) static void configure(void) {
    folder = getenv("TAPER_FAULT_FOLDER");
    const char *at = getenv("TAPER_FAULT_AT"), *error = getenv("TAPER_FAULT_ERRNO"), *log = getenv("TAPER_FAULT_LOG");
    fault_at = at ? atol(at) : 0;
    kills = error && !strcmp(error, "kill");
    shortens = error && !strcmp(error, "short");
    fault_errno = error ? atoi(error) : EIO;
    log_descriptor = log ? atoi(log) : -1;
}

static int counts_path(const char *path) { return folder && path && !strncmp(path, folder, strlen(folder)); }
static int counts(int fd) { return fd >= 0 && fd < DESCRIPTORS && is_counted[fd]; }

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

// Whether this call is the one; it kills here unless there is something to write first.
static int fails(const char *name, const char *path, int fd, int writes) {
    const long here = atomic_fetch_add(&number, 1) + 1;
    if (log_descriptor >= 0) {
        char line[512];
        int count = path ? snprintf(line, sizeof line, "%ld %s %s\n", here, name, path)
                         : snprintf(line, sizeof line, "%ld %s %d\n", here, name, fd);
        ssize_t ignored = REAL(write)(log_descriptor, line, (size_t)count < sizeof line ? (size_t)count : sizeof line);
        (void)ignored;
    }
    if (here != fault_at) return 0;
    if (writes && (kills || shortens)) return 1;
    if (shortens) return 0;
    if (kills) kill(getpid(), SIGKILL);
    errno = fault_errno;
    return 1;
}

static int opened(int fd) {
    if (fd >= 0 && fd < DESCRIPTORS) is_counted[fd] = 1;
    return fd;
}
#define MODE(flags) \
    va_list list; \
    va_start(list, flags); \
    const int mode = (flags) & (O_CREAT | __O_TMPFILE) ? va_arg(list, int) : 0; \
    va_end(list)
int open(const char *path, int flags, ...) {
    MODE(flags);
    if (!counts_path(path)) return REAL(open)(path, flags, mode);
    return fails("open", path, 0, 0) ? -1 : opened(REAL(open)(path, flags, mode));
}
int open64(const char *path, int flags, ...) {
    MODE(flags);
    if (!counts_path(path)) return REAL(open64)(path, flags, mode);
    return fails("open", path, 0, 0) ? -1 : opened(REAL(open64)(path, flags, mode));
}
int close(int fd) {
    if (!counts(fd)) return REAL(close)(fd);
    const int failed = fails("close", NULL, fd, 0), error = errno;
    // The kernel frees the number in either case.
    is_counted[fd] = 0;
    const int result = REAL(close)(fd);
    if (!failed) return result;
    errno = error;
    return -1;
}
#define WRITE(name, call, half) \
    if (!counts(fd)) return call; \
    if (!fails(#name, NULL, fd, 1)) return call; \
    if (!kills && !shortens) return -1; \
    const ssize_t done = half; \
    if (kills) kill(getpid(), SIGKILL); \
    return done
ssize_t write(int fd, const void *from, size_t n) { WRITE(write, REAL(write)(fd, from, n), REAL(write)(fd, from, (n + 1) / 2)); }
ssize_t pwrite(int fd, const void *from, size_t n, off_t at) {
    WRITE(pwrite, REAL(pwrite)(fd, from, n, at), REAL(pwrite)(fd, from, (n + 1) / 2, at));
}
ssize_t pwrite64(int fd, const void *from, size_t n, off64_t at) {
    WRITE(pwrite64, REAL(pwrite64)(fd, from, n, at), REAL(pwrite64)(fd, from, (n + 1) / 2, at));
}
#define ON_DESCRIPTOR(name, call) return counts(fd) && fails(#name, NULL, fd, 0) ? -1 : call
ssize_t read(int fd, void *into, size_t n) { ON_DESCRIPTOR(read, REAL(read)(fd, into, n)); }
ssize_t pread(int fd, void *into, size_t n, off_t at) { ON_DESCRIPTOR(pread, REAL(pread)(fd, into, n, at)); }
ssize_t pread64(int fd, void *into, size_t n, off64_t at) { ON_DESCRIPTOR(pread64, REAL(pread64)(fd, into, n, at)); }
int fsync(int fd) { ON_DESCRIPTOR(fsync, REAL(fsync)(fd)); }
int fdatasync(int fd) { ON_DESCRIPTOR(fdatasync, REAL(fdatasync)(fd)); }
int ftruncate(int fd, off_t size) { ON_DESCRIPTOR(ftruncate, REAL(ftruncate)(fd, size)); }
int ftruncate64(int fd, off64_t size) { ON_DESCRIPTOR(ftruncate, REAL(ftruncate64)(fd, size)); }
int fallocate(int fd, int mode, off_t at, off_t n) { ON_DESCRIPTOR(fallocate, REAL(fallocate)(fd, mode, at, n)); }
int fallocate64(int fd, int mode, off64_t at, off64_t n) { ON_DESCRIPTOR(fallocate, REAL(fallocate64)(fd, mode, at, n)); }
// Returns the error itself.
int posix_fallocate(int fd, off_t at, off_t n) {
    return counts(fd) && fails("posix_fallocate", NULL, fd, 0) ? fault_errno : REAL(posix_fallocate)(fd, at, n);
}
int posix_fallocate64(int fd, off64_t at, off64_t n) {
    return counts(fd) && fails("posix_fallocate", NULL, fd, 0) ? fault_errno : REAL(posix_fallocate64)(fd, at, n);
}
void *mmap(void *base, size_t n, int protection, int flags, int fd, off_t at) {
    return counts(fd) && fails("mmap", NULL, fd, 0) ? MAP_FAILED : REAL(mmap)(base, n, protection, flags, fd, at);
}
void *mmap64(void *base, size_t n, int protection, int flags, int fd, off64_t at) {
    return counts(fd) && fails("mmap", NULL, fd, 0) ? MAP_FAILED : REAL(mmap64)(base, n, protection, flags, fd, at);
}
#define ON_PATH(name, path, call) return counts_path(path) && fails(#name, path, 0, 0) ? -1 : call
int rename(const char *from, const char *to) { ON_PATH(rename, to, REAL(rename)(from, to)); }
int unlink(const char *path) { ON_PATH(unlink, path, REAL(unlink)(path)); }
int mkdir(const char *path, mode_t mode) { ON_PATH(mkdir, path, REAL(mkdir)(path, mode)); }
