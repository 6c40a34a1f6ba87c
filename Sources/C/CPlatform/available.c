#define _GNU_SOURCE
#include "CPlatform.h"
#include "small_file.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

// How much memory there is for this process, as the machine and its control groups tell.

// The number after `key` at the start of a line, or -1.
static int64_t field(const char *text, const char *key) {
    const size_t n = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        if (strncmp(line, key, n)) continue;
        char *rest;
        const int64_t value = strtoll(line + n, &rest, 10);
        return rest == line + n ? -1 : value;
    }
    return -1;
}
static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

enum { FOLDER = 8600 };
// What a file of one number says: -1 where there is no such file; INT64_MAX for "max"; and of anything else a note in *unread.
static int64_t number(const char *folder, const char *file, uint32_t *unread) {
    char path[FOLDER + 64], text[64], *rest;
    snprintf(path, sizeof path, "%s/%s", folder, file);
    if (!slurp(path, text, sizeof text)) return -1;
    if (!strncmp(text, "max", 3)) return INT64_MAX;
    const int64_t value = strtoll(text, &rest, 10);
    if (rest != text && value >= 0) return value;
    *unread |= TP_UNREAD_GROUP;
    return -1;
}

// What a control group leaves: its limit less what cannot be dropped. The kernel holds back a group above `memory.high`, and ends one
// that stays above `memory.max`. Version 1 has one limit.
static int64_t group_bytes(const char *folder, int version, uint32_t *unread) {
    const char *used_file = version == 2 ? "memory.current" : "memory.usage_in_bytes";
    int64_t limit = number(folder, version == 2 ? "memory.max" : "memory.limit_in_bytes", unread);
    const int64_t high = version == 2 ? number(folder, "memory.high", unread) : -1;
    if (limit < 0 || (high >= 0 && high < limit)) limit = high;
    // Version 1 writes "no limit" as the largest multiple of a page.
    if (limit < 0 || limit > INT64_MAX - (1 << 24)) return INT64_MAX;
    int64_t used = number(folder, used_file, unread);
    if (used < 0 || used == INT64_MAX) return limit;
    char path[FOLDER + 64], text[8192];
    snprintf(path, sizeof path, "%s/memory.stat", folder);
    if (slurp(path, text, sizeof text)) {
        const int64_t active = field(text, version == 2 ? "active_file " : "total_active_file ");
        const int64_t inactive = field(text, version == 2 ? "inactive_file " : "total_inactive_file ");
        used -= active > 0 ? smaller(active, used) : 0;
        used -= inactive > 0 ? smaller(inactive, used) : 0;
    }
    return limit > used ? limit - used : 0;
}

// The least that this process's group and those above it leave; the group's folder of version 2 goes to `own`, "" without one.
static int64_t groups_bytes(const char *root, char own[FOLDER], uint32_t *unread) {
    char path[FOLDER], text[8192];
    int64_t least = INT64_MAX;
    *own = 0;
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    if (!slurp(path, text, sizeof text)) return least;
    // Lines are "0::/path" of version 2 and "4:memory:/path" of version 1.
    for (char *line = text; line; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        const char *controllers = strchr(line, ':');
        const char *group = controllers ? strchr(controllers + 1, ':') : NULL;
        const char *end = strchr(line, '\n');
        if (!group || group[1] != '/' || (end && group > end)) continue;
        const int version = !strncmp(line, "0::", 3) ? 2 : !strncmp(controllers, ":memory:", 8) ? 1 : 0;
        if (!version) continue;
        char folder[FOLDER];
        const size_t top =
            (size_t)snprintf(folder, sizeof folder, "%s/sys/fs/cgroup%s", root, version == 2 ? "" : "/memory");
        if (top >= sizeof folder) continue;
        snprintf(folder + top, sizeof folder - top, "%.*s", (int)strcspn(group + 1, "\n"), group + 1);
        if (version == 2) memcpy(own, folder, FOLDER);
        // A container may see its own group at the top, under the name that it has outside.
        while (1) {
            least = smaller(least, group_bytes(folder, version, unread));
            if (strlen(folder) <= top) break;
            char *last = strrchr(folder + top, '/');
            *(last ? last : folder + top) = 0;
        }
    }
    return least;
}

// Free, or taken by what can be dropped, of the machine; INT64_MAX when unknown.
static int64_t machine_bytes(const char *root, int with_swap, uint32_t *unread) {
    char path[4400], text[8192];
    snprintf(path, sizeof path, "%s/proc/meminfo", root);
    if (!slurp(path, text, sizeof text)) return INT64_MAX;
    const int64_t memory = field(text, "MemAvailable:"), swap = with_swap ? field(text, "SwapFree:") : 0;
    if (memory < 0 || memory > INT64_MAX >> 12) {
        *unread |= TP_UNREAD_MACHINE;
        return INT64_MAX;
    }
    return (memory + (swap > 0 ? smaller(swap, INT64_MAX >> 12) : 0)) * 1024;
}

int64_t tp_available_bytes(void) {
    char text[512], own[FOLDER];
    uint32_t unread = 0;
    int64_t available = smaller(machine_bytes("", 1, &unread), groups_bytes("", own, &unread));
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && slurp("/proc/self/statm", text, sizeof text)) {
        const int64_t used = strtoll(text, NULL, 10) * (int64_t)sysconf(_SC_PAGESIZE);
        available = smaller(available, (int64_t)limit.rlim_cur > used ? (int64_t)limit.rlim_cur - used : 0);
    }
    return available == INT64_MAX ? -1 : available;
}

// Shares of the last ten seconds, in percent; stay as they are where the file says nothing of them.
static void read_pressure(const char *text, tp_memory_t *out, uint32_t *unread) {
    static const char *const lines[] = {"some avg10=", "full avg10="};
    double *const into[] = {&out->some_stalled, &out->all_stalled};
    for (int i = 0; i < 2; i++) {
        const char *line = strstr(text, lines[i]);
        char *rest;
        const double share = line ? strtod(line + strlen(lines[i]), &rest) : -1;
        if (share >= 0 && share <= 100) *into[i] = share;
        else *unread |= TP_UNREAD_PRESSURE;
    }
}

void tp_memory(const char *root, tp_memory_t *out) {
    char own[FOLDER], path[FOLDER + 64], text[512];
    *out = (tp_memory_t){.some_stalled = 0, .unread = 0};
    const int64_t available =
        smaller(machine_bytes(root, 0, &out->unread), groups_bytes(root, own, &out->unread));
    out->available_bytes = available == INT64_MAX ? -1 : available;
    // The root group has no such file.
    snprintf(path, sizeof path, "%s/memory.pressure", own);
    int found = *own && slurp(path, text, sizeof text);
    if (!found) {
        snprintf(path, sizeof path, "%s/proc/pressure/memory", root);
        found = slurp(path, text, sizeof text);
    }
    if (found) read_pressure(text, out, &out->unread);
}

int tp_resident(int64_t *all, int64_t *of_files) {
    char text[256], *rest;
    if (!slurp("/proc/self/statm", text, sizeof text)) return -ENOENT;
    strtoll(text, &rest, 10);
    const int64_t page = sysconf(_SC_PAGESIZE);
    *all = strtoll(rest, &rest, 10) * page;
    *of_files = strtoll(rest, &rest, 10) * page;
    return 0;
}
