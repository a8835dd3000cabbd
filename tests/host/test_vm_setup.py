# SPDX-License-Identifier: GPL-2.0
"""tools/setup, with apt and dpkg played by scripts: what it installs, when, and what it says."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
NEWEST = ["linux-headers-6.1.0-56-amd64", "linux-headers-6.12.117+deb12-amd64"]
KNOWN = [
    "linux-headers-6.1.0-9-amd64",
    "linux-headers-6.1.0-56-amd64",
    "linux-headers-6.1.0-56-cloud-amd64",
    "linux-headers-6.1.0-56-rt-amd64",
    "linux-headers-6.1.0-56-common",
    "linux-headers-6.12.9+deb12-amd64",
    "linux-headers-6.12.117+deb12-amd64",
    "linux-headers-6.12.117+deb12-rt-amd64",
]

# `installed` and `known` hold package names, one a line; `calls` gets what apt-get was run with.
FAKES = {
    "dpkg-query": """
        for pattern in "$@"; do
            case $pattern in
            -*) ;;
            *\\**) grep "^linux-headers-6" installed ;;
            *) grep -xF -- "$pattern" installed ;;
            esac
        done | sed 's/$/ installed/' """,
    "apt-cache": """
        case $1 in
        pkgnames) grep "^$2" known ;;
        show) grep -qxF -- "${@: -1}" known ;;
        esac""",
    "apt-get": """
        echo "$*" >>calls
        case "$*" in
        *" update") cp archive known ;;
        *" install "*)
            if [ -e broken ]; then echo "E: dpkg was interrupted"; exit 100; fi
            for word; do case $word in -*|*=*|install) ;; *) echo "$word" >>installed ;; esac; done ;;
        esac""",
    "id": "cat uid",
}
HOST = ["bash", "cat", "cp", "dirname", "env", "grep", "mktemp", "rm", "sed", "sort", "tail"]


@dataclass
class Box:
    """A pretended machine."""

    folder: Path

    def setup(self) -> subprocess.CompletedProcess[str]:
        """Runs tools/setup on it."""
        return subprocess.run(
            ["bash", str(TOOLS / "setup")],
            cwd=self.folder,
            env={"PATH": str(self.folder / "bin")},
            capture_output=True,
            text=True,
            timeout=60,
        )

    def put(self, name: str, lines: list[str]) -> None:
        """Writes one of the files that the fakes read."""
        (self.folder / name).write_text("".join(f"{line}\n" for line in lines))

    @property
    def calls(self) -> list[str]:
        """What apt-get was run with."""
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []


def packages() -> list[str]:
    """Returns the names in packages.txt, read another way than setup does."""
    lines = (TOOLS / "packages.txt").read_text().splitlines()
    return [line.split()[0] for line in lines if line and not line.startswith("#")]


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """A machine with everything known to apt, nothing installed, and root."""
    (tmp_path / "bin").mkdir()
    for name, body in FAKES.items():
        path = tmp_path / "bin" / name
        path.write_text(f"#!{shutil.which('bash')}\n{body}\n")
        path.chmod(0o755)
    for name in HOST:
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    box = Box(tmp_path)
    box.put("installed", [])
    box.put("known", packages() + KNOWN)
    box.put("archive", packages() + KNOWN)
    box.put("uid", ["0"])
    return box


def test_every_package_has_its_reason_and_is_named_once() -> None:
    names = packages()
    assert len(names) == len(set(names)) > 10
    for line in (TOOLS / "packages.txt").read_text().splitlines():
        assert line.startswith("#") or len(line.split("# ", 1)[1]) > 5


def test_a_fresh_machine_gets_all_with_the_newest_headers_of_both_series(box: Box) -> None:
    done = box.setup()
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "setup: installing " + " ".join(packages() + NEWEST)
    assert "depend on their kernel image" in done.stdout
    assert len(box.calls) == 1
    assert box.calls[0].endswith("install -y --no-install-recommends " + " ".join(packages() + NEWEST))


def test_a_package_whose_command_is_there_is_left_out(box: Box) -> None:
    (box.folder / "bin" / "npm").write_text("#!/bin/false\n")
    (box.folder / "bin" / "npm").chmod(0o755)
    installed = box.setup().stdout.splitlines()[0].split()
    assert "npm" not in installed and "fio" in installed


def test_a_second_run_does_and_says_nothing(box: Box) -> None:
    box.setup()
    done = box.setup()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(box.calls) == 1


def test_only_what_is_missing_is_installed(box: Box) -> None:
    box.put("installed", [name for name in packages() if name != "fio"] + ["linux-headers-6.1.0-9-amd64"])
    assert box.setup().stdout == "setup: installing fio\n"
    assert box.calls[0].endswith(" fio")


@pytest.mark.parametrize("other", ["linux-headers-6.1.0-56-rt-amd64", "linux-headers-6.12.117+deb12-common"])
def test_headers_of_other_kernels_do_not_count(box: Box, other: str) -> None:
    box.put("installed", [*packages(), other])
    assert box.setup().stdout.startswith("setup: installing " + " ".join(NEWEST))


def test_package_lists_are_fetched_if_there_are_none(box: Box) -> None:
    box.put("known", [])
    assert box.setup().returncode == 0
    assert [call.split()[-1] for call in box.calls] == ["update", NEWEST[-1]]


def test_a_package_that_debian_lacks_is_named(box: Box) -> None:
    box.put("known", [])
    box.put("archive", [name for name in packages() if name != "pahole"] + KNOWN)
    done = box.setup()
    assert done.returncode == 1
    assert "pahole" in done.stderr and len(done.stderr.splitlines()) == 1


def test_without_root_or_sudo_it_says_what_to_run(box: Box) -> None:
    box.put("uid", ["1000"])
    box.put("installed", [name for name in packages() if name != "fio"] + NEWEST)
    done = box.setup()
    assert done.returncode == 1
    assert done.stderr == "setup: root is needed: run as root: apt-get install --no-install-recommends fio\n"
    assert box.calls == []


def test_sudo_is_used_for_apt_get_alone(box: Box) -> None:
    box.put("uid", ["1000"])
    sudo = box.folder / "bin/sudo"
    sudo.write_text(f'#!{shutil.which("bash")}\necho "sudo $*" >>calls\nexec "$@"\n')
    sudo.chmod(0o755)
    assert box.setup().returncode == 0
    assert [call.startswith("sudo env DEBIAN_FRONTEND=noninteractive apt-get ") for call in box.calls] == [True, False]


def test_a_failed_install_gives_apts_own_reason_after_one_more_try(box: Box) -> None:
    box.put("broken", [])
    done = box.setup()
    assert done.returncode == 1
    assert done.stderr == "setup: apt-get install failed: E: dpkg was interrupted\n"
    assert ["update" in call for call in box.calls] == [False, True, False]


def test_another_distribution_gets_a_clear_error(box: Box) -> None:
    (box.folder / "bin/apt-get").unlink()
    done = box.setup()
    assert done.returncode == 1
    assert done.stderr.startswith("setup: this is not Debian")
