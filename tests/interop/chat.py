"""chat.py CHAT_TOKENS FOLDER TRL_WHEEL: for every chat form that stet knows and every template that it knows it by, the tokens of a question, of the
text that is trained on and of a few-shot prompt are those of transformers' apply_chat_template.

The templates are the published ones: tests/fixtures/chat_templates, and those that the package trl has (Llama's may not be in a repository under
another licence). The tokenizers are this repository's fixtures, with the special tokens of the family.
"""

import copy
import json
import pathlib
import subprocess
import sys
import zipfile

import transformers

PROGRAM, WORK, WHEEL = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "fixtures"

with zipfile.ZipFile(WHEEL) as wheel:
    of_trl = {name: wheel.read(f"trl/chat_templates/{name}.jinja").decode()
              for name in ("qwen2_5", "qwen3", "qwen3_instruct_2507", "llama3", "llama3_1", "llama3_2")}
fixture = {path.stem: path.read_text() for path in (FIXTURES / "chat_templates").glob("*.jinja")}


def added(tokenizer, tokens, special=True):
    result = copy.deepcopy(tokenizer)
    known = {t["content"] for t in result["added_tokens"]} | set(result["model"]["vocab"])
    following = max([*result["model"]["vocab"].values(), *(t["id"] for t in result["added_tokens"])]) + 1
    for token in tokens:
        if token not in known:
            result["added_tokens"].append(dict(id=following, content=token, single_word=False, lstrip=False, rstrip=False, normalized=False, special=special))
            following += 1
    return result


def beginning(tokenizer, token):
    """With the token before every text, as Llama 3's and Mistral's have it."""
    result = added(tokenizer, [token])
    [number] = [t["id"] for t in result["added_tokens"] if t["content"] == token]
    first = {"SpecialToken": {"id": token, "type_id": 0}}
    result["post_processor"] = {"type": "TemplateProcessing", "single": [first, {"Sequence": {"id": "A", "type_id": 0}}],
                                "pair": [first, {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
                                "special_tokens": {token: {"id": token, "ids": [number], "tokens": [token]}}}
    return result


def without_beginning(tokenizer):
    return tokenizer | dict(post_processor=None)


style = lambda name: json.loads((FIXTURES / "tokenizers" / name / "tokenizer.json").read_text())
qwen = added(style("qwen2-style"), ["<think>", "</think>"], special=False)
llama = style("llama3-style")
sentencepiece = style("llama2-style")  # [INST] is text
mistral3 = added(style("mistral-style"), ["[INST]", "[/INST]"])
nemo = beginning(added(style("qwen2-style"), ["</s>", "[INST]", "[/INST]"]), "<s>")

# name: template, tokenizer, beginning, end
CASES = {
    "qwen2.5": (of_trl["qwen2_5"], qwen, None, "<|im_end|>"),
    "qwen3": (of_trl["qwen3"], qwen, None, "<|im_end|>"),
    "qwen3-0.6b": (fixture["qwen3-0.6b"], qwen, None, "<|im_end|>"),
    "qwen3-2507": (of_trl["qwen3_instruct_2507"], qwen, None, "<|im_end|>"),
    "smollm2": (fixture["smollm2-instruct"], qwen, "<|im_start|>", "<|im_end|>"),
    "chatml": (fixture["chatml"], qwen, None, "<|im_end|>"),
    "chatml-escapes": (fixture["chatml-escapes"], qwen, None, "<|im_end|>"),
    "llama3": (of_trl["llama3"], llama, "<|begin_of_text|>", "<|eot_id|>"),
    "llama3.1": (of_trl["llama3_1"], llama, "<|begin_of_text|>", "<|eot_id|>"),
    "llama3.1-bare": (of_trl["llama3_1"], without_beginning(llama), "<|begin_of_text|>", "<|eot_id|>"),
    "llama3.2": (of_trl["llama3_2"], llama, "<|begin_of_text|>", "<|eot_id|>"),
    "mistral-v0.1": (fixture["mistral-7b-v0.1"], sentencepiece, "<s>", "</s>"),
    "mistral-v0.2": (fixture["mistral-7b-v0.2"], sentencepiece, "<s>", "</s>"),
    "mistral-v0.2-later": (fixture["mistral-7b-v0.2-later"], sentencepiece, "<s>", "</s>"),
    "mistral-v0.2-later-first": (fixture["mistral-7b-v0.2-later"], style("mistral-style"), "<s>", "</s>"),
    "mistral-v0.3": (fixture["mistral-7b-v0.3"], mistral3, "<s>", "</s>"),
    "mistral-nemo": (fixture["mistral-nemo-2407"], nemo, "<s>", "</s>"),
}
# In a conversation Qwen3's template leaves the empty thoughts out of all answers but the last; stet shows every example as it asks.
THINKS = {"qwen3", "qwen3-0.6b"}
QUESTIONS = [
    ("Where is Gdynia?", "Poland"),
    ("Who wrote «Łódź, 1902», a novel of 300 pages?", "Władysław Reymont"),
    ("What ends with <|im_end|> or </s> or [INST]?", "An answer: 12,5 %"),
    ("Two\nlines, and  two spaces", "x"),
]
SHOTS = [["Where is Lima?", "Peru"], ["Who wrote Ulysses?", "James Joyce"], ["How many?", "7"]]


def check(name, template, tokenizer, begin, end, as_file):
    folder = WORK / f"{name}-{'file' if as_file else 'config'}"
    folder.mkdir()
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    config = dict(tokenizer_class="PreTrainedTokenizerFast", eos_token=end) | (dict(bos_token=begin) if begin else {})
    if as_file:
        (folder / "chat_template.jinja").write_text(template)
    else:
        config["chat_template"] = template
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    assert theirs.chat_template.rstrip("\n") == template.rstrip("\n")
    given = dict(tokenize=True, return_dict=False, enable_thinking=False, date_string="26 Jul 2024")  # the last: Llama 3.2 takes today's

    def tokens(*turns, answered=False):
        messages = [dict(role=("user", "assistant")[i % 2], content=turn) for i, turn in enumerate(turns)]
        return theirs.apply_chat_template(messages, add_generation_prompt=not answered, **given)

    for question, answer in QUESTIONS:
        (folder / "asked.json").write_text(json.dumps(dict(question=question, answer=answer, shots=SHOTS)))
        done = subprocess.run([PROGRAM, str(folder), str(folder / "asked.json")], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        ours = json.loads(done.stdout)
        where = f"{name} ({ours['form']}): {question}"
        expected = tokens(question)
        assert ours["prompt"] == expected, (where, ours["prompt"], expected, theirs.decode(ours["prompt"]), theirs.decode(expected))
        # A conversation goes on behind the end with a line's end or a space, which nothing is learnt of.
        whole = tokens(question, answer, answered=True)
        assert ours["text"] == whole[:len(ours["text"])] and len(whole) <= len(ours["text"]) + 2, (where, theirs.decode(ours["text"]), theirs.decode(whole))
        if name not in THINKS:
            turns = [turn for i in ours["order"] for turn in SHOTS[i]]
            expected = tokens(*turns, question)
            assert ours["few_shot"] == expected, (where, theirs.decode(ours["few_shot"]), theirs.decode(expected))
    return ours["form"], ours["forms"]


results = [check(name, *case, as_file) for name, case in CASES.items() for as_file in (True, False)]
forms, [known] = {form for form, _ in results}, {count for _, count in results}
assert len(forms) == known, f"{known} forms are known, tried were {sorted(forms)}"
print(f"{len(CASES)} chat templates of {len(forms)} forms: the same tokens")
