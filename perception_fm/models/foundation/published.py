"""The published configurations of the architectures in the zoo, so that they can be built without a hub.

Read from the config.json of each repository, or from the script that converted its checkpoint where that file was out
of reach.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from perception_fm.errors import ModelError

_DINOV2_SIZES = {
    "small": {"hidden_size": 384, "num_hidden_layers": 12, "num_attention_heads": 6},
    "base": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12},
    "large": {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16},
}
_DINOV2 = {
    "attention_probs_dropout_prob": 0.0, "drop_path_rate": 0.0, "hidden_act": "gelu", "hidden_dropout_prob": 0.0,
    "image_size": 518, "layer_norm_eps": 1e-6, "layerscale_value": 1.0, "mlp_ratio": 4, "num_channels": 3,
    "patch_size": 14, "qkv_bias": True, "use_swiglu_ffn": False,
}  # fmt: skip
_DINOV3 = {
    "attention_dropout": 0.0, "drop_path_rate": 0.0, "hidden_act": "gelu", "image_size": 224, "key_bias": False,
    "layer_norm_eps": 1e-5, "layerscale_value": 1.0, "mlp_bias": True, "num_channels": 3, "num_register_tokens": 4,
    "patch_size": 16, "pos_embed_rescale": 2.0, "proj_bias": True, "query_bias": True, "rope_theta": 100.0,
    "use_gated_mlp": False, "value_bias": True,
}  # fmt: skip


@dataclass(frozen=True)
class Architecture:
    """`model`, `config`: classes of `transformers` by module and name. `values`: of the configuration.

    `backbone`: values of the nested DINOv2 configuration, None where there is none. `optional`: tensors that a
    published file may or may not hold (buffers of training). `class_count`: of a segmentation, 0 elsewhere.
    """

    module: str
    model: str
    config: str
    values: Mapping[str, Any]
    source: str
    backbone: Mapping[str, Any] | None = None
    optional: tuple[str, ...] = ()
    class_count: int = 0


def _dinov2(size: str) -> Architecture:
    source = f"https://huggingface.co/facebook/dinov2-{size}/blob/main/config.json"
    values = {**_DINOV2, **_DINOV2_SIZES[size]}
    return Architecture("dinov2", "Dinov2Model", "Dinov2Config", values, source)


def _dinov3(size: str) -> Architecture:
    # Sizes are those of DINOv2; the rest as in transformers, models/dinov3_vit/convert_dinov3_vit_to_hf.py.
    sizes = _DINOV2_SIZES[size]
    values = {**_DINOV3, **sizes, "intermediate_size": 4 * sizes["hidden_size"]}
    source = f"https://huggingface.co/facebook/dinov3-vit{size[0]}16-pretrain-lvd1689m/blob/main/config.json"
    return Architecture("dinov3_vit", "DINOv3ViTModel", "DINOv3ViTConfig", values, source)


PUBLISHED: dict[str, Architecture] = {
    "depth_anything_v2_small_metric_outdoor": Architecture(
        module="depth_anything",
        model="DepthAnythingForDepthEstimation",
        config="DepthAnythingConfig",
        values={
            "depth_estimation_type": "metric", "max_depth": 80, "fusion_hidden_size": 64, "head_hidden_size": 32,
            "head_in_index": -1, "neck_hidden_sizes": [48, 96, 192, 384], "patch_size": 14,
            "reassemble_factors": [4, 2, 1, 0.5], "reassemble_hidden_size": 384,
        },
        # V2 takes the features of layers 3, 6, 9 and 12 (its depth_anything_v2/dpt.py, counted from 0: 2, 5, 8, 11).
        backbone={
            **_DINOV2, **_DINOV2_SIZES["small"], "apply_layernorm": True, "reshape_hidden_states": False,
            "out_indices": [3, 6, 9, 12],
        },
        source="https://huggingface.co/depth-anything/Depth-Anything-V2-Metric-Outdoor-Small-hf/blob/main/config.json",
    ),
    "segformer_b0_cityscapes": Architecture(
        module="segformer",
        model="SegformerForSemanticSegmentation",
        config="SegformerConfig",
        values={
            "attention_probs_dropout_prob": 0.0, "classifier_dropout_prob": 0.1, "decoder_hidden_size": 256,
            "depths": [2, 2, 2, 2], "drop_path_rate": 0.1, "hidden_act": "gelu", "hidden_dropout_prob": 0.0,
            "hidden_sizes": [32, 64, 160, 256], "mlp_ratios": [4, 4, 4, 4], "num_attention_heads": [1, 2, 5, 8],
            "num_channels": 3, "num_encoder_blocks": 4, "patch_sizes": [7, 3, 3, 3], "sr_ratios": [8, 4, 2, 1],
            "strides": [4, 2, 2, 2], "num_labels": 19,
        },
        source="https://huggingface.co/nvidia/segformer-b0-finetuned-cityscapes-1024-1024/blob/main/config.json",
        class_count=19,
    ),
    "eomt_large_cityscapes": Architecture(
        module="eomt",
        model="EomtForUniversalSegmentation",
        config="EomtConfig",
        values={
            "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "image_size": 1024,
            "patch_size": 16, "num_queries": 100, "num_blocks": 4, "num_register_tokens": 4, "num_upscale_blocks": 2,
            "mlp_ratio": 4, "use_swiglu_ffn": False, "num_labels": 19,
        },
        source="https://huggingface.co/tue-mps/cityscapes_semantic_eomt_large_1024/blob/main/config.json",
        optional=("attn_mask_probs", "criterion.empty_weight"),
        class_count=19,
    ),
    "dinov2_small": _dinov2("small"),
    "dinov2_base": _dinov2("base"),
    "dinov2_large": _dinov2("large"),
    "dinov3_small": _dinov3("small"),
    "dinov3_base": _dinov3("base"),
    "dinov3_large": _dinov3("large"),
}  # fmt: skip
"""By the name that a `Part` of the zoo gives."""


def architecture_named(name: str) -> Architecture:
    """Raises `ModelError` for a name that is not in the table."""
    if name not in PUBLISHED:
        raise ModelError(f"no architecture is called {name!r}; there are {', '.join(PUBLISHED)}")
    return PUBLISHED[name]
