"""The files of one folder, and nothing outside it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from shipline.sources.git import BLOB_LIMIT, Repository, names, repository_around, run

FILES_LIMIT = 200_000


@dataclass(frozen=True, slots=True)
class Folder:
    """Files as they are now, saved or not committed. Links are followed as long as they stay inside."""

    root: Path
    known: frozenset[str] | None = None

    def local(self, path: str) -> bytes | None:
        parts = PurePosixPath(path.lstrip("/")).parts
        if not parts or ".." in parts or "\0" in path:
            return None
        try:
            root = self.root.resolve()
            found = root.joinpath(*parts).resolve()
            if not found.is_relative_to(root) or not found.is_file():
                return None
            with found.open("rb") as file:
                content = file.read(BLOB_LIMIT + 1)
        except (OSError, RuntimeError):  # links that go round in a circle
            return None
        return content if len(content) <= BLOB_LIMIT else None

    def tracked(self) -> frozenset[str]:
        """What git tracks below the folder, else every file in it."""
        if self.known is not None:
            return self.known
        if repository_around(self.root.resolve()) is not None:
            listed = run(self.root, ["ls-files", "-z", "--cached"])
            if listed is not None:
                return names(listed)
        return frozenset(self._walk())

    def _walk(self) -> list[str]:
        found: list[str] = []
        for place, folders, files in os.walk(self.root):
            folders[:] = [name for name in folders if name != ".git"]
            at = Path(place).relative_to(self.root)
            # A name that is not UTF-8 is told as git's names are.
            found += [os.fsencode(at / name).decode(errors="replace") for name in files]
            if len(found) > FILES_LIMIT:
                break
        return found


@dataclass(frozen=True, slots=True)
class CommitFiles:
    """The files of one commit."""

    repository: Repository
    commit: str

    def local(self, path: str) -> bytes | None:
        return self.repository.file(self.commit, path.lstrip("/"))

    def tracked(self) -> frozenset[str]:
        return self.repository.files(self.commit)
