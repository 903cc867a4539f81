"""PROGRAM: projects, pipelines, job hand-out, pages: the part that GitLab plays. A Django project."""
