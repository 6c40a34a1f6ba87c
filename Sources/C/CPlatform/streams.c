#define _GNU_SOURCE
#include "CPlatform.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

// Standard streams, and the signals that end waiting on them.

void tp_prepare_streams(void) {
    // A file opened later would get the number of a closed stream and be written into. This descriptor refuses both
    // reading and writing (EBADF), as the closed one did, and needs no file to exist.
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/", O_PATH) != fd) return;
    signal(SIGPIPE, SIG_IGN);
}

static volatile int32_t *interrupt_flag;
// A byte here wakes `poll`, whichever thread the signal came to and however late it came.
static int wake[2] = {-1, -1};

static int is_interrupted(void) { return interrupt_flag && *interrupt_flag; }
static void drain(void) {
    char bytes[16];
    while (wake[0] >= 0 && read(wake[0], bytes, sizeof bytes) > 0) {}
}
static void on_interrupt(int number) {
    const int saved = errno;
    // A second interrupt means the program is not listening: let the default action end it.
    if (*interrupt_flag) {
        signal(number, SIG_DFL);
        raise(number);
        return;
    }
    *interrupt_flag = number;
    if (wake[1] >= 0) {
        ssize_t ignored = write(wake[1], "", 1);
        (void)ignored;
    }
    errno = saved;
}
void tp_watch_interrupts(volatile int32_t *flag) {
    interrupt_flag = flag;
    if (wake[0] < 0 && pipe2(wake, O_CLOEXEC | O_NONBLOCK) < 0) wake[0] = wake[1] = -1;
    struct sigaction a;
    memset(&a, 0, sizeof a);
    a.sa_handler = on_interrupt;
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
    // Some parents (Foundation's Process) start programs with nearly all signals blocked.
    sigset_t both;
    sigemptyset(&both);
    sigaddset(&both, SIGINT);
    sigaddset(&both, SIGTERM);
    pthread_sigmask(SIG_UNBLOCK, &both, NULL);
}
static __thread const int32_t *stop_request;
void tp_heed_stop(const int32_t *request) { stop_request = request; }
int tp_is_asked_to_stop(void) { return stop_request && __atomic_load_n(stop_request, __ATOMIC_RELAXED); }
void tp_ask_to_stop(int32_t *request) { __atomic_store_n(request, 1, __ATOMIC_RELAXED); }
void tp_clear_interrupt(void) {
    if (interrupt_flag) *interrupt_flag = 0;
    drain();
}

int64_t tp_stream_read(int fd, void *into, size_t n) {
    for (;;) {
        if (is_interrupted()) return -EINTR;
        struct pollfd waited[2] = {{.fd = fd, .events = POLLIN}, {.fd = wake[0], .events = POLLIN}};
        if (poll(waited, 2, -1) < 0) {
            if (errno == EINTR) continue;
            return -errno;
        }
        if (!waited[0].revents) {
            // The flag is set, or was cleared between the signal and its byte.
            if (!is_interrupted()) drain();
            continue;
        }
        const ssize_t r = read(fd, into, n);
        if (r >= 0) return r;
        if (errno != EINTR && errno != EAGAIN) return -errno;
    }
}

int64_t tp_stream_write(int fd, const void *from, size_t n) {
    // Whoever asked us to stop gets what we still have to say, unless nobody takes it for this long.
    const int patience_ms = 1000;
    size_t done = 0;
    while (done < n) {
        const int stopping = is_interrupted();
        struct pollfd waited[2] = {{.fd = fd, .events = POLLOUT}, {.fd = stopping ? -1 : wake[0], .events = POLLIN}};
        const int ready = poll(waited, 2, stopping ? patience_ms : -1);
        if (ready == 0) return -EINTR;
        if (ready < 0) {
            if (errno == EINTR) continue;
            return -errno;
        }
        if (!waited[0].revents) {
            if (!is_interrupted()) drain();
            continue;
        }
        // So much a pipe takes at once when it takes anything: the next wait, not this call, is where we stop.
        const size_t part = n - done < PIPE_BUF ? n - done : PIPE_BUF;
        const ssize_t r = write(fd, (const char *)from + done, part);
        if (r >= 0) {
            done += (size_t)r;
        } else if (errno == EAGAIN) {
            // Somebody else writes to the same pipe.
            poll(NULL, 0, 1);
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    return (int64_t)done;
}
