"""What nobody changed is not looked at again, and whatever changed is."""

import pyarrow as pa

from connectors.rules import Rule
from provisioner.job import Seen


def test_checks_are_asked_again_of_other_columns_or_of_other_checks() -> None:
    rule, other = (Rule(name, f"{name} > 0", (name,)) for name in ("price", "credit"))
    price = pa.array([1, 2])
    seen = Seen()
    assert not seen.are_kept((rule,), (price,))
    seen.kept = (rule,), (price,)
    assert seen.are_kept((rule,), (price,))
    assert not seen.are_kept((rule,), (pa.array([1, 2]),))
    assert not seen.are_kept((rule, other), (price, price))
