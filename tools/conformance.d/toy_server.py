"""A server that does only the obvious: what the suite is shown to find.

It echoes. It welcomes whoever comes as if for the first time, holds nobody to a limit,
keeps nothing of a broken stream, and answers no heartbeat.
"""

import concurrent.futures

import grpc

from conformance import protocol


def _process(requests, _context):
    for raw in requests:
        request = protocol.processor.ProcessRequest.FromString(raw)
        response = protocol.processor.ProcessResponse()
        if request.HasField("open"):
            response.welcome.session_id = request.open.session_id
            response.welcome.session_token = request.open.session_token
            response.welcome.state = protocol.NEW
            response.welcome.max_batch_messages = 1000
            response.welcome.max_payload_bytes = 1 << 20
            response.welcome.max_outstanding_messages = 5000
            response.welcome.max_outstanding_bytes = 1 << 20
            response.welcome.heartbeat_interval.seconds = 1
        for message in request.messages:
            response.results.add(sequence=message.sequence, payload=message.payload)
        if response.ByteSize():
            yield response.SerializeToString()


class _Handlers(grpc.GenericRpcHandler):
    def service(self, handler_call_details):
        if handler_call_details.method == protocol.PROCESS:
            return grpc.stream_stream_rpc_method_handler(_process)
        return None


def main():
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(32))
    server.add_generic_rpc_handlers([_Handlers()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
