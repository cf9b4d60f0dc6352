/* SPDX-License-Identifier: Apache-2.0
 *
 * L0. What every layer stands on: errors, memory, files, hashing, seeded random numbers, narrow
 * floats, a thread pool, a clock and progress. Knows nothing of models, rows or formats.
 */
#ifndef LB_BASE_H
#define LB_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/number.h"
#include "lobass.h"

/* ---- errors (error.c) ----------------------------------------------------------------------- */

/* Writes one line into ERROR (may be NULL; a longer message is cut) and returns STATUS. */
lobass_status lb_fail(lobass_error *error, lobass_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* "PATH: cannot VERB: strerror(errno)"; LOBASS_NOT_FOUND for ENOENT, else LOBASS_IO. */
lobass_status lb_fail_errno(lobass_error *error, const char *path, const char *verb);
lobass_status lb_fail_memory(lobass_error *error, size_t size_bytes);

/* Passes a failure on unchanged. */
#define LB_TRY(call)                                 \
    do                                               \
    {                                                \
        const lobass_status lb_try_status_ = (call); \
        if (lb_try_status_ != LOBASS_OK)             \
        {                                            \
            return lb_try_status_;                   \
        }                                            \
    } while (0)

/* The same where something must be released first: needs `status` and a label `done`. */
#define LB_TRY_GOTO(call)        \
    do                           \
    {                            \
        status = (call);         \
        if (status != LOBASS_OK) \
        {                        \
            goto done;           \
        }                        \
    } while (0)

/* ---- memory (memory.c) ---------------------------------------------------------------------- */

/* a * b or a + b; false when it does not fit. */
bool lb_size_multiply(size_t a, size_t b, size_t *product);
bool lb_size_add(size_t a, size_t b, size_t *sum);

/* COUNT zeroed elements, 64-byte aligned; NULL with ERROR written on failure or overflow. A count
 * of 0 gives a valid pointer. Release with free(). */
void *lb_alloc(size_t count, size_t element_bytes, lobass_error *error);
/* Makes room for COUNT elements in the growable list *VALUES (NULL at first); the capacity at least
 * doubles, and new elements are not set. On failure both stay as they are. */
lobass_status lb_list_reserve(void **values, size_t *capacity, size_t count, size_t element_bytes,
                              lobass_error *error);
char *lb_copy_text(const char *text, size_t size_bytes, lobass_error *error); /* adds a NUL */

/* Memory that is released all at once. */
typedef struct lb_arena
{
    struct lb_arena_block *blocks;
} lb_arena;

void *lb_arena_alloc(lb_arena *arena, size_t count, size_t element_bytes, lobass_error *error);
char *lb_arena_text(lb_arena *arena, const char *text, size_t size_bytes, lobass_error *error);
void lb_arena_reset(lb_arena *arena); /* keeps the largest block for reuse */
void lb_arena_free(lb_arena *arena);

/* Growable bytes; {0} is a valid empty buffer. data always has a NUL after `size` bytes once
 * anything was appended. */
typedef struct lb_buffer
{
    char *data;
    size_t size, capacity;
} lb_buffer;

lobass_status lb_buffer_reserve(lb_buffer *buffer, size_t extra_bytes, lobass_error *error);
lobass_status lb_buffer_append(lb_buffer *buffer, const void *data, size_t size_bytes,
                               lobass_error *error);
lobass_status lb_buffer_append_text(lb_buffer *buffer, const char *text, lobass_error *error);
lobass_status lb_buffer_print(lb_buffer *buffer, lobass_error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void lb_buffer_clear(lb_buffer *buffer); /* keeps the memory */
void lb_buffer_free(lb_buffer *buffer);

/* ---- UTF-8 (utf8.c) -------------------------------------------------------------------------- */

#define LB_UTF8_MAX 4 /* bytes of a character */

/* The length of the character at TEXT, of at most SIZE_BYTES (1 at least); 0 where there is none:
 * *N_BAD is then how many bytes form the maximal ill-formed part. */
size_t lb_utf8_look(const char *text, size_t size_bytes, size_t *n_bad);
/* The same, and the character; 0 where there is none. */
size_t lb_utf8_take(uint32_t *code_point, const char *text, size_t size_bytes);
/* The offset of the first byte that is not part of valid UTF-8; SIZE_BYTES if there is none. */
size_t lb_utf8_valid_size(const char *text, size_t size_bytes);
/* Both want valid UTF-8 and at least one code point; they return its length in bytes. */
size_t lb_utf8_length(const char *text);
size_t lb_utf8_decode(const char *text, uint32_t *code_point);
/* Where the code point before TEXT[OFFSET] begins; OFFSET > 0. */
size_t lb_utf8_previous(const char *text, size_t offset);
size_t lb_utf8_encode(char text[LB_UTF8_MAX], uint32_t code_point);
/* Appends BYTES with each maximal ill-formed part replaced by U+FFFD. */
lobass_status lb_utf8_append_lossy(lb_buffer *buffer, const char *bytes, size_t size_bytes,
                                   lobass_error *error);
/* Control characters, bidirectional overrides, invisible separators: no terminal should see them.
 */
bool lb_code_is_unsafe(uint32_t code_point);

/* ---- numbers as text (print.c) ----------------------------------------------------------------
 */

/* As strtod() and snprintf() in the "C" locale, whatever the process's is. */
double lb_real_parse(const char *text, char **end);
int lb_print(char *text, size_t size_bytes, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int lb_print_list(char *text, size_t size_bytes, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

/* A letter or digit of ASCII; isalnum() asks the locale. */
static inline bool lb_is_alphanumeric(unsigned char byte)
{
    const unsigned char lower = byte | 0x20U;
    return (byte >= '0' && byte <= '9') || (lower >= 'a' && lower <= 'z');
}

/* ---- paths (path.c) -------------------------------------------------------------------------- */

typedef enum lb_path_kind
{
    LB_PATH_MISSING,
    LB_PATH_FILE,
    LB_PATH_FOLDER,
    LB_PATH_OTHER /* a device, a pipe, or what cannot be looked at: opening it says why */
} lb_path_kind;

lb_path_kind lb_path_look(const char *path);
/* Whether PATH itself is a symbolic link, wherever it leads. */
bool lb_path_is_link(const char *path);
/* "folder/name"; yours: free(). NULL on failure. */
char *lb_path_join(const char *folder, const char *name, lobass_error *error);
const char *lb_path_name(const char *path); /* the last component; borrowed */
/* "a/b" -> "a", "b" -> ".", "/b" -> "/"; yours: free(). NULL on failure. */
char *lb_path_parent(const char *path, lobass_error *error);
/* PATH with its folder resolved and, if IS_FOLLOWED, its last component too; yours: free(). NULL
 * where that does not exist. */
lobass_status lb_path_resolve(char **resolved, const char *path, bool is_followed,
                              lobass_error *error);
/* Whether the two lead to one file, by their names or once links are followed. */
lobass_status lb_path_is_same(bool *is_same, const char *a, const char *b, lobass_error *error);
/* PATH is FOLDER or lies somewhere in it, links resolved; false where either is missing. */
lobass_status lb_path_is_within(bool *is_within, const char *path, const char *folder,
                                lobass_error *error);

/* ---- files (file.c, output.c, spool.c, folder.c, lock.c) --------------------------------------
 */

/* A read-only memory-mapped file; an empty file has size 0 and data NULL. */
typedef struct lb_mapping
{
    const unsigned char *data;
    size_t size;
} lb_mapping;

lobass_status lb_mapping_open(lb_mapping *mapping, const char *path, lobass_error *error);
void lb_mapping_close(lb_mapping *mapping);
/* Tells the system that SIZE_BYTES of a mapping were read and are not needed for now: the pages
 * are let go of, and read again should they be. */
void lb_mapping_release(const void *data, size_t size_bytes);

/* For reading; close() it. A folder, device or pipe is refused by name, and never waited for. */
lobass_status lb_file_open(int *descriptor, const char *path, lobass_error *error);
/* Appends the whole file; one larger than LIMIT bytes is refused. */
lobass_status lb_file_read(lb_buffer *buffer, const char *path, size_t limit, lobass_error *error);
lobass_status lb_file_copy(const char *from, const char *to, lobass_error *error); /* atomic */
/* FROM/NAME as FOLDER/NAME, where there is one. */
lobass_status lb_file_copy_into(const char *folder, const char *from, const char *name,
                                lobass_error *error);

/* A file that appears whole or not at all: written beside its place, then renamed. */
typedef struct lb_output lb_output;

/* Whether PATH may be written: nothing is there or, with OVERWRITE, a file that is empty or begins
 * with FIRST_BYTES, as all that lobass writes there do. Else LOBASS_CONFLICT: it "is no KIND". */
lobass_status lb_output_check(const char *path, bool overwrite, const char *first_bytes,
                              const char *kind, lobass_error *error);
/* Refuses an existing PATH unless OVERWRITE. */
lobass_status lb_output_open(lb_output **output, const char *path, bool overwrite,
                             lobass_error *error);
lobass_status lb_output_write(lb_output *output, const void *data, size_t size_bytes,
                              lobass_error *error);
/* Flushes, syncs, renames and releases; on failure nothing is left behind. */
lobass_status lb_output_commit(lb_output *output, lobass_error *error);
void lb_output_discard(lb_output *output); /* releases and removes the unfinished file */
/* All of the above for data at hand. */
lobass_status lb_file_write(const char *path, const void *data, size_t size_bytes, bool overwrite,
                            lobass_error *error);

/* Bytes put aside in a file without a name (spool.c). */
typedef struct lb_spool lb_spool;

lobass_status lb_spool_open(lb_spool **spool, const char *beside, lobass_error *error);
lobass_status lb_spool_write(lb_spool *spool, const void *data, size_t size_bytes,
                             lobass_error *error);
/* SIZE_BYTES of those written, from START on. */
lobass_status lb_spool_read(lb_spool *spool, uint64_t start, void *data, size_t size_bytes,
                            lobass_error *error);
void lb_spool_close(lb_spool *spool);

lobass_status lb_folder_create(const char *path, lobass_error *error); /* with its parents */
lobass_status lb_folder_remove(const char *path, lobass_error *error); /* with all it holds */
/* Calls VISIT for each name in the folder PATH but "." and "..", in no order, with the folder's
 * descriptor; ends with the first that is not LOBASS_OK. */
typedef lobass_status (*lb_folder_visit)(void *context, int folder, const char *name,
                                         lobass_error *error);
lobass_status lb_folder_walk(const char *path, lb_folder_visit visit, void *context,
                             lobass_error *error);
/* Renames FROM to TO and syncs the parent; replaces a folder TO when OVERWRITE. */
lobass_status lb_folder_move(const char *from, const char *to, bool overwrite, lobass_error *error);
/* Makes the folder TMPDIR/NAME-XXXXXX (/tmp where TMPDIR is not set); *FOLDER is yours: free(). */
lobass_status lb_folder_make_temporary(char **folder, const char *name, lobass_error *error);
/* Removes FOLDER (NULL: nothing). Returns STATUS, what came of the work in it, and where that is
 * LOBASS_OK what came of removing. */
lobass_status lb_folder_end_temporary(const char *folder, lobass_status status,
                                      lobass_error *error);

/* An advisory lock held by this process; the kernel drops it when the process dies. */
typedef struct lb_lock
{
    int descriptor;
} lb_lock;

/* LOBASS_CONFLICT, naming the holder's process id, when another process holds it. */
lobass_status lb_lock_acquire(lb_lock *lock, const char *path, lobass_error *error);
/* The same, beside other shared holders; an exclusive one and shared ones keep each other out. */
lobass_status lb_lock_acquire_shared(lb_lock *lock, const char *path, lobass_error *error);
void lb_lock_release(lb_lock *lock);

/* ---- hashing and random numbers (hash.c, random.c) ------------------------------------------ */

/* XXH3 of 128 bits: a fingerprint and a checksum, not a defence against an attacker. */
typedef struct lb_hash
{
    uint64_t high, low;
} lb_hash;

#define LB_HASH_TEXT_SIZE 33

lb_hash lb_hash_bytes(const void *data, size_t size_bytes, uint64_t seed);
bool lb_hash_equal(lb_hash a, lb_hash b);
void lb_hash_text(lb_hash hash, char text[LB_HASH_TEXT_SIZE]); /* 32 hexadecimal digits */

typedef struct lb_hasher lb_hasher;
lobass_status lb_hasher_create(lb_hasher **hasher, uint64_t seed, lobass_error *error);
void lb_hasher_update(lb_hasher *hasher, const void *data, size_t size_bytes);
lb_hash lb_hasher_value(const lb_hasher *hasher); /* of everything so far */
void lb_hasher_free(lb_hasher *hasher);

/* xoshiro256**, seeded through splitmix64 (Blackman & Vigna, public domain algorithm). */
typedef struct lb_random
{
    uint64_t state[4];
} lb_random;

void lb_random_init(lb_random *random, uint64_t seed);
uint64_t lb_random_next(lb_random *random);
uint64_t lb_random_below(lb_random *random, uint64_t bound); /* unbiased, in [0, bound) */
double lb_random_uniform(lb_random *random);                 /* in [0, 1) */
double lb_random_normal(lb_random *random);                  /* mean 0, variance 1 */
void lb_random_shuffle(lb_random *random, uint64_t *values, size_t count); /* Fisher-Yates */

/* ---- narrow floats (number.c; inline for loops: number.h) ------------------------------------ */

float lb_float_from_bf16(uint16_t value);
uint16_t lb_bf16_from_float(float value); /* to nearest, ties to even; NaN stays NaN */
float lb_float_from_f16(uint16_t value);
uint16_t lb_f16_from_float(float value);

/* ---- threads and time (pool.c, clock.c) ------------------------------------------------------ */

typedef struct lb_pool lb_pool;

/* WORKER is in [0, n_threads); CHUNK in [0, n_chunks). A result may depend on CHUNK only. */
typedef void (*lb_chunk_function)(void *context, size_t chunk, unsigned worker);

unsigned lb_processor_count(void);
/* N_THREADS 0: as many as processors. The calling thread is worker 0. */
lobass_status lb_pool_create(lb_pool **pool, unsigned n_threads, lobass_error *error);
void lb_pool_free(lb_pool *pool);
unsigned lb_pool_thread_count(const lb_pool *pool); /* 1 for NULL */
/* Runs every chunk once and returns when all are done; NULL runs them in order on this thread. */
void lb_pool_run(lb_pool *pool, size_t n_chunks, lb_chunk_function function, void *context);

double lb_clock_seconds(void); /* monotonic */

/* ---- progress (progress.c) ------------------------------------------------------------------- */

/* A stage under way: rate and time left are worked out here, and the callback is called at most ten
 * times a second and once at the end. */
typedef struct lb_stage
{
    const lobass_observer *observer;
    lobass_progress progress;
    double began_seconds, reported_seconds;
    uint64_t began_done, n_tokens; /* of this process */
    bool is_cancelled;             /* the callback said so */
} lb_stage;

void lb_stage_begin(lb_stage *stage, const lobass_observer *observer, const char *name,
                    const char *unit, uint64_t done, uint64_t total);
/* LOBASS_CANCELLED when the callback says so. MEAN_LOSS NaN where there is none. */
lobass_status lb_stage_advance(lb_stage *stage, uint64_t done, uint64_t n_tokens, double mean_loss,
                               lobass_error *error);
/* Asks the callback without news, on the caller's thread, whether to go on; as seldom as
 * lb_stage_advance() does. Once the callback said no, the next lb_stage_advance() reports it. */
bool lb_stage_is_cancelled(lb_stage *stage);
lobass_status lb_stage_end(lb_stage *stage, lobass_error *error);
void lb_observer_log(const lobass_observer *observer, lobass_log_level level, const char *format,
                     ...) __attribute__((format(printf, 3, 4)));

/* ---- the machine (machine.c) ------------------------------------------------------------------
 */

#define LB_MACHINE_NAME_SIZE 64

/* Of the processor; "" where the system does not say. */
lobass_status lb_machine_name(char name[LB_MACHINE_NAME_SIZE], lobass_error *error);
/* Bytes that can be had without swapping, the control group's limit counted in; UINT64_MAX where
 * nobody says. */
uint64_t lb_machine_memory(void);
/* Whether N_BYTES can be had; else TEXT [size_bytes] says that WHAT needs more than there is. */
bool lb_memory_fits(char *text, size_t size_bytes, const char *what, uint64_t n_bytes);
/* What is left of the limit of the control group whose files lie in FOLDER; what the kernel can
 * take back of cached files is not counted as taken. UINT64_MAX: no limit. */
uint64_t lb_group_memory(const char *folder);
uint64_t lb_peak_memory(void); /* the most bytes that this process has had resident */

#endif
