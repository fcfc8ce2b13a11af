"""What was decided, by whom, when and why: the ledger, the roles that follow from it, the versions it names.

The ledger is append-only and shared by processes. Who serves is never stored: it is folded from the decisions, so
``live_at(t)`` answers for any past moment. SQLAlchemy is imported when a ledger on disk is opened, not before.
"""

from hindcast.registry.definitions import Defined, declare, declared
from hindcast.registry.entries import Draft, Entry
from hindcast.registry.ledger import Batch, Ledger
from hindcast.registry.roles import DECISIONS, Reign, Roles, live_at, reigns, roles
from hindcast.registry.versions import Registry, Version

__all__ = [
    "DECISIONS",
    "Batch",
    "Defined",
    "Draft",
    "Entry",
    "Ledger",
    "Reign",
    "Registry",
    "Roles",
    "Version",
    "declare",
    "declared",
    "live_at",
    "reigns",
    "roles",
]
