"""YOLO models: registry, export, inference on the CPU, training and evaluation."""
