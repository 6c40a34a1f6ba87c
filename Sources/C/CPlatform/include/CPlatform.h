// Thin shims over libc. No system headers here, so that every build mode imports the same declarations.
// Functions that can fail return 0 or a non-negative value on success and -errno on failure.
#ifndef TAPER_CPLATFORM_H
#define TAPER_CPLATFORM_H
#include <stddef.h>
#include <stdint.h>
#include "CPool.h"

// Kind of a path: 0 regular file, 1 directory, 2 anything else.
typedef struct {
    int64_t size_bytes;
    int64_t modified_ns;
    uint64_t device, inode;
    int32_t kind;
} tp_stat_t;

// Paths are UTF-8 in which U+10FF80 to U+10FFFF stand for the bytes 80 to FF of names that are not (`Files.text`).
int tp_stat(const char *path, tp_stat_t *out);
int tp_fstat(int fd, tp_stat_t *out);
int tp_open_read(const char *path);
// Fails with -EEXIST when the path exists.
int tp_open_new(const char *path, int mode);
int tp_open_append(const char *path, int mode);
int tp_close(int fd);
// Read or write everything of a file that was asked for unless the file ends first; retry on EINTR.
int64_t tp_pread(int fd, void *into, size_t byte_count, int64_t offset);
int64_t tp_pwrite(int fd, const void *from, size_t byte_count, int64_t offset);
int64_t tp_write(int fd, const void *from, size_t byte_count);
int tp_fsync(int fd);
int tp_truncate(int fd, int64_t byte_count);
// Moves all bytes from `offset` on by `byte_count` without copying them, both multiples of the file system's blocks; -EOPNOTSUPP and
// other errors where that cannot be done, and nothing has changed.
int tp_insert_range(int fd, int64_t offset, int64_t byte_count);
int tp_rename(const char *from, const char *to);
int tp_unlink(const char *path);
int tp_mkdir(const char *path, int mode);
int tp_fsync_directory(const char *path);
// Exclusive, non-blocking lock of an open file; -EWOULDBLOCK when somebody else holds it.
int tp_lock(int fd);
// Resolves symlinks; returns the byte count written (without the terminator).
int tp_real_path(const char *path, char *into, size_t capacity);
// Calls `each` with every entry name except "." and "..", in no particular order.
int tp_list_directory(const char *path, void *context, void (*each)(void *context, const char *name));
// Bytes free for this user on the file system that holds `path`, or -errno.
int64_t tp_free_bytes(const char *path);

// Uninitialised memory aligned to 64 bytes, or NULL when the system refuses; pages never touched cost nothing.
void *tp_allocate(size_t byte_count);
// The same in pages of 2 MiB where the system has them; every page touched costs that much.
void *tp_allocate_huge(size_t byte_count);
void tp_free(void *memory);

// Maps a whole file read-only. *out is NULL for an empty file.
int tp_map(int fd, size_t byte_count, void **out);
void tp_unmap(void *base, size_t byte_count);
// advice: 0 normal, 1 sequential, 2 will need, 3 do not need, 4 small pages, 5 large pages where there are such,
// 6 map now.
int tp_advise(void *base, size_t byte_count, int advice);
int tp_lock_memory(void *base, size_t byte_count);
// Copies from mapped memory; returns -EFAULT instead of dying when the file was truncated under the mapping.
int tp_copy_guarded(void *into, const void *from, size_t byte_count);
// Installs a SIGBUS handler which, for a fault inside a registered mapping, prints `message` on standard error and
// exits with `exit_code`, instead of a silent death by signal.
void tp_guard_mapping(const void *base, size_t byte_count, const char *message, int exit_code);
void tp_unguard_mapping(const void *base);

double tp_seconds(void);           // monotonic clock
int64_t tp_unix_seconds(void);     // wall clock
int tp_processor_count(void);      // processors this process may run on
// Of these, as many as read memory fastest together: one of every core, without cores of less than half the largest one's capacity
// (the rest would wait for them), and no more than control groups of version 2 give time to. `root` is put before /sys and /proc.
int tp_reading_thread_count(const char *root);
int64_t tp_peak_resident_bytes(void);
int64_t tp_resident_bytes(void);
int64_t tp_memory_bytes(void);       // of the machine; 0 when unknown
// What this process can still allocate under the machine's, its control group's and its own limits; -1 when unknown.
int64_t tp_available_bytes(void);
// What there is for a process whose memory follows what is left to it.
enum { TP_UNREAD_MACHINE = 1, TP_UNREAD_GROUP = 2, TP_UNREAD_PRESSURE = 4 };
typedef struct {
    // What can be had without swapping, under the machine's limits and those of control groups of either version: what is free and what
    // can be dropped, such as pages of files. -1 when unknown.
    int64_t available_bytes;
    // Percent of the last ten seconds in which some task, or all of them, waited for memory; 0 when unknown.
    double some_stalled, all_stalled;
    // TP_UNREAD_...: files that are there and say nothing that is understood; they are passed over.
    uint32_t unread;
} tp_memory_t;
// `root` is put before /sys and /proc.
void tp_memory(const char *root, tp_memory_t *out);
// Resident set of this process, and what of it are pages of files.
int tp_resident(int64_t *all, int64_t *of_files);
int tp_is_terminal(int fd);
int tp_process_id(void);
const char *tp_environment(const char *name);
const char *tp_error_text(int error_number);
void tp_exit(int code) __attribute__((noreturn));

// Standard streams. Puts an unusable descriptor in place of a closed one, and makes writing to a pipe that nobody reads
// fail with -EPIPE instead of a signal. To be called before anything is opened.
void tp_prepare_streams(void);
// Some bytes, 0 at the end; waits for them, also on a non-blocking descriptor. -EINTR when SIGINT or SIGTERM came.
int64_t tp_stream_read(int fd, void *into, size_t byte_count);
// Everything, waiting for slow readers, also on a non-blocking descriptor. -EINTR when SIGINT or SIGTERM came and nobody
// takes the rest.
int64_t tp_stream_write(int fd, const void *from, size_t byte_count);
// Sets *flag to the signal number when SIGINT or SIGTERM arrives.
void tp_watch_interrupts(volatile int32_t *flag);
void tp_clear_interrupt(void);
// From now on the calling thread is asked to stop when another thread says so with tp_ask_to_stop; NULL ends that.
void tp_heed_stop(const int32_t *request);
int tp_is_asked_to_stop(void);
void tp_ask_to_stop(int32_t *request);
// From now on a crash ends with a line on standard error and exit code 70, or 74 when memory has run out.
void tp_report_faults(void);
// Takes from all threads of this process, for good, what it needs no more once it has loaded everything: opening files for writing,
// running programs, making processes and sockets, connecting, signalling others, mapping code. Such calls then fail with EPERM.
// `serves` leaves what a server does with connections that others make. -errno where the system cannot do it, and nothing is taken.
int tp_confine(int serves);

// Locale-independent text to number; returns 1 when all byte_count bytes were used and the value is representable.
int tp_parse_double(const char *text, size_t byte_count, double *out);
// Shortest text that reads back as the same value ("%.17g" narrowed); returns the byte count.
int tp_format_double(double value, char *into, size_t capacity);
int tp_format_fixed(double value, int digits, char *into, size_t capacity);

double tp_exp(double);
double tp_log(double);
double tp_pow(double, double);
double tp_sin(double);
double tp_cos(double);
double tp_sqrt(double);

// Threads. A thread runs `body(context)` once. Mutex and condition live in caller-owned, zero-initialised storage.
typedef struct { uint64_t storage[16]; } tp_thread_t;
int tp_thread_start(tp_thread_t *thread, void (*body)(void *), void *context);
int tp_thread_join(tp_thread_t *thread);
// Waits while *word == expected, and wakes up to `count` waiters: Linux futex.
void tp_futex_wait(const int32_t *word, int32_t expected);
void tp_futex_wake(const int32_t *word, int32_t count);

// XXH64 (Yann Collet's specification, xxhash_spec.md) of a byte range.
uint64_t tp_xxh64(const void *data, size_t byte_count, uint64_t seed);
#endif
