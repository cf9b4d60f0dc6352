/* SPDX-License-Identifier: Apache-2.0
 *
 * lb_bench_run: how fast scoring and training are here, and how fast their matrix products alone
 * would be. Both are timed in turn in one process, since a machine's speed changes by the minute:
 * only the ratio of neighbours means much. Of several turns the first warms up and does not count.
 */
#include "bench.h"

#include "stats/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SECONDS 10.0
#define MOST_TURNS 256
#define WANTED_TURNS 4      /* the first included, as long as ... */
#define MOST_TIMES_BUDGET 4 /* ... they do not take more than so many times the seconds */

lb_bench_options lb_bench_options_default(void)
{
    return (lb_bench_options){.shape = "smollm-135m",
                              .dtype = LOBASS_DTYPE_AUTO,
                              .seconds = DEFAULT_SECONDS,
                              .parts = LB_BENCH_FORWARD | LB_BENCH_TRAIN};
}

void lb_machine_detect(lb_machine *machine)
{
    const lb_cpu cpu = lb_cpu_detect();
    *machine = (lb_machine){.has_avx2 = cpu.has_avx2,
                            .has_avx512 = cpu.has_avx512,
                            .has_avx512_bf16 = cpu.has_avx512_bf16,
                            .has_amx_bf16 = cpu.has_amx_bf16,
                            .n_processors = lb_processor_count(),
                            .memory_bytes = lb_machine_memory()};
    _Static_assert(sizeof machine->cpu == LB_MACHINE_NAME_SIZE, "the name fits");
    if (lb_machine_name(machine->cpu, NULL) != LOBASS_OK || machine->cpu[0] == '\0')
    {
        (void)snprintf(machine->cpu, sizeof machine->cpu, "unknown");
    }
}

/* ---- turns ----------------------------------------------------------------------------------- */

typedef struct turns
{
    double real[MOST_TURNS], products[MOST_TURNS], ratio[MOST_TURNS];
    size_t count;
} turns;

static lobass_status timed(double *seconds, lobass_status (*work)(void *, lobass_error *),
                           void *context, lobass_error *error)
{
    const double began = lb_clock_seconds();
    LB_TRY(work(context, error));
    *seconds = lb_clock_seconds() - began;
    return LOBASS_OK;
}

static lobass_status turn_take(turns *t, const lb_bench_part *part, lb_bench_rate *rate,
                               lobass_error *error)
{
    LB_TRY(timed(&t->real[t->count], part->real, part->context, error));
    if (t->count == 0)
    {
        rate->peak_rss_bytes = lb_peak_memory();
        LB_TRY(part->prepare(part->context, error));
    }
    LB_TRY(timed(&t->products[t->count], part->products, part->context, error));
    if (part->restore != NULL)
    {
        part->restore(part->context);
    }
    t->ratio[t->count] = t->products[t->count] / t->real[t->count];
    t->count++;
    return LOBASS_OK;
}

/* SECONDS are meant for the real thing, and as much for the products. */
static bool is_enough(const turns *t, double elapsed, double seconds)
{
    const double budget = 2 * seconds;
    return t->count == MOST_TURNS || (elapsed >= budget && (t->count >= WANTED_TURNS ||
                                                            elapsed >= MOST_TIMES_BUDGET * budget));
}

lobass_status lb_bench_turns(const lb_bench *bench, const lb_bench_part *part, lb_bench_rate *rate,
                             lobass_error *error)
{
    turns t = {.count = 0};
    lb_stage stage;
    double elapsed = 0;
    lb_stage_begin(&stage, bench->observer, part->stage, "turns", 0, 0);
    do
    {
        LB_TRY(turn_take(&t, part, rate, error));
        elapsed += t.real[t.count - 1] + t.products[t.count - 1];
        LB_TRY(lb_stage_advance(&stage, t.count, rate->n_tokens, NAN, error));
    } while (!is_enough(&t, elapsed, bench->options->seconds));
    const size_t first = t.count > 1 ? 1 : 0;
    const size_t n_turns = t.count - first;
    rate->n_turns = (uint32_t)n_turns;
    rate->tokens_per_second = (double)rate->n_tokens / lb_reals_median(t.real + first, n_turns);
    rate->matmul_tokens_per_second =
        (double)rate->n_tokens / lb_reals_median(t.products + first, n_turns);
    rate->fraction = lb_reals_median(t.ratio + first, n_turns);
    return lb_stage_end(&stage, error);
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static lobass_status bench_open(lb_bench *bench, lobass_error *error)
{
    const lb_bench_options *options = bench->options;
    LB_TRY(lb_bench_shape_find(&bench->config, &bench->pack_tokens, options->shape, error));
    LB_TRY(lb_compute_dtype_choose(&bench->dtype, options->dtype, error));
    if (options->pack_tokens > 0)
    {
        bench->pack_tokens = options->pack_tokens;
    }
    if (bench->pack_tokens < LB_BENCH_ROW_LEAST)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "packs of %zu tokens: expected at least %d, the shortest row",
                       bench->pack_tokens, LB_BENCH_ROW_LEAST);
    }
    bench->n_threads = options->n_threads > 0 ? options->n_threads : lb_processor_count();
    return LOBASS_OK;
}

static void result_begin(const lb_bench *bench)
{
    lb_bench_result *result = bench->result;
    const lb_bench_rate none = {
        .tokens_per_second = NAN, .matmul_tokens_per_second = NAN, .fraction = NAN};
    *result = (lb_bench_result){.forward = none, .train = none};
    lb_machine_detect(&result->machine);
    result->dtype = bench->dtype == LB_BF16 ? LOBASS_DTYPE_BF16 : LOBASS_DTYPE_FP32;
    result->n_threads = bench->n_threads;
    result->pack_tokens = (uint32_t)bench->pack_tokens;
    lb_bench_count(&bench->config, bench->dtype, &result->n_parameters, &result->weight_bytes);
}

lobass_status lb_bench_run(const lb_bench_options *options, const lobass_observer *observer,
                           lb_bench_result *result, lobass_error *error)
{
    lb_bench bench = {.options = options, .observer = observer, .result = result};
    LB_TRY(bench_open(&bench, error));
    result_begin(&bench);
    if ((options->parts & LB_BENCH_FORWARD) != 0)
    {
        LB_TRY(lb_bench_forward(&bench, error));
    }
    if ((options->parts & LB_BENCH_TRAIN) != 0)
    {
        LB_TRY(lb_bench_train(&bench, error));
    }
    result->peak_rss_bytes = lb_peak_memory();
    return LOBASS_OK;
}

lobass_status lb_bench_lengths(const lb_bench_options *options, unsigned part, uint32_t **lengths,
                               size_t *count, lobass_error *error)
{
    lb_bench bench = {.options = options};
    lb_bench_packs packs;
    *lengths = NULL;
    *count = 0;
    LB_TRY(bench_open(&bench, error));
    lobass_status status = lb_bench_packs_create(&packs, &bench, part, error);
    if (status == LOBASS_OK)
    {
        *lengths = lb_alloc(packs.n_rows, sizeof **lengths, error);
        status = *lengths == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
    }
    for (size_t i = 0; status == LOBASS_OK && i < packs.count; i++)
    {
        const lb_batch *batch = &packs.builders[i].batch;
        for (size_t j = 0; j < batch->n_sequences; j++)
        {
            (*lengths)[(*count)++] = batch->starts[j + 1] - batch->starts[j];
        }
    }
    lb_bench_packs_free(&packs);
    return status;
}
