'use strict';

const assert = require('node:assert/strict');
const {execFile, execFileSync} = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const {test} = require('node:test');
const {promisify} = require('node:util');
const grpc = require('@grpc/grpc-js');
const {Processor, connect, eventually, within} = require('./processor.js');
const {Session} = require('./session.js');

const THROUGH = process.env.MSGPROC_FRONT;

// A folder with a key set, an access file for alice, and who signs tokens.
function issuer(t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'msgproc-identity-'));
  t.after(() => fs.rmSync(folder, {recursive: true}));
  const {privateKey, publicKey} = crypto.generateKeyPairSync('ed25519');
  const keys = path.join(folder, 'keys.json');
  fs.writeFileSync(keys, JSON.stringify(
      {keys: [{...publicKey.export({format: 'jwk'}), kid: 'k1', use: 'sig'}]}));
  const access = path.join(folder, 'access.txtpb');
  fs.writeFileSync(access, 'rules { principal { exact: "alice" } handlers: "echo" }\n');
  const token = claims => {
    const exp = Math.floor(Date.now() / 1000) + 3600;
    const text = [{alg: 'EdDSA', kid: 'k1'}, {aud: 'msgproc', exp, ...claims}]
        .map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
    return `${text}.${crypto.sign(null, Buffer.from(text), privateKey).toString('base64url')}`;
  };
  return {folder, token, access, flags: [`--jwt_keys=${keys}`, '--jwt_audience=msgproc']};
}

async function startProcessor(t, options) {
  const processor = await Processor.start(options);
  t.after(() => processor.kill());
  return processor;
}

// A stub whose every call shows this token.
function stubWith(t, address, token, credentials) {
  const stub = connect(address, credentials);
  t.after(() => stub.close());
  const call = stub.Process.bind(stub);
  stub.Process = () => {
    const metadata = new grpc.Metadata();
    if (token) metadata.set('authorization', `Bearer ${token}`);
    return call(metadata);
  };
  return stub;
}

async function assertEchoes(stub) {
  const session = new Session();
  const welcome = await within(session.connect(stub), 'Welcome');
  session.send([Buffer.from('hi')]);
  await eventually(() => session.receivedThrough === 1, 'the result');
  assert.equal(session.results[0].payload.toString(), 'hi');
  assert.equal((await within(session.close(), 'the end')).code, grpc.status.OK);
  return {session, welcome};
}

async function assertRefused(session, stub, code) {
  await within(session.connect(stub), 'the refusal').then(
      () => assert.fail('it was let in'), status => assert.equal(status.code, code, status.details));
}

test('a token says who its client is, and when that ends', async t => {
  const {token, access, flags} = issuer(t);
  const processor = await startProcessor(t, {flags: [...flags, `--access_file=${access}`]});
  const {welcome} = await assertEchoes(stubWith(t, processor.grpc, token({sub: 'alice'})));
  assert.equal(welcome.principal, 'alice');
  const {seconds} = welcome.tokenExpiresIn;
  assert.ok(seconds > 3000 && seconds <= 3600, `${seconds}`);
  for (const [shown, code] of [
    [token({sub: 'alice', exp: 1}), grpc.status.UNAUTHENTICATED],
    [token({sub: 'alice', aud: 'other'}), grpc.status.UNAUTHENTICATED],
    ['nonsense', grpc.status.UNAUTHENTICATED],
    [token({sub: 'bob'}), grpc.status.PERMISSION_DENIED],
    [null, grpc.status.PERMISSION_DENIED],
  ]) {
    await assertRefused(new Session(), stubWith(t, processor.grpc, shown), code);
  }
});

test('a session is its own client\'s, whoever knows its secret', async t => {
  const {token, flags} = issuer(t);
  const processor = await startProcessor(t, {flags});
  const session = new Session();
  await within(session.connect(stubWith(t, processor.grpc, token({sub: 'alice'}))), 'Welcome');
  const {sessionId, sessionToken} = session.open;
  await assertRefused(new Session({sessionId, token: sessionToken}),
                      stubWith(t, processor.grpc, token({sub: 'mallory'})),
                      grpc.status.PERMISSION_DENIED);
  session.send([Buffer.from('hi')]);
  await eventually(() => session.receivedThrough === 1, 'the result');
  await session.close();
});

test('a certificate says who its client is', {skip: THROUGH === 'grpc'}, async t => {
  const {folder} = issuer(t);
  const openssl = (...args) => execFileSync('openssl', args, {cwd: folder, stdio: 'pipe'});
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-x509', ...key, '-days', '2', '-subj', '/CN=ca', '-keyout', 'ca.key', '-out', 'ca.pem');
  for (const [name, names] of [
    ['server', 'DNS:localhost,IP:127.0.0.1'],
    ['alice', 'URI:spiffe://example.org/alice,DNS:a.example.org'],
    ['bob', 'DNS:bob.example.org'],
  ]) {
    openssl('req', ...key, '-subj', `/CN=${name}`, '-addext', `subjectAltName=${names}`,
            '-keyout', `${name}.key`, '-out', `${name}.csr`);
    openssl('x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key',
            '-CAcreateserial', '-copy_extensions', 'copy', '-days', '2', '-out', `${name}.pem`);
  }
  const file = name => path.join(folder, name);
  const access = file('certificates.txtpb');
  fs.writeFileSync(access, `
    rules { principal { exact: "spiffe://example.org/alice" } handlers: "*" }
    rules { principal { suffix: ".nobody.org" } handlers: "*" }`);
  const processor = await startProcessor(t, {flags: [
    `--tls_cert=${file('server.pem')}`, `--tls_key=${file('server.key')}`,
    `--tls_client_ca=${file('ca.pem')}`, `--access_file=${access}`,
  ]});
  const as = name => stubWith(t, processor.grpc, null, grpc.credentials.createSsl(
      ...['ca.pem', `${name}.key`, `${name}.pem`].map(name => fs.readFileSync(file(name)))));
  const {welcome} = await assertEchoes(as('alice'));
  assert.equal(welcome.principal, 'spiffe://example.org/alice');
  assert.equal(welcome.tokenExpiresIn, null);
  await assertRefused(new Session(), as('bob'), grpc.status.PERMISSION_DENIED);
});

test('buf curl shows a token', {skip: THROUGH !== undefined}, async t => {
  const {token, flags} = issuer(t);
  const processor = await startProcessor(t, {flags: [...flags, '--authenticate_all']});
  const curl = (...headers) => promisify(execFile)(
      path.join(__dirname, 'buf'),
      ['curl', '--protocol', 'grpc', '--http2-prior-knowledge', ...headers,
       '--data', '{"messages":[{"sequence":1,"payload":"aGk="}]}',
       `http://${processor.grpc}/msgproc.v1.Processor/Process`],
      {timeout: 60_000, env: {...process.env, HOME: process.env.TEST_TMPDIR}});
  const header = `authorization: Bearer ${token({sub: 'alice'})}`;
  const {stdout} = await curl('--header', header, '--reflect-header', header);
  assert.deepEqual(JSON.parse(stdout).results, [{sequence: '1', payload: 'aGk='}]);
  await assert.rejects(curl('--reflect-header', header), ({stderr}) => /unauthenticated/i.test(stderr));
  // Without a token reflection says nothing either.
  await assert.rejects(curl(), ({stderr}) => /failed to find service/.test(stderr));
});
