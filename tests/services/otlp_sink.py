"""A receiver of OTLP/HTTP on loopback: decodes traces with OpenTelemetry's own messages (opentelemetry-proto), protobuf or JSON.

    with OtlpSink() as sink:
        sink.answer = lambda n: 503                # or (429, {"Retry-After": "1"}); n counts the messages from 0
        ...
        spans = sink.wait(lambda spans: len(spans) >= 4)

Each span is a dictionary of plain values; sink.messages holds (headers, ExportTraceServiceRequest).
"""
import gzip
import http.server
import threading
import time

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse


def _value(v):
    kind = v.WhichOneof("value")
    return getattr(v, kind) if kind else None


def _hex_ids(tree):
    """OTLP's JSON has ids in hex where protobuf's JSON has base64."""
    import base64
    for rs in tree.get("resourceSpans", []):
        for ss in rs.get("scopeSpans", []):
            for span in ss.get("spans", []):
                for key in ("traceId", "spanId", "parentSpanId"):
                    if key in span:
                        span[key] = base64.b64encode(bytes.fromhex(span[key])).decode()
    return tree


class OtlpSink:
    def __init__(self, answer=lambda n: 200):
        self.answer, self.messages, self.refused, self.lock = answer, [], 0, threading.Lock()
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                if self.headers["Content-Type"] == "application/json":
                    import json
                    message = json_format.ParseDict(_hex_ids(json.loads(body)), ExportTraceServiceRequest())
                else:
                    message = ExportTraceServiceRequest.FromString(body)
                with sink.lock:
                    status = sink.answer(len(sink.messages) + sink.refused)
                    status, headers = status if isinstance(status, tuple) else (status, {})
                    if status < 300:
                        sink.messages.append((self.path, dict(self.headers), message))
                    else:
                        sink.refused += 1
                text = ExportTraceServiceResponse().SerializeToString() if status < 300 else b"no"
                self.send_response(status)
                for k, v in headers.items():
                    self.send_header(k, v)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

        self.http = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, daemon=True)
        self.thread.start()

    @property
    def spans(self):
        out = []
        with self.lock:
            for _, _, message in self.messages:
                for rs in message.resource_spans:
                    resource = {a.key: _value(a.value) for a in rs.resource.attributes}
                    for ss in rs.scope_spans:
                        for s in ss.spans:
                            out.append({"name": s.name, "kind": s.kind, "trace": s.trace_id.hex(), "id": s.span_id.hex(), "parent": s.parent_span_id.hex(),
                                        "state": s.trace_state, "from": s.start_time_unix_nano, "to": s.end_time_unix_nano, "status": s.status.code,
                                        "problem": s.status.message, "flags": s.flags, "resource": resource, "scope": ss.scope.name,
                                        "attributes": {a.key: _value(a.value) for a in s.attributes}})
        return out

    def wait(self, enough, seconds=60):
        end = time.monotonic() + seconds
        while not enough(self.spans):
            assert time.monotonic() < end, f"did not come: {self.spans}"
            time.sleep(0.02)
        return self.spans

    def close(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
