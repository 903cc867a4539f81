from __future__ import annotations

from shipline.demo.probe import FAILURES_KEPT, Probe
from shipline.demo.report import Phase, PipelineReport, Report, waterfall


def test_phases_become_names_with_seconds_in_the_order_they_began() -> None:
    report = Report(phases=[Phase("second", 3.0, 2.0), Phase("first", 0.0, 3.0)])
    assert report.document()["phases"] == {"first": 3.0, "second": 2.0}


def test_the_document_holds_the_pipelines_with_their_jobs() -> None:
    report = Report(pipelines=[PipelineReport(1, "abc", "success", 9.5, {"test": "success"}, "http://x/1")])
    document = report.document()
    assert document["pipelines"][0]["jobs"] == {"test": "success"}
    assert document["requests_failed"] == 0


def test_a_waterfall_puts_each_bar_at_its_place_in_time() -> None:
    lines = waterfall([Phase("up", 0, 5), Phase("push", 5, 5), Phase("job", 5, 1, depth=1)], width=10)
    assert lines == [
        "up     █████          5.0 s",
        "push        █████     5.0 s",
        "  job       ━         1.0 s",
    ]


def test_nothing_has_no_waterfall() -> None:
    assert waterfall([]) == []


def test_a_probe_counts_failures_and_keeps_the_first_few() -> None:
    probe = Probe("http://x")
    for number in range(FAILURES_KEPT + 5):
        probe.count(0.1, "status 503" if number else None, float(number))
    assert (probe.total, probe.failed) == (FAILURES_KEPT + 5, FAILURES_KEPT + 4)
    assert len(probe.failures) == FAILURES_KEPT
    assert probe.failures[0] == "at 1.0 s: status 503"
