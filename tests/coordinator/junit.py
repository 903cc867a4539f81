"""JUnit reports as runners pack them."""

from __future__ import annotations

import gzip
import io

KIND = {"artifact_type": "junit", "artifact_format": "gzip"}


def junit(*texts: str) -> bytes:
    """One gzip member for each file, in one stream."""
    stream = io.BytesIO()
    for number, text in enumerate(texts, 1):
        with gzip.GzipFile(f"report-{number}.xml", "wb", fileobj=stream, mtime=0) as member:
            member.write(text.encode())
    return stream.getvalue()


def suite(*cases: str) -> str:
    return f"<testsuites><testsuite name='all'>{''.join(cases)}</testsuite></testsuites>"


def good(name: str, seconds: float = 0.5) -> str:
    return f'<testcase classname="app.tests" name="{name}" time="{seconds}"/>'


def bad(name: str, message: str = "it broke", text: str = "Traceback", printed: str = "") -> str:
    out = f"<system-out>{printed}</system-out>" if printed else ""
    return (
        f'<testcase classname="app.tests" file="app/tests.py" name="{name}" time="1.5">'
        f'<failure message="{message}">{text}</failure>{out}</testcase>'
    )


SKIPPED = '<testcase classname="app.tests" name="later"><skipped message="not today"/></testcase>'
ERROR = '<testcase classname="app.tests" name="setup"><error message="no database"/></testcase>'
