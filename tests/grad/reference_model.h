/* SPDX-License-Identifier: Apache-2.0
 *
 * A second decoder, for the tests: Llama's loss in plain double arithmetic, one token after the
 * other, written from the architecture's definition and sharing nothing with src/model but the
 * names of the parameters. Slow and simple: every key and value of a sequence is kept, every logit
 * is computed. Header only, for one test program.
 */
#ifndef TESTS_GRAD_REFERENCE_MODEL_H
#define TESTS_GRAD_REFERENCE_MODEL_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"

typedef struct reference_model
{
    const lb_config *config;
    size_t n_parameters;
    const char **names;
    double **values; /* [n_parameters], row-major; the test changes single elements */
} reference_model;

static reference_model reference_create(const lb_model *model)
{
    reference_model made = {.config = &model->config, .n_parameters = model->n_parameters};
    made.names = calloc(model->n_parameters, sizeof *made.names);
    made.values = calloc(model->n_parameters, sizeof *made.values);
    for (size_t i = 0; i < model->n_parameters; i++)
    {
        const lb_parameter *parameter = &model->parameters[i];
        made.names[i] = parameter->name;
        made.values[i] = calloc(parameter->count, sizeof(double));
        for (size_t j = 0; j < parameter->count; j++)
        {
            made.values[i][j] = (double)parameter->master[j];
        }
    }
    return made;
}

static void reference_free(reference_model *model)
{
    for (size_t i = 0; i < model->n_parameters; i++)
    {
        free(model->values[i]);
    }
    free(model->values);
    free(model->names);
}

/* NULL where the model has no such parameter. Layer below 0: NAME is the whole name. */
static const double *reference_find(const reference_model *model, long layer, const char *name)
{
    char full[160];
    if (layer < 0)
    {
        snprintf(full, sizeof full, "%s", name);
    }
    else
    {
        snprintf(full, sizeof full, "model.layers.%ld.%s", layer, name);
    }
    for (size_t i = 0; i < model->n_parameters; i++)
    {
        if (strcmp(model->names[i], full) == 0)
        {
            return model->values[i];
        }
    }
    return NULL;
}

/* y[n_out] = W x + b of the projection NAME. */
static void reference_linear(const reference_model *model, long layer, const char *name,
                             const double *x, size_t n_in, double *y, size_t n_out)
{
    char full[96];
    snprintf(full, sizeof full, "%s.weight", name);
    const double *w = reference_find(model, layer, full);
    snprintf(full, sizeof full, "%s.bias", name);
    const double *bias = reference_find(model, layer, full);
    for (size_t i = 0; i < n_out; i++)
    {
        y[i] = bias == NULL ? 0.0 : bias[i];
        for (size_t j = 0; j < n_in; j++)
        {
            y[i] += w[i * n_in + j] * x[j];
        }
    }
}

static void reference_norm(const reference_model *model, long layer, const char *name,
                           const double *x, double *y)
{
    const size_t d = model->config->d_model;
    const double *gain = reference_find(model, layer, name);
    double squares = 0.0;
    for (size_t i = 0; i < d; i++)
    {
        squares += x[i] * x[i];
    }
    const double root = sqrt(squares / (double)d + (double)model->config->norm_epsilon);
    for (size_t i = 0; i < d; i++)
    {
        y[i] = x[i] / root * gain[i];
    }
}

/* The angle a position of pair I of a head, from the definition of the scalings. */
static double reference_frequency(const lb_config *config, size_t i)
{
    const double base = pow(config->rope_theta, 2.0 * (double)i / (double)config->head_size);
    if (config->rope_scaling == LB_ROPE_NONE)
    {
        return 1.0 / base;
    }
    if (config->rope_scaling == LB_ROPE_LINEAR)
    {
        return 1.0 / (base * config->rope_factor);
    }
    const double turns = config->rope_original_length / (2.0 * acos(-1.0) * base);
    const double low = config->rope_low_frequency_factor;
    const double high = config->rope_high_frequency_factor;
    double share = (turns - low) / (high - low); /* of the unscaled frequency */
    share = share < 0.0 ? 0.0 : share;
    share = share > 1.0 ? 1.0 : share;
    return share / base + (1.0 - share) / (base * config->rope_factor);
}

static void reference_rotate(const lb_config *config, double *x, size_t n_heads, size_t position)
{
    const size_t half = config->head_size / 2;
    for (size_t head = 0; head < n_heads; head++)
    {
        for (size_t i = 0; i < half; i++)
        {
            const double angle = (double)position * reference_frequency(config, i);
            double *a = &x[head * config->head_size + i];
            double *b = a + half;
            const double rotated = *a * cos(angle) - *b * sin(angle);
            *b = *b * cos(angle) + *a * sin(angle);
            *a = rotated;
        }
    }
}

/* out[h*s] at POSITION from the keys and values [length, g*s] up to it. */
static void reference_attend(const lb_config *config, const double *q, const double *keys,
                             const double *values, size_t position, double *out)
{
    const size_t s = config->head_size;
    const size_t width = config->n_kv_heads * s;
    double *weights = calloc(position + 1, sizeof *weights);
    for (size_t head = 0; head < config->n_heads; head++)
    {
        const size_t group = head * config->n_kv_heads / config->n_heads;
        double sum = 0.0;
        for (size_t t = 0; t <= position; t++)
        {
            double dot = 0.0;
            for (size_t i = 0; i < s; i++)
            {
                dot += q[head * s + i] * keys[t * width + group * s + i];
            }
            weights[t] = exp(dot / sqrt((double)s));
            sum += weights[t];
        }
        for (size_t i = 0; i < s; i++)
        {
            out[head * s + i] = 0.0;
            for (size_t t = 0; t <= position; t++)
            {
                out[head * s + i] += weights[t] / sum * values[t * width + group * s + i];
            }
        }
    }
    free(weights);
}

/* x[length, d] through one layer, in place. */
static void reference_layer(const reference_model *model, long layer, double *x, size_t length)
{
    const lb_config *config = model->config;
    const size_t d = config->d_model;
    const size_t f = config->d_ffn;
    const size_t query = config->n_heads * config->head_size;
    const size_t width = config->n_kv_heads * config->head_size;
    double *work = calloc(2 * length * width + 2 * d + 2 * query + 2 * f, sizeof *work);
    double *keys = work;
    double *values = keys + length * width;
    double *normed = values + length * width;
    double *added = normed + d;
    double *q = added + d;
    double *attention = q + query;
    double *gate = attention + query;
    double *up = gate + f;
    for (size_t t = 0; t < length; t++, x += d)
    {
        reference_norm(model, layer, "input_layernorm.weight", x, normed);
        reference_linear(model, layer, "self_attn.q_proj", normed, d, q, query);
        reference_linear(model, layer, "self_attn.k_proj", normed, d, keys + t * width, width);
        reference_linear(model, layer, "self_attn.v_proj", normed, d, values + t * width, width);
        reference_rotate(config, q, config->n_heads, t);
        reference_rotate(config, keys + t * width, config->n_kv_heads, t);
        reference_attend(config, q, keys, values, t, attention);
        reference_linear(model, layer, "self_attn.o_proj", attention, query, added, d);
        for (size_t i = 0; i < d; i++)
        {
            x[i] += added[i];
        }
        reference_norm(model, layer, "post_attention_layernorm.weight", x, normed);
        reference_linear(model, layer, "mlp.gate_proj", normed, d, gate, f);
        reference_linear(model, layer, "mlp.up_proj", normed, d, up, f);
        for (size_t i = 0; i < f; i++)
        {
            gate[i] = gate[i] / (1.0 + exp(-gate[i])) * up[i];
        }
        reference_linear(model, layer, "mlp.down_proj", gate, f, added, d);
        for (size_t i = 0; i < d; i++)
        {
            x[i] += added[i];
        }
    }
    free(work);
}

/* -ln p(TARGET) from the residual stream x[d] at the position before it. */
static double reference_nll(const reference_model *model, const double *x, size_t target)
{
    const lb_config *config = model->config;
    const size_t d = config->d_model;
    double *normed = calloc(d, sizeof *normed);
    reference_norm(model, -1, "model.norm.weight", x, normed);
    const double *head = reference_find(
        model, -1, config->has_tied_head ? "model.embed_tokens.weight" : "lm_head.weight");
    double sum = 0.0;
    double wanted = 0.0;
    for (size_t token = 0; token < config->n_vocabulary; token++)
    {
        double logit = 0.0;
        for (size_t i = 0; i < d; i++)
        {
            logit += head[token * d + i] * normed[i];
        }
        sum += exp(logit);
        wanted = token == target ? logit : wanted;
    }
    free(normed);
    return log(sum) - wanted;
}

/* The sum of the losses of BATCH's scored tokens; nll[n_scored] (or NULL) receives each. */
static double reference_loss(const reference_model *model, const lb_batch *batch, double *nll)
{
    const size_t d = model->config->d_model;
    const double *embedding = reference_find(model, -1, "model.embed_tokens.weight");
    double *x = calloc(batch->n_tokens * d, sizeof *x);
    for (size_t i = 0; i < batch->n_sequences; i++)
    {
        const size_t start = batch->starts[i];
        const size_t length = batch->starts[i + 1] - start;
        for (size_t t = start; t < start + length; t++)
        {
            memcpy(x + t * d, embedding + (size_t)batch->ids[t] * d, d * sizeof *x);
        }
        for (size_t layer = 0; layer < model->config->n_layers; layer++)
        {
            reference_layer(model, (long)layer, x + start * d, length);
        }
    }
    double sum = 0.0;
    for (size_t i = 0; i < batch->n_scored; i++)
    {
        const size_t token = batch->scored[i];
        const double loss = reference_nll(model, x + (token - 1) * d, (size_t)batch->ids[token]);
        sum += loss;
        if (nll != NULL)
        {
            nll[i] = loss;
        }
    }
    free(x);
    return sum;
}

#endif
