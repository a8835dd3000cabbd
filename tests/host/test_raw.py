# SPDX-License-Identifier: GPL-2.0
"""cxxrt/raw/gen-raw: each mend on a small C source, through the real compiler, pahole, bpftool and g++."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

TOP = Path(__file__).resolve().parents[2]
TOOL = TOP / "cxxrt" / "raw" / "gen-raw"
DEADLINE = 30  # seconds, for one program
SAME = "template <class A, class B> constexpr bool same = false; template <class A> constexpr bool same<A, A> = true;\n"


def load_tool() -> ModuleType:
    """gen-raw as a module, without leaving compiled Python beside it."""
    loader = importlib.machinery.SourceFileLoader("gen_raw", str(TOOL))
    spec = importlib.util.spec_from_loader("gen_raw", loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    write_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = write_bytecode
    return module


GEN_RAW = load_tool()


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE)


def btf_of(folder: Path, source: str) -> Path:
    """The detached BTF of a C source, as the build makes it."""
    file, obj, btf = folder / "types.c", folder / "types.o", folder / "types.btf"
    file.write_text(source)
    built = run("gcc", "-std=gnu11", "-g", "-fno-eliminate-unused-debug-types", "-c", "-o", obj, file)
    assert built.returncode == 0, built.stderr
    encoded = run("pahole", f"--btf_encode_detached={btf}", obj)
    assert encoded.returncode == 0, encoded.stderr
    return btf


def translate(folder: Path, source: str) -> tuple[str, str]:
    """The header and the layout assertions for a C source."""
    btf = str(btf_of(folder, source))
    text = GEN_RAW.bpftool("btf", "dump", "file", btf, "format", "c")
    types = GEN_RAW.json.loads(GEN_RAW.bpftool("-j", "btf", "dump", "file", btf, "format", "raw"))["types"]
    return f"namespace raw {{\n{GEN_RAW.mend(text, types)}\n}}\n", GEN_RAW.Layout(types).all()


def compile_cxx(folder: Path, text: str) -> str:
    """What g++ says of a C++ source: nothing if it is good."""
    source = folder / "check.cc"
    source.write_text(text)
    return run("g++", "-std=gnu++20", "-Wall", "-Werror", "-Wno-invalid-offsetof", "-fsyntax-only", source).stderr


# What is mended: a C source, and what must then hold in C++.
MENDS = {
    "keywords": (
        "struct s { int new, class, private; struct { int this; } template; int operator[2]; };"
        "struct namespace { int x; }; typedef int typename; struct t { struct namespace n; typename i; };",
        "static_assert(__builtin_offsetof(raw::s, class_) == 4 && __builtin_offsetof(raw::s, template_.this_) == 12);"
        "static_assert(sizeof(raw::namespace_) == 4 && same<decltype(raw::t::i), raw::typename_>);",
    ),
    "c words stay": (
        "struct s { const volatile unsigned long *p; signed char c; long double d; };",
        "static_assert(same<decltype(raw::s::c), signed char>);",
    ),
    "bool": (
        "typedef _Bool bool; enum { false = 0, true = 1 }; struct s { bool on; _Bool off; };",
        "static_assert(same<decltype(raw::s::on), bool> && same<decltype(raw::s::off), bool>);",
    ),
    "enum used before its definition": (
        "enum colour; struct s { enum colour *p; }; enum colour { RED, GREEN = 7 }; struct t { enum colour c; };",
        "static_assert(same<decltype(raw::s::p), raw::colour*> && raw::GREEN == 7);"
        "static_assert(same<__underlying_type(raw::colour), unsigned int>);",
    ),
    "enum with a negative value": (
        "enum e { MINUS = -1, PLUS = 1 }; struct s { enum e e; };",
        "static_assert(same<__underlying_type(raw::e), signed int> && raw::MINUS < 0);",
    ),
    "packed enum": (
        "enum __attribute__((packed)) small { A, B }; struct s { enum small e; char after; short last; };",
        "static_assert(sizeof(raw::small) == 1 && __builtin_offsetof(raw::s, after) == 1 && sizeof(raw::s) == 4);",
    ),
    "enum of 64 bits": (
        "enum wide { LOW = 1, HIGH = 0x100000000ll }; struct s { enum wide e; };",
        "static_assert(sizeof(raw::wide) == 8 && raw::HIGH == 0x100000000ll);",
    ),
    "enum that is never defined": (
        "enum hidden; struct s { enum hidden *p; int x; };",
        "static_assert(same<decltype(raw::s::p), raw::hidden*>);",
    ),
    "member named like its type": (
        "typedef int handler(void *); typedef int mode; struct s { handler *handler; mode mode; int after; };",
        "static_assert(same<decltype(raw::s::handler), raw::handler*> && same<decltype(raw::s::mode), int>);",
    ),
    "empty struct": (
        "struct nothing {}; struct s { struct nothing a; struct {} b; int x; struct nothing c; };",
        "static_assert(sizeof(raw::nothing) == 0 && __builtin_offsetof(raw::s, x) == 0 && sizeof(raw::s) == 4);",
    ),
    "transparent union": (
        "typedef union { int *a; long *b; } both __attribute__((transparent_union)); struct s { char c; both u; int x; };",
        "static_assert(sizeof(raw::both) == 8 && sizeof(raw::s) == 24 && __builtin_offsetof(raw::s, x) == 16);",
    ),
    "anonymous members": (
        "struct s { int a; union { long b; struct { int c, d; }; }; };",
        "static_assert(__builtin_offsetof(raw::s, d) == 12);",
    ),
    "bit-fields": (
        "struct s { unsigned a : 3, b : 5; unsigned char c; long d : 50; };",
        "static_assert(sizeof(raw::s) == 16 && __builtin_offsetof(raw::s, c) == 1);",
    ),
    "packed and aligned": (
        "struct s { char a; int b; } __attribute__((packed)); struct t { char a; long b __attribute__((aligned(64))); };",
        "static_assert(sizeof(raw::s) == 5 && __builtin_offsetof(raw::t, b) == 64 && sizeof(raw::t) == 128);",
    ),
}


@pytest.mark.parametrize("mend", MENDS)
def test_mend(mend: str, tmp_path: Path) -> None:
    source, holds = MENDS[mend]
    uses = "".join(f" struct {name} use_{name};" for name in re.findall(r"\bstruct ([st]) \{", source))
    header, checks = translate(tmp_path, source + uses)
    assert "static_assert(sizeof(struct raw::s) == " in checks
    assert compile_cxx(tmp_path, SAME + header + checks + holds) == "", header


LAYOUT = "struct s { char a; int b; long c; }; struct s use;"


@pytest.mark.parametrize(
    ("text", "other"),
    [("int b;", "long b;"), ("int b;", "short b;"), ("\tchar a;\n\tint b;", "\tint b;\n\tchar a;"), ("long int c;", "long int c; int d;")],
)
def test_wrong_layout_does_not_compile(text: str, other: str, tmp_path: Path) -> None:
    header, checks = translate(tmp_path, LAYOUT)
    assert header.count(text) == 1
    assert "static assertion failed" in compile_cxx(tmp_path, header.replace(text, other) + checks)


def test_offsets_are_the_compilers(tmp_path: Path) -> None:
    checks = translate(tmp_path, LAYOUT)[1]
    found = dict(re.findall(r"__builtin_offsetof\(struct raw::s, (\w+)\) == (\d+)", checks))
    assert found == {"a": "0", "b": "4", "c": "8"}


def test_few_types_are_an_error(tmp_path: Path) -> None:
    btf = btf_of(tmp_path, LAYOUT)
    done = run(sys.executable, TOOL, "types", btf, "--out", tmp_path / "o.hpp", "--check", tmp_path / "c.cc")
    assert done.returncode == 1 and "hardly any types" in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "o.hpp").exists()


def test_file_that_is_no_btf_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "bad.btf").write_text("no type information")
    done = run(sys.executable, TOOL, "types", tmp_path / "bad.btf", "--out", tmp_path / "o.hpp", "--check", tmp_path / "c.cc")
    assert done.returncode == 1 and done.stderr.startswith("gen-raw: bpftool btf dump") and "Traceback" not in done.stderr


def constants(folder: Path, assembly: str) -> subprocess.CompletedProcess[str]:
    (folder / "constants.s").write_text(assembly)
    return run(sys.executable, TOOL, "constants", folder / "constants.s", "--out", folder / "constants.hpp")


def test_constants(tmp_path: Path) -> None:
    source = tmp_path / "constants.c"
    # The kernel's pattern: GCC prints a $ before the number, unless it is told not to (%c0).
    source.write_text(
        '#define CONSTANT(name, value) asm volatile("\\n.ascii \\"->" #name " %0 \\"" : : "i"((long long)(value)))\n'
        'void f(void) { CONSTANT(ZERO, 0); CONSTANT(MINUS, -7); CONSTANT(MASK, 0xffffffffu);\n'
        "CONSTANT(TOP, 0x7fffffffffffffffll);\n"
        'asm volatile("\\n.ascii \\"#>SWITCH %c0 \\"" : : "i"(1)); }\n'
    )
    assert run("gcc", "-O2", "-S", "-o", tmp_path / "made.s", source).returncode == 0
    done = constants(tmp_path, (tmp_path / "made.s").read_text())
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "constants.hpp").read_text()
    assert "#define SWITCH 1\n" in text
    holds = (
        "static_assert(raw::ZERO == 0 && raw::MINUS == -7 && raw::MASK == 0xfffffffful);\n"
        "static_assert(same<decltype(raw::MINUS), const long> && same<decltype(raw::MASK), const unsigned long>);\n"
        "static_assert(raw::TOP == 0x7ffffffffffffffful);\n"
    )
    assert compile_cxx(tmp_path, text.replace("#pragma once\n", "") + SAME + holds) == ""


def test_assembly_without_constants_is_an_error(tmp_path: Path) -> None:
    done = constants(tmp_path, ".text\nnop\n")
    assert done.returncode == 1 and "no constants" in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "constants.hpp").exists()


def test_missing_bpftool_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GEN_RAW.shutil, "which", lambda *_args, **_kw: None)
    with pytest.raises(SystemExit, match="bpftool is missing: apt-get install bpftool"):
        GEN_RAW.bpftool("version")
