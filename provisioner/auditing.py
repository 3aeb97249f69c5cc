"""Holds a file against the source that it was learned from: who holds each thing in it."""

from pathlib import Path

from connectors.engines import Source
from generators.archive import read_archive
from generators.privacy.audit import Recount, audit
from generators.privacy.support import Support
from generators.viewing import Library
from provisioner.events import Listener, silent
from provisioner.learning import Learning
from provisioner.sampling import sampled


def audited(
    source: Source, file: Path, learning: Learning, listen: Listener = silent
) -> tuple[Recount, ...]:
    """Reads the source again, and counts anew the units behind all that the file holds of it.

    Leaves of models and weights have no counterpart in the source; attacks look at those.

    Args:
        source: what was learned.
        file: what was learned of it.
        learning: how; units and samples are chosen by it.
        listen: told of the progress.
    """
    sample = sampled(source, learning, listen)
    library = Library(sample.schema, sample.training, Support(learning.k))
    return tuple(audit(read_archive(file), library))
