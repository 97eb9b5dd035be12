"""The classes of the scenes, in label order from 1."""

CLASSES: tuple[str, ...] = ("bird", "boat", "car", "cat", "cow", "train")
