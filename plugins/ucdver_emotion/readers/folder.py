"""A user's own pictures in folders: `[<domain>/][<split>/]<class>/<file>`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from ucdver import DataError, Row
from ucdver_emotion.readers.listing import SPLITS, pictures


def read(root: Path, options: Mapping[str, str | tuple[str, ...]]) -> Iterator[Row]:
    """Yield a row for each picture below `root`, sorted; its class is the folder it is in.

    Above the class there may be a folder that is one of the domains and one that is a split (`train`, `val`, `test`),
    in either order. Without a folder for it, a picture is of the only domain. The id is the path.

    Args:
        root: the folder of the pictures.
        options: `space`, the label space, and `domains`, as `folder_dataset` puts them into the spec.

    Raises:
        DataError: a folder above the class is neither a domain nor a split, or the domain cannot be told.
    """
    domains, space = options["domains"], str(options["space"])
    for path in pictures(root):
        *above, label, _ = ["", *path.split("/")] if "/" not in path else path.split("/")
        here = [part for part in above if part in domains]
        splits = [SPLITS[part.lower()] for part in above if part not in domains and part.lower() in SPLITS]
        strange = [part for part in above if part not in domains and part.lower() not in SPLITS]
        if not label or strange or len(here) > 1 or len(splits) > 1 or (not here and len(domains) > 1):
            raise DataError(
                f"{root / path} is not at [DOMAIN/][SPLIT/]CLASS/FILE",
                f"the domains are {', '.join(domains)}, and the splits train, val and test",
            )
        yield Row(
            id=path,
            path=path,
            domain=here[0] if here else domains[0],
            labels={space: label},
            split=splits[0] if splits else "",
        )
