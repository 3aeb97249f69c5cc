"""What can go wrong between the product and a database.

ConnectorError
├── UnknownEngine          the URL names a database product without a folder in `engines`
├── UnreachableServer      no server answers
├── RefusedLogin           the server answers, and refuses the user or password
├── MissingDatabase        the server has no database of that name
├── MissingPrivilege       the role may not do what the command needs
├── UnreadableTable        a table may not be read
├── EmptyDatabase          there is nothing to learn
├── NotEmptyTarget         the target holds tables or rows that are not ours
├── ForeignLoad            the target holds a half-finished load of another plan
├── BusyTarget             another run is loading the same target
├── RefusedRow             the server refused a row or a constraint
├── LostConnection         the server went away in mid-work
├── FullDisk               the server has no room left
├── WrongArrowType         an array cannot become its column's exact Arrow type
├── MissingTool            pg_dump or a server binary is not installed
├── BrokenDump             pg_dump's output is not what it promises to be
├── WrongQuery             a query given for its plan is no single SELECT
└── RefusedStatement       the server refused a statement for another reason
    └── Deadlock           sessions waited for each other's locks
"""


class ConnectorError(Exception):
    """Root of all errors raised by `connectors`; its text names found, expected and what to do."""


class UnknownEngine(ConnectorError):
    """The URL names a database product that no folder in `connectors/engines` serves."""


class UnreachableServer(ConnectorError):
    """No server answers at the address."""


class RefusedLogin(ConnectorError):
    """The server refused the user or the password."""


class MissingDatabase(ConnectorError):
    """The server has no database of the name in the URL."""


class MissingPrivilege(ConnectorError):
    """The role lacks a privilege that the command needs."""


class UnreadableTable(MissingPrivilege):
    """The role may not read a table."""


class EmptyDatabase(ConnectorError):
    """The source holds no table."""


class NotEmptyTarget(ConnectorError):
    """The target holds tables or rows that this product did not put there."""


class ForeignLoad(ConnectorError):
    """The target holds a load of another plan."""


class BusyTarget(ConnectorError):
    """Another run is loading the same target."""


class RefusedRow(ConnectorError):
    """The server refused a row, or a constraint over the rows."""


class LostConnection(ConnectorError):
    """The connection broke in mid-work."""


class FullDisk(ConnectorError):
    """The server has no room left."""


class WrongArrowType(ConnectorError):
    """An array cannot become the exact Arrow type of its column without loss."""


class MissingTool(ConnectorError):
    """A program that the work needs is not installed."""


class BrokenDump(ConnectorError):
    """The output of pg_dump cannot be read."""


class WrongQuery(ConnectorError):
    """A query of the user's that is no single SELECT, or does more than read."""


class RefusedStatement(ConnectorError):
    """The server refused a statement."""


class CutShort(RefusedStatement):
    """A statement was cancelled, or ran out of the time that it or its locks have."""


class Deadlock(RefusedStatement):
    """Sessions waited for each other's locks, and the server ended this one's statement."""
