"""Which rows to look at when not all can be: random samples with known chances, and samples that only pass for them.

A design draws a :class:`Sample` that knows the chance of each row; estimates weigh by it and say how sure they are.
Reservoirs draw from streams in one pass. Samples that no chance made keep a note that says so.
"""

from hindcast.sampling.cluster import cluster
from hindcast.sampling.estimates import (
    SampleEstimate,
    bootstrap_estimate,
    effective_size,
    estimate_mean,
    estimate_quantile,
    estimate_rate,
    estimate_total,
)
from hindcast.sampling.importance import ImportanceWeights, importance_estimate, importance_weights, tail_shape
from hindcast.sampling.purposive import convenience, judgement, quota, snowball
from hindcast.sampling.reservoir import Reservoir
from hindcast.sampling.sample import Sample
from hindcast.sampling.simple import bernoulli, simple_random, systematic
from hindcast.sampling.source import reservoir
from hindcast.sampling.steps import (
    RecentRows,
    SampleRows,
    StratifiedRows,
    WeightedRows,
    recent_rows,
    sample_rows,
    stratified_rows,
    weighted_rows,
)
from hindcast.sampling.strata import Strata, strata_of
from hindcast.sampling.strata_reservoir import StrataReservoir
from hindcast.sampling.stratified import allocate, stratified
from hindcast.sampling.weighted import inclusion, weighted

__all__ = [
    "ImportanceWeights",
    "RecentRows",
    "Reservoir",
    "Sample",
    "SampleEstimate",
    "SampleRows",
    "Strata",
    "StrataReservoir",
    "StratifiedRows",
    "WeightedRows",
    "allocate",
    "bernoulli",
    "bootstrap_estimate",
    "cluster",
    "convenience",
    "effective_size",
    "estimate_mean",
    "estimate_quantile",
    "estimate_rate",
    "estimate_total",
    "importance_estimate",
    "importance_weights",
    "inclusion",
    "judgement",
    "quota",
    "recent_rows",
    "reservoir",
    "sample_rows",
    "simple_random",
    "snowball",
    "strata_of",
    "stratified",
    "stratified_rows",
    "systematic",
    "tail_shape",
    "weighted",
    "weighted_rows",
]
