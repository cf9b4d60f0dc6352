/* SPDX-License-Identifier: Apache-2.0
 *
 * What shared beginnings are worth on the rows of a run: packs as lobass_measure plans them, with
 * sharing and without, in turn, on one thread and by CPU seconds. Packs are sampled all over both
 * plans. A sample's seconds for its arithmetic, times the arithmetic of the whole plan, are what
 * the plan would take, so that long and short packs stand for themselves.
 *
 *     bench_sharing MODEL RUN [SECONDS [PLACE]]
 *
 * MODEL: a folder or a config.json; the weights are random, in bf16. RUN: rows made by `lobass
 * prepare` with a tokenizer of that vocabulary. SECONDS (60) are spent on the packs, the
 * first of which lies at PLACE (0, below 1) of its plan.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "pass/pass.h"

#define GOLDEN_RATIO 0.61803398874989485
#define DEFAULT_SECONDS 60

typedef struct side
{
    const char *name;
    bool is_sharing;
    lb_plan *plan;
    size_t max_tokens;
    size_t n_rows, n_tokens, n_sequences; /* as computed */
    double work, sampled_work, sampled_seconds;
} side;

static void stop(const lobass_error *error)
{
    fprintf(stderr, "bench_sharing: %s\n", error->message);
    exit(1);
}

/* Multiplications and additions of the matrix products: the last layer makes keys and values of
 * all tokens, and the rest of scored ones' predecessors alone, as the head does. */
static double work_of(const lb_config *c, const lb_batch *batch)
{
    const double d = (double)c->d_model;
    const double keys = 2 * d * (double)(c->n_kv_heads * c->head_size);
    const double rest = 2 * d * (double)(c->n_heads * c->head_size) + 3 * d * (double)c->d_ffn;
    const double head = d * (double)c->n_vocabulary;
    return 2 * ((double)batch->n_tokens *
                    ((double)c->n_layers * keys + (double)(c->n_layers - 1) * rest) +
                (double)batch->n_scored * (rest + head));
}

static lobass_status side_create(side *s, lb_store *store, const lb_row_summary *summaries,
                                 size_t n_rows, const lb_config *config, lobass_error *error)
{
    const lb_score_layout layout = {.is_sharing = s->is_sharing};
    lb_score_slot slot = {0};
    lobass_status status = LOBASS_OK;
    LB_TRY(lb_score_plan_create(&s->plan, &s->max_tokens, store, summaries, n_rows, s->is_sharing,
                                NULL, error));
    for (size_t i = 0; i < lb_plan_count(s->plan); i++)
    {
        const lb_pack pack = lb_plan_at(s->plan, i);
        LB_TRY_GOTO(lb_score_slot_fill(&slot, store, pack, &layout, error));
        s->n_rows += pack.n_rows;
        s->n_tokens += slot.builder.batch.n_tokens;
        s->n_sequences += slot.builder.batch.n_sequences;
        s->work += work_of(config, &slot.builder.batch);
    }
done:
    lb_score_slot_free(&slot);
    return status;
}

static double cpu_seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static lobass_status pack_time(side *s, double place, lb_store *store, lb_scorers *scorers,
                               const lb_config *config, lobass_error *error)
{
    const lb_score_layout layout = {.is_sharing = s->is_sharing};
    lb_score_slot slot = {0};
    const lb_pack pack = lb_plan_at(s->plan, (size_t)(place * (double)lb_plan_count(s->plan)));
    LB_TRY(lb_score_slot_fill(&slot, store, pack, &layout, error));
    const double began = cpu_seconds();
    const lobass_status status = lb_scorers_run(scorers, &slot, 1, NULL, error);
    s->sampled_seconds += cpu_seconds() - began;
    s->sampled_work += work_of(config, &slot.builder.batch);
    lb_score_slot_free(&slot);
    return status;
}

static double seconds_of(const side *s)
{
    return s->work * s->sampled_seconds / s->sampled_work;
}

static void print(const side *s)
{
    printf("%-8s %zu rows, %zu packs, %zu tokens in %zu sequences; %.1f GFLOP/s, %.2f rows a CPU "
           "second\n",
           s->name, s->n_rows, lb_plan_count(s->plan), s->n_tokens, s->n_sequences,
           1e-9 * s->sampled_work / s->sampled_seconds, (double)s->n_rows / seconds_of(s));
}

static lobass_status compare(side *sides, lb_store *store, const lb_config *config, double seconds,
                             double place, lobass_error *error)
{
    lb_model *model = NULL;
    lb_scorers scorers = {0};
    lobass_status status = LOBASS_OK;
    LB_TRY(lb_model_create_uniform(&model, config, LB_BF16, LB_MODEL_SCORE_PACKED, 1, error));
    const size_t most =
        sides[0].max_tokens > sides[1].max_tokens ? sides[0].max_tokens : sides[1].max_tokens;
    LB_TRY_GOTO(lb_scorers_create(&scorers, model, 1, most, error));
    while (sides[0].sampled_seconds + sides[1].sampled_seconds < seconds)
    {
        LB_TRY_GOTO(pack_time(&sides[0], place, store, &scorers, config, error));
        LB_TRY_GOTO(pack_time(&sides[1], place, store, &scorers, config, error));
        place += GOLDEN_RATIO;
        place -= floor(place);
    }
done:
    lb_scorers_free(&scorers);
    lb_model_free(model);
    return status;
}

int main(int argc, char **argv)
{
    side sides[] = {{.name = "alone"}, {.name = "shared", .is_sharing = true}};
    lobass_error error = {0};
    lb_config config;
    lb_store *store = NULL;
    lb_row_summary *summaries = NULL;
    size_t n_rows = 0;
    const double seconds = argc > 3 ? strtod(argv[3], NULL) : DEFAULT_SECONDS;
    const double place = argc > 4 ? strtod(argv[4], NULL) : 0;
    if (argc < 3 || !(seconds > 0) || !(place >= 0 && place < 1))
    {
        fputs("usage: bench_sharing MODEL RUN [SECONDS [PLACE]]\n", stderr);
        return 2;
    }
    if (lb_config_load(&config, argv[1], &error) != LOBASS_OK ||
        lb_store_open(&store, argv[2], LB_STORE_READ, &error) != LOBASS_OK ||
        lb_store_summaries_load(&summaries, &n_rows, store, &error) != LOBASS_OK ||
        side_create(&sides[0], store, summaries, n_rows, &config, &error) != LOBASS_OK ||
        side_create(&sides[1], store, summaries, n_rows, &config, &error) != LOBASS_OK ||
        compare(sides, store, &config, seconds, place, &error) != LOBASS_OK)
    {
        stop(&error);
    }
    print(&sides[0]);
    print(&sides[1]);
    printf("rows a second %.3f times; by the products alone %.3f times\n",
           seconds_of(&sides[0]) / seconds_of(&sides[1]), sides[0].work / sides[1].work);
    lb_plan_free(sides[0].plan);
    lb_plan_free(sides[1].plan);
    free(summaries);
    lb_store_close(store);
    return 0;
}
