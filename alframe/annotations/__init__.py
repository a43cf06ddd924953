"""Annotations of people: the oracles that ask for them, and the files that they come in."""

from alframe.plugins import Registrar, hookimpl


@hookimpl
def register(registry: Registrar) -> None:
    """The built-in oracles."""
    registry.oracle(
        "simulated",
        "alframe.oracle:simulated",
        summary="reveals annotations that are already there",
    )
    registry.oracle(
        "files",
        "alframe.annotations.files_oracle:FilesOracle",
        summary="people, who are asked by a folder and answer by files of any annotation tool",
    )
    registry.oracle(
        "label-studio",
        "alframe.annotations.label_studio_oracle:LabelStudioOracle",
        summary="people, who are asked in a project of a Label Studio server",
    )
