"""A hash of what a picture shows: 64 bits, few of which change when it is saved again, resized or recoloured."""

from __future__ import annotations

from math import pi

import numpy as np
import numpy.typing as npt
from PIL import Image

#: Raised whenever a hash may come out differently.
HASH_VERSION = 1
#: Hashes so many bits apart or fewer are taken for one picture: strong compression and resizing change up to six, and
#: among 118,000 random hashes less than one pair is so near.
NEAR_BITS = 6
# Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions (2010): grey, 32 a side, the 8 x 8
# lowest frequencies of the cosine transform but the first row and column, each above their median or not.
_SIDE = 32
_KEPT = 8
# A picture whose grey values differ by less is flat: its bits would be those of the noise.
_FLAT = 2.0
_MIDDLE = (_KEPT * _KEPT // 2 - 1, _KEPT * _KEPT // 2)


def _cosines() -> npt.NDArray[np.float32]:
    rows = np.arange(1, _KEPT + 1)[:, None]
    return np.asarray(np.cos(pi / _SIDE * (np.arange(_SIDE)[None] + 0.5) * rows), dtype=np.float32)


_COSINES = _cosines()
# Neighbouring frequencies go to different 16-bit bands, so that none of the bands is the same in most pictures.
_ORDER = np.arange(_KEPT * _KEPT).reshape(-1, 4).T.ravel()


def perceptual_hash(grey: Image.Image) -> int | None:
    """Return the 64-bit hash of a picture of mode `L`, or None where it is too flat to have one.

    Hashes of pictures that look the same differ in few bits (Hamming distance); those of any two others in
    about 32.
    """
    small = np.asarray(grey.resize((_SIDE, _SIDE), Image.Resampling.BILINEAR), dtype=np.float32)
    # By hand, since `std` and `median` take longer than all the rest.
    centred = (small - small.mean()).ravel()
    if centred @ centred < _FLAT**2 * centred.size:
        return None
    frequencies = (_COSINES @ small @ _COSINES.T).ravel()[_ORDER]
    middle = np.partition(frequencies, _MIDDLE)[list(_MIDDLE)]
    bits = np.packbits(frequencies > middle.mean())
    return int.from_bytes(bits.tobytes(), "big")
