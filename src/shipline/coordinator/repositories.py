"""The git repositories on disk, read by git's own plumbing."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from shipline.compiler import CommitFacts
from shipline.errors import ShiplineError

GIT_SECONDS = 60
FILE_LIMIT = 4 * 1024 * 1024
ZERO = "0" * 40
# The kernel bounds what stands on a command line.
PATHS_AT_ONCE = 100


class GitError(ShiplineError):
    code = "git"


class UnfitTree(ValueError):
    """What git says of a path that no tree can have."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who has made a commit; none of both is empty."""

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Repositories:
    """`root` holds one bare repository per project, named by the project's id: a project may be renamed."""

    root: Path

    def path(self, project_id: int) -> Path:
        return self.root / f"{project_id}.git"

    def create(self, project_id: int, default_branch: str) -> None:
        path = self.path(project_id)
        self._run(None, ["init", "--quiet", "--bare", f"--initial-branch={default_branch}", str(path)])
        for key, value in (
            ("http.receivepack", "true"),
            ("receive.advertisePushOptions", "true"),
            ("uploadpack.allowAnySHA1InWant", "false"),
            ("receive.fsckObjects", "true"),
            ("core.logAllRefUpdates", "false"),
            ("gc.auto", "0"),
        ):
            self._run(path, ["config", key, value])

    def set_head(self, project_id: int, branch: str) -> None:
        """What a clone checks out."""
        self._run(self.path(project_id), ["symbolic-ref", "HEAD", f"refs/heads/{branch}"])

    def is_empty(self, project_id: int) -> bool:
        """Is there no branch? Asks no git: a list of projects asks for each of them."""
        heads, packed = self.path(project_id) / "refs" / "heads", self.path(project_id) / "packed-refs"
        if any(path.is_file() for path in heads.rglob("*")):
            return False
        return not (packed.exists() and b" refs/heads/" in packed.read_bytes())

    def is_branch_name(self, name: str) -> bool:
        return self._run(None, ["check-ref-format", "--branch", name], check=False).returncode == 0

    def file(self, project_id: int, sha: str, path: str) -> bytes | None:
        """A file's content at a commit, or None when it is not there (or no file)."""
        name = f"{sha}:{path.lstrip('/')}"
        size = self._run(self.path(project_id), ["cat-file", "-s", name], check=False)
        if size.returncode or int(size.stdout) > FILE_LIMIT:
            return None
        found = self._run(self.path(project_id), ["cat-file", "blob", name], check=False)
        return found.stdout if found.returncode == 0 else None

    def tracked(self, project_id: int, sha: str) -> frozenset[str]:
        listed = self._run(self.path(project_id), ["ls-tree", "-r", "-z", "--name-only", sha])
        return frozenset(part.decode(errors="replace") for part in listed.stdout.split(b"\0") if part)

    def blob_ids(self, project_id: int, sha: str, paths: Sequence[str]) -> dict[str, str]:
        """Path -> the object id of its content, for those that are files at the commit."""
        wanted = [path.removeprefix("./") for path in paths]
        if not wanted:
            return {}
        words = ["--literal-pathspecs", "ls-tree", "-r", "-z", sha, "--", *wanted]
        listed = self._run(self.path(project_id), words, check=False)
        found = {}
        for line in listed.stdout.decode(errors="replace").split("\0")[:-1]:
            kind, _, path = line.partition("\t")
            found[path] = kind.split(" ")[2]
        return {path: found[path] for path in wanted if path in found}

    def last_commit_of(self, project_id: int, sha: str, path: str) -> str | None:
        """The newest commit, up to `sha`, that changed the file."""
        words = ["--literal-pathspecs", "log", "-1", "--format=%H", sha, "--", path]
        found = self._run(self.path(project_id), words, check=False)
        return found.stdout.decode().strip() or None

    def resolve(self, project_id: int, ref: str) -> str | None:
        """The commit that a branch, tag, SHA or `HEAD` stands for, if there is one."""
        words = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"]
        found = self._run(self.path(project_id), words, check=False)
        return found.stdout.decode().strip() if found.returncode == 0 else None

    def name_points_at(self, project_id: int, name: str) -> str | None:
        """The object (a tag may be one of its own) that a whole ref points at now."""
        words = ["rev-parse", "--verify", "--quiet", "--end-of-options", name]
        found = self._run(self.path(project_id), words, check=False)
        return found.stdout.decode().strip() if found.returncode == 0 else None

    def tags(self, project_id: int) -> list[str]:
        listed = self._run(
            self.path(project_id), ["for-each-ref", "--format=%(refname:lstrip=2)", "refs/tags"]
        )
        return listed.stdout.decode(errors="replace").split("\n")[:-1]

    def changed(self, project_id: int, before: str, after: str) -> frozenset[str] | None:
        """Paths that differ between two commits; None when there is nothing to compare with."""
        if before == ZERO:
            return None
        words = ["diff", "--name-only", "--no-renames", "-z", before, after]
        listed = self._run(self.path(project_id), words, check=False)
        if listed.returncode:
            return None
        return frozenset(part.decode(errors="replace") for part in listed.stdout.split(b"\0") if part)

    def changed_since(self, project_id: int, ref: str, sha: str) -> frozenset[str] | None:
        """Paths that a commit changed since it left a branch, tag or commit; None when there is no such ref."""
        base = self.resolve(project_id, ref)
        if base is None:
            return None
        found = self._run(self.path(project_id), ["merge-base", base, sha], check=False)
        return self.changed(project_id, found.stdout.decode().strip() or base, sha)

    def merge_base(self, project_id: int, one: str, other: str) -> str | None:
        found = self._run(self.path(project_id), ["merge-base", one, other], check=False)
        return found.stdout.decode().strip() if found.returncode == 0 else None

    def ref(self, project_id: int, name: str) -> tuple[str, str] | None:
        """Type (branch or tag) and commit of a short or whole name; of a branch and a tag with the same name the
        branch. None when there is neither."""
        for kind, prefix in (("branch", "refs/heads/"), ("tag", "refs/tags/")):
            if name.startswith("refs/") and not name.startswith(prefix):
                continue
            sha = self.resolve(project_id, prefix + name.removeprefix(prefix))
            if sha is not None:
                return kind, sha
        return None

    def merge(
        self, project_id: int, target: str, source: str, message: str, name: str, email: str
    ) -> str | None:
        """A commit that merges `source` into `target`; None when they conflict. No ref moves."""
        words = ["merge-tree", "--write-tree", "--no-messages", target, source]
        merged = self._run(self.path(project_id), words, check=False)
        if merged.returncode == 1:
            return None
        if merged.returncode:
            raise GitError(f"git merge-tree failed: {merged.stderr.decode(errors='replace').strip()[:500]}")
        tree = merged.stdout.decode().split("\n", 1)[0]
        who = Identity(name, email or "nobody@localhost")
        return self.commit_tree(project_id, tree, [target, source], message, who, who)

    def commit_tree(
        self,
        project_id: int,
        tree: str,
        parents: Sequence[str],
        message: str,
        author: Identity,
        committer: Identity,
    ) -> str:
        """A commit that no ref points at yet."""
        who = {
            f"GIT_{role}_{what}": value
            for role, one in (("AUTHOR", author), ("COMMITTER", committer))
            for what, value in (("NAME", one.name), ("EMAIL", one.email))
        }
        words = ["commit-tree", tree, *(word for parent in parents for word in ("-p", parent)), "-F", "-"]
        made = self._run(self.path(project_id), words, environment=who, stdin=message.encode())
        return made.stdout.decode().strip()

    def write_blob(self, project_id: int, content: bytes) -> str:
        """The content's object id."""
        made = self._run(self.path(project_id), ["hash-object", "-w", "--stdin"], stdin=content)
        return made.stdout.decode().strip()

    def write_tree(
        self, project_id: int, commit: str | None, changed: Mapping[str, tuple[str, str] | None]
    ) -> str:
        """The tree of a commit (None: an empty one) with some of its files changed: path -> mode and object id, or
        None for one that goes. Raises UnfitTree for a path that git does not take."""
        path = self.path(project_id)
        gone = [f"0 {ZERO}\t{name}" for name, file in changed.items() if file is None]
        there = [f"{file[0]} {file[1]}\t{name}" for name, file in changed.items() if file is not None]
        with tempfile.TemporaryDirectory(prefix="shipline-index-") as folder:
            index = {"GIT_INDEX_FILE": f"{folder}/index"}
            self._run(path, ["read-tree", *([commit] if commit else ["--empty"])], environment=index)
            # What goes goes first: it may make room.
            listed = "\0".join([*gone, *there, ""]).encode()
            careful = ["-c", "core.protectHFS=true", "-c", "core.protectNTFS=true"]
            words = [*careful, "update-index", "-z", "--index-info"]
            ended = self._run(path, words, environment=index, stdin=listed, check=False)
            if ended.returncode:
                raise UnfitTree(_first_line(ended.stderr))
            return self._run(path, ["write-tree"], environment=index).stdout.decode().strip()

    def files(self, project_id: int, sha: str, paths: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Path -> mode and object id, for those that are there at the commit: files, links, folders, submodules."""
        found: dict[str, tuple[str, str]] = {}
        for start in range(0, len(paths), PATHS_AT_ONCE):
            some = paths[start : start + PATHS_AT_ONCE]
            words = ["--literal-pathspecs", "ls-tree", "-t", "-z", "--full-tree", sha, "--", *some]
            listed = self._run(self.path(project_id), words, check=False)
            for line in listed.stdout.decode(errors="replace").split("\0")[:-1]:
                told, _, path = line.partition("\t")
                mode, _, object_id = told.split(" ")
                if path in some:
                    found[path] = (mode, object_id)
        return found

    def update_ref(self, project_id: int, ref: str, new: str, old: str | None = None) -> bool:
        """False when the ref was not `old` (None: whatever it was)."""
        words = ["update-ref", ref, new, *([old] if old is not None else [])]
        return self._run(self.path(project_id), words, check=False).returncode == 0

    def commit(self, project_id: int, sha: str, before: str) -> CommitFacts | None:
        """The commit that `sha` is or, if it is a tag, points at; None when that is no commit."""
        words = ["show", "-s", "--format=%H%n%an <%ae>%n%cI%n%B", f"{sha}^{{commit}}"]
        shown = self._run(self.path(project_id), words, check=False)
        if shown.returncode:
            return None
        found, author, timestamp, message = shown.stdout.decode(errors="replace").split("\n", 3)
        return CommitFacts(found, before, message.rstrip("\n"), author, timestamp)

    def keep_for_pipeline(self, project_id: int, pipeline_id: int, sha: str) -> None:
        """A ref of the pipeline's own: its commit can be fetched whatever becomes of the branch."""
        self._run(self.path(project_id), ["update-ref", f"refs/pipelines/{pipeline_id}", sha])

    def forget_pipeline(self, project_id: int, pipeline_id: int) -> None:
        self._run(self.path(project_id), ["update-ref", "-d", f"refs/pipelines/{pipeline_id}"], check=False)

    def branches(self, project_id: int) -> dict[str, str]:
        listed = self._run(
            self.path(project_id),
            ["for-each-ref", "--format=%(objectname) %(refname:lstrip=2)", "refs/heads"],
        )
        pairs = (line.split(" ", 1) for line in listed.stdout.decode(errors="replace").splitlines())
        return {name: sha for sha, name in pairs}

    def is_ancestor(self, project_id: int, old: str, new: str, environment: Mapping[str, str]) -> bool:
        """`environment` names where the objects of a push that is not accepted yet lie."""
        words = ["merge-base", "--is-ancestor", old, new]
        return self._run(self.path(project_id), words, check=False, environment=environment).returncode == 0

    def ask(self, project_id: int, words: Sequence[str], *, check: bool = True) -> str | None:
        """What git answers, in text; None when it fails and need not succeed. Raises GitError."""
        ended = self._run(self.path(project_id), words, check=check)
        return None if ended.returncode else ended.stdout.decode(errors="replace")

    def _run(
        self,
        repository: Path | None,
        words: Sequence[str],
        *,
        check: bool = True,
        environment: Mapping[str, str] | None = None,
        stdin: bytes = b"",
    ) -> subprocess.CompletedProcess[bytes]:
        where = ["--git-dir", str(repository)] if repository else []
        ended = subprocess.run(
            ["git", *where, *words],
            input=stdin,
            capture_output=True,
            timeout=GIT_SECONDS,
            check=False,
            env=dict(environment or {}) | git_environment(),
        )
        if check and ended.returncode:
            raise GitError(f"git {words[0]} failed: {ended.stderr.decode(errors='replace').strip()[:500]}")
        return ended


def git_environment() -> dict[str, str]:
    """Nothing of the account that we run under changes what git does."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
        "LC_ALL": "C",
        "HOME": "/nonexistent",
    }


def _first_line(said: bytes) -> str:
    lines = said.decode(errors="replace").strip().splitlines()
    return lines[0].removeprefix("error: ").removeprefix("fatal: ")[:500] if lines else "git refuses the path"
