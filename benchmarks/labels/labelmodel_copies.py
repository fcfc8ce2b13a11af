"""`labelmodel-copies`: as `labelmodel`, but five of the functions copy a sixth, which is right on 60% of its votes."""

from __future__ import annotations

from dataclasses import replace

from labels import labelmodel, votes

JOB = replace(
    labelmodel.JOB,
    asks="labels with probabilities from 20 functions, of which five copy another, two classes",
    data=lambda size: votes.data(size, copies=5),
)
