"""The helper's program: files of real folders packed, sent over a real connection, and unpacked."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from shipline_helper import packing, selection, unpacking

from shipline.runner.executor.helper_files import program_folder

PROGRAM = program_folder()
LINK = 0o120777 << 16


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "builds" / "app"
    folder.mkdir(parents=True)
    return folder


def fill(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)


def select(root: Path, *paths: str, exclude: tuple[str, ...] = (), untracked: bool = False) -> list[str]:
    return list(selection.select(str(root), list(paths), list(exclude), untracked))


FILES = ("a.txt", "b.py", "out/a.txt", "out/deep/er/c.txt", "out/x[1].txt", "out.txt", ".hidden/d.txt")


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("a.txt", ["a.txt"]),
        ("./a.txt", ["a.txt"]),
        ("*.txt", ["a.txt", "out.txt"]),
        ("?.*", ["a.txt", "b.py"]),
        ("[ab].*", ["a.txt", "b.py"]),
        ("[!a].*", ["b.py"]),
        ("out", ["out/a.txt", "out/deep/er/c.txt", "out/x[1].txt"]),
        ("out/", ["out/a.txt", "out/deep/er/c.txt", "out/x[1].txt"]),
        ("out/*", ["out/a.txt", "out/deep/er/c.txt", "out/x[1].txt"]),
        ("out/*.txt", ["out/a.txt", "out/x[1].txt"]),
        ("out/**/*.txt", ["out/a.txt", "out/deep/er/c.txt", "out/x[1].txt"]),
        ("**/c.txt", ["out/deep/er/c.txt"]),
        ("**/a.txt", ["a.txt", "out/a.txt"]),
        ("*/a.txt", ["out/a.txt"]),
        ("out/deep/../a.txt", ["out/a.txt"]),
        ("A.TXT", []),
        ("ut", []),
        ("nothing/*", []),
        ("{a,b}.*", ["a.txt", "b.py"]),
        ("out/{a,deep/er/c}.txt", ["out/a.txt", "out/deep/er/c.txt"]),
        ("o{u{t,x},y}/*.txt", ["out/a.txt", "out/x[1].txt"]),
        ("{a.txt", []),
        ("[^a].*", ["b.py"]),
        ("[z-a].*", []),
        ("[]ab].*", ["a.txt", "b.py"]),
        ("out/x\\[1].txt", ["out/x[1].txt"]),
        ("out/x[[]1[]].txt", ["out/x[1].txt"]),
        ("[ab", []),
    ],
)
def test_a_pattern_finds_files(root: Path, pattern: str, found: list[str]) -> None:
    fill(root, *FILES)
    assert select(root, pattern) == found


@pytest.mark.parametrize("pattern", ["**", "**/*", ".", "./", "*"])
def test_everything_may_be_asked_for(root: Path, pattern: str) -> None:
    fill(root, *FILES)
    assert select(root, pattern) == sorted(FILES)


def test_gits_own_folder_is_no_artifact(root: Path) -> None:
    fill(root, ".git/config", ".gitignore", "sub/.git/config")
    assert select(root, "**") == [".gitignore", "sub/.git/config"]


def test_a_path_may_be_written_from_the_file_systems_root(root: Path) -> None:
    fill(root, "a.txt", "out/b.txt")
    assert select(root, f"{root}/out") == ["out/b.txt"]
    assert select(root, f"{root}/") == ["a.txt", "out/b.txt"]
    assert select(root, str(root)) == ["a.txt", "out/b.txt"]


@pytest.mark.parametrize("pattern", ["..", "../other", "../app-2/*", "out/../../other", "/etc/passwd", "/"])
def test_a_path_that_leads_out_is_left_out_and_told(
    root: Path, pattern: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(root, "a.txt")
    fill(root.parent, "other", "app-2/x")
    assert select(root, pattern) == []
    assert f"WARNING: {pattern}: path is not a subpath of project directory" in capsys.readouterr().out


def test_a_name_that_begins_with_dots_leads_nowhere(root: Path) -> None:
    fill(root, "..a", "...")
    assert select(root, "..a", "...") == ["...", "..a"]


def test_it_is_said_how_many_were_found(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(root, "a.txt", "b.txt")
    select(root, "*.txt", "none")
    said = capsys.readouterr().out
    assert "*.txt: found 2 matching artifact files and directories" in said
    assert (
        "WARNING: none: no matching files. Ensure that the artifact path is relative to the working " in said
    )


def test_what_is_excluded_is_not_kept(root: Path) -> None:
    fill(root, *FILES)
    assert select(root, "out/", "a.txt", exclude=("out/**/*.txt",)) == ["a.txt"]
    assert select(root, "*.txt", exclude=("out.*",)) == ["a.txt"]
    assert select(root, "a.txt", exclude=("../a.txt", "/a.txt", "")) == ["a.txt"]


def test_a_folder_that_is_excluded_takes_nothing_with_it_unless_it_says_so(root: Path) -> None:
    fill(root, "a.txt", "out/b.txt", "out/deep/c.txt")
    assert select(root, "**", exclude=("out", "out/")) == ["a.txt", "out/b.txt", "out/deep/c.txt"]
    assert select(root, "**", exclude=("out/*",)) == ["a.txt", "out/deep/c.txt"]
    assert select(root, "**", exclude=("out/**/*",)) == ["a.txt"]


def test_untracked_files_are_those_that_git_does_not_keep(root: Path) -> None:
    git = ["git", "-C", str(root), "-c", "user.name=A", "-c", "user.email=a@example.com"]
    fill(root, "kept.txt", ".gitignore")
    (root / ".gitignore").write_text("*.log\n")
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    fill(root, "new.txt", "a.log", 'it\'s "odd".txt', "no.txt")
    assert select(root, exclude=("no.*",), untracked=True) == ["a.log", 'it\'s "odd".txt', "new.txt"]


def test_folders_behind_symbolic_links_are_not_followed(root: Path, tmp_path: Path) -> None:
    fill(tmp_path / "outside", "secret")
    fill(root, "in/a")
    (root / "in" / "out").symlink_to(tmp_path / "outside")
    (root / "in" / "file").symlink_to(tmp_path / "outside" / "secret")
    (root / "in" / "circle").symlink_to(".")
    assert select(root, "**") == ["in/a", "in/circle", "in/file", "in/out"]
    assert select(root, "in/out/secret", "in/out/*") == []


def test_a_name_that_is_no_text_is_left_out_and_told(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(root, "good.txt")
    (root / os.fsdecode(b"bad\xff.txt")).write_text("x")
    assert select(root, "**") == ["good.txt"]
    assert "WARNING: 'bad\\udcff.txt': left out" in capsys.readouterr().out


def packed(root: Path, *names: str) -> zipfile.ZipFile:
    buffer = io.BytesIO()
    packing.pack_zip(buffer, str(root), list(names))
    return zipfile.ZipFile(buffer)


def test_links_are_packed_as_links_and_not_as_what_they_point_to(root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "dangling").symlink_to("nothing")
    with packed(root, "link", "dangling") as archive:
        assert archive.read("link") == str(tmp_path / "secret").encode()
        assert archive.read("dangling") == b"nothing"
        assert all(one.external_attr >> 28 == 0o12 for one in archive.infolist())


def test_a_link_to_a_name_that_is_no_text_comes_back_as_it_was(root: Path, tmp_path: Path) -> None:
    (root / "link").symlink_to(os.fsdecode(b"bad\xff"))
    buffer = io.BytesIO()
    packing.pack_zip(buffer, str(root), ["link"])
    unpacking.unpack(buffer, str(tmp_path / "other"))
    assert os.fsencode((tmp_path / "other" / "link").readlink()) == b"bad\xff"


def test_what_is_no_file_is_not_packed(root: Path) -> None:
    os.mkfifo(root / "pipe")
    with packed(root, "pipe", "gone") as archive:
        assert archive.namelist() == []


def test_an_empty_folder_is_packed_and_comes_back(root: Path, tmp_path: Path) -> None:
    (root / "out" / "empty").mkdir(parents=True)
    fill(root, "out/full/a")
    assert select(root, "out") == ["out/empty", "out/full/a"]
    buffer = io.BytesIO()
    packing.pack_zip(buffer, str(root), select(root, "out"))
    unpacking.unpack(buffer, str(tmp_path / "other"))
    assert (tmp_path / "other" / "out" / "empty").is_dir()


def test_a_file_from_before_1980_is_packed(root: Path) -> None:
    fill(root, "old")
    os.utime(root / "old", (0, 0))
    with packed(root, "old") as archive:
        assert archive.read("old") == b"old"


def test_several_files_are_packed_into_one_stream_of_gzip(root: Path) -> None:
    fill(root, "a.env", "b.env")
    buffer = io.BytesIO()
    packing.pack_gzip(buffer, str(root), ["a.env", "b.env"])
    assert gzip.decompress(buffer.getvalue()) == b"a.envb.env"


def test_what_is_packed_is_unpacked_the_same(root: Path, tmp_path: Path) -> None:
    fill(root, "a.txt", "out/deep/b.txt", "grüße €.txt")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    (root / "out" / "link").symlink_to("../a.txt")
    buffer = io.BytesIO()
    packing.pack_zip(buffer, str(root), select(root, "**"))
    other = tmp_path / "other"
    unpacking.unpack(buffer, str(other))
    assert select(other, "**") == ["a.txt", "grüße €.txt", "out/deep/b.txt", "out/link", "run.sh"]
    assert (other / "out" / "link").readlink() == Path("../a.txt")
    assert (other / "run.sh").stat().st_mode & 0o777 == 0o755
    assert (other / "out" / "deep" / "b.txt").read_text() == "out/deep/b.txt"


def archive(members: Mapping[str, str | tuple[str, int]]) -> io.BytesIO:
    """Name -> content, or content and attributes. Whatever a bad archive may hold."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name, written in members.items():
            content, attributes = written if isinstance(written, tuple) else (written, 0o644 << 16)
            info = zipfile.ZipInfo(name)
            info.external_attr = attributes
            made.writestr(info, content)
    return buffer


def everything(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): str(path.readlink()) if path.is_symlink() else path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


@pytest.mark.parametrize(
    "members",
    [
        {"../evil": "x"},
        {"a/../../evil": "x"},
        {"../app-2/evil": "x"},
        {"../": ""},
        {"..": "x"},
        {"a/..": "x"},
        {"a/.": "x"},
        {"../evil/": ""},
        {"/tmp/evil": "x"},
        {"//tmp/evil": "x"},
        {"link": ("..", LINK), "link/evil": "x"},
        {"link": ("/", LINK), "link/tmp/evil": "x"},
        {"link": ("../outside", LINK), "link/kept": "x"},
        {"link": ("../outside", LINK), "link/made/": ""},
        {"link": ("../outside", LINK), "link/deeper": ("/", LINK)},
        {"a/link": ("..", LINK), "a/b": ("link/..", LINK), "a/b/evil": "x"},
        {"link": ("../nowhere", LINK), "link/evil": "x"},
        {"link": ("../nowhere", LINK), "link/": ""},
    ],
    ids=" ".join,
)
def test_no_archive_leads_out_of_the_folder(members: Mapping[str, Any], root: Path) -> None:
    fill(root.parent / "outside", "kept")
    fill(root, "a/file")
    before = everything(root.parent / "outside")
    with pytest.raises(SystemExit, match="leads out of the project's folder"):
        unpacking.unpack(archive(members), str(root))
    assert everything(root.parent / "outside") == before
    assert sorted(path.name for path in root.parent.iterdir()) == ["app", "outside"]


def test_a_link_may_be_replaced_by_a_file_but_not_written_through(root: Path) -> None:
    fill(root.parent, "outside")
    (root / "link").symlink_to("../outside")
    unpacking.unpack(archive({"link": "new"}), str(root))
    assert everything(root.parent) == {"app/link": "new", "outside": "outside"}


def test_a_link_out_of_the_folder_may_lie_there_as_it_did_in_the_job_before(root: Path) -> None:
    unpacking.unpack(archive({"link": ("/usr/bin/env", LINK)}), str(root))
    assert (root / "link").readlink() == Path("/usr/bin/env")


def test_files_are_overwritten_and_folders_made(root: Path) -> None:
    fill(root, "a", "kept")
    unpacking.unpack(archive({"a": "new", "folder/": "", "deep/er/b": "b"}), str(root))
    assert everything(root) == {"a": "new", "kept": "kept", "deep/er/b": "b"}
    assert (root / "folder").is_dir()


def test_names_with_dots_are_no_reason_to_refuse(root: Path) -> None:
    unpacking.unpack(archive({"..a": "1", "b..": "2", "c/../d": "3", "...": "4"}), str(root))
    assert everything(root) == {"..a": "1", "b..": "2", "d": "3", "...": "4"}


def test_no_file_is_unpacked_with_the_rights_of_its_owner(root: Path) -> None:
    unpacking.unpack(archive({"tool": ("x", 0o104755 << 16), "bare": ("x", 0x20)}), str(root))
    assert (root / "tool").stat().st_mode & 0o7777 == 0o755
    assert (root / "bare").stat().st_mode & 0o7777 == 0o666


def test_more_files_than_the_limit_are_refused(root: Path) -> None:
    unpacking.unpack(archive(dict.fromkeys("abc", "")), str(root), file_limit=3)
    with pytest.raises(SystemExit, match="too large"):
        unpacking.unpack(archive(dict.fromkeys("defg", "")), str(root), file_limit=3)
    assert sorted(everything(root)) == ["a", "b", "c"]


def test_more_bytes_than_the_limit_are_refused(root: Path) -> None:
    unpacking.unpack(archive({"a": "12345", "b": "67890"}), str(root), size_limit=10)
    with pytest.raises(SystemExit, match="too large"):
        unpacking.unpack(archive({"c": "123456", "d": "78901"}), str(root), size_limit=10)
    assert sorted(everything(root)) == ["a", "b"]


def test_a_link_to_an_endless_path_is_refused_before_it_is_read(root: Path) -> None:
    bomb = archive({"link": ("x" * 50_000_000, LINK)})
    with pytest.raises(SystemExit, match="is a link to a path that is too long"):
        unpacking.unpack(bomb, str(root))


def test_what_cannot_be_unpacked_is_told_in_a_sentence(root: Path) -> None:
    (root / "folder").mkdir()
    (root / "folder" / "x").write_text("x")
    with pytest.raises(SystemExit, match="cannot be unpacked"):
        unpacking.unpack(archive({"folder": "a file where a folder is"}), str(root))


@pytest.mark.parametrize("flag", [0x1, 0x40])
def test_an_encrypted_archive_is_refused(root: Path, flag: int) -> None:
    content = bytearray(archive({"a": "x"}).getvalue())
    at = content.rindex(b"PK\x01\x02") + 8
    content[at] |= flag
    content[6] |= flag
    with pytest.raises(SystemExit, match="cannot be"):
        unpacking.unpack(io.BytesIO(bytes(content)), str(root))


def test_times_and_kinds_of_files_come_back(root: Path, tmp_path: Path) -> None:
    fill(root, "a", "sub/b")
    os.utime(root / "a", (1_234_567_891, 1_234_567_891))
    buffer = io.BytesIO()
    packing.pack_zip(buffer, str(root), ["a", "sub/b"], "fastest")
    unpacking.unpack(buffer, str(tmp_path / "other"))
    assert (tmp_path / "other" / "a").stat().st_mtime == 1_234_567_891


@pytest.mark.parametrize(
    ("level", "smaller"), [("fastest", False), ("fast", True), ("slowest", True), ("?", True)]
)
def test_a_level_says_how_well_it_is_packed(root: Path, level: str, smaller: bool) -> None:
    (root / "a").write_text("x" * 10_000)
    buffer = io.BytesIO()
    packing.pack_zip(buffer, str(root), ["a"], level)
    assert (len(buffer.getvalue()) < 5000) is smaller


def test_an_archive_that_lies_about_its_size_gives_no_more_than_it_says(root: Path) -> None:
    content = archive({"bomb": "x" * 100_000}).getvalue()
    size = (100_000).to_bytes(4, "little")
    at = content.rindex(b"PK\x01\x02") + 24
    assert content[at : at + 4] == size
    lying = io.BytesIO(content[:at] + (10).to_bytes(4, "little") + content[at + 4 :])
    with pytest.raises(SystemExit, match="cannot be read"):
        unpacking.unpack(lying, str(root), size_limit=10)
    assert all(len(text) <= 10 for text in everything(root).values())


class Store(ThreadingHTTPServer):
    """Keeps what is sent; gives what is asked for. `statuses` are answered first."""

    daemon_threads = False

    def __init__(self, archive: bytes = b"", statuses: tuple[int, ...] = ()) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.archive, self.statuses = archive, list(statuses)
        self.got: list[tuple[str, str, dict[str, Any]]] = []
        self.files: list[tuple[str, bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/api/v4/jobs/7/artifacts"


class Handler(BaseHTTPRequestHandler):
    server: Store

    def log_message(self, *_: object) -> None:
        pass

    def _note(self) -> None:
        parts = urlsplit(self.path)
        query = {key: one for key, (one,) in parse_qs(parts.query).items()}
        self.server.got.append((f"{self.command} {parts.path}", self.headers["JOB-TOKEN"], query))

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self._note()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        (part,) = message_from_bytes(head + body).get_payload()
        assert not isinstance(part, str)
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        self.server.files.append((part.get_filename() or "", content))
        self._answer(201)

    def do_GET(self) -> None:
        self._note()
        self._answer(200, self.server.archive)


@contextmanager
def store(archive: bytes = b"", statuses: tuple[int, ...] = ()) -> Iterator[Store]:
    with Store(archive, statuses) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def call(verb: str, asked: Mapping[str, Any]) -> subprocess.CompletedProcess[str]:
    """The program as a container runs it."""
    return subprocess.run(
        [sys.executable, "-S", str(PROGRAM), verb],
        input=json.dumps({"pause": 0.001, **asked}) + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": os.environ["PATH"]},
    )


def upload(server: Store, root: Path, **fields: Any) -> subprocess.CompletedProcess[str]:
    entry = {
        "name": "",
        "type": "archive",
        "format": "zip",
        "paths": ["out"],
        "exclude": [],
        "untracked": False,
        "expire_in": "",
        **fields,
    }
    return call("upload", {"url": server.url, "token": "glcbt-x", "root": str(root), "entries": [entry]})


def test_an_archive_is_sent_with_what_it_is(root: Path) -> None:
    fill(root, "out/a", "out/b")
    with store() as server:
        done = upload(server, root, name="my files", expire_in="1 week")
    assert done.returncode == 0, done.stderr
    assert 'Uploading artifacts as "archive" to coordinator... 201 Created' in done.stdout
    assert server.got == [
        (
            "POST /api/v4/jobs/7/artifacts",
            "glcbt-x",
            {"artifact_format": "zip", "artifact_type": "archive", "expire_in": "1 week"},
        )
    ]
    ((name, content),) = server.files
    assert name == "my files.zip"
    assert zipfile.ZipFile(io.BytesIO(content)).namelist() == ["out/a", "out/b"]


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, "artifacts.zip"),
        ({"name": "a/b.zip"}, "b.zip"),
        ({"name": 'a "quoted"\r\nName: x'}, "a %22quoted%22%0D%0AName: x.zip"),
        ({"type": "junit", "format": "gzip"}, "junit.gz"),
        ({"type": "dotenv", "format": "raw"}, "dotenv"),
    ],
)
def test_a_file_has_a_name_by_its_kind(root: Path, fields: dict[str, str], name: str) -> None:
    fill(root, "out/a")
    with store() as server:
        assert upload(server, root, **fields).returncode == 0
    assert server.files[0][0] == name


def test_a_report_is_sent_as_gzip_or_as_it_is(root: Path) -> None:
    fill(root, "out/a")
    with store() as server:
        upload(server, root, type="junit", format="gzip")
        upload(server, root, type="dotenv", format="raw")
    assert gzip.decompress(server.files[0][1]) == b"out/a"
    assert server.files[1][1] == b"out/a"


def test_what_a_link_points_to_is_sent_in_no_format(root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (root / "out").symlink_to(tmp_path / "secret")
    with store() as server:
        for kind in ("gzip", "raw"):
            done = upload(server, root, type="junit", format=kind)
            assert (done.returncode, "ERROR: No files to upload" in done.stdout) == (0, True)
        assert server.files == []
        upload(server, root)
    ((_, content),) = server.files
    assert zipfile.ZipFile(io.BytesIO(content)).read("out") == str(tmp_path / "secret").encode()


def test_nothing_to_send_is_no_failure(root: Path) -> None:
    with store() as server:
        done = upload(server, root)
    assert done.returncode == 0
    assert "ERROR: No files to upload" in done.stdout
    assert server.got == []


def test_a_refused_archive_is_a_failure_and_not_sent_again(root: Path) -> None:
    fill(root, "out/a")
    with store(statuses=(413,)) as server:
        done = upload(server, root)
    assert done.returncode == 1
    assert "413" in done.stdout
    assert len(server.got) == 1


def download(server: Store, root: Path) -> subprocess.CompletedProcess[str]:
    dependencies = [{"url": server.url, "token": "glcbt-x", "id": 7, "name": "build"}]
    return call("download", {"root": str(root), "dependencies": dependencies})


def test_artifacts_of_another_job_are_fetched_and_unpacked(root: Path) -> None:
    with store(archive({"out/a": "x"}).getvalue()) as server:
        done = download(server, root)
    assert done.returncode == 0, done.stderr
    assert server.got == [("GET /api/v4/jobs/7/artifacts", "glcbt-x", {"direct_download": "true"})]
    assert everything(root) == {"out/a": "x"}
    assert "Downloading artifacts for build (7)..." in done.stdout


def test_artifacts_that_are_not_there_are_a_failure(root: Path) -> None:
    with store(statuses=(404,)) as server:
        done = download(server, root)
    assert done.returncode == 1
    assert "(status 404)" in done.stdout


def test_a_bad_archive_is_a_failure_and_writes_nothing(root: Path) -> None:
    with store(archive({"../evil": "x"}).getvalue()) as server:
        done = download(server, root)
    assert done.returncode == 1
    assert "leads out of the project's folder" in done.stderr
    assert everything(root.parent) == {}


def test_a_service_that_answers_is_not_waited_for() -> None:
    with store() as server:
        host, port = server.server_address[:2]
        done = call("wait", {"seconds": 5, "services": [[["127.0.0.1", 1], [host, port]]]})
    assert (done.returncode, done.stdout) == (0, "")


def test_services_that_do_not_answer_are_named() -> None:
    with store() as server:
        port = server.server_address[1]
        services = [[["127.0.0.1", port]], [["127.0.0.2", 1], ["127.0.0.2", 2]]]
        done = call("wait", {"seconds": 0.02, "services": services})
    assert (done.returncode, done.stdout) == (1, "127.0.0.2\n")
