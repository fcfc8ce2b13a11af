"""`labelmodel-5`: as `labelmodel`, with five classes."""

from __future__ import annotations

from dataclasses import replace

from labels import labelmodel, votes

JOB = replace(
    labelmodel.JOB,
    asks="labels with probabilities from 20 functions, five classes",
    data=lambda size: votes.data(size, classes=5),
)
