"""A synthetic conversation dataset: two espeak-ng voices, and one actor whose motion follows a few rules."""

from .dataset import synthesise_dataset

__all__ = ["synthesise_dataset"]
