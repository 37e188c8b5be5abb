"""A receiver of webhooks on loopback: keeps every request, answers as it is told.

    with Sink() as sink:
        sink.answer = lambda request: 503          # or (503, {"Retry-After": "1"}), or a pause by sleeping in it
        ...
        sink.wait(lambda requests: len(requests) >= 3)

`ssl_context` makes it speak HTTPS.
"""
import http.server
import json
import threading
import time


class Request:
    def __init__(self, path, headers, body):
        self.path, self.headers, self.body, self.time = path, headers, body, time.monotonic()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def delivery(self):
        return self.headers["X-MLflow-Delivery-Id"]


class Sink:
    def __init__(self, answer=lambda request: 200, ssl_context=None, port=0):
        self.answer, self.requests, self.lock = answer, [], threading.Lock()
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                request = Request(self.path, dict(self.headers), body)
                with sink.lock:
                    sink.requests.append(request)
                status = sink.answer(request)
                status, headers = status if isinstance(status, tuple) else (status, {})
                text = b"thanks"
                try:
                    self.send_response(status)
                    for k, v in headers.items():
                        self.send_header(k, v)
                    self.send_header("Content-Length", str(len(text)))
                    self.end_headers()
                    self.wfile.write(text)
                except OSError:
                    pass  # the sender was killed

            do_GET = do_POST

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass  # a handshake that failed, a sender that was killed

        self.server = Server(("127.0.0.1", port), Handler)
        if ssl_context:
            self.server.socket = ssl_context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.url = f"{'https' if ssl_context else 'http'}://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def all(self):
        with self.lock:
            return list(self.requests)

    def clear(self):
        with self.lock:
            self.requests.clear()

    def wait(self, enough, timeout=20):
        """The requests once `enough(requests)`; fails otherwise."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if enough(self.all()):
                return self.all()
            time.sleep(0.02)
        raise AssertionError(f"not enough came: {[r.body[:200] for r in self.all()]}")

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
