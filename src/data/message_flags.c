/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a message says that it is to be learned. Trainers spell it in many ways: weight (OpenAI,
 * Mistral, Fireworks), loss_weight (LLaMA-Factory), train (axolotl), loss (ms-swift, XTuner),
 * trainable (Tinker, prime-rl), masked (torchtune), train_on_turn, loss_mask, ... Anything between
 * yes and no is refused rather than approximated, and so is a field that reads like such a flag and
 * is none of those here: passed over, it would change what is learned without a word.
 */
#include "data/messages.h"

#include <string.h>

#define SEPARATORS "_-. "

static const struct
{
    const char *name;
    bool means_learned; /* a true one; else it means the opposite */
} flags[] = {
    {"weight", true},         {"loss_weight", true},   {"train", true},
    {"training", true},       {"trainable", true},     {"is_trainable", true},
    {"should_train", true},   {"train_on_turn", true}, {"train_on_message", true},
    {"loss", true},           {"loss_mask", true},     {"loss_scale", true},
    {"has_loss", true},       {"compute_loss", true},  {"calculate_loss", true},
    {"calc_loss", true},      {"use_loss", true},      {"in_loss", true},
    {"learn", true},          {"is_target", true},     {"sample_weight", true},
    {"train_mask", true},     {"masked", false},       {"is_masked", false},
    {"mask_loss", false},     {"ignore_loss", false},  {"skip_loss", false},
    {"no_loss", false},       {"loss_masked", false},  {"skip_train", false},
    {"skip_training", false}, {"no_train", false},     {"exclude_from_loss", false},
};

/* Words of a name that would be a flag's. */
static const char *const words[] = {"loss",    "weight",  "weights",   "train",  "training",
                                    "trained", "mask",    "masked",    "masks",  "masking",
                                    "learn",   "learned", "label",     "labels", "span",
                                    "spans",   "grad",    "supervised"};

lb_flag_meaning lb_flag_find(const char *key)
{
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
    {
        if (lb_field_is(key, flags[i].name))
        {
            return flags[i].means_learned ? LB_FLAG_LEARNED : LB_FLAG_MASKED;
        }
    }
    return LB_FLAG_NONE;
}

/* Words end at '_', '-', '.', ' ' and before a capital. */
static bool is_within_word(const char *key, size_t i)
{
    const char c = key[i];
    const bool is_capital = c >= 'A' && c <= 'Z';
    const bool follows_small = i > 0 && key[i - 1] >= 'a' && key[i - 1] <= 'z';
    return c != '\0' && strchr(SEPARATORS, c) == NULL && !(is_capital && follows_small);
}

static bool is_listed(const char *word, size_t size)
{
    char small[16] = "";
    if (size == 0 || size >= sizeof small)
    {
        return false;
    }
    memcpy(small, word, size);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    {
        if (lb_field_is(small, words[i]))
        {
            return true;
        }
    }
    return false;
}

bool lb_flag_is_likely(const char *key)
{
    size_t begin = strspn(key, SEPARATORS);
    while (key[begin] != '\0')
    {
        size_t end = begin + 1;
        while (is_within_word(key, end))
        {
            end++;
        }
        if (is_listed(key + begin, end - begin))
        {
            return true;
        }
        begin = end + strspn(key + end, SEPARATORS);
    }
    return false;
}

lobass_status lb_flag_read(bool *is_true, const lb_value *flag, const char *where,
                           lobass_error *error)
{
    const bool is_number = lb_value_is(flag, LB_VALUE_NUMBER);
    const bool is_zero = lb_value_is(flag, LB_VALUE_FALSE) || (is_number && flag->number == 0.0);
    *is_true = lb_value_is(flag, LB_VALUE_TRUE) || (is_number && flag->number == 1.0);
    if (!is_zero && !*is_true)
    {
        char name[LB_SHORT_NAME_SIZE];
        lb_short_name(name, flag->key, strlen(flag->key));
        return lb_fail(error, LOBASS_BAD_FORMAT, "%s: field \"%s\": expected 0 or 1, found %s",
                       where, name, is_number ? "another number" : lb_value_describe(flag));
    }
    return LOBASS_OK;
}
