"""The precision is read from what the engine says of itself: FP16 is never claimed of an FP32 or TF32 engine.

Layers as the inspector of TensorRT prints them with detailed verbosity (TensorRT documentation, Engine Inspector; its
migration guide for the fields of TensorRT 11).
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from perception_fm.inference.tensorrt_.precision import UNKNOWN, engine_precision

INT8 = {
    "Name": "res4_0_branch2a",
    "LayerType": "CaskConvolution",
    "Inputs": [{"Name": "x", "Format/Datatype": "Thirty-two wide channel vectorized row major Int8 format."}],
    "ParameterType": "Convolution",
    "Weights": {"Type": "Int8", "Count": 131072},
    "Bias": {"Type": "Float", "Count": 256},
    "TacticName": "sm80_xmma_fprop_implicit_gemm_interleaved_i8i8_i8i32_f32_nchw_vect_c_32kcrs_vect_c_32",
}
TF32 = {
    "Name": "matmul",
    "LayerType": "gemm",
    "Inputs": [{"Name": "x", "Format/Datatype": "Float"}],
    "TacticName": "sm80_xmma_gemm_f32f32_tf32f32_f32_tn_n_tilesize32x32x64",
}
FP32 = {
    "Name": "conv",
    "LayerType": "CaskConvolution",
    "Inputs": [{"Name": "x", "Format/Datatype": "Row major linear FP32"}],
    "ParameterType": "Convolution",
    "Weights": {"Type": "Float", "Count": 9408},
    "TacticName": "sm50_xmma_conv_fprop_fused_conv_act_fp32_NCHW_fp32_NCHW_KCRS_fp32_fp32_fp32_Accfloat",
}
FP16 = {
    "Name": "attention",
    "LayerType": "kgen",
    "Inputs": [{"Name": "q", "Format": "Row major linear", "DataType": "Half"}],
    "TacticName": "_gemm_mha_v2_0x3f4d",
}
REFORMAT = {
    "Name": "Reformatting CopyNode for Input Tensor 0 to conv",
    "LayerType": "Reformat",
    "Inputs": [{"Name": "x", "Format/Datatype": "Row major linear FP16 format"}],
    "ParameterType": "Reformat",
}


def information(*layers: Any) -> str:
    return json.dumps({"Layers": list(layers), "I/O Tensors": []})


@pytest.mark.parametrize("layer, expected", [(INT8, "int8"), (TF32, "tf32"), (FP32, "fp32"), (FP16, "fp16")])
def test_layer_says_its_precision(layer: dict[str, Any], expected: str) -> None:
    assert engine_precision(information(layer, REFORMAT)) == expected


def test_commonest_precision_comes_first() -> None:
    assert engine_precision(information(FP32, FP16, FP16)) == "fp16+fp32"


def test_fp16_input_of_an_fp32_kernel_is_not_called_fp16() -> None:
    mixed = FP32 | {"Inputs": [{"Name": "x", "Format/Datatype": "Channel major FP16 format where channel % 4 == 0"}]}
    assert engine_precision(information(mixed)) == "fp32"
    named = TF32 | {"Inputs": [{"Name": "x", "Format/Datatype": "Half"}]}
    assert engine_precision(information(named)) == "tf32"


def test_cutlass_kernel_on_fp32_tensors_is_tf32() -> None:
    layer = TF32 | {"TacticName": "cutlass_80_tensorop_s1688gemm_128x128_16x5_tn_align4"}
    assert engine_precision(information(layer)) == "tf32"


@pytest.mark.parametrize("text", ["", "no JSON", "[]", "{}", information(), information("a name alone", REFORMAT)])
def test_silent_engine_has_an_unknown_precision(text: str) -> None:
    assert engine_precision(text) == UNKNOWN
