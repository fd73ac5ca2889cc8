import * as grpc from '@grpc/grpc-js';
import {loadSync} from '@grpc/proto-loader';
import {fileURLToPath} from 'node:url';

import {Code, StreamError} from './errors.js';
import type {ProtoGrpcType as BalancerTypes} from './generated/balancer.js';
import type {ProtoGrpcType as ProcessorTypes} from './generated/processor.js';
import type {Locator} from './locator.js';

// true: the system's authorities. `cert` and `key` show the server who the client is.
export type Tls = boolean | {ca?: Buffer, cert?: Buffer, key?: Buffer, serverName?: string};

const BALANCER_TIMEOUT_MS = 2000;
const FLOW_CONTROL_BYTES = 4 << 20;

const {msgproc: {v1}} = grpc.loadPackageDefinition(loadSync(
    ['msgproc/v1/processor.proto', 'msgproc/v1/balancer.proto'], {
      includeDirs: [fileURLToPath(new URL('../proto', import.meta.url))],
      longs: Number, enums: String, defaults: true,
    })) as unknown as BalancerTypes & ProcessorTypes;

// Makes calls, each on a connection of its own, which goes with it.
export class Rpc {
  readonly #credentials: grpc.ChannelCredentials;
  readonly #options: grpc.ChannelOptions;

  constructor(tls: Tls, options: grpc.ChannelOptions) {
    const {ca = null, key = null, cert = null, serverName} = typeof tls === 'object' ? tls : {};
    this.#credentials = tls ? grpc.credentials.createSsl(ca, key, cert) :
        grpc.credentials.createInsecure();
    this.#options = {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_http_proxy': 0,
      'grpc.enable_retries': 0,  // They keep what was sent; the window has it already.
      'grpc.max_receive_message_length': -1,
      // HTTP/2's 64 KiB would be all that comes in a round trip.
      'grpc-node.flow_control_window': FLOW_CONTROL_BYTES,
      ...(serverName && {'grpc.ssl_target_name_override': serverName}),
      ...options,
    };
  }

  process(address: string, token: string) {
    const client = new v1.Processor(address, this.#credentials, this.#options);
    const call = client.Process(metadata(token));
    call.on('error', () => {});  // `status` says it.
    call.on('status', () => client.close());
    return call;
  }

  // One round of `locator`: an address, or why there is none.
  async locate(locator: Locator, failed: string[], affinityKey: string, token: string,
               signal: AbortSignal): Promise<string | StreamError> {
    for (locator.begin(failed);;) {
      const answer = await this.#getServer(locator.balancer, failed, affinityKey, token, signal);
      const end = answer instanceof StreamError ? locator.onError(answer) : locator.onAnswer(answer);
      if (end !== undefined) return end;
    }
  }

  #getServer(balancer: string, exclude: string[], affinityKey: string, token: string,
             signal: AbortSignal): Promise<string[] | StreamError> {
    const client = new v1.Balancer(balancer, this.#credentials, this.#options);
    return new Promise(resolve => {
      const call = client.GetServer(
          {affinityKey, exclude}, metadata(token), (error, response) => {
        clearTimeout(timer);
        signal.removeEventListener('abort', cancel);
        client.close();
        if (error) resolve(new StreamError(error.code as number, error.details));
        else if (!response?.server) resolve(new StreamError(Code.INTERNAL, 'it named no server'));
        else resolve([response.server, ...response.alternatives].map(({address}) => address));
      });
      const cancel = () => call.cancel();
      const timer = setTimeout(cancel, BALANCER_TIMEOUT_MS);
      signal.addEventListener('abort', cancel);
    });
  }
}

function metadata(token: string): grpc.Metadata {
  const metadata = new grpc.Metadata();
  if (token !== '') metadata.set('authorization', `Bearer ${token}`);
  return metadata;
}
