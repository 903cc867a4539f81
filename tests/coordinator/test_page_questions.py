"""Pages that list: however much they list, the database is asked as often."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.coordinator.junit import KIND, bad, good, junit, suite
from tests.coordinator.server import DEVELOPER, Coordinator

CI = """\
stages: [build, test, ship]
build: {stage: build, script: make, artifacts: {reports: {junit: a.xml}}}
test: {stage: test, script: make}
child: {stage: test, trigger: {include: child.yml}}
ship: {stage: ship, script: make, environment: {name: production}, resource_group: one}
wait: {stage: ship, script: make, rules: [{if: $CI_MERGE_REQUEST_IID}, {when: manual}]}
"""
# Each row of what a project has is there several times more, and what hangs on it; then every page is asked again.
COUNT = """
import asyncio, json, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shipline import config
from shipline.config import DataFolder
from shipline.coordinator import setup
data, user, paths = DataFolder(Path(sys.argv[1])), sys.argv[2], sys.argv[3:]
settings = config.load(data)
setup.configure(data, settings, None)
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from shipline.coordinator import models
from shipline.coordinator.events import Events
from shipline.coordinator.repositories import Repositories
from shipline.coordinator.services import Services, install
events = Events(asyncio.new_event_loop())
repositories = Repositories(data.coordinator / "repositories")
install(Services(data, settings, events, repositories, ThreadPoolExecutor(1)))
client = Client()
client.force_login(User.objects.get(username=user))
def questions(path):
    with CaptureQueriesContext(connection) as asked:
        answer = client.get(path)
    assert answer.status_code == 200, (path, answer.status_code)
    return [one["sql"] for one in asked.captured_queries if one["sql"] not in ("BEGIN", "COMMIT")], len(answer.content)
def again(row, **changed):
    row = type(row).objects.get(pk=row.pk)
    row.pk = None
    for name, value in changed.items():
        setattr(row, name, value)
    row.save(force_insert=True)
    return row
def more(number):
    project = models.Project.objects.get(path_with_namespace=paths[0].strip("/"))
    owner = models.Membership.objects.filter(project=project).first()
    other = again(project, path_with_namespace=f"{project.path_with_namespace}{number}")
    if owner is not None:
        again(owner, project=other)
    asked = again(models.MergeRequest.objects.order_by("pk").first(), iid=100 + number)
    schedule = again(models.PipelineSchedule.objects.order_by("pk").first())
    environment = again(models.Environment.objects.order_by("pk").first(), name=f"e{number}", slug=f"e{number}")
    release = models.Release.objects.order_by("pk").first()
    link = release.links.first()
    again(link, release=again(release, tag=f"t{number}"))
    for at, pipeline in enumerate(models.Pipeline.objects.filter(source="push")[:1]):
        fresh = again(pipeline, iid=100 + number)
        again(fresh, iid=200 + number, project=other)
        again(fresh, iid=300 + number, merge_request=asked)
        again(fresh, iid=400 + number, schedule=schedule)
        for job in models.Job.objects.filter(pipeline=pipeline, name__in=["build", "test", "ship", "child"]):
            report = models.JobTestReport.objects.filter(job=job).first()
            for where in (fresh, pipeline):
                made = again(job, pipeline=where, name=f"{job.name} {number}", token_hash=None)
                if report is not None:
                    again(report, job=made)
                if job.name == "ship":
                    deployment = models.Deployment.objects.order_by("pk").first()
                    for place, iid in ((environment, 100), (deployment.environment, 200)):
                        iid += 2 * number + (where is pipeline)
                        again(deployment, environment=place, iid=iid, deployable=None)
before = {path: questions(path) for path in paths for _ in range(2)}
for number in range(6):
    more(number)
after = {path: questions(path) for path in paths for _ in range(2)}
print(json.dumps({path: [before[path], after[path]] for path in paths}))
"""


def test_no_page_asks_more_for_more_rows(own_coordinator: Coordinator, tmp_path: Path) -> None:
    project = own_coordinator.project()
    developer = project.add(DEVELOPER)
    tree = project.work_tree(tmp_path / "tree")
    tree.ship(CI, **{"child.yml": "inside: {script: make}\n"})
    number = project.pipeline()["id"]
    runner = project.runner()
    job = runner.take()
    assert job.upload(junit(suite(good("a"), bad("b"))), **KIND).status_code == 201
    job.succeed()
    project.downstream("child", number)
    tree.commit({"b.txt": "b"})
    assert tree.push("-o", "merge_request.create", "HEAD:refs/heads/topic").ok
    body = {"ref": "main", "description": "nightly", "cron": "0 2 * * *"}
    schedule = project.root.post(f"projects/{project.id}/pipeline_schedules", body)
    project.root.post(f"projects/{project.id}/pipeline_schedules/{schedule['id']}/play")
    link = {"name": "app", "url": "https://example.com/app.zip"}
    body = {"tag_name": "v1", "ref": "main", "assets": {"links": [link]}}
    project.root.post(f"projects/{project.id}/releases", body)
    (environment,) = project.root.get(f"projects/{project.id}/environments")
    assert own_coordinator.end() == 0
    rest = [
        "pipelines",
        f"pipelines/{number}",
        f"jobs/{job.id}",
        "merge_requests",
        "merge_requests/1",
        "releases",
    ]
    rest += ["releases/v1", "pipeline_schedules", "environments", f"environments/{environment['id']}"]
    paths = [f"/{project.path}", "/", *(f"/{project.path}/-/{one}" for one in rest)]
    words = [sys.executable, "-c", COUNT, str(own_coordinator.data.root), developer.name, *paths]
    told = subprocess.run(words, capture_output=True, text=True, timeout=100)
    assert told.returncode == 0, told.stderr
    for path, ((before, small), (after, large)) in json.loads(told.stdout).items():
        # What is of one thing alone shows no more of it; its times are told in fewer or more letters.
        if not path.endswith(("merge_requests/1", "releases/v1")):
            assert large > small, f"{path} shows nothing more"
        new = [one[:300] for one in after if one not in before]
        assert len(after) <= len(before), "\n".join([path, *new])
