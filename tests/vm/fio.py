# SPDX-License-Identifier: GPL-2.0
"""Has fio start quickly in a guest.

fio is linked with libraries for network storage and persistent memory, and 50 more that these need. Linking them takes
more than a second of emulation whenever fio starts, which is longer than most jobs of the suites. In guests, libraries
with the same names and nothing in them stand in for those; a job of a suite that wanted one of them would crash.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from vmlib import PROJECT

_UNUSED = re.compile(r"lib(gfapi|ibverbs|nbd|pmem|pmemblk|rados|rbd|rdmacm)\.so\.")
_DEADLINE_S = 60


@functools.cache
def environment() -> dict[str, str]:
    """What a guest's fio needs in its environment to start quickly; nothing if that cannot be had here."""
    fio = shutil.which("fio")
    if fio is None:
        return {}
    stat = os.stat(fio)
    key = hashlib.sha256(f"{fio} {stat.st_size} {stat.st_mtime_ns} {Path(__file__).read_text()}".encode()).hexdigest()[:16]
    folder = PROJECT / "build" / "fio" / key
    found = {"LD_LIBRARY_PATH": str(folder)}
    if folder.is_dir():
        return found
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, ignore_cleanup_errors=True) as new:
        try:
            _make_libraries(fio, Path(new))
            _run(fio, "--version", env={"LD_LIBRARY_PATH": new})
            Path(new).rename(folder)
        except (OSError, subprocess.SubprocessError):
            if not folder.is_dir():  # Others make it at the same time.
                return {}
    return found


def _run(*command: str | Path, text: str = "", env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, check=True, timeout=_DEADLINE_S, env={"PATH": os.defpath, "LC_ALL": "C", **(env or {})}
    )
    return done.stdout


def _make_libraries(program: str, folder: Path) -> None:
    """Makes a library for each that the program needs and no suite does, with the functions that it looks for."""
    libraries = [name for name in re.findall(r"NEEDED.*\[(.*)\]", _run("readelf", "-dW", program)) if _UNUSED.match(name)]
    versions: dict[str, str] = {}  # The library that has it.
    library = ""
    for file, version in re.findall(r"(?:File: (\S+)|Name: (\S+))", _run("readelf", "-VW", program)):
        library = file or library
        versions[version] = library
    functions: dict[str, dict[str, list[str]]] = {name: {} for name in libraries}  # By version.
    for name, version in re.findall(r" UND ([^\s@]+)(?:@+(\S+))?", _run("readelf", "--dyn-syms", "-W", program)):
        # Those without versions are called after their library.
        owner = versions.get(version) if version else next((so for so in libraries if name.startswith(so[3:].partition(".")[0] + "_")), None)
        if owner in functions:
            functions[owner].setdefault(version, []).append(name)
    for library, by_version in functions.items():
        script = folder / f"{library}.map"
        script.write_text("".join(f"{version} {{ {'; '.join(names)}; }};\n" for version, names in by_version.items() if version))
        names = [name for names in by_version.values() for name in names]
        code = "".join(f".globl {name}\n.type {name},@function\n{name}:\n" for name in names) + '\tud2\n.section .note.GNU-stack,"",@progbits\n'
        options = [f"-Wl,--version-script={script}"] if script.stat().st_size else []
        _run("gcc", "-shared", "-nostdlib", f"-Wl,-soname,{library}", *options, "-o", folder / library, "-x", "assembler", "-", text=code)
