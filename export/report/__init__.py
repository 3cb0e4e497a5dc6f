"""What a study found, on one page: study's files in, `report.html` out.

The page is self-contained: no fonts, scripts or pictures from elsewhere, so that it can be
mailed, archived and printed. Numbers keep the units of the files that they come from.
"""

from export.report.page import write_report

__all__ = ["write_report"]
