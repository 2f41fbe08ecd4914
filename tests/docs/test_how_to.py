"""The blocks of a page run, one after the other, as a reader would type them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server import environment

PAGES = Path(__file__).parents[2] / "docs" / "how-to"


@pytest.mark.parametrize("page", ["python.md", "query.md", "submit-and-wait.md"])
def test_the_blocks_of_the_page_run(tmp_path: Path, page: str) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", (PAGES / page).read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) > 4
    (tmp_path / "page.py").write_text("\n".join(blocks))
    ended = subprocess.run(
        [sys.executable, "page.py"],
        cwd=tmp_path,
        env=environment(XDG_DATA_HOME=str(tmp_path / "data"), HOME=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
