"""Any classifier of timm, with its own pooling and a head for our classes."""

from typing import Any

from torch import Tensor, nn

from alframe.detectors.backbone_weights import read_weights, use_weights
from alframe.detectors.backbones import keep_statistics
from alframe.detectors.timm_body import check_name, created, of_any_size, pixels_of, sizes_told
from alframe.shaped import Float
from alframe.tasks.classification.classifier import Classifier, ClassifierFeatures

MAPS = 4
"""Of the last blocks; Learning Loss reads the four of a ResNet."""


class TimmClassifier(Classifier):
    """A model of timm by name; all of it is trained.

    Models with attention take images of any size whose sides are multiples of their patches; some,
    such as BEiT and MLP-Mixer, take those of one size alone.

    Args:
        num_classes: number of classes.
        backbone: a name of timm, with or without a tag: ``resnet18``, ``resnet50.tv_in1k``.
        weights: ``"pretrained"`` (timm downloads them), ``"none"`` or the path of a state dict by
            the key names of the whole model; its own head is left out.
        norm_eval: keep the statistics of BatchNorm; by default where there are weights, as those of
            few images are poor.

    Raises:
        ConfigError: an unknown name, or unusable weights.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        backbone: str = "resnet18",
        weights: str = "pretrained",
        norm_eval: bool | None = None,
    ) -> None:
        check_name(backbone)
        body = created(backbone, _without_head, pretrained=weights == "pretrained")
        if weights not in ("none", "pretrained"):
            _load(body, weights)
        width = getattr(body, "head_hidden_size", None) or body.num_features
        super().__init__(num_classes, int(width), pixels_of(backbone))  # type: ignore[arg-type]
        self.body: Any = body
        self.norm_eval = weights != "none" if norm_eval is None else norm_eval

    def train(self, mode: bool = True) -> "TimmClassifier":
        """As ever, but BatchNorm stays in eval mode under ``norm_eval``."""
        super().train(mode)
        if self.norm_eval:
            keep_statistics(self.body)
        return self

    def embed(self, images: "Float[Tensor, 'B 3 H W']") -> ClassifierFeatures:
        """The maps of the last blocks, and the vector that timm's own head would read."""
        return embedded(self.body, images)


def embedded(body: Any, images: Tensor) -> ClassifierFeatures:
    """What a headless model of timm makes of scaled images.

    Raises:
        ConfigError: it does not take images of this size.
    """
    final, maps = sizes_told(body, body.forward_intermediates, images)
    return ClassifierFeatures(tuple(maps[-MAPS:]), body.forward_head(final, pre_logits=True))


def _without_head(name: str, pretrained: bool) -> nn.Module:
    body = of_any_size(name, pretrained=pretrained, num_classes=0)
    if not hasattr(body, "forward_intermediates"):
        raise ValueError("it does not give the maps of its blocks")
    return body


def _load(body: nn.Module, path: str) -> None:
    """Give a model the weights in a file, but for those of a head."""
    named: Any = getattr(body, "pretrained_cfg", {}).get("classifier") or ()
    heads = tuple(f"{head}." for head in ([named] if isinstance(named, str) else named))
    state = read_weights(path)
    use_weights(body, {k: v for k, v in state.items() if not k.startswith(heads or ("\0",))}, path)
