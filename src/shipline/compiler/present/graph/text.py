"""The graph as lines of text. Pure."""

from __future__ import annotations

from shipline.compiler.present.graph.shape import Graph, Vertex


def as_text(graph: Graph) -> list[str]:
    """A stage, its jobs, and what each waits for when it is not simply the stages before."""
    needs = graph.needs_of()
    lines: list[str] = []
    for position, (stage, jobs) in enumerate(graph.stages):
        lines.append(stage)
        for number, job in enumerate(jobs):
            last = number == len(jobs) - 1
            words = _words(job, needs.get(job.name, []), first=position == 0)
            lines.append(f"{'└─' if last else '├─'} {job.name}{'  ' + words if words else ''}")
        lines.append("")
    return lines[:-1]


def _words(job: Vertex, needs: list[str], *, first: bool) -> str:
    words = [] if job.when == "on_success" else [f"[{job.when}]"]
    if job.allow_failure and job.when != "manual":
        words.append("[may fail]")
    if needs:
        words.append(f"← {', '.join(needs)}")
    elif job.waits == "nothing" and not first:
        words.append("← starts at once")
    return " ".join(words)
