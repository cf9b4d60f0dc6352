/* SPDX-License-Identifier: Apache-2.0
 *
 * The memory of a decoder: one block, carved into the arrays of activations.h. The same table of
 * requests is walked twice, first to add up the sizes (checked for overflow), then to hand out the
 * addresses. Nothing else is allocated while batches run.
 */
#include "model/activations.h"

#include <string.h>

#include "model/weights.h"

/* MEMORY NULL: only the size is added up. */
typedef struct carver
{
    char *memory;
    size_t size_bytes;
    size_t n_rows; /* padded */
} carver;

typedef struct request
{
    void *pointer; /* of the array's pointer: float **, int32_t ** or uint32_t ** */
    size_t width;  /* elements of four bytes a row */
} request;

static lobass_status carve(carver *from, const request *requests, size_t n_requests,
                           lobass_error *error)
{
    for (size_t i = 0; i < n_requests; i++)
    {
        size_t count = 0;
        size_t offset = 0;
        if (!lb_size_multiply(from->n_rows, requests[i].width, &count))
        {
            return lb_fail_memory(error, SIZE_MAX);
        }
        LB_TRY(lb_layout_reserve(&from->size_bytes, count, sizeof(float), &offset, error));
        if (from->memory != NULL)
        {
            char *array = from->memory + offset;
            memcpy(requests[i].pointer, &array, sizeof array);
        }
    }
    return LOBASS_OK;
}

#define CARVE(from, requests, error) \
    carve(from, requests, sizeof(requests) / sizeof *(requests), error)

static lobass_status carve_layer(carver *from, const lb_config *config, lb_layer_activations *a,
                                 lobass_error *error)
{
    const size_t d = config->d_model;
    const size_t query = config->n_heads * config->head_size;
    const size_t key_value = config->n_kv_heads * config->head_size;
    const request requests[] = {
        {(void *)&a->x, d},
        {(void *)&a->input_inverse_rms, 1},
        {(void *)&a->q, query},
        {(void *)&a->k, key_value},
        {(void *)&a->v, key_value},
        {(void *)&a->attention, query},
        {(void *)&a->middle, d},
        {(void *)&a->log_sum_exp, config->n_heads},
        {(void *)&a->gate, config->d_ffn},
        {(void *)&a->post_inverse_rms, 1},
        {(void *)&a->up, config->d_ffn},
    };
    return CARVE(from, requests, error);
}

static lobass_status carve_layers(carver *from, lb_decoder *decoder, lobass_error *error)
{
    const lb_config *config = &decoder->model->config;
    lb_layer_activations *layers = decoder->layers;
    if (decoder->use == LB_DECODER_SCORE)
    {
        LB_TRY(carve_layer(from, config, &layers[0], error));
        layers[0].next = layers[0].x;
        for (size_t l = 1; l < config->n_layers; l++)
        {
            layers[l] = layers[0];
        }
        return LOBASS_OK;
    }
    for (size_t l = 0; l < config->n_layers; l++)
    {
        const request own[] = {{(void *)&layers[l].x, config->d_model}};
        if (l == 0 || decoder->use == LB_DECODER_TRAIN)
        {
            LB_TRY(carve_layer(from, config, &layers[l], error));
            continue;
        }
        layers[l] = layers[0];
        LB_TRY(CARVE(from, own, error));
    }
    const request last[] = {{(void *)&layers[config->n_layers - 1].next, config->d_model}};
    LB_TRY(CARVE(from, last, error));
    for (size_t l = 0; l + 1 < config->n_layers; l++)
    {
        layers[l].next = layers[l + 1].x;
    }
    return LOBASS_OK;
}

static lobass_status carve_gradients(carver *from, lb_decoder *decoder, lobass_error *error)
{
    const lb_config *config = &decoder->model->config;
    const size_t query = config->n_heads * config->head_size;
    const size_t key_value = config->n_kv_heads * config->head_size;
    lb_gradients *g = &decoder->gradients;
    const request requests[] = {
        {(void *)&g->x, config->d_model},
        {(void *)&g->normed, config->d_model},
        {(void *)&g->attention, query},
        {(void *)&g->q, query},
        {(void *)&g->k, key_value},
        {(void *)&g->v, key_value},
        {(void *)&g->active, config->d_ffn},
        {(void *)&g->gate, config->d_ffn},
        {(void *)&g->hidden, config->d_model},
        {(void *)&g->gathered, config->d_model},
    };
    LB_TRY(CARVE(from, requests, error));
    g->up = decoder->scratch.active;
    return LOBASS_OK;
}

static lobass_status carve_adapted(carver *from, lb_decoder *decoder, lobass_error *error)
{
    const lb_lora *lora = decoder->lora;
    lb_lora_activations *adapted = &decoder->adapted;
    if (lora == NULL)
    {
        return LOBASS_OK;
    }
    const request requests[] = {
        {(void *)&adapted->low, lora->settings.rank},
        {(void *)&adapted->added, lora->most_out},
        {(void *)&adapted->grad_low, decoder->use != LB_DECODER_SCORE ? lora->settings.rank : 0},
    };
    return CARVE(from, requests, error);
}

static lobass_status carve_all(carver *from, lb_decoder *decoder, lobass_error *error)
{
    const lb_config *config = &decoder->model->config;
    LB_TRY(carve_layers(from, decoder, error));
    lb_head_activations *head = &decoder->head;
    const request requests[] = {
        {(void *)&decoder->scratch.normed, config->d_model},
        {(void *)&decoder->scratch.active, config->d_ffn},
        {(void *)&head->gathered, config->d_model},
        {(void *)&head->hidden, config->d_model},
        {(void *)&head->inverse_rms, 1},
        {(void *)&head->nll, 1},
        {(void *)&head->log_sum_exp, 1},
        {(void *)&head->targets, 1},
        {(void *)&head->predictors, 1},
        {(void *)&decoder->rows.positions, 1},
        {(void *)&decoder->rows.needed, 1},
        {(void *)&decoder->rows.needed_positions, 1},
        {(void *)&decoder->rows.place, 1},
    };
    LB_TRY(CARVE(from, requests, error));
    LB_TRY(carve_adapted(from, decoder, error));
    return decoder->use != LB_DECODER_SCORE ? carve_gradients(from, decoder, error) : LOBASS_OK;
}

lobass_status lb_activations_create(lb_decoder *decoder, lobass_error *error)
{
    carver from = {.n_rows = lb_rows_padded(decoder->max_tokens)};
    if (from.n_rows < decoder->max_tokens)
    {
        return lb_fail_memory(error, SIZE_MAX);
    }
    decoder->layers =
        lb_alloc(decoder->model->config.n_layers, sizeof(lb_layer_activations), error);
    if (decoder->layers == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    LB_TRY(carve_all(&from, decoder, error));
    decoder->memory = lb_alloc(from.size_bytes, 1, error);
    if (decoder->memory == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    from.memory = decoder->memory;
    from.size_bytes = 0;
    return carve_all(&from, decoder, error);
}
