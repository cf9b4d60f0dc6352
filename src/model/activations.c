/* SPDX-License-Identifier: Apache-2.0
 *
 * The memory of a decoder: one block, carved into the arrays of its programs' values and gradients
 * and those of activations.h. The same walk is made twice, first to add up the sizes (checked for
 * overflow), then to hand out the addresses. Nothing else is allocated while batches run.
 */
#include "model/activations.h"

#include <stdlib.h>
#include <string.h>

#include "model/weights.h"

/* MEMORY NULL: only the size is added up. */
typedef struct carver
{
    lb_decoder *decoder;
    char *memory;
    size_t size_bytes;
    size_t n_rows;
    bool is_training;
    float *slots[2 * LB_MOST_VALUES]; /* those of all parts lie over each other */
    float *stream, *gradient;         /* [n, d] what goes from part to part; scoring, training */
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

static lobass_status carve_slots(carver *from, lobass_error *error)
{
    const lb_decoder *decoder = from->decoder;
    size_t widths[2 * LB_MOST_VALUES] = {0};
    for (size_t k = 0; k < decoder->model->config.family->n_parts; k++)
    {
        lb_lifetimes lives;
        lb_lifetimes_find(&lives, &decoder->model->programs[k], from->is_training);
        for (size_t i = 0; i < lives.n_slots; i++)
        {
            widths[i] = lives.widths[i] > widths[i] ? lives.widths[i] : widths[i];
        }
    }
    for (size_t i = 0; i < (size_t)2 * LB_MOST_VALUES; i++)
    {
        const request slot = {(void *)&from->slots[i], widths[i]};
        LB_TRY(carve(from, &slot, 1, error));
    }
    return LOBASS_OK;
}

/* The part before P whose arrays are P's too: of the same kind, where they are computed again. */
static size_t find_twin(const lb_decoder *decoder, size_t p)
{
    const lb_layer *parts = decoder->model->parts;
    size_t twin = decoder->use == LB_DECODER_TRAIN ? p : 0;
    while (twin < p && parts[twin].program != parts[p].program)
    {
        twin++;
    }
    return twin;
}

static lobass_status carve_values(carver *from, size_t p, lobass_error *error)
{
    const lb_decoder *decoder = from->decoder;
    const lb_layer *parts = decoder->model->parts;
    const lb_program *program = parts[p].program;
    const bool is_last = p + 1 == decoder->model->n_parts;
    const size_t twin = find_twin(decoder, p);
    lb_lifetimes lives;
    lb_lifetimes_find(&lives, program, from->is_training);
    for (size_t v = 0; v < program->n_values; v++)
    {
        float **array = &decoder->parts[p].values[v];
        const request own = {(void *)array, program->values[v].width};
        if (v == program->input)
        {
            *array = is_last ? decoder->head.gathered
                     : !from->is_training
                         ? from->stream
                         : decoder->parts[p - 1].values[parts[p - 1].program->output];
        }
        else if (lives.values[v] != LB_NO_INDEX)
        {
            *array = from->slots[lives.values[v]];
        }
        else if (v == program->output && !from->is_training)
        {
            *array = from->stream;
        }
        else if (twin < p && v != program->output)
        {
            *array = decoder->parts[twin].values[v];
        }
        else
        {
            LB_TRY(carve(from, &own, 1, error));
        }
    }
    return LOBASS_OK;
}

static void place_gradients(const carver *from, size_t p)
{
    const lb_decoder *decoder = from->decoder;
    const lb_program *program = decoder->model->parts[p].program;
    const bool is_last = p + 1 == decoder->model->n_parts;
    lb_lifetimes lives;
    lb_lifetimes_find(&lives, program, from->is_training);
    for (size_t v = 0; v < program->n_values; v++)
    {
        const uint8_t root = program->values[v].gradient;
        const uint8_t slot = lives.gradients[root];
        float *leaving = is_last ? decoder->head.grad_hidden : from->gradient;
        decoder->parts[p].gradients[v] = slot == LB_NO_INDEX ? leaving : from->slots[slot];
    }
}

static lobass_status carve_all(carver *from, lobass_error *error)
{
    lb_decoder *decoder = from->decoder;
    lb_head_activations *head = &decoder->head;
    lb_lora_activations *adapted = &decoder->adapted;
    const lb_lora *lora = decoder->lora;
    const size_t d = decoder->model->config.d_model;
    const size_t rank = lora == NULL ? 0 : lora->settings.rank;
    const request requests[] = {
        {(void *)&from->stream, from->is_training ? 0 : d},
        {(void *)&from->gradient, from->is_training ? d : 0},
        {(void *)&head->gathered, d},
        {(void *)&head->grad_hidden, from->is_training ? d : 0},
        {(void *)&head->nll, 1},
        {(void *)&head->log_sum_exp, 1},
        {(void *)&head->targets, 1},
        {(void *)&head->predictors, 1},
        {(void *)&decoder->rows.positions, 1},
        {(void *)&decoder->rows.needed, 1},
        {(void *)&decoder->rows.needed_positions, 1},
        {(void *)&decoder->rows.place, 1},
        {(void *)&adapted->low, rank},
        {(void *)&adapted->added, lora == NULL ? 0 : lora->most_out},
        {(void *)&adapted->grad_low, from->is_training ? rank : 0},
    };
    LB_TRY(CARVE(from, requests, error));
    LB_TRY(carve_slots(from, error));
    for (size_t p = 0; p < decoder->model->n_parts; p++)
    {
        LB_TRY(carve_values(from, p, error));
        place_gradients(from, p);
    }
    return LOBASS_OK;
}

static lobass_status create_pointers(lb_decoder *decoder, lobass_error *error)
{
    const lb_model *model = decoder->model;
    size_t count = 0;
    for (size_t p = 0; p < model->n_parts; p++)
    {
        count += 2 * model->parts[p].program->n_values;
    }
    decoder->parts = lb_alloc(model->n_parts, sizeof *decoder->parts, error);
    decoder->pointers =
        decoder->parts == NULL ? NULL : lb_alloc(count, sizeof *decoder->pointers, error);
    float **left = decoder->pointers;
    for (size_t p = 0; left != NULL && p < model->n_parts; p++)
    {
        const size_t n_values = model->parts[p].program->n_values;
        decoder->parts[p] = (lb_arrays){left, left + n_values};
        left += 2 * n_values;
    }
    return left == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
}

static lobass_status measure(carver *from, lb_decoder *decoder, lobass_error *error)
{
    *from = (carver){.decoder = decoder,
                     .n_rows = decoder->max_tokens,
                     .is_training = decoder->use != LB_DECODER_SCORE};
    LB_TRY(create_pointers(decoder, error));
    return carve_all(from, error);
}

lobass_status lb_activations_create(lb_decoder *decoder, lobass_error *error)
{
    carver from;
    LB_TRY(measure(&from, decoder, error));
    decoder->memory = lb_alloc(from.size_bytes, 1, error);
    if (decoder->memory == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    from.memory = decoder->memory;
    from.size_bytes = 0;
    return carve_all(&from, error);
}

lobass_status lb_decoder_bytes(size_t *size_bytes, const lb_config *config, size_t max_tokens,
                               lb_decoder_use use, lobass_error *error)
{
    lb_model *layout = NULL;
    LB_TRY(lb_model_create_layout(&layout, config, error));
    lb_decoder decoder = {.model = layout, .max_tokens = max_tokens, .use = use};
    carver from;
    const lobass_status status = measure(&from, &decoder, error);
    *size_bytes = status == LOBASS_OK ? from.size_bytes : 0;
    free(decoder.pointers);
    free(decoder.parts);
    lb_model_free(layout);
    return status;
}
