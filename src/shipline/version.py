"""The version, alone in its file so that `shipline --version` need not import anything else."""

__version__ = "0.1.0"
