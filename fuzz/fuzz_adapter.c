/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as adapter_config.json: refused with one line, or settings whose product can be
 * computed and that read back the same from what we write.
 */
#include "fuzz.h"

#include <math.h>

#include "model/lora.h"

static const char name[] = "adapter_config.json";

static void check(const lb_lora_config *config)
{
    require(config->settings.rank > 0 && isfinite(config->settings.alpha));
    require(isfinite(lb_lora_scale(&config->settings)));
    const bool is_adapted = lb_lora_config_adapts(config, "model.layers.0.self_attn.q_proj");
    require(!json_is_string(config->targets) || is_adapted);
    lb_lora_settings settings = config->settings;
    settings.targets = 1;
    const char *base = config->base == NULL ? "base" : config->base;
    char *text = lb_lora_config_print(&settings, base);
    require(text != NULL);
    free(fuzz_file(fuzz_folder(), name, text, strlen(text)));
    free(text);
    lb_lora_config again;
    require(lb_lora_config_load(&again, fuzz_folder(), NULL) == LOBASS_OK);
    require(again.settings.rank == settings.rank && again.settings.alpha == settings.alpha &&
            again.settings.is_rank_stabilized == settings.is_rank_stabilized);
    require(strcmp(again.base, base) == 0);
    lb_lora_config_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lb_lora_config config;
    lobass_error error = {0};
    char *path = fuzz_file(fuzz_folder(), name, data, size);
    const lobass_status status = lb_lora_config_load(&config, fuzz_folder(), &error);
    if (status == LOBASS_OK)
    {
        fuzz_n_accepted++;
        check(&config);
        lb_lora_config_free(&config);
    }
    else
    {
        require_refusal(status, &error, path);
    }
    free(path);
    return 0;
}
