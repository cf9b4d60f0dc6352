/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the reader of safetensors on bytes in memory: every tensor that is handed out must lie
 * within them, have the size of its shape, and be found again by its name.
 */
#include "fuzz.h"

#include "format/safetensors_private.h"

static void check_tensor(const lb_safetensors *file, const lb_tensor *tensor,
                         const unsigned char *data, size_t size)
{
    const lb_tensor *found = NULL;
    size_t n_elements = 1;
    for (unsigned i = 0; i < tensor->n_dims; i++)
    {
        n_elements *= tensor->shape[i];
    }
    if (tensor->n_dims > LB_MAX_DIMS || n_elements != tensor->n_elements || tensor->data < data ||
        n_elements * lb_dtype_size(tensor->dtype) > (size_t)(data + size - tensor->data) ||
        lb_safetensors_find(file, tensor->name, &found, NULL) != LOBASS_OK ||
        found->data != tensor->data)
    {
        abort();
    }
    float *values = malloc((n_elements + 1) * sizeof *values);
    if (values != NULL)
    {
        lb_dtype_to_float(values, tensor->data, tensor->dtype, n_elements);
    }
    free(values);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    lb_safetensors *file = NULL;
    lobass_error error = {0};
    if (lb_safetensors_parse(&file, data, size, "input", &error) != LOBASS_OK)
    {
        if (file != NULL || strncmp(error.message, "input: ", 7) != 0)
        {
            abort();
        }
        return 0;
    }
    fuzz_n_accepted++;
    const lb_tensor *tensor = NULL;
    (void)lb_safetensors_find(file, "w", &tensor, &error);
    for (size_t i = 0; i < lb_safetensors_count(file); i++)
    {
        check_tensor(file, lb_safetensors_at(file, i), data, size);
    }
    lb_safetensors_close(file);
    return 0;
}
