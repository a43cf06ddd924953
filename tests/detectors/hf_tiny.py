"""Tiny configurations of each family of transformers, as folders with a ``config.json``."""

from pathlib import Path
from typing import Any

WIDTH = 32
SMALL = {"d_model": WIDTH, "num_queries": 20, "decoder_layers": 2}
RESNET = {"embedding_size": 16, "hidden_sizes": [16, 16, 24, 32], "depths": [1, 1, 1, 1],
          "layer_type": "basic"}  # fmt: skip
RT_DETR = {
    **SMALL,
    "encoder_hidden_dim": WIDTH,
    "encoder_in_channels": [16, 24, 32],
    "encoder_ffn_dim": 48,
    "encoder_attention_heads": 2,
    "decoder_in_channels": [WIDTH] * 3,
    "decoder_ffn_dim": 48,
    "decoder_attention_heads": 2,
    "num_denoising": 10,
}
HGNET = {
    "model_type": "hgnet_v2",
    "stem_channels": [3, 8, 8],
    "stage_in_channels": [8, 16, 16, 24],
    "stage_mid_channels": [8, 8, 8, 8],
    "stage_out_channels": [16, 16, 24, 32],
    "stage_num_blocks": [1, 1, 1, 1],
    "stage_downsample": [False, True, True, True],
    "stage_light_block": [False, False, True, True],
    "stage_kernel_size": [3, 3, 5, 5],
    "stage_numb_of_layers": [1, 1, 1, 1],
    "hidden_sizes": [16, 16, 24, 32],
    "depths": [1, 1, 1, 1],
    "embedding_size": 8,
    "out_indices": [2, 3, 4],
}
DINO = {
    "model_type": "rf_detr_dinov2",
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 64,
    "patch_size": 8,
    "num_windows": 2,
    "out_features": ["stage1", "stage2"],
}
CONFIGS: dict[str, dict[str, Any]] = {
    "rtdetr-v2": {
        "model_type": "rt_detr_v2",
        "backbone_config": {"model_type": "rt_detr_resnet", "out_indices": [2, 3, 4], **RESNET},
        **RT_DETR,
    },
    "dfine": {
        "model_type": "d_fine",
        "backbone_config": HGNET,
        "lqe_hidden_dim": 8,
        "max_num_bins": 8,
        **RT_DETR,
    },
    "rf-detr": {
        "model_type": "rf_detr",
        "backbone_config": DINO,
        "decoder_ffn_dim": 48,
        "decoder_self_attention_heads": 2,
        "decoder_cross_attention_heads": 2,
        "group_detr": 2,
        "c2f_num_blocks": 1,
        **SMALL,
    },
    "detr": {
        "model_type": "detr",
        "backbone_config": {"model_type": "resnet", "out_features": ["stage4"], **RESNET},
        "encoder_layers": 1,
        "encoder_ffn_dim": 48,
        "encoder_attention_heads": 2,
        "decoder_ffn_dim": 48,
        "decoder_attention_heads": 2,
        "auxiliary_loss": True,
        **SMALL,
    },
}
FAMILIES = tuple(CONFIGS)


def folder(path: Path, family: str, **changes: Any) -> Path:
    """A folder with the family's tiny ``config.json``."""
    from transformers import AutoConfig

    AutoConfig.for_model(**(CONFIGS[family] | changes)).save_pretrained(path)
    return path
