// A pool of threads that run numbered parts of a job. Idle workers spin for some microseconds, then sleep.
#ifndef TAPER_CPOOL_H
#define TAPER_CPOOL_H
#include <stdint.h>

typedef struct tp_pool tp_pool_t;
// NULL when memory or threads are lacking. thread_count includes the caller of tp_pool_run.
tp_pool_t *tp_pool_create(int32_t thread_count);
void tp_pool_destroy(tp_pool_t *pool);
// Runs body(context, part, thread) for every part, thread being 0 for the caller and below thread_count, and returns 1 when all are done. One caller at a time: 0 while another job runs, a job
// that starts one included.
int32_t tp_pool_run(tp_pool_t *pool, int32_t part_count, void (*body)(void *context, int32_t part, int32_t thread), void *context);
#endif
