"""Where the judge's figures of synthetic rows fall short of a second sample of real rows."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

SIMILAR = (
    *("marginal", "missing", "pairwise", "assoc", "hop1", "hop1_assoc", "hop2", "hop2_assoc"),
    *("cardinality", "sibling", "lag1", "gaps"),
)
TOLD_APART = ("c2st", "c2st_agg")
_PLACES = 8
_PAIRS = 12
_RELATED = 0.1  # the judge's own threshold for a pair that is related
_DEPENDENT = 0.05  # and for a dependence that there is to keep
_CAP = 30_000
_TOLD = 0.6  # AUC from which on it is worth asking which columns tell
_COLUMNS = 5


def shortfall(figure: str, synthetic: float | None, upper: float | None) -> float | None:
    """How far below `upper` a figure lies; for AUCs how far above, and above one half.

    None where there is nothing to compare with; a figure that only `upper` has is all short.
    """
    if upper is None:
        return None
    if figure in TOLD_APART:
        return max(0.5, 1.0 if synthetic is None else synthetic) - max(0.5, upper)
    return upper - (0.0 if synthetic is None else synthetic)


def worst(figure: str, synthetic: dict[str, Any], upper: dict[str, Any]) -> list[dict[str, Any]]:
    """The tables, columns or foreign keys that pull a figure down most, from whole judgements."""
    ours, theirs = dict(_places(figure, synthetic)), dict(_places(figure, upper))
    found = []
    for place, (value, weight) in theirs.items():
        short = shortfall(figure, ours.get(place, (None, 0))[0], value)
        if short is not None and short > 0.005:
            own = ours.get(place, (None, 0))[0]
            found.append(
                (short * weight, {"at": place, "synthetic": own, "upper": round(value, 4)})
            )
    return [entry for _, entry in sorted(found, key=lambda f: -f[0])[:_PLACES]]


def _places(figure: str, judged: dict[str, Any]) -> Iterator[tuple[str, tuple[float, int]]]:
    """Each place with its value and how many of the values in the overall mean it stands for."""
    for place, part in (judged["tables"] | judged["foreign_keys"]).items():
        if figure in {"marginal", "missing"}:
            values = {f"{place}.{c}": v[figure] for c, v in part.get("columns", {}).items()}
        elif figure in {"sibling", "lag1"}:
            values = {
                f"{place} {c}": 1 - min(1.0, abs(real - (other or 0)))
                for c, (real, other) in part.get(figure, {}).items()
                if abs(real) >= _DEPENDENT
            }
        else:
            values = {place: part.get(figure)}
        for name, value in values.items():
            if isinstance(value, dict):
                if value["mean"] is not None:
                    yield name, (value["mean"], value["pairs"])
            elif value is not None:
                yield name, (value, 1)


@dataclass(frozen=True, slots=True)
class Samples:
    """Training, synthetic and holdout rows as the judge reads them."""

    judge: ModuleType
    metadata: dict[str, Any]
    train: Any
    synthetic: Any
    holdout: Any

    @staticmethod
    def read(judge: ModuleType, metadata: dict[str, Any], *folders: Path) -> "Samples":
        """Reads the folders of training, synthetic and holdout rows."""
        return Samples(judge, metadata, *(judge.Dataset(f, metadata) for f in folders))

    def pairs(self) -> dict[str, list[dict[str, Any]]]:
        """Pairs whose Cramer's V is kept worst, in one table ("assoc") and with its parent."""
        inside = (entry for table in self.metadata["tables"] for entry in self._inside(table))
        across = (entry for key in self.metadata["foreign_keys"] for entry in self._across(key))
        return {"assoc": _first(inside), "hop1_assoc": _first(across)}

    def columns(self) -> dict[str, dict[str, Any]]:
        """By what a classifier tells the rows of a table apart, alone and with its children's.

        Columns come with the loss of AUC when their values are shuffled among the rows.
        """
        parents = {key["parent"] for key in self.metadata["foreign_keys"]}
        found = {}
        for table in self.metadata["tables"]:
            plain = list(self.train.columns(table))
            found[table] = _tell(self.train.t[table][plain], self.synthetic.t[table][plain])
            if table in parents:
                sides = (self.judge.aggregates(d, table) for d in (self.train, self.synthetic))
                found[f"{table} with children"] = _tell(*sides)
        return {place: told for place, told in found.items() if told}

    def _inside(self, table: str) -> Iterator[dict[str, Any]]:
        kinds = self.train.columns(table)
        yield from self._scored(
            lambda d: d.t[table], kinds, list(itertools.combinations(kinds, 2)), table
        )

    def _across(self, key: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        own = self.train.columns(key["table"])
        above = {f"{key['parent']}.{c}": k for c, k in self.train.columns(key["parent"]).items()}
        yield from self._scored(
            lambda d: self.judge.joined(d, key),
            {**own, **above},
            list(itertools.product(own, above)),
            f"{key['table']}.{key['column']}->{key['parent']}",
        )

    def _scored(
        self,
        rows: Callable[[Any], pd.DataFrame],
        kinds: Mapping[str, str],
        pairs: list[tuple[str, str]],
        place: str,
    ) -> Iterator[dict[str, Any]]:
        sides = [_cut(rows(d)) for d in (self.train, self.synthetic, self.holdout)]
        if not pairs or not all(len(side) for side in sides):
            return
        binners = {c: self.judge.binner(sides[0][c], kind) for c, kind in kinds.items()}
        labels = [{c: binners[c](side[c]) for c in kinds} for side in sides]
        for x, y in pairs:
            real, ours, upper = (self.judge.cramer(side[x], side[y]) for side in labels)
            if real >= _RELATED:
                short = abs(real - ours) - abs(real - upper)
                yield _entry(f"{place}: {x} x {y}", short, (real, ours, upper))


def _tell(real: pd.DataFrame, synthetic: pd.DataFrame) -> dict[str, Any]:
    n = min(len(real), len(synthetic), _CAP // 6)
    if n < 40 or not real.shape[1]:
        return {}
    both = pd.concat([side.sample(n, random_state=0) for side in (real, synthetic)])
    rows = np.nan_to_num(both.apply(_numbered).to_numpy(float), nan=-1e300)
    label = np.repeat([0, 1], n)
    random = np.random.default_rng(0)
    learned = random.permutation(2 * n) < n
    model = HistGradientBoostingClassifier(max_iter=60, early_stopping=False, random_state=0)
    model.fit(rows[learned], label[learned])
    asked, answer = rows[~learned], label[~learned]
    whole = float(roc_auc_score(answer, model.predict_proba(asked)[:, 1]))
    if whole < _TOLD:
        return {}
    loss = {}
    for i, name in enumerate(both.columns):
        mixed = asked.copy()
        mixed[:, i] = random.permutation(mixed[:, i])
        auc = roc_auc_score(answer, model.predict_proba(mixed)[:, 1])
        loss[str(name)] = round(whole - float(auc), 3)
    first = sorted(loss.items(), key=lambda item: -item[1])[:_COLUMNS]
    return {"auc": round(whole, 3), "by": dict(first)}


def _numbered(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """Categories by their rank in frequency; numbers as they are."""
    if pd.api.types.is_numeric_dtype(values):
        return values
    text = values.where(values.notna(), "").astype(str)
    ranks = {v: i for i, v in enumerate(text.value_counts().index)}
    return text.map(ranks)


def _cut(rows: pd.DataFrame) -> pd.DataFrame:
    return rows if len(rows) <= _CAP else rows.sample(_CAP, random_state=0)


def _entry(pair: str, short: float, values: tuple[float, float, float]) -> dict[str, Any]:
    names = ("train", "synthetic", "upper")
    return {
        "pair": pair,
        "short": round(short, 3),
        **{n: round(v, 3) for n, v in zip(names, values, strict=True)},
    }


def _first(entries: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(entries, key=lambda e: -float(e["short"]))[:_PAIRS]
