"""Keys of advisory locks between processes. All locks are released when their transaction ends."""

from __future__ import annotations

from hashlib import blake2b
from zlib import crc32


def lock_key(what: str, project: int = 0, value: bytes = b"") -> int:
    """Return the int64 key of a lock. A collision of keys only causes a needless wait."""
    text = f"{what}:{project}:".encode() + value
    digest = blake2b(text, digest_size=8, person=b"pulse-lock").digest()
    return int.from_bytes(digest, "big", signed=True)


def response_lock_key(project: int, response_id: str) -> int:
    """Return the key of the lock of a response id. Computed for each stored call, so it must be cheap."""
    return (project & 0x3FFFFFFF) << 32 | crc32(response_id.encode(errors="backslashreplace"))


#: Each transaction that stores spans takes the next number while it holds `STORING`. Two consecutive
#: numbers of a process that held `STORING` exclusively mean that no other process stored between them. A
#: trigger of `spans` takes a number for transactions of earlier versions (without `pulse.takes_turn`).
NEXT_TURN = "nextval('storing_turns')"
#: Held shared by a process that stores a few traces while others store too, else exclusively.
STORING = lock_key("storing")
USAGE_KEYS = lock_key("usage keys")
PROJECTS = lock_key("projects")
SCHEMA = lock_key("schema")
PARTITIONS = lock_key("partitions")
