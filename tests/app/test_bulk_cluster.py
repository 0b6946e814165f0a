"""`--cluster`: groups judged by the workers of a Dask cluster give what this machine alone gives.

The extra `dask` is not in the lock files: pip install 'peerchart[dask]'.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli import cli
from tests.app.tangled import tangled
from tests.intake_makers import NOW

distributed = pytest.importorskip(
    "distributed", reason="the extra dask is not installed: pip install 'peerchart[dask]'"
)


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Two workers on this machine, each a process of its own."""
    here = str(Path(__file__).parents[2])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([here, os.environ.get("PYTHONPATH", "")]))
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    ) as cluster:
        yield cluster.scheduler_address


def peerchart(*words: str) -> Result:
    return CliRunner().invoke(cli, [*words, "--now", NOW, "--json"])


def test_two_workers_of_a_cluster_write_what_one_machine_writes(address: str, tmp_path: Path) -> None:
    source = tmp_path / "in.ndjson"
    source.write_bytes(b"\n".join(tangled(2, 600)))
    written = {}
    for name, more in (("here", ()), ("there", ("--cluster", address))):
        folder = tmp_path / name
        folder.mkdir()
        options = [word for out in ("out", "claims", "report") for word in (f"--{out}", str(folder / out))]
        done = peerchart("map", str(source), *options, *more)
        assert done.exit_code == 1, done.output
        written[name] = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert written["there"] == written["here"]
    assert written["here"]["claims"]
    with distributed.Client(address, set_as_default=False) as client:
        busy = client.run(lambda: len(__import__("app.bulk.work").bulk.work._workers))
    assert list(busy.values()) == [1, 1]
