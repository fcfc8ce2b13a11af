"""What is known of each feature: what it means, where it comes from, who reads it, how it is spread, how old it is."""

from hindcast.catalogue.ages import aged, ages
from hindcast.catalogue.catalogue import Catalogue, Cost, Dependents, Entry, Freshness, Lineage, ModelUse, catalogue
from hindcast.catalogue.statistics import Statistics

__all__ = [
    "Catalogue",
    "Cost",
    "Dependents",
    "Entry",
    "Freshness",
    "Lineage",
    "ModelUse",
    "Statistics",
    "aged",
    "ages",
    "catalogue",
]
