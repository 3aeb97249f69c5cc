"""Writes a report as one page of HTML with everything in it: styles, scripts and data."""

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from generators.archive import product_version
from generators.model import DatabaseModel
from provisioner.contents import contents as listed
from provisioner.page.data import as_script, data
from provisioner.page.story import story
from provisioner.plan import Plan
from provisioner.report import Report

_LIBRARIES = ("d3.min.js", "plot.umd.min.js", "dagre.min.js")


def page(model: DatabaseModel, fingerprint: str, plan: Plan, report: Report, made: datetime) -> str:
    """The whole page.

    Args:
        model: what the target was filled from.
        fingerprint: that of the model's archive.
        plan: what filled the target.
        report: what `verify` says of it.
        made: when the page is made.
    """
    contents = listed(model, fingerprint)
    scripts = (*(_resource(f"vendor/{name}") for name in _LIBRARIES), _resource("report.js"))
    return (
        _environment()
        .get_template("page.html.jinja")
        .render(
            story=story(model, contents, report, plan),
            data=Markup(as_script(data(model, contents.tables, report))),  # noqa: S704 - as_script escapes it
            style=Markup(_resource("report.css")),  # noqa: S704 - a file of this package
            scripts=[Markup(script) for script in scripts],  # noqa: S704 - files of this package
            hashes=" ".join(f"'sha256-{_digest(script)}'" for script in scripts),
            made=made,
            version=product_version(),
        )
    )


def licences() -> Mapping[str, str]:
    """The licence of each library that the page carries, by the library's name."""
    return {name.partition(".")[0]: _resource(f"vendor/{_licence(name)}") for name in _LIBRARIES}


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("provisioner.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: Mapping[str, Any] = {"number": _number, "ratio": _ratio}
    environment.filters.update(filters)
    environment.globals["licences"] = licences
    return environment


@cache
def _resource(name: str) -> str:
    return files("provisioner.page").joinpath(name).read_text("utf-8")


def _licence(library: str) -> str:
    return f"{library.partition('.')[0]}.LICENSE"


def _digest(script: str) -> str:
    """A script's SHA-256 as a Content-Security-Policy names it (W3C CSP 3, 2.3.1)."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _number(value: float) -> str:
    return f"{value:,}"


def _ratio(value: float | None) -> str:
    """Three significant digits; a hyphen where there is no ratio."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
