// Runs code that nobody has read, in a process of its own that can do little harm. No system headers here.
#ifndef TAPER_CSANDBOX_H
#define TAPER_CSANDBOX_H
#include <stddef.h>
#include <stdint.h>

// What confines the process, as bits. Without CS_FILTER nothing is run.
enum {
    // System calls that make processes, open sockets, signal or inspect others, or change the system are refused (seccomp).
    CS_FILTER = 1,
    // User, network and IPC namespaces of its own: no interface but an unconfigured loopback.
    CS_NAMESPACES = 2,
    // All mounts are read-only, and the working folder is one in memory.
    CS_READ_ONLY = 4,
};

enum {
    CS_EXITED = 0,        // `code` is the exit status
    CS_SIGNALLED = 1,     // `code` is the signal
    CS_TIMED_OUT = 2,     // killed when the wall-clock time was over
    CS_TOO_MUCH = 3,      // killed when the output was full
    CS_NOT_STARTED = 4,   // `code` is errno, `step` what failed
};

typedef struct {
    int64_t wall_ms;
    int64_t cpu_seconds;    // SIGKILL a second later
    int64_t memory_bytes;   // of address space
    int64_t file_bytes;     // of the largest file, and of the working folder where it is in memory
} cs_limits_t;

typedef struct {
    int32_t outcome, code, protections;
    const char *step;
    size_t output_count;
} cs_result_t;

// Runs `program -s -B -c script` with `input` on standard input, standard error closed to nothing, an environment of constants, no
// other descriptor, and `folder` (which must exist and be empty) as working folder; waits for its end, and collects at most
// `capacity` bytes of standard output. `allowed` is the set of CS_ bits that may be used: all but for tests.
// Safe on several threads at once.
void cs_run(
    const char *program, const char *script, const char *input, size_t input_count, const char *folder,
    cs_limits_t limits, int32_t allowed, char *output, size_t capacity, cs_result_t *result);

// Creates a new empty folder below `parent` that only this user can enter, and writes its path; 0, or -errno.
int cs_make_folder(const char *parent, char *into, size_t capacity);
#endif
