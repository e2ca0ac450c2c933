"""What ``benchmarks/gpu.py`` measures, a file for each part."""
