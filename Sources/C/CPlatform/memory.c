#define _GNU_SOURCE
#include "CPlatform.h"
#include "small_file.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

// How much memory there is, and what to say when there is none.

// The number after `key` at the start of a line, or -1.
static int64_t field(const char *text, const char *key) {
    const size_t n = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        if (!strncmp(line, key, n)) return strtoll(line + n, NULL, 10);
    }
    return -1;
}
static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

// What a control group leaves: its limit less what cannot be dropped.
static int64_t group_bytes(const char *folder) {
    char path[4200], text[8192];
    snprintf(path, sizeof path, "%s/memory.max", folder);
    if (!slurp(path, text, sizeof text) || !strncmp(text, "max", 3)) return INT64_MAX;
    const int64_t limit = strtoll(text, NULL, 10);
    snprintf(path, sizeof path, "%s/memory.current", folder);
    if (!slurp(path, text, sizeof text)) return limit;
    int64_t used = strtoll(text, NULL, 10);
    snprintf(path, sizeof path, "%s/memory.stat", folder);
    if (slurp(path, text, sizeof text)) {
        const int64_t active = field(text, "active_file "), inactive = field(text, "inactive_file ");
        used -= (active > 0 ? active : 0) + (inactive > 0 ? inactive : 0);
    }
    return limit > used ? limit - used : 0;
}

int64_t tp_available_bytes(void) {
    int64_t available = INT64_MAX;
    char text[8192];
    if (slurp("/proc/meminfo", text, sizeof text)) {
        const int64_t memory = field(text, "MemAvailable:"), swap = field(text, "SwapFree:");
        if (memory >= 0) available = (memory + (swap > 0 ? swap : 0)) * 1024;
    }
    if (slurp("/proc/self/cgroup", text, sizeof text)) {
        for (char *line = text; line; line = strchr(line, '\n')) {
            if (*line == '\n') line++;
            if (strncmp(line, "0::/", 4)) continue;
            line[strcspn(line, "\n")] = 0;
            char folder[4100];
            snprintf(folder, sizeof folder, "/sys/fs/cgroup%s", line + 3);
            available = smaller(available, group_bytes(folder));
            break;
        }
    }
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && slurp("/proc/self/statm", text, sizeof text)) {
        const int64_t used = strtoll(text, NULL, 10) * (int64_t)sysconf(_SC_PAGESIZE);
        available = smaller(available, (int64_t)limit.rlim_cur > used ? (int64_t)limit.rlim_cur - used : 0);
    }
    return available == INT64_MAX ? -1 : available;
}

// Allocation inside the language's own arrays cannot fail politely: it stops the program with a signal.
static void on_fault(int number) {
    int is_memory = errno == ENOMEM;
    if (!is_memory) {
        const size_t probe = (size_t)32 << 20;
        void *p = mmap(NULL, probe, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) is_memory = 1;
        else munmap(p, probe);
    }
    static const char memory[] = "error: out of memory. Close other programs, or use a smaller model or shorter text\n";
    static const char fault[] = "error: a fault in the program itself stopped it; please report what you did. Signal ";
    ssize_t ignored;
    if (is_memory) {
        ignored = write(2, memory, sizeof memory - 1);
    } else {
        const char digits[3] = {(char)('0' + number / 10), (char)('0' + number % 10), '\n'};
        ignored = write(2, fault, sizeof fault - 1);
        ignored = write(2, digits + (number < 10), number < 10 ? 2 : 3);
    }
    (void)ignored;
    _exit(is_memory ? 74 : 70);
}
void tp_report_faults(void) {
    // A stack of its own, for the one fault that leaves none.
    static char stack[1 << 14];
    const stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&other, NULL);
    struct sigaction a;
    memset(&a, 0, sizeof a);
    a.sa_handler = on_fault;
    a.sa_flags = SA_ONSTACK | SA_RESETHAND;
    const int numbers[] = {SIGILL, SIGTRAP, SIGABRT, SIGSEGV, SIGFPE};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) sigaction(numbers[i], &a, NULL);
}
