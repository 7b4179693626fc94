"""What an engine computes in, read from the typed network or from the finished engine, never from what was asked."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

UNKNOWN = "unknown"

_SHORT_NAMES = {
    "FLOAT": "fp32", "FP32": "fp32", "HALF": "fp16", "FP16": "fp16", "BF16": "bf16", "BFLOAT16": "bf16",
    "INT8": "int8", "FP8": "fp8", "INT4": "int4", "FP4": "fp4",
}  # fmt: skip
# From widest to narrowest: where the evidence is mixed, the wider one is reported.
_WIDTHS = ("fp32", "tf32", "bf16", "fp16", "fp8", "int8", "fp4", "int4")
_HEAVY_LAYERS = ("CONVOLUTION", "DECONVOLUTION", "MATRIX_MULTIPLY", "EINSUM", "ATTENTION_INPUT")
_HEAVY_WORDS = re.compile(r"conv|gemm|matrixmultiply|matmul|mha|fully_?connected|attention|einsum", re.IGNORECASE)
_FORMAT_WORD = re.compile(r"\b(FP32|FP16|BF16|FP8|INT8|INT4|FP4|Float|Half|BFloat16)\b", re.IGNORECASE)
# Factor types in the names of NVIDIA's kernels: sm80_xmma_gemm_f16f16_f16f32_f32_tn_n_tilesize128x128x32...
_KERNEL_TYPES = {"f32f32": "fp32", "bf16bf16": "bf16", "f16f16": "fp16", "e4m3e4m3": "fp8", "i8i8": "int8"}
_TF32_KERNELS = ("tf32", "s1688")  # s1688 on fp32 tensors: the TF32 instruction of CUTLASS, m16n8k8


def network_precision(network: Any, has_tf32: bool) -> str:
    """Of a strongly typed TensorRT network, whose types TensorRT must keep: fp16, or fp16+fp32, commonest first.

    Counts convolutions, matrix products and attention; where there are none, the widest type of all layers. Between a
    pair of dequantised inputs they work in the quantised type. `has_tf32`: whether the builder may round fp32 factors
    to TF32, which is then what fp32 is called.
    """
    layers = [network.get_layer(index) for index in range(network.num_layers)]
    producers = {layer.get_output(i).name: layer for layer in layers for i in range(layer.num_outputs)}
    kinds = [_layer_type(layer, producers) for layer in layers if layer.type.name in _HEAVY_LAYERS]
    if not kinds:
        return _widest(_SHORT_NAMES[name] for layer in layers for name in _float_types(layer)) or UNKNOWN
    return _summary("tf32" if has_tf32 and kind == "fp32" else kind for kind in kinds)


def engine_precision(information: str) -> str:
    """Of a built engine, from the JSON of its inspector (TensorRT 10 or 11, detailed verbosity); `unknown` without.

    A kernel's name says the type of its factors where it follows NVIDIA's scheme; elsewhere the widest of the types of
    weights and first input counts, so that no layer is called narrower than it is.
    """
    try:
        layers = json.loads(information).get("Layers", [])
    except (ValueError, AttributeError):
        return UNKNOWN
    kinds = [_kernel_precision(layer) for layer in layers if isinstance(layer, Mapping) and _is_heavy(layer)]
    return _summary(kind for kind in kinds if kind)


def _layer_type(layer: Any, producers: Mapping[str, Any]) -> str:
    """Short name of the type that one layer of a network multiplies in."""
    tensors = [layer.get_input(index) for index in range(min(2, layer.num_inputs))]
    sources = [producers[tensor.name] for tensor in tensors if tensor is not None and tensor.name in producers]
    # A convolution with one input has its kernel as plain weights.
    if len(sources) == 2 and all(source.type.name == "DEQUANTIZE" for source in sources):
        return _widest(_SHORT_NAMES.get(source.get_input(0).dtype.name, "fp32") for source in sources)
    return _widest(_SHORT_NAMES.get(tensor.dtype.name, "fp32") for tensor in tensors if tensor is not None)


def _float_types(layer: Any) -> list[str]:
    """TensorRT's names of what one layer of a network puts out, as far as they are numbers to compute with."""
    names = [layer.get_output(index).dtype.name for index in range(layer.num_outputs)]
    return [name for name in names if name in _SHORT_NAMES]


def _is_heavy(layer: Mapping[str, Any]) -> bool:
    """Whether a layer of an engine is a convolution, a matrix product or attention, fused or not."""
    if layer.get("LayerType") in ("Reformat", "Constant", "NoOp"):
        return False
    return any(_HEAVY_WORDS.search(str(layer.get(key, ""))) for key in ("LayerType", "ParameterType", "TacticName"))


def _kernel_precision(layer: Mapping[str, Any]) -> str:
    """Short name for one layer of an engine; "" where nothing is said."""
    kernel = str(layer.get("TacticName", "")).lower()
    named = [kind for part, kind in _KERNEL_TYPES.items() if f"_{part}_" in kernel]
    kind = _widest(named or _tensor_types(layer))
    is_tf32 = kind in ("", "fp32") and any(word in kernel for word in _TF32_KERNELS)
    return "tf32" if is_tf32 else kind


def _tensor_types(layer: Mapping[str, Any]) -> list[str]:
    """Short names of what is said about the weights and the first input."""
    weights, inputs = layer.get("Weights"), layer.get("Inputs")
    texts = [str(weights.get("Type", ""))] if isinstance(weights, Mapping) else []
    for tensor in inputs[:1] if isinstance(inputs, list) else []:
        texts += [str(tensor.get(key, "")) for key in ("Format/Datatype", "DataType", "Format")]
    return [_SHORT_NAMES[word.upper()] for text in texts for word in _FORMAT_WORD.findall(text)]


def _widest(kinds: Iterable[str]) -> str:
    """The widest of some short names; "" for none."""
    return min(kinds, key=_WIDTHS.index, default="")


def _summary(kinds: Iterable[str]) -> str:
    """fp16+fp32: the types of the heavy layers, commonest first."""
    counts = Counter(kinds)
    return "+".join(kind for kind, _ in counts.most_common()) or UNKNOWN
