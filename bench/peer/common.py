# SPDX-License-Identifier: Apache-2.0
"""What the peers share: one request from standard input, one result to standard output, the work of
`lobass bench` in padded batches, and a clock. The request:
    {"shape": "smollm-135m", "dtype": "bf16", "seconds": 5, "scored_share": 1,
     "score_lengths": [...], "train_lengths": [...]}
lengths of rows in tokens; of each the last scored_share is scored. The result has
score_tokens_per_second and train_tokens_per_second (the median pass; the first warms up) and
peak_rss_bytes. Tokens are those of the rows: padding costs time and does not count. Or
    {"model": FOLDER, "dtype": "fp32", "rows": [[ID, ...], ...]}
for "losses", of every position but the first of each row, under the weights of a folder.
"""
import json
import pathlib
import resource
import statistics
import sys
import time

# layers, d, ffn, heads, key/value heads, vocabulary, tied head: those of lobass bench
SHAPES = {
    "stories-15m": (6, 288, 768, 6, 6, 32000, True),
    "smollm-135m": (30, 576, 1536, 9, 3, 49152, True),
    "tinyllama-1.1b": (22, 2048, 5632, 32, 4, 32000, False),
    "llama-7b": (32, 4096, 11008, 32, 32, 32000, False),
}
BATCH_TOKENS = 2048  # with padding
HEAD_ROWS = 512  # positions whose logits are there at once
LEAST_PASSES = 3


def config_make(shape):
    """The config.json of a shape."""
    layers, d, ffn, heads, kv_heads, vocabulary, is_tied = SHAPES[shape]
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "num_hidden_layers": layers,
        "hidden_size": d,
        "intermediate_size": ffn,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "vocab_size": vocabulary,
        "tie_word_embeddings": is_tied,
        "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "hidden_act": "silu",
        "initializer_range": 0.02,
        "bos_token_id": None,
        "eos_token_id": None,
    }


def config_of(request):
    if "model" in request:
        return json.loads((pathlib.Path(request["model"]) / "config.json").read_text("utf-8"))
    return config_make(request["shape"])


def scored_of(length, share):
    """How many of a row's tokens are scored: the last ones, the first token never."""
    return max(1, min(length - 1, round(share * length)))


def batches_cut(rows):
    """Indices of rows in batches of about equal length, longest first."""
    batches, batch = [], []
    for i in sorted(range(len(rows)), key=lambda i: -len(rows[i])):
        if batch and (len(batch) + 1) * len(rows[batch[0]]) > BATCH_TOKENS:
            batches.append(batch)
            batch = []
        batch.append(i)
    return batches + [batch]


def median_seconds(work, seconds):
    """Of passes after the first, or of that one where it takes all the time there is."""
    passes = []
    while len(passes) <= LEAST_PASSES or sum(passes) < seconds:
        began = time.monotonic()
        work()
        passes.append(time.monotonic() - began)
        if sum(passes) > 4 * max(seconds, 1):
            break
    return statistics.median(passes[1:] or passes)


def request_read():
    return json.load(sys.stdin)


def result_print(result):
    result["peak_rss_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    json.dump(result, sys.stdout)
    print()


# ---- for peers in PyTorch: model(ids [rows, tokens], is_scored [rows, tokens]) -> losses


def torch_batches_make(torch, rows, share):
    """(ids, is_scored, row numbers) of each batch; is_scored stands at the position that predicts.
    Padding lies behind, where causality hides it."""
    made = []
    for batch in batches_cut(rows):
        longest = len(rows[batch[0]])
        ids = torch.zeros((len(batch), longest), dtype=torch.long)
        is_scored = torch.zeros((len(batch), longest), dtype=torch.bool)
        for at, i in enumerate(batch):
            length = len(rows[i])
            ids[at, :length] = torch.tensor(rows[i])
            is_scored[at, length - 1 - scored_of(length, share) : length - 1] = True
        made.append((ids, is_scored, batch))
    return made


def torch_losses(torch, head, hidden, ids, is_scored):
    """Losses at the scored positions, row after row; the head is computed there alone."""
    h = hidden[:, :-1][is_scored[:, :-1]]
    targets = ids[:, 1:][is_scored[:, :-1]]
    return torch.cat(
        [
            torch.nn.functional.cross_entropy(head(x).float(), t, reduction="none")
            for x, t in zip(h.split(HEAD_ROWS), targets.split(HEAD_ROWS))
        ]
    )


def torch_train_step(torch, model, optimizer, batches):
    n_scored = sum(int(is_scored.sum()) for _, is_scored, _ in batches)
    optimizer.zero_grad(set_to_none=True)
    for ids, is_scored, _ in batches:
        (model(ids, is_scored).sum() / n_scored).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


def torch_answer(torch, request, model, optimizer_make):
    """What the request asks for."""
    result = {"version": f"torch {torch.__version__}", "threads": torch.get_num_threads()}
    if "rows" in request:
        losses = [None] * len(request["rows"])
        with torch.inference_mode():
            for ids, is_scored, batch in torch_batches_make(torch, request["rows"], 1):
                found = model(ids, is_scored).split(is_scored.sum(1).tolist())
                for i, of_row in zip(batch, found):
                    losses[i] = of_row.tolist()
        return result | {"losses": losses}
    vocabulary = config_of(request)["vocab_size"]

    def batches_of(lengths):
        rows = [torch.randint(vocabulary, (length,)).tolist() for length in lengths]
        return torch_batches_make(torch, rows, request["scored_share"])

    def score(batches):
        with torch.inference_mode():
            for ids, is_scored, _ in batches:
                model(ids, is_scored)

    if request.get("score_lengths"):
        batches = batches_of(request["score_lengths"])
        seconds = median_seconds(lambda: score(batches), request["seconds"])
        result["score_tokens_per_second"] = sum(request["score_lengths"]) / seconds
    if request.get("train_lengths"):
        batches = batches_of(request["train_lengths"])
        optimizer = optimizer_make(model.parameters())
        seconds = median_seconds(
            lambda: torch_train_step(torch, model, optimizer, batches), request["seconds"]
        )
        result["train_tokens_per_second"] = sum(request["train_lengths"]) / seconds
    return result
