// What a newcomer does: npm install into an empty folder, then the README's examples.
import assert from 'node:assert/strict';
import {execFile, execFileSync, spawn} from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import {before, test} from 'node:test';
import {promisify} from 'node:util';
import {eventually, folderOf, startBalancer, startProcessor, startWire, temporaryFolder, within}
    from './servers.mjs';

const installed = process.env.MSGPROC_INSTALLED;
const examples = path.join(folderOf, 'examples');
const folder = fs.mkdtempSync(path.join(process.env.TEST_TMPDIR ?? '/tmp', 'msgproc-user-'));

before(() => {
  fs.writeFileSync(path.join(folder, 'package.json'), '{"private": true, "type": "module"}');
  // Without a network: what the package depends on is given as the folders that it stands in.
  const npm = (...args) => execFileSync('npm', args, {cwd: folder, encoding: 'utf8', env: {
    ...process.env, HOME: folder, npm_config_update_notifier: 'false'}});
  const dependencies = execFileSync(
      'npm', ['ls', '--omit=dev', '--all', '--parseable'],
      {cwd: path.dirname(installed), encoding: 'utf8', env: {...process.env, HOME: folder}})
      .trim().split('\n').slice(1);
  npm('install', '--offline', '--install-links', '--ignore-scripts', '--no-audit', '--no-fund',
      '--loglevel=error', process.env.MSGPROC_PACKAGE, ...dependencies);
  fs.cpSync(examples, folder, {recursive: true});
});

async function run(...args) {
  const {stdout, stderr} = await promisify(execFile)(
      process.execPath, args, {cwd: folder, timeout: 60_000});
  return {stdout, stderr};
}

test('the package has what it needs, and the version of the servers', () => {
  const root = path.join(folder, 'node_modules/msgproc');
  const {version, exports: {'.': {types}}} = JSON.parse(fs.readFileSync(path.join(root, 'package.json')));
  assert.match(version, /^\d+\.\d+\.\d+$/);
  const servers = execFileSync(process.env.MSGPROC_PROCESSOR, ['--version'], {encoding: 'utf8'});
  assert.ok(servers.split(/\s/).includes(version), `${version}, and ${servers}`);
  for (const file of [types, 'README.md', 'proto/msgproc/v1/processor.proto']) {
    assert.ok(fs.existsSync(path.join(root, file)), file);
  }
});

test('each example stands in the README as it runs', () => {
  const readme = fs.readFileSync(path.join(folder, 'node_modules/msgproc/README.md'), 'utf8');
  const files = fs.readdirSync(examples);
  assert.equal(files.length, 3);
  for (const file of files) {
    assert.ok(readme.includes(fs.readFileSync(path.join(examples, file), 'utf8')), file);
  }
});

test('10,000 messages to a URL, its server killed and started again meanwhile', async t => {
  const processor = await startProcessor(t);
  const wire = await startWire(t, processor.grpc);
  wire.deafAfter = 50_000;
  const program = run('url.mjs', wire.address, '10000');
  await eventually(() => wire.deaf, 'the middle');
  await processor.kill();
  wire.target = (await startProcessor(t)).grpc;
  wire.deafAfter = Infinity;
  wire.deaf = false;
  const {stdout, stderr} = await program;
  assert.equal(stdout, '10000 messages, 10000 results, 0 failed\n');
  assert.match(stderr, /^lost 127\.0\.0\.1:\d+: UNAVAILABLE/);
});

test('questions and answers', async t => {
  const processor = await startProcessor(t);
  const {stdout} = await run('request.mjs', processor.grpc, 'hello', 'again');
  assert.equal(stdout, 'hello → HELLO\nagain → AGAIN\n');
});

test('a fleet is followed from one server to the next', async t => {
  const balancer = await startBalancer(t);
  const flags = [`--balancer=${balancer.grpc}`];
  const first = await startProcessor(t, {flags: [...flags, '--server_id=first']});
  const program = spawn(process.execPath, ['fleet.mjs', balancer.grpc], {cwd: folder});
  let said = '';
  program.stdout.on('data', data => { said += data; });
  program.stderr.on('data', data => { said += data; });
  const exit = new Promise(resolve => program.on('exit', resolve));
  await eventually(() => said.includes('on first: STATE_NEW'), 'the first server');
  await startProcessor(t, {flags: [...flags, '--server_id=second']});
  await first.stop();
  await eventually(() => said.includes('on second'), 'the second server');
  program.kill('SIGINT');
  assert.equal(await within(exit, 'the end'), 0);
  assert.match(said, /left first: REASON_SHUTDOWN\non second: STATE_LOST\n(.*\n)*\d+ results\n$/);
});

test('the types hold in a strict program', t => {
  const project = temporaryFolder(t);
  fs.symlinkSync(path.join(folder, 'node_modules'), path.join(project, 'node_modules'));
  fs.writeFileSync(path.join(project, 'program.mts'), `
    import {Code, connect, MessageError, StreamError, type ConnectOptions, type Result} from 'msgproc';
    const options: ConnectOptions = {target: 'a:1', tls: {ca: Buffer.alloc(0)}, tokenProvider: async () => 't'};
    const stream = connect(options);
    stream.on('lost', ({unanswered}) => unanswered.toFixed());
    const sequence: number = await stream.send('text', {headers: {key: 'value'}});
    const results: Result[] = [];
    for await (const result of stream) results.push(result);
    try {
      const {payload} = await stream.request(new Uint8Array(3));
      payload.toString('base64');
    } catch (error) {
      if (error instanceof MessageError && error.retryable) await stream.close();
      if (error instanceof StreamError && error.code === Code.ABORTED) console.log(error.advice, sequence);
    }
    // @ts-expect-error
    connect({targets: []});
  `);
  execFileSync(process.execPath, [
    path.join(installed, 'typescript/bin/tsc'), '--strict', '--noEmit', '--module', 'nodenext',
    '--target', 'es2022', '--types', 'node', 'program.mts',
  ], {cwd: project, stdio: ['ignore', 'inherit', 'inherit']});
});
