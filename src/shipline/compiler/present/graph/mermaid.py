"""The graph as a Mermaid flowchart, which GitLab and GitHub draw in Markdown. Pure."""

from __future__ import annotations

from shipline.compiler.present.graph.shape import Graph, Vertex


def as_mermaid(graph: Graph) -> str:
    ids = {
        job.name: f"j{number}" for number, job in enumerate(job for _, jobs in graph.stages for job in jobs)
    }
    lines = ["flowchart LR"]
    for number, (stage, jobs) in enumerate(graph.stages):
        lines.append(f'  subgraph s{number}["{_text(stage)}"]')
        lines.append("    direction TB")
        lines += [f"    {ids[job.name]}{_shape(job)}" for job in jobs]
        lines.append("  end")
    # A stage follows the one before it as far as any of its jobs waits for stages.
    for number, (_, jobs) in enumerate(graph.stages[1:], start=1):
        if any(job.waits == "stages" for job in jobs):
            lines.append(f"  s{number - 1} -.-> s{number}")
    lines += [
        f"  {ids[edge.need]} {'-->' if edge.artifacts else '-.->'} {ids[edge.job]}" for edge in graph.edges
    ]
    return "\n".join(lines) + "\n"


def _shape(job: Vertex) -> str:
    """Manual jobs are round, as something to press."""
    mark = "" if job.when in ("on_success", "manual") else f" ({job.when})"
    text = f'"{_text(job.name)}{mark}"'
    return f"([{text}])" if job.when == "manual" else f"[{text}]"


def _text(name: str) -> str:
    """Mermaid's own entities: a number sign, the code and a semicolon."""
    return "".join(
        character if character.isalnum() or character in " -_./:,+" else f"#{ord(character)};"
        for character in name
    )
