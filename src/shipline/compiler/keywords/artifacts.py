"""`artifacts` and its reports. Pure."""

from __future__ import annotations

import re

from shipline.compiler.fields import Fields, Reader, is_blank
from shipline.compiler.nodes import Node
from shipline.model.definition import Artifacts, CoverageReport

KEYS = (
    "name", "untracked", "paths", "reports", "when", "expire_in", "expose_as", "exclude", "public", "access",
)  # fmt: skip
WHENS = ("on_success", "on_failure", "always")
ACCESS = ("none", "developer", "maintainer", "all")
REPORTS = (
    "accessibility", "annotations", "api_fuzzing", "browser_performance", "cluster_image_scanning",
    "codequality", "container_scanning", "coverage_fuzzing", "cyclonedx", "dast", "dependency_scanning",
    "dotenv", "junit", "license_scanning", "load_performance", "lsif", "metrics", "performance",
    "repository_xray", "requirements", "requirements_v2", "sast", "secret_detection", "terraform",
)  # fmt: skip
COVERAGE_FORMATS = ("cobertura", "jacoco")
_EXPOSE_AS = re.compile(r"\w[-\w ]*", re.ASCII)


def read_artifacts(reader: Reader, node: Node, path: str) -> Artifacts | None:
    fields = reader.fields(node, path, KEYS)
    if fields is None:
        return None
    reader.exclusive(node, path, ("access", "public"))
    reports = fields.hash("reports")
    return Artifacts(
        paths=fields.texts("paths"),
        exclude=fields.texts("exclude"),
        name=fields.text("name"),
        untracked=fields.boolean("untracked") or False,
        when=fields.choice("when", WHENS) or "on_success",
        expire_in=fields.duration("expire_in", besides=("never",)),
        reports=_reports(reader, reports, f"{path}:reports") if reports is not None else (),
        coverage_report=_coverage_report(reader, reports, f"{path}:reports:coverage_report"),
        expose_as=_expose_as(fields),
        public=fields.boolean("public"),
        access=fields.choice("access", ACCESS),
    )


def _expose_as(fields: Fields) -> str | None:
    item = fields.given("expose_as")
    if item is None:
        return None
    paths = fields.given("paths")
    if paths is None or is_blank(paths.value):
        fields.wrong("paths", "can't be blank", at=item)
    elif isinstance(paths.value, list) and any("*" in str(path.value) for path in paths):
        fields.wrong("paths", "can't contain '*' when used with 'expose_as'")
    name = fields.text("expose_as")
    if name is None:
        return None
    limit = fields.reader.limits.expose_as
    if len(name) > limit:
        fields.wrong("expose_as", f"is too long (maximum is {limit} characters)")
    if _EXPOSE_AS.fullmatch(name) is None:
        fields.wrong("expose_as", "can contain only letters, digits, '-', '_' and spaces")
    return name


def _reports(reader: Reader, node: Node, path: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    reader.known_keys(node, path, (*REPORTS, "coverage_report"))
    fields = Fields(reader, node, path)
    return tuple(
        (kind, fields.text_or_texts(kind))
        for kind in node.value
        if kind in REPORTS and fields.given(kind) is not None
    )


def _coverage_report(reader: Reader, reports: Node | None, path: str) -> CoverageReport | None:
    item = reports.value.get("coverage_report") if reports is not None else None
    if item is None or item.value is None:
        return None
    fields = reader.fields(item, path, ("coverage_format", "path"))
    if fields is None:
        return None
    written = fields.given("coverage_format")
    if written is None or written.value not in COVERAGE_FORMATS:
        formats = ", ".join(COVERAGE_FORMATS)
        fields.wrong("coverage_format", f"must be one of supported formats: {formats}.")
    return CoverageReport(str(written.value) if written else "", fields.required_text("path"))
