// The look for leftovers finds what it is to find: else every test that ends with it would pass for nothing.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';

import { isRoot, temporaryFolder, until } from './harness.mjs';
import { EventStream } from './http.mjs';
import { Traces } from './traces.mjs';

function dataDir() {
  const folder = path.join(temporaryFolder(), 'd');
  fs.mkdirSync(folder);
  return folder;
}

test('a folder that nobody uses is clean', () => {
  assert.deepEqual(new Traces(dataDir()).remaining(), []);
});

test('a process is found by its command, by its environment, and by its ancestors', async () => {
  const folder = dataDir();
  const traces = new Traces(folder);
  const child = spawn('sh', ['-c', `sleep 600 & wait # ${folder}`], { stdio: 'ignore' });
  try {
    await until('both processes', () => traces.family().length === 2);
    traces.observe();
    process.kill(child.pid, 'SIGKILL');
    await once(child, 'exit');
    const left = traces.remaining();
    assert.equal(left.length, 1, 'the orphan no longer names the folder, but was seen');
    assert.match(left[0], /sleep 600/);
  } finally {
    for (const key of traces.seen.keys()) {
      try {
        process.kill(Number(key.split(':')[0]), 'SIGKILL');
      } catch {
        // It ended above.
      }
    }
  }
});

test('sockets, mounts, folders of sandboxes and endpoints.json are found', async () => {
  const folder = dataDir();
  const traces = new Traces(folder);
  fs.mkdirSync(path.join(folder, 'sandboxes', 'vm_1'), { recursive: true });
  fs.writeFileSync(path.join(folder, 'endpoints.json'), '{}');
  const server = net.createServer().listen(path.join(folder, 's.sock'));
  await once(server, 'listening');
  const mounted =
    isRoot &&
    spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', path.join(folder, 'sandboxes', 'vm_1')]).status === 0;

  const left = traces.remaining().join('\n');

  if (mounted) spawnSync('umount', [path.join(folder, 'sandboxes', 'vm_1')]);
  server.close();
  assert.match(left, /sandbox folder .*vm_1/);
  assert.match(left, /endpoints\.json/);
  assert.match(left, /s\.sock/);
  if (mounted) assert.match(left, /mountinfo/);
});

test('an event stream is read frame by frame, whatever the pieces it comes in', async () => {
  const text =
    ': hello\n\nid: r:1\ndata: {"id":"r:1","type":"text","content":"ü"}\n\nid: r:2\ndata: {"id":"r:2",\ndata: "type":"result"}\n\ndata: [DONE]\n\n';
  const bytes = Buffer.from(text);
  const server = http.createServer(async (_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    for (const byte of bytes) if (!response.write(Buffer.of(byte))) await once(response, 'drain');
    response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const events = await (await EventStream.open(`http://127.0.0.1:${server.address().port}/`)).all();
    assert.deepEqual(
      events.map(({ type, content }) => [type, content]),
      [
        ['text', 'ü'],
        ['result', undefined],
      ],
    );
  } finally {
    server.close();
  }
});
