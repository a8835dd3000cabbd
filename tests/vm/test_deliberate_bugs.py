# SPDX-License-Identifier: GPL-2.0
"""The test kernel is as loud as we believe: a bug of each kind, made on purpose, is reported by the tool that is for it.

Those that the compiler refuses (unlocked access to guarded data, a Result that is dropped) are among the cases of
`tools/check compile-fail`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from kunit import build, check_failing, failing_module, load, make_modules, parsed, unload
from testkernel import build_folder, leaks
from vmlib import PROJECT, Vm
from vmlib.kernels import is_test

SHARES_GUEST = False  # It breaks it.
_HERE = Path(__file__).resolve().parent / "bugs"
# What is said of each, in the order of bugs.cc. Lockdep comes first: any report ends its work for the rest of the boot.
BUGS = {
    "lock_order_inversion": "WARNING: possible circular locking dependency detected",
    "use_after_free": "BUG: KASAN: (slab-)?use-after-free in ",
    "double_free": "BUG: KASAN: double-free in ",
    "index_past_the_end": "BUG: KASAN: slab-out-of-bounds in ",
    "leak": "",
    "sleep_under_a_spinlock": "BUG: sleeping function called from invalid context",
}


@pytest.fixture(autouse=True)
def _is_test_kernel(release: str) -> None:
    if not is_test(release) or "kcsan" in release:
        pytest.skip("these tools are in the test kernel")


@pytest.fixture(scope="module")
def folder(release: str) -> Path:
    """Where the modules are built."""
    return PROJECT / "build" / "bugs" / release


@pytest.fixture(scope="module")
def bugs(release: str, folder: Path) -> Path:
    """The module whose parameter chooses a bug."""
    return build(folder / "bugs", build_folder(release), _HERE / "bugs.cc")


@pytest.fixture(scope="module", autouse=True)
def _reboot_afterwards(vm: Vm) -> Iterator[None]:
    yield
    vm.close()


@pytest.mark.slow
def test_failing_suite_is_red(vm: Vm, release: str, tmp_path: Path) -> None:
    """In KUnit's verdicts, and to the kernel's own parser. What it loses, any search for leaks finds."""
    report = load(vm, failing_module(release, build_folder(release)))
    unload(vm, "failing_kunit")
    check_failing(report)
    assert parsed(report, release, tmp_path).get("FAIL") == 3


@pytest.mark.expect_splat
@pytest.mark.parametrize("bug", BUGS)
def test_bug_is_reported(vm: Vm, bugs: Path, bug: str) -> None:
    number = list(BUGS).index(bug) + 1
    vm.run(["insmod", bugs, f"bug={number}"])
    vm.run("rmmod bugs 2>/dev/null || :")
    if bug == "leak":
        found = leaks(vm)
        assert found.count("unreferenced object") > 900, found[:2000]
        assert "size 512" in found
    else:
        assert any(re.search(BUGS[bug], line) for line in vm.splats()), vm.splats()


@pytest.mark.expect_splat
def test_buffer_unmapped_twice_is_reported(vm: Vm, release: str, folder: Path) -> None:
    source = _HERE / "dma_bug.c"
    (folder / "dma").mkdir(parents=True, exist_ok=True)
    (folder / "dma" / "Kbuild").write_text(f"obj-m := dma_bug.o\n$(obj)/%.o: {source.parent}/%.c FORCE\n\t$(call if_changed_rule,cc_o_c)\n")
    make_modules(folder / "dma", build_folder(release))
    vm.run(["insmod", folder / "dma" / "dma_bug.ko"])
    assert any("device driver tries to free DMA memory it has not allocated" in line for line in vm.splats()), vm.splats()
