#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ten steps of TRL's SFTTrainer on a file of `lobass select --format trl`, its labels counted.

Usage: trl_answers.py MODEL FILE.jsonl|FILE.parquet [--batch N]
"""
import argparse
import tempfile

from datasets import load_dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer

# Where the model brings no template of its own.
CHATML = ("{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}"
          "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("file")
    parser.add_argument("--batch", type=int, default=4)
    given = parser.parse_args()
    kind = "parquet" if given.file.endswith(".parquet") else "json"
    rows = load_dataset(kind, data_files=given.file, split="train", cache_dir=tempfile.mkdtemp())
    print(f"datasets: {rows.num_rows} rows, {rows.features}")
    tokenizer = AutoTokenizer.from_pretrained(given.model)
    if tokenizer.chat_template is None:
        tokenizer.chat_template = CHATML
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    model = AutoModelForCausalLM.from_pretrained(given.model, dtype="float32")
    seen = {"labels": 0, "tokens": 0, "batches": 0}
    answers = [row["completion"][0]["content"] for row in rows]

    class Counting(SFTTrainer):
        def compute_loss(self, model, inputs, *rest, **more):
            labels = inputs["labels"]
            seen["batches"] += 1
            seen["tokens"] += int((inputs["attention_mask"] != 0).sum()) if "attention_mask" in inputs else labels.numel()
            seen["labels"] += int((labels != -100).sum())
            for row in labels:
                learned = tokenizer.decode(row[row != -100], skip_special_tokens=False)
                if not any(learned.strip().startswith(answer.strip()[:20]) for answer in answers):
                    raise SystemExit(f"FAILED: learned is no answer: {learned!r}")
            return super().compute_loss(model, inputs, *rest, **more)

    settings = SFTConfig(output_dir=tempfile.mkdtemp(), max_steps=10, per_device_train_batch_size=given.batch,
                         bf16=False, gradient_checkpointing=False, report_to=[], save_strategy="no", logging_steps=1,
                         max_length=512, use_cpu=True)
    trainer = Counting(model=model, args=settings, train_dataset=rows, processing_class=tokenizer)
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    print(f"TRL: {seen['batches']} batches, {seen['tokens']} tokens, {seen['labels']} labels, all of answers; "
          f"loss {losses[0]:.4f} -> {losses[-1]:.4f}")
    if not 0 < seen["labels"] < seen["tokens"]:
        raise SystemExit("FAILED: expected some tokens to be learned, and not all")


if __name__ == "__main__":
    main()
