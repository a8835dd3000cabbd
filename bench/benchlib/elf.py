# SPDX-License-Identifier: GPL-2.0
"""Reads sizes and the build id out of a kernel module's file (64-bit little-endian ELF, plain or .xz)."""

from __future__ import annotations

import lzma
import struct
from dataclasses import dataclass
from pathlib import Path

_WRITE, _ALLOC, _EXEC = 1, 2, 4
_NOBITS = 8
_DISCARDED = (".init", ".exit")
_BUILD_ID = 3
_XZ = b"\xfd7zXZ"


class ElfError(ValueError):
    """The file is no kernel module; the text is one line."""


@dataclass(frozen=True)
class ModuleInfo:
    """Sizes in bytes as size(1) gives them; `code` is the length of each section whose code stays loaded."""

    text: int
    data: int
    bss: int
    build_id: str
    code: dict[str, int]


@dataclass(frozen=True)
class _Section:
    name: str
    kind: int
    flags: int
    size: int
    content: bytes


def read(path: Path) -> ModuleInfo:
    """Reads a .ko or .ko.xz. Errors: ElfError."""
    try:
        return read_bytes(path.read_bytes(), str(path))
    except OSError as error:
        raise ElfError(f"{path}: {error.strerror}") from None


def read_bytes(blob: bytes, path: str) -> ModuleInfo:
    """Reads the content of a .ko or .ko.xz; `path` is for the error's text. Errors: ElfError."""
    try:
        sections = _sections(lzma.decompress(blob) if blob.startswith(_XZ) else blob)
    except (lzma.LZMAError, struct.error, IndexError, ValueError) as error:
        raise ElfError(f"{path} is no kernel module: {error}") from None
    loaded = [s for s in sections if s.flags & _ALLOC]
    by_name = {s.name: s.content for s in sections}
    return ModuleInfo(
        text=sum(s.size for s in loaded if not s.flags & _WRITE),
        data=sum(s.size for s in loaded if s.flags & _WRITE and s.kind != _NOBITS),
        bss=sum(s.size for s in loaded if s.flags & _WRITE and s.kind == _NOBITS),
        build_id=_build_id(by_name.get(".note.gnu.build-id", b"")),
        code={s.name: s.size for s in loaded if s.flags & _EXEC and s.size and not s.name.startswith(_DISCARDED)},
    )


def _sections(blob: bytes) -> list[_Section]:
    """Returns every section. Errors: ValueError, struct.error or IndexError on a file that is none or is cut short."""
    if blob[:6] != b"\x7fELF\x02\x01":
        raise ValueError("not a 64-bit little-endian ELF file")
    (table,) = struct.unpack_from("<Q", blob, 40)
    entry, count, names = struct.unpack_from("<HHH", blob, 58)
    headers = [struct.unpack_from("<IIQQQQ", blob, table + i * entry) for i in range(count)]
    strings = blob[headers[names][4] : headers[names][4] + headers[names][5]]
    result = []
    for name, kind, flags, _, offset, size in headers:
        label = strings[name : strings.index(b"\0", name)].decode("ascii", "replace")
        result.append(_Section(label, kind, flags, size, b"" if kind == _NOBITS else blob[offset : offset + size]))
    return result


def _build_id(content: bytes) -> str:
    """Returns the id in a .note.gnu.build-id section in hexadecimal, or nothing."""
    if len(content) < 12:
        return ""
    name, size, kind = struct.unpack_from("<III", content)
    start = 12 + (name + 3) // 4 * 4
    return content[start : start + size].hex() if kind == _BUILD_ID else ""
