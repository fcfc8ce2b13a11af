"""Where online features lie: in this process, in a file that processes of one machine share, or in Redis.

The three keep the laws of :class:`~hindcast.features.store.OnlineStore`, and one suite of tests holds them to it.
Each is imported from its own file, so that nobody needs a package for a store he does not use::

    from hindcast.stores.memory import MemoryStore
    from hindcast.stores.lmdb import LmdbStore  # pip install 'hindcast[lmdb]'
    from hindcast.stores.redis import RedisStore  # pip install 'hindcast[redis]'
"""
