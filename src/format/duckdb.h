/* SPDX-License-Identifier: Apache-2.0
 *
 * DuckDB's library, loaded at run time where it is there: a database in memory that sees the paths
 * it is given and nothing else, neither other files nor the network, and has no extension but what
 * is built into it. The calls are those of its public C interface, as of DuckDB 1.2.
 */
#ifndef LB_DUCKDB_H
#define LB_DUCKDB_H

#include "base/base.h"

/* Types of columns, by DuckDB's numbers. */
typedef enum lb_duckdb_type
{
    LB_DUCKDB_BOOLEAN = 1,
    LB_DUCKDB_TINYINT,
    LB_DUCKDB_SMALLINT,
    LB_DUCKDB_INTEGER,
    LB_DUCKDB_BIGINT,
    LB_DUCKDB_UTINYINT,
    LB_DUCKDB_USMALLINT,
    LB_DUCKDB_UINTEGER,
    LB_DUCKDB_UBIGINT,
    LB_DUCKDB_FLOAT,
    LB_DUCKDB_DOUBLE,
    LB_DUCKDB_TIMESTAMP, /* microseconds since 1970 */
    LB_DUCKDB_DATE,      /* days since 1970, 32 bits */
    LB_DUCKDB_TIME,      /* microseconds of the day */
    LB_DUCKDB_INTERVAL,
    LB_DUCKDB_HUGEINT,
    LB_DUCKDB_VARCHAR,
    LB_DUCKDB_BLOB,
    LB_DUCKDB_DECIMAL,
    LB_DUCKDB_TIMESTAMP_S,
    LB_DUCKDB_TIMESTAMP_MS,
    LB_DUCKDB_TIMESTAMP_NS,
    LB_DUCKDB_ENUM,
    LB_DUCKDB_LIST,
    LB_DUCKDB_STRUCT,
    LB_DUCKDB_MAP,
    LB_DUCKDB_UUID,
    LB_DUCKDB_UNION,
    LB_DUCKDB_BIT,
    LB_DUCKDB_TIME_TZ,
    LB_DUCKDB_TIMESTAMP_TZ,
    LB_DUCKDB_UHUGEINT,
    LB_DUCKDB_ARRAY,
    LB_DUCKDB_ANY,
    LB_DUCKDB_BIGNUM,
    LB_DUCKDB_SQLNULL
} lb_duckdb_type;

typedef struct lb_duckdb_result
{
    uint64_t deprecated[3];
    void *deprecated_columns;
    char *deprecated_message;
    void *data;
} lb_duckdb_result;

/* What of the C interface is used: X(result, name without "duckdb_", arguments). Handles are
 * pointers; those that are destroyed are given by their address. */
#define LB_DUCKDB_CALLS(X)                                                              \
    X(int, create_config, (void **config))                                              \
    X(int, set_config, (void *config, const char *name, const char *value))             \
    X(void, destroy_config, (void **config))                                            \
    X(int, open_ext, (const char *path, void **database, void *config, char **message)) \
    X(void, close, (void **database))                                                   \
    X(int, connect, (void *database, void **connection))                                \
    X(void, disconnect, (void **connection))                                            \
    X(void, free, (void *memory))                                                       \
    X(int, query, (void *connection, const char *sql, lb_duckdb_result *result))        \
    X(int, prepare, (void *connection, const char *sql, void **statement))              \
    X(const char *, prepare_error, (void *statement))                                   \
    X(void, destroy_prepare, (void **statement))                                        \
    X(int, pending_prepared_streaming, (void *statement, void **pending))               \
    X(const char *, pending_error, (void *pending))                                     \
    X(int, execute_pending, (void *pending, lb_duckdb_result *result))                  \
    X(void, destroy_pending, (void **pending))                                          \
    X(const char *, result_error, (lb_duckdb_result * result))                          \
    X(void, destroy_result, (lb_duckdb_result * result))                                \
    X(void *, fetch_chunk, (lb_duckdb_result result))                                   \
    X(uint64_t, column_count, (lb_duckdb_result * result))                              \
    X(const char *, column_name, (lb_duckdb_result * result, uint64_t column))          \
    X(void *, column_logical_type, (lb_duckdb_result * result, uint64_t column))        \
    X(uint64_t, data_chunk_get_size, (void *chunk))                                     \
    X(void *, data_chunk_get_vector, (void *chunk, uint64_t column))                    \
    X(void, destroy_data_chunk, (void **chunk))                                         \
    X(void *, vector_get_data, (void *vector))                                          \
    X(uint64_t *, vector_get_validity, (void *vector))                                  \
    X(void *, list_vector_get_child, (void *vector))                                    \
    X(void *, struct_vector_get_child, (void *vector, uint64_t index))                  \
    X(void *, array_vector_get_child, (void *vector))                                   \
    X(int, get_type_id, (void *type))                                                   \
    X(void, destroy_logical_type, (void **type))                                        \
    X(uint8_t, decimal_scale, (void *type))                                             \
    X(int, decimal_internal_type, (void *type))                                         \
    X(int, enum_internal_type, (void *type))                                            \
    X(char *, enum_dictionary_value, (void *type, uint64_t index))                      \
    X(uint32_t, enum_dictionary_size, (void *type))                                     \
    X(void *, list_type_child_type, (void *type))                                       \
    X(void *, array_type_child_type, (void *type))                                      \
    X(uint64_t, array_type_array_size, (void *type))                                    \
    X(void *, map_type_key_type, (void *type))                                          \
    X(void *, map_type_value_type, (void *type))                                        \
    X(uint64_t, struct_type_child_count, (void *type))                                  \
    X(char *, struct_type_child_name, (void *type, uint64_t index))                     \
    X(void *, struct_type_child_type, (void *type, uint64_t index))

typedef struct lb_duckdb
{
/* NOLINTNEXTLINE(bugprone-macro-parentheses): the parts of a declaration */
#define LB_DUCKDB_DECLARE(type, name, arguments) type(*name) arguments;
    LB_DUCKDB_CALLS(LB_DUCKDB_DECLARE)
#undef LB_DUCKDB_DECLARE
    void *library, *database, *connection;
} lb_duckdb;

/* Where the library is looked for: $LOBASS_DUCKDB alone if that is set; where `scripts/fetch
 * duckdb` puts it; where the system looks. FOR names the file that needs it: LOBASS_UNSUPPORTED
 * with where to get it. PATHS, NULL behind the last: all that the database may open. */
lobass_status lb_duckdb_open(lb_duckdb **duckdb, const char *for_file, const char *const *paths,
                             lobass_error *error);
void lb_duckdb_close(lb_duckdb *duckdb);
/* WHERE opens the message: "WHERE: what DuckDB says", its first line. */
lobass_status lb_duckdb_run(lb_duckdb *duckdb, const char *where, const char *sql,
                            lobass_error *error);
/* A result whose rows are made while they are fetched; release with destroy_result(). */
lobass_status lb_duckdb_stream(lb_duckdb *duckdb, lb_duckdb_result *result, const char *where,
                               const char *sql, lobass_error *error);
/* LOBASS_BAD_FORMAT (or LOBASS_OUT_OF_MEMORY): "WHERE: the first line of MESSAGE". */
lobass_status lb_duckdb_fail(const char *where, const char *message, lobass_error *error);
/* Appends TEXT as a literal of SQL. */
lobass_status lb_sql_append_text(lb_buffer *sql, const char *text, lobass_error *error);

#endif
