"""The helper's modules can be imported, as its own program imports them."""

from __future__ import annotations

import sys

from shipline.runner.executor.helper_files import program_folder

sys.path.insert(0, str(program_folder()))
