"""With its weights, ours does what the library's model and its image processor do."""

from dataclasses import replace

import pytest
import torch

from alframe.detectors.hf import HFDetector
from alframe.signals import BOX_FEATURES, CLASS_PROBS, DETECTIONS, EMBEDDING
from alframe.training.batch import Batch

pytest.importorskip("transformers")
from tests.detectors.hf_tiny import FAMILIES, folder

CLASSES = 3
THRESHOLD = 0.02
MASKED = {"rf-detr", "detr"}
TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}


def processor_of(family):
    import transformers

    kinds = {"rf-detr": "RfDetrImageProcessor", "detr": "DetrImageProcessor"}
    return getattr(transformers, kinds.get(family, "RTDetrImageProcessor"))(do_resize=False)


@pytest.fixture(scope="module", params=FAMILIES)
def both(request, tmp_path_factory):
    """The family, the library's model, and ours with its weights, read from its folder."""
    from transformers import AutoModelForObjectDetection

    path = folder(tmp_path_factory.mktemp(request.param), request.param, num_labels=CLASSES)
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        made = HFDetector(CLASSES, architecture=str(path), weights="none").network
        for name, layer in made.named_modules():
            if isinstance(layer, torch.nn.Linear) and "bbox" in name:
                layer.weight.normal_(std=0.3)  # or they start with one box for all
            if isinstance(layer, torch.nn.Linear) and "class" in name:
                layer.weight.mul_(20)
    made.save_pretrained(path)
    stock = AutoModelForObjectDetection.from_pretrained(path).eval()
    ours = HFDetector(CLASSES, architecture=str(path), score_threshold=THRESHOLD, max_detections=20)
    return request.param, stock, ours.eval()


def batch(family):
    """Two images, of two sizes where a mask tells what is padding."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (2, 3, 64, 96), generator=generator, dtype=torch.uint8)
    sizes = torch.tensor([[64, 96], [48, 64] if family in MASKED else [64, 96]])
    images[1, :, sizes[1, 0] :] = 0
    images[1, :, :, sizes[1, 1] :] = 0
    boxes = torch.zeros(2, 3, 4)
    boxes[0] = torch.tensor([[5, 10, 45, 60], [50, 15, 90, 60], [20, 30, 37, 45]])
    boxes[1, 0] = torch.tensor([30, 20, 60, 40])
    labels = torch.tensor([[0, 2, 1], [1, -1, -1]])
    return Batch(("a", "b"), images, sizes, 3 * sizes, boxes, labels)


def processed(family, ours, given):
    """What the library's processor gives, up to the rounding of pixels: layers would amplify it."""
    crops = [x[:, :h, :w] for x, (h, w) in zip(given.images, given.sizes.tolist(), strict=True)]
    inputs = processor_of(family)(images=crops, return_tensors="pt")
    own = ours.scaling(given.images, given.sizes)
    torch.testing.assert_close(own, inputs["pixel_values"], **TOLERANCE)
    mask = {"pixel_mask": inputs["pixel_mask"]} if family in MASKED else {}
    return {"pixel_values": own, **mask}


def test_detections_are_those_of_the_librarys_processor(both):
    family, stock, ours = both
    given = batch(family)
    with torch.no_grad():
        output = stock(**processed(family, ours, given))
        signals = ours.read(given, ours.features(given), ours.provides)
    known = processor_of(family).post_process_object_detection(
        output, threshold=THRESHOLD, target_sizes=given.originals
    )
    found = signals[DETECTIONS]
    logits = output.logits
    probs = logits.softmax(2) if family == "detr" else logits.sigmoid()
    torch.testing.assert_close(signals[CLASS_PROBS].values, probs, **TOLERANCE)
    for row, (expected, size) in enumerate(zip(known, given.originals.tolist(), strict=True)):
        valid = found.valid[row]
        limit = torch.tensor(size).flip(0).repeat(2)
        boxes = expected["boxes"].clamp(min=0).minimum(limit)
        theirs = rows(expected["scores"], expected["labels"], boxes / limit)
        own = rows(*(x[row, valid] for x in (found.scores, found.labels, found.boxes / limit)))
        distances = (theirs[:, None] - own).abs().amax(dim=2)
        assert 3 < len(own) == len(theirs)
        assert sorted(distances.argmin(dim=1).tolist()) == [*range(len(own))], "each once"
        assert distances.amin(dim=1).max() < 1e-5
        assert (found.scores[row].diff() <= 0).all()
        alike = (found.probs[row, 0] - probs[row]).abs().amax(dim=1) < 1e-6
        hidden = output.last_hidden_state[row, alike]
        assert (signals[BOX_FEATURES][row, 0] - hidden).abs().amax(dim=1).min() < 1e-5


def rows(scores, labels, boxes):
    return torch.cat([scores[:, None], labels[:, None].float(), boxes], dim=1)


def test_the_embedding_is_the_mean_of_the_backbones_last_map(both):
    family, _, ours = both
    given = batch(family)
    with torch.no_grad():
        maps = ours.backbone(ours.scaling(given.images, given.sizes)).feature_maps
        own = ours.read(given, ours.features(given), frozenset({EMBEDDING}))[EMBEDDING]
    torch.testing.assert_close(own, maps[-1].mean(dim=(2, 3)))


def test_losses_are_equal(both):
    family, stock, ours = both
    given = batch(family)
    given = replace(given, sizes=torch.tensor([[64, 96]] * 2))  # shares of one frame, whichever
    labels = [
        {"class_labels": y[y >= 0], "boxes": shares(b[y >= 0]) / torch.tensor([96, 64, 96, 64])}
        for b, y in zip(given.boxes, given.labels, strict=True)
    ]
    torch.manual_seed(0)  # denoising queries and dropout are drawn
    expected = stock.train()(**processed(family, ours, given), labels=labels).loss
    torch.manual_seed(0)
    terms = ours.train().loss(given)
    total = torch.stack([*terms.values()]).sum()
    torch.testing.assert_close(total, expected, rtol=1e-5, atol=1e-5)
    expected.backward()
    total.backward()
    gradients = {f"network.{name}": p.grad for name, p in stock.named_parameters()}
    for name, parameter in ours.named_parameters():
        if parameter.grad is not None:
            torch.testing.assert_close(parameter.grad, gradients[name], rtol=1e-4, atol=1e-5)


def shares(boxes):
    low, high = boxes[:, :2], boxes[:, 2:]
    return torch.cat([(low + high) / 2, high - low], dim=1)


def test_the_loss_asks_no_other_process(both, monkeypatch):
    from transformers.loss import loss_lw_detr

    def fail():
        raise AssertionError("it would wait for processes that have no part left")

    monkeypatch.setattr(loss_lw_detr, "_is_torch_distributed_initialized", fail)
    family, _, ours = both
    assert ours.train().loss(batch(family))
    assert loss_lw_detr._is_torch_distributed_initialized is fail
