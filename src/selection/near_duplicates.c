/* SPDX-License-Identifier: Apache-2.0
 *
 * Near-duplicates among rows: what a row is, is its set of shingles (Broder, "On the resemblance
 * and containment of documents", 1997): all runs of 5 token ids of the frozen row, prompt and
 * response alike, each hashed to 64 bits; a row of fewer tokens has one, all of it. Shingles of the
 * template's own text are left out, which every row has. Two rows are near-duplicates where the
 * Jaccard index of their sets, common / in either, is at least the threshold.
 *
 * Candidates come from MinHash with banding (Leskovec, Rajaraman and Ullman, "Mining of Massive
 * Datasets", 3.3 and 3.4): b bands of r minima a row; rows that agree in a whole band are compared.
 * A pair with the Jaccard index s is found with the chance 1 - (1 - s^r)^b. Of the r for which b
 * bands of 128 minima at most reach 0.99 at the threshold the largest is used, with the fewest
 * bands (0.8: r 6, b 16). Candidates are compared exactly: no row is left out by mistake, and of
 * the pairs right at the threshold one in a hundred may be missed. Sets are kept up to 64 MiB and
 * others made anew from the row's tokens; besides, each row that can be taken costs 20 + 14.7 b
 * bytes: its number, size and place of its set, and an entry and one and a third buckets a band.
 * Everything is a pure function of the rows and the order that they come in.
 */
#include "selection/selection.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SHINGLE_TOKENS 5
#define MINIMA_MOST 128
#define CHANCE 0.99
#define ADVANCE_ROWS 64
#define KEPT_MOST ((size_t)1 << 23) /* shingles: 64 MiB */

/* Hashes in ascending order, each once. */
typedef struct shingles
{
    uint64_t *values; /* [count] */
    size_t count, capacity;
} shingles;

/* Added rows that have a band in common. */
typedef struct bucket
{
    uint32_t tag;  /* the band's hash */
    uint32_t last; /* the entry that was added last, and 1; 0: a free bucket */
} bucket;

struct lb_near_duplicates
{
    double threshold;
    unsigned n_bands, n_band_minima; /* b, r */
    uint32_t seeds[MINIMA_MOST];
    lb_store *store;
    lb_stage stage;
    shingles common;             /* of the template */
    shingles looked, other;      /* of the row that is looked for, and of a candidate */
    uint32_t bands[MINIMA_MOST]; /* [n_bands], hashes of the row that is looked for */
    uint64_t looked_row, n_looked;
    uint64_t *rows;  /* [n_added] */
    uint32_t *sizes; /* [n_added], of their sets */
    shingles kept;   /* the sets of the first of them, end to end, while there is room */
    size_t *starts;  /* [n_kept] within kept */
    size_t n_kept;
    uint32_t *next; /* [n_added * n_bands]: the entry of the bucket that was added before, and 1 */
    size_t n_added, n_most;
    bucket *buckets; /* [n_buckets], of which a quarter stays free */
    size_t n_buckets;
    uint32_t *candidates; /* [n_candidates], places in rows */
    size_t n_candidates, candidate_capacity;
};

/* ---- shingles ---------------------------------------------------------------------------------
 */

static int compare_hashes(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left;
    const uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static void sort_once(shingles *set)
{
    size_t n = 0;
    if (set->count > 0)
    {
        qsort(set->values, set->count, sizeof *set->values, compare_hashes);
    }
    for (size_t i = 0; i < set->count; i++)
    {
        if (n == 0 || set->values[i] != set->values[n - 1])
        {
            set->values[n++] = set->values[i];
        }
    }
    set->count = n;
}

/* Appends those of IDS that COMMON lacks, in no order. */
static lobass_status shingles_add(shingles *set, const int32_t *ids, size_t n_ids,
                                  const shingles *common, lobass_error *error)
{
    const size_t n_tokens = n_ids < SHINGLE_TOKENS ? n_ids : SHINGLE_TOKENS;
    const size_t n = n_ids - n_tokens + (n_ids > 0 ? 1 : 0);
    LB_TRY(lb_list_reserve((void **)&set->values, &set->capacity, set->count + n,
                           sizeof *set->values, error));
    for (size_t i = 0; i < n; i++)
    {
        const uint64_t hash = lb_hash_bytes(ids + i, n_tokens * sizeof *ids, 0).high;
        if (common->count == 0 ||
            bsearch(&hash, common->values, common->count, sizeof hash, compare_hashes) == NULL)
        {
            set->values[set->count++] = hash;
        }
    }
    return LOBASS_OK;
}

static lobass_status row_read(shingles *set, lb_near_duplicates *near, uint64_t number,
                              lobass_error *error)
{
    lobass_row row;
    LB_TRY(lb_store_row_load(&row, near->store, number, error));
    set->count = 0;
    LB_TRY(shingles_add(set, row.ids, row.n_tokens, &near->common, error));
    sort_once(set);
    return LOBASS_OK;
}

/* That of an added row, which lives until the next call. */
static lobass_status added_read(shingles *set, lb_near_duplicates *near, uint32_t place,
                                lobass_error *error)
{
    if (place < near->n_kept)
    {
        *set = (shingles){.values = near->kept.values + near->starts[place],
                          .count = near->sizes[place]};
        return LOBASS_OK;
    }
    LB_TRY(row_read(&near->other, near, near->rows[place], error));
    *set = near->other;
    return LOBASS_OK;
}

static double jaccard(const shingles *a, const shingles *b)
{
    size_t i = 0;
    size_t j = 0;
    size_t n_common = 0;
    while (i < a->count && j < b->count)
    {
        const uint64_t x = a->values[i];
        const uint64_t y = b->values[j];
        n_common += x == y ? 1 : 0;
        i += x <= y ? 1 : 0;
        j += y <= x ? 1 : 0;
    }
    return (double)n_common / (double)(a->count + b->count - n_common);
}

/* ---- what the template says in every row ------------------------------------------------------
 */

static lobass_status rendering_add(shingles *common, lb_renderer *renderer, lb_row_tokens *tokens,
                                   const char *input, lobass_error *error)
{
    static const shingles none = {0};
    lb_message messages[] = {
        {.role = LB_ROLE_USER, .text = "", .input = input, .input_size = 0},
        {.role = LB_ROLE_ASSISTANT, .text = ""},
    };
    const lb_conversation conversation = {.messages = messages, .n_messages = 2};
    lb_arena arena = {0};
    lb_rendering rendering;
    lb_token_list list;
    lobass_status status = lb_renderer_render(renderer, &rendering, &conversation, &arena, error);
    if (status == LOBASS_BAD_FORMAT) /* a chat template that has nothing to say of nothing */
    {
        status = LOBASS_OK;
        goto done;
    }
    LB_TRY_GOTO(status);
    LB_TRY_GOTO(lb_row_tokens_make(tokens, &list, &rendering,
                                   (lb_row_rule){.is_joint = true, .is_continued = true}, error));
    const size_t n_bos = list.count > 0 && (list.flags[0] & LOBASS_TOKEN_BOS) != 0 ? 1 : 0;
    if (list.count - n_bos >= SHINGLE_TOKENS) /* fewer say nothing of a row that they are part of */
    {
        status = shingles_add(common, list.ids + n_bos, list.count - n_bos, &none, error);
    }
done:
    lb_arena_free(&arena);
    return status;
}

static lobass_status template_read(lb_near_duplicates *near, lobass_error *error)
{
    lobass_format_options options;
    lb_template *chosen = NULL;
    lb_renderer *renderer = NULL;
    lb_row_tokens *tokens = NULL;
    lobass_tokenizer *tokenizer = NULL;
    char *chat = NULL;
    lobass_status status = LOBASS_OK;
    char *path = lb_path_join(lb_store_path(near->store), LB_RUN_TOKENIZER, error);
    if (path == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    LB_TRY_GOTO(lb_format_options_load(&options, &chat, near->store, error));
    LB_TRY_GOTO(lobass_tokenizer_load(&tokenizer, path, error));
    LB_TRY_GOTO(lb_template_open(&chosen, &options, error));
    LB_TRY_GOTO(lb_renderer_create(&renderer, chosen, tokenizer, error));
    LB_TRY_GOTO(lb_row_tokens_create(&tokens, tokenizer, -1, SIZE_MAX, error));
    LB_TRY_GOTO(rendering_add(&near->common, renderer, tokens, NULL, error));
    LB_TRY_GOTO(rendering_add(&near->common, renderer, tokens, "", error));
    sort_once(&near->common);
done:
    lb_row_tokens_free(tokens);
    lb_renderer_free(renderer);
    lb_template_close(chosen);
    lobass_tokenizer_free(tokenizer);
    free(chat);
    free(path);
    return status;
}

/* ---- minima and bands -------------------------------------------------------------------------
 */

/* The last steps of MurmurHash3 (Appleby, public domain), which are one-to-one. */
static uint32_t mix(uint32_t x)
{
    x ^= x >> 16;
    x *= 0x85EBCA6BU;
    x ^= x >> 13;
    x *= 0xC2B2AE35U;
    return x ^ (x >> 16);
}

static void bands_choose(lb_near_duplicates *near)
{
    for (unsigned r = 1; r <= MINIMA_MOST; r++)
    {
        const double agreeing = pow(near->threshold, r);
        const double n_bands = agreeing < 1 ? ceil(log1p(-CHANCE) / log1p(-agreeing)) : 1;
        if (n_bands * r <= MINIMA_MOST)
        {
            near->n_band_minima = r;
            near->n_bands = (unsigned)n_bands;
        }
    }
}

static void bands_find(lb_near_duplicates *near)
{
    const unsigned r = near->n_band_minima;
    const size_t n_minima = (size_t)r * near->n_bands;
    uint32_t minima[MINIMA_MOST];
    memset(minima, 0xFF, sizeof minima);
    for (size_t i = 0; i < near->looked.count; i++)
    {
        const uint32_t value = (uint32_t)near->looked.values[i];
        for (size_t m = 0; m < n_minima; m++)
        {
            const uint32_t mixed = mix(value ^ near->seeds[m]);
            minima[m] = mixed < minima[m] ? mixed : minima[m];
        }
    }
    for (unsigned band = 0; band < near->n_bands; band++)
    {
        near->bands[band] =
            (uint32_t)lb_hash_bytes(minima + (size_t)band * r, r * sizeof *minima, band).high;
    }
}

/* The bucket of a band, or the free one where it belongs. */
static bucket *bucket_find(const lb_near_duplicates *near, uint32_t tag)
{
    size_t at = (size_t)((uint64_t)tag * near->n_buckets >> 32);
    while (near->buckets[at].last != 0 && near->buckets[at].tag != tag)
    {
        at = at + 1 < near->n_buckets ? at + 1 : 0;
    }
    return &near->buckets[at];
}

/* ---- candidates -------------------------------------------------------------------------------
 */

static int compare_places(const void *left, const void *right)
{
    const uint32_t a = *(const uint32_t *)left;
    const uint32_t b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

/* Added rows that share a band and whose sets are not too small or large, each once or more, first
 * those that were added first. */
static lobass_status candidates_find(lb_near_duplicates *near, lobass_error *error)
{
    const double size = (double)near->looked.count;
    near->n_candidates = 0;
    for (unsigned band = 0; band < near->n_bands; band++)
    {
        uint32_t entry = bucket_find(near, near->bands[band])->last;
        for (; entry != 0; entry = near->next[entry - 1])
        {
            const uint32_t place = (entry - 1) / near->n_bands;
            const double other = near->sizes[place];
            if (fmin(size, other) < near->threshold * fmax(size, other))
            {
                continue;
            }
            LB_TRY(lb_list_reserve((void **)&near->candidates, &near->candidate_capacity,
                                   near->n_candidates + 1, sizeof *near->candidates, error));
            near->candidates[near->n_candidates++] = place;
        }
    }
    if (near->n_candidates > 0)
    {
        qsort(near->candidates, near->n_candidates, sizeof *near->candidates, compare_places);
    }
    return LOBASS_OK;
}

lobass_status lb_near_duplicates_find(uint64_t *earlier, lb_near_duplicates *near, uint64_t row,
                                      lobass_error *error)
{
    *earlier = UINT64_MAX;
    if (near->n_looked++ % ADVANCE_ROWS == 0)
    {
        LB_TRY(lb_stage_advance(&near->stage, near->n_looked - 1, 0, NAN, error));
    }
    near->looked_row = row;
    LB_TRY(row_read(&near->looked, near, row, error));
    bands_find(near);
    if (near->looked.count == 0)
    {
        return LOBASS_OK; /* nothing but the template: like no other row */
    }
    LB_TRY(candidates_find(near, error));
    for (size_t i = 0; i < near->n_candidates && *earlier == UINT64_MAX; i++)
    {
        const uint32_t place = near->candidates[i];
        if (i == 0 || place != near->candidates[i - 1])
        {
            shingles other;
            LB_TRY(added_read(&other, near, place, error));
            const bool is_near = jaccard(&near->looked, &other) >= near->threshold;
            *earlier = is_near ? near->rows[place] : UINT64_MAX;
        }
    }
    return LOBASS_OK;
}

/* All of the first rows are kept, so that a place tells whether it is. */
static lobass_status looked_keep(lb_near_duplicates *near, lobass_error *error)
{
    const size_t n = near->looked.count;
    if (near->n_kept < near->n_added || near->kept.count + n > KEPT_MOST)
    {
        return LOBASS_OK;
    }
    LB_TRY(lb_list_reserve((void **)&near->kept.values, &near->kept.capacity, near->kept.count + n,
                           sizeof *near->kept.values, error));
    memcpy(near->kept.values + near->kept.count, near->looked.values, n * sizeof(uint64_t));
    near->starts[near->n_kept++] = near->kept.count;
    near->kept.count += n;
    return LOBASS_OK;
}

lobass_status lb_near_duplicates_add(lb_near_duplicates *near, lobass_error *error)
{
    if (near->looked.count == 0 || near->n_added == near->n_most)
    {
        return LOBASS_OK;
    }
    LB_TRY(looked_keep(near, error));
    near->rows[near->n_added] = near->looked_row;
    near->sizes[near->n_added] = (uint32_t)near->looked.count;
    for (unsigned band = 0; band < near->n_bands; band++)
    {
        const size_t entry = near->n_added * near->n_bands + band;
        bucket *found = bucket_find(near, near->bands[band]);
        near->next[entry] = found->last;
        *found = (bucket){.tag = near->bands[band], .last = (uint32_t)(entry + 1)};
    }
    near->n_added++;
    return LOBASS_OK;
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static lobass_status room_make(lb_near_duplicates *near, lobass_error *error)
{
    const size_t n_entries = near->n_most * near->n_bands;
    if (near->n_most >= UINT32_MAX / MINIMA_MOST)
    {
        return lb_fail(error, LOBASS_UNSUPPORTED,
                       "near-duplicates among %zu rows: expected fewer than %u", near->n_most,
                       UINT32_MAX / MINIMA_MOST);
    }
    near->n_buckets = n_entries / 3 * 4 + 4;
    near->rows = lb_alloc(near->n_most, sizeof *near->rows, error);
    near->sizes = lb_alloc(near->n_most, sizeof *near->sizes, error);
    near->starts = lb_alloc(near->n_most, sizeof *near->starts, error);
    near->next = lb_alloc(n_entries, sizeof *near->next, error);
    near->buckets = lb_alloc(near->n_buckets, sizeof *near->buckets, error);
    return near->rows == NULL || near->sizes == NULL || near->starts == NULL ||
                   near->next == NULL || near->buckets == NULL
               ? LOBASS_OUT_OF_MEMORY
               : LOBASS_OK;
}

lobass_status lb_near_duplicates_create(lb_near_duplicates **near, double threshold, size_t n_most,
                                        lb_store *store, const lobass_observer *observer,
                                        lobass_error *error)
{
    lb_random random;
    lobass_status status = LOBASS_OK;
    *near = NULL;
    lb_near_duplicates *made = lb_alloc(1, sizeof *made, error);
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    made->threshold = threshold;
    made->store = store;
    made->n_most = n_most;
    lb_random_init(&random, 0);
    for (size_t m = 0; m < MINIMA_MOST; m++)
    {
        made->seeds[m] = (uint32_t)lb_random_next(&random);
    }
    bands_choose(made);
    LB_TRY_GOTO(room_make(made, error));
    LB_TRY_GOTO(template_read(made, error));
    lb_stage_begin(&made->stage, observer, "near-duplicates", "rows", 0, 0);
    *near = made;
    made = NULL;
done:
    lb_near_duplicates_free(made);
    return status;
}

lobass_status lb_near_duplicates_end(lb_near_duplicates *near, lobass_error *error)
{
    near->stage.progress.done = near->n_looked;
    return lb_stage_end(&near->stage, error);
}

void lb_near_duplicates_free(lb_near_duplicates *near)
{
    if (near != NULL)
    {
        free(near->common.values);
        free(near->looked.values);
        free(near->other.values);
        free(near->kept.values);
        free(near->starts);
        free(near->rows);
        free(near->sizes);
        free(near->next);
        free(near->buckets);
        free(near->candidates);
        free(near);
    }
}
