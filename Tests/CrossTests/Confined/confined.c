// What a confined process can and cannot do: by the filter's tables, and by trying. `confined tables` looks at the tables alone.
#include "tables.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

static int wrong, tried;
static void expect(const char *what, int is_expected) {
    tried++;
    if (is_expected) return;
    fprintf(stderr, "%s: not as expected, errno %d: %s\n", what, errno, strerror(errno));
    wrong++;
}
static int refused(long result) { return result < 0 && errno == EPERM; }

static char folder[] = "/tmp/taper-confined-XXXXXX", file[64], other[64];
static int listener, unconnected, client;
static struct sockaddr_in address = {.sin_family = AF_INET};
static pthread_barrier_t confined;
static volatile sig_atomic_t raised;
static void on_signal(int number) { raised = number; }

static void *earlier_thread(void *unused) {
    pthread_barrier_wait(&confined);
    expect("a thread from before writes", refused(open(file, O_WRONLY)));
    return unused;
}
static void *later_thread(void *value) { return value; }

static void try_everything(int serves) {
    int fd = open(file, O_RDONLY);
    expect("open to read", fd >= 0);
    char byte;
    expect("read", read(fd, &byte, 1) == 1);
    struct stat status;
    expect("stat", stat(file, &status) == 0 && fstat(fd, &status) == 0);
    void *memory = malloc(64 << 20);
    expect("memory", memory != NULL);
    free(memory);
    void *mapped = mmap(NULL, 1, PROT_READ, MAP_PRIVATE, fd, 0);
    expect("mapping a file", mapped != MAP_FAILED);
    expect("giving its pages back", madvise(mapped, 4096, MADV_DONTNEED) == 0);
    pthread_t thread;
    int started = pthread_create(&thread, NULL, later_thread, NULL);
    expect("starting a thread", started == 0 && pthread_join(thread, NULL) == 0);
    expect("a signal to itself", raise(SIGUSR1) == 0 && raised == SIGUSR1);
    expect("poll", poll(NULL, 0, 1) == 0);

    expect("open to write", refused(open(file, O_WRONLY)));
    expect("open to append", refused(open(file, O_WRONLY | O_APPEND)));
    expect("open for both", refused(open(file, O_RDWR)));
    expect("open that creates", refused(open(other, O_CREAT | O_EXCL | O_WRONLY, 0600)));
    expect("creat", refused(creat(other, 0600)));
    expect("fopen", fopen(file, "a") == NULL && errno == EPERM);
    expect("unlink", refused(unlink(file)));
    expect("rename", refused(rename(file, other)));
    expect("mkdir", refused(mkdir(other, 0700)));
    expect("truncate", refused(truncate(file, 0)));
    expect("chmod", refused(chmod(file, 0777)));
    char *arguments[] = {"/bin/true", NULL};
    expect("execv", refused(execv("/bin/true", arguments)));
    expect("fork", refused(fork()));
    expect("system", system("true") != 0);
    expect("kill", refused(kill(getppid(), 0)));
    expect("a lower priority for itself", setpriority(PRIO_PROCESS, 0, 1) == 0);
    expect("a lower priority for another", refused(setpriority(PRIO_PROCESS, (id_t)getppid(), 1)));
    expect("a lower priority for its group", refused(setpriority(PRIO_PGRP, 0, 1)));
    expect("a lower priority for all its user's processes", refused(setpriority(PRIO_USER, 0, 1)));
    expect("socket", refused(socket(AF_INET, SOCK_STREAM, 0)));
    expect("a local socket", refused(socket(AF_UNIX, SOCK_STREAM, 0)));
    expect("connect", refused(connect(unconnected, (struct sockaddr *)&address, sizeof address)));
    expect("mapping code", mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
        && errno == EPERM);
    expect("a wider filter", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL) < 0 && errno == EPERM);

    int accepted = accept(listener, NULL, NULL);
    if (serves) {
        expect("accept", accepted >= 0);
        expect("send", send(accepted, "x", 1, 0) == 1);
        expect("epoll", epoll_create1(0) >= 0);
    } else {
        expect("accept", refused(accepted));
        expect("send", refused(send(client, "x", 1, 0)));
    }
}

// A process of its own, because nothing gives back what it gave up.
static int confined_process(int serves) {
    pthread_t thread;
    pthread_barrier_init(&confined, NULL, 2);
    if (pthread_create(&thread, NULL, earlier_thread, NULL)) return 1;
    signal(SIGUSR1, on_signal);
    const int result = tp_confine(serves);
    if (result) {
        fprintf(stderr, "the system refuses the filter: errno %d\n", -result);
        return 1;
    }
    pthread_barrier_wait(&confined);
    pthread_join(thread, NULL);
    try_everything(serves);
    char status[4096] = "";
    int fd = open("/proc/self/status", O_RDONLY);
    expect("reading one's status", fd >= 0 && read(fd, status, sizeof status - 1) > 0);
    expect("no new privileges", strstr(status, "NoNewPrivs:\t1") != NULL);
    printf("confined %s: %d things tried, %d wrong\n", serves ? "to serve" : "to generate", tried, wrong);
    return wrong != 0;
}

int main(int count, char **arguments) {
    wrong = check_tables();
    printf("tables: %zu calls for two purposes, %d wrong\n", sizeof calls / sizeof *calls, wrong);
    if (wrong) return 1;
    if (count > 1 && !strcmp(arguments[1], "tables")) return 0;
    if (!mkdtemp(folder)) return 1;
    snprintf(file, sizeof file, "%s/file", folder);
    snprintf(other, sizeof other, "%s/other", folder);
    int fd = creat(file, 0600);
    if (fd < 0 || write(fd, "text", 4) != 4) return 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    unconnected = socket(AF_INET, SOCK_STREAM, 0);
    client = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t size = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 1)
        || getsockname(listener, (struct sockaddr *)&address, &size) || connect(client, (struct sockaddr *)&address, size))
        return 1;
    fflush(stdout);
    int failed = 0;
    for (int serves = 0; serves < 2; serves++) {
        pid_t child = fork();
        if (child == 0) {
            int result = confined_process(serves);
            fflush(stdout);
            _exit(result);
        }
        int status = 0;
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0) failed = 1;
    }
    struct stat status;
    if (stat(file, &status) || status.st_size != 4 || access(other, F_OK) == 0) failed = 1;
    unlink(file);
    rmdir(folder);
    return failed;
}
