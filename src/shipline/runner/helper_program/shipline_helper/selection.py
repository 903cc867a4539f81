"""Which files of the project's folder are meant."""

import os
import subprocess

from shipline_helper.globs import clean, translate

FILE_LIMIT = 200_000


def select(root, paths, exclude, untracked, what="artifact"):
    """Paths of files, links and empty folders that are kept, sorted. Links are kept, not followed."""
    wanted = {}
    for path in paths:
        pattern = clean(path, root) if path else None
        if pattern is not None:
            wanted[path] = translate(pattern)
        elif path:
            print(f"WARNING: {path}: path is not a subpath of project directory: {root}")
    # A variable that is not set leaves an empty pattern: it excludes nothing. Here folders stand for themselves.
    kept_out = [clean(path, root) for path in exclude if path]
    unwanted = [translate(pattern, deep=False) for pattern in kept_out if pattern]
    found = _walk(root, wanted, what)
    if untracked:
        extra = _untracked(root)
        print(f"untracked: found {len(extra)} files")
        found |= extra
    kept = sorted(one for one in found if not any(pattern.fullmatch(one) for pattern in unwanted))
    for one in kept:
        if not is_text(one):
            print(f"WARNING: {one!a}: left out, an archive cannot hold a name that is not UTF-8")
    kept = [one for one in kept if is_text(one)]
    if len(kept) > FILE_LIMIT:
        raise SystemExit(f"ERROR: {len(kept)} files are more than the {FILE_LIMIT} that an archive may hold")
    return kept


def _walk(root, wanted, what):
    found, matched = set(), dict.fromkeys(wanted, 0)
    for folder, folders, files in os.walk(root) if wanted else ():
        if folder == root and ".git" in folders:
            folders.remove(".git")
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        empty = [] if folders or files or folder == root else [""]
        for name in files + links + empty:
            relative = os.path.relpath(os.path.join(folder, name), root)
            for path, pattern in wanted.items():
                if pattern.fullmatch(relative):
                    matched[path] += 1
                    found.add(relative)
    for path, count in matched.items():
        if count:
            print(f"{path}: found {count} matching {what} files and directories")
        else:
            print(
                f"WARNING: {path}: no matching files. Ensure that the {what} path is relative to the working "
                f"directory ({root})"
            )
    return found


def _untracked(root):
    git = ["git", "-C", root, "-c", "safe.directory=*", "ls-files", "-o", "-z"]
    listed = subprocess.run(git, stdout=subprocess.PIPE, check=False)
    if listed.returncode:
        print("WARNING: untracked: git does not tell which files it does not keep")
    return {os.fsdecode(one) for one in listed.stdout.split(b"\0") if one}


def is_text(name):
    try:
        return bool(name.encode())
    except UnicodeEncodeError:
        return False


def is_plain(path):
    return os.path.isfile(path) and not os.path.islink(path)
