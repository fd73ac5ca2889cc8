"""A client that knows nothing but an address, as grpcurl: it learns services and
messages from the server, by reflection, and speaks JSON-like dictionaries.
"""

import grpc
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    json_format,
    message_factory,
)

_FIELD = descriptor_pb2.FieldDescriptorProto
_SERVICE = "grpc.reflection.v1alpha.ServerReflection"


def _reflection_messages():
    """Returns (request, response) classes: the part of reflection.proto used here."""
    file = descriptor_pb2.FileDescriptorProto(name="reflection", package="reflection")

    def message(title, /, **fields):
        added = file.message_type.add(name=title)
        for field, (number, kind, label) in fields.items():
            is_message = isinstance(kind, str)
            added.field.add(
                name=field,
                number=number,
                label=label,
                type=_FIELD.TYPE_MESSAGE if is_message else kind,
                type_name=kind if is_message else None,
            )

    one, many = _FIELD.LABEL_OPTIONAL, _FIELD.LABEL_REPEATED
    message(
        "Request",
        file_by_filename=(3, _FIELD.TYPE_STRING, one),
        file_containing_symbol=(4, _FIELD.TYPE_STRING, one),
        list_services=(7, _FIELD.TYPE_STRING, one),
    )
    message("Files", file_descriptor_proto=(1, _FIELD.TYPE_BYTES, many))
    message("Service", name=(1, _FIELD.TYPE_STRING, one))
    message("Services", service=(1, ".reflection.Service", many))
    message("Error", error_message=(2, _FIELD.TYPE_STRING, one))
    message(
        "Response",
        file_descriptor_response=(4, ".reflection.Files", one),
        list_services_response=(6, ".reflection.Services", one),
        error_response=(7, ".reflection.Error", one),
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    factory = message_factory.MessageFactory(pool)
    return tuple(
        factory.GetPrototype(pool.FindMessageTypeByName(f"reflection.{name}"))
        for name in ("Request", "Response")
    )


_Request, _Response = _reflection_messages()


class Client:
    """Calls any method of a server. To be closed; `with` does."""

    def __init__(self, address):
        self._channel = grpc.insecure_channel(address)
        self._pool = descriptor_pool.DescriptorPool()
        self._files = set()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._channel.close()

    def services(self):
        """Returns the names of the services that the server lists."""
        answer = self._ask(list_services="*").list_services_response
        return [service.name for service in answer.service]

    def methods(self, service):
        """Returns the names of a service's methods."""
        return [method.name for method in self._describe(service).methods]

    def call(self, service, method, request, timeout=10):
        """Returns the answer of a unary call. Raises grpc.RpcError."""
        path, to_bytes, from_bytes = self._method(service, method)
        answer = self._channel.unary_unary(
            path, request_serializer=to_bytes, response_deserializer=from_bytes
        )(request, timeout=timeout)
        return answer

    def stream(self, service, method, requests, timeout=60, metadata=()):
        """Returns the answers of a bidirectional stream, an iterator and call."""
        path, to_bytes, from_bytes = self._method(service, method)
        return self._channel.stream_stream(
            path, request_serializer=to_bytes, response_deserializer=from_bytes
        )(requests, timeout=timeout, metadata=metadata)

    def _method(self, service, name):
        method = self._describe(service).methods_by_name[name]
        factory = message_factory.MessageFactory(self._pool)
        request = factory.GetPrototype(method.input_type)
        response = factory.GetPrototype(method.output_type)

        def to_bytes(fields):
            return json_format.ParseDict(fields, request()).SerializeToString()

        def from_bytes(raw):
            return json_format.MessageToDict(
                response.FromString(raw), preserving_proto_field_name=True
            )

        return f"/{service}/{name}", to_bytes, from_bytes

    def _describe(self, service):
        try:
            return self._pool.FindServiceByName(service)
        except KeyError:
            self._add_files(self._ask(file_containing_symbol=service))
        return self._pool.FindServiceByName(service)

    def _add_files(self, answer):
        for raw in answer.file_descriptor_response.file_descriptor_proto:
            file = descriptor_pb2.FileDescriptorProto.FromString(raw)
            if file.name in self._files:
                continue
            self._files.add(file.name)
            for dependency in file.dependency:
                if dependency not in self._files:
                    self._add_files(self._ask(file_by_filename=dependency))
            self._pool.Add(file)

    def _ask(self, **question):
        answers = self._channel.stream_stream(
            f"/{_SERVICE}/ServerReflectionInfo",
            request_serializer=_Request.SerializeToString,
            response_deserializer=_Response.FromString,
        )(iter([_Request(**question)]), timeout=10)
        answer = next(answers)
        if answer.HasField("error_response"):
            raise LookupError(f"{question}: {answer.error_response.error_message}")
        return answer
