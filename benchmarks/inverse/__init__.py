"""The inverse benchmark: how often, with how few simulations and how fast a method sizes to spec.

``python -m benchmarks.inverse --help`` lists the commands; every figure is judged by SPICE.
"""
