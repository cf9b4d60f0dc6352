# SPDX-License-Identifier: Apache-2.0
"""vLLM's CPU build, timed on the log-probabilities of prompts: common.py has the request and the result. It does not train.

All rows go in at once, as ids; vLLM batches them itself, and computes the head at every position,
whatever is scored. The engine runs in this process, on as many threads as OMP_NUM_THREADS says.
"""
import json
import os
import pathlib
import random
import tempfile

os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "2")  # GiB
os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import common
import vllm


def engine_make(request, folder):
    """Weights of a folder, or random ones of a shape."""
    if "shape" in request:
        config = json.dumps(common.config_make(request["shape"]))
        (pathlib.Path(folder) / "config.json").write_text(config, "utf-8")
    return vllm.LLM(
        model=request.get("model", folder),
        load_format="safetensors" if "model" in request else "dummy",
        skip_tokenizer_init=True,
        dtype={"bf16": "bfloat16", "fp32": "float32"}[request["dtype"]],
        max_model_len=min(2048, common.config_of(request)["max_position_embeddings"]),
        enable_prefix_caching=False,
        enforce_eager="rows" in request,  # compiling pays where something is timed
        seed=0,
    )


def losses_of(engine, rows):
    answers = engine.generate(
        [vllm.TokensPrompt(prompt_token_ids=row) for row in rows],
        vllm.SamplingParams(max_tokens=1, temperature=0, prompt_logprobs=0, detokenize=False),
        use_tqdm=False,
    )
    return [
        [-found[token].logprob for token, found in zip(row[1:], answer.prompt_logprobs[1:])]
        for row, answer in zip(rows, answers)
    ]


def main():
    request = common.request_read()
    result = {"version": f"vLLM {vllm.__version__}"}
    with tempfile.TemporaryDirectory() as folder:
        engine = engine_make(request, folder)
        if "rows" in request:
            result["losses"] = losses_of(engine, request["rows"])
        lengths = request.get("score_lengths")
        if lengths:
            draw = random.Random(0)
            vocabulary = common.config_of(request)["vocab_size"]
            rows = [[draw.randrange(vocabulary) for _ in range(length)] for length in lengths]
            seconds = common.median_seconds(lambda: losses_of(engine, rows), request["seconds"])
            result["score_tokens_per_second"] = sum(lengths) / seconds
        common.result_print(result)


main()
