// Stand-ins for parts of glibc that a static program would otherwise carry without ever using them: locales,
// translated messages, character set conversion and, through it, the dynamic loader. Together they are a tenth of the
// runner. They are linked only into the static runner, which stays in the "C" locale from start to end.
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

// Wide characters are never printed.
size_t __wcrtomb(char *to, int wide, void *state) { (void)to, (void)wide, (void)state; return (size_t)-1; }
size_t __wcsrtombs(char *to, const void **wide, size_t count, void *state) {
    (void)to, (void)wide, (void)count, (void)state;
    return (size_t)-1;
}

// ASCII comparisons without regard to case, for the names json-c and strtod know (true, NaN, infinity): glibc's come in seven
// instruction sets.
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
