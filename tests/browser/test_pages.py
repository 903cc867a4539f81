"""What each page says, for every state that a pipeline or a job can be in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Literal

import httpx
import pytest
from playwright.async_api import Page, expect
from tests.browser.conftest import Visit, sign_in
from tests.browser.world import Coordinator, Project

from shipline.demo.gitlab import Json

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
HOSTILE = "<script>document.title='owned'</script><img src=x onerror=alert(1)>"
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
LONG = "a-name-that-goes-on-" * 12
SCENE = f"""\
stages: [build, test, ship]
build:
  stage: build
  script: make
lint:
  stage: build
  allow_failure: true
  script: lint
{HOSTILE!r}:
  stage: test
  script: test
{LONG}:
  stage: test
  script: test
gpu:
  stage: test
  tags: [gpu]
  script: train
after:
  stage: ship
  script: ship
"""
INVALID = """\
stages: [test]
one:
  stage: nowhere
  script: echo
two:
  script: echo
  colour: red
"""


async def test_the_list_shows_each_project_with_its_newest_pipeline(page: Page, project: Project) -> None:
    await page.goto("/")
    row = page.get_by_role("listitem").filter(has_text=project.facts["name"])
    await expect(row).to_contain_text("no pipeline yet")
    pipeline = await project.push("one:\n  script: echo\n", "The first change")
    await page.reload()
    await expect(row).to_contain_text(f"pending #{pipeline} The first change")
    await row.get_by_role("link", name="pending").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("The first change")


async def test_an_empty_project_says_how_to_push(page: Page, project: Project) -> None:
    await page.goto(project.page())
    await expect(page.get_by_text(f"git remote add origin {project.page('.git')}")).to_be_visible()
    await expect(page.get_by_text("No pipeline yet: push something.")).to_be_visible()


async def test_older_pipelines_are_a_page_away(page: Page, project: Project) -> None:
    first = await project.push("one:\n  script: echo\n")
    for _ in range(30):
        await project.gitlab.call("POST", f"projects/{project.id}/pipeline", {"ref": "main"})
    await page.goto(project.page())
    await page.get_by_role("link", name="All of them").click()
    rows = page.get_by_role("row")
    await expect(rows).to_have_count(31)
    await expect(rows.nth(1)).to_contain_text(f"#{first + 30}")
    await page.get_by_role("link", name="Older", exact=True).click()
    await expect(rows).to_have_count(2)
    await expect(rows.nth(1)).to_contain_text(f"#{first}")
    await page.get_by_role("link", name="Newest", exact=True).click()
    await expect(rows).to_have_count(31)


async def test_an_invalid_configuration_is_told_error_by_error_with_its_line(
    page: Page, project: Project
) -> None:
    pipeline = await project.push(INVALID)
    await page.goto(project.page(f"/-/pipelines/{pipeline}"))
    problems = page.get_by_role("main").get_by_role("listitem")
    await expect(problems).to_have_count(2)
    await expect(problems.nth(0)).to_contain_text(re.compile(r"\.gitlab-ci\.yml:3 .*nowhere"))
    await expect(problems.nth(1)).to_contain_text(re.compile(r"\.gitlab-ci\.yml:7 .*colour"))
    await page.goto(project.page("/-/pipelines"))
    await expect(page.get_by_role("row").nth(1)).to_contain_text("invalid configuration")


async def test_a_pipeline_shows_why_each_job_is_where_it_is(
    page: Page, project: Project, client: httpx.AsyncClient
) -> None:
    pipeline = await project.push(SCENE)
    await page.goto(project.page(f"/-/pipelines/{pipeline}"))
    job = page.locator("a.job")
    runner = await project.runner(client)
    taken = await runner.take_all("build", "lint")
    await taken["build"].end()
    await taken["lint"].end("failed", failure_reason="script_failure", exit_code=2)
    await expect(job.filter(has_text="build")).to_contain_text("success")
    await expect(job.filter(has_text="lint")).to_contain_text(
        "Script failure, exit code 2; it may fail, the pipeline goes on"
    )
    await expect(job.filter(has_text="gpu")).to_contain_text("No runner has all of its tags: gpu")
    await expect(job.filter(has_text="after")).to_contain_text("created")
    taken = await runner.take_all(HOSTILE, LONG)
    await taken[HOSTILE].end("failed", failure_reason="script_failure", exit_code=1)
    await taken[LONG].end()
    await expect(job.filter(has_text=HOSTILE)).to_contain_text("Script failure, exit code 1")
    await (await project.runner(client, tag_list=["gpu"])).take()
    await expect(job.filter(has_text="gpu")).to_contain_text("running")
    await page.goto(project.page("/-/pipelines"))
    for stage, look in (("build", "warning"), ("test", "failed"), ("ship", "created")):
        await expect(page.get_by_role("img", name=f"{stage}: {look}")).to_be_visible()


@pytest.mark.parametrize(
    ("runner", "branch", "why"),
    [
        ({"paused": True}, "main", "Every runner of this project is paused"),
        ({"access_level": "ref_protected"}, "topic", "Its runners take only jobs of protected branches"),
        ({"run_untagged": False, "tag_list": ["gpu"]}, "main", "No runner takes jobs without tags"),
        ({}, "main", "Every runner that may take it is offline"),
    ],
)
async def test_a_job_says_why_it_waits(
    page: Page, project: Project, client: httpx.AsyncClient, runner: Json, branch: str, why: str
) -> None:
    await project.runner(client, **runner)
    pipeline = await project.push("one:\n  script: echo\n", branch=branch)
    await page.goto(project.page(f"/-/jobs/{await project.job(pipeline, 'one')}"))
    await expect(page.get_by_role("main")).to_contain_text(why)


async def test_a_job_waits_for_a_runner_that_was_heard_of_and_has_others(
    page: Page, project: Project, client: httpx.AsyncClient
) -> None:
    pipeline = await project.push("one:\n  script: echo\ntwo:\n  script: echo\n")
    taken = await (await project.runner(client)).take()
    assert taken.name == "one"
    await page.goto(project.page(f"/-/jobs/{await project.job(pipeline, 'two')}"))
    await expect(page.get_by_role("main")).to_contain_text("Waiting for a free runner")


async def test_a_job_that_was_skipped_names_the_job_that_failed(
    page: Page, project: Project, client: httpx.AsyncClient
) -> None:
    pipeline = await project.push("one:\n  script: a\ntwo:\n  stage: deploy\n  script: b\n")
    taken = await (await project.runner(client)).take()
    await taken.end("failed", failure_reason="script_failure", exit_code=1)
    await page.goto(project.page(f"/-/jobs/{await project.job(pipeline, 'two')}"))
    await expect(page.get_by_role("status").first).to_have_text("skipped")
    await expect(page.get_by_text("Because one did not succeed")).to_be_visible()
    await expect(page.get_by_text("This job has no log.")).to_be_visible()


async def test_a_delayed_job_says_when_it_starts(page: Page, project: Project) -> None:
    pipeline = await project.push("later:\n  when: delayed\n  start_in: 3 hours\n  script: echo\n")
    await page.goto(project.page(f"/-/pipelines/{pipeline}"))
    await expect(page.locator("a.job")).to_contain_text("starts in 2 h")
    await page.locator("a.job").click()
    await expect(page.get_by_text("Starts in 2 h")).to_be_visible()


async def test_times_are_relative_with_the_moment_in_their_title(page: Page, project: Project) -> None:
    pipeline = await project.push("one:\n  script: echo\n")
    await page.goto(project.page(f"/-/pipelines/{pipeline}"))
    moment = page.locator("time").first
    await expect(moment).to_have_text(re.compile(r"just now|\d+ s ago"))
    await expect(moment).to_have_attribute("title", re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$"))
    # The page keeps them true, also where its own clock is wrong.
    await page.clock.install(time="2020-01-01T00:00:00Z")
    await page.reload()
    await expect(moment).to_have_text(re.compile(r"just now|\d+ s ago"))
    await page.clock.fast_forward("02:05:00")
    await expect(moment).to_have_text("2 h ago")


async def test_artifacts_can_be_downloaded(page: Page, project: Project, client: httpx.AsyncClient) -> None:
    await project.push("one:\n  script: echo\n  artifacts:\n    paths: [out]\n")
    taken = await (await project.runner(client)).take()
    await page.goto(project.page(f"/-/jobs/{taken.id}"))
    await taken.upload("site.zip", b"PK\x05\x06" + bytes(18))
    await taken.end()
    async with page.expect_download() as download:
        await page.get_by_role("link", name="site.zip").click()
    assert (await (await download.value).path()).read_bytes() == b"PK\x05\x06" + bytes(18)


class Inline(HTMLParser):
    """What a strict policy forbids: styles and scripts inside the page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in names):
            self.found.append(tag)
        self.found += [f"{tag} {name}" for name in names if name == "style" or name.startswith("on")]


@dataclass
class Scene:
    """The address of every kind of page, and of the job that has a hostile name and log."""

    urls: list[str]
    hostile: str


async def scene(project: Project, client: httpx.AsyncClient) -> Scene:
    """Full of names that are hostile or long."""
    runner = await project.runner(client, description=HOSTILE)
    invalid = await project.push(INVALID, HOSTILE)
    pipeline = await project.push(SCENE, f"{HOSTILE} {LONG}")
    taken = await runner.take_all("build", "lint")
    await taken["build"].say(f"{HOSTILE}\n{LONG}\n")
    await taken["build"].end()
    await taken["lint"].end("failed", failure_reason="script_failure")
    hostile = await runner.take()
    await hostile.say(f"section_start:1:x\r\x1b[0K{HOSTILE}\n\x1b[31m{HOSTILE}{LONG}\x1b[0m\n")
    gpu = await project.job(pipeline, "gpu")
    rest = ["", "/-/pipelines", f"/-/pipelines/{invalid}", f"/-/pipelines/{pipeline}", f"/-/jobs/{gpu}"]
    rest += [f"/-/jobs/{job.id}" for job in (taken["build"], hostile)]
    return Scene([f"{project.gitlab.url}/", *map(project.page, rest)], project.page(rest[-1]))


async def test_names_and_logs_stay_text_and_pages_fit_a_phone(
    page: Page, project: Project, client: httpx.AsyncClient
) -> None:
    titles = []
    shown = await scene(project, client)
    for url in shown.urls:
        for width in (390, 1280):
            await page.set_viewport_size({"width": width, "height": 800})
            answer = await page.goto(url)
            assert answer is not None
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            inline = Inline()
            inline.feed(await answer.text())
            assert inline.found == [], url
            if url == shown.hostile:
                await expect(page.locator("#log .red")).to_be_visible()
            await expect(page).not_to_have_title("owned")
            await expect(page.locator("img:not([src='/static/mark.svg']), main script")).to_have_count(0)
            assert await page.evaluate("document.documentElement.scrollWidth") <= width, url
        titles.append(await page.title())
    assert len(set(titles)) == len(titles)
    await page.goto(shown.hostile)
    log = page.locator("#log")
    await expect(log.locator("summary")).to_have_text(HOSTILE)
    await expect(log.locator(".red")).to_have_text(HOSTILE + LONG)
    await expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)


async def test_text_stands_out_from_its_ground_in_light_and_dark(
    page: Page, project: Project, client: httpx.AsyncClient
) -> None:
    shown = await scene(project, client)
    grounds = [*range(40, 48), *range(100, 108), 49]
    colours = "".join(f"\x1b[{ground};{text}mx\x1b[0m" for text in (30, 37, 90, 97) for ground in grounds)
    log = await (await project.runner(client)).take()
    await log.say(f"{colours}\n\x1b[7minverse\x1b[31mred\n")
    for url in [*shown.urls, project.page(f"/-/jobs/{log.id}")]:
        await page.goto(url)
        if url.endswith(f"/{log.id}"):
            await expect(page.locator("#log")).to_contain_text("inversered")
        for scheme in SCHEMES:
            await page.emulate_media(color_scheme=scheme)
            assert await page.evaluate(WEAK_TEXT) == [], f"{url}, {scheme}"


# The contrast of every text with what is behind it, by WCAG's formula; AA asks for 4.5.
WEAK_TEXT = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const pixel = (colour, under) => {
    canvas.fillStyle = `rgb(${under})`; canvas.fillRect(0, 0, 1, 1);
    canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (pixel) => pixel.map((c) => c / 255).map((c) => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
  const chain = (element) => element ? [...chain(element.parentElement), element] : [];
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !element.checkVisibility()) continue;
    const under = chain(element).reduce((at, one) => pixel(getComputedStyle(one).backgroundColor, at), [255, 255, 255]);
    const [low, high] = [light(under), light(pixel(getComputedStyle(element).color, under))].sort((a, b) => a - b);
    const ratio = (high + .05) / (low + .05);
    if (ratio < 4.5) found.push(`${element.className || element.tagName} ${ratio.toFixed(2)}`);
  }
  return [...new Set(found)];
}"""


async def test_the_keyboard_reaches_the_content_at_once(page: Page, project: Project) -> None:
    await page.goto(project.page())
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("main")).to_be_focused()


async def test_what_is_not_there_is_told_with_a_way_back(
    visit: Visit, server: Coordinator, project: Project
) -> None:
    visitor = await visit()
    page = visitor.page
    await page.goto("/users/sign_in")
    await sign_in(page, server.token)
    await expect(page.get_by_role("heading", name="Projects")).to_be_visible()
    answer = await page.goto(project.page("/-/pipelines/99999"))
    assert answer is not None
    assert answer.status == 404
    await expect(page.get_by_role("heading")).to_have_text("Not found")
    assert ["404" in complaint for complaint in visitor.complaints] == [True]
    visitor.complaints.clear()
    await page.get_by_role("link", name="All projects").click()
    await expect(page.get_by_role("heading", name="Projects")).to_be_visible()
