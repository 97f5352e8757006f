"""The way from a phone to the service, which can be cut as a signal is lost."""

import contextlib
import socket
import threading


class Signal:
    """Forwards connections to a service until it is lost.

    Chromium's own switch lets some requests through of a page that was opened again under a service worker.
    """

    def __init__(self, host: str) -> None:
        name, _, port = host.partition(":")
        self._target = (name, int(port))
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.host = "{}:{}".format(*self._listening.getsockname())
        self._lock = threading.Lock()
        self._ends: set[socket.socket] = set()
        self._is_lost = False
        threading.Thread(target=self._accept, daemon=True).start()

    def lose(self) -> None:
        """Cut what is under way, and whatever comes."""
        with self._lock:
            self._is_lost = True
            ends, self._ends = self._ends, set()
        for end in ends:
            _cut(end)

    def find(self) -> None:
        """Forward again."""
        with self._lock:
            self._is_lost = False

    def close(self) -> None:
        """End for good."""
        self.lose()
        _cut(self._listening)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                phone, _ = self._listening.accept()
                threading.Thread(target=self._join, args=(phone,), daemon=True).start()

    def _join(self, phone: socket.socket) -> None:
        try:
            service = socket.create_connection(self._target)
        except OSError:
            _cut(phone)
            return
        ends = {phone, service}
        with self._lock:
            is_lost = self._is_lost
            if not is_lost:
                self._ends |= ends
        if not is_lost:
            back = threading.Thread(target=_pump, args=(service, phone), daemon=True)
            back.start()
            _pump(phone, service)
            back.join()
        with self._lock:
            self._ends -= ends
        for end in ends:
            _cut(end)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(2**16):
            sink.sendall(piece)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def _cut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
