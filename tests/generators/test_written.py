"""A file is replaced whole or stays as it was, whenever it is interrupted."""

import os
import stat
from pathlib import Path

import pytest

from generators.written import replacing


def test_what_is_written_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "shop.model"
    path.write_text("before")
    with replacing(path) as temporary:
        assert stat.S_IMODE(temporary.stat().st_mode) == 0o600
        temporary.write_text("after")
        assert path.read_text() == "before"
    assert path.read_text() == "after"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupt_as_soon_as_the_file_is_there_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = os.open

    def interrupted(*arguments: object) -> int:
        os.close(made(*arguments))  # type: ignore[arg-type]  # handed on as they came
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "open", interrupted)
    with pytest.raises(KeyboardInterrupt), replacing(tmp_path / "shop.model"):
        pass
    monkeypatch.undo()
    assert not list(tmp_path.iterdir())
