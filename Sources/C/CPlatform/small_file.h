#ifndef TAPER_CPLATFORM_SMALL_FILE_H
#define TAPER_CPLATFORM_SMALL_FILE_H
#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

// Start of a small text file, terminated; 0 when it cannot be read.
static inline int slurp(const char *path, char *into, size_t capacity) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    const ssize_t n = read(fd, into, capacity - 1);
    close(fd);
    if (n <= 0) return 0;
    into[n] = 0;
    return 1;
}
#endif
