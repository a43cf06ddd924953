"""transformers' DETRs as graphs: equal on batches and images of any size, in both formats."""

import io

import numpy as np
import pytest
import torch
from torch import nn

from alframe.detectors.export_check import Agreement
from alframe.detectors.export_network import ExportedDetector, Unfiltered, portable, traced
from alframe.detectors.hf import HFDetector
from alframe.detectors.hf_tracing import free_sizes
from alframe.detectors.suppression import suppress
from alframe.signals import DETECTIONS
from alframe.training.batch import Batch

pytest.importorskip("transformers")
from tests.detectors.hf_tiny import FAMILIES, folder

SIZES = [(1, 64, 64), (3, 96, 96), (2, 160, 224), (1, 320, 96)]


def detector(path, family):
    """A tiny one, whose scores are far enough apart that rounding decides on no order."""
    torch.manual_seed(0)
    fixed = family in ("detr", "rf-detr")  # whose BatchNorm, if any, is
    place = str(folder(path, family))
    model = HFDetector(3, architecture=place, weights="none", norm_eval=fixed, score_threshold=0.0)
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = None  # statistics are averages of what follows
    model.train()
    with torch.no_grad():
        for _ in range(3):
            model.network(pixel_values=torch.rand(2, 3, 128, 128))
        for name, values in model.named_parameters():
            if name.endswith("weight") and ("class_embed" in name or "score_head" in name):
                values.mul_(5)
            elif "position_embeddings" in name:
                values.mul_(50)
    return model.eval()


def given(count, height, width, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, 3, height, width), dtype=np.uint8)
    return torch.from_numpy(images), torch.tensor([[height, width - 7]] * count)


@pytest.mark.slow
@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_both_formats_find_what_the_model_finds(family, raw, tmp_path):
    pytest.importorskip("onnxruntime")
    from alframe.detectors.export_onnx import runner, to_onnx

    network = ExportedDetector(detector(tmp_path, family), raw=raw).eval()
    program = traced(network, None)
    file = io.BytesIO()
    torch.export.save(portable(program), file)
    file.seek(0)
    module = torch.export.load(file).module(check_guards=False)
    onnx = runner(to_onnx(program, network.outputs, {"classes": ["a", "b", "c"]}))
    for shape in SIZES:
        images, sizes = given(*shape)
        with torch.no_grad():
            expected = [each.numpy() for each in network(images, sizes)]
            others = onnx(images.numpy(), sizes.numpy()), [e.numpy() for e in module(images, sizes)]
        for other in others:
            agreement = Agreement()
            agreement.add(expected, other)
            assert agreement.settle()
            assert agreement.unmatched == 0
            there = expected[1].shape[:2] if raw else expected[2][expected[2] >= 0].shape
            assert agreement.compared == np.prod(there)


@pytest.mark.parametrize("family", FAMILIES)
def test_detections_are_the_best_of_what_is_there_before(family, tmp_path):
    model = detector(tmp_path, family)
    assert isinstance(model, Unfiltered)
    images, sizes = given(2, 96, 128)
    batch = Batch((), images, sizes, sizes)
    with torch.no_grad():
        boxes, probs = model.unfiltered(batch)
        found = model.read(batch, model.features(batch), frozenset({DETECTIONS}))[DETECTIONS]
    assert boxes.shape == (2, 20, 1, 4)
    assert probs.shape == (2, 20, 4 if family == "detr" else 3)
    best = probs[..., :3].flatten(1).amax(dim=1)
    assert torch.equal(found.scores[:, 0], best)
    place = probs[..., :3].amax(dim=2).argmax(dim=1)
    first = boxes[torch.arange(2), place, 0]
    limit = sizes.flip(1).repeat(1, 2)
    assert torch.allclose(found.boxes[:, 0], first.clamp(min=0).minimum(limit), atol=1e-4)


@pytest.mark.parametrize("iou", [1.0, float("inf")])
def test_where_nothing_can_overlap_more_all_candidates_remain(iou):
    boxes = torch.tensor([[0.0, 0, 9, 9]]).repeat(1, 3, 1)
    zeros = torch.zeros(1, 3, dtype=torch.long)
    candidate = torch.tensor([[True, True, False]])
    kept = suppress(boxes, torch.ones(1, 3), zeros, candidate, iou)
    assert torch.equal(kept, candidate)


@pytest.mark.parametrize("family", FAMILIES)
def test_while_sizes_are_free_a_network_gives_the_same_numbers_and_its_library_is_as_before(
    family, tmp_path
):
    model = detector(tmp_path, family)
    images, sizes = given(2, 96, 128)
    batch = Batch((), images, sizes, sizes)
    import sys

    module = sys.modules[type(model.network).__module__]
    before = dict(vars(module))
    with torch.no_grad():
        expected = model.features(batch)
        with free_sizes(model.network):
            assert vars(module).get("len") is not None
            found = model.features(batch)
    assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))
    assert vars(module) == before
