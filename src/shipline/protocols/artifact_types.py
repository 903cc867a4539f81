"""What a job may leave behind, by GitLab's types: in which format each is sent, and how a report is called.

Source: GitLab's enumeration of job artifacts, 18.
"""

from __future__ import annotations

from dataclasses import dataclass

FORMATS = ("zip", "gzip", "raw")


@dataclass(frozen=True, slots=True)
class ArtifactType:
    """`filename` is that of the stored report; the archive's is told by its job."""

    format: str
    filename: str = ""


def _gzip(filename: str) -> ArtifactType:
    return ArtifactType("gzip", filename)


def _raw(filename: str) -> ArtifactType:
    return ArtifactType("raw", filename)


ARTIFACT_TYPES: dict[str, ArtifactType] = {
    "archive": ArtifactType("zip"),
    "metadata": ArtifactType("gzip"),
    "trace": ArtifactType("raw"),
    "metrics_referee": ArtifactType("gzip"),
    "network_referee": ArtifactType("gzip"),
    "junit": _gzip("junit.xml"),
    "metrics": _gzip("metrics.txt"),
    "dotenv": _gzip(".env"),
    "cobertura": _gzip("cobertura-coverage.xml"),
    "jacoco": _gzip("jacoco-coverage.xml"),
    "cluster_applications": _gzip("gl-cluster-applications.json"),
    "cyclonedx": _gzip("gl-sbom.cdx.json"),
    "annotations": _gzip("gl-annotations.json"),
    "repository_xray": _gzip("gl-repository-xray.json"),
    "lsif": ArtifactType("zip", "lsif.json"),
    "scip": ArtifactType("zip", "index.scip"),
    "sast": _raw("gl-sast-report.json"),
    "secret_detection": _raw("gl-secret-detection-report.json"),
    "dependency_scanning": _raw("gl-dependency-scanning-report.json"),
    "container_scanning": _raw("gl-container-scanning-report.json"),
    "cluster_image_scanning": _raw("gl-cluster-image-scanning-report.json"),
    "dast": _raw("gl-dast-report.json"),
    "license_scanning": _raw("gl-license-scanning-report.json"),
    "accessibility": _raw("gl-accessibility.json"),
    "codequality": _raw("gl-code-quality-report.json"),
    "performance": _raw("performance.json"),
    "browser_performance": _raw("browser-performance.json"),
    "load_performance": _raw("load-performance.json"),
    "terraform": _raw("tfplan.json"),
    "requirements": _raw("requirements.json"),
    "requirements_v2": _raw("requirements_v2.json"),
    "coverage_fuzzing": _raw("gl-coverage-fuzzing.json"),
    "api_fuzzing": _raw("gl-api-fuzzing-report.json"),
    "sarif": _raw("gl-sarif-report.sarif"),
}
# What a runner does not send: the server makes these itself.
OWN_TYPES = frozenset({"metadata", "trace"})
