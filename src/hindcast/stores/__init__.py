"""Online features for several processes: one writes what facts change into a store, the others answer from it.

A store (:mod:`~hindcast.stores.store`) knows bytes by key: in this process, in a file that processes of one machine
share, or in Redis. The three keep the same laws, and one suite of tests holds them to it. What lies in one is features'
(:mod:`~hindcast.stores.shelves`). Each is imported from its own file, so that nobody needs a package for a store he
does not use, nor the engine for one that only keeps::

    from hindcast.stores.memory import MemoryStore
    from hindcast.stores.lmdb import LmdbStore  # pip install 'hindcast[lmdb]'
    from hindcast.stores.redis import RedisStore  # pip install 'hindcast[redis]'
    from hindcast.stores.writer import FeatureWriter
    from hindcast.stores.reader import StoredFeatures
"""

from hindcast.stores.store import OnlineStore, StoreWriter

__all__ = ["OnlineStore", "StoreWriter"]
