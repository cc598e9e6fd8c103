"""Target only: the oracle that every table needs as its ceiling."""

from __future__ import annotations

from ucdver.methods.source_only import SourceOnly


class TargetOnly(SourceOnly):
    """Source only's loss on labelled target images, which for an oracle lie in `batch.sources`.

    It is an upper bound because it is trained on the very labels that the other methods are denied; what lies
    between it and source only is all that adaptation can win. For the same reason it is shown beside the
    others and never ranked among them.
    """
