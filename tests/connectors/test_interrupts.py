"""Ctrl-C ends a statement that the server is still busy with, and is told as what it is."""

import subprocess
import sys

INTERRUPTED = """
import os, signal, sys, threading
import adbc_driver_postgresql.dbapi as adbc
from connectors.engines.postgresql.connection import told

with adbc.connect(sys.argv[1]) as connection, connection.cursor() as cursor:
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        with told("waiting"):
            cursor.execute("SELECT pg_sleep(60)")
            cursor.fetchall()
    except KeyboardInterrupt:
        print("interrupted")
"""


def test_ctrl_c_is_no_error_of_the_statement_that_it_ends(database: str) -> None:
    # ADBC hears of it in a program's main thread alone, which a test has not always.
    words = [sys.executable, "-c", INTERRUPTED, database]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=50, check=False)
    assert ended.stdout == "interrupted\n", ended.stderr
