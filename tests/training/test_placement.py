"""Where a model lies, and which library computes its convolutions."""

import copy

import pytest
import torch
from torch import nn

from alframe.errors import ConfigError
from alframe.training import device, placement
from alframe.training.device import autocast, pick_device, workers
from alframe.training.placement import placed

CPU = torch.device("cpu")


def model():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.Conv2d(8, 8, 1),
        nn.Conv2d(8, 4, 1, stride=2),
        nn.Conv2d(4, 4, 1, padding=1, bias=False),
    )


def dilations(layers):
    return [layer.dilation for layer in layers]


@pytest.fixture
def one_thread(monkeypatch):
    monkeypatch.setattr(placement.torch, "get_num_threads", lambda: 1)


@pytest.mark.usefixtures("one_thread")
def test_with_one_thread_1x1_kernels_are_dilated_which_changes_nothing():
    plain = model()
    images = torch.rand(2, 3, 9, 7, requires_grad=True)
    expected = plain(images)
    (gradient,) = torch.autograd.grad(expected.square().sum(), images)
    assert placed(plain, CPU, channels_last=False) is plain
    assert dilations(plain) == [(1, 1), (2, 2), (1, 1), (2, 2)]
    found = plain(images)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(torch.autograd.grad(found.square().sum(), images)[0], gradient)


def test_with_more_threads_they_are_left_as_they_are(monkeypatch):
    monkeypatch.setattr(placement.torch, "get_num_threads", lambda: 2)
    assert dilations(placed(model(), CPU)) == [(1, 1)] * 4


@pytest.mark.usefixtures("one_thread")
def test_without_onednn_they_are_left_as_they_are(monkeypatch):
    """What computes dilated convolutions then is slower still."""
    monkeypatch.setattr(placement.torch.backends.mkldnn, "is_available", lambda: False)
    assert dilations(placed(model(), CPU)) == [(1, 1)] * 4


@pytest.mark.usefixtures("one_thread")
def test_weights_go_from_a_dilated_model_to_one_that_is_not():
    plain, dilated = model(), placed(model(), CPU)
    plain.load_state_dict(dilated.state_dict())
    images = torch.rand(1, 3, 5, 5)
    torch.testing.assert_close(plain(images), dilated(images))
    assert dilations(copy.deepcopy(dilated)) == dilations(dilated)


def weight_gradient(layer, images, *, bf16):
    layer.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        found = layer(images)
    found.float().square().sum().backward()
    return found.float(), layer.weight.grad


@pytest.mark.parametrize("width", [1, 2])
@pytest.mark.parametrize("stride", [2, 3])
@pytest.mark.parametrize("kernel", [3, 5])
def test_gradients_of_maps_that_are_narrower_than_a_stride(width, stride, kernel):
    """In bfloat16 they are those of float32; oneDNN alone takes them from what lies in memory."""
    for seed in range(20):
        torch.manual_seed(seed)
        layer = nn.Conv2d(16, 16, kernel, stride, kernel // 2)
        images = torch.rand(2, 16, 3, width)
        expected = weight_gradient(copy.deepcopy(layer), images, bf16=False)
        junk = [torch.full((2**n,), torch.nan) for n in range(6, 18)]
        del junk  # what is allocated next has lain here
        found = weight_gradient(placed(layer, CPU), images, bf16=True)
        for each, known in zip(found, expected, strict=True):
            assert each.shape == known.shape
            assert (each - known).norm() < 0.02 * known.norm()


def test_a_narrow_map_of_which_more_would_be_computed_is_left_as_it_is():
    layer, images = nn.Conv2d(8, 16, 2, 2, padding=1), torch.rand(2, 8, 4, 1)
    expected = layer(images)
    torch.testing.assert_close(placed(layer, CPU)(images), expected)


@pytest.mark.parametrize("stride", [2, (1, 3)])
def test_strided_1x1_kernels_of_few_channels(stride):
    """The same numbers without the stride: oneDNN's gradient would write past its memory."""
    torch.manual_seed(0)
    layer = nn.Conv2d(8, 16, 1, stride)
    images = torch.rand(4, 8, 64, 61)
    expected = weight_gradient(copy.deepcopy(layer), images, bf16=False)
    placed_layer = copy.deepcopy(placed(layer, CPU))
    assert placed_layer.stride == (1, 1)
    found = weight_gradient(placed_layer, images.to(memory_format=torch.channels_last), bf16=False)
    for each, known in zip(found, expected, strict=True):
        torch.testing.assert_close(each, known, rtol=1e-4, atol=1e-3)


def test_a_strided_1x1_kernel_that_pads_computes_the_same():
    layer, images = nn.Conv2d(8, 16, 1, 2, padding=1), torch.rand(2, 8, 9, 7)
    expected = layer(images)
    torch.testing.assert_close(placed(layer, CPU)(images), expected)


def test_how_many_load_images_where_nobody_says(monkeypatch):
    cuda = torch.device("cuda")
    monkeypatch.setattr("alframe.training.device.processors", lambda: 6)
    assert [workers(given, CPU) for given in (None, 0, 3)] == [0, 0, 3]
    assert [workers(given, cuda) for given in (None, 0, 3)] == [6, 0, 3]
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert workers(None, cuda) == 3
    monkeypatch.setattr("alframe.training.device.processors", lambda: 64)
    assert workers(None, cuda) == 8


@pytest.mark.parametrize(
    ("takes", "seconds", "faster"),
    [(True, 1.0, True), (True, 1.9, False), (True, 4.0, False), (False, 1.0, False)],
)
def test_a_processor_that_takes_bf16_may_be_slower_in_it(
    takes: bool, seconds: float, faster: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half the time; a little less, which might be noise; twice the time."""
    times = {torch.bfloat16: seconds, torch.float32: 2.0}
    monkeypatch.setattr("alframe.training.device._seconds", times.__getitem__)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: takes)
    assert device.faster_in_bf16.__wrapped__(torch.device("cpu")) is faster


def test_a_product_is_timed() -> None:
    assert 0 < device._seconds(torch.float32) < 10


@pytest.mark.parametrize(
    ("precision", "type_"), [("auto", torch.float32), ("bf16", torch.bfloat16)]
)
def test_a_precision_that_no_run_has_settled_is_fp32(precision, type_):
    with autocast(CPU, precision):
        assert (torch.ones(1, 1) @ torch.ones(1, 1)).dtype == type_


@pytest.mark.parametrize("count", [0, 1])
def test_a_gpu_that_is_not_there(count, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    with pytest.raises(ConfigError, match=f"{count} CUDA devices are visible; use cpu or auto"):
        pick_device(f"cuda:{count}")


@pytest.mark.parametrize("channels_last", [True, False])
def test_the_layout_of_weights(channels_last):
    weight = placed(model(), CPU, channels_last=channels_last)[0].weight
    assert weight.is_contiguous(memory_format=torch.channels_last) == channels_last
    assert weight.is_contiguous() != channels_last
