#include "COpenBLAS.h"
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

typedef void (*sgemm_f)(int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *, int);
static sgemm_f sgemm;
static char description[256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void) {
    // Its threads spin for milliseconds after a product, which starves everybody else's: callers divide products themselves.
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
#if defined(__x86_64__)
    // OpenBLAS 0.3.21 takes newer AMD processors for Haswell and leaves their 512-bit units idle: twice as slow.
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512cd"))
        setenv("OPENBLAS_CORETYPE", "SkylakeX", 0);
#endif
    void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!library) library = dlopen("libopenblas.so", RTLD_NOW | RTLD_LOCAL);
    if (!library) return;
    sgemm = (sgemm_f)dlsym(library, "cblas_sgemm");
    void (*set_threads)(int) = (void (*)(int))dlsym(library, "openblas_set_num_threads");
    if (set_threads) set_threads(1);
    char *(*config)(void) = (char *(*)(void))dlsym(library, "openblas_get_config");
    char *(*core)(void) = (char *(*)(void))dlsym(library, "openblas_get_corename");
    snprintf(description, sizeof description, "%s, %s", config ? config() : "unknown version", core ? core() : "unknown core");
}

int32_t ob_load(void) {
    pthread_once(&once, load);
    return sgemm ? 0 : -1;
}

const char *ob_describe(void) { return ob_load() == 0 ? description : NULL; }

// OpenBLAS keeps 128 MB of addresses for every product at work, and where the system refuses them it asks again for ever.
static void require_work_area(void) {
    static _Thread_local int known;
    if (known) return;
    const size_t bytes = (size_t)136 << 20;
    void *probe = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (probe == MAP_FAILED) {
        // No product can say that it failed: the program's handler of faults tells why it ends.
        errno = ENOMEM;
        abort();
    }
    munmap(probe, bytes);
    known = 1;
}

void ob_sgemm(int32_t ta, int32_t tb, int32_t m, int32_t n, int32_t k, float alpha, const float *a, int32_t lda,
              const float *b, int32_t ldb, float beta, float *c, int32_t ldc) {
    enum { ROW_MAJOR = 101, PLAIN = 111, TRANSPOSED = 112 };
    require_work_area();
    sgemm(ROW_MAJOR, ta ? TRANSPOSED : PLAIN, tb ? TRANSPOSED : PLAIN, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}
