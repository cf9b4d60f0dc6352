/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to src/model: what loading, saving and fingerprinting of weights share. layout.c turns a
 * configuration into a table of parameters without values; weight_files.c finds the files of a
 * model folder.
 */
#ifndef LB_MODEL_WEIGHTS_H
#define LB_MODEL_WEIGHTS_H

#include "model/model.h"

struct lb_model_storage
{
    lb_safetensors **files; /* [n_files], kept open where parameters are views into them */
    size_t n_files;
    void *memory; /* every value that is not a view, one allocation */
};

/* A model whose parameters have names and shapes but no values yet; release with lb_model_free. */
lobass_status lb_model_create_layout(lb_model **model, const lb_config *config,
                                     lobass_error *error);
/* Whether PARAMETER is held packed. A table of embeddings that is not the head as well is only ever
 * looked up: it stays as it is. */
bool lb_model_packs(const lb_model *model, const lb_parameter *parameter, lb_model_use use);
/* Room for COUNT values of ELEMENT_BYTES behind *SIZE_BYTES of a block; *OFFSET is aligned for any
 * vector load. */
lobass_status lb_layout_reserve(size_t *size_bytes, size_t count, size_t element_bytes,
                                size_t *offset, lobass_error *error);

/* MEMORY, to be released with free(), for the values of PARAMETERS, all zero: of those that have
 * none yet, and packed where that is set. */
lobass_status lb_values_create(void **memory, lb_parameter_list parameters, lb_dtype compute_dtype,
                               lb_model_use use, lobass_error *error);
/* The values that are computed with. */
void *lb_parameter_memory(const lb_parameter *parameter);

/* The weight files of a folder in the order of their names, and which tensor is where. */
typedef struct lb_weight_files
{
    char **paths; /* [n_files] */
    size_t n_files;
    json_t *weight_map; /* tensor -> name of its shard; NULL: model.safetensors has all */
    char *index_path;   /* of the shards' index, or NULL */
} lb_weight_files;

lobass_status lb_weight_files_find(lb_weight_files *files, const char *folder, lobass_error *error);
void lb_weight_files_free(lb_weight_files *files);
/* The place in paths of the file that holds tensor NAME. */
lobass_status lb_weight_files_locate(const lb_weight_files *files, const char *name, size_t *index,
                                     lobass_error *error);

/* LOBASS_BAD_FORMAT names a weight or bias of the decoder in FILES, open in MODEL's storage, that
 * no parameter of MODEL takes. EMBEDDING: the tensor that a tied head must be equal to. */
lobass_status lb_weights_check_unused(const lb_model *model, const lb_weight_files *files,
                                      const lb_tensor *embedding, lobass_error *error);

/* Adds a file's name, size and bytes: the same content cut differently in files is not the same. */
lobass_status lb_hasher_add_file(lb_hasher *hasher, const char *path, lobass_error *error);

/* ORIGIN: the file that the expected shape follows from. */
lobass_status lb_parameter_check_shape(const lb_parameter *parameter, const lb_tensor *tensor,
                                       const char *path, const char *origin, lobass_error *error);
/* The safetensors file PATH, each parameter in its stored dtype (weights_save.c). */
lobass_status lb_parameters_write(lb_parameter_list parameters, const char *path,
                                  lobass_error *error);
/* ROOT as indented text; yours: free(). NULL when memory ran out. */
char *lb_config_print(const json_t *root);
/* lb_model_refresh, cut in chunks for POOL (may be NULL). */
void lb_model_refresh_with(lb_model *model, lb_pool *pool);

#endif
