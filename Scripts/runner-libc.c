// Stand-ins for parts of glibc that a static program would otherwise carry without ever using them: locales,
// translated messages, character set conversion, the dynamic loader, host names, unwinding. Together they are a fifth of
// the runner. They are linked only into the static runner, which stays in the "C" locale from start to end.
#define _GNU_SOURCE
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// json-c switches to the "C" locale around every number. It is there already.
static struct __locale_struct *const only = (struct __locale_struct *)&only;
locale_t newlocale(int mask, const char *name, locale_t base) { (void)mask, (void)name, (void)base; return only; }
locale_t duplocale(locale_t locale) { (void)locale; return only; }
locale_t uselocale(locale_t locale) { (void)locale; return only; }
void freelocale(locale_t locale) { (void)locale; }

// System messages in English.
char *strerror(int number) {
    const char *text = strerrordesc_np(number);
    return (char *)(text ? text : "unknown error");
}
char *__dcgettext(const char *domain, const char *message, int category) {
    (void)domain, (void)category;
    return (char *)message;
}

// Assertions of libraries: the message without stdio.
void __assert_fail(const char *what, const char *file, unsigned line, const char *function) {
    (void)file, (void)line, (void)function;
    ssize_t ignored = write(2, what, strlen(what));
    (void)ignored;
    abort();
}
int __fxprintf(void *stream, const char *format, ...) { (void)stream, (void)format; return -1; }
// Asked for formats with %n only, and there are none.
int __readonly_area(const void *bytes, size_t count) { (void)bytes, (void)count; return -1; }

// Wide characters are never printed, and no stream ever becomes one of them: the converters of the "C" locale stay unused.
const void *const __wcsmbs_gconv_fcts_c[4];
void __wcsmbs_clone_conv(void *functions) { (void)functions; abort(); }
int __wcsmbs_named_conv(void *functions, const char *name) { (void)functions, (void)name; return -1; }
size_t __wcrtomb(char *to, int wide, void *state) { (void)to, (void)wide, (void)state; return (size_t)-1; }
size_t __wcsrtombs(char *to, const void **wide, size_t count, void *state) {
    (void)to, (void)wide, (void)count, (void)state;
    return (size_t)-1;
}

// Nothing is loaded at run time, so there are no paths to search and no callers to count.
void _dl_init_paths(const char *path, const char *source, const char *prepended, const char *mask) {
    (void)path, (void)source, (void)prepended, (void)mask;
}
void _dl_mcount_wrapper_check(void *function) { (void)function; }
// Only for programs whose stacks hold code.
int __nptl_change_stack_perm(void *thread) { (void)thread; return 0; }
// Every thread's state of looking up host names, which nobody does.
__thread void *__libc_resp;

// Threads end by returning and no exception is thrown, so no stack is unwound (and the tables for it are not there: runner.ld).
void __gcc_personality_v0(void) { abort(); }
void _Unwind_Resume(void *exception) { (void)exception; abort(); }
void __pthread_unwind(void *buffer) { (void)buffer; abort(); }
void __pthread_unwind_next(void *buffer) { (void)buffer; abort(); }
void ___pthread_unwind_next(void *) __attribute__((alias("__pthread_unwind_next")));

// Comparisons and copies of short names: glibc's come in up to seven instruction sets.
int strcmp(const char *a, const char *b) {
    while (*a && *a == *b) a++, b++;
    return (unsigned char)*a - (unsigned char)*b;
}
int strncmp(const char *a, const char *b, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (a[i] != b[i] || !a[i]) return (unsigned char)a[i] - (unsigned char)b[i];
    return 0;
}
char *stpcpy(char *to, const char *from) {
    while ((*to = *from++)) to++;
    return to;
}
char *__stpcpy(char *, const char *) __attribute__((alias("stpcpy")));
char *strcpy(char *to, const char *from) {
    stpcpy(to, from);
    return to;
}

// ASCII comparisons without regard to case, for the names json-c and strtod know (true, NaN, infinity).
static int lower(unsigned char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }
int strncasecmp(const char *a, const char *b, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const int difference = lower((unsigned char)a[i]) - lower((unsigned char)b[i]);
        if (difference || !a[i]) return difference;
    }
    return 0;
}
int strcasecmp(const char *a, const char *b) { return strncasecmp(a, b, (size_t)-1); }
int strncasecmp_l(const char *a, const char *b, size_t count, locale_t locale) {
    (void)locale;
    return strncasecmp(a, b, count);
}
int __strcasecmp(const char *, const char *) __attribute__((alias("strcasecmp")));
int __strncasecmp(const char *, const char *, size_t) __attribute__((alias("strncasecmp")));
int __strncasecmp_l(const char *, const char *, size_t, locale_t) __attribute__((alias("strncasecmp_l")));
