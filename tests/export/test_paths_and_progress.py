"""Files of a study stay in it unless it says otherwise; progress is seen wherever a run goes."""

import io

import pytest

from export.errors import StudyError
from export.paths import inside_study
from export.progress import PlainLines, progress_for, silent


def test_relative_names_count_from_the_study(tmp_path):
    assert inside_study(tmp_path, "rasters/dem.tif", False) == tmp_path / "rasters" / "dem.tif"


@pytest.mark.parametrize("outside_files", [False, True])
def test_dots_never_leave_the_study(tmp_path, outside_files):
    with pytest.raises(StudyError, match=r"'\.\./secret\.tif' leaves the study"):
        inside_study(tmp_path, "../secret.tif", outside_files)


def test_absolute_names_need_the_studys_word(tmp_path):
    study = tmp_path / "study"
    study.mkdir()
    outside = tmp_path / "dem.tif"
    with pytest.raises(StudyError, match="outside_files = true"):
        inside_study(study, str(outside), False)
    assert inside_study(study, str(outside), True) == outside


def test_a_link_out_of_the_study_needs_it_too(tmp_path):
    study = tmp_path / "study"
    study.mkdir()
    (study / "rasters").symlink_to(tmp_path)
    with pytest.raises(StudyError, match="outside"):
        inside_study(study, "rasters/dem.tif", False)
    assert inside_study(study, "rasters/dem.tif", True) == study / "rasters" / "dem.tif"


def test_an_empty_name_is_refused(tmp_path):
    with pytest.raises(StudyError, match="empty"):
        inside_study(tmp_path, " ", True)


def test_plain_lines_come_every_tenth():
    stream = io.StringIO()
    with PlainLines(stream, seconds_apart=0).task("covariate tiles", 40) as task:
        for _ in range(40):
            task.advance()
    lines = stream.getvalue().splitlines()
    assert lines[0] == "covariate tiles: 40 to do"
    assert [line.split(" %")[0] for line in lines[1:]] == [
        f"covariate tiles: {percent}" for percent in range(10, 101, 10)
    ]
    assert "(20 of 40)" in lines[5]


def test_a_line_and_its_end_are_written_at_once():
    """Fault: tasks side by side share the stream, and one's line comes before the other's end."""

    class Stream(io.StringIO):
        def __init__(self):
            super().__init__()
            self.pieces = []

        def write(self, text):
            self.pieces.append(text)
            return super().write(text)

    stream = Stream()
    with PlainLines(stream, seconds_apart=0).task("joining", 2) as task:
        task.advance(2)
    assert stream.pieces == stream.getvalue().splitlines(keepends=True)
    assert len(stream.pieces) == 2


def test_a_log_gets_lines_and_a_terminal_bars():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    assert isinstance(progress_for(io.StringIO()), PlainLines)
    stream = Terminal()
    progress = progress_for(stream)
    with progress.task("outer [1]", 2) as outer, progress.task("inner", 1) as inner:
        inner.advance()
        outer.advance(2)
    shown = stream.getvalue()
    assert "outer [1]" in shown
    assert "2/2" in shown
    assert "1/1" in shown


def test_silence(capsys):
    with silent().task("anything", 3) as task:
        task.advance()
    assert capsys.readouterr() == ("", "")
