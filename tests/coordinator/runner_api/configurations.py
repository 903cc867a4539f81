"""Configurations that several of these tests ship."""

from __future__ import annotations

import gzip

CI = "job:\n  script: echo\n"
FULL = """\
stages: [build, test]
variables:
  GREETING: hello
build:
  stage: build
  script: make
  artifacts:
    name: built
    paths: [dist/]
    exclude: ["*.tmp"]
    expire_in: 1 week
    reports:
      dotenv: build.env
      junit: report.xml
test:
  stage: test
  image:
    name: python:3.12
    entrypoint: [""]
    pull_policy: if-not-present
  services:
    - name: postgres:16
      alias: db
      command: [postgres, -N, "20"]
      variables:
        POSTGRES_PASSWORD: postgres
  variables:
    LEVEL: $GREETING-job
  timeout: 10 minutes
  before_script: [pip install .]
  script: [pytest]
  after_script: [echo bye]
"""


def dotenv(text: str) -> bytes:
    return gzip.compress(text.encode())
