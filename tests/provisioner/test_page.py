"""The page is one file that fetches nothing, and shows hostile names as the texts that they are."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import html5lib
import numpy as np
import psycopg
import pyarrow as pa
import pytest

from connectors.datatypes import DataType, Kind
from connectors.schema import Column, TableName
from generators.encoding import FittedColumn, fit_column
from generators.privacy.support import Support
from provisioner.cli import main
from provisioner.page.charts import Form, chart
from provisioner.page.page import licences

EVIL = "</script><img src=x onerror=alert(1)>"
HOSTILE = """
CREATE TABLE people (id serial PRIMARY KEY, first_name text NOT NULL, email text,
                     joined date NOT NULL, height numeric(5, 1));
CREATE TABLE "EVIL" (id serial PRIMARY KEY, people_id int NOT NULL REFERENCES people,
                       "<b>&amp;" text NOT NULL, at timestamptz NOT NULL);
INSERT INTO people (first_name, email, joined, height)
    SELECT 'Ann', 'ann' || n || '@shop.net', date '2020-01-01' + n * 7 % 900, 150 + n % 431 / 10.0
    FROM generate_series(1, 600) n;
INSERT INTO "EVIL" (people_id, "<b>&amp;", at)
    SELECT 1 + n % 600, (ARRAY['<!--<script>', '{{ 7 * 7 }}', 'plain'])[1 + n % 3],
           timestamptz '2021-03-01' + n * interval '7 hours'
    FROM generate_series(1, 1500) n;
ANALYZE;
""".replace("EVIL", EVIL)
XHTML = "{http://www.w3.org/1999/xhtml}"


@pytest.fixture(scope="module")
def page(lasting_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a hostile database, with a planted orphan that `verify` finds."""
    folder, source, target = tmp_path_factory.mktemp("page"), lasting_database(), lasting_database()
    with psycopg.connect(source) as connection:
        connection.execute(HOSTILE.encode())
    model, file = folder / "hostile.model", folder / "report.html"
    assert main(["learn", "--source", source, "-o", str(model), "--unit", "people"]) == 0
    assert main(["provision", str(model), "--target", target, "--html", str(file)]) == 0
    assert "Verified" in file.read_text("utf-8")
    with psycopg.connect(target) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("DELETE FROM people WHERE id = 1")
    assert main(["verify", str(model), "--target", target, "--html", str(file)]) == 1
    return file


@pytest.fixture(scope="module")
def tree(page: Path) -> Element:
    """The page as a browser would parse it."""
    found: Element = html5lib.parse(page.read_text("utf-8"))
    return found


def elements(tree: Element, name: str) -> list[Element]:
    return list(tree.iter(f"{XHTML}{name}"))


def data(tree: Element) -> dict[str, Any]:
    (holder,) = [s for s in elements(tree, "script") if s.get("id") == "data"]
    found: dict[str, Any] = json.loads(holder.text or "")
    return found


def test_the_page_asks_for_nothing_outside_itself(tree: Element) -> None:
    addresses = [
        (node.tag, name, value)
        for node in tree.iter()
        for name, value in node.attrib.items()
        if name in {"src", "href", "srcset", "action", "data", "poster"}
    ]
    assert addresses
    assert not [told for told in addresses if not told[2].startswith("#")]
    assert not re.search(
        r"@import|url\((?!#)", "".join(s.text or "" for s in elements(tree, "style"))
    )


def test_the_policy_lets_only_the_pages_own_scripts_run(tree: Element) -> None:
    (policy,) = [m.get("content", "") for m in elements(tree, "meta") if m.get("http-equiv")]
    running = [s for s in elements(tree, "script") if s.get("type") is None]
    assert policy.startswith("default-src 'none'")
    assert policy.count("'sha256-") == len(running) == 4
    assert "unsafe-inline" not in policy.partition("script-src")[2]


def test_hostile_names_are_texts(tree: Element) -> None:
    assert not elements(tree, "img")
    assert not elements(tree, "b")
    assert any(h.text == f"public.{EVIL}" for h in elements(tree, "h3"))
    found = next(t for t in data(tree)["tables"] if t["name"] == f"public.{EVIL}")
    labels = next(c for c in found["columns"] if c["name"] == "<b>&amp;")["chart"]["labels"]
    assert set(labels) == {"<!--<script>", "{{ 7 * 7 }}", "plain"}


def test_every_link_leads_to_a_part_of_the_page(tree: Element) -> None:
    names = [node.get("id") for node in tree.iter() if node.get("id")]
    assert len(names) == len(set(names))
    assert not {a.get("href", "")[1:] for a in elements(tree, "a")} - set(names)


def test_a_finding_has_its_hash_and_leads_to_its_table(tree: Element) -> None:
    lines = [li for li in elements(tree, "li") if li.get("data-severity") == "error"]
    told = {" ".join("".join(li.itertext()).split()) for li in lines}
    assert any("orphan" in text and re.search(r"[0-9a-f]{12}$", text) for text in told)
    (link,) = {
        a.get("href") for li in lines for a in li.iter(f"{XHTML}a") if a.text == f"public.{EVIL}"
    }
    assert any(d.get("id") == (link or "")[1:] for d in elements(tree, "details"))


def test_every_field_has_a_label_and_every_table_headings(tree: Element) -> None:
    labelled = {id(n) for label in elements(tree, "label") for n in label.iter()}
    assert not [
        n for kind in ("input", "select") for n in elements(tree, kind) if id(n) not in labelled
    ]
    for table in elements(tree, "table"):
        assert all(th.get("scope") for th in table.iter(f"{XHTML}th"))
        assert table.find(f"{XHTML}caption") is not None


def test_personal_columns_show_no_values(tree: Element) -> None:
    people = next(t for t in data(tree)["tables"] if t["name"] == "public.people")
    personal = [c for c in people["columns"] if c.get("personal")]
    assert {c["name"] for c in personal} == {"first_name", "email"}
    assert "shop.net" not in json.dumps(people)


def test_shares_are_of_all_rows(tree: Element) -> None:
    found = data(tree)
    charts = [c["chart"] for t in found["tables"] for c in t["columns"] if "chart" in c]
    assert {one["form"] for one in charts} >= {"labels", "moments", "numbers"}
    for one in charts:
        for side, nulls in zip((one["real"], one["made"]), one.get("nulls", (0, 0)), strict=True):
            assert abs(sum(side) + nulls - found["parts"]) <= len(side)


def test_a_file_that_is_no_page_is_not_replaced(
    page: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear all,")
    model = str(page.parent / "hostile.model")
    assert main(["verify", model, "--target", "postgresql://nowhere", "--html", str(letter)]) == 2
    assert "holds no page" in capsys.readouterr().err
    assert letter.read_text() == "Dear all,"


def test_each_library_comes_with_its_licence() -> None:
    found = licences()
    assert set(found) == {"d3", "plot", "dagre"}
    assert all("copyright" in text.lower() for text in found.values())


def fitted(values: pa.Array, datatype: DataType) -> FittedColumn:
    column = Column("amount", datatype)
    units = np.arange(len(values), dtype=np.int64)
    return fit_column(TableName("public", "sales"), column, values, units, Support())


def shares(column: FittedColumn, values: pa.Array) -> np.ndarray[Any, Any]:
    return np.bincount(column.encode(values), minlength=column.feature.size) / len(values)


def test_mass_stands_where_its_values_are() -> None:
    rng = np.random.default_rng(5)
    real = pa.array(np.round(rng.normal(500, 50, 20_000)).astype(np.int64))
    moved = pa.array(np.round(rng.normal(560, 50, 20_000)).astype(np.int64))
    column = fitted(real, DataType(Kind.INTEGER, "bigint", bits=64))
    found = chart(column, shares(column, real), shares(column, moved))
    assert found is not None
    assert found.form is Form.NUMBERS
    edges = np.linspace(*found.ends, len(found.learned) + 1)
    middles = (edges[1:] + edges[:-1]) / 2
    means = [float(np.dot(middles, side)) for side in (found.learned, found.found)]
    # A mean over cells is off by at most half a cell, and what lies beyond counts at its end.
    assert abs(means[0] - 500) < (edges[1] - edges[0]) / 2
    assert 40 < means[1] - means[0] < 65


def test_skewed_numbers_are_drawn_by_their_logarithm() -> None:
    values = pa.array(np.exp(np.random.default_rng(6).normal(4, 2, 20_000)).astype(np.int64))
    column = fitted(values, DataType(Kind.INTEGER, "bigint", bits=64))
    found = chart(column, shares(column, values), shares(column, values))
    assert found is not None
    assert found.form is Form.LOGARITHMS
    assert found.learned == found.found
    assert sum(found.learned) == pytest.approx(1)


def test_rare_labels_are_drawn_as_one() -> None:
    values = pa.array([f"label {n % 40:02d}" for n in range(4_000)])
    column = fitted(values, DataType(Kind.TEXT, "text"))
    found = chart(column, shares(column, values), shares(column, values))
    assert found is not None
    assert found.labels[-1] == "26 others"
    assert sum(found.learned) == pytest.approx(1)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium without a window, where this machine has one."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if found is None:
        pytest.skip("optional: there is no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_opens_it_without_complaint(
    browser: Any, page: Path, scheme: str, width: int
) -> None:
    opened = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said: list[str] = []
    asked: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(page.as_uri())
    opened.locator("#findings-list a").first.click()
    opened.locator("details.table[open] svg").first.wait_for()
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")
    session = opened.context.new_cdp_session(opened)
    axe = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
    session.send("Runtime.evaluate", {"expression": axe})
    asks = "axe.run().then(r => JSON.stringify(r.violations.map(v => [v.id, v.nodes[0].html])))"
    told = session.send(
        "Runtime.evaluate", {"expression": asks, "awaitPromise": True, "returnByValue": True}
    )
    assert json.loads(told["result"]["value"]) == []
    assert said == []
    assert asked == [page.as_uri()]
    opened.close()


def test_a_graph_that_is_too_wide_opens_at_its_middle_and_says_so(browser: Any, page: Path) -> None:
    opened = browser.new_page(viewport={"width": 200, "height": 900})
    opened.goto(page.as_uri())
    opened.locator("#graph").scroll_into_view_if_needed()
    opened.locator("#graph svg").wait_for()
    assert opened.evaluate("document.getElementById('graph').scrollLeft") > 0
    assert opened.locator("#graph-hint").is_visible()
    opened.close()


def test_a_heat_map_says_what_its_colours_stand_for(browser: Any, page: Path) -> None:
    opened = browser.new_page()
    opened.goto(page.as_uri())
    maps = "document.querySelectorAll('figure:has(.ramp), .heat').length"
    for details in opened.locator("details.table").all():
        details.evaluate("node => { node.open = true; node.scrollIntoView(); }")
    opened.locator("svg.heat").first.wait_for()
    told = opened.locator("figure:has(svg.heat) .legend").first.text_content()
    assert told == "0, none1, one tells the other. No square: not compared."
    assert opened.evaluate(maps) % 2 == 0
    opened.close()


def test_filters_and_the_choice_of_colours_work(browser: Any, page: Path) -> None:
    opened = browser.new_page(color_scheme="light")
    opened.goto(page.as_uri())
    form = opened.locator("form[data-filters=tables-list]")
    form.locator("input").fill("height")
    assert form.locator("output").text_content() == "1 of 2 shown"
    assert opened.locator("#tables-list details:visible h3").text_content() == "public.people"
    light = opened.evaluate("getComputedStyle(document.body).backgroundColor")
    opened.locator("#theme").select_option("dark")
    assert opened.evaluate("getComputedStyle(document.body).backgroundColor") != light
    assert opened.locator("#graph a").count() == 2
    opened.close()
