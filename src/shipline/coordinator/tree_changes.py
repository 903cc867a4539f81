"""What a list of actions makes of a commit's files. Pure.

Actions are GitLab's (`POST /projects/:id/repository/commits`), and so are the words for what is wrong with one; they
are carried out one after the other, each upon what those before it have left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

FILE, EXECUTABLE, SUBMODULE, FOLDER = "100644", "100755", "160000", "040000"
PATH_BYTES, NAME_BYTES = 4096, 255
Kind = Literal["create", "update", "move", "delete", "chmod"]


class RefusedAction(ValueError):
    """Why the list cannot be carried out, in a sentence."""


@dataclass(frozen=True, slots=True)
class Action:
    """`content` None: as it is. `last_commit_id` is the newest commit that the caller knows of the file; empty when
    that does not matter. `executable` None: as it is."""

    kind: Kind
    path: str
    previous_path: str = ""
    content: bytes | None = None
    last_commit_id: str = ""
    executable: bool | None = None


@dataclass(frozen=True, slots=True)
class File:
    """A file's mode, and its content: the name of an object that is stored, or bytes that are not yet. One with the
    mode of a folder is one."""

    mode: str
    content: str | bytes


def check_path(path: str) -> None:
    """Raises RefusedAction for one that leaves the tree, that is git's own, or that nobody could check out."""
    if not path:
        raise RefusedAction("file_path is missing")
    for part in path.split("/"):
        if part in ("", ".", ".."):
            raise RefusedAction(f"Path cannot include directory traversal: {path}")
        if _is_git_s_own(part):
            raise RefusedAction(f"Path cannot lie in .git: {path}")
        if len(part.encode()) > NAME_BYTES:
            raise RefusedAction(f"A file's or folder's name can have {NAME_BYTES} bytes: {part[:50]}...")
    if len(path.encode()) > PATH_BYTES:
        raise RefusedAction(f"A path can have {PATH_BYTES} bytes: {path[:50]}...")
    if "\\" in path or any(sign < " " or sign == "\x7f" for sign in path):
        raise RefusedAction(f"Path cannot hold backslashes and control characters: {path!r}")


# Characters that a file system may leave out when it compares names.
_IGNORED = dict.fromkeys(
    [*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF], None
)


def _is_git_s_own(name: str) -> bool:
    """Is it `.git` to some file system: with other letters, signs that it ignores, its short name, or a stream?"""
    plain = name.translate(_IGNORED).lower().partition(":")[0].rstrip(" .")
    return plain in (".git", "git~1")


def names_of(actions: Iterable[Action]) -> frozenset[str]:
    """The paths that must be looked up before `changes` can be asked: what is named, and the folders above."""
    named = {path for one in actions for path in (one.path, one.previous_path) if path}
    return frozenset(named.union(*map(_folders, named)))


def _folders(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def changes(
    actions: Iterable[Action], files: Mapping[str, File], newest: Mapping[str, str]
) -> dict[str, File | None]:
    """What becomes of each path that is touched; None: it is gone. `files` are those of the commit among
    `names_of`, `newest` the newest commits of those with a `last_commit_id`. Raises RefusedAction."""
    now: dict[str, File | None] = {}

    def there(path: str) -> File | None:
        return now[path] if path in now else files.get(path)

    for one in actions:
        check_path(one.path)
        before = there(one.path)
        if before is not None and before.mode == FOLDER:
            if one.kind in ("create", "move"):
                raise RefusedAction(f"A directory with this name already exists: {one.path}")
            before = None
        if one.last_commit_id and newest.get(one.path, one.last_commit_id) != one.last_commit_id:
            raise RefusedAction(f"The file has changed since you started editing it: {one.path}")
        if before is not None and before.mode == SUBMODULE and one.kind != "delete":
            raise RefusedAction(f"{one.path} is a submodule, and no file")
        if one.kind == "create":
            if before is not None:
                raise RefusedAction(f"A file with this name already exists: {one.path}")
            now[one.path] = File(_mode(FILE, one.executable), one.content or b"")
        elif one.kind == "move":
            _move(one, there(one.previous_path), before, now)
        elif before is None:
            raise RefusedAction(f"A file with this name doesn't exist: {one.path}")
        elif one.kind == "delete":
            now[one.path] = None
        elif one.kind == "update":
            content = before.content if one.content is None else one.content
            now[one.path] = File(_mode(before.mode, one.executable), content)
        else:
            now[one.path] = File(_mode(before.mode, bool(one.executable)), before.content)
    _check_folders(now, files)
    return now


def _move(one: Action, old: File | None, target: File | None, now: dict[str, File | None]) -> None:
    check_path(one.previous_path)
    if old is None or old.mode == FOLDER:
        raise RefusedAction(f"A file with this name doesn't exist: {one.previous_path}")
    if target is not None and one.path != one.previous_path:
        raise RefusedAction(f"A file with this name already exists: {one.path}")
    now[one.previous_path] = None
    now[one.path] = File(_mode(old.mode, one.executable), old.content if one.content is None else one.content)


def _mode(before: str, executable: bool | None) -> str:
    """A link stays one."""
    if executable is None or before not in (FILE, EXECUTABLE):
        return before
    return EXECUTABLE if executable else FILE


def _check_folders(now: Mapping[str, File | None], files: Mapping[str, File]) -> None:
    """What is written lies in no file. git would put the folder in the file's place without a word."""
    for path in (path for path, file in now.items() if file is not None):
        for folder in _folders(path):
            above = now[folder] if folder in now else files.get(folder)
            if above is not None and above.mode != FOLDER:
                raise RefusedAction(f"{folder} is a file, and cannot be a folder as well: {path}")
