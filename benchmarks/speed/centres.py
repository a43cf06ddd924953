"""Core-set selection: k-center greedy against one product for each pick."""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alframe.benchmarks.speed.cases import Case, Setting
from alframe.benchmarks.speed.clock import Work
from alframe.benchmarks.speed.contest import Side, contest
from alframe.benchmarks.speed.peers import k_center_by_products
from alframe.benchmarks.speed.row import Timing
from alframe.strategies.k_center import k_center
from alframe.strategies.points import VectorTable

LABELLED = 0.05
"""Share of the points that are centres from the start."""
SIZES = ((16551, 256, 414), (16551, 2048, 414), (117266, 256, 2365))
"""Points, length of a vector, picks: the pools of Pascal VOC and COCO."""
ONE_EACH = "one product a pick"


def cases(setting: Setting) -> Iterator[Case]:
    """The three sizes."""
    for points, width, picks in SIZES:
        size = (500, 16, 20) if setting.quick else (points, width, picks)
        yield Case(f"k-center/{points}x{width}", partial(_picks, size))


def _picks(size: tuple[int, int, int], name: str, setting: Setting) -> Sequence[Timing]:
    points, width, picks = size
    centres, vectors = int(LABELLED * points), features(points, width)
    on_device = torch.from_numpy(vectors).to(setting.device)
    ours = "ours on the GPU" if setting.cuda else "ours"
    sides = [
        Side(ONE_EACH, _peer(vectors, on_device, centres, picks)),
        Side(ours, lambda: k_center(VectorTable(on_device), centres, picks), ONE_EACH),
    ]
    return contest(name, sides, setting, items=picks, unit="picks")


def _peer(vectors: NDArray[np.float32], on_device: Tensor, centres: int, picks: int) -> Work:
    if on_device.is_cuda:
        return partial(one_product_each, on_device, centres, picks)
    return partial(k_center_by_products, vectors, centres, picks)


def one_product_each(vectors: Tensor, centres: int, count: int) -> Tensor:
    """The peer on a GPU, without waiting for it between picks."""
    own = torch.linalg.vecdot(vectors, vectors)
    nearest = torch.full_like(own, torch.inf)
    for block in torch.split(torch.arange(centres, device=vectors.device), 512):
        products = own[:, None] + own[block] - 2 * vectors @ vectors[block].T
        nearest = torch.minimum(nearest, products.amin(dim=1))
    nearest[:centres] = -torch.inf
    picks = torch.empty(count, dtype=torch.long, device=vectors.device)
    for number in range(count):
        chosen = nearest.argmax().unsqueeze(0)
        picks[number : number + 1] = chosen
        products = own + own[chosen] - 2 * (vectors @ vectors[chosen].T).squeeze(1)
        nearest = torch.minimum(nearest, products).index_fill(0, chosen, -torch.inf)
    return picks


def features(points: int, width: int) -> NDArray[np.float32]:
    """Vectors as after a ReLU, their components mixed: [points, width]."""
    rng = np.random.default_rng(0)
    mixing = rng.standard_normal((width, width), dtype=np.float32)
    vectors = rng.standard_normal((points, width), dtype=np.float32) @ mixing
    return vectors.clip(min=0)
