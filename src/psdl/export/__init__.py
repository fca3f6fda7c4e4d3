"""A model -> one ONNX graph that scores as the library does, for whatever runs ONNX."""
