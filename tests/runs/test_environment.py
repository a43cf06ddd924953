from pathlib import Path

import torch

from alframe.runs.environment import PACKAGES, environment, processor_name


def test_a_processor_is_named_by_its_model(tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text("processor : 0\nmodel name : Fast 9000\nmodel name : Fast 9000\n")
    assert processor_name(info).startswith("Fast 9000, ")
    assert processor_name(tmp_path / "missing").endswith(" cores")


def test_the_record_names_versions_and_device() -> None:
    found = environment("cpu")
    assert set(found["versions"]) == set(PACKAGES)
    assert found["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert (found["device"], found["device_name"]) == ("cpu", processor_name())
