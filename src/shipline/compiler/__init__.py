""".gitlab-ci.yml and facts about the push in; a pipeline, or every error with file and line, out. Pure."""

from shipline.compiler.compile import Compiled, compile_pipeline
from shipline.compiler.decisions import Decision
from shipline.compiler.facts import (
    CommitFacts,
    MergeRequestFacts,
    ProjectFacts,
    PushFacts,
    RuleError,
    ServerFacts,
    UpstreamFacts,
    UserFacts,
)
from shipline.compiler.limits import Limits
from shipline.compiler.predefined import predefined_variables
from shipline.compiler.problems import Problem

__all__ = [
    "CommitFacts",
    "Compiled",
    "Decision",
    "Limits",
    "MergeRequestFacts",
    "Problem",
    "ProjectFacts",
    "PushFacts",
    "RuleError",
    "ServerFacts",
    "UpstreamFacts",
    "UserFacts",
    "compile_pipeline",
    "predefined_variables",
]
