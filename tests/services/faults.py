"""A proxy in front of an HTTP server that breaks what it forwards: for tests of what a client makes of a server on a bad day.

`with FaultProxy("127.0.0.1", port, seed) as proxy:` listens on `proxy.port`. `proxy.rates` gives the share of requests per fault and
may be changed at any time; `proxy.done` counts what was done. Faults:

error500    the server is not asked; 500 with S3's InternalError
slow503     likewise; 503 with SlowDown
lost        the server does it, and the connection breaks before its answer
cut         the answer breaks off in the middle of its body, or of its head
stall       the answer stops in the middle, and nothing more comes for `stall_s`
reset       the connection is reset in the middle of the request
delay       everything is as it should be, `delay_s` later
"""
import asyncio
import random
import socket
import struct
import threading
from collections import Counter

XML = "<?xml version='1.0'?><Error><Code>{code}</Code><Message>made by a test</Message></Error>"


class FaultProxy:
    def __init__(self, host, port, seed=0, delay_s=0.2, stall_s=8):
        self.target, self.rates, self.done = (host, port), {}, Counter()
        self.delay_s, self.stall_s, self.random = delay_s, stall_s, random.Random(seed)
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()
        self.thread = threading.Thread(target=self._main, args=(ready,), daemon=True)
        self.thread.start()
        ready.wait(10)

    def _main(self, ready):
        asyncio.set_event_loop(self.loop)
        self.server = self.loop.run_until_complete(asyncio.start_server(self._client, "127.0.0.1", 0, limit=1 << 20))
        self.port = self.server.sockets[0].getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        ready.set()
        self.loop.run_forever()

    def stop(self):
        async def end():
            self.server.close()
            for task in asyncio.all_tasks():
                if task is not asyncio.current_task():
                    task.cancel()
        asyncio.run_coroutine_threadsafe(end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def _fault(self):
        x = self.random.random()
        for fault, rate in self.rates.items():
            if x < rate:
                self.done[fault] += 1
                return fault
            x -= rate
        self.done["none"] += 1
        return None

    async def _client(self, reader, writer):
        try:
            while await self._request(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            pass
        finally:
            writer.close()

    async def _request(self, reader, writer):
        """One request; False when the connection is over. The host is signed, so it is passed on as it came."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = header(head, b"content-length")
        fault = self._fault()
        if fault == "reset":
            await reader.readexactly(int(length or 0) // 2)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        body = await reader.readexactly(int(length or 0))
        if fault in ("error500", "slow503"):
            text = XML.format(code="InternalError" if fault == "error500" else "SlowDown").encode()
            status = b"500 Internal Server Error" if fault == "error500" else b"503 Slow Down"
            if head.startswith(b"HEAD"):
                text = b""
            writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n" % len(text) + text)
            await writer.drain()
            return True
        if fault == "delay":
            await asyncio.sleep(self.delay_s)
        return await self._forward(head, body, writer, fault)

    async def _forward(self, head, body, writer, fault):
        up_reader, up_writer = await asyncio.open_connection(*self.target, limit=1 << 20)
        try:
            up_writer.write(head + body)
            await up_writer.drain()
            answer = await up_reader.readuntil(b"\r\n\r\n")
            while answer.startswith(b"HTTP/1.1 1"):
                answer = await up_reader.readuntil(b"\r\n\r\n")
            empty = head.startswith(b"HEAD") or answer[9:12] in (b"204", b"304")
            length = header(answer, b"content-length")
            if empty:
                content = b""
            elif length is not None:
                content = await up_reader.readexactly(int(length))
            else:
                content = await self._chunks(up_reader)
        finally:
            up_writer.close()
        if fault == "lost":
            return False
        whole = answer + content
        if fault in ("cut", "stall"):
            writer.write(whole[:self.random.randrange(len(whole))])
            await writer.drain()
            if fault == "stall":
                await asyncio.sleep(self.stall_s)
            return False
        writer.write(whole)
        await writer.drain()
        return True

    async def _chunks(self, reader):
        """A chunked body, as it came."""
        out = b""
        while True:
            line = await reader.readuntil(b"\r\n")
            out += line
            size = int(line.split(b";")[0], 16)
            out += await reader.readexactly(size + 2)
            if size == 0:
                return out


def header(head, name):
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip()
    return None
