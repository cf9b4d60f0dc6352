# SPDX-License-Identifier: Apache-2.0
"""transformers 5 on PyTorch 2 as one would use it for this work, timed: common.py has the request and the result.

Tuned: rows sorted by length and padded in batches of about equal length, no mask (padding lies behind,
and the causal kernel of scaled_dot_product_attention needs none), the head at scored positions alone
and in blocks, inference mode, no cache, fused AdamW. A training in bf16 keeps its weights and AdamW's
state in bf16; lobass keeps fp32 masters.
"""
import common
import torch
import transformers


class Scorer(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, ids, is_scored):
        hidden = self.model.model(input_ids=ids, use_cache=False).last_hidden_state
        return common.torch_losses(torch, self.model.lm_head, hidden, ids, is_scored)


def model_make(request):
    dtype = {"bf16": torch.bfloat16, "fp32": torch.float32}[request["dtype"]]
    settings = {"dtype": dtype, "attn_implementation": "sdpa"}
    if "model" in request:
        return transformers.LlamaForCausalLM.from_pretrained(request["model"], **settings)
    config = transformers.LlamaConfig(**common.config_make(request["shape"]))
    return transformers.AutoModelForCausalLM.from_config(config, **settings)


def main():
    request = common.request_read()
    torch.manual_seed(0)
    model = Scorer(model_make(request))
    result = common.torch_answer(
        torch,
        request,
        model,
        lambda weights: torch.optim.AdamW(weights, lr=1e-6, weight_decay=0, fused=True),
    )
    result["version"] = f"transformers {transformers.__version__}, {result['version']}"
    common.result_print(result)


main()
