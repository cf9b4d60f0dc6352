/* SPDX-License-Identifier: Apache-2.0
 *
 * Every chunk runs once, whatever the number of threads; what the chunks wrote is seen after the
 * run; pools come and go; too little for a thread is a status. Meant for the thread sanitizer too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <unistd.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

enum
{
    N_CHUNKS = 1000
};

typedef struct work
{
    unsigned runs[N_CHUNKS]; /* each written by one chunk only: plain on purpose */
    unsigned workers[N_CHUNKS];
    unsigned n_threads;
} work;

static void count_chunk(void *context, size_t chunk, unsigned worker)
{
    work *counted = context;
    counted->runs[chunk]++;
    counted->workers[chunk] = worker;
}

static void check_pool(unsigned n_threads, size_t n_runs)
{
    lb_pool *pool = NULL;
    assert_int_equal(lb_pool_create(&pool, n_threads, NULL), LOBASS_OK);
    const unsigned n_made = lb_pool_thread_count(pool);
    assert_int_equal(n_made, n_threads == 0 ? lb_processor_count() : n_threads);
    work *counted = calloc(1, sizeof *counted);
    assert_non_null(counted);
    size_t n_expected[N_CHUNKS] = {0};
    for (size_t run = 0; run < n_runs; run++)
    {
        const size_t n_chunks = run * 37 % (N_CHUNKS + 1);
        lb_pool_run(pool, n_chunks, count_chunk, counted);
        for (size_t chunk = 0; chunk < N_CHUNKS; chunk++)
        {
            n_expected[chunk] += chunk < n_chunks;
            assert_int_equal(counted->runs[chunk], n_expected[chunk]);
            assert_true(counted->workers[chunk] < n_made);
        }
    }
    free(counted);
    lb_pool_free(pool);
}

static void test_every_chunk_once(void **state)
{
    (void)state;
    check_pool(0, 50);
    check_pool(1, 50);
    check_pool(2, 300);
    check_pool(7, 300);
}

static void test_no_pool_runs_in_order(void **state)
{
    (void)state;
    work counted = {0};
    assert_int_equal(lb_pool_thread_count(NULL), 1);
    lb_pool_run(NULL, N_CHUNKS, count_chunk, &counted);
    for (size_t chunk = 0; chunk < N_CHUNKS; chunk++)
    {
        assert_int_equal(counted.runs[chunk], 1);
        assert_int_equal(counted.workers[chunk], 0);
    }
    lb_pool_free(NULL);
}

typedef struct late
{
    atomic_bool has_begun;
    bool is_done; /* plain on purpose: the end of the run must make it seen */
} late;

/* The calling thread ends its chunk as soon as the worker has begun the other, a slow one. */
static void finish_late(void *context, size_t chunk, unsigned worker)
{
    late *shared = context;
    (void)chunk;
    if (worker == 0)
    {
        while (!atomic_load(&shared->has_begun))
        {
        }
        return;
    }
    atomic_store(&shared->has_begun, true);
    const double start = lb_clock_seconds();
    while (lb_clock_seconds() < start + 0.02)
    {
    }
    shared->is_done = true;
}

static void test_run_waits_for_its_workers(void **state)
{
    (void)state;
    lb_pool *pool = NULL;
    assert_int_equal(lb_pool_create(&pool, 2, NULL), LOBASS_OK);
    for (int run = 0; run < 3; run++)
    {
        late shared = {0};
        lb_pool_run(pool, 2, finish_late, &shared);
        assert_true(shared.is_done);
    }
    lb_pool_free(pool);
}

static void meet(void *context, size_t chunk, unsigned worker)
{
    (void)chunk;
    (void)worker;
    (void)pthread_barrier_wait(context);
}

/* Ends only if as many chunks as threads run at the same time, also after the workers slept. */
static void test_workers_run_together(void **state)
{
    (void)state;
    lb_pool *pool = NULL;
    pthread_barrier_t barrier;
    assert_int_equal(lb_pool_create(&pool, 3, NULL), LOBASS_OK);
    assert_int_equal(pthread_barrier_init(&barrier, NULL, 3), 0);
    for (int run = 0; run < 3; run++)
    {
        const double start = lb_clock_seconds();
        while (run > 0 && lb_clock_seconds() < start + 0.01)
        {
        }
        lb_pool_run(pool, 3, meet, &barrier);
    }
    (void)pthread_barrier_destroy(&barrier);
    lb_pool_free(pool);
}

static void test_pools_come_and_go(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++)
    {
        lb_pool *pool = NULL;
        work counted = {0};
        assert_int_equal(lb_pool_create(&pool, 4, NULL), LOBASS_OK);
        lb_pool_run(pool, (size_t)(i % 5), count_chunk, &counted);
        lb_pool_free(pool);
    }
}

static void test_thread_that_cannot_start(void **state)
{
    (void)state;
    lobass_error error = {0};
    lb_pool *pool = NULL;
    assert_int_equal(lb_pool_create(&pool, 100000, &error), LOBASS_BAD_ARGUMENT);
    assert_null(pool);
    /* A stack that no address space can hold. */
    pthread_attr_t usual;
    pthread_attr_t impossible;
    assert_int_equal(pthread_getattr_default_np(&usual), 0);
    assert_int_equal(pthread_attr_init(&impossible), 0);
    assert_int_equal(pthread_attr_setstacksize(&impossible, (size_t)1 << 48), 0);
    assert_int_equal(pthread_setattr_default_np(&impossible), 0);
    const lobass_status status = lb_pool_create(&pool, 2, &error);
    assert_int_equal(pthread_setattr_default_np(&usual), 0);
    assert_int_equal(status, LOBASS_OUT_OF_MEMORY);
    assert_non_null(strstr(error.message, "cannot start thread 2 of 2"));
    assert_null(pool);
    (void)pthread_attr_destroy(&impossible);
    (void)pthread_attr_destroy(&usual);
}

typedef struct masks
{
    atomic_uint n_arrived;
    sigset_t masks[2]; /* of the workers */
} masks;

static void mask_chunk(void *context, size_t chunk, unsigned worker)
{
    masks *found = context;
    (void)chunk;
    (void)pthread_sigmask(SIG_BLOCK, NULL, &found->masks[worker]);
    atomic_fetch_add(&found->n_arrived, 1);
    while (atomic_load(&found->n_arrived) < 2) /* so that each worker takes one chunk */
    {
        (void)sched_yield();
    }
}

/* A program's handlers run on its own threads; what a thread does wrong still comes to it. */
static void test_signals_stay_with_the_caller(void **state)
{
    static const int others[] = {SIGINT, SIGTERM, SIGALRM, SIGCHLD, SIGUSR1, SIGPROF};
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    lb_pool *pool = NULL;
    static masks found;
    (void)state;
    assert_int_equal(lb_pool_create(&pool, 2, NULL), LOBASS_OK);
    lb_pool_run(pool, 2, mask_chunk, &found);
    lb_pool_free(pool);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    {
        assert_int_equal(sigismember(&found.masks[0], others[i]), 0);
        assert_int_equal(sigismember(&found.masks[1], others[i]), 1);
    }
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
    {
        assert_int_equal(sigismember(&found.masks[1], own[i]), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_chunk_once),
        cmocka_unit_test(test_no_pool_runs_in_order),
        cmocka_unit_test(test_run_waits_for_its_workers),
        cmocka_unit_test(test_workers_run_together),
        cmocka_unit_test(test_pools_come_and_go),
        cmocka_unit_test(test_thread_that_cannot_start),
        cmocka_unit_test(test_signals_stay_with_the_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
