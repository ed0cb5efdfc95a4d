"""Crossfab: cross-process op-amp design. The whole pipeline; knows no user interface."""
