/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns seeded randomness: xoshiro256** (Blackman & Vigna, "Scrambled linear pseudorandom number
 * generators", 2018), its state filled by splitmix64, so that near seeds give unrelated streams.
 * The same seed gives the same numbers on every machine; normal numbers go through log and sqrt of
 * the C library, of which sqrt is exact and log is the only part that another library may round
 * differently.
 */
#include "base/base.h"

#include <math.h>

static uint64_t rotate_left(uint64_t value, unsigned bits)
{
    return (value << bits) | (value >> (64U - bits));
}

static uint64_t splitmix64(uint64_t *state)
{
    *state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t mixed = *state;
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94D049BB133111EB);
    return mixed ^ (mixed >> 31);
}

void lb_random_init(lb_random *random, uint64_t seed)
{
    for (size_t i = 0; i < 4; i++)
    {
        random->state[i] = splitmix64(&seed);
    }
}

uint64_t lb_random_next(lb_random *random)
{
    uint64_t *state = random->state;
    const uint64_t result = rotate_left(state[1] * 5, 7) * 9;
    const uint64_t shifted = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotate_left(state[3], 45);
    return result;
}

uint64_t lb_random_below(lb_random *random, uint64_t bound)
{
    if (bound < 2)
    {
        return 0;
    }
    /* Values below 2^64 mod BOUND would make the small remainders more likely; draw again. */
    const uint64_t threshold = (0 - bound) % bound;
    uint64_t value = lb_random_next(random);
    while (value < threshold)
    {
        value = lb_random_next(random);
    }
    return value % bound;
}

double lb_random_uniform(lb_random *random)
{
    return (double)(lb_random_next(random) >> 11) * 0x1.0p-53;
}

double lb_random_normal(lb_random *random)
{
    /* Marsaglia's polar method; the second number of the pair is dropped to keep no state. */
    for (;;)
    {
        const double x = 2.0 * lb_random_uniform(random) - 1.0;
        const double y = 2.0 * lb_random_uniform(random) - 1.0;
        const double square = x * x + y * y;
        if (square > 0.0 && square < 1.0)
        {
            return x * sqrt(-2.0 * log(square) / square);
        }
    }
}

void lb_random_shuffle(lb_random *random, uint64_t *values, size_t count)
{
    for (size_t i = count; i > 1; i--)
    {
        const size_t other = (size_t)lb_random_below(random, i);
        const uint64_t held = values[i - 1];
        values[i - 1] = values[other];
        values[other] = held;
    }
}
