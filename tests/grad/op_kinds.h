/* SPDX-License-Identifier: Apache-2.0
 *
 * The kinds of operation behind op_cases.h: which arrays each takes, how it is called, and what it
 * computes, written out again in double from the definition, with none of the library's code.
 */
#ifndef OP_KINDS_H
#define OP_KINDS_H

#include "grad/op_cases.h"

static const double op_epsilon = 1e-5;

/* ---- linear ------------------------------------------------------------------------------------
 */

static inline void linear_describe(op_data *t)
{
    const op_case *c = t->c;
    t->in[0] = (op_array){.name = "x", .count = t->n * c->d, .spread = 1.0, .is_bf16 = c->is_bf16};
    t->in[1] =
        (op_array){.name = "w", .count = c->n_out * c->d, .spread = 1.0, .is_bf16 = c->is_bf16};
    if (c->has_bias)
    {
        t->in[2] = (op_array){.name = "bias", .count = c->n_out, .spread = 1.0};
    }
    t->out = (op_array){.count = t->n * c->n_out, .spread = 1.0, .is_bf16 = c->is_bf16};
}

static inline lobass_status linear_forward(lb_compute *c, op_data *t)
{
    const lb_matrix *w = op_matrix(t, 1, t->c->n_out, t->c->d);
    return lb_linear_forward(c, t->out.value, t->in[0].value, w, t->in[2].value, t->n, NULL);
}

static inline lobass_status linear_backward(lb_compute *c, op_data *t)
{
    const lb_matrix *w = op_matrix(t, 1, t->c->n_out, t->c->d);
    return lb_linear_backward(c, t->in[0].grad, t->in[1].grad, t->in[2].grad, t->out.grad,
                              t->in[0].value, w, t->n, NULL);
}

static inline void linear_reference(const op_data *t, double *out)
{
    const size_t d = t->c->d;
    for (size_t i = 0; i < t->n; i++)
    {
        for (size_t o = 0; o < t->c->n_out; o++)
        {
            double sum = t->c->has_bias ? t->in[2].exact[o] : 0.0;
            for (size_t j = 0; j < d; j++)
            {
                sum += t->in[0].exact[i * d + j] * t->in[1].exact[o * d + j];
            }
            out[i * t->c->n_out + o] = sum;
        }
    }
}

const op_kind op_linear = {"linear", linear_describe, linear_forward, linear_backward,
                           linear_reference};

/* ---- embedding ---------------------------------------------------------------------------------
 */

static inline void embedding_describe(op_data *t)
{
    t->in[0] = (op_array){
        .name = "table", .count = t->c->n_out * t->c->d, .spread = 1.0, .is_bf16 = t->c->is_bf16};
    t->out = (op_array){.count = t->n * t->c->d, .spread = 1.0};
}

static inline lobass_status embedding_forward(lb_compute *c, op_data *t)
{
    const lb_matrix *table = op_matrix(t, 0, t->c->n_out, t->c->d);
    return lb_embedding_forward(c, t->out.value, table, t->ids, t->n, NULL);
}

static inline lobass_status embedding_backward(lb_compute *c, op_data *t)
{
    return lb_embedding_backward(c, t->in[0].grad, t->out.grad, t->ids, t->n, t->c->d, NULL);
}

static inline void embedding_reference(const op_data *t, double *out)
{
    const size_t d = t->c->d;
    for (size_t i = 0; i < t->n * d; i++)
    {
        out[i] = t->in[0].exact[(size_t)t->ids[i / d] * d + i % d];
    }
}

const op_kind op_embedding = {"embedding", embedding_describe, embedding_forward,
                              embedding_backward, embedding_reference};

/* ---- rms norm ----------------------------------------------------------------------------------
 */

static inline void rms_norm_describe(op_data *t)
{
    t->in[0] = (op_array){.name = "x", .count = t->n * t->c->d, .spread = 2.0};
    t->in[1] = (op_array){.name = "gain", .count = t->c->d, .spread = 1.0};
    t->out = (op_array){.count = t->n * t->c->d, .spread = 1.0};
    t->n_saved = t->n;
}

static inline lobass_status rms_norm_forward(lb_compute *c, op_data *t)
{
    return lb_rms_norm_forward(c, t->out.value, t->saved, t->in[0].value, t->in[1].value,
                               (float)op_epsilon, t->n, t->c->d, NULL);
}

static inline lobass_status rms_norm_backward(lb_compute *c, op_data *t)
{
    return lb_rms_norm_backward(c, t->in[0].grad, t->in[1].grad, t->out.grad, t->in[0].value,
                                t->in[1].value, t->saved, t->n, t->c->d, NULL);
}

static inline void rms_norm_reference(const op_data *t, double *out)
{
    const size_t d = t->c->d;
    for (size_t i = 0; i < t->n; i++)
    {
        const double *x = t->in[0].exact + i * d;
        double mean = 0.0;
        for (size_t j = 0; j < d; j++)
        {
            mean += x[j] * x[j] / (double)d;
        }
        for (size_t j = 0; j < d; j++)
        {
            out[i * d + j] = x[j] * t->in[1].exact[j] / sqrt(mean + op_epsilon);
        }
    }
}

const op_kind op_rms_norm = {"rms norm", rms_norm_describe, rms_norm_forward, rms_norm_backward,
                             rms_norm_reference};

/* ---- rope: in place, so the input is copied to the output first ---------------------------------
 */

static inline void rope_describe(op_data *t)
{
    t->in[0] = (op_array){
        .name = "x", .count = t->n * t->c->h * t->c->s, .spread = 1.0, .is_written = true};
    t->out = (op_array){.count = t->in[0].count, .spread = 1.0};
}

static inline lobass_status rope_forward(lb_compute *c, op_data *t)
{
    memcpy(t->out.value, t->in[0].value, t->out.count * sizeof(float));
    lb_batch_positions(&t->batch, t->positions);
    return lb_rope_forward(c, t->out.value, t->positions, t->n, t->frequencies, t->c->h, t->c->s,
                           NULL);
}

static inline lobass_status rope_backward(lb_compute *c, op_data *t)
{
    memcpy(t->in[0].grad, t->out.grad, t->out.count * sizeof(float));
    return lb_rope_backward(c, t->in[0].grad, t->positions, t->n, t->frequencies, t->c->h, t->c->s,
                            NULL);
}

static inline void rope_reference(const op_data *t, double *out)
{
    const size_t s = t->c->s;
    const size_t half = s / 2;
    for (size_t sequence = 0; sequence < t->batch.n_sequences; sequence++)
    {
        for (size_t token = t->starts[sequence]; token < t->starts[sequence + 1]; token++)
        {
            for (size_t i = 0; i < t->c->h * half; i++)
            {
                const size_t at = token * t->c->h * s + i / half * s + i % half;
                const double angle =
                    (double)(token - t->starts[sequence]) * (double)t->frequencies[i % half];
                const double a = t->in[0].exact[at];
                const double b = t->in[0].exact[at + half];
                out[at] = a * cos(angle) - b * sin(angle);
                out[at + half] = b * cos(angle) + a * sin(angle);
            }
        }
    }
}

const op_kind op_rope = {"rope", rope_describe, rope_forward, rope_backward, rope_reference};

/* ---- attention ---------------------------------------------------------------------------------
 */

static inline void attention_describe(op_data *t)
{
    const size_t query_count = t->n * t->c->h * t->c->s;
    const size_t key_count = t->n * t->c->g * t->c->s;
    t->in[0] = (op_array){.name = "q", .count = query_count, .spread = 1.5};
    t->in[1] = (op_array){.name = "k", .count = key_count, .spread = 1.5};
    t->in[2] = (op_array){.name = "v", .count = key_count, .spread = 1.0};
    t->out = (op_array){.count = query_count, .spread = 1.0};
    t->n_saved = t->n * t->c->h;
}

static inline lb_attention attention_of(const op_data *t)
{
    const op_case *c = t->c;
    return (lb_attention){
        .shape = {.h = c->h, .g = c->g, .s = c->s, .scale = lb_attention_scale(c->s)},
        .q = t->in[0].value,
        .k = t->in[1].value,
        .v = t->in[2].value,
        .batch = &t->batch,
        .out = t->out.value,
        .log_sum_exp = t->saved};
}

static inline lobass_status attention_forward(lb_compute *c, op_data *t)
{
    const lb_attention attention = attention_of(t);
    return lb_attention_forward(c, &attention, NULL);
}

static inline lobass_status attention_backward(lb_compute *c, op_data *t)
{
    const lb_attention attention = attention_of(t);
    return lb_attention_backward(c, t->in[0].grad, t->in[1].grad, t->in[2].grad, t->out.grad,
                                 &attention, NULL);
}

/* One query against the keys FIRST..QUERY, with the probabilities in P. */
static inline void attention_query(const op_data *t, double *p, double *out, size_t first,
                                   size_t query, size_t head)
{
    const op_case *c = t->c;
    const size_t kv_head = head / (c->h / c->g);
    const double *q = t->in[0].exact + (query * c->h + head) * c->s;
    double sum = 0.0;
    for (size_t key = first; key <= query; key++)
    {
        const double *k = t->in[1].exact + (key * c->g + kv_head) * c->s;
        double score = 0.0;
        for (size_t j = 0; j < c->s; j++)
        {
            score += q[j] * k[j];
        }
        p[key - first] = exp(score / sqrt((double)c->s));
        sum += p[key - first];
    }
    for (size_t j = 0; j < c->s; j++)
    {
        double value = 0.0;
        for (size_t key = first; key <= query; key++)
        {
            value += p[key - first] / sum * t->in[2].exact[(key * c->g + kv_head) * c->s + j];
        }
        out[(query * c->h + head) * c->s + j] = value;
    }
}

static inline void attention_reference(const op_data *t, double *out)
{
    double *p = (double *)op_alloc(t->n, sizeof *p);
    for (size_t sequence = 0; sequence < t->batch.n_sequences; sequence++)
    {
        for (size_t query = t->starts[sequence]; query < t->starts[sequence + 1]; query++)
        {
            for (size_t head = 0; head < t->c->h; head++)
            {
                attention_query(t, p, out, t->starts[sequence], query, head);
            }
        }
    }
    free(p);
}

const op_kind op_attention = {"attention", attention_describe, attention_forward,
                              attention_backward, attention_reference};

/* ---- swiglu and add ----------------------------------------------------------------------------
 */

static inline void swiglu_describe(op_data *t)
{
    const size_t count = t->n * t->c->d;
    t->in[0] = (op_array){.name = "gate", .count = count, .spread = 3.0, .is_written = true};
    t->in[1] = (op_array){.name = "up", .count = count, .spread = 1.0, .is_written = true};
    t->out = (op_array){.count = count, .spread = 1.0};
}

static inline lobass_status swiglu_forward(lb_compute *c, op_data *t)
{
    return lb_swiglu_forward(c, t->out.value, t->in[0].value, t->in[1].value, t->n, t->c->d, NULL);
}

static inline lobass_status swiglu_backward(lb_compute *c, op_data *t)
{
    return lb_swiglu_backward(c, t->in[0].grad, t->in[1].grad, t->out.grad, t->in[0].value,
                              t->in[1].value, t->n, t->c->d, NULL);
}

static inline void swiglu_reference(const op_data *t, double *out)
{
    for (size_t i = 0; i < t->out.count; i++)
    {
        const double gate = t->in[0].exact[i];
        out[i] = gate / (1.0 + exp(-gate)) * t->in[1].exact[i];
    }
}

const op_kind op_swiglu = {"swiglu", swiglu_describe, swiglu_forward, swiglu_backward,
                           swiglu_reference};

static inline void add_describe(op_data *t)
{
    const size_t count = t->n * t->c->d;
    t->in[0] = (op_array){.name = "x", .count = count, .spread = 1.0, .has_no_grad = true};
    t->in[1] = (op_array){.name = "y", .count = count, .spread = 1.0, .has_no_grad = true};
    t->out = (op_array){.count = count, .spread = 1.0};
}

static inline lobass_status add_forward(lb_compute *c, op_data *t)
{
    memcpy(t->out.value, t->in[0].value, t->out.count * sizeof(float));
    return lb_add(c, t->out.value, t->in[1].value, t->n, t->c->d, NULL);
}

static inline lobass_status add_backward(lb_compute *c, op_data *t)
{
    (void)c;
    (void)t;
    return LOBASS_OK;
}

static inline void add_reference(const op_data *t, double *out)
{
    for (size_t i = 0; i < t->out.count; i++)
    {
        out[i] = t->in[0].exact[i] + t->in[1].exact[i];
    }
}

const op_kind op_add = {"add", add_describe, add_forward, add_backward, add_reference};

/* ---- cross entropy: the upstream gradient of every loss is the same ----------------------------
 */

static const float cross_entropy_scale = 0.75F;

static inline void cross_entropy_describe(op_data *t)
{
    const op_case *c = t->c;
    const double spread = 2.0 / sqrt((double)c->d);
    t->in[0] = (op_array){.name = "x", .count = t->n * c->d, .spread = 1.0, .is_bf16 = c->is_bf16};
    t->in[1] = (op_array){
        .name = "head", .count = c->n_out * c->d, .spread = spread, .is_bf16 = c->is_bf16};
    t->out = (op_array){.count = t->n, .spread = 1.0};
    t->n_saved = 2 * t->n; /* log_sum_exp, and el2n, which has no backward */
}

static inline lobass_status cross_entropy_forward(lb_compute *c, op_data *t)
{
    const lb_matrix *head = op_matrix(t, 1, t->c->n_out, t->c->d);
    for (size_t i = 0; i < t->n; i++)
    {
        t->out.grad[i] = cross_entropy_scale;
    }
    return lb_cross_entropy_forward(c, t->out.value, t->saved, t->saved + t->n, t->in[0].value,
                                    head, t->ids, t->n, NULL);
}

static inline lobass_status cross_entropy_backward(lb_compute *c, op_data *t)
{
    const lb_matrix *head = op_matrix(t, 1, t->c->n_out, t->c->d);
    return lb_cross_entropy_backward(c, t->in[0].grad, t->in[1].grad, t->in[0].value, head, t->ids,
                                     t->saved, cross_entropy_scale, t->n, NULL);
}

static inline void cross_entropy_reference(const op_data *t, double *out)
{
    const size_t d = t->c->d;
    for (size_t i = 0; i < t->n; i++)
    {
        double sum = 0.0;
        double target = 0.0;
        for (size_t word = 0; word < t->c->n_out; word++)
        {
            double logit = 0.0;
            for (size_t j = 0; j < d; j++)
            {
                logit += t->in[0].exact[i * d + j] * t->in[1].exact[word * d + j];
            }
            sum += exp(logit);
            target = word == (size_t)t->ids[i] ? logit : target;
        }
        out[i] = log(sum) - target;
    }
}

const op_kind op_cross_entropy = {"cross entropy", cross_entropy_describe, cross_entropy_forward,
                                  cross_entropy_backward, cross_entropy_reference};

#endif
