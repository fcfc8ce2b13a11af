"""Many requests answered again and again, of which only what has changed is computed: by meaning, request and fact."""

from hindcast.backfill.backfill import BackfillReport, Reason, backfill

__all__ = ["BackfillReport", "Reason", "backfill"]
