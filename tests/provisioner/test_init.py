"""`init` drafts a configuration, and brings one up to date without touching what people wrote."""

import json
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from provisioner.cli import main
from provisioner.config import read_config
from provisioner.drafting import drafted, updated
from provisioner.errors import WrongRequest
from provisioner.grammar import grammar
from provisioner.proposing import Proposal, TableProposal
from provisioner.sections import Mode

ROOT = Path(__file__).parents[2]
SHOP = """
CREATE TABLE customers (id serial PRIMARY KEY, first_name text NOT NULL, email text);
CREATE TABLE kinds (id serial PRIMARY KEY, label text NOT NULL);
CREATE TABLE orders (id serial PRIMARY KEY, customer_id int NOT NULL REFERENCES customers,
                     kind_id int NOT NULL REFERENCES kinds, customer_email text NOT NULL,
                     net int NOT NULL, tax int NOT NULL, total int NOT NULL);
CREATE TABLE "odd: #name" (id serial PRIMARY KEY, customers_id int NOT NULL);
INSERT INTO customers (first_name, email)
    SELECT 'Ann', 'ann' || n || '@shop.net' FROM generate_series(1, 400) n;
INSERT INTO kinds (label) SELECT 'kind ' || n FROM generate_series(1, 12) n;
INSERT INTO orders (customer_id, kind_id, customer_email, net, tax, total)
    SELECT 1 + n % 400, 1 + n % 12, 'x@y.net', n % 97, n % 11, n % 97 + n % 11
    FROM generate_series(1, 1200) n;
INSERT INTO "odd: #name" (customers_id) SELECT 1 + n * 7 % 400 FROM generate_series(1, 900) n;
ANALYZE;
"""
ONE = TableProposal("public.one", Mode.SYNTHESIZE, ("10 rows",))
TWO = TableProposal("public.two", Mode.SKIP, ("20 rows", "a rule"))


def proposal(*tables: TableProposal) -> Proposal:
    return Proposal("postgresql://me@here/shop", ("public.one",), tables)


@pytest.fixture(scope="module")
def shop(lasting_database: Callable[[], str]) -> str:
    """A small shop with a key that nobody declared."""
    url = lasting_database()
    with psycopg.connect(url) as connection:
        connection.execute(SHOP)
    return url


@pytest.fixture(scope="module")
def file(shop: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration that `init` drafts for it."""
    file = tmp_path_factory.mktemp("init") / "provisioner.yaml"
    assert main(["init", "--source", shop, "-o", str(file)]) == 0
    return file


def test_a_draft_says_what_becomes_of_each_table(file: Path, shop: str) -> None:
    config = read_config(file.read_text(), str(file), {})
    assert config.source == shop
    assert config.units == ("public.customers",)
    assert {name: section.mode for name, section in config.tables.items()} == {
        "public.customers": "synthesize",
        "public.kinds": "synthesize",
        "public.orders": "synthesize",
        "public.odd: #name": "synthesize",
    }


def test_notes_tell_sizes_personal_columns_reference_data_keys_and_rules(file: Path) -> None:
    text = file.read_text()
    notes = {
        section.rpartition("\n")[2] if "\n" in section else section: section
        for section in text.split(":\n    mode:")
    }
    kinds, customers = (
        next(t for n, t in notes.items() if n.endswith(w)) for w in ("kinds", "customers")
    )
    assert "#: 400 rows" in customers
    assert "#: personal, invented: first_name, email" in customers
    assert "#: proposed, if its rows are public: mode: copy" in kinds
    assert (
        'proposed: keys: [{columns: [customers_id], references: "public.customers (id)"}]' in text
    )
    assert "#: rule: total = net + tax (1,200 rows)" in text


def test_what_is_proposed_is_understood(file: Path, tmp_path: Path, shop: str) -> None:
    said = next(line for line in file.read_text().splitlines() if "proposed: keys:" in line)
    text = file.read_text().replace(
        "odd: #name':\n    mode: synthesize",
        f"odd: #name':\n    {said.partition('proposed: ')[2]}",
    )
    mended = tmp_path / "provisioner.yaml"
    mended.write_text(text)
    model = tmp_path / "shop.model"
    assert main(["learn", "--config", str(mended), "-o", str(model)]) == 0
    assert main(["init", "--source", shop, "-o", str(mended), "--update"]) == 0
    assert "proposed: keys:" not in mended.read_text()


def test_an_update_changes_nothing_where_nothing_changed(
    file: Path, shop: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = file.read_text()
    assert main(["init", "--source", shop, "-o", str(file), "--update"]) == 0
    assert file.read_text() == before
    assert "is up to date" in capsys.readouterr().out


@pytest.mark.parametrize("given", [[], ["--update"]])
def test_a_file_is_neither_replaced_nor_made_up_unasked(
    given: list[str], file: Path, shop: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = str(tmp_path / "other.yaml") if given else str(file)
    assert main(["init", "--source", shop, "-o", there, *given]) == 2
    assert "--update" in capsys.readouterr().err


def test_no_password_is_written(shop: str, tmp_path: Path) -> None:
    secret = shop.replace("@", ":hunter2-secret@", 1)
    file = tmp_path / "provisioner.yaml"
    assert main(["init", "--source", secret, "-o", str(file), "--no-rules"]) == 0
    assert "hunter2" not in file.read_text()
    assert "source: ${PROVISIONER_SOURCE}" in file.read_text()


def test_an_update_adds_tables_and_shows_what_changed() -> None:
    before = drafted(proposal(ONE)).text
    found = updated(before, "shop.yaml", proposal(ONE, TWO))
    assert read_config(found.text, "shop.yaml", {}).tables["public.two"].mode is Mode.SKIP
    added = [line for line in found.diff.splitlines() if line.startswith("+ ")]
    assert added == ["+  #: 20 rows", "+  #: a rule", "+  public.two:", "+    mode: skip"]
    assert not [line for line in found.diff.splitlines() if line.startswith("- ")]


def test_tables_that_are_gone_are_named_with_their_lines() -> None:
    before = drafted(proposal(ONE, TWO)).text
    line = before[: before.index("public.two")].count("\n") + 1
    (told,) = updated(before, "shop.yaml", proposal(ONE)).gone
    assert told.startswith(f"shop.yaml, line {line}: the source has no table public.two")


@pytest.mark.parametrize(
    "written",
    [
        "",
        "# mine\nk: 20\n",
        "tables:\n# mine\nk: 20\n",
        "tables:\n      one:   # short name, wide\n            mode: 'empty'\n\n# of k\nk: 20",
        "k: 20\ntables:\n  public.one: {mode: copy}   # braces inside\n  # the end",
    ],
)
def test_each_line_that_a_person_wrote_stays_to_the_letter(written: str) -> None:
    found = updated(written, "shop.yaml", proposal(ONE, TWO)).text
    kept = [line for line in found.splitlines() if "#:" not in line]
    mine = written.splitlines()
    assert [line for line in kept if line in mine] == mine
    config = read_config(found, "shop.yaml", {})
    assert len(config.tables) == 2
    assert config.tables["public.two"].mode is Mode.SKIP
    assert updated(found, "shop.yaml", proposal(ONE, TWO)).text == found


def test_tables_in_braces_are_refused_when_one_is_new() -> None:
    with pytest.raises(WrongRequest, match="between braces"):
        updated("tables: {public.one: {mode: copy}}\n", "shop.yaml", proposal(ONE, TWO))


@given(st.text(min_size=1), st.text())
def test_any_name_and_note_can_be_written_and_read_back(name: str, note: str) -> None:
    plain = "".join(c for c in name if c.isprintable()) or "x"
    table = TableProposal(f"public.{plain}", Mode.EMPTY, (ascii(note),))
    found = drafted(proposal(table)).text
    config = read_config(found.replace("${", "$${"), "shop.yaml", {})
    assert [section.mode for section in config.tables.values()] == [Mode.EMPTY]
    assert updated(found, "shop.yaml", proposal(table)).text == found


def readme_configurations() -> list[str]:
    text = (ROOT / "README.md").read_text()
    return [part.partition("```")[0] for part in text.split("```yaml\n")[1:]]


@pytest.mark.parametrize("text", readme_configurations())
def test_editors_accept_what_the_readme_shows(text: str) -> None:
    values = json.loads(json.dumps(yaml.safe_load(text), default=str))
    errors = [e.message for e in Draft202012Validator(grammar()).iter_errors(values)]
    assert errors == []


def test_editors_refuse_a_word_that_is_not_known() -> None:
    check = Draft202012Validator(grammar())
    assert check.is_valid({"k": "${K}", "tables": {"a": {"mode": "skip"}}})
    assert not check.is_valid({"tables": {"a": {"mod": "skip"}}})
    assert not check.is_valid({"tables": {"a": {"mode": "slip"}}})


def test_a_schema_alone_can_be_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "provisioner.schema.json"
    assert main(["init", "--schema", str(file)]) == 0
    assert json.loads(file.read_text())["title"] == "provisioner.yaml"
    assert main(["init"]) == 2


def test_the_smallest_configuration_has_three_lines() -> None:
    text = "source: ${SOURCE}\ntarget: ${TARGET}\nunits: [customers]\n"
    assert read_config(text, "provisioner.yaml", {}).units == ("customers",)
