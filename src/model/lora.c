/* SPDX-License-Identifier: Apache-2.0
 *
 * Low-rank adapters (LoRA: Hu et al., 2021): which matrices have one, and its parameters. What it
 * adds to a product is in lora_products.c.
 */
#include "model/lora.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/program.h"
#include "model/weights.h"

#define MOST_TARGETS 32 /* bits of lb_lora_settings.targets */

#define WEIGHT_SUFFIX ".weight"

/* Puts TARGET (NULL: none) behind the N_NAMES of NAMES where it is not among them; returns how many
 * there are then. Of more than MOST_TARGETS the first have a place. */
static unsigned add_target(const char *names[MOST_TARGETS], unsigned n_names, const char *target)
{
    bool is_new = target != NULL;
    for (unsigned k = 0; is_new && k < n_names && k < MOST_TARGETS; k++)
    {
        is_new = strcmp(names[k], target) != 0;
    }
    if (is_new && n_names < MOST_TARGETS)
    {
        names[n_names] = target;
    }
    return n_names + (is_new ? 1 : 0);
}

/* The names that the rules of the families' layers have, in their order. */
static unsigned list_targets(const char *names[MOST_TARGETS])
{
    unsigned n_names = 0;
    const lb_architecture *family = NULL;
    for (size_t f = 0; (family = lb_architecture_at(f)) != NULL; f++)
    {
        for (size_t p = 1; p + 1 < family->n_parts; p++)
        {
            for (size_t i = 0; i < family->parts[p].n_rules; i++)
            {
                n_names = add_target(names, n_names, family->parts[p].rules[i].target);
            }
        }
    }
    return n_names;
}

/* A target without a bit would take no adapter and nobody would know. */
static lobass_status check_targets(lobass_error *error)
{
    const char *names[MOST_TARGETS];
    const unsigned n_names = list_targets(names);
    return n_names <= MOST_TARGETS
               ? LOBASS_OK
               : lb_fail(error, LOBASS_UNSUPPORTED,
                         "adapters: %u targets in all families, expected at most %d", n_names,
                         MOST_TARGETS);
}

const char *lb_lora_target_name(unsigned bit)
{
    const char *names[MOST_TARGETS];
    return bit < MOST_TARGETS && bit < list_targets(names) ? names[bit] : NULL;
}

double lb_lora_scale(const lb_lora_settings *settings)
{
    const double rank = (double)settings->rank;
    return settings->alpha / (settings->is_rank_stabilized ? sqrt(rank) : rank);
}

/* ---- shape ------------------------------------------------------------------------------------
 */

/* The bit of PARAMETER's target; 0: it takes no adapter. */
static uint32_t target_bit(const lb_parameter *parameter)
{
    const char *names[MOST_TARGETS];
    const unsigned n_names = list_targets(names);
    for (unsigned bit = 0; parameter->target != NULL && bit < n_names && bit < MOST_TARGETS; bit++)
    {
        if (strcmp(parameter->target, names[bit]) == 0)
        {
            return 1U << bit;
        }
    }
    return 0;
}

bool lb_lora_module_name(char name[LB_MODULE_NAME_SIZE], const lb_parameter *parameter)
{
    if (parameter->target == NULL)
    {
        return false;
    }
    const size_t size = strlen(parameter->name) - (sizeof WEIGHT_SUFFIX - 1);
    memcpy(name, parameter->name, size);
    name[size] = '\0';
    return true;
}

/* MATRIX is 'A' [rank, n_in] or 'B' [n_out, rank]. */
static lobass_status shape_set(lb_parameter *made, const lb_parameter *adapted, char matrix,
                               size_t rank, lobass_error *error)
{
    char module[LB_MODULE_NAME_SIZE];
    (void)lb_lora_module_name(module, adapted);
    const int size = snprintf(made->name, sizeof made->name, "base_model.model.%s.lora_%c.weight",
                              module, matrix);
    const size_t n_out = matrix == 'A' ? rank : adapted->matrix.n_out;
    const size_t n_in = matrix == 'A' ? adapted->matrix.n_in : rank;
    if (size < 0 || (size_t)size >= sizeof made->name ||
        !lb_size_multiply(n_out, n_in, &made->count))
    {
        return lb_fail_memory(error, SIZE_MAX);
    }
    made->stored_dtype = LB_F32;
    made->n_dims = 2;
    made->shape[0] = n_out;
    made->shape[1] = n_in;
    made->has_decay = true;
    made->matrix = (lb_matrix){.n_out = n_out, .n_in = n_in};
    return LOBASS_OK;
}

static lobass_status shapes_set(lb_lora *lora, const lb_model *model, const bool *is_adapted,
                                lobass_error *error)
{
    for (size_t i = 0; i < model->n_parameters; i++)
    {
        if (!is_adapted[i])
        {
            continue;
        }
        const lb_parameter *adapted = &model->parameters[i];
        lb_parameter *a = &lora->parameters[lora->n_parameters];
        LB_TRY(shape_set(a, adapted, 'A', lora->settings.rank, error));
        LB_TRY(shape_set(a + 1, adapted, 'B', lora->settings.rank, error));
        lora->a_of[i] = a;
        lora->n_parameters += 2;
        lora->n_elements += a[0].count + a[1].count;
        lora->most_out =
            adapted->matrix.n_out > lora->most_out ? adapted->matrix.n_out : lora->most_out;
        lora->settings.targets |= target_bit(adapted);
    }
    return LOBASS_OK;
}

void lb_lora_free(lb_lora *lora)
{
    if (lora == NULL)
    {
        return;
    }
    free(lora->memory);
    free(lora->a_of);
    free(lora->parameters);
    free(lora);
}

lobass_status lb_lora_attach(lb_model *model, const lb_lora_settings *settings,
                             const bool *is_adapted, lb_dtype compute_dtype, lobass_error *error)
{
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    lb_lora *made = lb_alloc(1, sizeof *made, error);
    if (made == NULL)
    {
        return status;
    }
    made->settings = *settings;
    made->settings.targets = 0;
    made->scale = (float)lb_lora_scale(settings);
    made->parameters = lb_alloc(2 * model->n_parameters, sizeof *made->parameters, error);
    made->a_of = made->parameters == NULL
                     ? NULL
                     : lb_alloc(model->n_parameters, sizeof(const lb_parameter *), error);
    if (made->a_of == NULL)
    {
        goto done;
    }
    LB_TRY_GOTO(check_targets(error));
    LB_TRY_GOTO(shapes_set(made, model, is_adapted, error));
    LB_TRY_GOTO(lb_values_create(&made->memory,
                                 (lb_parameter_list){made->parameters, made->n_parameters},
                                 compute_dtype, LB_MODEL_TRAIN, error));
    lb_lora_free(model->lora);
    model->lora = made;
    made = NULL;
done:
    lb_lora_free(made);
    return status;
}

/* torch's kaiming_uniform_(a=sqrt(5)): uniform in +-1/sqrt(n_in). Each from its own name, so that
 * it does not depend on which others there are. */
static void randomize(lb_parameter *a, uint64_t seed)
{
    lb_random random;
    const double bound = 1.0 / sqrt((double)a->matrix.n_in);
    lb_random_init(&random, lb_hash_bytes(a->name, strlen(a->name), seed).low);
    for (size_t i = 0; i < a->count; i++)
    {
        a->master[i] = (float)(bound * (2.0 * lb_random_uniform(&random) - 1.0));
    }
}

lobass_status lb_lora_create(lb_model *model, const lb_lora_settings *settings,
                             lb_dtype compute_dtype, uint64_t seed, lobass_error *error)
{
    bool *is_adapted = lb_alloc(model->n_parameters, sizeof *is_adapted, error);
    if (is_adapted == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < model->n_parameters; i++)
    {
        is_adapted[i] = (target_bit(&model->parameters[i]) & settings->targets) != 0;
    }
    const lobass_status status = lb_lora_attach(model, settings, is_adapted, compute_dtype, error);
    free(is_adapted);
    LB_TRY(status);
    for (size_t i = 0; i < model->lora->n_parameters; i += 2)
    {
        randomize(&model->lora->parameters[i], seed);
    }
    lb_model_refresh(model);
    return LOBASS_OK;
}
