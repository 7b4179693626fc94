"""Models in TensorRT 10, TensorRT 11 and TensorRT for RTX: building engines, and running them on the GPU."""
