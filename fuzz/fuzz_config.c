/* SPDX-License-Identifier: Apache-2.0
 *
 * config.json from a stranger: whatever the bytes, parsing ends in a configuration whose sizes fit
 * each other and whose frequencies are finite, or in a message of one line.
 */
#include "fuzz.h"

#include <math.h>

#include "model/config.h"

static void check_config(const lb_config *config)
{
    require(config->n_layers > 0 && config->d_model > 0 && config->d_ffn > 0);
    require(config->n_kv_heads > 0 && config->n_heads % config->n_kv_heads == 0);
    require(config->head_size > 0 && config->head_size % 2 == 0);
    require(config->norm_epsilon > 0.0F && config->eos >= -1);
    float *frequencies = calloc(config->head_size / 2, sizeof *frequencies);
    require(frequencies != NULL);
    lb_config_frequencies(config, frequencies);
    for (size_t i = 0; i < config->head_size / 2; i++)
    {
        require(isfinite(frequencies[i]) && frequencies[i] >= 0.0F);
    }
    free(frequencies);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lb_config config;
    lobass_error error = {0};
    const lobass_status status =
        lb_config_parse(&config, (const char *)data, size, "config.json", &error);
    if (status == LOBASS_OK)
    {
        fuzz_n_accepted++;
        check_config(&config);
    }
    else
    {
        require_refusal(status, &error, "config.json: ");
    }
    return 0;
}
