"""What people look up in a repository: trees, files, commits, their differences, branches and tags.

Every function takes a commit's SHA, which `Repositories.resolve` has made of what was asked for: no word of a
caller's reaches git as an option.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from shipline.coordinator.repositories import GIT_SECONDS, ZERO, git_environment
from shipline.coordinator.services import services

# Of a difference no more than this is read, and no more files than these are told.
DIFF_BYTES = 8 * 1024 * 1024
DIFF_FILES = 1000
CHUNK = 1 << 16
_FIELDS = ("%H", "%P", "%an", "%ae", "%aI", "%cn", "%ce", "%cI", "%B")
# Bytes that no commit's fields hold.
_UNIT, _RECORD = "\x1f", "\x1e"
_FORMAT = _RECORD + "%x1f".join(_FIELDS)


@dataclass(frozen=True, slots=True)
class Entry:
    """`kind` is blob, tree or commit (a submodule)."""

    id: str
    kind: str
    mode: str
    path: str

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Commit:
    sha: str
    parents: tuple[str, ...]
    author_name: str
    author_email: str
    authored_at: str
    committer_name: str
    committer_email: str
    committed_at: str
    message: str

    @property
    def title(self) -> str:
        return self.message.partition("\n")[0]


@dataclass(frozen=True, slots=True)
class Difference:
    """One file that differs; modes and paths of before and after. `text` is the unified diff without its
    header, empty when it was too large."""

    old_path: str
    new_path: str
    old_mode: str
    new_mode: str
    status: str
    text: str
    too_large: bool = False


@dataclass(frozen=True, slots=True)
class Ref:
    """A branch or tag. `target` is what it points at: for an annotated tag the tag's own object."""

    name: str
    target: str
    sha: str
    message: str = ""
    created_at: str = ""


def tree(project_id: int, sha: str, path: str, *, recursive: bool) -> list[Entry] | None:
    """What lies in a folder (and in the folders in it); None when there is no such folder."""
    folder = path.strip("/")
    place = f"{sha}:{folder}" if folder else sha
    options = ["-r", "-t"] if recursive else []
    listed = services().repositories.ask(project_id, ["ls-tree", "-z", *options, place], check=False)
    if listed is None:
        return None
    prefix = f"{folder}/" if folder else ""
    return [_entry(line, prefix) for line in listed.split("\0") if line]


def _entry(line: str, prefix: str) -> Entry:
    told, path = line.split("\t", 1)
    mode, kind, object_id = told.split()
    return Entry(object_id, kind, mode, prefix + path)


def entry(project_id: int, sha: str, path: str) -> Entry | None:
    """One file or folder of a commit."""
    words = ["--literal-pathspecs", "ls-tree", "-z", "--full-tree", sha, "--", path.strip("/")]
    listed = services().repositories.ask(project_id, words, check=False)
    return _entry(listed.rstrip("\0"), "") if listed else None


def size_of(project_id: int, object_id: str) -> int | None:
    """In bytes; None when there is no such file's content."""
    repositories = services().repositories
    kind = repositories.ask(project_id, ["cat-file", "-t", object_id], check=False)
    if kind is None or kind.strip() != "blob":
        return None
    return int(repositories.ask(project_id, ["cat-file", "-s", object_id]) or 0)


def blob(project_id: int, object_id: str) -> Iterator[bytes]:
    """A file's content in pieces."""
    path = services().repositories.path(project_id)
    yield from _output(["git", "--git-dir", str(path), "cat-file", "blob", object_id])


def _output(words: Sequence[str]) -> Iterator[bytes]:
    with subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=git_environment(),
    ) as process:
        assert process.stdout is not None
        try:
            while piece := process.stdout.read(CHUNK):
                yield piece
        finally:
            # Nobody reads on: git must not wait for somebody.
            process.kill()
            process.wait(GIT_SECONDS)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which commits of a history."""

    path: str = ""
    since: datetime | None = None
    until: datetime | None = None
    author: str = ""
    first_parent: bool = False


def commits(
    project_id: int, revision: str, wanted: Wanted, *, skip: int = 0, count: int = 20
) -> list[Commit]:
    """Newest first. `revision` is a SHA or, of what is in one and not in the other, `SHA..SHA`."""
    words = ["--literal-pathspecs", "log", f"--format={_FORMAT}", f"--max-count={count}", f"--skip={skip}"]
    if wanted.since is not None:
        words.append(f"--since=@{max(0, int(wanted.since.timestamp()))} +0000")
    if wanted.until is not None:
        words.append(f"--until=@{max(0, int(wanted.until.timestamp()))} +0000")
    if wanted.author:
        words += ["--fixed-strings", "--regexp-ignore-case", f"--author={wanted.author}"]
    if wanted.first_parent:
        words.append("--first-parent")
    words += [revision, "--", *([wanted.path] if wanted.path else [])]
    told = services().repositories.ask(project_id, words, check=False) or ""
    return [_commit(record) for record in told.split(_RECORD)[1:]]


def commit(project_id: int, sha: str) -> Commit:
    return commits(project_id, sha, Wanted(), count=1)[0]


def _commit(record: str) -> Commit:
    fields = record.split(_UNIT, len(_FIELDS) - 1)
    sha, parents, author, author_email, authored, committer, committer_email, committed, message = fields
    return Commit(
        sha,
        tuple(parents.split()),
        author,
        author_email,
        authored,
        committer,
        committer_email,
        committed,
        message.strip("\n"),
    )


def stats(project_id: int, sha: str) -> tuple[int, int]:
    """Lines that a commit adds and deletes."""
    words = ["diff-tree", "--root", "--numstat", "-r", "-M", "--no-commit-id", "-m", "--first-parent", sha]
    told = services().repositories.ask(project_id, words, check=False) or ""
    numbers = [line.split("\t")[:2] for line in told.splitlines()]
    return tuple(sum(int(pair[i]) for pair in numbers if pair[i].isdigit()) for i in (0, 1))  # type: ignore[return-value]


def differences(project_id: int, before: str | None, after: str) -> list[Difference]:
    """What differs between two commits; without the first what a commit changed against its first parent."""
    which = ["--root", "-m", "--first-parent", "--no-commit-id", after] if before is None else [before, after]
    words = ["diff-tree", "-r", "-M", "-z", "--raw", *which]
    raw = services().repositories.ask(project_id, words, check=False) or ""
    path = services().repositories.path(project_id)
    words = ["diff-tree", "-r", "-M", "-p", "--no-color", "--no-ext-diff", "--no-textconv", *which]
    patches, whole = _patches(["git", "--git-dir", str(path), *words])
    found = []
    for number, (modes, status, paths) in enumerate(_raw(raw)):
        if number >= DIFF_FILES:
            break
        # The last one that was read may have been cut off.
        known = number < len(patches) - (0 if whole else 1)
        text = patches[number] if known else ""
        found.append(Difference(paths[0], paths[-1], modes[0], modes[1], status[0], text, not known))
    return found


def _raw(text: str) -> Iterator[tuple[tuple[str, str], str, list[str]]]:
    parts = iter(text.split("\0"))
    for told in parts:
        if not told.startswith(":"):
            continue
        before, after, _, _, status = told.removeprefix(":").split()
        paths = [next(parts) for _ in range(2 if status[0] in "RC" else 1)]
        yield (before, after), status, paths


def _patches(words: Sequence[str]) -> tuple[list[str], bool]:
    """The text of each file's difference, in order, and whether that was all."""
    read = bytearray()
    whole = True
    for piece in _output(words):
        read += piece
        if len(read) > DIFF_BYTES:
            whole = False
            break
    # Every line of content has a mark before it: what begins like this is a header.
    files = ("\n" + read.decode(errors="replace")).split("\ndiff --git ")[1:]
    return [_hunks(file) for file in files], whole


def _hunks(file: str) -> str:
    at = file.find("\n@@ ")
    if at < 0:
        return ""
    text = file[at + 1 :]
    return text if text.endswith("\n") else text + "\n"


def merge_base(project_id: int, one: str, other: str) -> str | None:
    found = services().repositories.ask(project_id, ["merge-base", one, other], check=False)
    return found.strip() if found else None


def refs(project_id: int, kind: str, *, containing: str = "") -> list[Ref]:
    """Branches (`heads`) or tags, by name; those in whose history a commit is."""
    fields = (
        "%(refname:lstrip=2)",
        "%(objectname)",
        "%(*objectname)",
        "%(creatordate:iso-strict)",
        "%(contents)",
    )
    words = ["for-each-ref", "--format=" + "%00".join(fields) + "%1e", f"refs/{kind}"]
    if containing:
        words.append(f"--contains={containing}")
    told = services().repositories.ask(project_id, words, check=False) or ""
    found = []
    for record in told.split(_RECORD):
        if not record.strip("\n"):
            continue
        name, target, peeled, created, message = record.lstrip("\n").split("\0", 4)
        found.append(Ref(name, target, peeled or target, message.strip("\n") if peeled else "", created))
    return found


def ref(project_id: int, kind: str, name: str) -> Ref | None:
    return next((one for one in refs(project_id, kind) if one.name == name), None)


def create_ref(project_id: int, full_name: str, target: str) -> bool:
    """False when there is one already, or when it cannot be called so."""
    ask = services().repositories.ask
    if ask(project_id, ["check-ref-format", full_name], check=False) is None:
        return False
    return ask(project_id, ["update-ref", full_name, target, ZERO], check=False) is not None


def delete_ref(project_id: int, full_name: str, target: str) -> bool:
    """False when it does not point there (any more)."""
    words = ["update-ref", "-d", full_name, target]
    return services().repositories.ask(project_id, words, check=False) is not None


def make_tag_object(project_id: int, name: str, sha: str, message: str, tagger: str, now: int) -> str | None:
    """An annotated tag's object, which nothing points at yet. `tagger` is `Name <address>`."""
    text = f"object {sha}\ntype commit\ntag {name}\ntagger {tagger} {now} +0000\n\n{message}\n"
    ended = subprocess.run(
        ["git", "--git-dir", str(services().repositories.path(project_id)), "mktag"],
        input=text.encode(),
        capture_output=True,
        timeout=GIT_SECONDS,
        check=False,
        env=git_environment(),
    )
    return ended.stdout.decode().strip() if ended.returncode == 0 else None
