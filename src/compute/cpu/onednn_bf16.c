/* SPDX-License-Identifier: Apache-2.0
 *
 * bf16 products through oneDNN's matmul primitives, for CPUs whose AMX tiles make them worth it
 * (they need AVX-512 at least). A primitive costs up to 8 ms to create, so each worker keeps those
 * it has made, by shape; the drivers see to it that the shapes are few. Each worker also has its
 * own stream, memory objects and scratchpads, so nothing is shared while products run. They are
 * created and run where OpenMP has a single thread: one product is never cut by the library.
 */
#include <dnnl.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "compute/kernels.h"

enum
{
    N_SLOTS = 512, /* a power of two; shapes that a worker keeps */
    N_ARGUMENTS = 4
};

typedef struct shape
{
    size_t m, n, k, lda, ldb, ldc;
    uint64_t flags; /* a, b transposed; added */
} shape;

typedef struct slot
{
    shape key;
    bool is_used;
    dnnl_primitive_t primitive;
    dnnl_memory_t a, b, c, scratchpad;
    void *scratchpad_bytes;
} slot;

typedef struct worker_state
{
    dnnl_stream_t stream;
    slot *slots; /* [N_SLOTS], open addressing */
    size_t n_used;
} worker_state;

struct lb_onednn
{
    dnnl_engine_t engine;
    unsigned n_workers;
    worker_state *workers;
};

static void slot_release(slot *s)
{
    (void)dnnl_primitive_destroy(s->primitive);
    (void)dnnl_memory_destroy(s->a);
    (void)dnnl_memory_destroy(s->b);
    (void)dnnl_memory_destroy(s->c);
    (void)dnnl_memory_destroy(s->scratchpad);
    free(s->scratchpad_bytes);
    memset(s, 0, sizeof *s);
}

static void worker_forget(worker_state *worker)
{
    for (size_t i = 0; i < N_SLOTS; i++)
    {
        if (worker->slots[i].is_used)
        {
            slot_release(&worker->slots[i]);
        }
    }
    worker->n_used = 0;
}

void lb_onednn_free(struct lb_onednn *onednn)
{
    if (onednn == NULL)
    {
        return;
    }
    for (unsigned i = 0; onednn->workers != NULL && i < onednn->n_workers; i++)
    {
        worker_state *worker = &onednn->workers[i];
        if (worker->slots != NULL)
        {
            worker_forget(worker);
            free(worker->slots);
        }
        (void)dnnl_stream_destroy(worker->stream);
    }
    free(onednn->workers);
    (void)dnnl_engine_destroy(onednn->engine);
    free(onednn);
}

lobass_status lb_onednn_create(struct lb_onednn **onednn, unsigned n_workers, lobass_error *error)
{
    *onednn = NULL;
    struct lb_onednn *made = (struct lb_onednn *)lb_alloc(1, sizeof *made, error);
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    made->n_workers = n_workers;
    made->workers = (worker_state *)lb_alloc(n_workers, sizeof *made->workers, error);
    bool is_made = made->workers != NULL;
    dnnl_status_t status = dnnl_engine_create(&made->engine, dnnl_cpu, 0);
    for (unsigned i = 0; is_made && status == dnnl_success && i < n_workers; i++)
    {
        worker_state *worker = &made->workers[i];
        worker->slots = (slot *)lb_alloc(N_SLOTS, sizeof *worker->slots, error);
        is_made = worker->slots != NULL;
        status = dnnl_stream_create(&worker->stream, made->engine, dnnl_stream_default_flags);
    }
    if (!is_made || status != dnnl_success)
    {
        lb_onednn_free(made);
        return is_made
                   ? lb_fail(error, LOBASS_UNSUPPORTED,
                             "oneDNN cannot make an engine on this CPU (status %d)", (int)status)
                   : LOBASS_OUT_OF_MEMORY;
    }
    *onednn = made;
    return LOBASS_OK;
}

/* A [rows, columns] matrix whose rows, or columns if transposed, are LD apart. */
static dnnl_status_t describe(dnnl_memory_desc_t *description, size_t rows, size_t columns,
                              size_t ld, bool is_transposed, dnnl_data_type_t type)
{
    const dnnl_dims_t dims = {(dnnl_dim_t)rows, (dnnl_dim_t)columns};
    const dnnl_dims_t strides = {is_transposed ? 1 : (dnnl_dim_t)ld,
                                 is_transposed ? (dnnl_dim_t)ld : 1};
    return dnnl_memory_desc_init_by_strides(description, 2, dims, type, strides);
}

static dnnl_status_t attributes_create(dnnl_primitive_attr_t *attributes, bool is_added)
{
    dnnl_status_t status = dnnl_primitive_attr_create(attributes);
    if (status == dnnl_success)
    {
        status = dnnl_primitive_attr_set_scratchpad_mode(*attributes, dnnl_scratchpad_mode_user);
    }
    if (status == dnnl_success && is_added)
    {
        dnnl_post_ops_t post = NULL;
        status = dnnl_post_ops_create(&post);
        if (status == dnnl_success)
        {
            status = dnnl_post_ops_append_sum(post, 1.0F);
        }
        if (status == dnnl_success)
        {
            status = dnnl_primitive_attr_set_post_ops(*attributes, post);
        }
        (void)dnnl_post_ops_destroy(post);
    }
    return status;
}

/* The primitive and its memory objects, from its descriptor. */
static dnnl_status_t slot_fill(slot *s, dnnl_engine_t engine, const_dnnl_primitive_desc_t chosen,
                               const dnnl_memory_desc_t described[3])
{
    const dnnl_memory_desc_t *scratchpad =
        dnnl_primitive_desc_query_md(chosen, dnnl_query_scratchpad_md, 0);
    const size_t bytes = dnnl_memory_desc_get_size(scratchpad);
    s->scratchpad_bytes = lb_alloc(bytes, 1, NULL);
    if (s->scratchpad_bytes == NULL)
    {
        return dnnl_out_of_memory;
    }
    dnnl_memory_t *const memories[] = {&s->a, &s->b, &s->c};
    dnnl_status_t status = dnnl_primitive_create(&s->primitive, chosen);
    for (size_t i = 0; status == dnnl_success && i < 3; i++)
    {
        status = dnnl_memory_create(memories[i], &described[i], engine, DNNL_MEMORY_NONE);
    }
    if (status == dnnl_success)
    {
        status = dnnl_memory_create(&s->scratchpad, scratchpad, engine, s->scratchpad_bytes);
    }
    return status;
}

static dnnl_status_t slot_make(slot *s, dnnl_engine_t engine, const shape *key,
                               const lb_product *product)
{
    dnnl_memory_desc_t described[3];
    dnnl_matmul_desc_t matmul;
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_primitive_desc_t chosen = NULL;
    dnnl_status_t status =
        describe(&described[0], key->m, key->k, key->lda, product->is_a_transposed, dnnl_bf16);
    if (status == dnnl_success)
    {
        status =
            describe(&described[1], key->k, key->n, key->ldb, product->is_b_transposed, dnnl_bf16);
    }
    if (status == dnnl_success)
    {
        status = describe(&described[2], key->m, key->n, key->ldc, false, dnnl_f32);
    }
    if (status == dnnl_success)
    {
        status = dnnl_matmul_desc_init(&matmul, &described[0], &described[1], NULL, &described[2]);
    }
    if (status == dnnl_success)
    {
        status = attributes_create(&attributes, product->is_added);
    }
    if (status == dnnl_success)
    {
        status = dnnl_primitive_desc_create(&chosen, &matmul, attributes, engine, NULL);
    }
    if (status == dnnl_success)
    {
        status = slot_fill(s, engine, chosen, described);
    }
    (void)dnnl_primitive_desc_destroy(chosen);
    (void)dnnl_primitive_attr_destroy(attributes);
    s->key = *key;
    s->is_used = true;
    if (status != dnnl_success)
    {
        slot_release(s);
    }
    return status;
}

static bool shape_equal(const shape *a, const shape *b)
{
    return a->m == b->m && a->n == b->n && a->k == b->k && a->lda == b->lda && a->ldb == b->ldb &&
           a->ldc == b->ldc && a->flags == b->flags;
}

/* The worker's slot for this shape, made if it is new. A full table is emptied first. */
static dnnl_status_t slot_find(slot **found, struct lb_onednn *onednn, worker_state *worker,
                               const lb_product *product)
{
    const shape key = {product->m,
                       product->n,
                       product->k,
                       product->lda,
                       product->ldb,
                       product->ldc,
                       (product->is_a_transposed ? 1U : 0U) | (product->is_b_transposed ? 2U : 0U) |
                           (product->is_added ? 4U : 0U)};
    const size_t home = (size_t)lb_hash_bytes(&key, sizeof key, 0).low % N_SLOTS;
    size_t index = home;
    while (worker->slots[index].is_used && !shape_equal(&worker->slots[index].key, &key))
    {
        index = (index + 1) % N_SLOTS;
    }
    *found = &worker->slots[index];
    if ((*found)->is_used)
    {
        return dnnl_success;
    }
    if (worker->n_used >= N_SLOTS / 2)
    {
        worker_forget(worker);
        *found = &worker->slots[home];
    }
    const dnnl_status_t status = slot_make(*found, onednn->engine, &key, product);
    worker->n_used += status == dnnl_success ? 1 : 0;
    return status;
}

/* The library does not change its inputs, but its handles are not const. */
static void *without_const(const void *data)
{
    void *plain = NULL;
    memcpy(&plain, &data, sizeof plain);
    return plain;
}

static dnnl_status_t slot_run(const slot *s, const worker_state *worker, const lb_product *product)
{
    dnnl_status_t status = dnnl_memory_set_data_handle(s->a, without_const(product->a));
    if (status == dnnl_success)
    {
        status = dnnl_memory_set_data_handle(s->b, without_const(product->b));
    }
    if (status == dnnl_success)
    {
        status = dnnl_memory_set_data_handle(s->c, product->c);
    }
    if (status != dnnl_success)
    {
        return status;
    }
    const dnnl_exec_arg_t arguments[N_ARGUMENTS] = {{DNNL_ARG_SRC, s->a},
                                                    {DNNL_ARG_WEIGHTS, s->b},
                                                    {DNNL_ARG_DST, s->c},
                                                    {DNNL_ARG_SCRATCHPAD, s->scratchpad}};
    status = dnnl_primitive_execute(s->primitive, worker->stream, N_ARGUMENTS, arguments);
    return status == dnnl_success ? dnnl_stream_wait(worker->stream) : status;
}

static int multiply(struct lb_scratch *scratch, unsigned worker, const lb_product *product)
{
    worker_state *state = &scratch->onednn->workers[worker];
    const int n_openmp_threads = omp_get_max_threads();
    omp_set_num_threads(1);
    slot *s = NULL;
    dnnl_status_t status = slot_find(&s, scratch->onednn, state, product);
    if (status == dnnl_success)
    {
        status = slot_run(s, state, product);
    }
    omp_set_num_threads(n_openmp_threads);
    return (int)status;
}

static void narrow_values(const struct lb_scratch *scratch, void *operand, const float *values,
                          size_t count)
{
    scratch->vector->narrow_bf16((uint16_t *)operand, values, count);
}

const lb_gemm lb_gemm_onednn_bf16 = {.name = "oneDNN bf16",
                                     .element_bytes = sizeof(uint16_t),
                                     .row_multiple = LB_ROW_ROUND,
                                     .convert = narrow_values,
                                     .multiply = multiply};
