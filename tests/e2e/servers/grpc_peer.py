# SPDX-License-Identifier: Apache-2.0
"""gRPC of Python, both sides; the same service and options as apps/grpc_peer, which says what they mean.

Usage: grpc_peer.py serve [back=PORT] [age_ms=N] | call port=PORT …
"""
import json
import sys
import threading
import time
from concurrent import futures

import grpc
from google.protobuf import wrappers_pb2

Bytes = wrappers_pb2.BytesValue   # on the wire the same as the Bytes of peer.proto
KINDS = {"Unary": (False, False), "Up": (True, False), "Down": (False, True), "Both": (True, True)}
SLEEP_S = 3


def metadata_text(metadata):
    return "".join(f"{name}={(value if isinstance(value, bytes) else value.encode()).hex()}\n"
                   for name, value in sorted(metadata, key=lambda pair: pair[0])
                   if name not in ("user-agent", "accept-encoding") and not name.startswith("grpc-"))


def channel_to(port):
    return grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.max_receive_message_length", -1),
                                                               ("grpc.use_local_subchannel_pool", 1)])


def method(channel, kind):
    up, down = KINDS[kind]
    make = getattr(channel, f"{'stream' if up else 'unary'}_{'stream' if down else 'unary'}")
    return make(f"/weft.test.Peer/{kind}", request_serializer=Bytes.SerializeToString, response_deserializer=Bytes.FromString)


class Peer(grpc.GenericRpcHandler):
    def __init__(self, back):
        self.back = method(channel_to(back), "Unary") if back else None

    def service(self, details):
        kind = details.method.rpartition("/")[2]
        if details.method != f"/weft.test.Peer/{kind}" or kind not in KINDS:
            return None
        up, down = KINDS[kind]
        make = getattr(grpc, f"{'stream' if up else 'unary'}_{'stream' if down else 'unary'}_rpc_method_handler")
        return make(getattr(self, kind.lower()), request_deserializer=Bytes.FromString,
                    response_serializer=Bytes.SerializeToString)

    def done(self, context):
        metadata = context.invocation_metadata()
        told = dict(metadata)
        until = time.monotonic() + SLEEP_S
        while told.get("work") == "sleep" and context.is_active() and time.monotonic() < until:
            time.sleep(0.005)
        trailing = [("seen-bin", metadata_text(metadata).encode()), ("peer", context.peer())]
        if self.back and told.get("work") != "fail":
            _, call = self.back.with_call(Bytes(value=told["call-id"].encode()), metadata=(("call-id", told["call-id"]),))
            trailing.append(("back-seen-bin", dict(call.trailing_metadata())["seen-bin"]))
        context.set_trailing_metadata(trailing)
        if told.get("work") == "fail":
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "not this")

    def unary(self, request, context):
        self.done(context)
        return request

    def up(self, requests, context):
        size = sum(len(request.value) for request in requests)
        self.done(context)
        return Bytes(value=str(size).encode())

    def down(self, request, context):
        for _ in range(10):
            yield request
        self.done(context)

    def both(self, requests, context):
        yield from requests
        self.done(context)


def serve(options):
    more = []
    if "age_ms" in options:
        more = [("grpc.max_connection_age_ms", int(options["age_ms"])), ("grpc.max_connection_age_grace_ms", 5000)]
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16), options=[("grpc.max_receive_message_length", -1), *more])
    server.add_generic_rpc_handlers((Peer(options.get("back")),))
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    server.wait_for_termination()


class Client:
    def __init__(self, options):
        self.options = options
        self.kind = options.get("kind", "Unary")
        self.messages = int(options.get("messages", 10))
        channel = channel_to(options["port"])
        if "deadline_ms" in options:
            grpc.channel_ready_future(channel).result(timeout=10)
        self.method = method(channel, self.kind)
        self.flush = method(channel, "Unary") if {"deadline_ms", "cancel"} & set(options) else None
        self.next = int(options.get("first", 1))
        self.end = self.next + int(options.get("count", 1))
        self.lock = threading.Lock()

    def metadata(self, number):
        sent = [("call-id", str(number)), ("zz-text", "z" * (number % 97) + str(number * 7)), ("two", "first"), ("two", "second"),
                ("data-bin", bytes(i * number % 256 for i in range(number % 50)))]
        if "work" in self.options:
            sent.append(("work", self.options["work"]))
        if self.options.get("own") == "1":
            sent.append(("traceparent", f"00-7e57{number:028x}-00f0{number:012x}-01"))
        return sent

    def call(self, number):
        up, down = KINDS[self.kind]
        sent = self.metadata(number)
        message = Bytes(value=bytes([97 + number % 26]) * int(self.options.get("bytes", 10)))
        request = (message for _ in range(self.messages)) if up else message
        limit = int(self.options.get("deadline_ms", 0)) / 1000 or None
        call = self.method(request, metadata=sent, timeout=limit) if down else self.method.future(request, metadata=sent, timeout=limit)
        got = []
        try:
            for answer in call if down else [call.result()]:
                got.append(answer.value)
                if self.options.get("cancel") == "1":
                    call.cancel()
        except (grpc.RpcError, grpc.FutureCancelledError):
            pass
        trailing = dict(call.trailing_metadata() or ())
        with self.lock:
            print(json.dumps({"id": str(number), "code": call.code().value[0], "why": call.details() or "",
                              "sent": metadata_text(sent), "seen": trailing.get("seen-bin", b"").decode(),
                              "back_seen": trailing.get("back-seen-bin", b"").decode(), "peer": trailing.get("peer", ""),
                              "messages": len(got), "bytes": sum(map(len, got))}), flush=True)

    def work(self):
        while True:
            with self.lock:
                number, self.next = self.next, self.next + 1
            if number >= self.end:
                return
            self.call(number)
            time.sleep(int(self.options.get("pause_ms", 0)) / 1000)


def main():
    options = dict(argument.split("=", 1) for argument in sys.argv[2:])
    if sys.argv[1] == "serve":
        return serve(options)
    client = Client(options)
    threads = [threading.Thread(target=client.work) for _ in range(int(options.get("at_once", 1)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if client.flush:
        client.flush(Bytes())


if __name__ == "__main__":
    main()
