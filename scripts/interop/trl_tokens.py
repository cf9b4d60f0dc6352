#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The first loss of TRL's SFTTrainer on a file of `lobass select --format trl --tokens` against lobass's own.

Usage: trl_tokens.py MODEL STEM.jsonl      STEM.scores.jsonl lies beside it, with losses measured in fp32
"""
import argparse
import json
import tempfile

from datasets import load_dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer

LIMIT = 1e-4


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("file")
    given = parser.parse_args()
    with open(given.file.removesuffix(".jsonl") + ".scores.jsonl", encoding="utf-8") as lines:
        losses = [json.loads(line)["initial_loss"] for line in lines if '"selected": true' in line]
    rows = load_dataset("json", data_files=given.file, split="train", cache_dir=tempfile.mkdtemp())
    counts = [sum(label != -100 for label in row["labels"]) for row in rows]
    if len(losses) != len(counts):
        raise SystemExit(f"FAILED: {len(counts)} rows, {len(losses)} losses")
    expected = sum(loss * count for loss, count in zip(losses, counts)) / sum(counts)
    tokenizer = AutoTokenizer.from_pretrained(given.model)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    model = AutoModelForCausalLM.from_pretrained(given.model, dtype="float32")
    longest = max(len(row["input_ids"]) for row in rows)
    settings = SFTConfig(output_dir=tempfile.mkdtemp(), max_steps=1, per_device_train_batch_size=len(counts),
                         bf16=False, gradient_checkpointing=False, report_to=[], save_strategy="no", logging_steps=1,
                         max_length=longest, use_cpu=True)
    found = []

    class Watching(SFTTrainer): # what is logged may be rounded
        def compute_loss(self, *rest, **more):
            loss = super().compute_loss(*rest, **more)
            found.append(float((loss[0] if isinstance(loss, tuple) else loss).detach()))
            return loss

    trainer = Watching(model=model, args=settings, train_dataset=rows, processing_class=tokenizer)
    labels = sum(int((batch["labels"] != -100).sum()) for batch in trainer.get_train_dataloader())
    trainer.train()
    print(f"{len(counts)} rows, {labels} labels (lobass: {sum(counts)}); loss of the first batch: TRL {found[0]:.6f}, "
          f"lobass {expected:.6f}, difference {abs(found[0] - expected):.2e}")
    if labels != sum(counts) or abs(found[0] - expected) > LIMIT:
        raise SystemExit("FAILED")


if __name__ == "__main__":
    main()
