"""Rows of masked tables are real ones with pseudonyms, alike on both ends of every key."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from querying import query

from connectors.engines import open_source, open_target
from connectors.schema import TableName
from generators.archive import write_archive
from generators.ciphers import Cipher
from generators.classes import said
from generators.model import DatabaseModel
from provisioner.carrying import Carrying, Subset
from provisioner.cli import main
from provisioner.contents import contents
from provisioner.errors import NotPublic, WrongRequest
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.masking import cipher_of
from provisioner.plan import plan
from provisioner.request import Request
from provisioner.verify import verify

SHOP = (Path(__file__).parents[1] / "databases" / "shop.sql").read_text("utf-8")
CIPHER = Cipher(b"a key of thirty-two bytes for tests")
MASKED = ("customer", "profile", "orders", "line", "shipment", "visit")
KEY = "0123456789abcdef0123456789abcdef"


def named(*names: str) -> frozenset[TableName]:
    return frozenset(TableName("shop", name) for name in names)


def carrying(
    *masked: str, copied: frozenset[TableName] | None = None, **said: Mapping[str, str]
) -> Carrying:
    tables = {TableName("shop", name): said.get(name, {}) for name in masked}
    known = named("country", "product") if copied is None else copied
    return Carrying(known, masked=tables, cipher=CIPHER)


@pytest.fixture(scope="module")
def shop(lasting_database: Callable[[], str]) -> str:
    url = lasting_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SHOP.encode())
    return url


def learned(shop: str, asked: Carrying) -> DatabaseModel:
    with open_source(shop) as source:
        return learn(source, Learning(invariants=False, carrying=asked))


@pytest.fixture(scope="module")
def model(shop: str) -> DatabaseModel:
    return learned(shop, carrying(*MASKED, customer={"born": "shift"}))


@pytest.fixture(scope="module")
def filled(model: DatabaseModel, lasting_database: Callable[[], str]) -> str:
    url = lasting_database()
    with open_target(url) as target:
        load(model, plan(model, "masked", Request(scale=2.0)), target)
        report = verify(model, target)
    assert report.passed, report.findings
    return url


@pytest.mark.parametrize(
    "order",
    [
        "select count(*) from shop.customer",
        "select count(*), sum(total) from shop.line",
        "select state, count(*) from shop.orders group by 1 order by 1",
        (
            "select n, count(*) from (select count(*) n from shop.orders group by customer_id) o"
            " group by 1 order by 1"
        ),
        (
            "select c.country, sum(l.total) from shop.customer c join shop.orders o on"
            " o.customer_id = c.id join shop.line l on l.order_id = o.id group by 1 order by 1"
        ),
        (
            "select p.sku, count(*) from shop.line l join shop.product p on p.id = l.product_id"
            " group by 1 order by 1"
        ),
        "select length(phone), count(*) from shop.customer group by 1 order by 1",
        "select referred_by is null, count(*) from shop.customer group by 1 order by 1",
    ],
)
def test_what_joins_and_counts_say_stays(shop: str, filled: str, order: str) -> None:
    assert query(filled, order) == query(shop, order)


def test_tables_that_are_drawn_are_scaled_beside_masked_ones(shop: str, filled: str) -> None:
    [(labels,)] = query(shop, "select count(*) from shop.product_label")
    assert query(filled, "select count(*) from shop.product_label") == [(2 * labels,)]


@pytest.mark.parametrize(
    "order",
    [
        "select email from shop.customer",
        "select phone from shop.customer where phone is not null",
        "select id::text from shop.shipment",
    ],
)
def test_nothing_that_identifies_is_the_same(shop: str, filled: str, order: str) -> None:
    assert not set(query(filled, order)) & set(query(shop, order))


def test_keys_are_others_and_dates_of_a_customer_have_moved(shop: str, filled: str) -> None:
    order = "select id, born, referred_by from shop.customer"
    assert not set(query(filled, order)) & set(query(shop, order))


@pytest.mark.parametrize("share", [None, 0.4])
def test_drawn_rows_may_belong_to_masked_ones(
    shop: str, new_database: Callable[[], str], share: float | None
) -> None:
    name, url = TableName("shop", "customer"), new_database()
    asked = carrying("customer", copied=named("country"))
    asked = replace(asked, subset=None if share is None else Subset(name, share))
    found = learned(shop, asked)
    with open_target(url) as target:
        load(found, plan(found, "masked", Request()), target)
        report = verify(found, target)
    assert report.passed, report.findings
    [(orders,)] = query(shop, "select count(*) from shop.orders")
    expected = round(orders * found.carried[name].count / 600)
    assert query(url, "select count(*) from shop.orders") == [(expected,)]


def test_no_personal_value_is_in_the_file(shop: str, model: DatabaseModel, tmp_path: Path) -> None:
    path = tmp_path / "shop.model"
    write_archive(model, path)
    import zipfile

    with zipfile.ZipFile(path) as archive:
        held = b"\n".join(archive.read(name) for name in archive.namelist())
    for email, phone in query(shop, "select email, phone from shop.customer"):
        assert email.encode() not in held
        assert phone is None or phone.encode() not in held
    assert CIPHER.key not in held


def test_two_runs_agree(shop: str, model: DatabaseModel) -> None:
    again = learned(shop, carrying("customer", customer={"born": "shift"}, copied=named("country")))
    name = TableName("shop", "customer")
    assert again.carried[name].rows.value.equals(model.carried[name].rows.value)


def test_a_key_without_which_nobody_masks() -> None:
    weak = {"PROVISIONER_MASK_KEY": "short"}, {"PROVISIONER_MASK_KEY": "a" * 64}
    for environment in ({}, *weak):
        with pytest.raises(WrongRequest, match="PROVISIONER_MASK_KEY"):
            cipher_of(environment)
    assert cipher_of({"PROVISIONER_MASK_KEY": KEY}) == Cipher(KEY.encode())


def test_masked_rows_refer_to_no_drawn_ones(shop: str) -> None:
    with pytest.raises(WrongRequest, match=r"leads to shop\.customer, whose rows are drawn"):
        learned(shop, carrying("profile"))


def test_both_ends_of_a_key_are_masked_alike(shop: str) -> None:
    said = carrying("customer", "profile", profile={"customer_id": "keep"})
    kept = learned(shop, said)
    assert all("customer_id" not in (c.masks or {}) for c in kept.carried.values())
    assert "id" not in (kept.carried[TableName("shop", "customer")].masks or {})
    wrong = carrying(
        "customer", "profile", profile={"customer_id": "keep"}, customer={"id": "number"}
    )
    with pytest.raises(WrongRequest, match="mask all alike"):
        learned(shop, wrong)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"born": "email"}, "mask email does not suit date"),
        ({"country": "text"}, r"tie these columns to shop\.country\.code"),
        ({"email": "last_name"}, "the key customer_email_key would be the same"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused(shop: str, said: dict[str, str], text: str) -> None:
    with pytest.raises(WrongRequest, match=text):
        learned(shop, carrying("customer", customer=said))


def test_a_personal_column_stays_only_if_somebody_says_so(shop: str) -> None:
    asked = carrying("customer", customer={"phone": "keep"})
    with pytest.raises(NotPublic, match=r"shop\.customer\.phone") as refused:
        learned(shop, asked)
    hashes = frozenset(f.hash for f in refused.value.findings)
    known = Carrying(asked.copied, hashes, asked.masked, CIPHER)
    assert "phone" not in (learned(shop, known).carried[TableName("shop", "customer")].masks or {})


def test_masks_follow_the_classes_that_a_person_gave(shop: str) -> None:
    customer = TableName("shop", "customer")
    given = {customer: {"born": said("personal"), "phone": said("plain")}}
    asked = carrying("customer", customer={"phone": "keep"})
    with open_source(shop) as source:
        found = learn(source, Learning(invariants=False, carrying=asked, classes=given))
    masks = found.carried[customer].masks or {}
    assert masks["born"] == "shift"
    assert "phone" not in masks


def test_a_reviewer_is_told_what_is_masked_and_what_is_not(model: DatabaseModel) -> None:
    [told] = [line for line in contents(model, "").carried if "shop.customer " in line]
    assert "email (email)" in told
    assert "born (shift)" in told
    assert told.endswith("as they are: country.")


def test_the_command_line_masks_with_the_key_of_the_environment(
    shop: str,
    new_database: Callable[[], str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config, file, target = tmp_path / "p.yaml", tmp_path / "shop.model", new_database()
    config.write_text(
        "tables: {country: {mode: copy}, customer: {mode: mask, masks: {born: shift}}}"
    )
    asked = ["learn", "--source", shop, "-o", str(file), "--config", str(config)]
    monkeypatch.delenv("PROVISIONER_MASK_KEY", raising=False)
    assert main(asked) == 2
    assert "PROVISIONER_MASK_KEY is not set" in capsys.readouterr().err
    assert not file.exists()
    monkeypatch.setenv("PROVISIONER_MASK_KEY", KEY)
    assert main(asked) == 0
    assert main(["provision", str(file), "--target", target, "--config", str(config)]) == 0
    assert query(target, "select count(*) from shop.customer where email ~ '@example'") == [(600,)]
    out = capsys.readouterr()
    assert KEY not in out.out + out.err
    assert main(["show", str(file), "--output", "json"]) == 0
    tables = {t["name"]: t["mode"] for t in json.loads(capsys.readouterr().out)["tables"]}
    assert tables["shop.customer"] == "mask"
    config.write_text("tables: {customer: {mode: mask, masks: {born: shft}}}")
    assert main(asked) == 3
    assert "found 'shft', expected one of" in capsys.readouterr().err
