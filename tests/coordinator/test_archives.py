"""One file out of an archive that a job has made."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from shipline.coordinator.archives import ARCHIVE_LIMIT, ArchiveError, read_member


def archive(path: Path, **files: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return path


def test_a_file_is_read_by_its_whole_name(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", **{"folder/made.yml": b"a: 1\n"})
    assert read_member(path, "folder/made.yml", 100) == b"a: 1\n"
    assert read_member(path, "made.yml", 100) is None


def test_a_small_archive_with_a_large_file_is_not_unpacked(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", bomb=b"\0" * 50_000_000)
    with pytest.raises(ArchiveError, match="bomb is larger than 100 KiB"):
        read_member(path, "bomb", 100 * 1024)


def test_a_large_archive_is_not_opened(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", a=os.urandom(ARCHIVE_LIMIT))
    with pytest.raises(ArchiveError, match="larger than 5 MiB"):
        read_member(path, "a", 100)


@pytest.mark.parametrize("content", [b"", b"PK\3\4 and so on", b"\0" * 1000])
def test_what_is_no_archive_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    with pytest.raises(ArchiveError, match="run the job again"):
        read_member(path, "a", 100)


def test_a_file_that_is_damaged_inside_is_told(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", a=os.urandom(1000))
    content = bytearray(path.read_bytes())
    content[200:300] = bytes(100)
    path.write_bytes(content)
    with pytest.raises(ArchiveError, match="damaged"):
        read_member(path, "a", 10_000)


def test_an_archive_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="not there any more"):
        read_member(tmp_path / "a.zip", "a", 100)
