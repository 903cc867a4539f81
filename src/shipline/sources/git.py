"""What git knows of a folder. Simple facts are read from its files, because starting git takes longer."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

SECONDS = 30
BLOB_LIMIT = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Repository:
    """`top` is the work tree (or the bare repository), `private` its own git folder, `common` the one that it
    shares with its other work trees."""

    top: Path
    private: Path
    common: Path

    @property
    def has_work_tree(self) -> bool:
        return self.top != self.private

    def branch(self) -> str | None:
        """The branch that is checked out; None when it is a lone commit."""
        head = _line(self.private / "HEAD")
        return head.removeprefix("ref: refs/heads/") if head.startswith("ref: refs/heads/") else None

    def default_branch(self) -> str | None:
        """What origin's HEAD was when it was cloned."""
        head = _line(self.common / "refs" / "remotes" / "origin" / "HEAD")
        found = head.removeprefix("ref: refs/remotes/origin/")
        return found if found and found != head else None

    def commit(self, name: str) -> str | None:
        """The id of a commit by id, tag or branch; a branch that only origin has counts too."""
        for candidate in (name, f"refs/remotes/origin/{name}"):
            words = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{candidate}^{{commit}}"]
            found = run(self.top, words)
            if found is not None:
                return found.decode().strip()
        return None

    def file(self, commit: str, path: str) -> bytes | None:
        """A file of a commit, by plumbing that runs none of the repository's own filters."""
        size = run(self.top, ["cat-file", "-s", f"{commit}:{path}"])
        if size is None or int(size) > BLOB_LIMIT:
            return None
        return run(self.top, ["cat-file", "blob", f"{commit}:{path}"])

    def files(self, commit: str) -> frozenset[str]:
        return names(run(self.top, ["ls-tree", "-r", "-z", "--name-only", "--full-tree", commit]) or b"")

    def changed_since(self, commit: str) -> frozenset[str]:
        """What HEAD changes since it left the line that leads to `commit`."""
        words = ["diff", "--name-only", "--no-renames", "-z", "--no-ext-diff", f"{commit}...HEAD"]
        return names(run(self.top, words) or b"")

    def tags(self) -> tuple[str, ...]:
        listed = run(self.top, ["for-each-ref", "--format=%(refname:lstrip=2)", "refs/tags"]) or b""
        return tuple(listed.decode(errors="replace").splitlines())


def repository_at(folder: Path) -> Repository | None:
    """The repository whose top is just this folder."""
    dot_git = folder / ".git"
    if dot_git.is_dir():
        return Repository(folder, dot_git, dot_git)
    if dot_git.is_file():
        private = (folder / _line(dot_git).removeprefix("gitdir: ")).resolve()
        shared = _line(private / "commondir")
        return Repository(folder, private, (private / shared).resolve() if shared else private)
    if (folder / "HEAD").is_file() and (folder / "objects").is_dir() and (folder / "refs").is_dir():
        return Repository(folder, folder, folder)
    return None


def repository_around(folder: Path) -> Repository | None:
    """The repository that a folder lies in."""
    for place in (folder, *folder.parents):
        if (place / ".git").exists():
            return repository_at(place)
    return None


def names(listed: bytes) -> frozenset[str]:
    return frozenset(part.decode(errors="replace") for part in listed.split(b"\0") if part)


def run(folder: Path, words: list[str]) -> bytes | None:
    """What git prints, or None when it fails or is not there. A hook's own GIT_* variables would lead git to
    another repository; a repository's fsmonitor would be a program of somebody else's."""
    # Most files need no git at all.
    import subprocess

    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    try:
        ended = subprocess.run(
            ["git", "-C", str(folder), "-c", "core.fsmonitor=false", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
            env=environment | {"LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ended.stdout if ended.returncode == 0 else None


def _line(path: Path) -> str:
    try:
        return path.read_text(errors="replace").partition("\n")[0].strip()
    except OSError:
        return ""
