"""A listener on a free loopback port."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Listener:
    """Somebody who should hear nothing, or nothing but a request for a tunnel."""

    url: str
    heard: list[bytes] = field(default_factory=list)

    def answer(self, connection: socket.socket) -> None:
        """Agree to a tunnel, and keep all that comes."""
        with connection, contextlib.suppress(OSError):
            connection.settimeout(1)
            first = connection.recv(65536)
            self.heard.append(first)
            if first.startswith(b"CONNECT"):
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while more := connection.recv(65536):
                self.heard.append(more)


@contextmanager
def listening() -> Iterator[Listener]:
    """Listen until the end of the block, as a proxy that goes nowhere."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        listener = Listener(f"http://127.0.0.1:{server.getsockname()[1]}")

        def listen() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=listener.answer, args=[connection], daemon=True).start()

        threading.Thread(target=listen, daemon=True).start()
        yield listener
