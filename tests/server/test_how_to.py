"""The blocks of docs/how-to/python.md run, one after the other, as a reader would type them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.support.server import environment

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "python.md"


def test_the_blocks_of_the_page_on_python_run(tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) > 5
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
