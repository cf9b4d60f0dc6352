/* SPDX-License-Identifier: Apache-2.0
 *
 * L3. Records -> conversations -> frozen rows, and rows -> packed batches. What is scored is
 * decided here and nowhere else.
 */
#ifndef LB_DATA_H
#define LB_DATA_H

#include "compute/compute.h"
#include "format/format.h"
#include "jinja/jinja.h"
#include "text/text.h"

/* ---- names of fields (field_map.c): --fields ----------------------------------------------------
 */

typedef struct lb_field_map lb_field_map;

/* TEXT: "prompt=ask,response=reply,ignore=label,...", as --fields of docs/CLI.md; NULL or "": *MAP
 * is NULL, which every function takes for no map. LOBASS_BAD_ARGUMENT says what is wrong. */
lobass_status lb_field_map_create(lb_field_map **map, const char *text, lobass_error *error);
void lb_field_map_free(lb_field_map *map);
/* TEXT becomes MAP as it is recorded, whatever the order it was given in; "" for none. */
lobass_status lb_field_map_print(lb_buffer *text, const lb_field_map *map, lobass_error *error);

/* ---- conversations (conversation.c): what a record says, whatever its format --------------------
 */

typedef enum lb_role
{
    LB_ROLE_SYSTEM,
    LB_ROLE_USER,
    LB_ROLE_ASSISTANT,
    LB_ROLE_TOOL, /* what a tool gave back */
    LB_ROLE_TEXT  /* plain language modelling: the whole text is scored */
} lb_role;

typedef struct lb_message
{
    lb_role role;
    const char *text; /* UTF-8, may hold NUL bytes */
    size_t size;
    const char *input; /* the input field of Alpaca, user messages only; NULL or not empty */
    size_t input_size;
    bool is_context; /* an assistant turn that the record says is not to be learned */
    const lb_value
        *fields; /* an object: the message as a chat template sees it, "role", "content"
                    and what else the record carries; NULL: role, text and input say all */
} lb_message;

typedef struct lb_conversation
{
    lb_message *messages; /* [n_messages], as the record has them; in the arena */
    size_t n_messages;
    const lb_value *tools, *documents; /* arrays for a chat template, or NULL */
    const lb_value *variables;         /* an object: the record's own variables for it, or NULL */
    const char *chat_only; /* the first thing that only a chat template can show: a field's name, or
                              NULL */
    const char *const *ignored; /* [n_ignored] fields of the record that nothing reads, as it has
                                   them */
    size_t n_ignored;
    const char *const *ignored_within; /* [n_ignored_within] fields of its messages that nothing
                                          reads but, perhaps, a chat template */
    size_t n_ignored_within;
} lb_conversation;

/* Reads one record of any format of docs/CLI.md, or as MAP says. A record that is none of them,
 * that breaks the one it is, that can be read in two ways, or that holds what nothing here can
 * honour gives LOBASS_BAD_FORMAT and the reason alone, without a place: 'field "output": expected a
 * string, found null'. Everything lives in ARENA until it is reset. */
lobass_status lb_conversation_parse(lb_conversation *conversation, const char *data,
                                    size_t size_bytes, const lb_field_map *map, lb_arena *arena,
                                    lobass_error *error);
/* The same where the last response may be missing or null: a record to be answered. */
lobass_status lb_conversation_parse_prompt(lb_conversation *conversation, const char *data,
                                           size_t size_bytes, const lb_field_map *map,
                                           lb_arena *arena, lobass_error *error);
/* What a template of template.c can show of CONVERSATION (join.c): messages of system, user,
 * assistant or text, neighbours on the prompt's side joined with a newline. LOBASS_BAD_FORMAT where
 * there is something that only a chat template shows. Texts are borrowed or in ARENA. */
lobass_status lb_conversation_join(lb_conversation *joined, const lb_conversation *conversation,
                                   lb_arena *arena, lobass_error *error);

/* The same as the built-in templates take it: messages of a user and of an assistant in turn, as
 * far as neighbours on the prompt's side can be joined (join.c). LOBASS_BAD_FORMAT for what only a
 * chat template can show. */
lobass_status lb_conversation_join(lb_conversation *joined, const lb_conversation *conversation,
                                   lb_arena *arena, lobass_error *error);

/* White space and what has no width alone, of any script: no response. */
bool lb_text_is_blank(const char *text, size_t size_bytes);

/* ---- renderings: a conversation as text with scored spans ------------------------------------ */

#define LB_NO_MESSAGE UINT32_MAX

/* Bytes of a rendering up to END, from where the one before ends. */
typedef struct lb_text_piece
{
    size_t end;
    uint32_t message; /* that it comes from, or LB_NO_MESSAGE: the template, tools */
    uint8_t part;     /* lobass_token_part */
    bool is_record;   /* text of the record, which nobody vouches for; else the template's */
} lb_text_piece;

typedef struct lb_span
{
    size_t start, end;       /* bytes; a response's text, and what of its end the text has */
    size_t end_from, end_to; /* the end token in it; equal where there is none */
    uint32_t message;        /* that it answers with */
    bool is_context;         /* never scored, whatever the options say */
    bool has_text;           /* beyond white space of ASCII and what the template writes */
} lb_span;

typedef struct lb_rendering
{
    const char *text; /* lives as long as the renderer's arena, and until its next rendering */
    size_t size;
    const lb_text_piece *pieces; /* [n_pieces], all of the text */
    size_t n_pieces;
    lb_span *responses; /* [n_responses], ascending, none in another */
    size_t n_responses;
    bool is_chat;       /* ends of responses are in the text; else a token belongs after each */
    bool has_bos;       /* whether there is a BOS is the text's business */
    uint32_t notes;     /* bits by lobass_note: what a person should know of it */
    const char *remark; /* the same in words, or NULL */
} lb_rendering;

typedef struct lb_template lb_template;

/* NAME: "alpaca", "alpaca-newline", "plain"; others are LOBASS_UNSUPPORTED, by name. */
lobass_status lb_template_find(const lb_template **found, const char *name, lobass_error *error);
const char *lb_template_name(const lb_template *chosen);
/* What stands before the text of a user; may be empty. */
const char *lb_template_user_label(const lb_template *chosen);
/* NULL after the last. */
const char *lb_template_name_at(size_t index);
/* With a built-in template (template.c). A conversation of one LB_ROLE_TEXT message is rendered as
 * itself by every template. */
lobass_status lb_template_render(lb_rendering *rendering, const lb_template *chosen,
                                 const lb_conversation *conversation, lb_arena *arena,
                                 lobass_error *error);

/* ---- chat templates (chat_template.c) ----------------------------------------------------------
 */

/* The template that OPTIONS name ("chat": the model's own, of FOLDER; else a file) with its
 * variables as one line of JSON, which is what options->chat is; *CHAT is yours: free().
 * {"name", "templates": {name: text}, "special_tokens", "variables", "date"}. */
lobass_status lb_chat_template_read(char **chat, const lobass_format_options *options,
                                    const char *folder, lobass_error *error);
/* What a run recorded, RECORDED, stands for what its model's folder has now, *CHAT, where OPTIONS
 * ask for neither another template nor another date. *IS_CHANGED: the folder's is another one. */
lobass_status lb_chat_template_keep(char **chat, const char *recorded,
                                    const lobass_format_options *options, bool *is_changed,
                                    lobass_error *error);
/* The template of resolved OPTIONS; to be closed. */
lobass_status lb_template_open(lb_template **opened, const lobass_format_options *options,
                               lobass_error *error);
void lb_template_close(lb_template *opened);

/* ---- renderers (renderer.c) ------------------------------------------------------------------ */

/* Renders with any template; one a thread. */
typedef struct lb_renderer lb_renderer;

/* CHOSEN and TOKENIZER are borrowed. */
lobass_status lb_renderer_create(lb_renderer **renderer, const lb_template *chosen,
                                 const lobass_tokenizer *tokenizer, lobass_error *error);
void lb_renderer_free(lb_renderer *renderer);
/* LOBASS_BAD_FORMAT: the template cannot show the conversation, in its own words. Lives until the
 * next rendering and until ARENA is reset. */
lobass_status lb_renderer_render(lb_renderer *renderer, lb_rendering *rendering,
                                 const lb_conversation *conversation, lb_arena *arena,
                                 lobass_error *error);
/* What a model goes on from to answer CONVERSATION, whose last response is not there. The spans are
 * those of the earlier ones. */
lobass_status lb_renderer_prompt(lb_renderer *renderer, lb_rendering *rendering,
                                 const lb_conversation *conversation, lb_arena *arena,
                                 lobass_error *error);

/* ---- tokens of a rendering (row_tokens.c) ------------------------------------------------------
 */

typedef struct lb_row_tokens lb_row_tokens; /* one a thread: an encoder and buffers */

/* END_ID stands behind responses whose text has no end of its own; -1: nothing does. */
lobass_status lb_row_tokens_create(lb_row_tokens **tokens, const lobass_tokenizer *tokenizer,
                                   int32_t end_id, size_t n_vocabulary, lobass_error *error);
void lb_row_tokens_free(lb_row_tokens *tokens);

/* What becomes of a rendering. */
typedef struct lb_row_rule
{
    bool is_joint;     /* edges of responses force no split */
    bool is_continued; /* its text goes on in the next record: no end token */
} lb_row_rule;

/* [BOS] and the tokens of the text, flagged but for SCORED: */
typedef struct lb_token_list
{
    const int32_t *ids;
    uint8_t *flags; /* to be changed at will */
    size_t count;
    const uint32_t *responses; /* [count] the response that a token is of, or UINT32_MAX */
    size_t n_spelt;            /* names of special tokens in the record's text */
} lb_token_list;

/* One encoding of the whole text; the edges of responses are forced splits. Special tokens are
 * recognised in what a chat template writes, and nowhere else. Lives until the next call.
 * LOBASS_BAD_FORMAT for a text that is not UTF-8. */
lobass_status lb_row_tokens_make(lb_row_tokens *tokens, lb_token_list *list,
                                 const lb_rendering *rendering, lb_row_rule rule,
                                 lobass_error *error);
/* LOBASS_BAD_FORMAT where one of the first N_TOKENS of the list is none of the model's. */
lobass_status lb_row_tokens_check(const lb_row_tokens *tokens, size_t n_tokens,
                                  lobass_error *error);

/* ---- rows (freeze.c): text -> ids, flags, status
 * --------------------------------------------------- */

typedef struct lb_freezer lb_freezer; /* one a thread: an encoder, an arena and buffers */

lobass_status lb_freezer_create(lb_freezer **freezer, const lobass_tokenizer *tokenizer,
                                const lobass_format_options *options, int32_t eos_fallback,
                                size_t n_vocabulary, lobass_error *error);
void lb_freezer_free(lb_freezer *freezer);
/* Fills status, reason, hash, ids, flags and the counts of ROW from a record's bytes (METHOD: mask,
 * edges, BOS once, end tokens, truncation on the right). Pointers live until the next call. A bad
 * record is a status, not a failure; failures are memory and a token id beyond N_VOCABULARY. */
lobass_status lb_freezer_freeze(lb_freezer *freezer, lobass_row *row, const lb_record *record,
                                lobass_error *error);
/* What the last record said, for what was ignored of it; empty where it could not be read. */
const lb_conversation *lb_freezer_conversation(const lb_freezer *freezer);
/* Of the record frozen last: bits by lobass_note. */
uint32_t lb_freezer_notes(const lb_freezer *freezer);
/* Hash of ids and flags: equal for duplicates. */
lb_hash lb_row_hash(const lobass_row *row);
/* ROW, whose flags are FLAGS, has the tokens of an earlier row: it is not scored. */
void lb_row_mark_duplicate(lobass_row *row, uint8_t *flags);

/* ---- rows seen before (duplicates.c) --------------------------------------------------------- */

/* A hash table of lb_row_hash() -> row number; {0} is empty. */
typedef struct lb_duplicates
{
    struct lb_duplicate *entries; /* [capacity], a power of two */
    size_t capacity, count;
} lb_duplicates;

/* *EARLIER: the number of the row that was added with the same hash, or ROW itself, added now. */
lobass_status lb_duplicates_add(lb_duplicates *duplicates, lb_hash hash, uint64_t row,
                                uint64_t *earlier, lobass_error *error);
void lb_duplicates_free(lb_duplicates *duplicates);

/* ---- prompts (prompt.c): what a model is to continue
 * ------------------------------------------------- */

typedef struct lb_prompt
{
    const char *text; /* without BOS and end tokens */
    size_t size;
    const int32_t *ids; /* as a row begins that was frozen with forced splits */
    size_t n_ids;
    const char
        *response; /* [response_size] what was dropped: the record's own; NULL: it has none */
    size_t response_size;
    const char *reason; /* why there is none, or NULL */
} lb_prompt;

typedef struct lb_prompter lb_prompter;

/* CHOSEN NULL: only texts as they stand. END_ID stands behind earlier responses; -1: nothing. */
lobass_status lb_prompter_create(lb_prompter **prompter, const lobass_tokenizer *tokenizer,
                                 const lb_template *chosen, int32_t end_id, size_t n_vocabulary,
                                 lobass_error *error);
/* Records are read as FIELDS says from now on (--fields; NULL or "": as the table has it). */
lobass_status lb_prompter_map(lb_prompter *prompter, const char *fields, lobass_error *error);
void lb_prompter_free(lb_prompter *prompter);
/* What a model is given to go on from TEXT: as it stands, or as what a user says where there is a
 * template. Pointers of PROMPT live until the next call. A text that is not UTF-8 is a reason, not
 * a failure; and so below. */
lobass_status lb_prompter_text(lb_prompter *prompter, lb_prompt *prompt, const char *text,
                               size_t size_bytes, lobass_error *error);
/* What comes before the last response of a record, which is dropped; a record of plain text is a
 * text as it stands. A bad record is a reason. */
lobass_status lb_prompter_record(lb_prompter *prompter, lb_prompt *prompt, const lb_record *record,
                                 lobass_error *error);

/* ---- batches (pack.c)
 * --------------------------------------------------------------------------------- */

/* The rows of one packed batch, by their place in the list that was planned. */
typedef struct lb_pack
{
    const uint32_t *rows; /* [n_rows] */
    size_t n_rows;
    size_t n_tokens;   /* of all of them */
    size_t n_computed; /* at most so many once what they have in common is there once */
    uint32_t longest;  /* tokens of the longest row */
} lb_pack;

typedef struct lb_plan lb_plan;

/* An order in which rows are packed. */
typedef struct lb_ordered_row
{
    uint64_t key; /* what it was sorted by */
    uint32_t row;
    uint32_t n_shared; /* tokens in common with the row before, which need no room beside it */
} lb_ordered_row;

typedef struct lb_row_order
{
    lb_ordered_row *rows; /* [n_rows] */
    size_t n_rows;
} lb_row_order;

/* By key, then by row; for qsort. */
int lb_ordered_row_compare(const void *a, const void *b);

/* Fills packs of at most MAX_TOKENS that are computed (a longer row stands alone) with the rows of
 * ORDER, or where it is NULL with all that have a length above 0, longest first; the pack with the
 * longest row comes first. A pure function of its arguments: the same plan whatever was done
 * before. */
lobass_status lb_plan_create(lb_plan **plan, const uint32_t *lengths, const lb_row_order *order,
                             size_t n_rows, size_t max_tokens, lobass_error *error);
void lb_plan_free(lb_plan *plan);
size_t lb_plan_count(const lb_plan *plan);
lb_pack lb_plan_at(const lb_plan *plan, size_t index);

/* A batch being put together from rows; {0} is valid and empty. */
typedef struct lb_batch_builder
{
    lb_batch batch; /* what was built; borrowed */
    int32_t *ids;
    uint32_t *starts, *scored;
    size_t token_capacity, start_capacity;
    /* Of lb_batch_builder_share. */
    int32_t *shared_ids;
    uint32_t *shared_scored, *shared_starts, *shared_parents;
    size_t shared_tokens, shared_sequences;
} lb_batch_builder;

void lb_batch_builder_reset(lb_batch_builder *builder);
lobass_status lb_batch_builder_add(lb_batch_builder *builder, const int32_t *ids,
                                   const uint8_t *flags, size_t n_tokens, lobass_error *error);
void lb_batch_builder_free(lb_batch_builder *builder);
/* Once all rows are added: BATCH becomes one in which what rows have in common before their first
 * scored token is there once, as sequences that others continue. Losses come out in the same order;
 * no more rows can be added before the next reset. */
lobass_status lb_batch_builder_share(lb_batch_builder *builder, lobass_error *error);

/* ---- responses without their prompts (alone.c)
 * -------------------------------------------------------- */

/* Adds each stretch of ROW that is scored (a response; a prompt where those are scored too) as a
 * sequence of its own behind the token PREFIX, but behind nothing where it begins the row. The
 * scored tokens are those of the row, in their order. */
lobass_status lb_batch_builder_add_alone(lb_batch_builder *builder, const lobass_row *row,
                                         int32_t prefix, lobass_error *error);
/* Tokens that this adds. */
size_t lb_alone_count(const lobass_row *row);

/* ---- rows that begin alike (share.c)
 * ------------------------------------------------------------------ */

/* Loads row NUMBER; what ROW points to lives until the next call. */
typedef lobass_status (*lb_row_load)(void *context, lobass_row *row, uint32_t number,
                                     lobass_error *error);

/* Sorts the rows of ORDER so that neighbours begin alike for as long as can be, and counts what
 * each shares with the one before. Each row is loaded twice. A pure function of the rows. */
lobass_status lb_row_order_find(lb_row_order *order, lb_row_load load, void *context,
                                lobass_error *error);
/* Rows that begin alike have keys that agree in their upper bits, the more so the longer they do.
 */
uint64_t lb_prefix_key(const int32_t *ids, const uint8_t *flags, size_t n_tokens);

#endif
