"""The stages of a job, one file each; `runner/job.py` has their order."""
