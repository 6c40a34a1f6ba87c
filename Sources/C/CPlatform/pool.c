#include "CPool.h"
#include "CPlatform.h"
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

// About 30 microseconds of pauses: longer than the gap between two products of a token, shorter than anybody notices.
enum { SPINS = 1500, MAX_THREADS = 1024 };

struct tp_pool {
    // High half: generation of the job; low half: next part to claim. A worker's claim succeeds only while the
    // generation it read the job under is still the current one.
    _Alignas(64) _Atomic uint64_t ticket;
    _Alignas(64) _Atomic int32_t finished;
    _Alignas(64) _Atomic int32_t wake;  // futex word: changes with every job
    _Atomic int32_t sleepers;
    _Atomic int32_t stop;
    _Atomic int32_t busy;
    _Atomic int32_t part_count;
    _Atomic(void (*)(void *, int32_t, int32_t)) body;
    _Atomic(void *) context;
    int32_t thread_count;
    struct member { tp_thread_t thread; struct tp_pool *pool; int32_t index; } members[];
};

static inline void pause_once(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void take_parts(tp_pool_t *p, int32_t thread) {
    for (;;) {
        uint64_t ticket = atomic_load_explicit(&p->ticket, memory_order_acquire);
        int32_t part = (int32_t)(ticket & 0xffffffff);
        int32_t count = atomic_load_explicit(&p->part_count, memory_order_relaxed);
        void (*body)(void *, int32_t, int32_t) = atomic_load_explicit(&p->body, memory_order_relaxed);
        void *context = atomic_load_explicit(&p->context, memory_order_relaxed);
        if (part >= count) return;
        if (!atomic_compare_exchange_weak_explicit(&p->ticket, &ticket, ticket + 1, memory_order_acq_rel, memory_order_acquire)) continue;
        body(context, part, thread);
        atomic_fetch_add_explicit(&p->finished, 1, memory_order_release);
    }
}

static void worker(void *argument) {
    const struct member *self = argument;
    tp_pool_t *p = self->pool;
    int32_t seen = 0;
    for (;;) {
        int32_t spins = 0, now;
        while ((now = atomic_load_explicit(&p->wake, memory_order_acquire)) == seen) {
            if (++spins < SPINS) { pause_once(); continue; }
            atomic_fetch_add(&p->sleepers, 1);
            tp_futex_wait((const int32_t *)&p->wake, seen);
            atomic_fetch_sub(&p->sleepers, 1);
        }
        seen = now;
        if (atomic_load_explicit(&p->stop, memory_order_relaxed)) return;
        take_parts(p, self->index);
    }
}

tp_pool_t *tp_pool_create(int32_t thread_count) {
    if (thread_count < 1) thread_count = 1;
    if (thread_count > MAX_THREADS) thread_count = MAX_THREADS;
    size_t bytes = (sizeof(tp_pool_t) + (size_t)thread_count * sizeof(struct member) + 63) / 64 * 64;
    tp_pool_t *p = aligned_alloc(64, bytes);
    if (!p) return 0;
    __builtin_memset(p, 0, bytes);
    p->thread_count = 1;
    for (int32_t i = 1; i < thread_count; i++) {
        p->members[i].pool = p;
        p->members[i].index = i;
        if (tp_thread_start(&p->members[i].thread, worker, &p->members[i]) < 0) break;
        p->thread_count = i + 1;
    }
    return p;
}

void tp_pool_destroy(tp_pool_t *p) {
    if (!p) return;
    atomic_store(&p->stop, 1);
    atomic_fetch_add(&p->wake, 1);
    tp_futex_wake((const int32_t *)&p->wake, MAX_THREADS);
    for (int32_t i = 1; i < p->thread_count; i++) tp_thread_join(&p->members[i].thread);
    free(p);
}

int32_t tp_pool_run(tp_pool_t *p, int32_t part_count, void (*body)(void *, int32_t, int32_t), void *context) {
    if (part_count <= 0) return 1;
    if (part_count == 1 || p->thread_count == 1) {
        for (int32_t part = 0; part < part_count; part++) body(context, part, 0);
        return 1;
    }
    if (atomic_exchange_explicit(&p->busy, 1, memory_order_acquire)) return 0;
    // Close the old job first: a claim between these stores fails because its generation is gone. An exchange, because
    // the plain stores that follow may pass a store on weakly ordered processors.
    uint64_t generation = (atomic_load_explicit(&p->ticket, memory_order_relaxed) >> 32) + 1;
    atomic_exchange(&p->ticket, generation << 32 | 0x7fffffff);
    atomic_store_explicit(&p->finished, 0, memory_order_relaxed);
    atomic_store_explicit(&p->part_count, part_count, memory_order_relaxed);
    atomic_store_explicit(&p->body, body, memory_order_relaxed);
    atomic_store_explicit(&p->context, context, memory_order_relaxed);
    atomic_store(&p->ticket, (generation + 1) << 32);
    atomic_fetch_add(&p->wake, 1);
    if (atomic_load(&p->sleepers) > 0) tp_futex_wake((const int32_t *)&p->wake, MAX_THREADS);
    take_parts(p, 0);
    int32_t spins = 0;
    while (atomic_load_explicit(&p->finished, memory_order_acquire) < part_count)
        if (++spins < 20000) pause_once(); else sched_yield();
    atomic_store_explicit(&p->busy, 0, memory_order_release);
    return 1;
}
