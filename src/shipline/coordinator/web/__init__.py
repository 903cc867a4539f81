"""The pages: projects, pipelines, jobs with their live logs."""
