"""The clusters that are shipped, and the example of the how-to, do what every cluster must."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobmon_client.conformance import ClusterConformance
from jobmon_server.serving.inprocess import Server

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "write-a-cluster-plugin.md"


@pytest.fixture
def server_url(database_url: str) -> Iterator[str]:
    """A real server on either database."""
    with Server(database_url) as server:
        yield server.url


class TestLocal(ClusterConformance):
    cluster_name = "local"


class TestSequential(ClusterConformance):
    cluster_name = "sequential"


class TestDummy(ClusterConformance):
    cluster_name = "dummy"
    runs_commands = False


class TestTheExampleOfTheHowTo(ClusterConformance):
    """Its code as it is printed there, installed as a package that offers an entry point."""

    cluster_name = "example"

    @pytest.fixture(autouse=True)
    def installed(
        self, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[None]:
        """The plugin of the page, importable here and in other processes."""
        site = tmp_path_factory.mktemp("site")
        found = re.search(r"```python\n# example_cluster.py\n(.*?)```", HOW_TO.read_text(), re.DOTALL)
        assert found
        site.joinpath("example_cluster.py").write_text(found[1])
        info = site / "example_cluster-1.0.dist-info"
        info.mkdir()
        info.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: example-cluster\nVersion: 1.0\n")
        info.joinpath("entry_points.txt").write_text(
            "[jobmon.clusters]\nexample = example_cluster:ExampleCluster\n"
        )
        monkeypatch.syspath_prepend(str(site))
        monkeypatch.setenv("PYTHONPATH", str(site), prepend=":")
        importlib.invalidate_caches()
        yield
        sys.modules.pop("example_cluster", None)
