"""Shapes of CVAT as boxes."""

import math
from xml.etree.ElementTree import Element

from alframe.annotations.outlines import enclosing, turned
from alframe.datasets.objects import Box

NO_BOX = frozenset({"tag", "points", "polyline", "skeleton", "cuboid"})
"""Elements of an image that are no boxes, nor have one around them that an object would have."""


def shape_box(shape: Element) -> Box:
    """x1 y1 x2 y2 of what encloses a shape.

    Raises:
        KeyError: a coordinate is missing.
        ValueError: one is no finite number, or the shape is unknown.
    """
    get = shape.attrib
    if shape.tag == "box":
        box = float(get["xtl"]), float(get["ytl"]), float(get["xbr"]), float(get["ybr"])
    elif shape.tag == "polygon":
        points = [pair.split(",") for pair in get["points"].split(";")]
        box = enclosing([(float(x), float(y)) for x, y in points])
    elif shape.tag == "mask":
        left, top = float(get["left"]), float(get["top"])
        box = left, top, left + float(get["width"]), top + float(get["height"])
    elif shape.tag == "ellipse":
        x, y, rx, ry = (float(get[name]) for name in ("cx", "cy", "rx", "ry"))
        box = x - rx, y - ry, x + rx, y + ry
    else:
        raise ValueError(shape.tag)
    if not math.isfinite(sum(box)):
        raise ValueError(box)
    angle = get.get("rotation")
    return turned(box, float(angle)) if angle else box
