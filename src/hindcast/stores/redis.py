"""Folds in a Redis server, for processes on many machines: all of a store is one hash, so it is there whole or not."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from secrets import token_hex
from types import TracebackType
from typing import Any

from hindcast.errors import ConfigError, StateError

__all__ = ["RedisStore"]

# In the hash: ":" + key is a value, "writer" the last one to take the place, "epoch" the number of its last commit.
# The lease is a key of its own since only keys expire. The scripts run alone, so they compare and write in one step.

_TAKE = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return {0, holder, redis.call('PTTL', KEYS[1])} end
redis.call('HSET', KEYS[2], 'writer', ARGV[1])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {1, redis.call('HINCRBY', KEYS[2], 'epoch', 1), 0}
"""

_COMMIT = """
local writer = redis.call('HGET', KEYS[2], 'writer')
if not writer then return {-1, ''} end
if writer ~= ARGV[1] then return {-2, writer} end
local epoch = tonumber(redis.call('HGET', KEYS[2], 'epoch') or '0')
if epoch < tonumber(ARGV[3]) then return {-3, epoch} end
if ARGV[4] == '1' then
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[2], 'writer', writer)
end
local at, puts = 6, 5 + 2 * tonumber(ARGV[5])
while at <= puts do
  local last = math.min(at + 1999, puts)
  redis.call('HSET', KEYS[2], unpack(ARGV, at, last))
  at = last + 1
end
while at <= #ARGV do
  local last = math.min(at + 1999, #ARGV)
  redis.call('HDEL', KEYS[2], unpack(ARGV, at, last))
  at = last + 1
end
redis.call('HSET', KEYS[2], 'epoch', epoch + 1)
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {1, epoch + 1}
"""

_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""

_MOST_KEYS = 400_000
"""Keys of one commit: Redis takes 2**20 words in a command."""


class RedisStore:
    """Bytes by key in one hash of a Redis server (6.2 or newer, or Valkey).

    A commit is one script, so it is done whole and alone; a read is one ``HMGET``. How durable an acknowledged
    commit is, is the server's setting (``appendonly``, ``appendfsync``); a server that came back with less than the
    writer knows of is noticed, and the writer refused. Since all is one hash, a server that evicts loses all of it
    or nothing: never one entity in silence.

    Parameters
    ----------
    url : str
        ``redis://host:port/db``, ``rediss://`` for TLS, or ``unix://``.
    name : str, default "hindcast"
        The hash; stores of different names share a server. The writer's lease is the key ``{name}:writer``.
    lease_s : float, default 30
        How long a writer that was killed keeps the next one waiting. A writer that is slower than this between
        two commits keeps its place unless another took it, which its next commit finds out.
    timeout_s : float, default 5
        For an answer of the server.

    Raises
    ------
    ConfigError
        When the package is not installed, or `url` is none.

    Notes
    -----
    One hash lives on one server of a cluster. Cost of a read: a round trip, and about a microsecond per key on the
    server. A commit of more than 400,000 keys is refused.
    """

    def __init__(self, url: str, name: str = "hindcast", *, lease_s: float = 30.0, timeout_s: float = 5.0) -> None:
        try:
            import redis
            from redis.backoff import NoBackoff
            from redis.retry import Retry
        except ImportError:
            raise ConfigError("RedisStore needs the package redis: pip install 'hindcast[redis]'.") from None
        if not name or not lease_s > 0 or not timeout_s > 0:
            raise ConfigError(
                f"RedisStore: name must not be empty, lease_s and timeout_s be above 0; got {name!r}, {lease_s}, "
                f"{timeout_s}."
            )
        try:
            self._client = redis.Redis.from_url(
                url,
                socket_timeout=timeout_s,
                socket_connect_timeout=timeout_s,
                retry=Retry(NoBackoff(), 1),  # a server that was restarted meanwhile; more is the caller's choice
            )
        except ValueError as error:
            raise ConfigError(f"RedisStore: the url must be redis://host:port/db or the like: {error}.") from None
        told = self._client.connection_pool.connection_kwargs
        where = told.get("path") or f"{told.get('host', 'localhost')}:{told.get('port', 6379)}"
        self.name, self.place = name, f"the Redis store {name!r} at {where}/{told.get('db', 0)}"
        self._lease_ms = max(1, round(lease_s * 1000))
        self._keys = [f"{{{name}}}:writer", f"{{{name}}}"]
        self._hash = self._keys[1]
        self._take, self._commit, self._release = map(self._client.register_script, (_TAKE, _COMMIT, _RELEASE))
        self._error = redis.RedisError

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of `keys`, None where there is none, of one moment between two commits, in one round trip."""
        if not keys:
            return []
        found: list[bytes | None] = self._ask(
            lambda: self._client.hmget(self._hash, [b":" + key for key in keys]), "cannot be read"
        )
        return found

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Every key with this beginning, and its value; of one moment only while nobody writes."""
        pattern = b":" + b"".join(b"\\" + bytes([b]) if b in b"*?[]\\^-" else bytes([b]) for b in prefix) + b"*"
        cursor, seen = 0, set()
        while True:
            at = cursor
            cursor, found = self._ask(
                lambda at=at: self._client.hscan(self._hash, at, match=pattern, count=500), "cannot be read"
            )
            for field, value in found.items():
                if field not in seen:  # a hash that is being resized may give a field twice
                    seen.add(field)
                    yield field[1:], value
            if not cursor:
                return

    def writer(self, role: str) -> _Writer:
        """Become the one writer, until released, or until `lease_s` after the last commit when another wants to."""
        token = f"{role}, process {os.getpid()} on {socket.gethostname()}, {token_hex(8)}".encode()
        taken, told, left_ms = self._ask(
            lambda: self._take(keys=self._keys, args=[token, self._lease_ms]), "cannot be written"
        )
        if not taken:
            raise StateError(
                f"{self.place}: held by {_holder(told)}, so {role!r} cannot start here. Stop that process (a killed "
                f"one's place is free in {left_ms / 1000:.1f} s), or use another name."
            )
        return _Writer(self, role, token, int(told))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _ask(self, call: Any, what: str) -> Any:
        try:
            return call()
        except self._error as error:
            raise StateError(
                f"{self.place} {what}: {error}. Check that the server is up, the address, and its memory limit."
            ) from error


class _Writer:
    """The one writer of a Redis store."""

    def __init__(self, store: RedisStore, role: str, token: bytes, epoch: int) -> None:
        self._store, self.role, self._token, self._epoch = store, role, token, epoch
        self._held = True

    def commit(self, puts: Mapping[bytes, bytes | None]) -> None:
        """Put and remove in one script that runs alone; refused when another has become the writer."""
        self._run(puts, clear=False)

    def clear(self) -> None:
        """Remove every key."""
        self._run({}, clear=True)

    def _run(self, puts: Mapping[bytes, bytes | None], *, clear: bool) -> None:
        store = self._store
        if not self._held:
            raise StateError(f"{store.place}: {self.role!r} released its place; ask for a writer again.")
        if len(puts) > _MOST_KEYS:
            raise ConfigError(f"{store.place}: a commit may hold {_MOST_KEYS} keys, not {len(puts)}; commit in parts.")
        put = [word for key, value in puts.items() if value is not None for word in (b":" + key, value)]
        gone = [b":" + key for key, value in puts.items() if value is None]
        words: list[bytes | int] = [self._token, store._lease_ms, self._epoch, int(clear), len(put) // 2, *put, *gone]
        # sent twice after a lost answer, it does the same again: only the epoch counts one more
        done, told = store._ask(
            lambda: store._commit(keys=store._keys, args=words),
            "did not answer, or refused, so nobody knows whether this commit was done",
        )
        if done == 1:
            self._epoch = int(told)
            return
        self._held = False
        if done == -2:
            raise StateError(
                f"{store.place}: {_holder(told)} took this writer's place after its lease of "
                f"{store._lease_ms / 1000:g} s had run out; nothing was written. Commit more often, or set a longer "
                "lease_s, and start again."
            )
        raise StateError(
            f"{store.place} no longer holds what was committed (it was flushed, or its server came back with less); "
            "nothing was written. Open a new writer and push again from its watermark; see the server's `appendonly`."
        )

    def release(self) -> None:
        """Let the next writer in; a server that does not answer lets it in when the lease runs out."""
        if self._held:
            self._held = False
            try:
                self._store._release(keys=self._store._keys[:1], args=[self._token])
            except self._store._error:
                return

    def __enter__(self) -> _Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _holder(token: bytes) -> str:
    """A holder's token without the part that makes it unique."""
    return token.decode("utf-8", "replace").rpartition(", ")[0] or "another writer"
