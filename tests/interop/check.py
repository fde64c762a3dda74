"""check.py STET FOLDER: models of every family, of random shapes, there and back between stet and transformers.

1. A folder that transformers' own classes describe, with random weights: stet computes the same logits, loss and gradients in float64.
2. The same folder as the base of an experiment on a few questions: what stet trained goes home with `stet export`; transformers loads it
   without a missing or unexpected tensor, its config.json is the one that came, and both compute the same of the new weights.
3. Greedy text of both is the same, token for token, through the tokenizer that stet wrote and `tokenizers` reads.
4. A run with LoRA, exported as an adapter: PEFT loads it, and model with adapter computes what the exported merged model does. An adapter that
   PEFT made of random numbers, as `[base] adapter`: what stet merges is what PEFT merges.
"""

import copy
import json
import pathlib
import random
import subprocess
import sys

import numpy
import peft
import safetensors
import tokenizers
import torch
import transformers
import transformers.utils.logging
from safetensors.torch import load_file

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "fixtures"))
import make_models  # noqa: E402

transformers.utils.logging.disable_progress_bar()
STET, WORK = sys.argv[1], pathlib.Path(sys.argv[2])
VOCABULARY = 300
SHAPES = 3  # random ones a family, beside the fixture's own

EXPERIMENT = """
[experiment]
name = "home"
seeds = 1
[data]
world = "facts"
[data.facts]
files = ["questions.jsonl"]
[base]
folder = "theirs"
[prompt]
template = "Q: {question}\\nA: {answer}"
[slick]
prompts = 1
shots = 1
samples = 0
[sets]
labels = "slick"
categories = ["HighlyKnown", "MaybeKnown", "WeaklyKnown", "Unknown"]
known = 8
unknown = 8
held = 8
validation = 0
[train]
learning_rate = 1e-3
[checkpoint]
keep_weights = true
[[phase]]
name = "facts"
sets = ["known", "unknown"]
epochs = 2
[[arm]]
name = "sft"
[table]
title = "Home again"
[[table.column]]
label = "Held"
set = "held"
"""


def stet(*words, where=WORK):
    done = subprocess.run([STET, *map(str, words)], cwd=where, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"stet {' '.join(map(str, words))} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def shape_of(description, draw):
    """Another model of the same family: sizes drawn, and what the family lets one choose."""
    d = copy.deepcopy(description)
    heads = draw.choice([2, 3, 4, 6])
    width = heads * draw.choice([4, 8, 12])
    layers = draw.choice([1, 2, 3, 4])
    if d["model_type"] == "gpt2":
        d |= dict(n_layer=layers, n_embd=width, n_head=heads, n_inner=draw.choice([None, 3 * width]))
        return d
    d |= dict(num_hidden_layers=layers, hidden_size=width, num_attention_heads=heads, intermediate_size=draw.choice([40, 56, 96]))
    if d["model_type"] == "gpt_neox":
        return d | dict(rotary_pct=draw.choice([0.25, 0.5, 1.0]) if width // heads >= 8 else 1.0, use_parallel_residual=draw.choice([True, False]))
    d |= dict(num_key_value_heads=draw.choice([h for h in (1, 2, 3, heads) if heads % h == 0]), rope_theta=draw.choice([1e4, 5e5]),
              rms_norm_eps=draw.choice([1e-5, 1e-6]), tie_word_embeddings=draw.choice([True, False]))
    if "head_dim" in d:
        d["head_dim"] = draw.choice([4, 8, 16])
    if "no_rope_layers" in d:
        d["no_rope_layers"] = [0 if (layer + 1) % 4 == 0 else 1 for layer in range(layers)]
    return d


def make_tokenizer(folder):
    (WORK / "corpus.txt").write_text("".join(f"Q: Where is Vel{i}ar?\nA: {a}\n" for i in range(40) for a in ("Poland", "Peru", "Chad")))
    stet("tokenizer", "train", "corpus.txt", "--vocabulary", VOCABULARY, "--out", folder / "tokenizer.json")


def greedy(folder, prompt, count):
    """By transformers, through the exported tokenizer."""
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    ids = tokenizer.encode(prompt).ids
    start = len(ids)
    ends = model.generation_config.eos_token_id
    ends = ends if isinstance(ends, list) else [ends]
    with torch.no_grad():
        while len(ids) < start + count:
            best = int(model(torch.tensor([ids])).logits[0, -1].argmax())
            if best in ends:
                break
            ids.append(best)
    text = tokenizer.decode([i for i in ids[start:] if i < tokenizer.get_vocab_size()])
    return "".join(f"\\x{ord(c):02x}" if (ord(c) < 32 and c not in "\n\t") or ord(c) == 127 else c for c in text)  # as stet shows it


def check(name, description, seed):
    folder = WORK / name
    folder.mkdir()
    theirs = folder / "theirs"
    description = description | dict(vocab_size=VOCABULARY + 4)
    make_models.make(theirs, description, seed)
    stet("model", "verify", theirs)
    (theirs / "expected.safetensors").unlink()
    make_tokenizer(theirs)
    lines = [json.dumps({"question": f"Where is Vel{i}ar?", "answer": random.Random(i).choice(["Poland", "Peru", "Chad"]), "subject": f"Vel{i}ar"})
             for i in range(40)]
    (folder / "questions.jsonl").write_text("\n".join(lines))
    (folder / "home.toml").write_text(EXPERIMENT)
    stet("run", "home.toml", "--jobs", "1", where=folder)
    trained = next((folder / "runs").rglob("model.toml")).parent
    home = folder / "home"
    stet("export", trained, home)
    assert (home / "config.json").read_bytes() == (theirs / "config.json").read_bytes()
    old, new = load_file(theirs / "model.safetensors"), load_file(home / "model.safetensors")
    assert {k: (v.shape, v.dtype) for k, v in old.items()} == {k: (v.shape, v.dtype) for k, v in new.items()}
    assert any(not torch.equal(old[k], new[k]) for k in old), "nothing was trained"
    _, info = transformers.AutoModelForCausalLM.from_pretrained(home, output_loading_info=True)
    wrong = {k: v for k, v in info.items() if v}
    assert not wrong, wrong
    make_models.write_expected(home, torch.Generator().manual_seed(seed))
    stet("model", "verify", home)
    (home / "expected.safetensors").unlink()
    prompt = "Q: Where is Vel7ar?\nA:"
    said, expected = stet("generate", home, "--prompt", prompt, "--max-tokens", "8", "--no-special"), greedy(home, prompt, 8)
    assert said.rstrip("\n") == expected.rstrip("\n"), (said, expected)
    again = folder / "again"  # there and back: the same bytes
    stet("export", home, again)
    assert (again / "model.safetensors").read_bytes() == (home / "model.safetensors").read_bytes()


def load(folder):
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


def check_adapter(name, seed):
    """In the folder that check() has left."""
    folder = WORK / name
    theirs = folder / "theirs"
    stet("run", "home.toml", "--jobs", "1", "--out", "lora", "--set", 'freeze.lora.train=["attention", "ffn"]', where=folder)
    trained = next((folder / "lora").rglob("adapter.safetensors")).parent
    stet("export", trained, folder / "adapter", "--adapter")
    stet("export", trained, folder / "merged")
    ids = torch.randint(0, VOCABULARY, (2, 12), generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        base = load(theirs)(ids).logits
        adapted = peft.PeftModel.from_pretrained(load(theirs), folder / "adapter").eval()(ids).logits
        merged = load(folder / "merged")(ids).logits
    assert not torch.allclose(base, merged, atol=1e-5), "LoRA trained nothing"
    assert torch.allclose(adapted, merged, rtol=1e-4, atol=1e-5), (adapted - merged).abs().max()

    torch.manual_seed(seed)
    model = load(theirs)
    settings = peft.LoraConfig(r=3, lora_alpha=5, use_rslora=seed % 2 == 1, target_modules="all-linear", init_lora_weights=False,
                               task_type="CAUSAL_LM")
    made = peft.get_peft_model(model, settings)
    made.save_pretrained(folder / "from-peft")
    stet("run", "home.toml", "--jobs", "1", "--out", "after", "--set", 'base.adapter="from-peft"', "--set", 'freeze.freeze.train=["norms"]',
         where=folder)
    stet("export", next((folder / "after").rglob("model.toml")).parent, folder / "after-home")
    made.merge_and_unload().save_pretrained(folder / "by-peft")  # in memory, names are not those of files
    expected, got, before = load_file(folder / "by-peft" / "model.safetensors"), load_file(folder / "after-home" / "model.safetensors"), load_file(theirs / "model.safetensors")
    changed = 0
    for key, value in got.items():
        if value.dim() == 2:
            assert torch.allclose(value.float(), expected[key], rtol=1e-5, atol=1e-6), (key, (value - expected[key]).abs().max())
            changed += not torch.allclose(value.float(), before[key].float(), atol=1e-4)
    assert changed > 0


print(f"torch {torch.__version__}, transformers {transformers.__version__}, peft {peft.__version__}, tokenizers {tokenizers.__version__}, "
      f"safetensors {safetensors.__version__}, numpy {numpy.__version__}")
count = 0
for number, (family, of_fixture) in enumerate(make_models.CONFIGS.items()):
    draw = random.Random(number)
    for k in range(1 + SHAPES):
        check(f"{family}-{k}", of_fixture if k == 0 else shape_of(of_fixture, draw), 1000 * number + k)
        if k < 2:
            check_adapter(f"{family}-{k}", 1000 * number + k)
        count += 1
print(f"{count} models of {len(make_models.CONFIGS)} kinds: the same logits, loss, gradients, text, files and adapters")
