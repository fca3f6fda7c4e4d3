"""Exports a model as one ONNX graph that scores as the library does, for any program that runs ONNX."""
