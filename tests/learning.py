"""Databases that some SQL fills, and the archives of what is learned from them."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from connectors.engines import open_source
from generators.archive import read_archive, write_archive
from generators.model import DatabaseModel
from provisioner.learn import learn
from provisioner.learning import Learning


@pytest.fixture(scope="module")
def filled_database(lasting_database: Callable[[], str]) -> Callable[[str], str]:
    """Makes databases that some SQL fills and all tests of a module share; answers their URLs."""

    def made(script: str) -> str:
        url = lasting_database()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(script.encode())
        return url

    return made


@pytest.fixture(scope="module")
def learned_archive(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Learns databases by their URLs, and answers where the archives are."""

    def made(url: str, learning: Learning | None = None) -> Path:
        path = tmp_path_factory.mktemp("models") / "learned.model"
        with open_source(url) as source:
            write_archive(learn(source, learning or Learning()), path)
        return path

    return made


@pytest.fixture(scope="module")
def model(archive: Path) -> DatabaseModel:
    """What the fixture `archive` of a module holds."""
    return read_archive(archive)
