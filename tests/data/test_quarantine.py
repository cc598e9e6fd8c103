from pathlib import Path

import pytest

from ucdver.data.quarantine import Held, read_quarantine, write_quarantine
from ucdver.errors import DataError


def test_a_quarantine_list_comes_back_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    listed = [Held("b,1", "0" * 64, 'a "reason"\nin two lines'), Held("a", "1" * 64, "")]
    path = write_quarantine(tmp_path, listed)
    assert read_quarantine(tmp_path) == {one.id: one for one in listed}
    path.write_text("something,else\n")
    with pytest.raises(DataError, match="is not a list of id, sha256, reason"):
        read_quarantine(tmp_path)
    write_quarantine(tmp_path, [])
    assert read_quarantine(tmp_path) == {}
