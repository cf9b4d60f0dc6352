/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to jinja/: tokens, the syntax tree, values, and what its files call of each other. All of
 * a rendering lies in one arena; values are immutable but for namespaces and the state of loops,
 * generators, cyclers and joiners.
 */
#ifndef LB_JINJA_PRIVATE_H
#define LB_JINJA_PRIVATE_H

#include "jinja/jinja.h"

typedef lb_jinja_value value;

/* ---- text ------------------------------------------------------------------------------------ */

/* UTF-8 with its origins: one for all of it, or runs. */
typedef struct text
{
    const char *data; /* a NUL behind it */
    size_t size;
    size_t n_chars; /* SIZE where all are ASCII */
    uint32_t origin;
    const lb_jinja_run *runs; /* [n_runs] where n_runs > 0 */
    size_t n_runs;
} text;

typedef struct text_builder
{
    lb_jinja *jinja;
    char *data;
    size_t size, capacity;
    lb_jinja_run *runs;
    size_t n_runs, runs_capacity;
} text_builder;

/* ---- values ---------------------------------------------------------------------------------- */

typedef enum value_kind
{
    KIND_UNDEFINED,
    KIND_NONE,
    KIND_BOOLEAN,
    KIND_INTEGER,
    KIND_REAL,
    KIND_STRING,
    KIND_LIST,
    KIND_TUPLE,
    KIND_DICT,
    KIND_VIEW, /* dict.keys(), .values(), .items() */
    KIND_RANGE,
    KIND_GENERATOR,
    KIND_NAMESPACE,
    KIND_LOOP,
    KIND_MACRO,
    KIND_FUNCTION, /* a global */
    KIND_METHOD,   /* of a value */
    KIND_CYCLER,
    KIND_JOINER,
    KIND_MISSING /* an argument that was not given */
} value_kind;

typedef struct list
{
    const value *items; /* [count] */
    size_t count;
} list;

typedef struct entry
{
    value key, value;
} entry;

typedef struct dict
{
    entry *entries; /* [count], in the order of insertion; keys differ */
    size_t count, capacity;
} dict;

typedef enum view_kind
{
    VIEW_KEYS,
    VIEW_VALUES,
    VIEW_ITEMS
} view_kind;

typedef struct view
{
    view_kind kind;
    const dict *of;
} view;

typedef struct range
{
    int64_t start, stop, step, count;
} range;

/* What was not there. */
typedef struct undefined
{
    const char *hint;    /* the whole message, or NULL */
    const char *subject; /* "dict object", or NULL: a variable */
    value name;
    bool is_unsafe; /* kept from the template by the sandbox */
} undefined;

typedef struct generator generator;

/* Goes through a value once. */
typedef struct iterator
{
    value of;
    size_t at; /* byte of a string, number of an element */
} iterator;

typedef struct arguments
{
    const value *positional; /* [n_positional] */
    size_t n_positional;
    const entry *keywords; /* [n_keywords]; keys are strings */
    size_t n_keywords;
} arguments;

typedef struct node node; /* tree.h */
struct scope;

typedef struct macro
{
    lobass_status (*call)(lb_jinja *jinja, value *result, const struct macro *called,
                          const arguments *given);
    const struct node *definition; /* of a macro or a call block */
    struct scope *scope;           /* where it stands */
} macro;

typedef struct loop
{
    lobass_status (*next)(lb_jinja *jinja, struct loop *around, value *item, bool *has_item);
    lobass_status (*attribute)(lb_jinja *jinja, value *result, struct loop *around,
                               const text *name, bool *is_there);
    iterator source;
    value iterable;
    const struct node *test; /* for ... if: what is left out */
    const struct node *target;
    struct scope *scope; /* of the test */
    int64_t index0;
    value before, current, after, changed; /* KIND_MISSING: none */
    int64_t length;                        /* -1: not known yet */
    int64_t depth0;
} loop;

typedef struct cycler
{
    const value *items;
    size_t count, at;
} cycler;

typedef struct joiner
{
    value separator;
    bool is_used;
} joiner;

typedef struct method
{
    value self;
    const struct method_row *row;
} method;

/* ---- renderers (renderer.c) ------------------------------------------------------------------ */

typedef struct variable
{
    const text *name;
    value value;
} variable;

typedef struct scope
{
    struct scope *parent;
    variable *variables;
    size_t count, capacity;
} scope;

struct lb_jinja
{
    lb_arena arena;
    lb_jinja_limits limits;
    size_t used_bytes;
    uint64_t n_steps;
    unsigned depth;
    int64_t clock_seconds;
    /* Of a rendering under way. */
    const struct language *language; /* its filters, tests, methods and functions */
    const char *where;
    unsigned line;
    text_builder *output; /* where statements write */
    text_builder *root;
    scope *globals;
    lb_jinja_block *blocks;
    size_t n_blocks, blocks_capacity;
    bool is_raised;
    lobass_error *error;
};

/* "WHERE: line N: ...", LOBASS_BAD_FORMAT. */
lobass_status lb_jinja_fail(lb_jinja *jinja, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Memory of the rendering, within its limit. */
lobass_status lb_jinja_take(lb_jinja *jinja, void **memory, size_t count, size_t element_bytes);
/* Counts COST steps. */
lobass_status lb_jinja_step(lb_jinja *jinja, uint64_t cost);
/* Into a call, a level of a value; and out. */
lobass_status lb_jinja_enter(lb_jinja *jinja);
void lb_jinja_leave(lb_jinja *jinja);

/* ---- names (scope.c) ------------------------------------------------------------------------- */

/* A scope may outlive its statement: macros keep where they stand. */
lobass_status lb_jinja_scope_make(lb_jinja *jinja, scope **made, scope *parent);
lobass_status lb_jinja_scope_set(lb_jinja *jinja, scope *within, const text *name,
                                 const value *set);
/* In WITHIN or around it; *FOUND NULL: nowhere. */
lobass_status lb_jinja_scope_find(lb_jinja *jinja, const scope *within, const text *name,
                                  const variable **found);
lobass_status lb_jinja_assign(lb_jinja *jinja, const node *target, const value *assigned,
                              scope *within);

/* ---- expressions and statements (evaluate.c, macro.c, loop.c, render.c) ---------------------- */

lobass_status lb_jinja_evaluate(lb_jinja *jinja, value *result, const node *expression,
                                scope *within);
/* A call, with CALLER (or NULL) as one more keyword. */
lobass_status lb_jinja_evaluate_call(lb_jinja *jinja, value *result, const node *at, scope *within,
                                     const value *caller);
/* The filters of a block over SUBJECT. */
lobass_status lb_jinja_evaluate_filters(lb_jinja *jinja, value *result, const node *at,
                                        scope *within, const value *subject);
lobass_status lb_jinja_call(lb_jinja *jinja, value *result, const value *callee,
                            const arguments *given);
lobass_status lb_jinja_macro_make(lb_jinja *jinja, value *made, const node *definition,
                                  scope *within);
/* *MADE <- what the body writes. */
lobass_status lb_jinja_capture(lb_jinja *jinja, const node *body, scope *within, const text **made);
lobass_status lb_jinja_loop_make(lb_jinja *jinja, loop **made, const node *at, scope *within);
/* ---- text (text.c) --------------------------------------------------------------------------- */

/* Words of the language and what stands between things. */
extern const text lb_jinja_word_empty, lb_jinja_word_space, lb_jinja_word_zero, lb_jinja_word_comma,
    lb_jinja_word_comma_space, lb_jinja_word_colon_space, lb_jinja_word_dots, lb_jinja_word_common,
    lb_jinja_word_key, lb_jinja_word_caller, lb_jinja_word_kwargs, lb_jinja_word_varargs,
    lb_jinja_word_loop, lb_jinja_word_length;

bool lb_jinja_text_equal(const text *a, const text *b);
bool lb_jinja_text_is(const text *a, const char *word);
int lb_jinja_text_compare(const text *a, const text *b); /* by code points */
size_t lb_jinja_char_size(const char *at); /* of the UTF-8 character, from its first byte */
/* The byte at which character INDEX begins; SIZE for n_chars. */
size_t lb_jinja_text_offset(const text *of, size_t index);
lobass_status lb_jinja_text_copy(lb_jinja *jinja, const text **made, const char *data, size_t size,
                                 uint32_t origin);
lobass_status lb_jinja_text_part(lb_jinja *jinja, const text **part, const text *of, size_t from,
                                 size_t to);
uint32_t lb_jinja_text_origin(const text *of, size_t at); /* of the byte */

void lb_jinja_builder_begin(text_builder *builder, lb_jinja *jinja);
lobass_status lb_jinja_builder_bytes(text_builder *builder, const char *data, size_t size,
                                     uint32_t origin);
lobass_status lb_jinja_builder_text(text_builder *builder, const text *added);
lobass_status lb_jinja_builder_part(text_builder *builder, const text *added, size_t from,
                                    size_t to);
lobass_status lb_jinja_builder_char(text_builder *builder, uint32_t code_point, uint32_t origin);
lobass_status lb_jinja_builder_end(text_builder *builder, const text **made);

/* ---- values (values.c) ----------------------------------------------------------------------- */

value lb_jinja_of_text(const text *of);
value lb_jinja_of_object(value_kind kind, const void *object);
lobass_status lb_jinja_make_undefined(lb_jinja *jinja, value *made, const char *hint,
                                      const char *subject, const value *name);
lobass_status lb_jinja_make_list(lb_jinja *jinja, value *made, value_kind kind, const value *items,
                                 size_t count);
lobass_status lb_jinja_make_pair(lb_jinja *jinja, value *made, const value *a, const value *b);
lobass_status lb_jinja_make_word(lb_jinja *jinja, value *made, const char *word);
const text *lb_jinja_text_of(const value *string);
const list *lb_jinja_list_of(const value *sequence); /* a list or a tuple */
const dict *lb_jinja_dict_of(const value *mapping);
bool lb_jinja_is_number(const value *of);        /* truth values too */
const char *lb_jinja_type_name(const value *of); /* Python's */

bool lb_jinja_truth(const value *of);
lobass_status lb_jinja_equal(lb_jinja *jinja, const value *a, const value *b, bool *is_equal);
bool lb_jinja_is_same(const value *a, const value *b); /* Python's `is` */
lobass_status lb_jinja_length(lb_jinja *jinja, const value *of, int64_t *length);
bool lb_jinja_has_length(const value *of);
bool lb_jinja_is_iterable(const value *of);

lobass_status lb_jinja_dict_make(lb_jinja *jinja, dict **made, size_t capacity);
lobass_status lb_jinja_dict_find(lb_jinja *jinja, const dict *in, const value *key, entry **found);
entry *lb_jinja_dict_look(const dict *in, const text *key); /* a key that is text */
lobass_status lb_jinja_dict_set(lb_jinja *jinja, dict *in, const value *key, const value *set);

/* ---- comparison (compare.c; equality is values.c's) ------------------------------------------ */

/* Exact, of integers beyond 2^53 too. NaN is unordered. */
int lb_jinja_number_order(const value *a, const value *b, bool *is_ordered);
/* ORDER < 0, 0, > 0. SYMBOL is for the message. */
lobass_status lb_jinja_order(lb_jinja *jinja, const value *a, const value *b, const char *symbol,
                             int *order, bool *is_ordered);
lobass_status lb_jinja_contains(lb_jinja *jinja, const value *container, const value *sought,
                                bool *is_in);

/* ---- iteration (iterate.c) ------------------------------------------------------------------- */

lobass_status lb_jinja_iterate(lb_jinja *jinja, iterator *begun, const value *of);
lobass_status lb_jinja_next(lb_jinja *jinja, iterator *going, value *item, bool *has_item);
lobass_status lb_jinja_collect(lb_jinja *jinja, iterator *from, const value **items, size_t *count);
lobass_status lb_jinja_collect_all(lb_jinja *jinja, const value *of, const value **items,
                                   size_t *count);

/* What a generator does with the values of its source. */
typedef lobass_status (*generator_step)(lb_jinja *jinja, generator *of, value *item,
                                        bool *has_item);
struct generator
{
    generator_step step;
    value source_value;
    iterator source;
    bool has_begun, is_done;
    const struct filter_row *filter; /* of map */
    const struct test_row *test;     /* of select */
    bool is_negated;
    value attribute, fallback; /* KIND_MISSING: none */
    arguments given;
    dict *seen;
    int64_t n; /* of batch and slice */
    const value *items;
    size_t n_items, at;
    value pending; /* what it fails with, once it is asked */
};

lobass_status lb_jinja_make_generator(lb_jinja *jinja, value *made, generator **inside,
                                      generator_step step, const value *source);

/* ---- attributes and items (access.c) --------------------------------------------------------- */

lobass_status lb_jinja_attribute(lb_jinja *jinja, value *result, const value *of, const text *name);
/* Without the item that has this name. */
lobass_status lb_jinja_attribute_alone(lb_jinja *jinja, value *result, const value *of,
                                       const text *name);
lobass_status lb_jinja_item(lb_jinja *jinja, value *result, const value *of, const value *key);
/* KIND_MISSING for what cannot be sliced. */
lobass_status lb_jinja_slice(lb_jinja *jinja, value *result, const value *of, const value *start,
                             const value *stop, const value *step);
/* By "a.b.0", as filters take attributes; FALLBACK (may be KIND_MISSING) for what is undefined. */
lobass_status lb_jinja_path(lb_jinja *jinja, value *result, const value *of, const value *path,
                            const value *fallback);

/* ---- operators (operators.c) ----------------------------------------------------------------- */

typedef enum operation
{
    OPERATION_ADD,
    OPERATION_SUBTRACT,
    OPERATION_MULTIPLY,
    OPERATION_DIVIDE,
    OPERATION_FLOOR_DIVIDE,
    OPERATION_MODULO,
    OPERATION_POWER,
    OPERATION_EQUAL,
    OPERATION_UNEQUAL,
    OPERATION_LESS,
    OPERATION_LESS_EQUAL,
    OPERATION_GREATER,
    OPERATION_GREATER_EQUAL,
    OPERATION_IN,
    OPERATION_NOT_IN,
    OPERATION_NEGATE,
    OPERATION_PLUS
} operation;

lobass_status lb_jinja_binary(lb_jinja *jinja, value *result, operation operation, const value *a,
                              const value *b);
lobass_status lb_jinja_unary(lb_jinja *jinja, value *result, operation operation, const value *a);
lobass_status lb_jinja_compare(lb_jinja *jinja, bool *result, operation operation, const value *a,
                               const value *b);

/* ---- printing (print.c, json.c, pattern.c) --------------------------------------------------- */

lobass_status lb_jinja_print(text_builder *to, const value *of); /* str() */
lobass_status lb_jinja_text_from(lb_jinja *jinja, const text **made, const value *of);
lobass_status lb_jinja_repr(text_builder *to, const value *of);
/* That MISSING is undefined, as Python says it. */
lobass_status lb_jinja_fail_undefined(lb_jinja *jinja, const value *missing);
#define LB_JINJA_REAL_SIZE 40
void lb_jinja_real_print(char printed[LB_JINJA_REAL_SIZE], double real); /* as Python's repr */

typedef struct json_style
{
    const text *indent; /* NULL: on one line */
    const text *item_separator, *key_separator;
    bool is_ascii, is_sorted;
} json_style;

lobass_status lb_jinja_print_json(text_builder *to, const value *of, const json_style *style,
                                  unsigned level);
lobass_status lb_jinja_print_escaped(text_builder *to, const text *of); /* for HTML */
/* "%s" % ... and "{}".format(...) */
lobass_status lb_jinja_percent(lb_jinja *jinja, value *result, const text *pattern,
                               const value *operand);
lobass_status lb_jinja_format(lb_jinja *jinja, value *result, const text *pattern,
                              const arguments *given);

/* ---- characters (chars.c) -------------------------------------------------------------------- */

uint32_t lb_jinja_char_at(const char *at, size_t *size);
bool lb_jinja_char_is_space(uint32_t code_point);
bool lb_jinja_char_is_line_end(uint32_t code_point);
bool lb_jinja_char_is_printable(uint32_t code_point);
typedef enum letter_case
{
    CASE_LOWER,
    CASE_UPPER,
    CASE_TITLE
} letter_case;
/* With the mappings to several characters; lower-case sigma by its place. */
lobass_status lb_jinja_change_case(text_builder *to, const text *of, size_t from, size_t size,
                                   letter_case wanted);
bool lb_jinja_char_is_cased(uint32_t code_point);
bool lb_jinja_char_is_lower(uint32_t code_point);
bool lb_jinja_char_is_upper(uint32_t code_point); /* or title */
bool lb_jinja_char_is_title(uint32_t code_point);
bool lb_jinja_char_is_letter(uint32_t code_point);
bool lb_jinja_char_is_decimal(uint32_t code_point);
bool lb_jinja_char_is_digit(uint32_t code_point);
bool lb_jinja_char_is_numeric(uint32_t code_point);

/* ---- functions and their arguments (arguments.c) --------------------------------------------- */

enum
{
    MOST_PARAMETERS = 6
};

/* What a function of the language takes, as Python's signature says. */
typedef struct signature
{
    const char *name;
    const char *parameters[MOST_PARAMETERS]; /* behind the subject */
    unsigned n_required;
    bool takes_all; /* arguments are handed on as they are */
} signature;

/* bound[MOST_PARAMETERS], KIND_MISSING where nothing was given. */
lobass_status lb_jinja_bind(lb_jinja *jinja, value bound[MOST_PARAMETERS],
                            const signature *expected, const arguments *given);
/* Bound arguments of a kind; the fallback where they are missing. */
lobass_status lb_jinja_take_integer(lb_jinja *jinja, const value *given, int64_t fallback,
                                    int64_t *taken);

typedef struct call
{
    lb_jinja *jinja;
    value self;
    value bound[MOST_PARAMETERS];
    const arguments *given;
} call;

bool lb_jinja_is_given(const value *bound); /* neither missing nor None */
/* A bound argument that has to be text. */
lobass_status lb_jinja_take_text(const call *c, size_t index, const text **taken);

typedef lobass_status (*call_function)(call *c, value *result);

typedef struct filter_row
{
    signature signature;
    call_function run; /* NULL: Jinja has it, this engine does not */
} filter_row;

typedef struct test_row
{
    signature signature;
    lobass_status (*run)(call *c, bool *result);
} test_row;

typedef struct method_row
{
    value_kind kind; /* of the value that has it */
    signature signature;
    call_function run; /* NULL: the sandbox keeps it away, or it is not supported */
    bool is_unsafe;
} method_row;

typedef struct function_row
{
    signature signature;
    call_function run;
} function_row;

/* All that a template may call by name: tables that end with a row without a name. */
typedef struct language
{
    const filter_row *const *filters; /* NULL behind the last table */
    const test_row *tests;
    const method_row *methods;
    const function_row *functions;
} language;

const filter_row *lb_jinja_filter_find(const language *in, const text *name);
const test_row *lb_jinja_test_find(const language *in, const text *name);
const method_row *lb_jinja_method_find(const language *in, const value *of, const text *name);
const function_row *lb_jinja_function_find(const language *in, const text *name);
lobass_status lb_jinja_row_run(lb_jinja *jinja, value *result, const signature *expected,
                               call_function function, const value *self, const arguments *given);
lobass_status lb_jinja_filter_run(lb_jinja *jinja, value *result, const filter_row *filter,
                                  const value *subject, const arguments *given);
lobass_status lb_jinja_test_run(lb_jinja *jinja, bool *result, const test_row *test,
                                const value *subject, const arguments *given);

/* ---- methods of text (methods_text.c, methods_find.c, methods_split.c) ----------------------- */

const text *lb_jinja_self_text(const call *c);
/* What a method makes of a string marked safe is marked too. */
lobass_status lb_jinja_keep_mark(const call *c, lobass_status status, value *result);
lobass_status lb_jinja_self_part(const call *c, value *result, size_t from, size_t to);
lobass_status lb_jinja_str_startswith(call *c, value *result);
lobass_status lb_jinja_str_endswith(call *c, value *result);
lobass_status lb_jinja_str_find(call *c, value *result);
lobass_status lb_jinja_str_rfind(call *c, value *result);
lobass_status lb_jinja_str_index(call *c, value *result);
lobass_status lb_jinja_str_rindex(call *c, value *result);
lobass_status lb_jinja_str_count(call *c, value *result);
lobass_status lb_jinja_str_replace(call *c, value *result);
lobass_status lb_jinja_str_removeprefix(call *c, value *result);
lobass_status lb_jinja_str_removesuffix(call *c, value *result);
lobass_status lb_jinja_str_split(call *c, value *result);
lobass_status lb_jinja_str_rsplit(call *c, value *result);
lobass_status lb_jinja_str_partition(call *c, value *result);
lobass_status lb_jinja_str_rpartition(call *c, value *result);
lobass_status lb_jinja_str_splitlines(call *c, value *result);
lobass_status lb_jinja_str_join(call *c, value *result);
lobass_status lb_jinja_str_expandtabs(call *c, value *result);
lobass_status lb_jinja_str_format(call *c, value *result);
lobass_status lb_jinja_str_strip(call *c, value *result);
lobass_status lb_jinja_str_lstrip(call *c, value *result);
lobass_status lb_jinja_str_rstrip(call *c, value *result);
lobass_status lb_jinja_str_upper(call *c, value *result);
lobass_status lb_jinja_str_lower(call *c, value *result);
lobass_status lb_jinja_str_capitalize(call *c, value *result);
lobass_status lb_jinja_str_title(call *c, value *result);
lobass_status lb_jinja_str_swapcase(call *c, value *result);
lobass_status lb_jinja_str_center(call *c, value *result);
lobass_status lb_jinja_str_ljust(call *c, value *result);
lobass_status lb_jinja_str_rjust(call *c, value *result);
lobass_status lb_jinja_str_zfill(call *c, value *result);
lobass_status lb_jinja_str_isdigit(call *c, value *result);
lobass_status lb_jinja_str_isdecimal(call *c, value *result);
lobass_status lb_jinja_str_isalpha(call *c, value *result);
lobass_status lb_jinja_str_isalnum(call *c, value *result);
lobass_status lb_jinja_str_isspace(call *c, value *result);
lobass_status lb_jinja_str_isascii(call *c, value *result);
lobass_status lb_jinja_str_isprintable(call *c, value *result);
lobass_status lb_jinja_str_islower(call *c, value *result);
lobass_status lb_jinja_str_isupper(call *c, value *result);

/* What OF is sorted by: what is at PATH, strings in lower case where their case does not count. */
lobass_status lb_jinja_comparable(lb_jinja *jinja, value *key, const value *of, const value *path,
                                  bool is_case_sensitive);

/* Each ends with a row without a name. */
extern const filter_row lb_jinja_text_filters[], lb_jinja_sequence_filters[],
    lb_jinja_value_filters[], lb_jinja_order_filters[];
extern const test_row lb_jinja_tests[];
extern const method_row lb_jinja_methods[];
extern const function_row lb_jinja_functions[];
extern const language lb_jinja_language; /* language.c */

/* ---- text in parts (strings.c), shared by methods and filters -------------------------------- */

/* SET: the characters to take off, NULL: white space. */
lobass_status lb_jinja_strip(lb_jinja *jinja, value *result, const text *of, const text *set,
                             bool at_start, bool at_end);
lobass_status lb_jinja_replace(lb_jinja *jinja, value *result, const text *of, const text *old,
                               const text *replacement, int64_t most);
/* Whether SOUGHT stands at byte AT, before END. */
bool lb_jinja_text_has(const text *of, size_t at, size_t end, const text *sought);
/* The byte where SOUGHT stands in [start, end), the first or the last; false: nowhere. */
bool lb_jinja_text_place(const text *of, size_t start, size_t end, const text *sought, bool is_last,
                         size_t *place);
/* NULL where it is not there. */
const char *lb_jinja_text_find(const text *in, size_t from, size_t to, const text *sought);
lobass_status lb_jinja_lines(lb_jinja *jinja, const text *of, bool keeps_ends, const value **lines,
                             size_t *count);
lobass_status lb_jinja_cased(lb_jinja *jinja, value *result, const text *of, letter_case wanted);
lobass_status lb_jinja_capitalized(lb_jinja *jinja, value *result, const text *of);
lobass_status lb_jinja_padded(lb_jinja *jinja, value *result, const text *of, int64_t width,
                              const text *fill, char align);

#endif
