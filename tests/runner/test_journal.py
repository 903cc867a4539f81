"""What a killed runner leaves for its next life."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from shipline.protocols.runner_api import JobUpdate, TraceOutput
from shipline.runner.journal import Entry, Journal

ENTRY = Entry("http://coordinator/", 7, "glcbt-secret")


def test_a_job_in_hand_is_on_disk_until_it_ends(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "jobs")
    assert journal.left() == []
    journal.add(ENTRY)
    assert journal.left() == [ENTRY]
    journal.remove(ENTRY)
    assert journal.left() == []
    journal.remove(ENTRY)


def test_jobs_of_the_same_number_from_two_coordinators_are_two(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "jobs")
    other = Entry("http://other/", 7, "glcbt-other")
    journal.add(ENTRY)
    journal.add(other)
    assert sorted(journal.left(), key=lambda entry: entry.url) == [ENTRY, other]


def test_a_job_that_came_back_with_another_token_stays_when_the_end_of_the_first_is_told(
    tmp_path: Path,
) -> None:
    journal = Journal(tmp_path / "jobs")
    again = Entry(ENTRY.url, ENTRY.job, "glcbt-another")
    journal.add(ENTRY)
    journal.add(again)
    journal.remove(ENTRY)
    assert journal.left() == [again]
    journal.remove(again)
    assert journal.left() == []


def test_what_is_known_later_is_written_too_and_goes_with_the_job(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "jobs")
    update = JobUpdate(state="failed", exit_code=3, output=TraceOutput(checksum="crc32:1", bytesize=9))
    later = replace(ENTRY, folder="/builds/app.tmp", update=update)
    journal.add(ENTRY)
    journal.add(later)
    assert journal.left() == [later]
    journal.remove(ENTRY)
    assert journal.left() == []


def test_what_an_older_runner_wrote_is_understood(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"url": "http://coordinator/", "job": 7, "token": "glcbt-secret"}')
    assert Journal(tmp_path).left() == [ENTRY]


def test_a_file_of_which_a_kill_has_kept_the_last_step_does_not_stay(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "jobs")
    journal.add(ENTRY)
    (file,) = journal.folder.iterdir()
    file.rename(file.with_suffix(".new"))
    assert journal.left() == []
    assert list(journal.folder.iterdir()) == []


def test_only_the_owner_may_read_a_token(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "jobs")
    journal.add(ENTRY)
    (file,) = journal.folder.iterdir()
    assert file.stat().st_mode & 0o077 == 0
    assert journal.folder.stat().st_mode & 0o077 == 0
    assert "secret" not in repr(ENTRY)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", '{"update": 7}', '{"url": "http://c"}', '{"unknown": 1}']
)
def test_what_was_not_written_whole_counts_for_nothing(tmp_path: Path, text: str) -> None:
    journal = Journal(tmp_path)
    (tmp_path / "x.json").write_text(text)
    assert journal.left() == []
    assert list(tmp_path.iterdir()) == []
