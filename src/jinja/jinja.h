/* SPDX-License-Identifier: Apache-2.0
 *
 * L2. Chat templates: the Jinja language as transformers runs it (jinja2's immutable sandbox with
 * trim_blocks and lstrip_blocks, loop controls, `generation` blocks, its own tojson,
 * raise_exception and strftime_now). A template is read once, by any number of renderers; what it
 * uses and this engine does not have is refused when it is read. Templates are not trusted: a
 * renderer bounds memory, steps and depth, and no template reaches anything but its variables.
 *
 * Every character of a rendering knows where it came from: strings are given an origin when they
 * are made, which slicing, joining and case keep; what the template itself writes has the origin 0.
 */
#ifndef LB_JINJA_H
#define LB_JINJA_H

#include "format/format.h"

/* ---- templates ------------------------------------------------------------------------------ */

typedef struct lb_jinja_template lb_jinja_template;

/* Reads SOURCE, UTF-8, at most 1 MiB, which is copied; what is made of it takes up to 60 bytes a
 * byte, mostly far less. WHERE opens the messages of this and of renderings:
 * "WHERE: line 12: what failed". LOBASS_BAD_FORMAT for what is no Jinja, LOBASS_UNSUPPORTED, by
 * name, for what of it this engine does not have and for what is larger. */
lobass_status lb_jinja_template_parse(lb_jinja_template **parsed, const char *source,
                                      size_t size_bytes, const char *where, lobass_error *error);
void lb_jinja_template_free(lb_jinja_template *parsed);
/* Whether it has {% generation %} blocks. */
bool lb_jinja_template_has_generation(const lb_jinja_template *parsed);
/* Whether it mentions NAME as a variable. */
bool lb_jinja_template_mentions(const lb_jinja_template *parsed, const char *name);

/* ---- renderers and values ------------------------------------------------------------------- */

/* Memory for values and renderings; one a thread. */
typedef struct lb_jinja lb_jinja;

typedef struct lb_jinja_limits
{
    size_t memory_bytes; /* of values and text of one rendering */
    uint64_t n_steps;    /* expressions, statements and runs of 64 bytes of text */
    unsigned depth;      /* of expressions, statements and calls within each other */
} lb_jinja_limits;

/* 64 MiB, ten million steps (about a second), a depth of 1,000. */
lb_jinja_limits lb_jinja_limits_default(void);

lobass_status lb_jinja_create(lb_jinja **jinja, const lb_jinja_limits *limits, lobass_error *error);
void lb_jinja_free(lb_jinja *jinja);
/* Forgets all values and renderings. */
void lb_jinja_reset(lb_jinja *jinja);
/* What strftime_now() says: seconds since 1970 as a local clock shows them. */
void lb_jinja_set_clock(lb_jinja *jinja, int64_t local_seconds);

/* A value; lives until the next reset. What is in it is the engine's business. */
typedef struct lb_jinja_value
{
    uint8_t kind;
    bool is_safe;    /* of a string: what Markup is there */
    uint32_t origin; /* of a number or truth value, which prints as text */
    union
    {
        bool boolean;
        int64_t integer;
        double real;
        const void *object;
        void *state; /* the object of what goes on: loops, generators, namespaces */
    } as;
} lb_jinja_value;

/* Copies TEXT, which is UTF-8. ORIGIN: any number of the caller's, 0 for the template's own. */
lobass_status lb_jinja_string(lb_jinja *jinja, lb_jinja_value *value, const char *text,
                              size_t size_bytes, uint32_t origin, lobass_error *error);
lb_jinja_value lb_jinja_none(void);
lb_jinja_value lb_jinja_boolean(bool truth);
lb_jinja_value lb_jinja_integer(int64_t number, uint32_t origin);
lb_jinja_value lb_jinja_real(double number, uint32_t origin);
/* Copies the list of VALUES. */
lobass_status lb_jinja_list(lb_jinja *jinja, lb_jinja_value *value, const lb_jinja_value *values,
                            size_t count, lobass_error *error);
typedef struct lb_jinja_member
{
    const char *name; /* copied */
    size_t size;      /* bytes of NAME */
    lb_jinja_value value;
    uint32_t origin; /* of the name, where a template prints it */
} lb_jinja_member;

/* A dict, in the order of MEMBERS; of members with one name the last counts. */
lobass_status lb_jinja_dict(lb_jinja *jinja, lb_jinja_value *value, const lb_jinja_member *members,
                            size_t count, lobass_error *error);

/* ---- rendering ------------------------------------------------------------------------------ */

/* Bytes up to END have ORIGIN. */
typedef struct lb_jinja_run
{
    size_t end;
    uint32_t origin;
} lb_jinja_run;

typedef struct lb_jinja_block
{
    size_t start, end; /* bytes of a {% generation %} block in the rendering */
} lb_jinja_block;

typedef struct lb_jinja_rendering
{
    const char *text; /* a NUL behind it */
    size_t size;
    const lb_jinja_run *runs; /* [n_runs], ascending; neighbours differ in origin */
    size_t n_runs;
    const lb_jinja_block *blocks; /* [n_blocks], in the order they were rendered */
    size_t n_blocks;
} lb_jinja_rendering;

/* Renders with VARIABLES [N_VARIABLES]; the result lives until the next reset. LOBASS_BAD_FORMAT:
 * the template failed, with its line; what raise_exception() said stands there as it is, and
 * *IS_RAISED (may be NULL) tells. */
lobass_status lb_jinja_render(lb_jinja *jinja, lb_jinja_rendering *rendering,
                              const lb_jinja_template *parsed, const lb_jinja_member *variables,
                              size_t n_variables, bool *is_raised, lobass_error *error);

#endif
