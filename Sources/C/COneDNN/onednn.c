#include "COneDNN.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What is used of the library's interface of version 2, whose descriptions are plain memory of fixed size: those of the header are
// smaller than these.
typedef struct { int64_t room[512]; } description_t;
typedef struct { int32_t argument; void *memory; } argument_t;
typedef struct { int32_t major, minor, patch; const char *hash; uint32_t cpu, gpu; } version_t;
enum { CPU = 1, BF16 = 2, F32 = 3, SOURCE = 1, WEIGHTS = 33, DESTINATION = 17, MOST_SHAPES = 64 };

static struct {
    int32_t (*engine_create)(void **, int32_t, size_t);
    int32_t (*stream_create)(void **, void *, uint32_t);
    int32_t (*stream_wait)(void *);
    int32_t (*stream_destroy)(void *);
    int32_t (*memory_desc_init_by_strides)(description_t *, int32_t, const int64_t *, int32_t, const int64_t *);
    int32_t (*matmul_desc_init)(description_t *, const description_t *, const description_t *, const description_t *, const description_t *);
    int32_t (*primitive_attr_create)(void **);
    int32_t (*primitive_attr_destroy)(void *);
    int32_t (*primitive_attr_set_post_ops)(void *, const void *);
    int32_t (*post_ops_create)(void **);
    int32_t (*post_ops_destroy)(void *);
    int32_t (*post_ops_append_sum)(void *, float);
    int32_t (*primitive_desc_create)(void **, const void *, const void *, void *, const void *);
    int32_t (*primitive_desc_destroy)(void *);
    int32_t (*primitive_create)(void **, const void *);
    int32_t (*primitive_destroy)(void *);
    int32_t (*primitive_execute)(const void *, void *, int32_t, const argument_t *);
    int32_t (*memory_create)(void **, const description_t *, void *, void *);
    int32_t (*memory_destroy)(void *);
    int32_t (*memory_set_data_handle)(void *, void *);
    const version_t *(*version)(void);
    int32_t (*get_effective_cpu_isa)(void);
} library;

static void *engine;
static int32_t is_ready;
static char description[128];
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;

// A shape that a thread has prepared.
typedef struct {
    int32_t shape[9];
    void *primitive, *a, *b, *c;
} prepared_t;
typedef struct {
    void *stream;
    int32_t count, next;
    prepared_t all[MOST_SHAPES];
} thread_t;

static void forget(prepared_t *one) {
    if (one->primitive) library.primitive_destroy(one->primitive);
    if (one->a) library.memory_destroy(one->a);
    if (one->b) library.memory_destroy(one->b);
    if (one->c) library.memory_destroy(one->c);
    memset(one, 0, sizeof *one);
}

static void leave(void *value) {
    thread_t *thread = value;
    for (int32_t i = 0; i < thread->count; i++) forget(thread->all + i);
    library.stream_destroy(thread->stream);
    free(thread);
}

#if defined(__x86_64__)
#include <cpuid.h>
static int32_t has_bfloat16(void) {
    uint32_t a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    const int32_t tiles = (d >> 22 & 1) && (d >> 24 & 1);
    if (!__get_cpuid_count(7, 1, &a, &b, &c, &d)) return tiles;
    __builtin_cpu_init();
    return tiles || ((a >> 5 & 1) && __builtin_cpu_supports("avx512f"));
}
#else
static int32_t has_bfloat16(void) { return 0; }
#endif

// Its threads are callers' threads: OpenMP's would fight with them. The variable counts when OpenMP is loaded, and is put back.
static void *open_library(void) {
    const char *before = getenv("OMP_NUM_THREADS");
    char *kept = before ? strdup(before) : NULL;
    setenv("OMP_NUM_THREADS", "1", 1);
    void *handle = dlopen("libdnnl.so.2", RTLD_NOW | RTLD_LOCAL);
    if (kept) setenv("OMP_NUM_THREADS", kept, 1);
    else unsetenv("OMP_NUM_THREADS");
    free(kept);
    return handle;
}

static void load(void) {
    if (!has_bfloat16() || pthread_key_create(&key, leave)) return;
    void *handle = open_library();
    if (!handle) return;
#define FIND(name) if (!(*(void **)&library.name = dlsym(handle, "dnnl_" #name))) return
    FIND(engine_create); FIND(stream_create); FIND(stream_wait); FIND(stream_destroy); FIND(memory_desc_init_by_strides); FIND(matmul_desc_init);
    FIND(primitive_attr_create); FIND(primitive_attr_destroy); FIND(primitive_attr_set_post_ops); FIND(post_ops_create);
    FIND(post_ops_destroy); FIND(post_ops_append_sum); FIND(primitive_desc_create); FIND(primitive_desc_destroy);
    FIND(primitive_create); FIND(primitive_destroy); FIND(primitive_execute); FIND(memory_create); FIND(memory_destroy);
    FIND(memory_set_data_handle); FIND(version); FIND(get_effective_cpu_isa);
#undef FIND
    if (library.engine_create(&engine, CPU, 0)) return;
    const version_t *version = library.version();
    snprintf(description, sizeof description, "oneDNN %d.%d.%d, instruction set %#x", version->major, version->minor, version->patch,
             (unsigned)library.get_effective_cpu_isa());
    is_ready = 1;
}

int32_t od_load(void) {
    pthread_once(&once, load);
    return is_ready ? 0 : -1;
}

const char *od_describe(void) { return od_load() == 0 ? description : NULL; }

static int32_t describe(description_t *to, int32_t rows, int32_t columns, int32_t type, int32_t transposed, int32_t stride) {
    const int64_t sizes[2] = {rows, columns}, steps[2] = {transposed ? 1 : stride, transposed ? stride : 1};
    return library.memory_desc_init_by_strides(to, 2, sizes, type, steps);
}

static int32_t make(prepared_t *one) {
    const int32_t *s = one->shape;
    const int32_t m = s[2], n = s[3], k = s[4];
    description_t a, b, c, product;
    int32_t status = describe(&a, m, k, BF16, s[0], s[5]);
    if (!status) status = describe(&b, k, n, BF16, s[1], s[6]);
    if (!status) status = describe(&c, m, n, F32, 0, s[8]);
    if (!status) status = library.matmul_desc_init(&product, &a, &b, NULL, &c);
    void *attributes = NULL, *after = NULL, *kind = NULL;
    if (!status) status = library.primitive_attr_create(&attributes);
    if (!status && s[7]) {
        status = library.post_ops_create(&after);
        if (!status) status = library.post_ops_append_sum(after, 1);
        if (!status) status = library.primitive_attr_set_post_ops(attributes, after);
    }
    if (!status) status = library.primitive_desc_create(&kind, &product, attributes, engine, NULL);
    if (!status) status = library.primitive_create(&one->primitive, kind);
    if (kind) library.primitive_desc_destroy(kind);
    if (after) library.post_ops_destroy(after);
    if (attributes) library.primitive_attr_destroy(attributes);
    // Memory is named at every call.
    if (!status) status = library.memory_create(&one->a, &a, engine, NULL);
    if (!status) status = library.memory_create(&one->b, &b, engine, NULL);
    if (!status) status = library.memory_create(&one->c, &c, engine, NULL);
    return status;
}

static thread_t *this_thread(void) {
    thread_t *thread = pthread_getspecific(key);
    if (thread) return thread;
    thread = calloc(1, sizeof *thread);
    if (!thread || library.stream_create(&thread->stream, engine, 1) || pthread_setspecific(key, thread)) {
        free(thread);
        return NULL;
    }
    return thread;
}

static prepared_t *prepared(thread_t *thread, const int32_t shape[9], int32_t *status) {
    for (int32_t i = 0; i < thread->count; i++)
        if (!memcmp(thread->all[i].shape, shape, sizeof thread->all[i].shape)) return thread->all + i;
    prepared_t *one = thread->all + thread->next;
    forget(one);
    memcpy(one->shape, shape, sizeof one->shape);
    *status = make(one);
    if (*status) {
        forget(one);
        return NULL;
    }
    thread->next = (thread->next + 1) % MOST_SHAPES;
    if (thread->count < MOST_SHAPES) thread->count++;
    return one;
}

int32_t od_product(int32_t ta, int32_t tb, int32_t m, int32_t n, int32_t k, const uint16_t *a, int32_t lda, const uint16_t *b, int32_t ldb,
                   int32_t adds, float *c, int32_t ldc) {
    thread_t *thread = this_thread();
    if (!thread) return -1;
    int32_t status = 0;
    prepared_t *one = prepared(thread, (const int32_t[9]){ta, tb, m, n, k, lda, ldb, adds, ldc}, &status);
    if (!one) return status;
    status = library.memory_set_data_handle(one->a, (void *)a);
    if (!status) status = library.memory_set_data_handle(one->b, (void *)b);
    if (!status) status = library.memory_set_data_handle(one->c, c);
    const argument_t arguments[3] = {{SOURCE, one->a}, {WEIGHTS, one->b}, {DESTINATION, one->c}};
    if (!status) status = library.primitive_execute(one->primitive, thread->stream, 3, arguments);
    if (!status) status = library.stream_wait(thread->stream);
    return status;
}

static inline __attribute__((always_inline)) void round_all(const float *from, size_t count, uint16_t *to) {
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, from + i, 4);
        const uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
        // The payload of what is no number must not be rounded away.
        to[i] = (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? (bits >> 16 | 0x40) : rounded);
    }
}

#if defined(__x86_64__)
__attribute__((target("avx512f,avx512bw,avx512vl"))) static void round_wide(const float *from, size_t count, uint16_t *to) {
    round_all(from, count, to);
}
#endif

void od_round(const float *from, size_t count, uint16_t *to) {
#if defined(__x86_64__)
    if (od_load() == 0) return round_wide(from, count, to);
#endif
    round_all(from, count, to);
}
