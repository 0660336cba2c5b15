"""A model as graphs of ONNX: whole sequences, and one step."""
