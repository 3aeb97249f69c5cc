"""What share of an undeclared key's values lead nowhere, as far as k units have such rows."""

from collections.abc import Mapping

from connectors.profile import ForeignKeyProfile, Profile
from connectors.schema import ForeignKey, Table
from generators.privacy.support import Released, Support


def dangling_shares(
    table: Table, profile: Profile, support: Support
) -> Mapping[str, Released[float]]:
    """The share of each undeclared key of a table, polymorphic ones among them, by its name."""
    keys = [*(f for f in table.foreign_keys if not f.declared), *table.polymorphic]
    return {key.name: dangling_share(key, profile.fan_out(key), support) for key in keys}


def dangling_share(key: ForeignKey, found: ForeignKeyProfile, support: Support) -> Released[float]:
    """The share asked for, else the source's; 0 or 1 where either side lacks support."""
    if key.declared or key.dangling is not None:
        return support.declared(key.dangling or 0.0)
    if support.seal(value=True, units_behind=found.dangling_units) is None:
        return support.declared(0.0)
    share = found.dangling / max(1, found.children)
    return support.seal(share, found.leading_units) or support.declared(1.0)
