"""Coverage out of a log."""

from __future__ import annotations

import pytest

from shipline.coordinator.coverage import coverage_in, pipeline_coverage

LOG = b"""\
Name    Stmts   Miss  Cover
app.py     10      1    90%
TOTAL      20      1    95%
done, 100% sure
"""


def found(pattern: str, log: bytes = LOG) -> float | None:
    return coverage_in(pattern, reversed(log.split(b"\n")))


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"/TOTAL.*?(\d+(?:\.\d+)?)%/", 95.0),
        (r"/TOTAL.*\d+%/", 20.0),
        (r"/\d+%/", 100.0),
        (r"/^app\.py\s+\d+\s+\d+\s+(\d+)%$/", 90.0),
        (r"/total.*?(\d+)%/i", 95.0),
        (r"/nothing (\d+)/", None),
        (r"/TOTAL/", None),
        (r"/(TOTAL)|(\d+)%/", 100.0),
        ("no slashes", None),
        ("/(/", None),
    ],
)
def test_the_last_line_that_matches_counts(pattern: str, expected: float | None) -> None:
    assert found(pattern) == expected


def test_of_several_matches_on_a_line_the_last_counts() -> None:
    assert found(r"/\d+\.\d+%/", b"10.5% then 20.25%\nnothing\n") == 20.25


def test_a_match_without_a_number_does_not_count_and_the_line_before_is_looked_at() -> None:
    assert found(r"/Cover: (\S*)/", b"Cover: 81.5%\nCover: n/a\n") == 81.5


def test_a_pattern_that_would_take_other_engines_for_ever_takes_no_time() -> None:
    assert found(r"/^(a+)+$/", b"a" * 100_000 + b"!\n") is None


def test_a_log_of_any_bytes_is_looked_at() -> None:
    assert found(r"/(\d+)%/", b"\xff\xfe 42% \x00\n") == 42.0


def test_a_pipeline_s_coverage_is_the_mean_of_its_jobs_that_have_one() -> None:
    assert pipeline_coverage([80.0, None, 91.0]) == 85.5
    assert pipeline_coverage([10.0, 20.0, 20.0]) == 16.67
    assert pipeline_coverage([None]) is None
    assert pipeline_coverage([]) is None
