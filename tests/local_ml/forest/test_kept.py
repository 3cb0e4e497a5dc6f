"""What numba keeps of a kernel is not used once any file changed that the kernel is made of."""

import os
import subprocess
import sys
import textwrap

import pytest

from local_ml.forest import adding, kept, kernels, ranks, symmetric
from local_ml.prediction import distances


@pytest.mark.parametrize("module", [adding, kernels, ranks, symmetric, distances])
def test_every_kernel_is_kept_with_the_sources(module):
    """A kernel compiled past the package's own way, or a numba that looks at something else."""
    compiled = [each for each in vars(module).values() if hasattr(each, "py_func")]
    assert compiled
    for each in compiled:
        assert each._cache._cache_file._source_stamp[1] == kept._SOURCES


def test_a_change_in_another_file_is_noticed(tmp_path):
    """Kernels of an older layout of memory run over the newer one."""
    program = textwrap.dedent(
        """
        import sys
        from local_ml.forest import kept
        kept._SOURCES = sys.argv[1]
        sys.path.insert(0, sys.argv[2])
        import made
        made.twice(3)
        print(sum(made.twice.stats.cache_hits.values()))
        """
    )
    (tmp_path / "made.py").write_text(
        "from local_ml.forest.kept import kernel\n\n\n@kernel\ndef twice(x):\n    return 2 * x\n"
    )
    hits = [
        subprocess.run(
            [sys.executable, "-c", program, sources, str(tmp_path)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
        ).stdout.strip()
        for sources in ("one", "one", "another")
    ]
    assert hits == ["0", "1", "0"]
