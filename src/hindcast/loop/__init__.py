"""The loop: histories, trainings, replays and the service of every day, turned by one discrete-event loop.

``run``, ``replay`` and ``up`` move the same :class:`~hindcast.loop.loop.Loop` from tick to tick over different worlds.
Modules are imported where they are used.
"""
