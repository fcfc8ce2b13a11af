"""Which rows to look at when not all can be: random samples with known chances, and samples that only pass for them."""

from hindcast.sampling.cluster import cluster
from hindcast.sampling.purposive import convenience, judgement, quota, snowball
from hindcast.sampling.sample import Sample
from hindcast.sampling.simple import bernoulli, simple_random, systematic
from hindcast.sampling.strata import Strata, strata_of
from hindcast.sampling.stratified import allocate, stratified
from hindcast.sampling.weighted import inclusion, weighted

__all__ = [
    "Sample",
    "Strata",
    "allocate",
    "bernoulli",
    "cluster",
    "convenience",
    "inclusion",
    "judgement",
    "quota",
    "simple_random",
    "snowball",
    "strata_of",
    "stratified",
    "systematic",
    "weighted",
]
