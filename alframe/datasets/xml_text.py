"""XML of annotation files, which may be hostile, and the numbers in it."""

from collections.abc import Sequence
from pathlib import Path

# Safe with the builder below, which refuses document types.
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser
from xml.parsers.expat import ErrorString

from alframe.datasets.problems import SKIP, BadItemError, Problem

REMEDY = f"correct the annotation{SKIP}"


def parsed_xml(data: bytes, path: str | Path) -> Element:
    """The root of an XML file.

    Raises:
        BadItemError: it is not well-formed, or declares a document type.
    """
    parser = XMLParser(target=_NoDocumentType())  # noqa: S314
    try:
        parser.feed(data)
        root: Element = parser.close()
        return root
    except _DocumentTypeError:
        cause = "a document type (<!DOCTYPE>) is not allowed in annotations"
        problem = Problem(cause, str(path), f"remove it{SKIP}")
    except ParseError as error:
        line, column = error.position
        cause = f"an annotation is not well-formed XML ({ErrorString(error.code)})"
        problem = Problem(cause, f"{path} (line {line}, column {column + 1})", REMEDY)
    except (ValueError, LookupError) as error:
        problem = Problem(f"an annotation cannot be read as XML ({error})", str(path), REMEDY)
    raise BadItemError(problem) from None


class _NoDocumentType(TreeBuilder):
    def doctype(self, *_: object) -> None:
        raise _DocumentTypeError


class _DocumentTypeError(Exception):
    pass


def decimals(texts: Sequence[str]) -> list[float]:
    """What numbers in plain ASCII say; Python also takes ``1_5`` as 15, and digits of any script.

    Raises:
        ValueError: one is no number.
    """
    together = "".join(texts)
    if "_" in together or not together.isascii():
        raise ValueError
    return list(map(float, texts))
