/* SPDX-License-Identifier: Apache-2.0
 *
 * L3. A decoder-only language model: its configuration, weights in Hugging Face layout, forward and
 * backward of the whole, and the optimiser. A family of models is a table of tensors and steps
 * (arch/); what no table names is refused by name.
 */
#ifndef LB_MODEL_H
#define LB_MODEL_H

#include "compute/compute.h"
#include "format/format.h"

/* ---- configuration (config.c) -----------------------------------------------------------------
 */

typedef enum lb_rope_scaling
{
    LB_ROPE_NONE,
    LB_ROPE_LINEAR,
    LB_ROPE_LLAMA3
} lb_rope_scaling;

typedef struct lb_architecture lb_architecture; /* a family's tables (arch/) */

/* By the name that config.json has for it, "LlamaForCausalLM"; NULL: there is none. */
const lb_architecture *lb_architecture_find(const char *name);

typedef struct lb_config
{
    const lb_architecture *family;
    size_t n_layers, d_model, d_ffn, n_heads, n_kv_heads, head_size, n_vocabulary, max_length;
    float norm_epsilon;
    double initializer_range;
    bool has_tied_head, has_attention_bias, has_mlp_bias;
    double rope_theta;
    lb_rope_scaling rope_scaling;
    double rope_factor, rope_low_frequency_factor, rope_high_frequency_factor;
    double rope_original_length;
    lb_dtype torch_dtype; /* or "dtype": what a new model is stored in; F32 where it is another */
    int32_t eos; /* eos_token_id (the first of a list); -1: none. The tokenizer's own comes first */
} lb_config;

/* Reads FOLDER/config.json, or PATH itself where it is a file. */
lobass_status lb_config_load(lb_config *config, const char *path, lobass_error *error);
const char *lb_config_architecture(const lb_config *config); /* "LlamaForCausalLM" */
/* frequencies[head_size / 2], radians per position, with the scaling applied. */
void lb_config_frequencies(const lb_config *config, float *frequencies);

/* ---- weights (weights.c, weights_random.c, weights_save.c) ------------------------------------
 */

/* What a tensor is to the model: its table says so, and everything else follows from it. */
typedef enum lb_tensor_role
{
    LB_TENSOR_MATRIX, /* of a layer's product */
    LB_TENSOR_EMBEDDING,
    LB_TENSOR_HEAD,
    LB_TENSOR_GAIN, /* of a norm */
    LB_TENSOR_BIAS,
    LB_TENSOR_ROLES
} lb_tensor_role;

/* One parameter of the model, in the order of the family's table. */
typedef struct lb_parameter
{
    char name[96]; /* as in the file */
    lb_tensor_role role;
    const char *target; /* what an adapter's configuration calls it; NULL: takes no adapter */
    unsigned n_dims;
    uint64_t shape[2];
    size_t count;
    bool has_decay;        /* weight decay applies */
    lb_dtype stored_dtype; /* in the file it came from, and in one that it is saved to */
    lb_matrix matrix;      /* n_dims 2 (and the 1-dimensional ones as [1, n] fp32) */
    float *master;         /* trainable: the fp32 values, else NULL */
    uint16_t *working;     /* trainable in bf16: the rounded copy, else NULL */
} lb_parameter;

typedef struct lb_layer /* or what stands before or behind them all */
{
    const struct lb_program *program;
    const lb_parameter **weights; /* [rules of its table] borrowed views; NULL: there is none */
} lb_layer;

typedef struct lb_model
{
    lb_config config;
    lb_parameter *parameters; /* [n_parameters] */
    size_t n_parameters;
    uint64_t n_elements;                  /* of all parameters */
    const lb_parameter *embedding, *head; /* head == embedding when tied */
    lb_layer *parts;                  /* [n_parts]: one before the layers, they, one behind them */
    size_t n_parts;                   /* n_layers + 2 */
    const lb_parameter **views;       /* the weights of all of these; owned */
    struct lb_program *programs;      /* how they are computed; owned */
    float *frequencies;               /* [head_size / 2] */
    lb_dtype stored_dtype;            /* of the first matrix in the file */
    struct lb_lora *lora;             /* adds to the layers' products; owned; NULL: none */
    struct lb_model_storage *storage; /* mappings and memory, owned */
} lb_model;

typedef enum lb_model_use
{
    LB_MODEL_SCORE,        /* read only: mapped where the file's dtype is the compute dtype */
    LB_MODEL_SCORE_PACKED, /* the same with matrices packed for products, and nothing kept twice */
    LB_MODEL_TRAIN         /* fp32 masters, and working copies when computing in bf16 */
} lb_model_use;

/* Loads config and weights: model.safetensors, or the shards that model.safetensors.index.json
 * names (a shard's name cannot leave the folder). Every tensor the table asks for must be there
 * with its shape, and no weight or bias of a decoder may be left over. COMPUTE_DTYPE: LB_F32 or
 * LB_BF16. */
lobass_status lb_model_load(lb_model **model, const char *folder, lb_dtype compute_dtype,
                            lb_model_use use, lobass_error *error);
/* A trainable fp32 model with random weights: normal(0, initializer_range), gains 1, biases 0; it
 * is saved in the configuration's torch_dtype. */
lobass_status lb_model_create_random(lb_model **model, const lb_config *config, uint64_t seed,
                                     lobass_error *error);
/* A model with random weights as lb_model_load would hold it, for timing: uniform with the
 * deviation initializer_range, cheap to make, straight in COMPUTE_DTYPE; gains 1, biases 0. */
lobass_status lb_model_create_uniform(lb_model **model, const lb_config *config,
                                      lb_dtype compute_dtype, lb_model_use use, uint64_t seed,
                                      lobass_error *error);
void lb_model_free(lb_model *model);
/* Hash of config.json and of the weight files, in the order of their names. */
lobass_status lb_model_fingerprint(lb_hash *hash, const char *folder, lobass_error *error);
/* Writes FOLDER/model.safetensors, each parameter in its stored dtype, and copies config and
 * tokenizer files from FROM (its torch_dtype set to the model's stored dtype). A finite value that
 * a dtype cannot hold is LOBASS_NUMERIC. FOLDER must exist; the caller makes it appear whole. */
lobass_status lb_model_save(const lb_model *model, const char *folder, const char *from,
                            lobass_error *error);
/* Rounds the masters into the working copies; nothing to do in fp32. */
void lb_model_refresh(lb_model *model);

typedef struct lb_parameter_list
{
    lb_parameter *items;
    size_t count;
} lb_parameter_list;

/* What an optimiser trains and a backward has gradients for: the adapter's parameters where there
 * is one, else the model's own. */
lb_parameter_list lb_model_trained(const lb_model *model);

/* ---- what the files hold (describe.c) ----------------------------------------------------------
 */

/* Fills in parameters, bytes and dtype of INFO from the weights in FOLDER. */
lobass_status lb_weights_describe(lobass_model_info *info, const char *folder,
                                  const lb_config *config, lobass_error *error);

/* ---- low-rank adapters (lora.c, lora_config.c, lora_files.c) -----------------------------------
 *
 * LoRA (Hu et al., 2021): an adapted matrix w[n_out, n_in] gives
 *     y = x w^T + bias + scale (x a^T) b^T        a[rank, n_in], b[n_out, rank]
 * with w frozen; scale = alpha / rank, or alpha / sqrt(rank) when rank-stabilized.
 */

typedef struct lb_lora_settings
{
    size_t rank;
    double alpha;
    bool is_rank_stabilized;
    uint32_t targets; /* a bit for each of lb_lora_target_name(): adapted in every layer */
} lb_lora_settings;

typedef struct lb_lora
{
    lb_lora_settings settings;
    float scale;
    lb_parameter *parameters; /* [n_parameters]: a and b in turn, in the order of the matrices that
                                 they adapt; named as in a PEFT file */
    size_t n_parameters;
    uint64_t n_elements;       /* of them all */
    size_t most_out;           /* the widest result that is added to */
    const lb_parameter **a_of; /* [the model's n_parameters]: a; b stands behind it; NULL where
                                  the parameter is not adapted */
    void *memory;              /* masters and working copies */
} lb_lora;

#define LB_LORA_ALL_LINEAR 127U /* all bits */

/* "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj": the name of bit BIT
 * (from 0); NULL past the last. */
const char *lb_lora_target_name(unsigned bit);
/* Gives MODEL a new adapter, which is then what is trained: a uniform in +-1/sqrt(n_in), as PEFT
 * does, b 0, so that nothing changes yet. Decoders made before do not see it. */
lobass_status lb_lora_create(lb_model *model, const lb_lora_settings *settings,
                             lb_dtype compute_dtype, uint64_t seed, lobass_error *error);
/* The same from a PEFT folder: adapter_config.json, adapter_model.safetensors. What it asks for and
 * this does not do is refused by name; every tensor must be one that the configuration asks for,
 * and have its shape. */
lobass_status lb_lora_load(lb_model *model, const char *folder, lb_dtype compute_dtype,
                           lobass_error *error);
/* Writes the two files into FOLDER, in fp32, and copies the tokenizer's files from BASE, the folder
 * of the model, which the configuration names. The caller makes FOLDER appear whole. */
lobass_status lb_lora_save(const lb_model *model, const char *folder, const char *base,
                           lobass_error *error);
/* Hash of both files. */
lobass_status lb_lora_fingerprint(lb_hash *hash, const char *folder, lobass_error *error);

/* ---- decoder (decoder.c) ------------------------------------------------------------------------
 */

/* Activations for batches of up to MAX_TOKENS tokens; nothing is allocated while it runs. */
typedef struct lb_decoder lb_decoder;

typedef enum lb_decoder_use
{
    LB_DECODER_SCORE,
    LB_DECODER_TRAIN,    /* keeps what the backward needs */
    LB_DECODER_RECOMPUTE /* keeps the input of every layer alone, and computes the rest once more in
                            the backward: the same bits with a fraction of the memory, for a third
                            more time */
} lb_decoder_use;

/* MODEL, which may have an adapter, and COMPUTE are borrowed. */
lobass_status lb_decoder_create(lb_decoder **decoder, const lb_model *model, lb_compute *compute,
                                size_t max_tokens, lb_decoder_use use, lobass_error *error);
void lb_decoder_free(lb_decoder *decoder);
/* What a decoder of a model of these shapes takes, but for its adapter. */
lobass_status lb_decoder_bytes(size_t *size_bytes, const lb_config *config, size_t max_tokens,
                               lb_decoder_use use, lobass_error *error);
/* nll[batch->n_scored]: -ln p(token) in nats, in the order of batch->scored; el2n of the same
 * length: |p - onehot(token)|, p over the vocabulary, or NULL where it is not wanted. */
lobass_status lb_decoder_forward(lb_decoder *decoder, const lb_batch *batch, float *nll,
                                 float *el2n, lobass_error *error);
/* Logits [n_scored, n_vocabulary] that predict the scored tokens, for tests and generation: after a
 * forward of the same batch. */
lobass_status lb_decoder_logits(lb_decoder *decoder, const lb_batch *batch, float *logits,
                                lobass_error *error);

/* The keys and values of a sequence's tokens (cache.c): the tokens that follow need no others. */
typedef struct lb_cache lb_cache;

/* Empty, with room for CAPACITY tokens of a model of these shapes. */
lobass_status lb_cache_create(lb_cache **cache, const lb_config *config, size_t capacity,
                              lobass_error *error);
void lb_cache_free(lb_cache *cache);
size_t lb_cache_bytes(const lb_config *config, size_t capacity); /* SIZE_MAX: beyond all memory */
size_t lb_cache_count(const lb_cache *cache);                    /* tokens that it holds */
/* logits[n_sequences, n_vocabulary] of the token behind the last of each sequence. The batch holds
 * the tokens that CACHES[n_sequences], all different, do not hold yet, in one call or over several,
 * and they take them in. It has no parents, scores nothing, and the decoder is one for scoring. The
 * same bits as a forward of whole sequences. After a failure the caches hold what they held. */
lobass_status lb_decoder_next(lb_decoder *decoder, const lb_batch *batch, lb_cache *const *caches,
                              float *logits, lobass_error *error);
/* After a forward of the same batch: adds the gradient of scale * sum(nll) into grads[i], one array
 * a parameter of lb_model_trained(), in its order. */
lobass_status lb_decoder_backward(lb_decoder *decoder, const lb_batch *batch, float scale,
                                  float *const *grads, lobass_error *error);

/* ---- optimiser (optimizer.c) ------------------------------------------------------------------
 */

typedef struct lb_optimizer
{
    lb_adamw settings;
    uint64_t step;  /* steps taken */
    float **grads;  /* [n_parameters][count] of what is trained, zeroed by lb_optimizer_step */
    float **m, **v; /* moments */
    size_t n_parameters;
    float *memory; /* owned */
} lb_optimizer;

lobass_status lb_optimizer_create(lb_optimizer **optimizer, const lb_model *model,
                                  const lb_adamw *settings, lobass_error *error);
void lb_optimizer_free(lb_optimizer *optimizer);
/* Clips the gradient to norm CLIP (0: no clipping), takes one AdamW step at RATE, refreshes the
 * model's working copies and zeroes the gradients. *GRADIENT_NORM receives the norm before
 * clipping; one that is not finite is LOBASS_NUMERIC and changes nothing. */
lobass_status lb_optimizer_step(lb_optimizer *optimizer, lb_model *model, lb_compute *compute,
                                double rate, double weight_decay, double clip,
                                double *gradient_norm, lobass_error *error);
/* Masters and moments as FOLDER/state.safetensors, and back, bit for bit. */
lobass_status lb_optimizer_save(const lb_optimizer *optimizer, const lb_model *model,
                                const char *folder, lobass_error *error);
lobass_status lb_optimizer_load(lb_optimizer *optimizer, lb_model *model, const char *folder,
                                lobass_error *error);
/* Linear from 0 over the first ceil(warmup_ratio * n_steps) steps, then half a cosine to 0. STEP
 * from 0; the first warm-up step already has a rate above 0. */
double lb_schedule_rate(double highest, double warmup_ratio, uint64_t step, uint64_t n_steps);

#endif
