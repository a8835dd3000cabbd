# SPDX-License-Identifier: GPL-2.0
"""tools/check-border: each rule fails on a tree made to break it."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "check-border"

C_LICENCE = "// SPDX-License-Identifier: GPL-2.0\n"
SHELL_LICENCE = "# SPDX-License-Identifier: GPL-2.0\n"
GOOD_TREE = {
    "Makefile": SHELL_LICENCE + "all:\n",
    "README.md": "Text needs no line of its own.\n",
    "tools/run": "#!/bin/sh\n" + SHELL_LICENCE,
    "results/run/table.csv": "a,b\n",
    "build/9.9.0/generated.c": "no licence here\n",
    ".cache/index.py": "nor here\n",
    "cxxrt/include/cxxrt/pci.hpp": C_LICENCE
    + "#pragma once\n/// \\file\n/// PCI.\n/// C side: include/linux/pci.h.\n#include <cxxrt/raw.hpp>\n",
    "cxxrt/src/pci.cc": C_LICENCE + "raw::pci_dev* reinterpret_cast;\n",
    "modules/drv_cpp/Kbuild": SHELL_LICENCE,
    "modules/drv_cpp/main.cc": C_LICENCE
    + '#include <cxxrt/module.hpp>\n#include "queue.hpp"\n#include "sub/regs.hpp"\n\n#include <cxxrt/enforce.hpp>\n\n'
    + "int main_() { return 1'000'000; } // raw:: in a comment\n",
    "modules/drv_cpp/queue.hpp": C_LICENCE + "#pragma once\n",
    "modules/drv_cpp/sub/regs.hpp": C_LICENCE + '#include "../queue.hpp"\n',
    "modules/drv_cpp/queue_kunit.hpp": C_LICENCE + "raw::request* request();\n",
    "modules/drv_cpp/queue_kunit.cc": C_LICENCE
    + '#include <linux/types.h>\nextern "C" int x;\nint f() { return *reinterpret_cast<int*>(raw::p); }\n',
}


def load_tool() -> ModuleType:
    """check-border as a module, for the tests of its parts."""
    loader = importlib.machinery.SourceFileLoader("check_border", str(TOOL))
    spec = importlib.util.spec_from_loader("check_border", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["check_border"] = module
    loader.exec_module(module)
    return module


sys.dont_write_bytecode = True
check_border = load_tool()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A checkout that keeps every rule."""
    for name, text in GOOD_TREE.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def violations(root: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines that the tool prints; its status has to agree."""
    status = check_border.main([str(root)])
    lines = capsys.readouterr().out.splitlines()
    assert status == (1 if lines else 0)
    return lines


def append(path: Path, text: str) -> int:
    """Adds `text` to a file; returns the number of its first line."""
    before = path.read_text()
    path.write_text(before + text)
    return before.count("\n") + 1


def test_good_tree_is_silent(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert violations(tree, capsys) == []


@pytest.mark.parametrize("code, words", [
    ("raw::request* rq;", "names the kernel's own types"),
    ("cxxrt::raw :: request* rq;", "names the kernel's own types"),
    ("using namespace cxxrt::raw;", "names the kernel's own types"),
    ("namespace r = cxxrt::raw;", "names the kernel's own types"),
    ("auto p = dev.unsafe_raw();", "calls an unsafe_ function"),
    ("auto p = reinterpret_cast<int*>(x);", "uses reinterpret_cast"),
    ('extern "C" int printk(const char*, ...);', "linkage"),
    ('extern /* why */ "C" {', "linkage"),
    ('extern"C++" {}', "linkage"),
    ('asm("nop");', "contains assembly"),
    ('asm volatile ("nop");', "contains assembly"),
    ('__asm__("nop");', "contains assembly"),
    ('__asm ("nop");', "contains assembly"),
    ("int a = 1'0; raw::x b; char c = '\"'; // \"", "names the kernel's own types"),
    ('auto s = "text"; raw::x b; auto t = "text";', "names the kernel's own types"),
    ('auto s = R"(a "quoted)"; raw::x b; auto t = "x";', "names the kernel's own types"),
])
@pytest.mark.parametrize("name", ["main.cc", "queue.hpp", "sub/regs.hpp"])
def test_what_a_driver_may_not_name(
    name: str, code: str, words: str, tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = append(tree / "modules/drv_cpp" / name, f"\n{code}\n") + 1
    found = violations(tree, capsys)
    assert len(found) == 1 and found[0].startswith(f"modules/drv_cpp/{name}:{line}: a driver ")
    assert words in found[0] and found[0].endswith(": let cxxrt offer what it needs")


@pytest.mark.parametrize("code", [
    "// raw::request, unsafe_raw(), reinterpret_cast",
    "/* raw::request\n   extern \"C\"\n   asm(\"nop\") */",
    "// ends in a backslash \\\n   raw::request",
    'log("raw::request reinterpret_cast \\" asm(");',
    'auto s = R"x(raw:: )" unsafe_raw )x";',
    "draw::line(); int unsafety; int is_unsafe_; int my_reinterpret_cast; int asm_;",
    "int x = 1'000; char c = '\\''; auto t = \"raw::\";",
    "extern int counter;",
    '// "an odd quote\nint y; // another "',
])
def test_what_a_driver_may_name(code: str, tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    append(tree / "modules/drv_cpp/main.cc", f"\n{code}\n")
    assert violations(tree, capsys) == []


@pytest.mark.parametrize("directive, words", [
    ("#include <linux/module.h>", "includes <linux/module.h>: "),
    ("#include <asm/io.h>", "includes <asm/io.h>: "),
    ("  #  include <type_traits>", "includes <type_traits>: "),
    ("#include_next <cstdint>", "includes <cstdint>: "),
    ("#import <cstdint>", "includes <cstdint>: "),
    ("#include /* why */ <linux/fs.h>", "includes <linux/fs.h>: "),
    ("#include HEADER", "includes HEADER: "),
    ("#include <cxxrt/../linux/fs.h>", "includes <cxxrt/../linux/fs.h>: "),
    ('#include "linux/fs.h"', 'includes "linux/fs.h", which is not in drv_cpp/'),
    ('#include "../../cxxrt/src/pci.cc"', "which is not in drv_cpp/"),
    ('#include "Kbuild"', "not checked as a driver's header"),
    ('#include "queue_kunit.hpp"', "not checked as a driver's header"),
])
def test_what_a_driver_may_not_include(
    directive: str, words: str, tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = append(tree / "modules/drv_cpp/queue.hpp", directive + "\n")
    found = violations(tree, capsys)
    assert len(found) == 1 and found[0].startswith(f"modules/drv_cpp/queue.hpp:{line}: ")
    assert words in found[0]


@pytest.mark.parametrize("code", [
    '// #include <linux/fs.h>', '/*\n#include <linux/fs.h>\n*/', 'auto s = R"(\n#include <linux/fs.h>\n)";',
    "#include <cxxrt/sub/pci.hpp>", "#define INCLUDED 1", '#include "sub/regs.hpp" // own',
])
def test_what_a_driver_may_include(code: str, tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    append(tree / "modules/drv_cpp/queue.hpp", code + "\n")
    assert violations(tree, capsys) == []


@pytest.mark.parametrize("text, line", [
    ("#include <cxxrt/module.hpp>\n", 2),
    ("#include <cxxrt/enforce.hpp>\n#include <cxxrt/module.hpp>\n", 3),
    ("int x;\n", 1),
    ("#include <cxxrt/module.hpp>\n// #include <cxxrt/enforce.hpp>\n", 2),
])
def test_enforce_comes_last(text: str, line: int, tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tree / "modules/drv_cpp/queue.cc").write_text(C_LICENCE + text)
    found = violations(tree, capsys)
    assert len(found) == 1 and found[0].startswith(f"modules/drv_cpp/queue.cc:{line}: the last include")


@pytest.mark.parametrize("text, line, words", [
    ("/// \\file\n/// C side: none.\n", 1, "#pragma once"),
    ("#ifndef X\n#define X\n/// \\file\n/// C side: none.\n#pragma once\n#endif\n", 2, "#pragma once"),
    ("// #pragma once\n/// \\file\n/// C side: none.\n", 1, "#pragma once"),
    ("#pragma once\n/// C side: none.\n", 1, "no `/// \\file` block"),
    ("#pragma once\n/// \\file\n/// PCI.\n\n/// C side: too late.\n", 3, "no `/// C side:` line"),
    ("#pragma once\n/// \\file\n/// PCI.\n/// C side:\n", 3, "no `/// C side:` line"),
])
def test_how_a_public_header_begins(
    text: str, line: int, words: str, tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tree / "cxxrt/include/cxxrt/bad.hpp").write_text(C_LICENCE + text)
    found = violations(tree, capsys)
    assert len(found) == 1 and found[0].startswith(f"cxxrt/include/cxxrt/bad.hpp:{line}: ")
    assert words in found[0]


@pytest.mark.parametrize("name, text, line", [
    ("bench/run.py", "#!/usr/bin/python3\nimport os\n", 2),
    ("bench/run.py", "#!/usr/bin/python3", 2),
    ("bench/lib.py", "", 1),
    ("bench/lib.py", '"""Text."""\n' + SHELL_LICENCE, 1),
    ("bench/mark.c", "// SPDX-License-Identifier: MIT\n", 1),
    ("bench/mark.c", "// SPDX-License-Identifier: GPL-2.0-or-later\n", 1),
    ("bench/mark.c", "/* Text. */\n", 1),
    ("cxxrt/include/cxxrt/new.hpp", "#pragma once\n/// \\file\n/// C side: none.\n", 1),
    ("cxxrt/cxxrt.mk", "all:\n", 1),
    ("modules/drv_cpp/Kbuild", "obj-m := x.o\n", 1),
    ("tools/script", "#!/bin/sh\necho\n", 2),
    (".ci/run", "#!/bin/sh\necho\n", 2),
    ("cxxrt/build/entry.S", "nop\n", 1),
])
def test_every_source_has_its_licence(
    name: str, text: str, line: int, tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    found = violations(tree, capsys)
    assert len(found) == 1 and found[0].startswith(f"{name}:{line}: this line is not the SPDX line")


def test_both_comment_styles_of_the_licence(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tree / "cxxrt/a.h").write_text("/* SPDX-License-Identifier: GPL-2.0 */\n")
    (tree / "cxxrt/b.h").write_text("// SPDX-License-Identifier: GPL-2.0\n")
    assert violations(tree, capsys) == []


def test_blanking_keeps_every_position() -> None:
    code = 'a /* b\n c */ "d\\"e" R"x(f"\n)x" \'g\' // h\\\n i\n1\'0 j'
    for strings in (False, True):
        blanked = check_border.blank(code, strings)
        assert len(blanked) == len(code)
        assert [i for i, c in enumerate(blanked) if c == "\n"] == [i for i, c in enumerate(code) if c == "\n"]
        assert set("bchi").isdisjoint(blanked) and "j" in blanked and "1'0" in blanked
        assert ("d" in blanked) is ("f" in blanked) is ("g" in blanked) is not strings


@pytest.mark.parametrize(
    "code", ['"never closed\nraw::x', "/* never closed raw::", 'R"(never closed raw::', "'", "#error don't\n"]
)
def test_broken_code_is_read_to_its_end(code: str) -> None:
    assert len(check_border.blank(code, True)) == len(code)


def test_a_missing_root_is_said(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        check_border.main([str(tree / "nowhere")])
    assert stop.value.code == 2 and "is not a folder" in capsys.readouterr().err
