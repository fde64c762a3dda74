#!/usr/bin/env python3
"""One training step of a pre-trained model on questions: stet beside what a user would write with transformers.

    benchmarks/real_step.py MODEL QUESTIONS.jsonl [--threads N] [--steps N] [--lora RANK] [--build FOLDER]

QUESTIONS.jsonl: {"question", "answer" or "answers"} a line (EntityQuestions' own P17.train.json works, too); the first 32 are the batch. The script:
a batch padded to its longest text, the loss of the answers' tokens by labels, full logits, clipping, AdamW; float32, so many threads. stet:
its trainer on the same texts, from the same weights, at the same rate. Both take a step in turn, in processes of their own, and their losses are
printed beside each other: they agree to about 1e-4 at the first steps, or this compares nothing. Needs torch and transformers.
With --lora: low-rank changes of all linear layers of the blocks, by the library PEFT; losses agree at the first step, since A is random. The most memory
that each process held is printed last; the script has a model and its text in one process, and so has stet.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("model")
parser.add_argument("questions")
parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
parser.add_argument("--steps", type=int, default=7)
parser.add_argument("--lora", type=int, default=0, metavar="RANK")
parser.add_argument("--build", default=str(pathlib.Path(__file__).resolve().parent.parent / "build"))
options = parser.parse_args()
for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):  # a machine's own choice, for speed
    os.environ.pop(name, None)
os.environ |= {"OMP_NUM_THREADS": str(options.threads), "OPENBLAS_NUM_THREADS": str(options.threads)}

import torch  # noqa: E402  after the variables
import transformers  # noqa: E402

text = pathlib.Path(options.questions).read_text()
items = json.loads(text) if text.lstrip().startswith("[") else [json.loads(line) for line in text.splitlines() if line.strip()]
pairs = [(f"Q: {i['question']}\nA:", " " + (i["answer"] if "answer" in i else i["answers"][0])) for i in items[:32]]

torch.set_num_threads(options.threads)
tokenizer = transformers.AutoTokenizer.from_pretrained(options.model)
model = transformers.AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32)
if options.lora:
    import peft

    model = peft.get_peft_model(model, peft.LoraConfig(r=options.lora, lora_alpha=2 * options.lora, target_modules="all-linear", task_type="CAUSAL_LM"))
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=5e-5, weight_decay=0.0)
end = model.generation_config.eos_token_id
end = end[0] if isinstance(end, list) else end
texts = [(tokenizer(p, add_special_tokens=False).input_ids, tokenizer(a, add_special_tokens=False).input_ids + [end]) for p, a in pairs]
longest = max(len(p) + len(a) for p, a in texts)
ids = torch.full((len(texts), longest), end)
mask, labels = torch.zeros_like(ids), torch.full_like(ids, -100)
for row, (p, a) in enumerate(texts):
    ids[row, : len(p) + len(a)] = torch.tensor(p + a)
    mask[row, : len(p) + len(a)] = 1
    labels[row, len(p) : len(p) + len(a)] = torch.tensor(a)


def most_memory(process):
    """In megabytes, of a process's whole life."""
    lines = pathlib.Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1000


def their_step():
    begin = time.perf_counter()
    loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    return time.perf_counter() - begin, float(loss.detach())


with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as batch:
    batch.write("".join(json.dumps({"prompt": p, "answer": a}) + "\n" for p, a in pairs))
    batch.flush()
    words = [options.build + "/bin/real_step_benchmark", options.model, batch.name] + ([str(options.lora)] if options.lora else [])
    ours = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def our_step():
        ours.stdin.write("step\n")
        ours.stdin.flush()
        seconds, loss, tokens = ours.stdout.readline().split()
        return float(seconds), float(loss), int(tokens)

    print(f"torch {torch.__version__}, transformers {transformers.__version__}, {options.threads} threads, {len(texts)} questions, "
          f"{ids.numel()} tokens padded, {int(mask.sum())} without")
    their_seconds, our_seconds = [], []
    for step in range(options.steps):
        theirs, their_loss = their_step()
        mine, my_loss, tokens = our_step()
        print(f"step {step + 1}: transformers {theirs:.2f} s, loss {their_loss:.5f}; stet {mine:.2f} s, loss {my_loss:.5f}, {tokens} tokens", flush=True)
        if step > 0:  # the first makes buffers
            their_seconds.append(theirs)
            our_seconds.append(mine)
    memory = most_memory("self"), most_memory(ours.pid)
    ours.stdin.close()
    ours.wait()
ratio = statistics.median(t / m for t, m in zip(their_seconds, our_seconds))
print(f"median: transformers {statistics.median(their_seconds):.2f} s, stet {statistics.median(our_seconds):.2f} s; ratio {ratio:.2f}")
print(f"most memory: transformers {memory[0]:.0f} MB, stet {memory[1]:.0f} MB")
