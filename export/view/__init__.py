"""What a study has so far, on a map for the browser or the notebook.

In: a study, at whatever step. Out: `view.html`, one self-contained file; or a geemap map, alone
or on a page (`export.view.notebook`). Numbers keep the units of the files that they come from.
"""

from export.view.page import write_view

__all__ = ["write_view"]
