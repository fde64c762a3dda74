"""convert.py WHEEL FOLDER: the GGUF file in the wheel as a folder in Hugging Face's layout (config.json, model.safetensors, tokenizer.json).

Needs gguf, numpy and safetensors, and no PyTorch. Checks itself: the number of tensors, and hashes of five of them.
"""
import hashlib, json, os, sys, tempfile, zipfile

import gguf
import numpy
from safetensors.numpy import save_file

# sha256, its first 16 digits, of the float32 bytes.
HASHES = {
    "model.embed_tokens.weight": "3fd491c8066dd9dc",
    "model.layers.0.self_attn.q_proj.weight": "54b377bbfa2deab9",
    "model.layers.0.self_attn.k_proj.weight": "814d239237d0643a",
    "model.layers.29.mlp.down_proj.weight": "c19605745425a11e",
    "model.norm.weight": "3b87f8e27335e67f",
}
PARTS = {
    "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def name_of(name):
    if name == "token_embd.weight":
        return "model.embed_tokens.weight"
    if name == "output_norm.weight":
        return "model.norm.weight"
    blk, layer, part, weight = name.split(".")
    return f"model.layers.{layer}.{PARTS[part]}.{weight}"


def rotated_back(weight, heads):
    """llama.cpp keeps the two halves of a head's rotated elements interleaved."""
    rows, width = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, width).swapaxes(1, 2).reshape(rows, width)


def field(reader, key):
    return reader.fields[key].contents()


def tensors_of(reader, heads, kv_heads):
    tensors = {}
    for tensor in reader.tensors:
        value = gguf.dequantize(tensor.data, tensor.tensor_type).astype(numpy.float32)
        value = value.reshape([int(n) for n in reversed(tensor.shape)])
        if ".attn_q." in tensor.name:
            value = rotated_back(value, heads)
        if ".attn_k." in tensor.name:
            value = rotated_back(value, kv_heads)
        tensors[name_of(tensor.name)] = numpy.ascontiguousarray(value)
    for name, expected in HASHES.items():
        found = hashlib.sha256(tensors[name].tobytes()).hexdigest()[:16]
        if found != expected:
            sys.exit(f"convert: {name}: expected hash {expected}, received {found}: another version of the package?")
    return tensors


def tokenizer_of(reader):
    tokens, merges, kinds = (field(reader, "tokenizer.ggml." + key) for key in ("tokens", "merges", "token_type"))
    special = [i for i, kind in enumerate(kinds) if kind == 3]
    added = [{"id": i, "content": tokens[i], "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
             for i in special]
    # SmolLM splits digits one by one; the GGUF says no more of it than the name of its pre-tokenizer.
    split = {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True},
                                                   {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}]}
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None, "pre_tokenizer": split,
        "post_processor": None, "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                  "vocab": {token: i for i, token in enumerate(tokens)}, "merges": [merge.split(" ") for merge in merges]},
    }


def main(wheel, folder):
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, zipfile.ZipFile(wheel) as archive:
        [member] = [name for name in archive.namelist() if name.endswith(".gguf")]
        reader = gguf.GGUFReader(archive.extract(member, scratch))
        get = lambda key: field(reader, "llama." + key)
        heads, kv_heads = get("attention.head_count"), get("attention.head_count_kv")
        tensors = tensors_of(reader, heads, kv_heads)
        tokenizer = tokenizer_of(reader)
        tokens = tokenizer["model"]["vocab"]
        eos, bos = field(reader, "tokenizer.ggml.eos_token_id"), field(reader, "tokenizer.ggml.bos_token_id")
        config = {
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": len(tokens), "hidden_size": get("embedding_length"),
            "intermediate_size": get("feed_forward_length"), "num_hidden_layers": get("block_count"), "num_attention_heads": heads,
            "num_key_value_heads": kv_heads, "head_dim": get("embedding_length") // heads, "hidden_act": "silu",
            "max_position_embeddings": get("context_length"), "rms_norm_eps": get("attention.layer_norm_rms_epsilon"),
            "rope_theta": get("rope.freq_base"), "rope_scaling": None, "attention_bias": False, "mlp_bias": False, "tie_word_embeddings": True,
            "bos_token_id": bos, "eos_token_id": eos, "pad_token_id": eos, "torch_dtype": "float32",
        }
        names = {i: token for token, i in tokens.items()}
        write = lambda name, value: json.dump(value, open(os.path.join(folder, name), "w"), ensure_ascii=False, indent=1)
        write("config.json", config)
        write("generation_config.json", {"bos_token_id": bos, "eos_token_id": eos, "pad_token_id": eos})
        write("tokenizer.json", tokenizer)
        write("tokenizer_config.json", {"bos_token": names[bos], "eos_token": names[eos], "pad_token": names[eos], "add_bos_token": False,
                                        "model_max_length": get("context_length"), "tokenizer_class": "PreTrainedTokenizerFast",
                                        "chat_template": field(reader, "tokenizer.chat_template")})
        save_file(tensors, os.path.join(folder, "model.safetensors.part"), metadata={"format": "pt"})
        os.chmod(os.path.join(folder, "model.safetensors.part"), 0o644)
        os.replace(os.path.join(folder, "model.safetensors.part"), os.path.join(folder, "model.safetensors"))
    print(f"{folder}: {len(tensors)} tensors, {sum(t.size for t in tensors.values())} parameters, {len(tokens)} tokens")


main(*sys.argv[1:])
