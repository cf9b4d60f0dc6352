#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes what tests/golden has from other engines: small tokenizers of our own with the ids that the
Hugging Face library gives, and the losses of demo/base from transformers. Run by hand, never by the
tests, in an environment with these versions (they are checked):

    pip install tokenizers==0.23.3 transformers==5.24.0 torch==2.13.0
    tests/golden/make_references.py --tokenizers   tokenizers/*: tokenizer.json, expected_ids.jsonl
    tests/golden/make_references.py --losses       base_losses.jsonl

The tokenizers learn from LICENSE, the one text of this project that does not change: the same
command gives the same files.
"""
import json
import pathlib
import random
import sys

import tokenizers
from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers,
                        processors, trainers)

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FOLDER = HERE / "tokenizers"
VERSIONS = {"tokenizers": "0.23.3", "transformers": "5.24.0", "torch": "2.13.0"}

# The expressions of Llama 3 and of Qwen 2.
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
         r"|\s*[\r\n]+|\s+(?!\S)|\s+")
# Those of Qwen 3.5, of o200k (gpt-oss, Phi-4-mini), of tekken (Mistral Nemo), of DeepSeek V3.
QWEN35 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
ENDING = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
O200K = (rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+{ENDING}|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*{ENDING}"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
TEKKEN = (rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*"
          r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK3 = [r"\p{N}{1,3}", "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
             "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
             "| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"]
# Of DeepSeek's first models.
DEEPSEEK1 = ["[\r\n]", "\\s?[A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u0400-\u0481\u048a-\u052f]+",
             "\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+", "\\s+$",
             "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"]


def check_version(module):
    found = module.__version__.split("+")[0]
    expected = VERSIONS[module.__name__]
    if found != expected:
        sys.exit(f"{module.__name__}: expected version {expected}, found {found}")


# ---- tokenizers ----------------------------------------------------------------------------------

def documents():
    return [(ROOT / "LICENSE").read_text()]


def splitting(expression):
    return pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(expression), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def byte_level(*steps):
    """Steps, and the bytes of what they leave."""
    return pre_tokenizers.Sequence(list(steps) + [
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def splits(expressions):
    return [pre_tokenizers.Split(Regex(expression), "isolated") for expression in expressions]


def of_falcon():
    return pre_tokenizers.Sequence([
        pre_tokenizers.Punctuation("contiguous"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        pre_tokenizers.Digits(individual_digits=False),
        pre_tokenizers.Split(Regex("[0-9][0-9][0-9]"), "isolated")])


def of_starcoder():
    return pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])


def train_byte_level(cutting, normalizer, added, n_vocabulary):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = splitting(cutting) if isinstance(cutting, str) else cutting
    tokenizer.decoder = decoders.ByteLevel()
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.train_from_iterator(documents(), trainers.BpeTrainer(
        vocab_size=n_vocabulary, show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))
    for token in added:
        (tokenizer.add_special_tokens if token.special else tokenizer.add_tokens)([token])
    return tokenizer


def train_pieces(n_vocabulary):
    """Vocabulary and merges as SentencePiece files have them: unknown, ends, bytes, pieces."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.train_from_iterator(documents(), trainers.BpeTrainer(
        vocab_size=n_vocabulary, show_progress=False, limit_alphabet=110))
    trained = json.loads(tokenizer.to_str())["model"]
    names = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    names += sorted(trained["vocab"], key=trained["vocab"].get)
    merges = [tuple(pair) for pair in trained["merges"]]
    made = Tokenizer(models.BPE({name: i for i, name in enumerate(names)}, merges,
                                byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    made.add_special_tokens([AddedToken(name, normalized=False, special=True) for name in names[:3]])
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)])
    return made


def with_prepended_space(tokenizer):  # as Llama 2's file
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"),
                                                 normalizers.Replace(" ", "\u2581")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(),
                                           decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    return tokenizer


def with_metaspace(tokenizer):  # as newer files have it, and NFKC
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(),
                                           decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    return tokenizer


def as_gemma(tokenizer):
    tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(),
                                           decoders.Fuse()])
    return tokenizer


def as_phi3(tokenizer):  # a marker swallows the line end behind it
    tokenizer.add_special_tokens([AddedToken("<|user|>", rstrip=True, normalized=False),
                                  AddedToken("<|end|>", rstrip=True, normalized=False)])
    return with_prepended_space(tokenizer)


def train():
    special = [AddedToken(name, special=True, normalized=False)
               for name in ("<|begin|>", "<|end|>", "<|user|>", "<|user|>x")]
    words = [AddedToken("lobass", normalized=False), AddedToken("[one]", single_word=True),
             AddedToken("[left]", lstrip=True), AddedToken("[right]", rstrip=True),
             AddedToken("caf\u00e9!", normalized=True), AddedToken("<|mark|>", special=True,
                                                                   lstrip=True, rstrip=True)]
    made = {
        "bytes": train_byte_level(LLAMA3, None, special, 700),
        "bytes_nfc": train_byte_level(QWEN2, normalizers.NFC(), special[:2] + words, 600),
        "cohere": train_byte_level(of_starcoder(), normalizers.NFC(), special, 500),
        "deepseek": train_byte_level(byte_level(*splits(DEEPSEEK1), pre_tokenizers.Digits(True)), None,
                                     special, 500),
        "deepseek_v3": train_byte_level(byte_level(*splits(DEEPSEEK3)), None, special, 500),
        "falcon": train_byte_level(of_falcon(), None, special, 500),
        "gemma": as_gemma(train_pieces(450)),
        "gpt2": train_byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False), None, special, 500),
        "o200k": train_byte_level(byte_level(pre_tokenizers.Split(Regex(O200K), "removed", invert=True)),
                                  None, special, 500),
        "phi3": as_phi3(train_pieces(400)),
        "qwen3_5": train_byte_level(QWEN35, normalizers.NFC(), special, 500),
        "starcoder": train_byte_level(of_starcoder(), None, special, 500),
        "tekken": train_byte_level(TEKKEN, None, special, 500),
        "pieces": with_prepended_space(train_pieces(600)),
        "pieces_nfkc": with_metaspace(train_pieces(400)),
    }
    for name, tokenizer in made.items():
        (FOLDER / name).mkdir(parents=True, exist_ok=True)
        (FOLDER / name / "tokenizer.json").write_text(tokenizer.to_str(pretty=False) + "\n")


# ---- texts ---------------------------------------------------------------------------------------

WRITTEN = [
    "", " ", "  ", "   ", "\t", "\n", "\n\n", " \n", "\r\n", "\r\n\r\n  x", "\u00a0", "\u3000",
    "a", "ab", " a", "a ", "  a  b   c    d", "Hello, world!", "the quick brown fox",
    "don't won't I'LL they've 'S 'tis", "0", "12", "123", "1234", "12345678901234567890", "3.14159",
    "1,000,000.00 $ 50 %", "\u0664\u0665\u0666", "x\u00b2 + y\u00b3 = \u00bd", "\u2167 \u2460 \u2474",
    "<|begin|>", "<|begin|><|end|>", " <|begin|> a <|end|> ", "<|beg", "<|user|>", "<|user|>x",
    "<|user|>xx<|user|>", "a<|end|>b", "<|END|>", "<s>", "</s>", "<s>a</s>", "<unk>", "<s> </s>",
    "<0x41>", "<0x0A>x", "\u2581", "\u2581\u2581a", "a\u2581b", " \u2581 ",
    "lobass", "lobassx xlobass", "LOBASS", "[one]", "a[one]", "[one]a", " [one] ", "(one) [one]. [one]x",
    "a [left] b", "a  [left]b", "[left] [left]", "a [right] b", "[right]   b\n", "[right]\n\n[right]",
    "a  <|mark|>  b", "<|mark|> <|mark|>", "caf\u00e9!", "cafe\u0301!", "caf\u00e9 !", "cafe\u0301",
    "\u00e9 e\u0301 \u1e9b\u0323", "\u00c5 \u212b A\u030a", "\uac00 \u1100\u1161 \u1100\u1161\u11a8",
    "\ufb01 \ufb03 \uff21\uff22\uff23 \u3392", "\u0958 \u0915\u093c", "q\u0307\u0323 q\u0323\u0307",
    "\u0344 \u0308\u0301", "\ufe0f\ufe0e", "a\u0301\u0301\u0301\u0301", "\u200b a\u200db \ufeff",
    "\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466", "\U0001f1e9\U0001f1ea",
    "\U0001f44d\U0001f3fd ok", "\U00010348\U0001d4d0 \U000e0041", "\U0010ffff", "\ufffd", "\uffff",
    "\u0001\u0002\u001f\u007f", "\u0000", "a\u0000b", "\u0085\u2028\u2029", "\u000b\f", "\x1b[31mred",
    "stra\u00dfe STRASSE \u0130i I\u0131", "\u4f60\u597d\uff0c\u4e16\u754c", "\u3053\u3093\u306b\u3061\u306f",
    "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440", "\u0645\u0631\u062d\u0628\u0627", "\u05e9\u05dc\u05d5\u05dd",
    "\u0928\u092e\u0938\u094d\u0924\u0947", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35", "\u1e00\u1ecd\u0323\u0302",
    "a" * 70, "ab" * 60, "lorem" * 40, "=" * 50, " " * 40, "\n" * 20, "0" * 33, "!?" * 20,
    "supercalifragilisticexpialidocious", "def f(x):\n    return x ** 2  # square\n",
    "{\"a\": [1, 2.5e-3, null], \"b\": \"\\u00e9\"}", "| a | b |\n|---|---|\n| 1 | 2 |\n",
    "https://example.org/a?b=c&d=%20#e", "int main(void)\n{\n\treturn 0;\n}\n", "C:\\temp\\new",
    "Mr. O'Neil's 2nd-best co-op\u2014really?\u2026", "\u201cquoted\u201d \u2018single\u2019 \u00abfr\u00bb",
]


def texts():
    """The list above, stretches of LICENSE, and mixtures of hard characters."""
    rng = random.Random(7)
    out = list(WRITTEN)
    alphabet = ("abe T'.,-\n\t 0123\u00e9\u0301\u00df\u4e16\u754c\u2581\ufb01\u00bd\u0130\u0308\u1100\u1161\u11a8"
                "\U0001f600\u200d\u00a0\u3000\u0000\u0007\u212b")
    specials = ["<|begin|>", "<|mark|>", "[left]", "[right]", "[one]", "lobass", "<s>", "</s>", "  "]
    for _ in range(60):
        out.append("".join(rng.choice(alphabet) for _ in range(rng.randint(2, 24))))
    for _ in range(30):
        out.append("".join(rng.choice([rng.choice(alphabet), rng.choice(specials), "word "])
                           for _ in range(rng.randint(2, 9))))
    words = documents()[0].split(" ")
    for _ in range(20):
        at = rng.randrange(len(words) - 30)
        out.append(" ".join(words[at:at + rng.randint(5, 25)]))
    return list(dict.fromkeys(out))


def ids():
    rows = texts()
    for folder in sorted(FOLDER.iterdir()):
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        lines = []
        for text in rows:
            row = {"text": text, "ids": tokenizer.encode(text, add_special_tokens=False).ids}
            decoded = tokenizer.decode(row["ids"], skip_special_tokens=False)
            if decoded != text:
                row["decoded"] = decoded
            lines.append(json.dumps(row, separators=(",", ":")) + "\n")
        (folder / "expected_ids.jsonl").write_text("".join(lines))
        print(folder.name, len(lines), sum("decoded" in line for line in lines))


# ---- losses --------------------------------------------------------------------------------------

def losses():
    import torch
    import transformers
    for module in (torch, transformers):
        check_version(module)
    torch.manual_seed(0)
    base = ROOT / "demo" / "base"
    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    rows = [text for text in texts() if text]
    rng = random.Random(11)
    words = documents()[0].split(" ")
    chosen = rng.sample(rows, 25)
    for length in (60, 120, 200, 250):
        at = rng.randrange(len(words) - length)
        chosen.append(" ".join(words[at:at + length]))
    chosen = [text for text in chosen if len(tokenizer.encode(text).ids) > 1]
    lists = [tokenizer.encode(text).ids for text in chosen]
    found = {}
    for dtype in (torch.float64, torch.bfloat16):
        model = transformers.LlamaForCausalLM.from_pretrained(base, dtype=dtype,
                                                              attn_implementation="eager")
        model.eval()
        with torch.no_grad():
            found[dtype] = [
                torch.nn.functional.cross_entropy(
                    model(torch.tensor([one])).logits[0, :-1].double(), torch.tensor(one[1:]),
                    reduction="none").tolist()
                for one in lists]
    with (HERE / "base_losses.jsonl").open("w") as file:
        for i, one in enumerate(lists):
            row = {"text": chosen[i], "ids": one, "nll": [float(f"{x:.9g}") for x in found[torch.float64][i]],
                   "nll_bf16": [float(f"{x:.5g}") for x in found[torch.bfloat16][i]]}
            file.write(json.dumps(row, separators=(",", ":")) + "\n")
    print(len(lists), "texts,", sum(len(one) - 1 for one in lists), "losses")


def main():
    actions = {"--tokenizers": lambda: (train(), ids()), "--losses": losses}
    if len(sys.argv) != 2 or sys.argv[1] not in actions:
        sys.exit(__doc__)
    check_version(tokenizers)
    actions[sys.argv[1]]()


main()
