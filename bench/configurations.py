"""Files to compile, of any number of jobs: stages, needs, rules, extends, variables, services."""

from __future__ import annotations

HEAD = """\
workflow:
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
    - if: $CI_COMMIT_BRANCH
default:
  image: python:3.12-slim
  retry: 1
variables:
  PIP_CACHE_DIR: $CI_PROJECT_DIR/.cache/pip
  LOG_LEVEL: info
.base:
  tags: [docker]
  before_script:
    - pip install --quiet -r requirements.txt
  artifacts:
    paths: [reports/]
    expire_in: 1 week
.not-for-tags:
  rules:
    - if: $CI_COMMIT_TAG
      when: never
.with-database:
  services:
    - name: postgres:16
      alias: db
  variables:
    POSTGRES_PASSWORD: postgres
    DATABASE_URL: postgres://postgres:postgres@db/app
"""
JOB = """\
{name}:
  extends: [.base, .with-database]
  stage: {stage}
{needs}  variables:
    SHARD: "{number}"
  script:
    - python -m app.check --shard {number}
    - |
      echo "shard {number}"
      pytest tests/shard_{number}
  rules:
    - !reference [.not-for-tags, rules]
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
    - changes: ["src/{number}/**/*.py"]
"""
JOBS_PER_STAGE = 100
FEWEST_STAGES, MOST_STAGES = 5, 20


def configuration(jobs: int) -> str:
    """As users write it, only longer; 5,000 jobs stay below GitLab's 2 MiB. Each job needs one of the stage
    before, and every fifth another one."""
    stages = min(max(jobs // JOBS_PER_STAGE, FEWEST_STAGES), MOST_STAGES)
    names = [f"stage-{number}" for number in range(stages)]
    parts = [f"stages: [{', '.join(names)}]\n", HEAD]
    before: list[str] = []
    for stage in range(stages):
        here = [f"job-{number}" for number in range(stage * jobs // stages, (stage + 1) * jobs // stages)]
        for position, name in enumerate(here):
            needs = (
                [before[position % len(before)], *([before[-1]] if position % 5 == 0 else [])]
                if before
                else []
            )
            line = f"  needs: [{', '.join(dict.fromkeys(needs))}]\n" if needs else ""
            parts.append(JOB.format(name=name, stage=names[stage], number=name[4:], needs=line))
        before = here
    return "".join(parts)
