"""The command line: runs one command, and tells its end as an exit code."""

import atexit
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import Any

import click

from provisioner.commands import named, names
from provisioner.complaints import DEBUG, Complaint, complaint, wants_json
from provisioner.terminal import DONE, print_json


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and answers the exit code.

    0 done, 1 a finding that is an error, 2 wrong usage, 3 could not, 130 interrupted.
    """
    codes: list[int] = []
    alone = arguments is None
    if alone:
        atexit.register(_leave, codes)  # the first to be registered is the last to be called
    given = sys.argv[1:] if arguments is None else list(arguments)
    ended = _ended(given, alone=alone)
    if isinstance(ended, Complaint) and wants_json(given):
        print_json({"error": asdict(ended)})
    codes.append(ended.code if isinstance(ended, Complaint) else ended)
    return codes[0]


def _leave(codes: Sequence[int]) -> None:
    """Ends a process that has nothing left to do: the system takes memory back faster than we."""
    with suppress(OSError):  # nobody reads any more, which the interpreter tells in its own way
        sys.stdout.flush()
        sys.stderr.flush()
        if codes:
            os._exit(codes[0])


def _ended(arguments: Sequence[str], *, alone: bool) -> int | Complaint:
    """Runs a command; answers its exit code, or what people were told on stderr.

    Commands are told, as click's object, whether they are `alone` in a process of their own.
    """
    plain: dict[str, Any] = {"prog_name": "provisioner", "standalone_mode": False, "obj": alone}
    try:
        with _terminable():
            code = commands.main(arguments, **plain)
        return code if isinstance(code, int) else DONE
    except click.ClickException as error:
        error.show()
        return Complaint(type(error).__name__, error.format_message(), error.exit_code)
    except (KeyboardInterrupt, Exception) as error:  # noqa: BLE001 - the last place that can tell a person what happened
        interrupted = isinstance(error, KeyboardInterrupt | click.Abort)
        if os.environ.get(DEBUG) and not interrupted:
            traceback.print_exc()
        told = complaint(KeyboardInterrupt() if interrupted else error)
        click.echo(told.text, err=True)
        return told


@contextmanager
def _terminable() -> Iterator[None]:
    """Has SIGTERM end a run as Ctrl-C does: what is committed stays, and a person is told."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


class Commands(click.Group):
    """The commands in their folder; a command is imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """In the order of the alphabet."""
        return names()

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """None where there is no such command."""
        return named(cmd_name)


@click.group(
    cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="dbprovisioner", prog_name="provisioner")
def commands() -> None:
    """Fill test databases with rows that look like production, yet are nobody's."""


if __name__ == "__main__":
    sys.exit(main())
