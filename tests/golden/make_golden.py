#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the committed golden files of tests/golden: tiny Llama models with random weights, and what
an independent implementation (eager PyTorch, gradients by autograd, all in float64) computes from
them: losses, el2n, logits, gradients, and the losses of ten AdamW steps; and the same of low-rank adapters on
them. Needs `scripts/setup golden`. Run by hand, never by the tests:

    /usr/bin/python3 tests/golden/make_golden.py
    /usr/bin/python3 tests/golden/make_golden.py --check-stories MODEL_FOLDER LOSSES.jsonl
    /usr/bin/python3 tests/golden/make_golden.py --generation STORIES_FOLDER
    /usr/bin/python3 tests/golden/make_golden.py --ifd MODEL RUN

The second form checks this file's own decoder against a real model and the losses of another engine.
The third makes generation.json alone: what the committed models and a real one go on with, greedily,
every token from a forward of all those before it. The fourth makes ifd.json: the losses of the responses of RUN,
prepared from ifd.jsonl as tests/cli/test_ifd_golden.sh does, with their prompts and without; RUN gives the
tokens and what they are, nothing else.
"""
import json
import math
import pathlib
import sqlite3
import struct
import sys

import numpy
import torch

HERE = pathlib.Path(__file__).resolve().parent
STEPS = 10
RECIPE = {"learning_rate": 0.01, "warmup_ratio": 0.25, "weight_decay": 0.1, "clip": 0.5,
          "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "n_steps": STEPS}

TIED = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 24,
    "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 8, "vocab_size": 48, "max_position_embeddings": 64,
    "rms_norm_eps": 1e-05, "rope_theta": 10000.0, "rope_scaling": None,
    "tie_word_embeddings": True, "attention_bias": False, "mlp_bias": False, "hidden_act": "silu",
    "eos_token_id": 2, "initializer_range": 0.02, "torch_dtype": "float32",
}
# Its three frequencies have a short, a medium and a long wavelength in the sense of llama3 scaling.
UNTIED = dict(TIED, hidden_size=20, intermediate_size=36, num_attention_heads=6,
              num_key_value_heads=3, head_dim=6, vocab_size=53, tie_word_embeddings=False,
              attention_bias=True, mlp_bias=True, rope_theta=50.0,
              rope_scaling={"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                            "high_freq_factor": 4.0, "original_max_position_embeddings": 32})


# ---- safetensors: 8 bytes of header length, a JSON header, the arrays end to end -----------------

def write_safetensors(path, tensors):
    header, chunks, offset = {"__metadata__": {"format": "pt"}}, [], 0
    for name, array in tensors.items():
        data = numpy.ascontiguousarray(array, dtype="<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(array.shape),
                        "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
        chunks.append(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(chunks))


def read_safetensors(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    out = {}
    for name, entry in header.items():
        if name != "__metadata__":
            start, end = entry["data_offsets"]
            part = data[8 + length + start:8 + length + end]
            if entry["dtype"] == "BF16":  # the upper half of a float32
                raw = (numpy.frombuffer(part, dtype="<u2").astype("<u4") << 16).view("<f4")
            else:
                assert entry["dtype"] == "F32", entry
                raw = numpy.frombuffer(part, dtype="<f4")
            out[name] = raw.reshape(entry["shape"])
    return out


# ---- the decoder ---------------------------------------------------------------------------------

def inverse_frequencies(config, size):
    theta = config.get("rope_theta", 10000.0)
    inverse = 1.0 / theta ** (torch.arange(0, size, 2, dtype=torch.float64) / size)
    scaling = config.get("rope_scaling")
    if scaling is None:
        return inverse
    assert scaling["rope_type"] == "llama3"
    factor = scaling["factor"]
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    original = scaling["original_max_position_embeddings"]
    wavelength = 2 * math.pi / inverse
    scaled = torch.where(wavelength > original / low, inverse / factor, inverse)
    smooth = (original / wavelength - low) / (high - low)
    between = (1 - smooth) * scaled / factor + smooth * scaled
    is_medium = ~(wavelength < original / high) * ~(wavelength > original / low)
    return torch.where(is_medium, between, scaled)


def rotate_half(x):
    half = x.shape[-1] // 2
    return torch.cat((-x[..., half:], x[..., :half]), dim=-1)


def repeat_kv(x, count):
    heads, length, size = x.shape
    return x[:, None].expand(heads, count, length, size).reshape(heads * count, length, size)


def norm(x, gain, epsilon):
    return gain * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + epsilon))


def linear(weights, name, x):
    y = torch.nn.functional.linear(x, weights[name + ".weight"], weights.get(name + ".bias"))
    a = weights.get("base_model.model." + name + ".lora_A.weight")
    if a is None:
        return y
    b = weights["base_model.model." + name + ".lora_B.weight"]
    return y + weights["scale"] * torch.nn.functional.linear(torch.nn.functional.linear(x, a), b)


def logits_of(config, weights, ids):
    """ids [length] of one sequence -> logits [length, vocabulary]."""
    heads = config["num_attention_heads"]
    kv_heads = config.get("num_key_value_heads", heads)
    size = config.get("head_dim") or config["hidden_size"] // heads
    epsilon = config["rms_norm_eps"]
    length = ids.shape[0]
    angles = torch.arange(length, dtype=torch.float64)[:, None] * inverse_frequencies(config, size)
    angles = torch.cat((angles, angles), dim=-1)
    cosine, sine = angles.cos(), angles.sin()
    mask = torch.full((length, length), float("-inf"), dtype=torch.float64).triu(1)
    x = weights["model.embed_tokens.weight"][ids]
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        h = norm(x, weights[prefix + "input_layernorm.weight"], epsilon)

        def split(name, n):
            return linear(weights, prefix + name, h).view(length, n, size).transpose(0, 1)
        q, k = split("self_attn.q_proj", heads), split("self_attn.k_proj", kv_heads)
        v = split("self_attn.v_proj", kv_heads)
        q = q * cosine + rotate_half(q) * sine
        k = k * cosine + rotate_half(k) * sine
        k, v = repeat_kv(k, heads // kv_heads), repeat_kv(v, heads // kv_heads)
        scores = q @ k.transpose(1, 2) / math.sqrt(size) + mask
        a = (torch.softmax(scores, dim=-1) @ v).transpose(0, 1).reshape(length, heads * size)
        x = x + linear(weights, prefix + "self_attn.o_proj", a)
        h = norm(x, weights[prefix + "post_attention_layernorm.weight"], epsilon)
        gate = torch.nn.functional.silu(linear(weights, prefix + "mlp.gate_proj", h))
        x = x + linear(weights, prefix + "mlp.down_proj",
                       gate * linear(weights, prefix + "mlp.up_proj", h))
    x = norm(x, weights["model.norm.weight"], epsilon)
    tied = config["tie_word_embeddings"]
    return x @ weights["model.embed_tokens.weight" if tied else "lm_head.weight"].t()


def measure(config, weights, batch):
    """-> nll [n_scored], logits [n_scored, vocabulary], in the order of batch["scored"]."""
    nll, logits = [], []
    for start, end in zip(batch["starts"], batch["starts"][1:]):
        ids = torch.tensor(batch["ids"][start:end])
        all_logits = logits_of(config, weights, ids)
        scored = [t - start for t in batch["scored"] if start <= t < end]
        rows = all_logits[[t - 1 for t in scored]]
        logits.append(rows)
        nll.append(torch.logsumexp(rows, -1) - rows[range(len(scored)), ids[scored]])
    return torch.cat(nll), torch.cat(logits)


def el2n_of(nll, logits):
    """The norm of softmax(logits) - onehot(target), as METHOD has it; -> [n_scored]."""
    return (torch.softmax(logits, -1).pow(2).sum(-1) - 2 * torch.exp(-nll) + 1).sqrt()


# ---- the golden files ----------------------------------------------------------------------------

def shapes(config):
    d, f, v = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    query = config["num_attention_heads"] * config["head_dim"]
    key_value = config["num_key_value_heads"] * config["head_dim"]
    yield "model.embed_tokens.weight", (v, d)
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        yield prefix + "input_layernorm.weight", (d,)
        yield prefix + "post_attention_layernorm.weight", (d,)
        for block, name, out, inner in (
                ("self_attn", "q_proj", query, d), ("self_attn", "k_proj", key_value, d),
                ("self_attn", "v_proj", key_value, d), ("self_attn", "o_proj", d, query),
                ("mlp", "gate_proj", f, d), ("mlp", "up_proj", f, d), ("mlp", "down_proj", d, f)):
            yield f"{prefix}{block}.{name}.weight", (out, inner)
            if config["attention_bias" if block == "self_attn" else "mlp_bias"]:
                yield f"{prefix}{block}.{name}.bias", (out,)
    yield "model.norm.weight", (d,)
    if not config["tie_word_embeddings"]:
        yield "lm_head.weight", (v, d)


def random_weights(config, generator):
    weights = {}
    for name, shape in shapes(config):
        values = torch.randn(shape, generator=generator, dtype=torch.float64)
        if len(shape) == 2:
            values = values * (0.5 if "embed" in name or "lm_head" in name else 0.25)
        else:
            values = 1 + 0.2 * values if "norm" in name else 0.2 * values
        weights[name] = values.float().double()  # what the file holds, exactly
    return weights


def random_batch(config, generator, lengths):
    starts = [0]
    for length in lengths:
        starts.append(starts[-1] + length)
    draw = torch.rand(starts[-1], generator=generator)
    ids = torch.randint(0, config["vocab_size"], (starts[-1],), generator=generator).tolist()
    scored = [t for t in range(starts[-1]) if t not in starts and draw[t] < 0.7]
    return {"ids": ids, "starts": starts, "scored": scored}


def rate_at(step):
    warmup = math.ceil(RECIPE["warmup_ratio"] * STEPS)
    if step < warmup:
        return RECIPE["learning_rate"] * (step + 1) / warmup
    return RECIPE["learning_rate"] * 0.5 * (1 + math.cos(math.pi * (step - warmup) /
                                                         (STEPS - warmup)))


def train(config, weights, batches, frozen=None):
    """Ten steps over the batches in turn -> the mean loss and the gradient norm before each."""
    weights = {name: w.clone().requires_grad_() for name, w in weights.items()}
    frozen = frozen or {}
    matrices = [w for w in weights.values() if w.dim() == 2]
    others = [w for w in weights.values() if w.dim() == 1]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": RECIPE["weight_decay"]},
         {"params": others, "weight_decay": 0.0}],
        betas=(RECIPE["beta1"], RECIPE["beta2"]), eps=RECIPE["epsilon"])
    losses, norms = [], []
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step)
        optimizer.zero_grad()
        loss = measure(config, {**frozen, **weights}, batches[step % len(batches)])[0].mean()
        loss.backward()
        norm_value = math.sqrt(sum(float(w.grad.pow(2).sum()) for w in weights.values()))
        for w in weights.values():
            w.grad *= min(1.0, RECIPE["clip"] / norm_value)
        optimizer.step()
        losses.append(loss.item())
        norms.append(norm_value)
    return losses, norms


def make(name, config, seed):
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    generator = torch.Generator().manual_seed(seed)
    weights = random_weights(config, generator)
    batches = [random_batch(config, generator, lengths)
               for lengths in ((17, 1, 9, 30), (12, 21), (2, 25, 7))]
    leaves = {key: w.clone().requires_grad_() for key, w in weights.items()}
    nll, logits = measure(config, leaves, batches[0])
    nll.mean().backward()
    arrays = {"nll": nll.detach(), "el2n": el2n_of(nll, logits).detach(), "logits": logits.detach()}
    arrays.update(("grad." + key, w.grad) for key, w in leaves.items())
    losses, norms = train(config, weights, batches)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    write_safetensors(folder / "model.safetensors", {k: w.numpy() for k, w in weights.items()})
    write_safetensors(folder / "golden.safetensors", {k: a.numpy() for k, a in arrays.items()})
    (folder / "golden.json").write_text(json.dumps(
        {"batches": batches, "mean_loss": nll.mean().item(), "recipe": RECIPE,
         "training_losses": losses, "gradient_norms": norms}) + "\n")
    print(name, "mean loss", nll.mean().item(), "training", losses, "norms", norms)


# ---- low-rank adapters: on the bases above, as PEFT (LoraLayer.forward) computes and names them ---

ALL_LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def random_adapter(base, targets, rank, generator):
    adapter = {}
    for name, w in base.items():
        module = name[:-len(".weight")] if name.endswith(".weight") else ""
        if module.rsplit(".", 1)[-1] in targets:
            for matrix, shape in (("A", (rank, w.shape[1])), ("B", (w.shape[0], rank))):
                values = 0.15 * torch.randn(shape, generator=generator, dtype=torch.float64)
                adapter[f"base_model.model.{module}.lora_{matrix}.weight"] = values.float().double()
    return adapter


def make_lora(name, base_name, targets, rank, alpha, use_rslora, seed):
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    config = json.loads((HERE / base_name / "config.json").read_text())
    base = {k: torch.tensor(w, dtype=torch.float64)
            for k, w in read_safetensors(HERE / base_name / "model.safetensors").items()}
    base["scale"] = alpha / (math.sqrt(rank) if use_rslora else rank)
    generator = torch.Generator().manual_seed(seed)
    adapter = random_adapter(base, targets, rank, generator)
    batches = [random_batch(config, generator, lengths)
               for lengths in ((17, 1, 9, 30), (12, 21), (2, 25, 7))]
    leaves = {key: w.clone().requires_grad_() for key, w in adapter.items()}
    nll, logits = measure(config, {**base, **leaves}, batches[0])
    nll.mean().backward()
    arrays = {"nll": nll.detach(), "el2n": el2n_of(nll, logits).detach(), "logits": logits.detach()}
    arrays.update(("grad." + key, w.grad) for key, w in leaves.items())
    losses, norms = train(config, adapter, batches, base)
    (folder / "adapter_config.json").write_text(json.dumps(
        {"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": base_name,
         "r": rank, "lora_alpha": alpha, "target_modules": targets, "use_rslora": use_rslora,
         "bias": "none", "fan_in_fan_out": False, "lora_dropout": 0.05, "inference_mode": True},
        indent=2) + "\n")
    write_safetensors(folder / "adapter_model.safetensors",
                      {k: w.numpy() for k, w in adapter.items()})
    write_safetensors(folder / "golden.safetensors", {k: a.numpy() for k, a in arrays.items()})
    (folder / "golden.json").write_text(json.dumps(
        {"base": base_name, "batches": batches, "mean_loss": nll.mean().item(), "recipe": RECIPE,
         "training_losses": losses, "gradient_norms": norms}) + "\n")
    print(name, "mean loss", nll.mean().item(), "training", losses, "norms", norms)


def check_stories(model, expected):
    model = pathlib.Path(model)
    config = json.loads((model / "config.json").read_text())
    weights = {k: torch.tensor(w, dtype=torch.float64)
               for k, w in read_safetensors(model / "model.safetensors").items()}
    worst = 0.0
    for line in pathlib.Path(expected).read_text().splitlines():
        row = json.loads(line)
        n = row["n_scored"]
        ids = row["ids"][:n + 1]
        batch = {"ids": ids, "starts": [0, n + 1], "scored": list(range(1, n + 1))}
        with torch.no_grad():
            found = measure(config, weights, batch)[0].mean().item()
        worst = max(worst, abs(found - row["sum_nll"] / n))
    print("largest difference in nats per token:", worst)
    return 0 if worst < 1e-5 else 1


# ---- greedy continuations ------------------------------------------------------------------------

def continue_greedily(config, weights, ids, n_new):
    """-> the tokens that follow IDS, -ln p of each, and by how much the nearest was beaten."""
    ids, new, nll, lead = list(ids), [], [], float("inf")
    with torch.no_grad():
        for _ in range(n_new):
            row = logits_of(config, weights, torch.tensor(ids))[-1]
            best = torch.topk(row, 2)
            lead = min(lead, (best.values[0] - best.values[1]).item())
            new.append(best.indices[0].item())
            nll.append((torch.logsumexp(row, -1) - best.values[0]).item())
            ids.append(new[-1])
    return {"ids": new, "nll": nll, "least_lead": lead}


def read_weights(folder, name="model.safetensors"):
    return {k: torch.tensor(w, dtype=torch.float64)
            for k, w in read_safetensors(folder / name).items()}


def make_generation(stories):
    generator = torch.Generator().manual_seed(5)
    found = {}
    for name in ("llama_tied", "llama_untied", "lora_qv", "lora_all", "stories260K"):
        folder = pathlib.Path(stories) if name == "stories260K" else HERE / name
        base = folder
        if name.startswith("lora"):
            adapter = json.loads((folder / "adapter_config.json").read_text())
            base = HERE / adapter["base_model_name_or_path"]
        config, weights = json.loads((base / "config.json").read_text()), read_weights(base)
        config.setdefault("head_dim", config["hidden_size"] // config["num_attention_heads"])
        if base != folder:
            weights.update(read_weights(folder, "adapter_model.safetensors"))
            rank = adapter["r"]
            weights["scale"] = adapter["lora_alpha"] / (math.sqrt(rank) if adapter["use_rslora"]
                                                        else rank)
        is_real = name == "stories260K"
        lengths, n_new = ((1, 5, 40), 60) if is_real else ((1, 3, 9, 30), 24)
        rows = []
        for length in lengths:
            ids = torch.randint(3, config["vocab_size"], (length,), generator=generator).tolist()
            prompt = [1] + ids[1:] if is_real else ids
            rows.append({"prompt": prompt, **continue_greedily(config, weights, prompt, n_new)})
        found[name] = rows
        print(name, [row["least_lead"] for row in rows])
    (HERE / "generation.json").write_text(json.dumps(found) + "\n")


# ---- instruction-following difficulty: responses with their prompts and without ------------------

RESPONSE, FIRST, END = 4, 8, 16  # flags of tokens; 1: scored


def batch_of(sequences):
    """[(ids, is_scored per token)] -> a batch."""
    batch = {"ids": [], "starts": [0], "scored": []}
    for ids, is_scored in sequences:
        batch["scored"] += [len(batch["ids"]) + t for t, scored in enumerate(is_scored) if scored]
        batch["ids"] += ids
        batch["starts"].append(len(batch["ids"]))
    return batch


def responses_alone(ids, flags, prefix):
    firsts = [t for t, flag in enumerate(flags) if flag & FIRST]
    for start in firsts:
        end = start + 1
        while end < len(ids) and flags[end] & RESPONSE and not flags[end] & FIRST:
            end += 1
        scored = [flag & 1 for flag in flags[start:end]]
        if any(scored):
            before = [prefix] if start > 0 else []
            yield before + ids[start:end], [0] * len(before) + scored


def make_ifd(model, run):
    model = pathlib.Path(model)
    config, weights = json.loads((model / "config.json").read_text()), read_weights(model)
    assert config["bos_token_id"] is None  # responses stand behind the end token
    rows = []
    database = sqlite3.connect(f"file:{run}/run.db?mode=ro", uri=True)
    for ids, flags in database.execute('select ids, flags from rows order by "row"'):
        ids = list(struct.unpack(f"<{len(flags)}i", ids))
        flags = list(flags)
        with torch.no_grad():
            given = measure(config, weights, batch_of([(ids, [flag & 1 for flag in flags])]))[0]
            alone = measure(config, weights, batch_of(
                responses_alone(ids, flags, config["eos_token_id"])))[0]
        counted = [not flag & END for flag in flags if flag & 1]
        with_prompt, without = given[counted].mean(), alone[counted].mean()
        rows.append({"ids": ids, "initial": given.tolist(), "unconditional": alone.tolist(),
                     "ifd_loss": (with_prompt / without).item(),
                     "ifd_ppl": (with_prompt.exp() / without.exp()).item()})
        print(rows[-1]["ifd_loss"], rows[-1]["ifd_ppl"])
    (HERE / "ifd.json").write_text(json.dumps({"rows": rows}) + "\n")


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] == "--ifd":
        make_ifd(sys.argv[2], sys.argv[3])
        sys.exit(0)
    if len(sys.argv) == 3 and sys.argv[1] == "--generation":
        make_generation(sys.argv[2])
        sys.exit(0)
    if len(sys.argv) == 4 and sys.argv[1] == "--check-stories":
        sys.exit(check_stories(sys.argv[2], sys.argv[3]))
    make("llama_tied", TIED, 1)
    make("llama_untied", UNTIED, 2)
    make_lora("lora_qv", "llama_tied", ["q_proj", "v_proj"], 4, 8, False, 3)
    make_lora("lora_all", "llama_untied", ALL_LINEAR, 3, 4, True, 4)
