#!/usr/bin/env python3
"""Writes the binary seeds into corpus/: tensor files, which attack readers as published proofs of concept did, and a shared object of a kilobyte."""
import json
import pathlib
import struct

CORPUS = pathlib.Path(__file__).parent / "corpus"


def put(target, name, data):
    path = CORPUS / target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def tensors(name, header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    put("safetensors", name, struct.pack("<Q", len(text) if length is None else length) + text + data)


def entry(begin, end, shape, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


tensors("whole", {"__metadata__": {"format": "pt"}, "a": entry(0, 8, [2]), "b": entry(8, 16, [1], "I64"), "c": entry(16, 18, [2, 1], "U8")}, bytes(range(18)))
tensors("whole-padded", b'{"a":{"dtype":"BF16","shape":[],"data_offsets":[0,2]}}       ', b"\x80\x3f")
tensors("whole-without-tensors", {})
tensors("whole-empty-tensors", {"a": entry(0, 0, [0, 5]), "b": entry(0, 4, [1]), "c": entry(4, 4, [0])}, bytes(4))
# The product is 2^64 + 4 elements, or 4 bytes where it wraps (rez0/safetensors-cpp-integer-overflow-poc).
tensors("shape-overflows", {"a": entry(0, 4, [4294967296, 4294967296, 1], "U8")}, bytes(4))
tensors("shape-overflows-to-fit", {"a": entry(0, 4, [2305843009213693953, 8, 4], "U8")}, bytes(4))
tensors("shape-overflows-bytes", {"a": entry(0, 8, [2305843009213693954], "F64")}, bytes(8))
tensors("shape-overflows-behind-zero", {"a": entry(0, 0, [0, 18446744073709551615, 18446744073709551615])})
tensors("offsets-outside", {"a": entry(0, 1048576, [262144])}, bytes(4))  # Outmaster/safetensors-cpp-oob-read-poc
tensors("offsets-outside-64-bits", {"a": entry(18446744073709551608, 18446744073709551612, [1])}, bytes(4))
tensors("empty-tensor-inside-another", {"a": entry(0, 8, [2]), "b": entry(4, 4, [0])}, bytes(8))  # 01data-ai/safetensors_f002_zero_size_offset_bypass
tensors("empty-tensor-at-offset-of-another", {"a": entry(0, 8, [2]), "b": entry(0, 0, [0])}, bytes(8))
tensors("hole", {"a": entry(0, 4, [1]), "b": entry(8, 12, [1])}, bytes(12))
tensors("hole-at-begin", {"a": entry(4, 8, [1])}, bytes(8))
tensors("trailing-bytes", {"a": entry(0, 4, [1])}, b"\0\0\0\0PK\3\4")
tensors("overlap", {"a": entry(0, 8, [2]), "b": entry(4, 12, [2])}, bytes(12))
tensors("duplicate-names", b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}', bytes(2))
tensors("duplicate-entries", b'{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}', bytes(1))
tensors("duplicate-metadata", b'{"__metadata__":{"k":"1","k":"2"}}')
tensors("header-longer-than-file", {"a": entry(0, 4, [1])}, bytes(4), length=4096)
tensors("header-of-101-megabytes", {"a": entry(0, 4, [1])}, bytes(4), length=101_000_000)
tensors("header-of-2-to-64", {"a": entry(0, 4, [1])}, bytes(4), length=2**64 - 1)
tensors("header-without-end", b'{"a":{"dtype":"U8","shape":[')
tensors("offsets-not-sorted", {"b": entry(4, 8, [1]), "a": entry(0, 4, [1])}, bytes(8))
tensors("ends-before-begin", {"a": entry(8, 4, [1])}, bytes(8))
tensors("length-is-not-the-shape", {"a": entry(0, 4, [2])}, bytes(4))
tensors("body-cut-off", {"a": entry(0, 64, [16])}, bytes(12))
tensors("nul-in-header", b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}\0{', bytes(1))
tensors("nested", b'{"a":' + b"[" * 3000)


def elf(facts, symbol=b"stet_plugin_entry"):
    """A shared object that no loader would take, with all that is read before loading: segments, sections, one symbol."""
    names = b"\0.shstrtab\0.stet.plugin\0.dynsym\0.dynstr\0"
    strings = b"\0" + symbol + b"\0"
    symbols = bytes(24) + struct.pack("<IBBHQQ", 1, 0x12, 0, 2, 0x40, 16)
    start = 64 + 2 * 56
    parts, at = [], start
    for data in (names, facts, symbols, strings):
        parts.append((at, data))
        at += len(data)
    table = at
    end = table + 5 * 64
    header = b"\x7fELF" + bytes([2, 1, 1, 0]) + bytes(8) + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, table, 0, 64, 56, 2, 64, 5, 1)
    segments = struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, end, end, 4096) + struct.pack("<IIQQQQQQ", 2, 6, start, start, start, 16, 16, 8)
    sections = bytes(64)
    for name, kind, (offset, data) in zip((".shstrtab", ".stet.plugin", ".dynsym", ".dynstr"), (3, 1, 11, 3), parts):
        sections += struct.pack("<IIQQQQIIQQ", names.index(name.encode()), kind, 2, offset, offset, len(data), 0, 0, 1, 0)
    return header + segments + b"".join(data for _, data in parts) + sections


# As a g++ 12 of Debian 12 has them; with another libtorch the plugin is refused, and read all the same.
LAYOUT = (
    "Registrar 72/8, Offer 216/8, OutputContext 168/8, WeightContext 64/8, CheckContext 120/8, PhaseContext 64/8, ProbeContext 280/8, Measurement 80/8, "
    "FactMeasurement 88/8, ProbeFact 88/8, TrainableSelection 136/8, ParameterInfo 88/8, Transformer 240/8"
)
FACTS = "abi=5\ntorch=1.13.0\ncxx11_abi=1\nstdlib=libstdc++\nname=good\nversion=1.0\nauthor=stet\nlayout=" + LAYOUT + "\n"
whole = elf(FACTS.encode() + b"\0")
put("plugin_file", "whole", whole)
put("plugin_file", "older-abi", elf(FACTS.replace("abi=5", "abi=1").encode()))
put("plugin_file", "key-twice", elf(FACTS.encode() + b"abi=5\n"))
put("plugin_file", "no-entry", elf(FACTS.encode(), b"another"))
put("plugin_file", "facts-alone", FACTS.encode())
put("plugin_file", "section-outside", whole.replace(struct.pack("<QQ", 176 + 40, len(FACTS) + 1), struct.pack("<QQ", 2**64 - 8, 16)))
put("plugin_file", "sections-outside", whole[:40] + struct.pack("<Q", 2**64 - 64) + whole[48:])
put("plugin_file", "names-beyond-sections", whole[:62] + struct.pack("<H", 65535) + whole[64:])
put("plugin_file", "segment-larger-in-file", whole[:64 + 40] + struct.pack("<Q", 1) + whole[64 + 48:])
put("plugin_file", "32-bit", whole[:4] + b"\1" + whole[5:])
put("plugin_file", "other-machine", whole[:18] + struct.pack("<H", 183) + whole[20:])
put("plugin_file", "source", b'#include <stet/plugin.hpp>\nSTET_PLUGIN("good", "1.0", "stet") {}\n')
