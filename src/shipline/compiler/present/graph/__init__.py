"""A pipeline as a picture: stages from left to right, jobs in them, and lines for what needs what. Pure."""

from shipline.compiler.present.graph.mermaid import as_mermaid
from shipline.compiler.present.graph.shape import Edge, Graph, graph_of
from shipline.compiler.present.graph.svg import as_svg
from shipline.compiler.present.graph.text import as_text

__all__ = ["Edge", "Graph", "as_mermaid", "as_svg", "as_text", "graph_of"]
