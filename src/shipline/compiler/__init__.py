""".gitlab-ci.yml and facts about the push in; a pipeline, or every error with file and line, out. Pure."""

from shipline.compiler.compile import Compiled, compile_pipeline
from shipline.compiler.facts import CommitFacts, ProjectFacts, PushFacts, ServerFacts
from shipline.compiler.predefined import predefined_variables
from shipline.compiler.problems import Problem

__all__ = [
    "CommitFacts",
    "Compiled",
    "Problem",
    "ProjectFacts",
    "PushFacts",
    "ServerFacts",
    "compile_pipeline",
    "predefined_variables",
]
