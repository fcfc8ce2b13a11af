"""The fold: one engine that knows facts as numbers, and answers windows over them in batch, stream and online.

It knows nothing of tables, definitions or texts: a specification (:mod:`~hindcast.fold.layout`) says which windows,
counts, sums and readings there are. Facts enter when they become visible, leave when a window passes them, are read at
a moment (:mod:`~hindcast.fold.kernel`, :mod:`~hindcast.fold.read`). Two things move it: a sweep over the sorted facts
and requests of many entities (:mod:`~hindcast.fold.sweep`), and a pool of all entities' folds that facts are pushed
into (:mod:`~hindcast.fold.pool`). All of it is compiled when first used, so nothing is imported here.
"""
