/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns threads. A pool runs numbered chunks of work; the calling thread is worker 0 and takes part.
 * Who runs a chunk is decided at run time: one atomic counter hands them out, so uneven chunks
 * balance; results must depend on the chunk only. Between runs the workers look for work for a few
 * microseconds and then sleep on a condition variable. No signal handler runs on them. A run waits
 * only for workers that joined it: one that wakes after the last chunk was taken finds it closed. A
 * run within a run is not supported.
 */
#include "base/base.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Looks before a thread sleeps, each giving way to others: about as long as waking it would take.
 */
#define N_SPINS 100U
#define MOST_THREADS 1024U

typedef struct worker
{
    lb_pool *pool;
    unsigned number; /* from 1 */
    pthread_t thread;
} worker;

struct lb_pool
{
    unsigned n_threads; /* with the calling one */
    worker *workers;    /* [n_threads - 1] */
    pthread_mutex_t mutex;
    pthread_cond_t has_work; /* generation has changed */
    pthread_cond_t is_done;  /* n_active has come to 0 */
    /* Changes with every run, and at the end; written under the mutex. */
    atomic_uint generation;
    bool is_open, is_closing; /* under the mutex: workers may join the run; must leave for good */
    atomic_uint n_active;     /* workers within the run; rises only under the mutex, while open */
    /* The run under way: written before it is opened, read by those who joined. */
    lb_chunk_function function;
    void *context;
    size_t n_chunks;
    atomic_size_t next_chunk;
};

unsigned lb_processor_count(void)
{
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
    {
        return 1;
    }
    const int count = CPU_COUNT(&allowed);
    return count < 1 ? 1U : (unsigned)count;
}

static void take_chunks(lb_pool *pool, unsigned number)
{
    for (;;)
    {
        const size_t chunk = atomic_fetch_add_explicit(&pool->next_chunk, 1, memory_order_relaxed);
        if (chunk >= pool->n_chunks)
        {
            return;
        }
        pool->function(pool->context, chunk, number);
    }
}

static void spin_while_equal(const atomic_uint *value, unsigned seen)
{
    for (unsigned spin = 0; spin < N_SPINS; spin++)
    {
        if (atomic_load_explicit(value, memory_order_relaxed) != seen)
        {
            return;
        }
        (void)sched_yield();
    }
}

/* Waits for a run that SEEN does not know yet and joins it; false when the pool is closing. */
static bool join_run(lb_pool *pool, unsigned *seen)
{
    spin_while_equal(&pool->generation, *seen);
    (void)pthread_mutex_lock(&pool->mutex);
    while (!pool->is_closing && (!pool->is_open || atomic_load(&pool->generation) == *seen))
    {
        (void)pthread_cond_wait(&pool->has_work, &pool->mutex);
    }
    *seen = atomic_load(&pool->generation);
    const bool goes_on = !pool->is_closing;
    if (goes_on)
    {
        atomic_fetch_add(&pool->n_active, 1);
    }
    (void)pthread_mutex_unlock(&pool->mutex);
    return goes_on;
}

static void *work(void *argument)
{
    const worker *self = argument;
    lb_pool *pool = self->pool;
    unsigned seen = 0;
    while (join_run(pool, &seen))
    {
        take_chunks(pool, self->number);
        if (atomic_fetch_sub(&pool->n_active, 1) == 1)
        {
            (void)pthread_mutex_lock(&pool->mutex);
            (void)pthread_cond_signal(&pool->is_done);
            (void)pthread_mutex_unlock(&pool->mutex);
        }
    }
    return NULL;
}

/* Ends the first N_STARTED workers and releases everything. */
static void pool_close(lb_pool *pool, unsigned n_started)
{
    (void)pthread_mutex_lock(&pool->mutex);
    pool->is_closing = true;
    atomic_fetch_add(&pool->generation, 1);
    (void)pthread_cond_broadcast(&pool->has_work);
    (void)pthread_mutex_unlock(&pool->mutex);
    for (unsigned i = 0; i < n_started; i++)
    {
        (void)pthread_join(pool->workers[i].thread, NULL);
    }
    (void)pthread_cond_destroy(&pool->is_done);
    (void)pthread_cond_destroy(&pool->has_work);
    (void)pthread_mutex_destroy(&pool->mutex);
    free(pool->workers);
    free(pool);
}

/* As pthread_create(), with all signals blocked but those that a thread brings on itself: a
 * program's handlers run on its own threads. */
static int start_worker(worker *started)
{
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    sigset_t blocked;
    sigset_t before;
    (void)sigfillset(&blocked);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
    {
        (void)sigdelset(&blocked, own[i]);
    }
    (void)pthread_sigmask(SIG_BLOCK, &blocked, &before);
    const int code = pthread_create(&started->thread, NULL, work, started);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

lobass_status lb_pool_create(lb_pool **pool, unsigned n_threads, lobass_error *error)
{
    *pool = NULL;
    n_threads = n_threads == 0 ? lb_processor_count() : n_threads;
    if (n_threads > MOST_THREADS)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT, "threads: found %u, expected at most %u",
                       n_threads, MOST_THREADS);
    }
    lb_pool *made = lb_alloc(1, sizeof *made, error);
    worker *workers = lb_alloc(n_threads - 1, sizeof *workers, error);
    if (made == NULL || workers == NULL)
    {
        free(made);
        free(workers);
        return LOBASS_OUT_OF_MEMORY;
    }
    made->n_threads = n_threads;
    made->workers = workers;
    /* With default attributes these three do not fail on Linux. */
    (void)pthread_mutex_init(&made->mutex, NULL);
    (void)pthread_cond_init(&made->has_work, NULL);
    (void)pthread_cond_init(&made->is_done, NULL);
    int code = 0;
    unsigned n_started = 0;
    while (code == 0 && n_started < n_threads - 1)
    {
        worker *next = &workers[n_started];
        *next = (worker){.pool = made, .number = n_started + 1};
        code = start_worker(next);
        n_started += code == 0 ? 1 : 0;
    }
    if (code != 0)
    {
        pool_close(made, n_started);
        return lb_fail(error, LOBASS_OUT_OF_MEMORY, "cannot start thread %u of %u: %s",
                       n_started + 2, n_threads, strerrordesc_np(code));
    }
    *pool = made;
    return LOBASS_OK;
}

void lb_pool_free(lb_pool *pool)
{
    if (pool != NULL)
    {
        pool_close(pool, pool->n_threads - 1);
    }
}

unsigned lb_pool_thread_count(const lb_pool *pool)
{
    return pool == NULL ? 1 : pool->n_threads;
}

/* Lets nobody join any more and waits for those who did; mostly they finish together. */
static void close_run(lb_pool *pool)
{
    (void)pthread_mutex_lock(&pool->mutex);
    pool->is_open = false;
    (void)pthread_mutex_unlock(&pool->mutex);
    for (unsigned spin = 0; spin < N_SPINS; spin++)
    {
        if (atomic_load(&pool->n_active) == 0)
        {
            return;
        }
        (void)sched_yield();
    }
    (void)pthread_mutex_lock(&pool->mutex);
    while (atomic_load(&pool->n_active) != 0)
    {
        (void)pthread_cond_wait(&pool->is_done, &pool->mutex);
    }
    (void)pthread_mutex_unlock(&pool->mutex);
}

void lb_pool_run(lb_pool *pool, size_t n_chunks, lb_chunk_function function, void *context)
{
    if (pool == NULL || pool->n_threads == 1 || n_chunks <= 1)
    {
        for (size_t chunk = 0; chunk < n_chunks; chunk++)
        {
            function(context, chunk, 0);
        }
        return;
    }
    (void)pthread_mutex_lock(&pool->mutex);
    pool->function = function;
    pool->context = context;
    pool->n_chunks = n_chunks;
    atomic_store(&pool->next_chunk, 0);
    pool->is_open = true;
    atomic_fetch_add(&pool->generation, 1);
    (void)pthread_cond_broadcast(&pool->has_work);
    (void)pthread_mutex_unlock(&pool->mutex);
    take_chunks(pool, 0);
    close_run(pool);
}
