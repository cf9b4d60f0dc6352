#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An eager Llama in PyTorch, timed on the work of `lobass bench`: the log-probability of every
position of rows of given lengths, and full fine-tuning steps with AdamW on them.

Needs Debian's python3-torch (1.13) and, for fp32, a fast BLAS: libopenblas0-pthread (without it
Debian's reference BLAS is used, which nobody would). Reads one JSON object from standard input:
    {"shape": "smollm-135m", "dtype": "bf16", "score_lengths": [...], "train_lengths": [...],
     "seconds": 5}
and prints one: score_tokens_per_second, train_tokens_per_second (the median pass; the first warms
up), peak_rss_bytes. Tokens are those of the rows: padding costs time and does not count.

Tuned as one would: rows sorted by length and padded in batches of about equal length, the head only at
positions that are not padding and in blocks, inference mode, weights and AdamW's state in the
compute dtype (a training in bf16 keeps no fp32 master, which lobass does), fused QKV and gate-up.
"""
import json
import resource
import statistics
import sys
import time

import torch
import torch.nn.functional as F

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


class Layer(torch.nn.Module):
    def __init__(self, d, ffn, heads, kv_heads):
        super().__init__()
        self.heads, self.kv_heads, self.size = heads, kv_heads, d // heads
        self.input_norm = torch.nn.Parameter(torch.ones(d))
        self.post_norm = torch.nn.Parameter(torch.ones(d))
        self.qkv = torch.nn.Linear(d, (heads + 2 * kv_heads) * self.size, bias=False)
        self.o = torch.nn.Linear(d, d, bias=False)
        self.gate_up = torch.nn.Linear(d, 2 * ffn, bias=False)
        self.down = torch.nn.Linear(ffn, d, bias=False)

    def attention(self, x, rotation, mask):
        n_rows, n_tokens, _ = x.shape
        parts = self.qkv(x).view(n_rows, n_tokens, -1, self.size).transpose(1, 2)
        q, k, v = parts.split([self.heads, self.kv_heads, self.kv_heads], dim=1)
        q, k = rotate(q, rotation), rotate(k, rotation)
        repeats = self.heads // self.kv_heads
        k, v = k.repeat_interleave(repeats, dim=1), v.repeat_interleave(repeats, dim=1)
        scores = q @ k.transpose(2, 3) * self.size**-0.5 + mask
        out = scores.softmax(dim=-1) @ v
        return self.o(out.transpose(1, 2).reshape(n_rows, n_tokens, -1))

    def forward(self, x, rotation, mask):
        x = x + self.attention(rms_norm(x, self.input_norm), rotation, mask)
        gate, up = self.gate_up(rms_norm(x, self.post_norm)).chunk(2, dim=-1)
        return x + self.down(F.silu(gate) * up)


class Llama(torch.nn.Module):
    def __init__(self, layers, d, ffn, heads, kv_heads, vocabulary, is_tied):
        super().__init__()
        self.size = d // heads
        self.embedding = torch.nn.Embedding(vocabulary, d)
        self.layers = torch.nn.ModuleList(
            [Layer(d, ffn, heads, kv_heads) for _ in range(layers)]
        )
        self.norm = torch.nn.Parameter(torch.ones(d))
        self.head = torch.nn.Linear(d, vocabulary, bias=False)
        for weight in self.parameters():
            if weight.dim() == 2:
                torch.nn.init.normal_(weight, std=0.02)
        if is_tied:
            self.head.weight = self.embedding.weight

    def rotation(self, n_tokens, dtype):
        frequencies = 10000.0 ** (-torch.arange(0, self.size, 2) / self.size)
        angles = torch.outer(torch.arange(n_tokens).float(), frequencies)
        angles = torch.cat((angles, angles), dim=-1)
        return angles.cos().to(dtype), angles.sin().to(dtype)

    def forward(self, ids, lengths):
        """Losses of all positions that are predicted, one after the other."""
        n_tokens = ids.shape[1]
        dtype = self.norm.dtype
        mask = torch.full((n_tokens, n_tokens), float("-inf")).triu(1).to(dtype)
        x = self.embedding(ids)
        rotation = self.rotation(n_tokens, dtype)
        for layer in self.layers:
            x = layer(x, rotation, mask)
        is_predicted = torch.arange(1, n_tokens)[None, :] < lengths[:, None]
        hidden = rms_norm(x[:, :-1][is_predicted], self.norm)
        targets = ids[:, 1:][is_predicted]
        return torch.cat(
            [
                F.cross_entropy(self.head(h).float(), t, reduction="none")
                for h, t in zip(hidden.split(HEAD_ROWS), targets.split(HEAD_ROWS))
            ]
        )


def rms_norm(x, gain):
    return x * torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + 1e-5).to(x.dtype) * gain


def rotate(x, rotation):
    cosine, sine = rotation
    half = x.shape[-1] // 2
    return x * cosine + torch.cat((-x[..., half:], x[..., :half]), dim=-1) * sine


def batches_make(lengths, vocabulary):
    """Padded batches of rows of similar length; padding lies behind, where causality hides it."""
    batches, rows = [], []
    for length in sorted(lengths, reverse=True):
        if rows and (len(rows) + 1) * rows[0] > BATCH_TOKENS:
            batches.append(rows)
            rows = []
        rows.append(length)
    batches.append(rows)
    return [
        (torch.randint(vocabulary, (len(rows), rows[0])), torch.tensor(rows)) for rows in batches
    ]


def score(model, batches):
    with torch.inference_mode():
        for ids, lengths in batches:
            model(ids, lengths)


def train_step(model, optimizer, batches):
    n_scored = sum(int((lengths - 1).sum()) for _, lengths in batches)
    optimizer.zero_grad(set_to_none=True)
    for ids, lengths in batches:
        (model(ids, lengths).sum() / n_scored).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


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


def main():
    request = json.load(sys.stdin)
    shape = SHAPES[request["shape"]]
    dtype = {"bf16": torch.bfloat16, "fp32": torch.float32}[request["dtype"]]
    torch.manual_seed(0)
    model = Llama(*shape).to(dtype)
    result = {"torch": torch.__version__, "threads": torch.get_num_threads()}
    lengths = request.get("score_lengths")
    if lengths:
        batches = batches_make(lengths, shape[5])
        seconds = median_seconds(lambda: score(model, batches), request["seconds"])
        result["score_tokens_per_second"] = sum(lengths) / seconds
    lengths = request.get("train_lengths")
    if lengths:
        batches = batches_make(lengths, shape[5])
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, weight_decay=0, foreach=True)
        seconds = median_seconds(
            lambda: train_step(model, optimizer, batches), request["seconds"]
        )
        result["train_tokens_per_second"] = sum(lengths) / seconds
    result["peak_rss_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    json.dump(result, sys.stdout)
    print()


main()
