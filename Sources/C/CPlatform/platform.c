#define _GNU_SOURCE
#include "CPlatform.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define RETRY(result, call) do { result = (call); } while (result < 0 && errno == EINTR)

// The bytes that a path in our text stands for: U+10FF80 to U+10FFFF (F4 8F BE 80 to F4 8F BF BF) are the bytes 80 to FF
// that are not UTF-8. `buffer` holds PATH_MAX bytes; what is longer no call would take.
static const char *native(const char *text, char *buffer) {
    if (!strstr(text, "\xf4\x8f")) return text;
    size_t n = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p; n++) {
        if (n + 1 >= PATH_MAX) return text;
        if (p[0] == 0xf4 && p[1] == 0x8f && (p[2] == 0xbe || p[2] == 0xbf)) {
            buffer[n] = (char)(0x80 + (p[2] == 0xbf ? 64 : 0) + (p[3] & 63));
            p += 4;
        } else {
            buffer[n] = (char)*p++;
        }
    }
    buffer[n] = 0;
    return buffer;
}
#define NATIVE(path) native(path, (char[PATH_MAX]){0})

static void fill(const struct stat *s, tp_stat_t *out) {
    out->size_bytes = s->st_size;
    out->modified_ns = (int64_t)s->st_mtim.tv_sec * 1000000000 + s->st_mtim.tv_nsec;
    out->device = s->st_dev;
    out->inode = s->st_ino;
    out->kind = S_ISREG(s->st_mode) ? 0 : S_ISDIR(s->st_mode) ? 1 : 2;
}
int tp_stat(const char *path, tp_stat_t *out) {
    struct stat s;
    if (stat(NATIVE(path), &s) < 0) return -errno;
    fill(&s, out);
    return 0;
}
int tp_fstat(int fd, tp_stat_t *out) {
    struct stat s;
    if (fstat(fd, &s) < 0) return -errno;
    fill(&s, out);
    return 0;
}
static int opened(const char *path, int flags, int mode) {
    int fd;
    const char *name = NATIVE(path);
    RETRY(fd, open(name, flags | O_CLOEXEC, mode));
    return fd < 0 ? -errno : fd;
}
// Non-blocking, so that a FIFO named as a checkpoint is refused by its kind instead of hanging the open.
int tp_open_read(const char *path) { return opened(path, O_RDONLY | O_NONBLOCK, 0); }
int tp_open_new(const char *path, int mode) { return opened(path, O_RDWR | O_CREAT | O_EXCL, mode); }
int tp_open_append(const char *path, int mode) { return opened(path, O_RDWR | O_CREAT | O_APPEND, mode); }
int tp_close(int fd) { return close(fd) < 0 && errno != EINTR ? -errno : 0; }

int64_t tp_pread(int fd, void *into, size_t n, int64_t offset) {
    size_t done = 0;
    while (done < n) {
        ssize_t r;
        RETRY(r, pread(fd, (char *)into + done, n - done, offset + (int64_t)done));
        if (r < 0) return -errno;
        if (r == 0) break;
        done += (size_t)r;
    }
    return (int64_t)done;
}
int64_t tp_pwrite(int fd, const void *from, size_t n, int64_t offset) {
    size_t done = 0;
    while (done < n) {
        ssize_t r;
        RETRY(r, pwrite(fd, (const char *)from + done, n - done, offset + (int64_t)done));
        if (r < 0) return -errno;
        done += (size_t)r;
    }
    return (int64_t)done;
}
int64_t tp_write(int fd, const void *from, size_t n) {
    size_t done = 0;
    while (done < n) {
        ssize_t r;
        RETRY(r, write(fd, (const char *)from + done, n - done));
        if (r < 0) return -errno;
        done += (size_t)r;
    }
    return (int64_t)done;
}
int tp_fsync(int fd) {
    int r;
    RETRY(r, fsync(fd));
    return r < 0 ? -errno : 0;
}
int tp_truncate(int fd, int64_t n) {
    int r;
    RETRY(r, ftruncate(fd, n));
    return r < 0 ? -errno : 0;
}
int tp_insert_range(int fd, int64_t offset, int64_t n) {
    int r;
    RETRY(r, fallocate(fd, FALLOC_FL_INSERT_RANGE, offset, n));
    return r < 0 ? -errno : 0;
}
int tp_rename(const char *from, const char *to) { return rename(NATIVE(from), NATIVE(to)) < 0 ? -errno : 0; }
int tp_unlink(const char *path) { return unlink(NATIVE(path)) < 0 ? -errno : 0; }
int tp_mkdir(const char *path, int mode) { return mkdir(NATIVE(path), (mode_t)mode) < 0 ? -errno : 0; }
int tp_fsync_directory(const char *path) {
    int fd = opened(path, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0) return fd;
    int r = tp_fsync(fd);
    close(fd);
    return r;
}
int tp_lock(int fd) {
    int r;
    RETRY(r, flock(fd, LOCK_EX | LOCK_NB));
    return r < 0 ? -errno : 0;
}
int tp_real_path(const char *path, char *into, size_t capacity) {
    char *resolved = realpath(NATIVE(path), NULL);
    if (!resolved) return -errno;
    size_t n = strlen(resolved);
    if (n + 1 > capacity) { free(resolved); return -ENAMETOOLONG; }
    memcpy(into, resolved, n + 1);
    free(resolved);
    return (int)n;
}
int tp_list_directory(const char *path, void *context, void (*each)(void *, const char *)) {
    DIR *d = opendir(NATIVE(path));
    if (!d) return -errno;
    for (struct dirent *e; (e = readdir(d));)
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..")) each(context, e->d_name);
    closedir(d);
    return 0;
}
int64_t tp_free_bytes(const char *path) {
    struct statvfs s;
    if (statvfs(NATIVE(path), &s) < 0) return -errno;
    return (int64_t)s.f_bavail * (int64_t)s.f_frsize;
}

void *tp_allocate(size_t n) {
    void *memory;
    return posix_memalign(&memory, 64, n ? n : 1) ? NULL : memory;
}
void *tp_allocate_huge(size_t n) {
    const size_t huge = (size_t)2 << 20;
    void *memory;
    if (n < huge) return tp_allocate(n);
    if (posix_memalign(&memory, huge, n)) return NULL;
    // A hint; refused, the pages are small.
    madvise(memory, n, MADV_HUGEPAGE);
    return memory;
}
void tp_free(void *memory) { free(memory); }

int tp_map(int fd, size_t n, void **out) {
    *out = NULL;
    if (n == 0) return 0;
    void *p = mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) return -errno;
    // Large pages, where the kernel can map a file with them, save a fifth of the time of reading weights.
    madvise(p, n, MADV_HUGEPAGE);
    *out = p;
    return 0;
}
void tp_unmap(void *base, size_t n) { if (base && n) munmap(base, n); }
int tp_advise(void *base, size_t n, int advice) {
    static const int kinds[] = {
        MADV_NORMAL, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTNEED, MADV_NOHUGEPAGE, MADV_HUGEPAGE,
        22 /* MADV_POPULATE_READ, which older headers lack */};
    if (advice < 0 || advice > 6) return -EINVAL;
    return madvise(base, n, kinds[advice]) < 0 ? -errno : 0;
}
int tp_lock_memory(void *base, size_t n) { return mlock(base, n) < 0 ? -errno : 0; }

// SIGBUS comes from touching a mapped page that the file no longer holds.
// Enough for the shards of the largest published checkpoints.
#define GUARD_MAX 256
static struct { int taken; const char *base; size_t size; const char *message; int exit_code; } guards[GUARD_MAX];
static __thread sigjmp_buf *copy_escape;
static struct sigaction bus_before;
static void on_bus(int number, siginfo_t *info, void *context) {
    (void)context;
    if (copy_escape) siglongjmp(*copy_escape, 1);
    const char *at = info->si_addr;
    for (int i = 0; i < GUARD_MAX; i++)
        if (guards[i].base && at >= guards[i].base && at < guards[i].base + guards[i].size) {
            ssize_t ignored = write(2, guards[i].message, strlen(guards[i].message));
            (void)ignored;
            _exit(guards[i].exit_code);
        }
    // Not ours: whoever was here before decides.
    sigaction(SIGBUS, &bus_before, NULL);
    raise(number);
}
static void install_bus(void) {
    static int installed;
    if (__atomic_exchange_n(&installed, 1, __ATOMIC_ACQ_REL)) return;
    struct sigaction a;
    memset(&a, 0, sizeof a);
    a.sa_sigaction = on_bus;
    a.sa_flags = SA_SIGINFO;
    sigaction(SIGBUS, &a, &bus_before);
}
int tp_copy_guarded(void *into, const void *from, size_t n) {
    install_bus();
    sigjmp_buf here;
    if (sigsetjmp(here, 1)) { copy_escape = NULL; return -EFAULT; }
    copy_escape = &here;
    memcpy(into, from, n);
    copy_escape = NULL;
    return 0;
}
void tp_guard_mapping(const void *base, size_t n, const char *message, int exit_code) {
    install_bus();
    for (int i = 0; i < GUARD_MAX; i++) {
        // Taken by exchange: several threads may open files at once. The handler passes over it until it has a base.
        if (__atomic_exchange_n(&guards[i].taken, 1, __ATOMIC_ACQUIRE)) continue;
        guards[i].size = n;
        guards[i].message = strdup(message);
        guards[i].exit_code = exit_code;
        __atomic_store_n(&guards[i].base, base, __ATOMIC_RELEASE);
        return;
    }
}
void tp_unguard_mapping(const void *base) {
    for (int i = 0; i < GUARD_MAX; i++)
        if (__atomic_load_n(&guards[i].base, __ATOMIC_ACQUIRE) == base) {
            __atomic_store_n(&guards[i].base, NULL, __ATOMIC_RELAXED);
            free((void *)guards[i].message);
            guards[i].message = NULL;
            __atomic_store_n(&guards[i].taken, 0, __ATOMIC_RELEASE);
        }
}

double tp_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
int64_t tp_unix_seconds(void) { return (int64_t)time(NULL); }
int64_t tp_memory_bytes(void) {
    const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    return pages > 0 && size > 0 ? (int64_t)pages * size : 0;
}

int64_t tp_peak_resident_bytes(void) {
    struct rusage u;
    return getrusage(RUSAGE_SELF, &u) < 0 ? -1 : (int64_t)u.ru_maxrss * 1024;
}
int64_t tp_resident_bytes(void) {
    int fd = opened("/proc/self/statm", O_RDONLY, 0);
    if (fd < 0) return -1;
    char text[128];
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0) return -1;
    text[n] = 0;
    char *rest;
    strtoll(text, &rest, 10);
    return strtoll(rest, NULL, 10) * (int64_t)sysconf(_SC_PAGESIZE);
}
int tp_is_terminal(int fd) { return isatty(fd); }
int tp_process_id(void) { return (int)getpid(); }
const char *tp_environment(const char *name) { return getenv(name); }
const char *tp_error_text(int error_number) { return strerror(error_number < 0 ? -error_number : error_number); }
void tp_exit(int code) { exit(code); }

// Programs here never call setlocale, so libc stays in the "C" locale and the decimal point is a point.
int tp_parse_double(const char *text, size_t n, double *out) {
    char local[512];
    if (n == 0 || n >= sizeof local || text[0] == ' ' || text[0] == '\t' || text[0] == '\n') return 0;
    memcpy(local, text, n);
    local[n] = 0;
    char *end;
    errno = 0;
    *out = strtod(local, &end);
    return end == local + n && !(errno == ERANGE && isinf(*out));
}
int tp_format_double(double value, char *into, size_t capacity) {
    for (int digits = 1; digits <= 17; digits++) {
        int n = snprintf(into, capacity, "%.*g", digits, value);
        if (n < 0 || (size_t)n >= capacity) return -1;
        if (strtod(into, NULL) == value || value != value) return n;
    }
    return (int)strlen(into);
}
int tp_format_fixed(double value, int digits, char *into, size_t capacity) {
    int n = snprintf(into, capacity, "%.*f", digits, value);
    return n < 0 || (size_t)n >= capacity ? -1 : n;
}

double tp_exp(double x) { return exp(x); }
double tp_log(double x) { return log(x); }
double tp_pow(double x, double y) { return pow(x, y); }
double tp_sin(double x) { return sin(x); }
double tp_cos(double x) { return cos(x); }
double tp_sqrt(double x) { return sqrt(x); }

typedef struct { pthread_t thread; void (*body)(void *); void *context; } start_t;
_Static_assert(sizeof(start_t) <= sizeof(tp_thread_t), "tp_thread_t is too small");
static void *thread_main(void *argument) {
    start_t *s = argument;
    s->body(s->context);
    return NULL;
}
int tp_thread_start(tp_thread_t *thread, void (*body)(void *), void *context) {
    start_t *s = (start_t *)thread;
    s->body = body;
    s->context = context;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 1 << 20);
    int r = pthread_create(&s->thread, &attributes, thread_main, s);
    pthread_attr_destroy(&attributes);
    return -r;
}
int tp_thread_join(tp_thread_t *thread) { return -pthread_join(((start_t *)thread)->thread, NULL); }
void tp_futex_wait(const int32_t *word, int32_t expected) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, NULL, NULL, 0);
}
void tp_futex_wake(const int32_t *word, int32_t count) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}
