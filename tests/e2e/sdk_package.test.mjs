// The SDK as somebody else's project meets it: installed into a folder, found by CMake, and the examples built with it
// against a real platform.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { binary, environment, Platform, repository, temporaryFolder } from './harness.mjs';

const buildFolder = path.dirname(binary);
// A sanitizer's libraries want a program that is built like them.
const skip = fs.existsSync(path.join(buildFolder, 'CMakeCache.txt'))
  ? path.basename(buildFolder) === 'release' ? false : 'the package is made from the release build'
  : 'ISA_BIN lies in no build folder';

let platform;
let programs;
before(async () => {
  if (skip) return;
  const prefix = path.join(temporaryFolder(), 'prefix');
  programs = path.join(temporaryFolder(), 'examples');
  const run = (command, ...args) => {
    const done = spawnSync(command, args, { encoding: 'utf8', env: environment({ CXX: 'clang++-19' }) });
    assert.equal(done.status, 0, `${command} ${args.join(' ')}\n${done.stdout}\n${done.stderr}`);
  };
  run('cmake', '--install', buildFolder, '--component', 'sdk', '--prefix', prefix);
  const launcher = spawnSync('ccache', ['--version']).error ? [] : ['-DCMAKE_CXX_COMPILER_LAUNCHER=ccache'];
  run('cmake', '-G', 'Ninja', '-S', path.join(repository, 'examples'), '-B', programs, `-DCMAKE_PREFIX_PATH=${prefix}`, ...launcher);
  run('cmake', '--build', programs);
  platform = await Platform.up({ settings: { 'pool.agent.warm': '0' } });
});
after(() => platform?.stopAndLeaveNothing());

// { status, stdout, stderr } of an example, with `input` typed at it.
function example(name, args, input = '') {
  return new Promise((resolve) => {
    const child = spawn(path.join(programs, name), args, { env: environment() });
    const output = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr']) child[stream].setEncoding('utf8').on('data', (text) => (output[stream] += text));
    child.on('close', (status) => resolve({ status, ...output }));
    child.stdin.on('error', () => {}).end(input); // It may end before it reads.
  });
}
const model = () => [`${platform.endpoints.model}/v1`, 'builtin/demo'];

test('a function of a program is a tool of its agent', { skip }, async () => {
  const done = await example('calculator', [...model(), 'Call the tool add with {"a": 20, "b": 22}']);
  assert.equal(done.status, 0, done.stderr);
  assert.match(done.stdout, /add returned:[^]*42\.0/);
  const wrong = await example('calculator', [...model(), 'Call the tool add with {"a": "x"}']);
  assert.match(wrong.stdout, /add failed:[^]*\/a: expected a number/);
});

test('a model that is not there is said', { skip }, async () => {
  const done = await example('calculator', ['http://127.0.0.1:9/v1', 'builtin/demo', 'hello']);
  assert.equal(done.status, 1);
  assert.match(done.stderr, /the model's server/);
});

test('an agent works in a folder, and asks before a command', { skip }, async () => {
  const folder = temporaryFolder();
  const done = await example(
    'gardener',
    [...model(), folder],
    'Run the command `touch planted`\ny\nRun the command `touch weed`\nn\n',
  );
  assert.equal(done.status, 0, done.stderr);
  assert.match(done.stdout, /May I call bash_execute/);
  assert.deepEqual(fs.readdirSync(folder), ['planted']);
});

test('an agent of the platform calls a function of a program elsewhere', { skip }, async () => {
  const done = await example('shop', [platform.endpoints.agent, 'Call the tool price_of with {"article": "tea"}']);
  assert.equal(done.status, 0, done.stderr);
  assert.match(done.stdout, /4\.20 EUR/);
  const wrong = await example('shop', [platform.endpoints.agent, 'Call the tool price_of with {"article": "gold"}']);
  assert.match(wrong.stdout, /price_of failed:[^]*the shop has no gold/);
});
