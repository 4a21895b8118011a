"""The default actor's expression codes that have a meaning.

A released actor's 256 codes mean something only to its own codec avatar. The default actor names its first
few, each running from 0 (at rest) to 1 (fully on); the others are zero.
"""

from __future__ import annotations

FACE_WIDTH = 256
"""Expression codes a frame."""

FACE_CODE_NAMES = ("jaw_open", "lips_wide", "lips_round", "brows_up", "blink", "smile")
"""Names of codes 0, 1, 2, ..., in order."""
