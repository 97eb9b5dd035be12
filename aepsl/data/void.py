"""The label that is no class."""

VOID = 255
"""In the truth a pixel that is not judged, in a label map one that is ignored: nothing is learned from it."""
