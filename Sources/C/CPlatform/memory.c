#define _GNU_SOURCE
#include "CPlatform.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

// What to say when there is no memory.

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
