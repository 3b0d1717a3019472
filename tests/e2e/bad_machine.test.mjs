// Starts on a machine or with settings that are not as they should be: a clear refusal, or service with what there is,
// and nothing lost.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { describe, test } from 'node:test';

import { results } from './events.mjs';
import {
  binary,
  createAgent,
  defaults,
  environment,
  isRoot,
  noSandbox,
  Platform,
  run,
  setFlags,
  temporaryFolder,
  until,
} from './harness.mjs';
import { Traces } from './traces.mjs';

const up = (dataDir, settings = {}, options = {}) =>
  run(['up', '--data-dir', dataDir, ...setFlags({ ...defaults, ...settings })], options);

// It ended by itself, in words for a person: no stack, and no word of a bug.
function expectRefusal({ status, stderr }, ...words) {
  assert.ok(status > 0 && status !== 70, `status ${status}: ${stderr}`);
  assert.doesNotMatch(stderr, /what\(\)|terminate called|Assertion|a bug stopped/);
  for (const word of words) assert.match(stderr, word);
}

describe('settings that are wrong', () => {
  const data = () => path.join(temporaryFolder(), 'd');

  test('an unknown setting is refused with the one that was probably meant', async () => {
    expectRefusal(
      await up(data(), { 'pool.agent.wram': '3' }),
      /pool\.agent\.wram/,
      /did you mean pool\.agent\.warm/,
    );
    expectRefusal(await up(data(), { 'completely.else': '3' }), /completely\.else/, /config --explain/);
  });

  test('a misspelt environment variable is refused by its name', async () => {
    expectRefusal(
      await up(data(), {}, { env: { ISA_POOL_AGENT_WRAM: '3' } }),
      /ISA_POOL_AGENT_WRAM/,
      /did you mean/,
    );
  });

  test('a value of the wrong kind names the setting and where it came from', async () => {
    expectRefusal(await up(data(), { 'pool.agent.warm': 'many' }), /pool\.agent\.warm/, /--set/, /integer/);
    expectRefusal(await up(data(), { 'pool.lease_idle': '30' }), /pool\.lease_idle/, /30s|duration/);
    expectRefusal(await up(data(), { 'agent.listen': 'nowhere' }), /agent\.listen|nowhere/);
    expectRefusal(await up(data(), { 'log.level': 'loud' }), /log\.level/, /debug, info, warn/);
    expectRefusal(await up(data(), {}, { env: { ISA_POOL_AGENT_MAX: 'x' } }), /ISA_POOL_AGENT_MAX/);
  });

  test('a settings file is refused by file and line', async () => {
    const folder = temporaryFolder();
    const file = path.join(folder, 'isa.yaml');
    fs.writeFileSync(file, 'pool:\n  agent:\n    wram: 3\n');
    expectRefusal(await up(data(), {}, { cwd: folder }), /isa\.yaml:3/, /pool\.agent\.wram/);
    fs.writeFileSync(file, 'pool: [\n');
    expectRefusal(await run(['up', '--config', file, '--data-dir', data()]), /isa\.yaml/, /YAML/);
    expectRefusal(
      await run(['up', '--config', path.join(folder, 'none.yaml'), '--data-dir', data()]),
      /none\.yaml/,
    );
  });

  test('--set without a value is refused in words', async () => {
    expectRefusal(await run(['up', '--data-dir', data(), '--set', 'pool.agent.warm']), /name=value/);
  });

  test('an unknown role or command is refused with the known ones', async () => {
    expectRefusal(await run(['serve', 'kitchen']), /agent/);
    for (const words of [['dance'], ['agents', 'dance']]) {
      expectRefusal(await run(words), /dance/, /isa --help/);
    }
  });
});

describe('a place that is taken', () => {
  test('a port in use names the port, the setting, and how to choose another', async () => {
    const holder = http.createServer().listen(0, '127.0.0.1');
    await until('the port to be held', () => holder.listening);
    const { port } = holder.address();
    try {
      const dataDir = path.join(temporaryFolder(), 'd');
      expectRefusal(
        await up(dataDir, { 'agent.listen': `127.0.0.1:${port}` }),
        new RegExp(`\\b${port}\\b`),
        /in use/,
        /agent\.listen|--set|another/,
      );
      assert.deepEqual(fs.readdirSync(dataDir), [], 'nothing was begun that would have to be undone');
    } finally {
      holder.close();
    }
  });

  test(
    'a data directory that another platform uses is refused, and that one loses nothing',
    { skip: noSandbox },
    async (t) => {
      const first = await Platform.up({ settings: { 'pool.agent.warm': '1' } }, t);
      await first.warm();
      const user = first.as('ada');
      const agent = await createAgent(user, { tools: ['bash_execute', 'write_file'] });
      const say = (message, more) => user.chatAll({ agent_config_id: agent.id, message, ...more });
      const [{ session_id: session }] = await say('Write "mine" to a.txt');

      expectRefusal(await up(first.dataDir), /data (directory|folder)|data_dir|another|already/);

      assert.ok(await first.isReady(), 'its endpoints.json is still its own');
      const events = await say('Run the command `cat a.txt`', { session_id: session });
      assert.match(results(events)[0].content, /mine/, 'its sandboxes were left alone');
      await first.stopAndLeaveNothing();
    },
  );

  test('a start that fails after a crash takes no sandbox with it', { skip: noSandbox }, async (t) => {
    const platform = await Platform.up({ settings: { 'pool.agent.warm': '1' } }, t);
    const agent = await createAgent(platform.as('ada'), { tools: ['bash_execute', 'write_file'] });
    const say = (message, more) =>
      platform.as('ada').chatAll({ agent_config_id: agent.id, message, ...more });
    const [{ session_id: session }] = await say('Write "mine" to a.txt');
    await platform.kill();
    const holder = http.createServer().listen(0, '127.0.0.1');
    await until('the port to be held', () => holder.listening);

    const taken = { 'agent.listen': `127.0.0.1:${holder.address().port}` };
    expectRefusal(await up(platform.dataDir, taken), /in use/);

    holder.close();
    await platform.start();
    const events = await say('Run the command `cat a.txt`', { session_id: session });
    assert.match(results(events)[0].content, /mine/);
    await platform.stopAndLeaveNothing();
  });

  test('a start that fails ends what it had begun', { skip: noSandbox }, async () => {
    const holder = http.createServer().listen(0, '127.0.0.1');
    await until('the port to be held', () => holder.listening);
    const taken = { 'agent.listen': `127.0.0.1:${holder.address().port}`, 'pool.agent.warm': '3' };
    for (let attempt = 0; attempt < 5; ++attempt) {
      const dataDir = path.join(temporaryFolder(), 'd');
      expectRefusal(await up(dataDir, taken), /in use/);
      assert.deepEqual(new Traces(dataDir).remaining(), []);
    }
    holder.close();
  });
});

describe('a machine that lacks something', () => {
  test('without bubblewrap it says what to install', async () => {
    const folder = temporaryFolder();
    const dataDir = path.join(folder, 'd');
    const { status, signal, stderr, stdout } = await run(
      ['up', '--data-dir', dataDir, ...setFlags(defaults)],
      { env: { PATH: folder }, timeoutMs: 8000 },
    );
    assert.match(stderr + stdout, /bubblewrap|bwrap/);
    assert.match(stderr + stdout, /install/);
    assert.ok(status > 0 || signal, 'it refuses, or serves what needs no sandbox');

    const doctor = await run(['doctor', '--data-dir', dataDir], { env: { PATH: folder } });
    assert.ok(doctor.status > 0, 'the doctor says that it would not work');
    assert.match(doctor.stdout + doctor.stderr, /bubblewrap/);
  });

  test(
    'a data directory that may not be written says which, and why',
    { skip: !isRoot && 'needs root to become somebody else' },
    async () => {
      const folder = temporaryFolder();
      fs.chmodSync(folder, 0o755);
      const dataDir = path.join(folder, 'd');
      fs.mkdirSync(dataDir, { mode: 0o755 });
      // The program, where that user can read it.
      const beside = path.join(folder, 'isa');
      fs.copyFileSync(binary, beside);
      fs.chmodSync(beside, 0o755);
      const done = spawnSync(beside, ['up', '--data-dir', dataDir, ...setFlags(defaults)], {
        uid: 65534,
        gid: 65534,
        encoding: 'utf8',
        env: environment({ HOME: folder }),
        cwd: '/',
        timeout: 20_000,
      });
      expectRefusal(done, new RegExp(dataDir), /write|permission/i);
    },
  );

  test('a data directory below a file says so', async () => {
    const file = path.join(temporaryFolder(), 'file');
    fs.writeFileSync(file, '');
    expectRefusal(await up(path.join(file, 'd')), new RegExp(file), /directory|folder/i);
  });

  test('a database that is none is refused, not overwritten', { skip: noSandbox }, async (t) => {
    const platform = await Platform.up({ settings: { 'pool.agent.warm': '0' } }, t);
    await platform.stopAndLeaveNothing();
    const databases = fs.readdirSync(platform.dataDir).filter((name) => /\.(db|sqlite3?)$/.test(name));
    assert.ok(databases.length > 0, fs.readdirSync(platform.dataDir).join());
    const file = path.join(platform.dataDir, databases[0]);
    const nonsense = 'this is no database, and somebody may want to know what it was\n'.repeat(100);
    fs.writeFileSync(file, nonsense);
    expectRefusal(await up(platform.dataDir), /database|SQLite|store/i);
    assert.equal(fs.readFileSync(file, 'utf8'), nonsense);
  });
});

// A file system of a few megabytes, when the machine lets us make one.
function tinyDisk() {
  if (!isRoot) return undefined;
  const folder = temporaryFolder();
  const made = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', folder]);
  return made.status === 0 ? { folder, unmount: () => spawnSync('umount', ['-l', folder]) } : undefined;
}

test(
  'on a full disk writes are refused in words, what was there stays, and it goes on when there is room again',
  { skip: noSandbox },
  async (t) => {
    const disk = tinyDisk();
    if (!disk) return t.skip('a file system of our own cannot be mounted here');
    t.after(disk.unmount);
    const dataDir = path.join(disk.folder, 'd');
    const platform = await Platform.up({ dataDir, settings: { 'pool.agent.warm': '1' } }, t);
    const user = platform.as('ada');
    const kept = await createAgent(user, { name: 'Kept' });
    const filler = path.join(disk.folder, 'filler');
    spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=64k']);

    const refused = await until('a write to be refused', async () => {
      const answer = await user.post('/api/v1/agents/configs', {
        name: 'Too much',
        system_prompt: 'x'.repeat(90_000),
      });
      return answer.status !== 200 && answer;
    });
    assert.ok([503, 507].includes(refused.status), refused.text);
    assert.match(refused.json.error.message, /disk|space|full/i);
    assert.deepEqual((await user.get(`/api/v1/agents/configs/${kept.id}`)).json, kept, 'reading still works');
    assert.equal(platform.ended, undefined, 'it still runs');
    const chat = await user.post('/api/v1/agents/chat', {
      agent_config_id: kept.id,
      message: 'What is 2+2?',
      stream: false,
    });
    assert.ok(chat.status === 200 || /disk|space|full|store/i.test(chat.json.error.message), chat.text);

    fs.rmSync(filler);
    await until(
      'writes to work again',
      async () =>
        (await user.patch(`/api/v1/agents/configs/${kept.id}`, { description: 'after' })).status === 200,
    );
    const answer = await user.post('/api/v1/agents/chat', {
      agent_config_id: kept.id,
      message: 'What is 2+2?',
      stream: false,
    });
    assert.equal(answer.status, 200, answer.text);
    await platform.stopAndLeaveNothing();
  },
);
