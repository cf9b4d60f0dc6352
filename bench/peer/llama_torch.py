# SPDX-License-Identifier: Apache-2.0
"""An eager Llama in PyTorch, down to Debian's 1.13, timed: common.py has the request and the result.

Needs Debian's python3-torch and, for fp32, a fast BLAS: libopenblas0-pthread (without it Debian's
reference BLAS is used, which nobody would).

Tuned as one would: rows sorted by length and padded in batches of about equal length, the head only at
scored positions and in blocks, inference mode, weights and AdamW's state in the compute dtype (a
training in bf16 keeps no fp32 master, which lobass does), fused QKV and gate-up.
"""
import json
import pathlib

import common
import torch
import torch.nn.functional as F


class Layer(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        d, ffn = config["hidden_size"], config["intermediate_size"]
        self.heads, self.kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
        self.size, self.epsilon = d // self.heads, config["rms_norm_eps"]
        self.input_norm = torch.nn.Parameter(torch.ones(d))
        self.post_norm = torch.nn.Parameter(torch.ones(d))
        self.qkv = torch.nn.Linear(d, (self.heads + 2 * self.kv_heads) * self.size, bias=False)
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
        x = x + self.attention(rms_norm(x, self.input_norm, self.epsilon), rotation, mask)
        gate, up = self.gate_up(rms_norm(x, self.post_norm, self.epsilon)).chunk(2, dim=-1)
        return x + self.down(F.silu(gate) * up)


class Llama(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        d, vocabulary = config["hidden_size"], config["vocab_size"]
        self.size = d // config["num_attention_heads"]
        self.theta, self.epsilon = config["rope_theta"], config["rms_norm_eps"]
        self.embedding = torch.nn.Embedding(vocabulary, d)
        self.layers = torch.nn.ModuleList(
            [Layer(config) for _ in range(config["num_hidden_layers"])]
        )
        self.norm = torch.nn.Parameter(torch.ones(d))
        self.head = torch.nn.Linear(d, vocabulary, bias=False)
        for weight in self.parameters():
            if weight.dim() == 2:
                torch.nn.init.normal_(weight, std=0.02)
        if config["tie_word_embeddings"]:
            self.head.weight = self.embedding.weight

    def weights_load(self, folder):
        found = weights_read(pathlib.Path(folder) / "model.safetensors")

        def take(target, *names):
            target.data.copy_(torch.cat([found.pop(name) for name in names]))

        take(self.embedding.weight, "model.embed_tokens.weight")
        take(self.norm, "model.norm.weight")
        if self.head.weight is not self.embedding.weight:
            take(self.head.weight, "lm_head.weight")
        for i, layer in enumerate(self.layers):
            at = f"model.layers.{i}."
            take(layer.input_norm, f"{at}input_layernorm.weight")
            take(layer.post_norm, f"{at}post_attention_layernorm.weight")
            take(layer.qkv.weight, *(f"{at}self_attn.{x}_proj.weight" for x in "qkv"))
            take(layer.o.weight, f"{at}self_attn.o_proj.weight")
            take(layer.gate_up.weight, *(f"{at}mlp.{x}_proj.weight" for x in ("gate", "up")))
            take(layer.down.weight, f"{at}mlp.down_proj.weight")
        assert not found, f"not of a Llama: {sorted(found)}"

    def rotation(self, n_tokens, dtype):
        frequencies = self.theta ** (-torch.arange(0, self.size, 2) / self.size)
        angles = torch.outer(torch.arange(n_tokens).float(), frequencies)
        angles = torch.cat((angles, angles), dim=-1)
        return angles.cos().to(dtype), angles.sin().to(dtype)

    def forward(self, ids, is_scored):
        n_tokens = ids.shape[1]
        dtype = self.norm.dtype
        mask = torch.full((n_tokens, n_tokens), float("-inf")).triu(1).to(dtype)
        x = self.embedding(ids)
        rotation = self.rotation(n_tokens, dtype)
        for layer in self.layers:
            x = layer(x, rotation, mask)
        return common.torch_losses(torch, self.head_norm, x, ids, is_scored)

    def head_norm(self, x):
        return self.head(rms_norm(x, self.norm, self.epsilon))


def rms_norm(x, gain, epsilon):
    return x * torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + epsilon).to(x.dtype) * gain


def rotate(x, rotation):
    cosine, sine = rotation
    half = x.shape[-1] // 2
    return x * cosine + torch.cat((-x[..., half:], x[..., :half]), dim=-1) * sine


def weights_read(path):
    """The tensors of a safetensors file, which Debian's PyTorch cannot read by itself."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    dtypes = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    return {
        name: torch.frombuffer(
            bytearray(data[start + entry["data_offsets"][0] : start + entry["data_offsets"][1]]),
            dtype=dtypes[entry["dtype"]],
        ).reshape(entry["shape"])
        for name, entry in header.items()
    }


def main():
    request = common.request_read()
    torch.manual_seed(0)
    model = Llama(common.config_of(request))
    if "model" in request:
        model.weights_load(request["model"])
    model = model.to({"bf16": torch.bfloat16, "fp32": torch.float32}[request["dtype"]])
    common.result_print(
        common.torch_answer(
            torch,
            request,
            model,
            lambda weights: torch.optim.AdamW(weights, lr=1e-6, weight_decay=0, foreach=True),
        )
    )


main()
