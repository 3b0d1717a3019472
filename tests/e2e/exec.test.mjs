// Commands and files in sandboxes over the API, with a server that is killed in the middle and hostile commands.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';

import { internalSecret, noSandbox, until } from './harness.mjs';
import { expectEnvelope } from './http.mjs';
import { base, CloudOs, noPause, Seen } from './vms.mjs';

const skip = noSandbox;

let os;
before(async () => {
  if (!skip) os = await CloudOs.up();
});
after(async () => {
  if (!skip) await os.end();
});

describe('a command', { skip }, () => {
  let vm;
  before(async () => (vm = await os.create()));

  test('streams its output and its end', async () => {
    const seen = await os.exec(vm, { command: 'id -un; pwd; echo oops >&2; exit 7' });
    assert.equal(seen.out.toString(), 'agent\n/workspace\n');
    assert.equal(seen.err.toString(), 'oops\n');
    assert.equal(seen.exit.code, 7);
  });

  test('belongs to the sandbox: another user meets a 404', async () => {
    const answer = await os.platform.as('eve', 'cloud_os').post(`${base(vm)}/exec`, { command: 'id' });
    assert.equal(answer.status, 404);
    expectEnvelope(answer);
  });

  test('is found by an absolute target too', async () => {
    const { hostname, port } = new URL(os.platform.endpoints.cloud_os);
    const path = `http://${hostname}:${port}${base(vm)}/exec`;
    const headers = { 'X-Internal-Service': 'true', 'X-Internal-Service-Secret': internalSecret };
    const status = await new Promise((resolve, reject) =>
      http.get({ hostname, port, path, headers }, (answer) => resolve(answer.resume().statusCode)).on('error', reject),
    );
    assert.equal(status, 200);
  });

  test('is refused by its field when it makes no sense', async () => {
    const answer = await os.internal.post(`${base(vm)}/exec`, { command: 'a', timeout: 5 });
    assert.equal(answer.status, 422);
    assert.equal(answer.json.error.param, '/timeout');
  });

  test('goes on over a kill -9 of the server, and no byte of it is lost', async () => {
    const command =
      'for i in $(seq 1 400); do head -c 300 /dev/urandom | base64 -w0; echo " $i"; sleep 0.01; done | tee copy';
    const first = new Seen();
    const stream = await os.open(vm, '/exec', { method: 'POST', body: { command } });
    await first.read(stream, ({ out }) => out.length > 20_000);
    assert.ok(!first.exit);
    await os.killAndStart();

    const rest = new Seen();
    await rest.read(
      await os.open(vm, `/exec/${first.start.exec_id}/output`, {
        headers: { 'Last-Event-ID': first.lastId },
      }),
    );
    assert.equal(rest.lost, 0);
    assert.equal(rest.exit.code, 0);
    const copy = await os.internal.get(`${base(vm)}/files/copy`);
    assert.equal(Buffer.concat([first.out, rest.out]).toString(), copy.text);
  });

  test('gets its input piece by piece, and the end of it', async () => {
    const command = await os.start(vm, {
      command: 'while read -r line; do echo "<$line>"; done; echo over',
      stdin: { data: 'one\n' },
    });
    const seen = new Seen();
    const reading = seen.read(await os.follow(vm, command));
    await until('the first line to come back', () => seen.out.includes('<one>'));
    assert.equal(
      (await os.internal.post(`${base(vm)}${command.target}/stdin`, { data: 'two\nthr' })).status,
      200,
    );
    await until('the second line to come back', () => seen.out.includes('<two>'));
    const last = Buffer.from('ee\n').toString('base64');
    assert.equal(
      (await os.internal.post(`${base(vm)}${command.target}/stdin`, { data_base64: last, eof: true })).status,
      200,
    );
    await reading;
    assert.equal(seen.out.toString(), '<one>\n<two>\n<three>\nover\n');
    assert.equal(seen.exit.code, 0);
    const late = await os.internal.post(`${base(vm)}${command.target}/stdin`, { data: 'x' });
    assert.equal(late.status, 409);
    expectEnvelope(late);
  });

  test('has a terminal that can be resized, and takes a key as a signal', async () => {
    const command = await os.start(vm, {
      command: 'stty size; while read -r line; do stty size; done',
      pty: { cols: 90, rows: 20 },
    });
    const seen = new Seen();
    const reading = seen.read(await os.follow(vm, command));
    await until('the size', () => seen.out.includes('20 90'));
    await os.internal.post(`${base(vm)}${command.target}/resize`, { cols: 100, rows: 30 });
    await os.internal.post(`${base(vm)}${command.target}/stdin`, { data: 'go\n' });
    await until('the new size', () => seen.out.includes('30 100'));
    await os.internal.post(`${base(vm)}${command.target}/stdin`, { data: '\x03' });
    await reading;
    assert.ok(seen.exit.signal === 2 || seen.exit.code === 130, JSON.stringify(seen.exit));
  });

  test('that runs in the background is listed, signalled, and read by several', async () => {
    const command = await os.start(vm, { command: 'echo begin; sleep 1000', tag: 'sleeper' });
    const readers = await Promise.all(
      [0, 1].map(async () => new Seen().read(await os.follow(vm, command), ({ out }) => out.length > 0)),
    );
    assert.deepEqual(
      readers.map(({ out }) => out.toString()),
      ['begin\n', 'begin\n'],
    );
    const { execs } = (await os.internal.get(`${base(vm)}/exec`)).json;
    const listed = execs.find(({ tag }) => tag === 'sleeper');
    assert.equal(listed.exec_id, command.exec_id);
    assert.equal(listed.exit, undefined);
    assert.equal(
      (await os.internal.get(`${base(vm)}/exec/${command.pid}`)).json.exec_id,
      command.exec_id,
      'by its pid, too',
    );
    const rest = os.follow(vm, command, readers[0].lastId);
    assert.equal(
      (await os.internal.post(`${base(vm)}${command.target}/signal`, { signal: 'SIGTERM' })).status,
      200,
    );
    const seen = await new Seen().read(await rest);
    assert.equal(seen.out.length, 0, 'each byte once');
    assert.deepEqual([seen.exit.reason, seen.exit.signal], ['signaled', 15]);
    assert.equal((await os.internal.get(`${base(vm)}${command.target}`)).json.exit.signal, 15);
    assert.equal(
      (await os.internal.post(`${base(vm)}${command.target}/signal`, { signal: 'NONSENSE' })).status,
      422,
    );
    assert.equal((await os.internal.get(`${base(vm)}/exec/exec_unknown`)).status, 404);
  });

  test('is started once for an Idempotency-Key, and shown from its beginning to whoever comes back', async () => {
    const headers = { 'Idempotency-Key': 'exec-once' };
    const body = { command: 'echo x >> count; for i in 1 2 3; do echo $i; sleep 0.2; done' };
    const stream = await os.open(vm, '/exec', { method: 'POST', body, headers });
    const first = await new Seen().read(stream, ({ out }) => out.length > 0);
    stream.leave();
    await os.killAndStart();
    const again = await os.open(vm, '/exec', { method: 'POST', body, headers });
    assert.equal(again.headers['idempotency-replayed'], 'true');
    const second = await new Seen().read(again);
    assert.equal(second.start.exec_id, first.start.exec_id);
    assert.equal(second.out.toString(), '1\n2\n3\n');
    assert.equal((await os.internal.get(`${base(vm)}/files/count`)).text, 'x\n');
    const background = { command: 'echo x >> count', background: true };
    const [one, two] = await Promise.all(
      [0, 1].map(() => os.internal.post(`${base(vm)}/exec`, background, { 'Idempotency-Key': 'exec-back' })),
    );
    assert.ok(
      [one, two].every(({ status }) => status === 201 || status === 409),
      `${one.text} ${two.text}`,
    );
    const last = await os.internal.post(`${base(vm)}/exec`, background, { 'Idempotency-Key': 'exec-back' });
    assert.equal(last.status, 201);
    assert.equal(
      (await os.internal.post(`${base(vm)}/exec`, body, { 'Idempotency-Key': 'exec-back' })).status,
      422,
    );
    await new Seen().read(await os.follow(vm, { target: `/exec/${last.json.exec_id}` }));
    assert.equal((await os.internal.get(`${base(vm)}/files/count`)).text, 'x\nx\n');
  });

  test('never has an end that is made up: a sandbox that dies breaks the stream with an error', async () => {
    const other = await os.create();
    const stream = await os.open(other, '/exec', {
      method: 'POST',
      body: { command: 'echo on; sleep 1000' },
    });
    const seen = new Seen();
    const reading = seen.read(stream);
    await until('its first output', () => seen.out.length > 0);
    await os.internal.post(`${base(other)}/stop`);
    await reading;
    assert.equal(seen.exit, undefined);
    assert.equal(seen.error?.code, 'stream_broken');
    await os.internal.delete(base(other));
  });

  test('in a paused sandbox is a 409 that says so, and goes on after the pause', { skip: noPause }, async () => {
    const paused = await os.internal.post(`${base(vm)}/pause`);
    assert.equal(paused.status, 200, paused.text);
    const refused = await os.internal.post(`${base(vm)}/exec`, { command: 'id' });
    assert.equal(refused.status, 409);
    assert.equal(refused.json.error.code, 'sandbox_paused');
    assert.equal((await os.internal.get(`${base(vm)}/files/copy`)).status, 409);
    assert.equal((await os.internal.post(`${base(vm)}/resume`)).json.status, 'running');
    assert.equal((await os.exec(vm, { command: 'echo on' })).out.toString(), 'on\n');
  });
});

describe('a hostile command', { skip }, () => {
  let vm;
  before(async () => (vm = await os.create({ limits: { pids: 64, memory_mb: 256 } })));

  test('that forks without end is killed with all that it made', async () => {
    const seen = await os.exec(vm, { command: 'f() { f | f & }; f; sleep 1000', timeout_s: 2 });
    assert.equal(seen.exit.reason, 'timeout');
    assert.equal((await os.exec(vm, { command: 'echo alive' })).out.toString(), 'alive\n');
  });

  test('that opens every descriptor does not take those of others', async () => {
    const script = 'import os\nn=0\ntry:\n  while True: os.dup(0); n+=1\nexcept OSError: print(n > 1000)\n';
    const seen = await os.exec(vm, { argv: ['python3', '-c', script] });
    assert.equal(seen.out.toString(), 'True\n');
    assert.equal((await os.exec(vm, { command: 'echo alive' })).out.toString(), 'alive\n');
  });

  test('that writes without end fills neither the server nor the sandbox', async () => {
    const answer = await os.internal.post(`${base(vm)}/exec`, { command: 'yes', background: true });
    const id = answer.json.exec_id;
    await until(
      'a lot of output',
      async () => (await os.internal.get(`${base(vm)}/exec/${id}`)).json.output_end > 50_000_000,
    );
    const { output_begin, output_end } = (await os.internal.get(`${base(vm)}/exec/${id}`)).json;
    assert.ok(output_end - output_begin < 1_000_000);
    assert.equal((await os.internal.post(`${base(vm)}/exec/${id}/signal`, { signal: 'KILL' })).status, 200);
  });

  test('that leads a path out of the sandbox stays in it', async () => {
    await os.exec(vm, { command: 'ln -s / root; ln -s ../../../../../.. up; ln -s /proc/1/root/etc etc' });
    const inside = (await os.exec(vm, { command: 'cat /etc/passwd' })).out.toString();
    for (const target of [
      '/files/root/etc/passwd',
      '/files/up/etc/passwd',
      '/files/..%2F..%2F..%2Fetc%2Fpasswd',
      '/files//etc/passwd',
    ])
      assert.equal((await os.internal.get(`${base(vm)}${target}`)).text, inside, target);
    assert.notEqual((await os.internal.get(`${base(vm)}/files/etc/passwd`)).status, 200);
    for (const target of ['/files//etc/new', '/files//usr/bin/new', '/files//run/isa/new'])
      assert.equal((await os.internal.put(`${base(vm)}${target}`, 'x')).status, 403, target);
  });
});

describe('files', { skip }, () => {
  let vm;
  before(async () => (vm = await os.create()));

  test('are written, read, listed, moved and removed', async () => {
    const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i % 251));
    const made = await os.internal.put(`${base(vm)}/files/src/data.bin`, bytes);
    assert.equal(made.status, 201, made.text);
    assert.equal(made.json.path, '/workspace/src/data.bin');
    const sum = (await os.exec(vm, { command: 'cksum < src/data.bin' })).out.toString();
    const list = (await os.internal.get(`${base(vm)}/files/src?op=list`)).json;
    assert.deepEqual(
      list.entries.map(({ name, size, type }) => [name, size, type]),
      [['data.bin', 100_000, 'file']],
    );
    await os.internal.post(`${base(vm)}/files/src/data.bin?op=move&to=moved.bin`);
    assert.equal((await os.exec(vm, { command: 'cksum < moved.bin' })).out.toString(), sum);
    const part = await os.internal.get(`${base(vm)}/files/moved.bin`, { Range: 'bytes=10-13' });
    assert.equal(part.status, 206);
    assert.equal(part.text, '\x0a\x0b\x0c\x0d');
    assert.equal((await os.internal.delete(`${base(vm)}/files/moved.bin`)).status, 200);
    assert.equal((await os.internal.get(`${base(vm)}/files/moved.bin`)).status, 404);
  });

  test('larger than one request come in parts', async () => {
    const part = Buffer.alloc(9 << 20, 'a');
    const whole = `${base(vm)}/files/large?offset=`;
    for (const offset of [0, part.length]) {
      const written = await os.internal.put(whole + offset, part);
      assert.ok(written.status === 200 || written.status === 201, written.text);
    }
    assert.equal((await os.internal.get(`${base(vm)}/files/large?op=stat`)).json.size, 18 << 20);
    const read = await os.internal.get(`${base(vm)}/files/large`);
    assert.ok(read.text === 'a'.repeat(18 << 20), `${read.status}, ${read.text.length} bytes`);
    const tooLarge = { 'Content-Length': (16 << 20) + 1 }; // Refused by its head: nothing of it is sent.
    assert.equal((await os.internal.put(`${base(vm)}/files/large`, '', tooLarge)).status, 413);
    assert.equal((await os.internal.put(`${whole}0`, 'anew')).json.size, 4, 'offset 0 begins it anew');
  });

  test('have the permissions that were asked for, and refuse what makes no sense', async () => {
    assert.equal(
      (await os.internal.put(`${base(vm)}/files/script?mode=0750`, '#!/bin/sh\necho ran\n')).json.mode,
      '0750',
    );
    assert.equal((await os.exec(vm, { command: './script' })).out.toString(), 'ran\n');
    for (const target of ['script?op=list', 'script?op=nonsense', 'script?mode=9']) {
      const answer = await (target.includes('mode')
        ? os.internal.put(`${base(vm)}/files/${target}`, 'x')
        : os.internal.get(`${base(vm)}/files/${target}`));
      assert.equal(answer.status, 422, target);
      expectEnvelope(answer);
    }
    assert.equal((await os.internal.post(`${base(vm)}/files/a/b?op=mkdir`)).json.type, 'folder');
    assert.equal((await os.internal.delete(`${base(vm)}/files/a`)).status, 409, 'it is not empty');
    assert.equal((await os.internal.delete(`${base(vm)}/files/a?recursive=true`)).status, 200);
  });

  test('that change are told of', async () => {
    const stream = await os.open(vm, '/files/?op=watch&recursive=true');
    const events = stream[Symbol.asyncIterator]();
    assert.equal((await events.next()).value.event, 'ready');
    await os.exec(vm, { command: 'mkdir -p a/b; echo x > a/b/c' });
    for (let path; path !== 'a/b/c';) ({ path } = JSON.parse((await events.next()).value.data));
    stream.leave();
  });
});
