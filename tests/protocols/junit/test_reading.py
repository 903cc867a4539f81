"""JUnit's XML, as the tools of many languages write it, and as an attacker would."""

from __future__ import annotations

import gzip
import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipline.protocols.junit.reading import Limits, read_report
from shipline.protocols.junit.report import (
    Outcome,
    Report,
    TestCase,
    Totals,
    system_output,
    totals_of,
    worst_first,
)

PYTEST = """<?xml version="1.0" encoding="utf-8"?>
<testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="1" skipped="1" tests="4" time="0.5">
<testcase classname="tests.test_a" name="test_good" time="0.125" />
<testcase classname="tests.test_a" name="test_bad[&lt;x&gt;]" time="0.25"><failure message="assert 1 == 2">def test():
&gt;   assert 1 == 2</failure><system-out>said
</system-out><system-err>warned</system-err></testcase>
<testcase classname="tests.test_a" name="test_later" time="0.000"><skipped type="pytest.skip" message="not today">\
tests/test_a.py:9: not today</skipped></testcase>
<testcase classname="tests.test_b" name="test_setup" time="0.002"><error message="failed on setup">no database\
</error></testcase>
</testsuite></testsuites>"""
NESTED = """<testsuites><testsuite name="all" file="AllTest.php"><testsuite name="one">
<testcase name="a" class="x" classname="x" line="1" time="1,000.5"/></testsuite>
<testsuite name="two" file="TwoTest.php"><testcase name="b"/><testcase name="c" file="own.php"/></testsuite>
<testcase name="d"/></testsuite></testsuites>"""


def packed(*texts: str | bytes) -> list[bytes]:
    stream = io.BytesIO()
    for number, text in enumerate(texts, 1):
        with gzip.GzipFile(f"r{number}.xml", "wb", fileobj=stream) as member:
            member.write(text.encode() if isinstance(text, str) else text)
    return [stream.getvalue()]


def read(*texts: str | bytes, limits: Limits | None = None) -> Report:
    return read_report(packed(*texts), limits)


def suite(inside: str) -> str:
    return f"<testsuite>{inside}</testsuite>"


def test_a_report_of_pytest_is_read() -> None:
    report = read(PYTEST)
    assert report.problems == ()
    assert report.cases == (
        TestCase("test_good", Outcome.SUCCESS, "tests.test_a", seconds=0.125),
        TestCase(
            "test_bad[<x>]",
            Outcome.FAILED,
            "tests.test_a",
            seconds=0.25,
            message="assert 1 == 2",
            text="def test():\n>   assert 1 == 2",
            system_out="said\n",
            system_err="warned",
        ),
        TestCase(
            "test_later",
            Outcome.SKIPPED,
            "tests.test_a",
            message="not today",
            text="tests/test_a.py:9: not today",
        ),
        TestCase(
            "test_setup",
            Outcome.ERROR,
            "tests.test_b",
            seconds=0.002,
            message="failed on setup",
            text="no database",
        ),
    )
    assert totals_of(report.cases) == Totals(1, 1, 1, 1, 0.377)


def test_suites_may_be_in_suites_and_tell_their_file() -> None:
    cases = read(NESTED).cases
    found = [(case.name, case.file, case.seconds) for case in cases]
    assert found == [
        ("a", "AllTest.php", 1000.5),
        ("b", "TwoTest.php", 0),
        ("c", "own.php", 0),
        ("d", "AllTest.php", 0),
    ]


def test_a_case_elsewhere_or_in_a_case_is_none() -> None:
    report = read(
        suite("<properties><testcase name='no'/></properties><testcase name='a'><testcase/></testcase>")
    )
    assert [case.name for case in report.cases] == ["a"]


def test_a_failure_counts_before_an_error_and_that_before_being_skipped() -> None:
    report = read(
        suite(
            "<testcase><skipped message='s'/><error message='e'>E</error><failure message='f'>F</failure></testcase>"
            "<testcase><error message='e'/><skipped/></testcase>"
        )
    )
    assert [(case.outcome, case.message) for case in report.cases] == [("failed", "f"), ("error", "e")]
    assert report.cases[0].text == "F"


def test_several_files_are_one_report_and_a_bad_one_does_not_take_the_others_along() -> None:
    report = read(suite("<testcase name='a'/>"), suite("<testcase name='b'/>\n<testcase"), "", NESTED)
    assert [case.name for case in report.cases] == ["a", "b", "a", "b", "c", "d"]
    broken, empty = report.problems
    assert broken.startswith("JUnit XML parsing failed: r2.xml:2:")
    assert empty == "JUnit XML parsing failed: r3.xml:1:1: no element found"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{}", "r1.xml:1:1: not well-formed"),
        ("<coverage/>", "r1.xml:1: <coverage> is no <testsuites> or <testsuite>"),
        (suite("<testcase name='\x01'/>"), "not well-formed"),
        ("<?xml version='1.0' encoding='klingon'?><testsuite/>", "unknown encoding"),
        ("<?xml version='1.0' encoding='utf-7'?><testsuite/>", "r1.xml"),
    ],
    ids=["json", "another report", "control character", "unknown encoding", "odd encoding"],
)
def test_what_is_no_report_is_told_with_its_place(text: str, why: str) -> None:
    report = read(text)
    assert report.cases == ()
    (problem,) = report.problems
    assert why in problem


def test_what_is_not_packed_is_told() -> None:
    assert read_report([PYTEST.encode()]).problems == (
        "JUnit report is not packed as it should be: the stream is damaged",
    )
    cut = read_report([packed(PYTEST)[0][:-6]])
    assert [case.name for case in cut.cases][:1] == ["test_good"]
    assert "middle of a file" in cut.problems[0]


LAUGHS = '<!DOCTYPE t [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
PARAMETER = '<!DOCTYPE t [<!ENTITY % p SYSTEM "file:///etc/passwd">%p;]>'


@pytest.mark.parametrize(
    "text",
    [
        LAUGHS + suite("<testcase name='&c;'/>"),
        '<!DOCTYPE t [<!ENTITY f SYSTEM "file:///etc/passwd">]>'
        + suite("<testcase><failure>&f;</failure></testcase>"),
        PARAMETER + suite("<testcase/>"),
    ],
    ids=["swells", "another file", "parameter"],
)
def test_entities_are_refused(text: str) -> None:
    report = read(text)
    assert report.cases == ()
    assert "entities are not read" in report.problems[0]


def test_a_document_type_alone_does_no_harm_and_reads_nothing() -> None:
    text = '<!DOCTYPE testsuite SYSTEM "file:///etc/passwd">' + suite(
        "<testcase name='a'>&amp;&#65;</testcase>"
    )
    report = read(text)
    assert report.problems == ()
    assert report.cases == (TestCase("a"),)


def test_text_in_other_encodings_is_read() -> None:
    text = "<?xml version='1.0' encoding='{}'?>" + suite("<testcase name='Grüße'/>")
    for encoding in ("iso-8859-1", "utf-16", "windows-1252"):
        assert read(text.format(encoding).encode(encoding)).cases[0].name == "Grüße", encoding


def test_limits_hold_and_are_told() -> None:
    limits = Limits(unpacked=1 << 20, cases=3, files=2, depth=4, name=5, text=10)
    many = read(suite("<testcase name='a'/>" * 5), limits=limits)
    assert len(many.cases) == 3
    assert many.problems == ("There are more than 3 cases; the rest is not read",)
    files = read(*[suite("<testcase/>")] * 3, limits=replace(limits, cases=9))
    assert (len(files.cases), files.problems) == (2, ("There are more than 2 files; the rest is not read",))
    empty = read(suite("<a/>" * 9), limits=replace(limits, elements=9))
    assert empty.problems == ("There are more than 9 elements; the rest is not read",)
    deep = read("<testsuite>" * 5 + "</testsuite>" * 5, limits=limits)
    assert "more than 4 deep" in deep.problems[0]
    long = read(
        suite(
            "<testcase name='abcdefgh'><failure message='123456789012345'>"
            "123456789<![CDATA[0123]]></failure></testcase>"
        ),
        limits=limits,
    ).cases[0]
    assert (long.name, long.message, long.text) == ("abcde", "12345678 …", "1234567890\n[cut off]")
    large = read(suite("<testcase name='a'/>" + "<!-- -->" * (1 << 18)), limits=limits)
    assert [case.name for case in large.cases] == ["a"]
    assert "larger than 1 MiB" in large.problems[0]


def test_as_many_cases_as_the_limit_are_no_problem() -> None:
    report = read(suite("<testcase/>" * 3), limits=Limits(cases=3))
    assert (len(report.cases), report.problems) == (3, ())


def test_no_more_problems_are_told_than_anybody_reads() -> None:
    report = read(*["<x"] * 50)
    assert len(report.problems) == Limits().problems


@pytest.mark.parametrize("written", ["", "soon", "nan", "inf", "-1", "1e300", "0x1"])
def test_a_time_that_is_none_is_nothing(written: str) -> None:
    assert read(suite(f"<testcase time='{written}'/>")).cases[0].seconds == 0


def test_what_goes_wrong_stands_first_and_the_slowest_of_it() -> None:
    cases = [
        TestCase("skipped", Outcome.SKIPPED),
        TestCase("quick", Outcome.FAILED, seconds=1),
        TestCase("good"),
        TestCase("slow", Outcome.FAILED, seconds=2),
        TestCase("error", Outcome.ERROR),
    ]
    assert [case.name for case in worst_first(cases)] == ["error", "slow", "quick", "good", "skipped"]


def test_the_output_is_the_failure_and_what_the_test_printed() -> None:
    case = TestCase("a", Outcome.FAILED, message="short", text="\nlong\n", system_out="out", system_err="err")
    assert system_output(case) == "long\n\nSystem Out:\n\nout\n\nSystem Err:\n\nerr"
    assert system_output(replace(case, text="", system_out="", system_err="")) == "short"
    assert system_output(replace(case, outcome=Outcome.SUCCESS)) == ""
    assert system_output(replace(case, outcome=Outcome.SKIPPED)) == "long"


def test_a_screenshot_of_a_failed_case_is_found() -> None:
    report = read(
        suite(
            "<testcase><failure/><system-out>see [[ATTACHMENT|shots/one.png]]</system-out></testcase>"
            "<testcase><system-out>[[ATTACHMENT|shots/two.png]]</system-out></testcase>"
        )
    )
    assert [case.attachment for case in report.cases] == ["shots/one.png", ""]


PIECES = st.sampled_from(
    ["<testsuite>", "</testsuite>", "<testcase name='x'>", "</testcase>", "<failure>", "</failure>", "<a/>", "&x;",
     "text", "<!--", "-->", "<![CDATA[", "]]>", "<!DOCTYPE t [<!ENTITY x 'y'>]>", "\x00", "'", "<"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=25).map("".join))
def test_whatever_is_in_a_file_something_is_told_or_read(text: str) -> None:
    report = read(text)
    assert report.cases or report.problems or "<testsuite>" in text
    assert all(case.outcome in Outcome for case in report.cases)
