'use strict';

// An OTLP collector, as far as tests need one. It reads requests with
// OpenTelemetry's own classes, generated from its own .proto files.

const grpc = require('@grpc/grpc-js');
const {opentelemetry} = require('@opentelemetry/otlp-transformer/build/src/generated/root');

const {ExportTraceServiceRequest, ExportTraceServiceResponse} =
    opentelemetry.proto.collector.trace.v1;

const SERVICE = {
  Export: {
    path: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
    requestStream: false,
    responseStream: false,
    requestDeserialize: bytes => ExportTraceServiceRequest.decode(bytes),
    responseSerialize: message =>
        Buffer.from(ExportTraceServiceResponse.encode(message).finish()),
  },
};

const hex = bytes => Buffer.from(bytes).toString('hex');

function valueOf({value}) {
  return value.stringValue ?? (value.intValue == null ? null : Number(value.intValue));
}

const attributesOf = list => Object.fromEntries(list.map(each => [each.key, valueOf(each)]));

class Collector {
  // `answer`: called with each request before it is taken; may wait, or return a status.
  static async start({answer = () => null, credentials, address = '127.0.0.1:0'} = {}) {
    const collector = new Collector();
    collector.server = new grpc.Server();
    collector.server.addService(SERVICE, {
      Export: async (call, done) => {
        ++collector.calls;
        const status = await answer(collector.calls);
        if (status) return done(status);
        collector.#take(call.request);
        done(null, {});
      },
    });
    const port = await new Promise((resolve, reject) => collector.server.bindAsync(
        address, credentials ?? grpc.ServerCredentials.createInsecure(),
        (error, bound) => error ? reject(error) : resolve(bound)));
    collector.address = `127.0.0.1:${port}`;
    return collector;
  }

  constructor() {
    this.calls = 0;
    this.spans = [];
  }

  #take(request) {
    for (const {resource, scopeSpans} of request.resourceSpans) {
      for (const {spans} of scopeSpans) {
        for (const span of spans) {
          this.spans.push({
            resource: attributesOf(resource.attributes),
            trace: hex(span.traceId),
            id: hex(span.spanId),
            parent: hex(span.parentSpanId),
            state: span.traceState,
            name: span.name,
            kind: span.kind,
            begin: BigInt(span.startTimeUnixNano),
            end: BigInt(span.endTimeUnixNano),
            attributes: attributesOf(span.attributes),
            status: span.status?.code ?? 0,
            error: span.status?.message ?? '',
          });
        }
      }
    }
  }

  of(trace) { return this.spans.filter(span => span.trace === trace); }

  stop() { this.server.forceShutdown(); }
}

module.exports = {Collector};
