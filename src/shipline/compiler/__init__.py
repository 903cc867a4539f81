""".gitlab-ci.yml and facts about the push in; a pipeline, or every error with file and line, out. Pure."""
