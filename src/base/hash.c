/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns fingerprints: XXH3 of 128 bits from libxxhash, whole or piece by piece. The two ways give
 * the same value, and the text is that of `xxh128sum` (high half first).
 */
#include "base/base.h"

#include <inttypes.h>
#include <stdlib.h>
#include <xxhash.h>

/* xxhash keeps the state behind an opaque pointer that it aligns itself. */
struct lb_hasher
{
    XXH3_state_t *state;
};

static lb_hash from_xxh(XXH128_hash_t value)
{
    return (lb_hash){.high = value.high64, .low = value.low64};
}

lb_hash lb_hash_bytes(const void *data, size_t size_bytes, uint64_t seed)
{
    return from_xxh(XXH3_128bits_withSeed(data, size_bytes, seed));
}

bool lb_hash_equal(lb_hash a, lb_hash b)
{
    return a.high == b.high && a.low == b.low;
}

void lb_hash_text(lb_hash hash, char text[LB_HASH_TEXT_SIZE])
{
    (void)snprintf(text, LB_HASH_TEXT_SIZE, "%016" PRIx64 "%016" PRIx64, hash.high, hash.low);
}

lobass_status lb_hasher_create(lb_hasher **hasher, uint64_t seed, lobass_error *error)
{
    *hasher = NULL;
    lb_hasher *made = malloc(sizeof *made);
    XXH3_state_t *state = XXH3_createState();
    if (made == NULL || state == NULL || XXH3_128bits_reset_withSeed(state, seed) == XXH_ERROR)
    {
        (void)XXH3_freeState(state);
        free(made);
        return lb_fail_memory(error, sizeof *made);
    }
    made->state = state;
    *hasher = made;
    return LOBASS_OK;
}

void lb_hasher_update(lb_hasher *hasher, const void *data, size_t size_bytes)
{
    if (size_bytes > 0)
    {
        /* Fails only for a NULL state or a NULL pointer to more than no bytes. */
        (void)XXH3_128bits_update(hasher->state, data, size_bytes);
    }
}

lb_hash lb_hasher_value(const lb_hasher *hasher)
{
    return from_xxh(XXH3_128bits_digest(hasher->state));
}

void lb_hasher_free(lb_hasher *hasher)
{
    if (hasher == NULL)
    {
        return;
    }
    (void)XXH3_freeState(hasher->state);
    free(hasher);
}
