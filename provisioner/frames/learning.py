"""Learns DataFrames as a database is learned: by way of an embedded server that holds them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from connectors.embedded import embedded_server
from connectors.engines import open_source
from connectors.engines.postgresql.staging import constrain, stage
from generators.model import DatabaseModel
from provisioner.errors import WrongFrame
from provisioner.frames.keys import Keys, broken_keys, keyed
from provisioner.frames.stored import stored
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.naming import named_tables


def learned_frames(
    frames: Mapping[str, object], keys: Keys, units: Sequence[str], learning: Learning
) -> DatabaseModel:
    """What may leave some DataFrames; the server and the rows in it are gone at the end.

    Raises:
        WrongFrame: a column has no counterpart, or the rows break a key; with their number.
        WrongRequest: a unit is no frame.
        MissingTool: there are no server binaries.
    """
    if not frames:
        raise WrongFrame("there are no frames; expected at least one to learn from")
    given = keyed({name: stored(name, frame) for name, frame in frames.items()}, keys)
    tables = [one.table for one in given.values()]
    named = named_tables(units, [table.name for table in tables])
    with embedded_server() as server:
        stage(server.url(), tables, (batch for one in given.values() for batch in one.batches))
        with open_source(server.url()) as source:
            broken = broken_keys(given, source)
        if broken:
            raise WrongFrame(f"{'; '.join(broken)}: drop these rows, or do not give the key")
        constrain(server.url(), tables)
        with open_source(server.url()) as source:
            return learn(source, replace(learning, units=named))
