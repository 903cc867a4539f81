"""What is stored of a compiled job and its variables, as the values that they are."""

from __future__ import annotations

from pydantic import TypeAdapter

from shipline.coordinator.models import Job, Pipeline
from shipline.model.definition import JobDefinition
from shipline.model.variable import Variable

JOB_DEFINITION = TypeAdapter(JobDefinition)
VARIABLES = TypeAdapter(tuple[Variable, ...])


def definition_of(job: Job) -> JobDefinition:
    return JOB_DEFINITION.validate_python(job.definition)


def predefined_of(pipeline: Pipeline) -> tuple[Variable, ...]:
    return VARIABLES.validate_python(pipeline.predefined)
