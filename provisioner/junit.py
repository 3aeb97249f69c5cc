"""A report as JUnit's XML, which CI systems read: a suite per table, a case per check."""

from collections.abc import Iterator
from xml.etree import ElementTree as ET

from provisioner.report import Finding, Report, Severity, TableReport

_CHECKS = ("row-count", "orphan", "duplicate", "violation", "leak")
"""What is checked in each table, by the kind of the finding where it fails."""


def as_junit(report: Report) -> str:
    """One case for each check of each table, and one for every other finding.

    An error fails its case; one that is acknowledged, and a warning or note, is told beside it.
    """
    root = ET.Element("testsuites", name="provisioner verify")
    left = list(report.findings)
    for table in report.tables:
        cases = list(_table_cases(table, left))
        root.append(_suite(table.table, cases))
    others = [_case(f.kind, f.place, [f]) for f in left]
    if others:
        root.append(_suite("findings", others))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _table_cases(table: TableReport, left: list[Finding]) -> Iterator[ET.Element]:
    """The cases of a table; their findings are taken out of those that are left."""
    for kind in _CHECKS:
        found = [f for f in left if f.kind == kind and f.place == table.table]
        for finding in found:
            left.remove(finding)
        yield _case(kind, table.table, found)


def _suite(name: str, cases: list[ET.Element]) -> ET.Element:
    failed = sum(case.find("failure") is not None for case in cases)
    suite = ET.Element("testsuite", name=name, tests=str(len(cases)), failures=str(failed))
    suite.extend(cases)
    return suite


def _case(kind: str, place: str, findings: list[Finding]) -> ET.Element:
    case = ET.Element("testcase", classname=kind, name=place)
    for finding in findings:
        told = f"{finding.text} ({finding.hash})"
        if finding.stops:
            failure = ET.SubElement(case, "failure", type=kind, message=told)
            failure.text = f"{finding.place}: {told}"
        else:
            word = "acknowledged" if finding.severity is Severity.ERROR else finding.severity
            ET.SubElement(case, "system-out").text = f"{word}: {told}"
    return case
