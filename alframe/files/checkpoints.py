"""Files of tensors: they appear whole, belong to one configuration, and execute nothing."""

import io
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from alframe.errors import RunError
from alframe.files.reading import regular
from alframe.files.sealed import BrokenSealError, sealed, unsealed
from alframe.words import named


def save(path: Path, configuration: str, content: Mapping[str, Any]) -> None:
    """Write ``content``, and under which configuration it came about.

    Raises:
        OSError: the disk is full, or cannot be written to.
        RunError: it holds what :func:`load` could not read, which executes nothing.
    """
    import torch

    check_kept(content, path.name)
    with sealed(path) as file:
        try:
            torch.save({"configuration": configuration, **content}, file)  # type: ignore[arg-type]
        except RuntimeError as error:  # torch closes its archive, and says that it is too short
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise


def check_kept(content: Any, what: str) -> None:
    """Hold a state to what a file keeps: all that can be read without executing anything.

    Args:
        content: of the file.
        what: it is, for the message.

    Raises:
        RunError: names what is something else.
    """
    if foreign := [at for at, value in _odd(content, "") if not _is_loaded(value)]:
        raise RunError(
            f"{what} cannot be kept: {named(foreign)}: expected tensors, numbers, text, lists and "
            "mappings in a state, such as torch.from_numpy(array) and float(number)"
        )


def _odd(value: Any, at: str) -> Iterator[tuple[str, Any]]:
    """What may be something else than a state holds, and where."""
    import torch

    if type(value) in (dict, OrderedDict):
        for key, part in value.items():
            yield from _odd(key, f"a key of {at}") if not isinstance(key, str) else ()
            yield from _odd(part, f"{at}.{key}".lstrip("."))
    elif type(value) in (list, tuple):
        for number, part in enumerate(value):
            yield from _odd(part, f"{at}[{number}]")
    elif type(value) not in (torch.Tensor, torch.nn.Parameter, str, int, float, bool, type(None)):
        yield f"{at} ({type(value).__module__}.{type(value).__qualname__})", value


def _is_loaded(value: Any) -> bool:
    import torch

    file = io.BytesIO()
    try:
        torch.save(value, file)
        file.seek(0)
        torch.load(file, weights_only=True)
    except Exception:  # whatever pickle and torch make of it
        return False
    return True


def load(
    path: Path, configuration: str, remedy: str, expected: Mapping[str, type]
) -> dict[str, Any]:
    """What :func:`save` wrote, on the CPU.

    Args:
        path: of the file, in a folder of the run.
        configuration: under which it has to have been written.
        remedy: what to do about a file that cannot be used, for the messages.
        expected: key -> type of everything that is to be in it.

    Raises:
        RunError: it is missing, damaged or of another configuration.
    """
    loaded = _loaded(path, remedy)
    if not isinstance(loaded, dict) or "configuration" not in loaded:
        raise RunError(f"{path} is not a checkpoint of alframe: {remedy}")
    if loaded["configuration"] != configuration:
        raise RunError(
            f"{path} was written under another configuration than "
            f"{path.parents[1] / 'config.yaml'}: {remedy}"
        )
    if wrong := [k for k, t in expected.items() if k not in loaded or not isinstance(loaded[k], t)]:
        raise RunError(f"{path} is damaged, without its {', '.join(wrong)}: {remedy}")
    return loaded


def contents(path: Path, remedy: str) -> Any:
    """What is in a file of tensors, of ours or of anybody's, on the CPU.

    Raises:
        RunError: it is missing, damaged, or something else.
    """
    import torch

    try:
        return _loaded(path, remedy)
    except RunError:
        try:
            with regular(path) as file:
                content = torch.load(file, map_location="cpu", weights_only=True)
        except Exception:  # whatever it is: the first error says what is wrong
            content = None
        if not isinstance(content, dict) or "configuration" in content:  # one of ours, damaged
            raise
        return content


def _loaded(path: Path, remedy: str) -> Any:
    import torch

    try:
        with unsealed(path) as file:
            return torch.load(file, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing: {remedy}") from error
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}; {remedy}") from error
    except BrokenSealError as error:
        raise RunError(f"{path} is damaged, {error}: {remedy}") from error
    except Exception as error:  # whatever a foreign archive makes of it; its text advises unsafely
        raise RunError(
            f"{path} is not a checkpoint of alframe ({type(error).__name__}): {remedy}"
        ) from error
