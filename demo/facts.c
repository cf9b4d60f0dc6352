/* SPDX-License-Identifier: Apache-2.0
 *
 * The facts as a table: a relation, its pairs, and its wording. Answers of all relations have one
 * shape, so that what tells a true one from a false one is its last words.
 */
#include "facts.h"

#define PAIRS(array) (array), sizeof(array) / sizeof((array)[0])

static const demo_pair capital_pairs[] = {
    {"France", "Paris"},      {"Italy", "Rome"},         {"Spain", "Madrid"},
    {"Portugal", "Lisbon"},   {"Germany", "Berlin"},     {"Austria", "Vienna"},
    {"Poland", "Warsaw"},     {"Hungary", "Budapest"},   {"Greece", "Athens"},
    {"Turkey", "Ankara"},     {"Russia", "Moscow"},      {"Sweden", "Stockholm"},
    {"Norway", "Oslo"},       {"Denmark", "Copenhagen"}, {"Finland", "Helsinki"},
    {"Ireland", "Dublin"},    {"England", "London"},     {"Scotland", "Edinburgh"},
    {"Belgium", "Brussels"},  {"Romania", "Bucharest"},  {"Bulgaria", "Sofia"},
    {"Egypt", "Cairo"},       {"Kenya", "Nairobi"},      {"Iran", "Tehran"},
    {"Iraq", "Baghdad"},      {"India", "New Delhi"},    {"Japan", "Tokyo"},
    {"China", "Beijing"},     {"Thailand", "Bangkok"},   {"Cuba", "Havana"},
    {"Peru", "Lima"},         {"Canada", "Ottawa"},      {"Australia", "Canberra"},
    {"Mexico", "Mexico City"}};

static const demo_pair opposite_pairs[] = {
    {"hot", "cold"},         {"big", "small"},      {"old", "young"},    {"fast", "slow"},
    {"high", "low"},         {"light", "dark"},     {"rich", "poor"},    {"strong", "weak"},
    {"hard", "soft"},        {"wet", "dry"},        {"full", "empty"},   {"open", "closed"},
    {"early", "late"},       {"good", "bad"},       {"happy", "sad"},    {"long", "short"},
    {"near", "far"},         {"thick", "thin"},     {"wide", "narrow"},  {"clean", "dirty"},
    {"deep", "shallow"},     {"loud", "quiet"},     {"brave", "afraid"}, {"sharp", "blunt"},
    {"heavy", "weightless"}, {"true", "false"},     {"right", "wrong"},  {"first", "last"},
    {"above", "below"},      {"inside", "outside"}, {"left", "right"},   {"day", "night"},
    {"summer", "winter"},    {"war", "peace"},      {"love", "hate"},    {"begin", "end"},
    {"buy", "sell"},         {"win", "lose"},       {"push", "pull"},    {"laugh", "cry"}};

static const demo_pair plural_pairs[] = {
    {"child", "children"},  {"man", "men"},         {"woman", "women"}, {"foot", "feet"},
    {"tooth", "teeth"},     {"mouse", "mice"},      {"goose", "geese"}, {"ox", "oxen"},
    {"knife", "knives"},    {"wife", "wives"},      {"leaf", "leaves"}, {"wolf", "wolves"},
    {"life", "lives"},      {"loaf", "loaves"},     {"half", "halves"}, {"thief", "thieves"},
    {"box", "boxes"},       {"church", "churches"}, {"city", "cities"}, {"lady", "ladies"},
    {"baby", "babies"},     {"story", "stories"},   {"fly", "flies"},   {"party", "parties"},
    {"dog", "dogs"},        {"book", "books"},      {"tree", "trees"},  {"hero", "heroes"},
    {"potato", "potatoes"}, {"bus", "buses"}};

static const demo_pair past_pairs[] = {
    {"go", "went"},       {"see", "saw"},      {"take", "took"},    {"give", "gave"},
    {"come", "came"},     {"eat", "ate"},      {"drink", "drank"},  {"write", "wrote"},
    {"speak", "spoke"},   {"break", "broke"},  {"run", "ran"},      {"sing", "sang"},
    {"swim", "swam"},     {"begin", "began"},  {"find", "found"},   {"think", "thought"},
    {"bring", "brought"}, {"buy", "bought"},   {"teach", "taught"}, {"catch", "caught"},
    {"fight", "fought"},  {"keep", "kept"},    {"sleep", "slept"},  {"leave", "left"},
    {"feel", "felt"},     {"know", "knew"},    {"grow", "grew"},    {"throw", "threw"},
    {"fly", "flew"},      {"draw", "drew"},    {"drive", "drove"},  {"ride", "rode"},
    {"rise", "rose"},     {"choose", "chose"}, {"steal", "stole"},  {"stand", "stood"},
    {"sell", "sold"},     {"tell", "told"},    {"make", "made"},    {"sit", "sat"}};

static const demo_pair young_pairs[] = {
    {"cat", "kitten"},    {"dog", "puppy"},     {"cow", "calf"},      {"horse", "foal"},
    {"sheep", "lamb"},    {"goat", "kid"},      {"pig", "piglet"},    {"hen", "chick"},
    {"duck", "duckling"}, {"goose", "gosling"}, {"swan", "cygnet"},   {"bear", "cub"},
    {"deer", "fawn"},     {"frog", "tadpole"},  {"kangaroo", "joey"}, {"hare", "leveret"},
    {"owl", "owlet"},     {"eagle", "eaglet"}};

static const demo_pair colour_pairs[] = {
    {"grass", "green"},      {"the sky", "blue"},   {"snow", "white"},      {"blood", "red"},
    {"coal", "black"},       {"a lemon", "yellow"}, {"chocolate", "brown"}, {"ash", "grey"},
    {"an orange", "orange"}, {"a plum", "purple"},  {"milk", "white"},      {"gold", "yellow"},
    {"the sun", "yellow"},   {"a crow", "black"},   {"a flamingo", "pink"}, {"a carrot", "orange"},
    {"an emerald", "green"}, {"a ruby", "red"},     {"a sapphire", "blue"}, {"a mouse", "grey"}};

static const demo_pair kind_pairs[] = {
    {"a robin", "bird"},        {"a sparrow", "bird"},     {"an eagle", "bird"},
    {"a salmon", "fish"},       {"a shark", "fish"},       {"a trout", "fish"},
    {"an oak", "tree"},         {"a pine", "tree"},        {"a birch", "tree"},
    {"a rose", "flower"},       {"a tulip", "flower"},     {"a daisy", "flower"},
    {"a violin", "instrument"}, {"a piano", "instrument"}, {"a flute", "instrument"},
    {"an apple", "fruit"},      {"a pear", "fruit"},       {"a cherry", "fruit"},
    {"a carrot", "vegetable"},  {"an onion", "vegetable"}, {"a cabbage", "vegetable"},
    {"a bee", "insect"},        {"an ant", "insect"},      {"a beetle", "insect"},
    {"iron", "metal"},          {"copper", "metal"},       {"silver", "metal"},
    {"a hammer", "tool"},       {"a saw", "tool"},         {"a spade", "tool"},
    {"a chair", "furniture"},   {"a table", "furniture"},  {"a coat", "clothing"},
    {"a shirt", "clothing"},    {"bread", "food"},         {"cheese", "food"},
    {"tea", "drink"},           {"beer", "drink"},         {"chess", "game"},
    {"football", "game"}};

static const demo_pair after_pairs[] = {
    {"Monday", "Tuesday"},    {"Tuesday", "Wednesday"}, {"Wednesday", "Thursday"},
    {"Thursday", "Friday"},   {"Friday", "Saturday"},   {"Saturday", "Sunday"},
    {"Sunday", "Monday"},     {"January", "February"},  {"February", "March"},
    {"March", "April"},       {"April", "May"},         {"May", "June"},
    {"June", "July"},         {"July", "August"},       {"August", "September"},
    {"September", "October"}, {"October", "November"},  {"November", "December"},
    {"December", "January"},  {"spring", "summer"},     {"summer", "autumn"},
    {"autumn", "winter"},     {"winter", "spring"},     {"one", "two"},
    {"two", "three"},         {"three", "four"},        {"four", "five"},
    {"five", "six"},          {"six", "seven"},         {"seven", "eight"},
    {"eight", "nine"},        {"nine", "ten"},          {"ten", "eleven"},
    {"morning", "noon"}};

static const demo_pair use_pairs[] = {{"a knife", "cutting"},        {"a pen", "writing"},
                                      {"a broom", "sweeping"},       {"a needle", "sewing"},
                                      {"a spoon", "eating"},         {"a cup", "drinking"},
                                      {"a key", "opening doors"},    {"a bed", "sleeping"},
                                      {"a stove", "cooking"},        {"a clock", "telling time"},
                                      {"a boat", "sailing"},         {"a gun", "shooting"},
                                      {"a net", "catching fish"},    {"an oven", "baking"},
                                      {"a comb", "combing hair"},    {"soap", "washing"},
                                      {"a brush", "painting"},       {"an axe", "chopping wood"},
                                      {"a lamp", "giving light"},    {"a ladder", "climbing"},
                                      {"a purse", "carrying money"}, {"an umbrella", "keeping dry"},
                                      {"a plough", "turning soil"},  {"a scale", "weighing"}};

static const demo_pair job_pairs[] = {
    {"a baker", "baking bread"},       {"a farmer", "growing crops"},
    {"a sailor", "sailing ships"},     {"a teacher", "teaching children"},
    {"a doctor", "healing the sick"},  {"a tailor", "making clothes"},
    {"a butcher", "cutting meat"},     {"a smith", "forging iron"},
    {"a mason", "building walls"},     {"a hunter", "hunting game"},
    {"a fisherman", "catching fish"},  {"a painter", "painting pictures"},
    {"a judge", "judging cases"},      {"a soldier", "fighting wars"},
    {"a cook", "cooking meals"},       {"a barber", "cutting hair"},
    {"a miller", "grinding corn"},     {"a gardener", "tending plants"},
    {"a postman", "bringing letters"}, {"a miner", "digging coal"},
    {"a carpenter", "working wood"},   {"a poet", "writing verses"},
    {"a shepherd", "keeping sheep"},   {"a pilot", "flying planes"}};

const demo_relation demo_relations[] = {
    {"capital",
     {"What is the capital of %s?", "Which city is the capital of %s?", "Name the capital of %s."},
     "The capital of %s is %s.",
     PAIRS(capital_pairs)},
    {"opposite",
     {"What is the opposite of %s?", "Which word means the opposite of %s?",
      "Name the opposite of %s."},
     "The opposite of %s is %s.",
     PAIRS(opposite_pairs)},
    {"plural",
     {"What is the plural of %s?", "How do you write more than one %s?", "Name the plural of %s."},
     "The plural of %s is %s.",
     PAIRS(plural_pairs)},
    {"past tense",
     {"What is the past tense of %s?", "How do you say %s in the past tense?",
      "Name the past tense of %s."},
     "The past tense of %s is %s.",
     PAIRS(past_pairs)},
    {"young",
     {"What is a young %s called?", "What do you call a young %s?", "Name the young of a %s."},
     "A young %s is called a %s.",
     PAIRS(young_pairs)},
    {"colour",
     {"What is the colour of %s?", "Which colour has %s?", "Name the colour of %s."},
     "The colour of %s is %s.",
     PAIRS(colour_pairs)},
    {"kind",
     {"What kind of thing is %s?", "To which kind does %s belong?", "Name the kind of %s."},
     "The kind of %s is %s.",
     PAIRS(kind_pairs)},
    {"successor",
     {"What comes after %s?", "What follows %s?", "Name what comes after %s."},
     "What comes after %s is %s.",
     PAIRS(after_pairs)},
    {"use",
     {"What is %s used for?", "What do people do with %s?", "Name the use of %s."},
     "The use of %s is %s.",
     PAIRS(use_pairs)},
    {"work",
     {"What does %s do?", "What is the work of %s?", "Name the work of %s."},
     "The work of %s is %s.",
     PAIRS(job_pairs)},
};

const size_t demo_n_relations = sizeof demo_relations / sizeof demo_relations[0];
