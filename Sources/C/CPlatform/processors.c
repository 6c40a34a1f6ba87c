#define _GNU_SOURCE
#include "CPlatform.h"
#include "small_file.h"
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// How many threads read weights fastest, as far as the system knows.

enum { MOST = CPU_SETSIZE };

int tp_processor_count(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : (int)n;
}

// The number that a processor's file begins with, or -1.
static long processor_number(const char *root, int processor, const char *file) {
    char path[4400], text[256];
    snprintf(path, sizeof path, "%s/sys/devices/system/cpu/cpu%d/%s", root, processor, file);
    return slurp(path, text, sizeof text) ? strtol(text, NULL, 10) : -1;
}

// Processors' worth of time that a control group and those above it leave, rounded up.
static long quota(const char *root) {
    char path[8600], text[8192], group[4100] = "";
    long least = MOST;
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    if (!slurp(path, text, sizeof text)) return least;
    for (char *line = text; line; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        if (strncmp(line, "0::/", 4)) continue;
        snprintf(group, sizeof group, "%.*s", (int)strcspn(line + 3, "\n"), line + 3);
        break;
    }
    for (char *end = group + strlen(group); end; end = strrchr(group, '/')) {
        *end = 0;
        snprintf(path, sizeof path, "%s/sys/fs/cgroup%s/cpu.max", root, group);
        if (slurp(path, text, sizeof text)) {
            char *rest;
            const long long allowed = strtoll(text, &rest, 10), period = strtoll(rest, NULL, 10);
            const long whole = allowed > 0 && period > 0 && allowed / period < MOST ? (long)((allowed + period - 1) / period) : least;
            if (whole < least) least = whole < 1 ? 1 : whole;
        }
    }
    return least;
}

int tp_reading_thread_count(const char *root) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set)) return tp_processor_count();
    static const char capacity[] = "cpu_capacity", siblings[] = "topology/thread_siblings_list";
    long largest = 0;
    for (int i = 0; i < MOST; i++) {
        const long own = CPU_ISSET(i, &set) ? processor_number(root, i, capacity) : -1;
        if (own > largest) largest = own;
    }
    // A core counts once, by the first of its processors that this process may use.
    cpu_set_t seen;
    CPU_ZERO(&seen);
    int count = 0;
    for (int i = 0; i < MOST; i++) {
        if (!CPU_ISSET(i, &set)) continue;
        const long own = processor_number(root, i, capacity);
        if (own >= 0 && 2 * own < largest) continue;
        const long core = processor_number(root, i, siblings);
        const int key = core >= 0 && core < MOST ? (int)core : i;
        if (CPU_ISSET(key, &seen)) continue;
        CPU_SET(key, &seen);
        count++;
    }
    const long most = quota(root);
    if (count < 1) count = tp_processor_count();
    return count < most ? count : (int)most;
}
