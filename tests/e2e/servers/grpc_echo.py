# SPDX-License-Identifier: Apache-2.0
"""gRPC without generated code: messages are bytes.

Usage: grpc_echo.py serve PORT | call PORT N [KIND] | failures PORT | paced PORT | baggage PORT N VALUE

Methods of weft.Echo: Unary, Slow, Fail (INVALID_ARGUMENT), Up (client streaming), Down (server streaming), Both.
The server answers with the request, and says in the initial metadata which traceparent and baggage it was given.
"""
import sys
import time
from concurrent import futures

import grpc


def seen(context):
    def values(name):
        return ",".join(v for k, v in context.invocation_metadata() if k == name) or "none"
    context.send_initial_metadata((("seen", values("traceparent")), ("baggage-seen", values("baggage").encode().hex())))


def unary(request, context):
    seen(context)
    return request


def slow(request, context):
    time.sleep(5)
    return request


def fail(request, context):
    context.abort(grpc.StatusCode.INVALID_ARGUMENT, "not this")


def up(requests, context):
    seen(context)
    return str(sum(len(r) for r in requests)).encode()


def down(request, context):
    seen(context)
    for _ in range(int(request)):
        yield b"x"


def both(requests, context):
    seen(context)
    yield from requests


class Echo(grpc.GenericRpcHandler):
    def service(self, details):
        return {
            "/weft.Echo/Unary": grpc.unary_unary_rpc_method_handler(unary),
            "/weft.Echo/Slow": grpc.unary_unary_rpc_method_handler(slow),
            "/weft.Echo/Fail": grpc.unary_unary_rpc_method_handler(fail),
            "/weft.Echo/Up": grpc.stream_unary_rpc_method_handler(up),
            "/weft.Echo/Down": grpc.unary_stream_rpc_method_handler(down),
            "/weft.Echo/Both": grpc.stream_stream_rpc_method_handler(both),
        }.get(details.method)


def serve(port):
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    server.add_generic_rpc_handlers((Echo(),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    print("ready", flush=True)
    server.wait_for_termination()


def call(port, n, kind):
    """Prints what the server saw of each call, one line a call."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        for i in range(n):
            if kind == "Unary":
                _, done = channel.unary_unary("/weft.Echo/Unary").with_call(b"m%d" % i)
            elif kind == "Up":
                _, done = channel.stream_unary("/weft.Echo/Up").with_call(iter([b"a"] * 10))
            else:
                argument = b"10" if kind == "Down" else iter([b"a"] * 10)
                make = channel.unary_stream if kind == "Down" else channel.stream_stream
                done = make(f"/weft.Echo/{kind}")(argument)
                list(done)
            print(dict(done.initial_metadata()).get("seen"), flush=True)


def failures(port):
    """An error of the server, a deadline, a cancelled call, a method that is not there: prints their codes."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        for method, timeout in (("Fail", 10), ("Slow", 0.2), ("Slow", None), ("Missing", 10)):
            future = channel.unary_unary(f"/weft.Echo/{method}").future(b"x", timeout=timeout)
            if timeout is None:
                time.sleep(0.2)
                future.cancel()
                print("CANCELLED", flush=True)
                continue
            print(future.code().name, flush=True)


def baggage(port, n, value):
    """Calls with baggage of their own; prints what the server saw of it. In hexadecimal here as there, so that the text
    stands nowhere but in the baggage."""
    value = bytes.fromhex(value).decode()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        for _ in range(n):
            _, done = channel.unary_unary("/weft.Echo/Unary").with_call(b"m", metadata=(("baggage", value),))
            print(bytes.fromhex(dict(done.initial_metadata())["baggage-seen"]).decode(), flush=True)


def paced(port):
    """One call every few milliseconds on one connection, for ever."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        while True:
            _, done = channel.unary_unary("/weft.Echo/Unary").with_call(b"m")
            print(dict(done.initial_metadata()).get("seen"), flush=True)
            time.sleep(0.02)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]))
    if sys.argv[1] == "failures":
        sys.exit(failures(int(sys.argv[2])))
    if sys.argv[1] == "baggage":
        sys.exit(baggage(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
    if sys.argv[1] == "paced":
        sys.exit(paced(int(sys.argv[2])))
    call(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] if len(sys.argv) > 4 else "Unary")
