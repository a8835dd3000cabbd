# SPDX-License-Identifier: GPL-2.0
"""tools/check-ko: each rule fails on an object made to break it and nothing else, and passes on good ones."""

from __future__ import annotations

import contextlib
import importlib.machinery
import importlib.util
import io
import lzma
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).resolve().parent
TOOL = HERE.parents[1] / "tools" / "check-ko"
SOURCES = HERE / "bad_objects"

BASE_FLAGS = (
    "-O2 -Wall -Werror -ffreestanding -fno-pic -fno-pie -mcmodel=kernel -mno-red-zone -mgeneral-regs-only "
    "-fno-asynchronous-unwind-tables -fno-stack-protector -fcf-protection=none"
).split()
CXX_FLAGS = "-std=c++20 -fno-exceptions -fno-rtti".split()

SYMVERS = """\
0x11111111	module_layout	vmlinux	EXPORT_SYMBOL	
0x22222222	exported	vmlinux	EXPORT_SYMBOL	
0x33333333	exported_gpl	vmlinux	EXPORT_SYMBOL_GPL	A_NAMESPACE
0x44444444	exported_fill	drivers/fill	EXPORT_SYMBOL
"""
KASAN_SYMVERS = SYMVERS + "".join(
    f"0x00000000\t{name}\tvmlinux\tEXPORT_SYMBOL\t\n"
    for name in ("__asan_register_globals", "__asan_unregister_globals")
)

# object: (the rule it breaks, words of the message, extra compiler flags)
BAD: dict[str, tuple[str, str, str]] = {
    "constructor.cc": ("constructors", ".init_array holds _GLOBAL__sub_I_computed", ""),
    "constructor_priority.cc": ("constructors", ".init_array.00200 holds set_up", ""),
    "destructor.c": ("constructors", ".fini_array holds shut_down", ""),
    "ctors.S": ("constructors", ".ctors.65435 holds start", ""),
    "static_destructor.cc": ("constructors", "__cxa_atexit is used", "-fno-threadsafe-statics"),
    "operator_new.cc": ("symbols", "operator new(unsigned long) is called", ""),
    "pure_virtual.cc": ("symbols", "__cxa_pure_virtual belongs to the C++ runtime", ""),
    "local_static_guard.cc": ("symbols", "__cxa_guard_acquire belongs to the C++ runtime", ""),
    "undefined_cxx.cc": ("symbols", "queue::depth(int) is used but not defined", ""),
    "libgcc.c": ("symbols", "__udivti3 is a function of libgcc", ""),
    "not_exported.c": ("symbols", "kernel_internal is not exported", ""),
    "sse.c": ("fpu", "ratio (.text+0x", "-msse2"),
    "avx.c": ("fpu", "add (.text+0x", "-O3 -mavx2"),
    "x87.S": ("fpu", "wait_for_fpu (.text.odd+0x0) is the first of 1 FPU", ""),
    "mmx.S": ("fpu", "use_mmx (.text+0x0) is the first of 2 FPU", ""),
    "eh_frame.cc": ("unwind", "section .eh_frame", "-fasynchronous-unwind-tables"),
    "except_table.S": ("unwind", "section .gcc_except_table", ""),
    "half_orc.S": ("unwind", ".orc_unwind_ip is missing", ""),
    "hot_helper.cc": ("hot-calls", "hot blk::queue_rq(int) (.text.hot+0x0) calls the helper cxxrt_lock out", ""),
    "hot_helper_static.c": ("hot-calls", "calls the helper cxxrt_unlock out", ""),
    "hot_helper_same_section.c": ("hot-calls", "hot find_tag (.text.hot+0x10) calls the helper cxxrt_test_bit out", ""),
    "hot_helper_clone.c": ("hot-calls", "calls the helper cxxrt_poll.constprop.0 out", ""),
    "hot_helper_jump.S": ("hot-calls", "hot fast_path (.text.hot+0x2) calls the helper cxxrt_slow_path out", ""),
    "hot_helper_template.cc": ("hot-calls", "calls the helper cxxrt_submit out", "-ffunction-sections"),
    "hot_frame.c": ("frame", "has a frame of 608 bytes", ""),
    "wx.S": ("wx", "section .data.trampoline is writable and executable", ""),
    "proprietary.c": ("versions", "licence is Proprietary", ""),
    "no_vermagic.c": ("versions", "vermagic is missing", ""),
    "other_release.c": ("versions", "vermagic is for 9.8.0-other, the kernel is 9.9.0-test", ""),
    "no_versions.c": ("versions", "section __versions is missing", ""),
    "no_layout.c": ("versions", "module_layout has no entry in __versions", ""),
    "version_missing.c": ("versions", "exported has no entry in __versions", ""),
    "version_wrong.c": ("versions", "exported has CRC 0x12345678 in __versions, 0x22222222 in Module.symvers", ""),
    "btf_garbage.S": ("btf", "the .BTF section does not load", ""),
    "btf_name.S": ("btf", "has the name `Pair<int, int>`, not a C identifier", ""),
    "btf_order.S": ("btf", "has members out of order", ""),
    "btf_past_end.S": ("btf", "has a member past its end", ""),
}
GOOD = ["good.cc", "orc.S", "btf.S"]


def load_tool() -> ModuleType:
    """check-ko as a module, for the tests of its parts."""
    loader = importlib.machinery.SourceFileLoader("check_ko", str(TOOL))
    spec = importlib.util.spec_from_loader("check_ko", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["check_ko"] = module
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    return module


check_ko = load_tool()


def build(source: Path, output: Path, flags: str = "") -> Path:
    """Compiles one source as the kernel would; `flags` come last."""
    if source.suffix == ".S":
        command = ["gcc", "-c"]
    elif source.suffix == ".cc":
        command = ["g++", "-c", *CXX_FLAGS, *BASE_FLAGS]
    else:
        command = ["gcc", "-c", *BASE_FLAGS]
    if "-ms" in flags or "-mavx" in flags:
        command.remove("-mgeneral-regs-only")
    subprocess.run([*command, *flags.split(), "-o", output, source], check=True, timeout=60)
    return output


def build_text(code: str, folder: Path, name: str, flags: str = "") -> Path:
    """Compiles `code` as file `name`, with the macros of ko_like.h."""
    source = folder / name
    source.write_text(code)
    return build(source, folder / (name + ".o"), f"-I{SOURCES} -include ko_like.h {flags}")


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs the tool's main function: a new interpreter for each case would be most of the time."""
    command = list(map(str, arguments))
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = check_ko.main(command)
        except SystemExit as stop:  # argparse
            status = stop.code
    return subprocess.CompletedProcess(command, status, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def symvers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kernel with symbol versions and a release, without ORC."""
    kernel = tmp_path_factory.mktemp("kernel")
    (kernel / "include" / "generated").mkdir(parents=True)
    (kernel / "include" / "generated" / "utsrelease.h").write_text('#define UTS_RELEASE "9.9.0-test"\n')
    (kernel / "Module.symvers").write_text(SYMVERS)
    return kernel / "Module.symvers"


@pytest.fixture(scope="session")
def objects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every object of the folder, compiled."""
    folder = tmp_path_factory.mktemp("objects")
    flags = {name: extra for name, (_, _, extra) in BAD.items()} | dict.fromkeys(GOOD, "")
    return {name: build(SOURCES / name, folder / f"{name}.o", extra) for name, extra in flags.items()}


def test_every_object_and_every_rule_is_tested() -> None:
    files = {p.name for p in SOURCES.iterdir() if p.suffix != ".h"}
    assert files == set(BAD) | set(GOOD)
    documented = set(re.findall(r"^    ([a-z-]+)  +\w", check_ko.__doc__, re.M))
    assert documented == {rule for rule, _, _ in BAD.values()} | {"objtool"}


@pytest.mark.parametrize("name", BAD)
def test_bad_object_breaks_its_rule_and_no_other(name: str, objects: dict[str, Path], symvers: Path) -> None:
    rule, words, _ = BAD[name]
    done = run("--symvers", symvers, objects[name])
    assert done.returncode == 1, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines and all(line.startswith(f"{objects[name]}: {rule}: ") for line in lines), done.stdout
    assert words in done.stdout
    assert all(": " in line.removeprefix(f"{objects[name]}: {rule}: ") for line in lines), "no advice"


@pytest.mark.parametrize("name", GOOD)
def test_good_object_is_silent(name: str, objects: dict[str, Path], symvers: Path) -> None:
    done = run("--symvers", symvers, objects[name])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_as_a_command(objects: dict[str, Path], symvers: Path) -> None:
    command = [TOOL, "--symvers", symvers]
    good = subprocess.run([*command, objects["good.cc"]], capture_output=True, text=True, timeout=60)
    assert (good.returncode, good.stdout, good.stderr) == (0, "", "")
    bad = subprocess.run([*command, objects["wx.S"]], capture_output=True, text=True, timeout=60)
    assert (bad.returncode, bad.stdout.count("\n"), bad.stderr) == (1, 1, "")


def test_verbose_says_what_was_checked(objects: dict[str, Path], symvers: Path) -> None:
    done = run("-v", "--symvers", symvers, objects["good.cc"])
    assert done.returncode == 0
    assert "3 kernel symbols, 3 hot functions" in done.stdout


def test_without_lto_helpers_may_stay_calls(objects: dict[str, Path], symvers: Path) -> None:
    assert run("--lto", 0, "--symvers", symvers, objects["hot_helper.cc"]).returncode == 0
    assert run("--lto", 1, "--symvers", symvers, objects["hot_helper.cc"]).returncode == 1


def test_several_symvers_add_up(tmp_path: Path, objects: dict[str, Path], symvers: Path) -> None:
    extra = tmp_path / "extra.symvers"
    extra.write_text("0x00000000\tkernel_internal\tother\tEXPORT_SYMBOL\t\n")
    done = run("--symvers", symvers, "--symvers", extra, objects["not_exported.c"])
    assert "kernel_internal has no entry in __versions" in done.stdout


def test_exports_of_libgcc_names_may_be_used(tmp_path: Path, objects: dict[str, Path]) -> None:
    (tmp_path / "Module.symvers").write_text("0x00000000\t__udivti3\tvmlinux\tEXPORT_SYMBOL\t\n")
    assert run("--symvers", tmp_path / "Module.symvers", objects["libgcc.c"]).returncode == 0


def test_orc_is_required_where_the_kernel_has_it(tmp_path: Path, objects: dict[str, Path], symvers: Path) -> None:
    kernel = tmp_path / "kernel"
    shutil.copytree(symvers.parent, kernel)
    (kernel / "include" / "config").mkdir()
    (kernel / "include" / "config" / "auto.conf").write_text("CONFIG_SMP=y\nCONFIG_UNWINDER_ORC=y\n")
    done = run("--symvers", kernel / "Module.symvers", objects["good.cc"])
    assert done.returncode == 1
    assert "unwind: section .orc_unwind and .orc_unwind_ip is missing: run objtool" in done.stdout
    assert run("--symvers", kernel / "Module.symvers", objects["orc.S"]).returncode == 0
    data_only = build_text("KO_LIKE", tmp_path, "data_only.c")
    assert run("--symvers", kernel / "Module.symvers", data_only).returncode == 0


def test_a_kernel_without_symbol_versions_needs_none(tmp_path: Path, objects: dict[str, Path]) -> None:
    (tmp_path / "Module.symvers").write_text(SYMVERS.replace("0x11111111", "0x0").replace("0x22222222", "0x0"))
    only_zero = "\n".join(line for line in (tmp_path / "Module.symvers").read_text().splitlines()[:2])
    (tmp_path / "Module.symvers").write_text(only_zero + "\n")
    assert run("--symvers", tmp_path / "Module.symvers", objects["no_versions.c"]).returncode == 0


@pytest.mark.parametrize("line", [
    "drv.o: warning: objtool: init+0x5: unreachable instruction",
    "drv.o: error: objtool: can't find jump dest",
    "warning: objtool: missing symbol",
    "objtool: could not read it",
])
def test_objtool_must_be_silent(line: str, tmp_path: Path, objects: dict[str, Path], symvers: Path) -> None:
    log = tmp_path / "log"
    log.write_text(f"In file included from x.cc:1\n{line}\n")
    done = run("--symvers", symvers, "--objtool-log", log, objects["good.cc"])
    assert done.returncode == 1
    assert done.stdout.count("\n") == 1 and f": objtool: `{line}`: " in done.stdout


def test_other_output_of_the_build_is_no_violation(tmp_path: Path, objects: dict[str, Path], symvers: Path) -> None:
    log = tmp_path / "log"
    log.write_text("  OBJTOOL drv.o\nx.cc:3: note: run my_objtool_wrapper first\n")
    assert run("--symvers", symvers, "--objtool-log", log, objects["good.cc"]).returncode == 0


KASAN_FLAGS = "-fsanitize=kernel-address --param asan-globals=1"


def test_only_kasan_kernels_run_kasan_constructors(tmp_path: Path, symvers: Path) -> None:
    globals_only = build_text("KO_LIKE char buffer[64];", tmp_path, "globals.cc", KASAN_FLAGS)
    done = run("--symvers", symvers, globals_only)
    assert "constructors: section .init_array holds _sub_I_" in done.stdout
    (tmp_path / "Module.symvers").write_text(KASAN_SYMVERS)
    done = run("--symvers", tmp_path / "Module.symvers", globals_only)
    assert "constructors" not in done.stdout
    code = "KO_LIKE char buffer[64]; int f(); int computed = f();"
    both = build_text(code, tmp_path, "both.cc", KASAN_FLAGS)
    done = run("--symvers", tmp_path / "Module.symvers", both)
    assert "constructors: section .init_array" in done.stdout


def test_only_kcsan_kernels_run_kcsan_constructors(tmp_path: Path, symvers: Path) -> None:
    built = build_text("KO_LIKE int f(int *p) { return *p; }", tmp_path, "race.cc", "-fsanitize=thread")
    done = run("--symvers", symvers, built)
    assert "constructors: section .init_array" in done.stdout and "holds _sub_I_" in done.stdout
    (tmp_path / "Module.symvers").write_text(SYMVERS + "0x00000000\t__tsan_init\tvmlinux\tEXPORT_SYMBOL\t\n")
    done = run("--symvers", tmp_path / "Module.symvers", built)
    assert "constructors" not in done.stdout


def test_a_frame_of_the_largest_size_passes(tmp_path: Path, symvers: Path) -> None:
    code = """KO_LIKE MODVERSION(0x44444444, exported_fill)
    void exported_fill(char *, int);
    HOT int f(int x) { char b[SIZE]; exported_fill(b, x); return b[x & 1]; }"""
    for size, status in ((504, 0), (520, 1)):
        built = build_text(code, tmp_path, f"frame{size}.c", f"-DSIZE={size}")
        assert run("--symvers", symvers, built).returncode == status, size
    (tmp_path / "Module.symvers").write_text(KASAN_SYMVERS)
    assert run("--symvers", tmp_path / "Module.symvers", built).returncode == 0, "KASAN frames may be larger"


LISTED = """
struct Ops { int (*call)(int); };
extern "C" int exported(int), exported_gpl(int), exported_tail(int);
extern "C" NOINLINE int local_helper(int x) { asm volatile("" : "+r"(x)); return x; }
extern "C" HOT int hot(const Ops *ops, int x)
{
	x = exported(x);
	x = exported(x + 1);
	x = local_helper(x);
	for (int i = 0; i < x; i++)
		x += ops->call(x);
	return exported_tail(x);
}
namespace ns { HOT int leaf(int x) { return x + 1; } }
extern "C" int recurse(int x) { return x < 2 ? 1 : recurse(x - 1) * recurse(x - 2); }
"""
KERNEL_LIKE = "-mindirect-branch=thunk-extern -mfunction-return=thunk-extern -pg -mfentry -fno-optimize-sibling-calls"


def test_list_calls_of_hot_functions(tmp_path: Path) -> None:
    built = build_text(LISTED, tmp_path, "listed.cc", KERNEL_LIKE.replace("-fno-optimize-sibling-calls", ""))
    done = run("--list-calls", built)
    lines = [line for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert lines[0].startswith("hot (.text.hot, ") and lines[0].endswith(" bytes)")
    assert lines[1:5] == ["    exported x2", "    local_helper", "    *indirect*", "    exported_tail"]
    assert lines[5].startswith("ns::leaf(int) (.text.hot, ") and lines[6:] == ["    no calls"]


def test_list_calls_leaves_out_the_cold_part(objects: dict[str, Path]) -> None:
    listed = run("--list-calls", "--function", "^hot_with_cold_part", objects["good.cc"]).stdout
    assert re.search(r"^hot_with_cold_part \(.text.hot, \d+ bytes\)\n    no calls$", listed, re.M)
    assert re.search(r"^hot_with_cold_part.cold \(.text.unlikely, \d+ bytes\)\n    cxxrt_report$", listed, re.M)


def test_list_calls_without_retpolines(tmp_path: Path) -> None:
    built = build_text(LISTED, tmp_path, "plain.cc")
    assert "    *indirect*\n" in run("--list-calls", "--function", "^hot$", built).stdout


def test_list_calls_by_name(tmp_path: Path) -> None:
    built = build_text(LISTED, tmp_path, "named.cc", KERNEL_LIKE)
    for pattern in ("^ns::leaf", "^_ZN2ns4leafEi$"):
        assert run("--list-calls", "--function", pattern, built).stdout.startswith("ns::leaf(int) (")
    done = run("--list-calls", "--function", "^recurse$", built)
    assert "    recurse" in done.stdout
    done = run("--list-calls", "--function", "no_such", built)
    assert (done.returncode, done.stdout) == (2, "") and "no such function" in done.stderr


def test_list_calls_reads_packed_modules(tmp_path: Path) -> None:
    built = build_text(LISTED, tmp_path, "packed.cc", KERNEL_LIKE)
    packed = tmp_path / "packed.ko.xz"
    packed.write_bytes(lzma.compress(built.read_bytes()))
    assert run("--list-calls", packed).stdout == run("--list-calls", built).stdout
    packed.write_bytes(b"not xz")
    assert run("--list-calls", packed).returncode == 2


def test_no_hot_function_is_said(tmp_path: Path) -> None:
    built = build_text("int f(int x) { return x; }", tmp_path, "cold.c")
    done = run("--list-calls", built)
    assert done.returncode == 2 and "choose with --function" in done.stderr


@pytest.mark.parametrize("arguments, words", [
    (["module.ko"], "--symvers is missing"),
    (["--symvers", "/nonexistent/Module.symvers", "GOOD"], "cannot read /nonexistent/Module.symvers"),
    (["--symvers", "SYMVERS", "/nonexistent.ko"], "cannot read it"),
    (["--symvers", "SYMVERS", "--objtool-log", "/nonexistent.log", "GOOD"], "cannot read /nonexistent.log"),
    (["--symvers", "GOOD", "GOOD"], "not a line of Module.symvers"),
    (["--symvers", "SYMVERS", "SYMVERS"], "not a 64-bit little-endian ELF file"),
    (["--function", "f", "--symvers", "SYMVERS", "GOOD"], "--function goes with --list-calls"),
    (["--list-calls", "--function", "(", "GOOD"], "not a regular expression"),
    (["--lto", "2", "--symvers", "SYMVERS", "GOOD"], "invalid choice"),
])
def test_bad_arguments(arguments: list[str], words: str, objects: dict[str, Path], symvers: Path) -> None:
    names = {"GOOD": str(objects["good.cc"]), "SYMVERS": str(symvers)}
    done = run(*(names.get(a, a) for a in arguments))
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr.splitlines()[-1] and "Traceback" not in done.stderr


def test_linked_programs_are_refused(tmp_path: Path, symvers: Path) -> None:
    done = run("--symvers", symvers, "/bin/true")
    assert done.returncode == 2 and "not an x86-64 relocatable object" in done.stderr


def damaged(data: bytes) -> Iterator[bytes]:
    """Shortened and altered copies; the same ones every time."""
    yield from (data[:length] for length in range(0, len(data), 97))
    chance = random.Random(2)
    for _ in range(400):
        copy = bytearray(data)
        for _ in range(chance.randint(1, 40)):
            copy[chance.randrange(len(copy))] = chance.randrange(256)
        yield bytes(copy)
    table = int.from_bytes(data[40:48], "little")
    for _ in range(400):
        copy = bytearray(data)
        copy[chance.randrange(table, len(copy))] = chance.randrange(256)
        yield bytes(copy)


def test_damaged_files_give_an_error_not_a_traceback(objects: dict[str, Path]) -> None:
    for data in damaged(objects["hot_helper.cc"].read_bytes()):
        try:
            elf = check_ko.Elf(data)
            kernel = check_ko.Kernel(check_ko.parse_symvers(SYMVERS, "symvers"))
            for rule in (check_ko.check_constructors, check_ko.check_symbols, check_ko.check_versions):
                list(rule(elf, kernel))
            list(check_ko.check_unwind(elf, kernel))
            list(check_ko.check_wx(elf))
            for function in check_ko.hot_functions(elf):
                elf.relocs(function.section)
        except check_ko.CheckError:
            pass


def test_damaged_tables_are_named(objects: dict[str, Path]) -> None:
    data = objects["hot_helper.cc"].read_bytes()
    elf = check_ko.Elf(data)
    headers = int.from_bytes(data[40:48], "little")
    symbols = next(s for s in elf.sections if s.type == check_ko.SHT_SYMTAB)
    text = elf.named(".text")
    cases = {
        "its symbol table is broken": (symbols.offset + 24 + 6, len(elf.sections)),  # a symbol's section index
        "a section reaches past the end": (headers + 64 * text.index + 24, len(data)),  # a section's offset
        "string offset": (headers + 64 * text.index, 0x7FFF),  # a section's name
        "section header table is broken": (62, 0x7FFF),  # the index of the names
    }
    for words, (at, value) in cases.items():
        bad = data[:at] + value.to_bytes(2, "little") + data[at + 2 :]
        with pytest.raises(check_ko.CheckError, match=words):
            broken = check_ko.Elf(bad)
            broken.content(broken.sections[text.index])


@pytest.mark.parametrize("text", [
    "movsd  %xmm0,(%rdi)", "vpaddd (%rsi,%rax,1),%ymm0,%ymm0", "vmovdqu64 %zmm16,(%rdi)", "movq   %rax,%mm3",
    "fld    %st(1)", "flds   0x4(%rsp)", "fstp   %st", "fildll (%rdi)", "fwait", "emms", "femms", "fninit",
    "vzeroupper", "ldmxcsr (%rdi)", "vstmxcsr (%rdi)", "xsave64 (%rdi)", "xrstors (%rdi)", "fxsave64 (%rdi)", "kmovw  %eax,%k1",
    "cs fld1", "rex.W emms", "lock addsd %xmm1,(%rax)", "tileloadd (%rax,%rbx,1),%tmm0",
])
def test_fpu_instructions_are_seen(text: str) -> None:
    assert check_ko.FPU.search(f"  1a:\t{text}\n")


@pytest.mark.parametrize("text", [
    "call   15 <save_%xmm0>", "lea    0x0(%rip),%rdi        # 2a <table_%ymm1>", "prefetcht0 (%rax)",
    "prefetchw (%rdi)", "crc32q %rsi,%rax", "popcnt %rdi,%rax", "movnti %rax,(%rdi)", "fs nop", "mov    %fs:0x28,%rax",
    "sfence", "lfence",
    "clflush (%rdi)", "xchg   %ax,%ax", "xadd   %eax,(%rdi)", "xgetbv", "mov    %esp,%ebp", "cs nopw 0x0(%rax,%rax,1)",
    "bswap  %rax", "rep stos %al,%es:(%rdi)", "vmcall", "vmlaunch", "xor    %eax,%eax",
])
def test_other_instructions_are_left_alone(text: str) -> None:
    assert not check_ko.FPU.search(f"  1a:\t{text}\n")


@pytest.mark.parametrize("text, target", [
    ("call   4500 <f+0x10>", "4500"), ("callq  10 <f>", "10"), ("jmp    4580", "4580"), ("je     45 <f>", "45"),
    ("jmpq   *%rax", "*"), ("call   *0x8(%rdi)", "*"), ("cs jmp 1f <f>", "1f"), ("bnd jmp 20 <f>", "20"),
    ("jrcxz  12 <f>", "12"), ("jne,pt 7 <f>", "7"), ("notrack jmp *%rdx", "*"),
])
def test_branches_are_seen(text: str, target: str) -> None:
    found = check_ko.BRANCH.match(text)
    assert found and found[2] == target


@pytest.mark.parametrize("text", ["ret", "mov    %rax,%rbx", "lea    0x10(%rip),%rax # 20 <call>", "(bad)"])
def test_other_instructions_are_no_branches(text: str) -> None:
    assert not check_ko.BRANCH.match(text)


def test_symvers_lines() -> None:
    parsed = check_ko.parse_symvers(SYMVERS, "name")
    assert parsed["exported_gpl"] == 0x33333333 and len(parsed) == 4
    assert check_ko.parse_symvers("", "name") == {}
    for bad in ("0x1\tshort\tvmlinux\n", "zz\tsymbol\tvmlinux\tEXPORT_SYMBOL\t\n", "\n"):
        with pytest.raises(check_ko.CheckError, match="name:1: not a line"):
            check_ko.parse_symvers(bad, "name")


def test_spans() -> None:
    spans = check_ko.merge_spans([(10, 20), (0, 5), (15, 30), (40, 40)])
    assert spans == [(0, 5), (10, 30), (40, 40)]
    assert [at for at in (0, 4, 5, 9, 10, 29, 30, 40) if check_ko.covered(spans, at)] == [0, 4, 10, 29]


def test_assembler_labels_split_functions_only_outside_them(tmp_path: Path) -> None:
    code = """
	.text
	.type f, @function
f:	nop
inner:	nop
	ret
	.size f, . - f
label:	nop
	ret
	.type alias, @function
	.set alias, f
	.size alias, 3
"""
    elf = check_ko.Elf(build_text(code, tmp_path, "labels.S").read_bytes())
    text = elf.named(".text")
    functions = [(sorted(f.names), f.start, f.end) for f in elf.functions(text.index)]
    assert functions == [(["alias", "f"], 0, 3), (["label"], 3, 5)]
    assert elf.function_at(text.index, 1).start == 0
    assert elf.function_at(text.index, 4).names == ("label",)
    assert elf.function_at(text.index, 5) is None


def test_an_alias_cannot_hide_a_helper(tmp_path: Path, symvers: Path) -> None:
    code = """KO_LIKE
    static int cxxrt_real(int x) { __asm__ volatile("" : "+r"(x)); return x; }
    int plain(int) __attribute__((alias("cxxrt_real")));
    HOT int f(int x) { return plain(x) + 1; }"""
    built = build_text(code, tmp_path, "alias.c", "-fno-inline")
    assert "calls the helper cxxrt_real out" in run("--symvers", symvers, built).stdout


@pytest.mark.parametrize("entry, words", [
    ({"id": 1, "kind": "FUNC", "name": "f::g"}, "not a C identifier"),
    ({"id": 1, "kind": "TYPEDEF", "name": "(anon)"}, "has no name"),
    ({"id": 1, "kind": "ENUM", "name": "E", "values": [{"name": "E::A"}]}, "`E::A`"),
    ({"id": 1, "kind": "FUNC_PROTO", "name": "(anon)", "params": [{"name": "a b"}]}, "`a b`"),
    ({"id": 1, "kind": "INT", "name": "long unsigned int"}, None),
    ({"id": 1, "kind": "PTR", "name": "(anon)"}, None),
    ({"id": 1, "kind": "UNION", "name": "(anon)", "size": 4, "members": [{"name": "(anon)", "bits_offset": 0}]}, None),
    ({"id": 1, "kind": "STRUCT", "name": "Empty", "size": 0, "members": []}, None),
])
def test_btf_types(entry: dict, words: str | None) -> None:
    problem = check_ko.btf_problem(entry)
    assert problem is None if words is None else words in problem
