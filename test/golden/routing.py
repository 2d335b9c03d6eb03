#!/usr/bin/env python3
"""Which keys of 1 .. 100,000 a 10 % canary takes, by an implementation of its own.

Prints, for the models "fraud" and "other", their number and the MD5 of their
list; test/pgtap/routing.sql holds the numbers.  They must never change.
"""
import hashlib
import struct

MASK = (1 << 64) - 1


def mix(x):
    """The finaliser of SplitMix64."""
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def hash_bytes(data, seed):
    h = mix(seed ^ len(data))
    while len(data) >= 8:
        h = mix(h ^ struct.unpack("<Q", data[:8])[0])
        data = data[8:]
    return mix(h ^ struct.unpack("<Q", data.ljust(8, b"\0"))[0])


for model in ("fraud", "other"):
    seed = hash_bytes(model.encode(), 0x6D6C6F7073)
    keys = [key for key in range(1, 100001) if hash_bytes(str(key).encode(), seed) < int(0.1 * 2**64)]
    print(model, len(keys), hashlib.md5(",".join(map(str, keys)).encode()).hexdigest())
