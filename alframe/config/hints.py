"""Which setting somebody may have meant, and how values are shown in messages."""

import difflib
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from alframe.grouping import by_key

MOST = 3
"""Suggestions in a message."""

MEANT = {
    "training.lr": "learning_rate base_lr lr0 initial_lr max_lr",
    "training.passes": "epochs epoch num_epochs max_epochs n_epochs max_epoch",
    "training.iterations": "iters iter iterations num_iterations max_iter steps max_steps",
    "training.batch_size": (
        "batch bs batch_size batchsize train_batch_size ims_per_batch imgs_per_batch "
        "samples_per_gpu images_per_batch"
    ),
    "training.accumulate": "accumulation accumulate_grad_batches gradient_accumulation_steps",
    "training.optimizer": "optim optimiser",
    "training.schedule": "scheduler lr_scheduler lr_schedule",
    "training.milestones": "lr_steps lr_step_size step_size",
    "training.gamma": "lr_gamma lr_decay lr_factor",
    "training.weight_decay": "wd l2 decay",
    "training.warm_start": "from resume_from init_from load_from start_from finetune continue",
    "training.warmup": "warmup_steps warmup_iters warmup_iterations warmup_epochs",
    "training.clip_norm": "grad_clip clip_grad gradient_clip_val max_norm clip_grad_norm",
    "training.augment": "aug augs augmentation augmentations transforms augments",
    "training.precision": "amp fp16 bf16 half mixed_precision autocast dtype",
    "data.workers": "num_workers n_workers workers_per_gpu dataloader_workers",
    "data.long": (
        "size img_size imgsz image_size input_size img_scale resolution max_size width scale"
    ),
    "data.short": (
        "size img_size imgsz image_size input_size img_scale resolution min_size height scale"
    ),
    "dataset.root": "root data_root data_dir data_path dataset_root dataset_path dir folder",
    "dataset.classes": "classes names class_names categories labels",
    "model.backbone": "arch architecture encoder model",
    "model.weights": "weights pretrained checkpoint ckpt init_weights",
    "model.architecture": "preset pretrained_model_name_or_path hub repo",
    "model.backbone_lr_factor": "lr_backbone backbone_lr backbone_multiplier lr_mult",
    "model.score_threshold": "threshold conf conf_threshold conf_thres score_thr score_thresh",
    "model.nms_iou": "nms iou iou_threshold iou_thres nms_threshold nms_thresh",
    "model.max_detections": "max_det max_per_img detections_per_img topk",
    "evaluation.batch_size": "val_batch_size test_batch_size eval_batch_size inference_batch_size",
    "budget.initial": "init initial_size start init_size seed_size initial_labelled",
    "budget.per_cycle": "query_size n_query step budget_size acquisition_size select per_round",
    "budget.test": "test test_size n_test val val_size holdout",
    "budget.cycles": "rounds n_cycles num_cycles num_rounds n_rounds",
    "device": "gpu gpus cuda gpu_id devices accelerator",
    "seed": "random_seed random_state rng manual_seed",
    "output": "out outdir out_dir output_dir save_dir work_dir run_dir project logdir log_dir",
}
"""Setting -> what other programs call it, or what people write for it."""


def unknown_setting(
    key: str, name: str, value: Any, own: Collection[str], known: Collection[str]
) -> str:
    """The message for a setting that does not exist: those beside it, and what may be meant.

    Args:
        key: dotted, as it was given.
        name: its last part.
        value: what it was given; settings where it stands for a section.
        own: names that exist in its place.
        known: dotted keys of all settings of the run.
    """
    if "." in name and key in known:
        nested = ": {".join(key.split("."))
        return f"{key}: expected it nested, as {nested}: ...{'}' * key.count('.')}"
    hint = " or ".join(map(repr, _guesses(key, name, value, own, known)[:MOST]))
    hint = f" Did you mean {hint}?" if hint else ""
    return f"unknown setting {cut(key)!r}; known: {', '.join(sorted(own)) or 'none'}.{hint}"


def _guesses(
    key: str, name: str, value: Any, own: Collection[str], known: Collection[str]
) -> list[str]:
    """A name beside the unknown one, or dotted keys; of a section that does not exist, its own."""
    close = [found] if (found := _close(_plain(name), own)) else []
    if isinstance(value, Mapping):
        return close or list(dict.fromkeys(_meant_by_a_tree(key, value, known)))
    said = [k for k in known if _is_said(key, k)]
    here = [k for k in said if k.rpartition(".")[0] == key.rpartition(".")[0]]
    return here or said or close or meant(key, known)


def _meant_by_a_tree(key: str, tree: Mapping[Any, Any], known: Collection[str]) -> Iterator[str]:
    """For ``batch.size`` what ``batch_size`` may stand for, or else ``size``."""
    for leaf in _leaves(tree):
        joined = [k for k in known if _is_said(f"{key}_{leaf}", k)]
        yield from joined or meant(f"{key}.{leaf}", known)


def meant(key: str, known: Collection[str]) -> list[str]:
    """The settings that a dotted key may stand for: by its last part, by other names, by likeness.

    Args:
        key: as it was given; an unknown one.
        known: dotted keys of all settings; no other is named.
    """
    if said := [k for k in known if _is_said(key, k)]:
        return said
    ends = by_key((each.rpartition(".")[2], each) for each in known)
    cutoff = 0.75 if "." in key else 0.6  # of other sections than that which is named, closer ones
    return ends.get(_close(_last(key), ends, cutoff), [])


def _is_said(key: str, setting: str) -> bool:
    """Whether the last part of a key is a setting's own, or another name for it."""
    name = _last(key)
    return name == setting.rpartition(".")[2] or name in MEANT.get(setting, "").split()


def _last(key: str) -> str:
    return _plain(key.rpartition(".")[2])


def _close(name: str, names: Collection[str], cutoff: float = 0.6) -> str:
    return next(iter(difflib.get_close_matches(name[:LONGEST], names, n=1, cutoff=cutoff)), "")


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")


def _leaves(tree: Mapping[Any, Any]) -> Iterator[str]:
    for name, value in tree.items():
        yield from (_leaves(value) if isinstance(value, Mapping) else [str(name)])


LONGEST = 60
"""Characters of a name or a value in a message."""


def shown(value: Any) -> str:
    """A value that a user gave, cut where it is long.

    Python's words for it, but for those that YAML has words for (``true``, ``null``).
    """
    return cut(_text(value))


def cut(text: str) -> str:
    """A text, with dots for what is over ``LONGEST``."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _text(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    try:
        return repr(value)
    except ValueError:  # Python writes no number of more than 4300 digits
        return "a number of thousands of digits"
