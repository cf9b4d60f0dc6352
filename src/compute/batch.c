/* SPDX-License-Identifier: Apache-2.0
 *
 * What follows from what a batch's sequences go on from.
 */
#include "compute/compute.h"

size_t lb_batch_offset(const lb_batch *batch, size_t sequence)
{
    size_t n_before = batch->n_kept == NULL ? 0 : batch->n_kept[sequence];
    uint32_t parent = lb_batch_parent(batch, sequence);
    while (parent != LB_NO_PARENT)
    {
        n_before += batch->starts[parent + 1] - batch->starts[parent];
        parent = lb_batch_parent(batch, parent);
    }
    return n_before;
}

void lb_batch_positions(const lb_batch *batch, uint32_t *positions)
{
    for (size_t i = 0; i < batch->n_sequences; i++)
    {
        uint32_t position = (uint32_t)lb_batch_offset(batch, i);
        for (size_t token = batch->starts[i]; token < batch->starts[i + 1]; token++)
        {
            positions[token] = position++;
        }
    }
}
