/* SPDX-License-Identifier: Apache-2.0
 *
 * Rotary position embeddings (Su et al., 2021): what config.json says about them and the angle per
 * position of every pair of a head, theta^(-2i/s). Two scalings are known, both as transformers
 * computes them: "linear" divides every frequency by a factor; "llama3" divides those of long
 * wavelengths, keeps the short ones and interpolates between. Applying angles is left to compute.
 */
#include "model/config.h"

#include <math.h>
#include <string.h>

static const double two_pi = 6.283185307179586476925;

typedef struct scaling_name
{
    const char *name;
    lb_rope_scaling scaling;
} scaling_name;

static const scaling_name scaling_names[] = {
    {"default", LB_ROPE_NONE},
    {"linear", LB_ROPE_LINEAR},
    {"llama3", LB_ROPE_LLAMA3},
};

typedef struct real_field
{
    const char *key;
    size_t offset;
    lb_rope_scaling first; /* read by this scaling and those after it in the enumeration */
} real_field;

static const real_field real_fields[] = {
    {"factor", offsetof(lb_config, rope_factor), LB_ROPE_LINEAR},
    {"low_freq_factor", offsetof(lb_config, rope_low_frequency_factor), LB_ROPE_LLAMA3},
    {"high_freq_factor", offsetof(lb_config, rope_high_frequency_factor), LB_ROPE_LLAMA3},
    {"original_max_position_embeddings", offsetof(lb_config, rope_original_length), LB_ROPE_LLAMA3},
};

/* A positive number that neither overflows nor vanishes in the formulas below. */
static lobass_status read_positive(const json_t *object, const char *where, const char *key,
                                   bool has_default, double *value, lobass_error *error)
{
    LB_TRY(lb_json_real(object, where, key, has_default, value, error));
    if (!(*value >= 1e-6 && *value <= 1e18))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: field \"%s\": expected a number from 1e-6 to 1e18, found %g", where,
                       key, *value);
    }
    return LOBASS_OK;
}

static lobass_status read_kind(lb_config *config, const json_t *rope, const char *where,
                               lobass_error *error)
{
    const char *name = "default";
    LB_TRY(lb_json_text(rope, where, "type", true, &name, error));
    LB_TRY(lb_json_text(rope, where, "rope_type", true, &name, error));
    for (size_t i = 0; i < sizeof scaling_names / sizeof *scaling_names; i++)
    {
        if (strcmp(name, scaling_names[i].name) == 0)
        {
            config->rope_scaling = scaling_names[i].scaling;
            return LOBASS_OK;
        }
    }
    char quoted[LB_QUOTED_SIZE];
    return lb_fail(error, LOBASS_UNSUPPORTED,
                   "%s: rope type \"%s\" is not supported; supported: default, linear, llama3",
                   where, lb_config_quote(quoted, name));
}

/* rope_scaling and rope_parameters have the same members but for rope_theta. */
static lobass_status read_scaling(lb_config *config, const json_t *rope, const char *where,
                                  lobass_error *error)
{
    LB_TRY(read_kind(config, rope, where, error));
    for (size_t i = 0; i < sizeof real_fields / sizeof *real_fields; i++)
    {
        const real_field *field = &real_fields[i];
        if (config->rope_scaling >= field->first)
        {
            double *target = (double *)(void *)((char *)config + field->offset);
            LB_TRY(read_positive(rope, where, field->key, false, target, error));
        }
    }
    if (config->rope_scaling == LB_ROPE_LLAMA3 &&
        !(config->rope_high_frequency_factor > config->rope_low_frequency_factor))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: field \"high_freq_factor\": expected more than low_freq_factor %g, "
                       "found %g",
                       where, config->rope_low_frequency_factor,
                       config->rope_high_frequency_factor);
    }
    return LOBASS_OK;
}

static bool is_given(const json_t *value)
{
    return value != NULL && !json_is_null(value);
}

lobass_status lb_config_parse_rope(lb_config *config, const json_t *root, double default_theta,
                                   const char *where, lobass_error *error)
{
    config->rope_scaling = LB_ROPE_NONE;
    config->rope_factor = 1.0;
    config->rope_theta = default_theta;
    LB_TRY(read_positive(root, where, "rope_theta", true, &config->rope_theta, error));

    const json_t *parameters = json_object_get(root, "rope_parameters");
    const json_t *scaling = json_object_get(root, "rope_scaling");
    if (is_given(parameters) && is_given(scaling))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: fields \"rope_scaling\" and \"rope_parameters\": expected one of them, "
                       "found both",
                       where);
    }
    const char *key = is_given(parameters) ? "rope_parameters" : "rope_scaling";
    const json_t *rope = is_given(parameters) ? parameters : scaling;
    if (!is_given(rope))
    {
        return LOBASS_OK;
    }
    if (!json_is_object(rope))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: field \"%s\": expected an object or null, found %s", where, key,
                       lb_json_kind(rope));
    }
    lb_buffer inside = {0};
    lobass_status status = LOBASS_OK;
    LB_TRY_GOTO(lb_buffer_print(&inside, error, "%s: field \"%s\"", where, key));
    LB_TRY_GOTO(read_positive(rope, inside.data, "rope_theta", true, &config->rope_theta, error));
    LB_TRY_GOTO(read_scaling(config, rope, inside.data, error));
done:
    lb_buffer_free(&inside);
    return status;
}

/* Source of the formula: transformers, modeling_rope_utils, "llama3". Wavelengths are positions a
 * turn. */
static double scale_llama3(const lb_config *config, double frequency)
{
    const double wavelength = two_pi / frequency;
    const double low = config->rope_low_frequency_factor;
    const double high = config->rope_high_frequency_factor;
    const double original = config->rope_original_length;
    if (wavelength < original / high)
    {
        return frequency;
    }
    if (wavelength > original / low)
    {
        return frequency / config->rope_factor;
    }
    const double smooth = (original / wavelength - low) / (high - low);
    return (1.0 - smooth) * frequency / config->rope_factor + smooth * frequency;
}

void lb_config_frequencies(const lb_config *config, float *frequencies)
{
    for (size_t i = 0; i < config->head_size / 2; i++)
    {
        double frequency = pow(config->rope_theta, -2.0 * (double)i / (double)config->head_size);
        if (config->rope_scaling == LB_ROPE_LINEAR)
        {
            frequency /= config->rope_factor;
        }
        else if (config->rope_scaling == LB_ROPE_LLAMA3)
        {
            frequency = scale_llama3(config, frequency);
        }
        frequencies[i] = (float)frequency;
    }
}
