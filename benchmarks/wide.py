"""A made production database of many tables, and how long each command takes on it.

`python -m benchmarks.wide --tables 500` writes that many tables of a few hundred rows, in modules
of ten that refer to one another as those of a large application do, then runs the commands on
them and prints their seconds as JSON, the rows in all and the most memory that `learn` holds, the
server's left out. `--times N` writes N times the rows: about 20,000 rows a table are
`--tables 50 --times 52`, a million in all. `--sql` prints the statements instead.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg

from benchmarks.memory import watched
from benchmarks.servers import database, server

_CORE = """
CREATE TABLE core_region (
    id serial PRIMARY KEY, code char(2) NOT NULL UNIQUE, name text NOT NULL);
CREATE TABLE core_person (
    id serial PRIMARY KEY, first_name text NOT NULL, last_name text NOT NULL,
    email text NOT NULL UNIQUE, region_id int NOT NULL REFERENCES core_region,
    born date NOT NULL CHECK (born > '1900-01-01'), joined timestamptz NOT NULL,
    active boolean NOT NULL DEFAULT true);
CREATE INDEX ON core_person (region_id);
INSERT INTO core_region (code, name)
    SELECT chr(65 + n % 26) || chr(65 + n * 7 % 26), 'Region ' || n FROM generate_series(1, 12) n;
INSERT INTO core_person (first_name, last_name, email, region_id, born, joined, active)
    SELECT (ARRAY['Ann','Bob','Cai','Dee','Eve','Fay','Gus','Hal'])[1 + (random() * 7)::int],
           (ARRAY['Abel','Berg','Cole','Dunn','Ek','Frey','Gray'])[1 + (random() * 6)::int],
           'person' || n || '@example.org', 1 + floor(12 * random() ^ 2)::int,
           date '1950-01-01' + (random() * 18000)::int,
           timestamptz '2020-01-01' + random() * interval '1500 days', random() < 0.9
    FROM generate_series(1, {persons}) n;
"""
# Two lists of words, two things that people hold, two kinds of documents with their lines, a link
# between things, and what happened to them.
_MODULE = """
CREATE TABLE {m}_kind (
    id smallint PRIMARY KEY, code varchar(8) NOT NULL UNIQUE, label text NOT NULL,
    rank smallint NOT NULL CHECK (rank BETWEEN 1 AND 9));
CREATE TABLE {m}_tax (
    code char(3) PRIMARY KEY, share numeric(5, 4) NOT NULL CHECK (share >= 0 AND share < 1));
CREATE TABLE {m}_item (
    id serial PRIMARY KEY, sku varchar(20) NOT NULL UNIQUE,
    kind_id smallint NOT NULL REFERENCES {m}_kind, parent_id int REFERENCES {m}_item,
    other_id int REFERENCES {before}_item, price numeric(10, 2) NOT NULL CHECK (price > 0),
    cost numeric(10, 2) NOT NULL, made date NOT NULL, retired date, CHECK (cost <= price),
    CHECK (retired IS NULL OR retired >= made));
CREATE TABLE {m}_account (
    id serial PRIMARY KEY, person_id int NOT NULL REFERENCES core_person,
    number varchar(16) NOT NULL UNIQUE, state text NOT NULL
        CHECK (state IN ('open', 'held', 'closed')),
    opened timestamptz NOT NULL, closed timestamptz, credit numeric(12, 2) NOT NULL DEFAULT 0,
    CHECK ((state = 'closed') = (closed IS NOT NULL)), CHECK (closed >= opened));
CREATE TABLE {m}_order (
    id serial PRIMARY KEY, account_id int NOT NULL REFERENCES {m}_account,
    clerk_id int REFERENCES core_person, tax char(3) NOT NULL REFERENCES {m}_tax,
    state text NOT NULL, placed timestamptz NOT NULL, shipped timestamptz,
    note text, CHECK (shipped >= placed));
CREATE TABLE {m}_order_line (
    order_id int REFERENCES {m}_order ON DELETE CASCADE, position smallint CHECK (position > 0),
    item_id int NOT NULL REFERENCES {m}_item, quantity int NOT NULL CHECK (quantity > 0),
    price numeric(10, 2) NOT NULL, total numeric(12, 2) NOT NULL,
    PRIMARY KEY (order_id, position), CHECK (total = quantity * price));
CREATE TABLE {m}_claim (
    id bigserial PRIMARY KEY, order_id int NOT NULL REFERENCES {m}_order,
    kind_id smallint NOT NULL REFERENCES {m}_kind, raised date NOT NULL,
    amount numeric(10, 2) CHECK (amount >= 0), settled boolean NOT NULL,
    UNIQUE (order_id, kind_id, raised));
CREATE TABLE {m}_claim_step (
    id bigserial PRIMARY KEY, claim_id bigint NOT NULL REFERENCES {m}_claim,
    at timestamptz NOT NULL, state text NOT NULL, by_id int REFERENCES core_person);
CREATE TABLE {m}_item_tag (
    item_id int REFERENCES {m}_item, kind_id smallint REFERENCES {m}_kind,
    weight real NOT NULL, PRIMARY KEY (item_id, kind_id));
CREATE TABLE {m}_event (
    id uuid PRIMARY KEY, account_id int NOT NULL REFERENCES {m}_account,
    at timestamptz NOT NULL, what text NOT NULL, address inet, more jsonb);
CREATE INDEX ON {m}_item (kind_id);
CREATE INDEX ON {m}_account (person_id);
CREATE INDEX ON {m}_order (account_id, placed);
CREATE INDEX ON {m}_order_line (item_id);
CREATE INDEX ON {m}_claim (order_id);
CREATE INDEX ON {m}_event (account_id, at) WHERE what <> 'view';
INSERT INTO {m}_kind SELECT n, 'K' || n, 'Kind ' || n, 1 + n % 9 FROM generate_series(1, 14) n;
INSERT INTO {m}_tax SELECT 'T' || lpad(n::text, 2, '0'), n / 50.0 FROM generate_series(0, 5) n;
INSERT INTO {m}_item
    SELECT n, upper(left('{m}', 3)) || '-' || lpad((n * 37)::text, 6, '0'),
           1 + floor(14 * random() ^ 2)::int,
           CASE WHEN n > 20 AND random() < .5 THEN n / 10 + 1 END,
           CASE WHEN random() < .3 THEN 1 + floor({items} * random())::int END, p, round(p * .6, 2),
           d, CASE WHEN random() < .2 THEN d + (random() * 400)::int END
    FROM (SELECT n, round((exp(random() * 5) + 1)::numeric, 2) p,
                 date '2019-01-01' + (random() * 1500)::int d FROM generate_series(1, {items}) n) t;
INSERT INTO {m}_account
    SELECT n, 1 + floor({persons} * random())::int, 'AC' || lpad((n * 7919 % 100000)::text, 8, '0'),
           s, o, CASE WHEN s = 'closed' THEN o + random() * interval '300 days' END,
           round((random() * 5000)::numeric, 2)
    FROM (SELECT n, (ARRAY['open','open','open','held','closed'])[1 + floor(random() * 5)::int] s,
                 timestamptz '2021-01-01' + random() * interval '900 days' o
          FROM generate_series(1, {accounts}) n) t;
INSERT INTO {m}_order
    SELECT n, 1 + floor({accounts} * random() ^ 1.5)::int,
           CASE WHEN random() < .6 THEN 1 + floor(60 * random())::int END,
           'T0' || floor(random() * 6)::int, CASE WHEN r < .8 THEN 'shipped' ELSE 'new' END, p,
           CASE WHEN r < .8 THEN p + random() * interval '9 days' END,
           CASE WHEN random() < .1 THEN 'please leave at the door' END
    FROM (SELECT n, random() r, timestamptz '2022-01-01' + random() * interval '700 days' p
          FROM generate_series(1, {orders}) n) t;
INSERT INTO {m}_order_line
    SELECT o.id, k, i.id, q, i.price, q * i.price
    FROM (SELECT o.id, k, 1 + floor({items} * random() ^ 2)::int item,
                 1 + floor(6 * random())::int q
          FROM {m}_order o, generate_series(1, 1 + o.id % 3) k) o(id, k, item, q)
    JOIN {m}_item i ON i.id = o.item;
INSERT INTO {m}_claim
    SELECT n, 1 + floor({orders} * random())::int, 1 + n % 14, date '2023-01-01' + n % 7000,
           CASE WHEN random() < .8 THEN round((random() * 90)::numeric, 2) END, random() < .5
    FROM generate_series(1, {claims}) n ON CONFLICT DO NOTHING;
INSERT INTO {m}_claim_step
    SELECT row_number() OVER (), c.id, c.raised + (k + random()) * interval '1 day',
           (ARRAY['raised','heard','settled'])[k], 1 + floor(60 * random())::int
    FROM {m}_claim c, generate_series(1, 1 + c.id::int % 3) k;
INSERT INTO {m}_item_tag
    SELECT DISTINCT ON (1, 2) 1 + n % {items}, 1 + floor(14 * random())::int, random()
    FROM generate_series(1, {tags}) n;
INSERT INTO {m}_event
    SELECT gen_random_uuid(), 1 + floor({accounts} * random() ^ 2)::int,
           timestamptz '2022-01-01' + random() * interval '700 days',
           (ARRAY['view','login','edit','fail'])[1 + floor(4 * random() ^ 2)::int],
           ('10.0.' || n % 256 || '.' || n % 200)::inet,
           jsonb_build_object('tries', n % 4, 'agent', (ARRAY['web','app'])[1 + n % 2])
    FROM generate_series(1, {events}) n;
"""
_PER_MODULE = _MODULE.count("CREATE TABLE")
_ROWS = {
    "persons": 800,
    "items": 250,
    "accounts": 300,
    "orders": 500,
    "claims": 200,
    "tags": 400,
    "events": 600,
}
"""Rows that are made of each kind of thing; lines, steps and links follow from these."""
_AREAS = ("sales", "care", "store", "fleet", "claims", "parts", "site", "media", "labs", "crew")


def statements(tables: int, times: int = 1) -> Iterator[str]:
    """What creates and fills about as many tables, the same each time; so many times the rows."""
    rows = {name: number * times for name, number in _ROWS.items()}
    yield "SELECT setseed(0.5);" + _CORE.format(**rows)
    before = None
    for n in range(max(1, round(tables / _PER_MODULE))):
        module = f"{_AREAS[n % len(_AREAS)]}{n // len(_AREAS) + 1}"
        yield _MODULE.format(m=module, before=before or module, **rows)
        before = module
    yield "ANALYZE;"


def main(arguments: Sequence[str]) -> None:
    """Prints seconds of each command, or the statements."""
    options = _options(arguments)
    if options.sql:
        print("\n".join(statements(options.tables, options.times)))
        return
    with (
        server() as url,
        database(url) as source,
        database(url) as target,
        tempfile.TemporaryDirectory(prefix="provisioner-wide-") as folder,
    ):
        with psycopg.connect(source, autocommit=True) as connection:
            for text in statements(options.tables, options.times):
                connection.execute(text.encode())
        found = _seconds(source, target, Path(folder))
        print(json.dumps({"rows": _rows(source), **found}, indent=1))


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.wide", description=__doc__)
    parser.add_argument("--tables", type=int, default=500)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--sql", action="store_true", help="print the statements, run nothing")
    return parser.parse_args(arguments)


def _rows(url: str) -> int:
    """How many rows all tables have."""
    query = "SELECT sum(reltuples)::bigint FROM pg_class WHERE relkind = 'r' AND relnamespace = "
    with psycopg.connect(url) as connection:
        counted = connection.execute(f"{query}'public'::regnamespace".encode()).fetchone()
    return 0 if counted is None else int(str(counted[0]))


def _seconds(source: str, target: str, folder: Path) -> dict[str, float]:
    model = str(folder / "wide.model")
    known = {**os.environ, "PROVISIONER_SOURCE": source, "PROVISIONER_TARGET": target}
    page = folder / "page.html"
    runs = {
        "learn": ["learn", "-o", model],
        "plan": ["plan", model],
        "provision": ["provision", model, "--no-verify"],
        "verify": ["verify", model, "--html", str(page)],
    }
    found = {}
    for name, words in runs.items():
        began = time.perf_counter()
        run = [sys.executable, "-m", "provisioner.cli", *words]
        process = subprocess.Popen(run, env=known, stdout=subprocess.DEVNULL)  # noqa: S603 - our own command
        with process, watched(process.pid) as peak:
            code = process.wait()
        if code > 1:
            raise SystemExit(f"{name} ended with code {code}")
        found[name] = round(time.perf_counter() - began, 1)
        if name == "learn":
            found["learn_mb"] = round(peak.bytes / 1e6)
    return {**found, "page_mb": round(page.stat().st_size / 1e6, 2)}


if __name__ == "__main__":
    main(sys.argv[1:])
