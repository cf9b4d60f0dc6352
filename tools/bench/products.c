/* SPDX-License-Identifier: Apache-2.0
 *
 * The matrix products of a model and nothing else: every linear layer over all tokens, the head
 * over the scored ones, through the operations' own linear_forward and linear_backward. What they
 * reach is what the rest is held against. The head goes block by block of the vocabulary, as
 * cross-entropy does: its logits are never all there.
 */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_WORDS 1024 /* of a block: its logits stay in cache */

void lb_products_free(lb_products *products)
{
    if (products == NULL)
    {
        return;
    }
    lb_compute_free(products->compute);
    free(products->x);
    free(products->y);
    free(products->grad_x);
    free(products->grad_y);
    free(products);
}

static bool is_layer_matrix(const lb_model *model, const lb_parameter *parameter)
{
    return parameter->n_dims == 2 && parameter != model->embedding && parameter != model->head;
}

static size_t widest(const lb_model *model)
{
    size_t found = HEAD_WORDS;
    for (size_t i = 0; i < model->n_parameters; i++)
    {
        const lb_matrix *m = &model->parameters[i].matrix;
        if (is_layer_matrix(model, &model->parameters[i]))
        {
            found = m->n_in > found ? m->n_in : found;
            found = m->n_out > found ? m->n_out : found;
        }
    }
    return found;
}

/* Room for rows of values between -1 and 1. */
static float *values_create(size_t n_rows, size_t width, uint64_t seed, lobass_error *error)
{
    size_t count = 0;
    if (!lb_size_multiply(n_rows, width, &count))
    {
        (void)lb_fail_memory(error, SIZE_MAX);
        return NULL;
    }
    float *values = lb_alloc(count, sizeof *values, error);
    lb_random random;
    lb_random_init(&random, seed);
    for (size_t i = 0; values != NULL && i < count; i++)
    {
        values[i] = (float)(2 * lb_random_uniform(&random) - 1);
    }
    return values;
}

lobass_status lb_products_create(lb_products **products, const lb_model *model, unsigned n_threads,
                                 size_t max_tokens, lobass_error *error)
{
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    const size_t width = widest(model);
    lb_products *made = lb_alloc(1, sizeof *made, error);
    *products = NULL;
    if (made == NULL)
    {
        return status;
    }
    made->model = model;
    float **const arrays[] = {&made->x, &made->y, &made->grad_x, &made->grad_y};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++)
    {
        *arrays[i] = values_create(max_tokens, width, i, error);
        if (*arrays[i] == NULL)
        {
            goto done;
        }
    }
    LB_TRY_GOTO(lb_compute_create(&made->compute, n_threads, error));
    *products = made;
    made = NULL;
done:
    lb_products_free(made);
    return status;
}

/* The rows WORD up to WORD + HEAD_WORDS of the head, as a matrix. */
static lb_matrix head_block(const lb_matrix *head, size_t word)
{
    const size_t left = head->n_out - word;
    size_t first = word * head->n_in;
    if (head->is_packed)
    {
        size_t count = 0;
        (void)lb_packed_count(&count, word, head->n_in, NULL); /* smaller than what was allocated */
        first = count;
    }
    return (lb_matrix){.n_out = left < HEAD_WORDS ? left : HEAD_WORDS,
                       .n_in = head->n_in,
                       .fp32 = head->fp32 == NULL ? NULL : head->fp32 + first,
                       .bf16 = head->bf16 == NULL ? NULL : head->bf16 + first,
                       .is_packed = head->is_packed};
}

lobass_status lb_products_forward(lb_products *p, size_t n, size_t n_scored, lobass_error *error)
{
    const lb_model *model = p->model;
    lb_compute *c = p->compute;
    for (size_t i = 0; i < model->n_parameters; i++)
    {
        if (is_layer_matrix(model, &model->parameters[i]))
        {
            LB_TRY(lb_linear_forward(c, p->y, p->x, &model->parameters[i].matrix, NULL, n, error));
        }
    }
    for (size_t word = 0; word < model->config.n_vocabulary; word += HEAD_WORDS)
    {
        const lb_matrix block = head_block(&model->head->matrix, word);
        LB_TRY(lb_linear_forward(c, p->y, p->x, &block, NULL, n_scored, error));
    }
    return LOBASS_OK;
}

lobass_status lb_products_backward(lb_products *p, size_t n, size_t n_scored, float *const *grads,
                                   lobass_error *error)
{
    const lb_model *model = p->model;
    lb_compute *c = p->compute;
    float *grad_head = grads[model->head - model->parameters];
    for (size_t word = 0; word < model->config.n_vocabulary; word += HEAD_WORDS)
    {
        const lb_matrix block = head_block(&model->head->matrix, word);
        LB_TRY(lb_linear_backward(c, p->grad_x, grad_head + word * block.n_in, NULL, p->grad_y,
                                  p->x, &block, n_scored, error));
    }
    for (size_t i = model->n_parameters; i-- > 0;)
    {
        if (is_layer_matrix(model, &model->parameters[i]))
        {
            LB_TRY(lb_linear_backward(c, p->grad_x, grads[i], NULL, p->grad_y, p->x,
                                      &model->parameters[i].matrix, n, error));
        }
    }
    return LOBASS_OK;
}
