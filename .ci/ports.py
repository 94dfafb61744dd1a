"""Finds ports for the fleet of one check. As a program, it prints the base."""

import random
import socket


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            return probe.bind(("127.0.0.1", port)) is None
        except OSError:
            return False


def free_base():
    """A base of which the next ten ports are free, below the range that the system assigns to clients."""
    bases = iter(lambda: random.randrange(10000, 32000), None)
    return next(base for base in bases if all(is_free(base + n) for n in range(1, 11)))


if __name__ == "__main__":
    print(free_base())
