"""What attacks say of a model that is to be provisioned, and what was decided in spite of it."""

from collections.abc import Iterator

from generators.privacy.attacked import Attacked, AttackedUnits, Verdict
from provisioner.report import Finding, Severity

_PLACE = "model"


def risks(attacked: Attacked, accepted: str) -> Iterator[Finding]:
    """A model whose attacks failed stops a run, unless its risk was accepted for some reason.

    No other acknowledgement counts. Where nothing was attacked, or too few units were held out,
    that is said and stops nothing.
    """
    verdict = attacked.verdict
    if verdict is Verdict.FAILED:
        told = f"{_failures(attacked)}; the risk was accepted: {accepted}"
        asked = f"{_failures(attacked)}; learn again with a higher k, or --accept-risk 'why'"
        text = told if accepted else asked
        yield Finding("attacks", Severity.ERROR, _PLACE, text, acknowledged=bool(accepted))
    elif verdict is Verdict.NOT_ATTACKED:
        why = f"; {attacked.why}" if attacked.why else ""
        yield Finding("attacks", Severity.NOTE, _PLACE, f"the model was not attacked{why}")
    unsure = [one for one in attacked.units if one.verdict is Verdict.INCONCLUSIVE]
    if unsure:
        graver = Severity.WARNING if verdict is Verdict.INCONCLUSIVE else Severity.NOTE
        yield Finding("attacks", graver, "units", f"attacks are inconclusive: {_few(unsure)}")


def taken(attacked: Attacked, accepted: str) -> str:
    """Why a model is used though attacks on it failed; empty where none did."""
    return accepted if attacked.verdict is Verdict.FAILED else ""


def accepted_risk(accepted: str) -> Iterator[Finding]:
    """What is said of a target that was filled from a model whose attacks failed."""
    if accepted:
        text = f"attacks on the model succeeded; the risk was accepted: {accepted}"
        yield Finding("attacks", Severity.WARNING, _PLACE, text)


def _failures(attacked: Attacked) -> str:
    failed = [figure for figure in attacked.figures if not figure.passed]
    told = (f"{f.attack} on {f.place} {f.value:.2f}" for f in failed)
    return f"attacks on the model succeeded: {', '.join(told)}"


def _few(unsure: list[AttackedUnits]) -> str:
    told = (f"{one.held_out} units of {one.unit} held out" for one in unsure)
    return f"too few to tell are {', '.join(told)}"
