// A runtime that lies to the platform: in the place of isa-runtime stands a program that answers with garbage, without
// end, or with what it has no right to say. The platform stays up, keeps its memory, and says what went wrong.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { expectWhole, find, textOf, types } from '../e2e/events.mjs';
import { binary, createAgent, noSandbox, Platform, temporaryFolder, until } from '../e2e/harness.mjs';

const liar = path.join(path.dirname(binary), 'isa-hostile-runtime');
const kMemoryGrowthMb = 300;

// A copy of the liar that follows these orders.
function runtimeWith(orders) {
  const file = path.join(temporaryFolder(), 'isa-runtime');
  fs.copyFileSync(liar, file);
  fs.appendFileSync(file, `\n${orders}\n`);
  fs.chmodSync(file, 0o755);
  fs.chmodSync(path.dirname(file), 0o755);
  return file;
}

const residentMb = (pid) =>
  Number(/^VmRSS:\s*(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;

describe('an agent that lies in its answers', { skip: noSandbox }, () => {
  let platform;
  let user;
  let agent;
  let memoryBefore;
  before(async () => {
    platform = await Platform.up({ settings: { 'cloud_os.runtime_path': runtimeWith('log=loud') } });
    user = platform.as('mallory');
    agent = await createAgent(user);
    await platform.warm();
    memoryBefore = residentMb(platform.child.pid);
  });
  after(() => platform?.stopAndLeaveNothing());

  const tell = async (lie) => {
    const stream = await user.chat({ agent_config_id: agent.id, message: lie ? `lie: ${lie}` : 'no lie' });
    assert.equal(stream.status, 200, `status of the chat that is told ${lie}`);
    const events = await stream.all();
    expectWhole(events);
    assert.ok(
      residentMb(platform.child.pid) < memoryBefore + kMemoryGrowthMb,
      `the platform grew to ${residentMb(platform.child.pid)} MB`,
    );
    return events;
  };

  test('one that tells no lie is served', async () => {
    assert.equal(textOf(await tell('')), 'well');
  });

  for (const lie of [
    'garbage',
    'close',
    'endless-head',
    'endless-interim',
    'endless-body',
    'two-lengths',
    'bad-chunks',
    'redirect',
    'error',
    'not-json',
    'endless-events',
    'endless-line',
    'endless-lines',
    'endless-unknown',
    'endless-history',
    'no-end',
  ]) {
    test(`${lie}: the run ends with an error in words`, async () => {
      const events = await tell(lie);
      const error = find(events, 'error');
      assert.ok(error, `an error in ${types(events)}`);
      assert.ok(error.content.length > 10, error.content);
      assert.doesNotMatch(error.content, /169\.254/);
    });
  }

  for (const lie of ['deep-json', 'bad-text', 'two-ends', 'bad-history', 'end-and-hang']) {
    test(`${lie}: what cannot be read is passed over, and the run ends once`, async () => {
      const events = await tell(lie);
      assert.equal(find(events, 'result').content, 'done');
      assert.doesNotMatch(textOf(events), /after the end/);
    });
  }

  test('an event that claims to be of another run is an event of its own run', async () => {
    const events = await tell('forged-end');
    assert.equal(new Set(events.map(({ run_id: run }) => run)).size, 1);
    assert.equal(textOf(events), 'forged');
    assert.notEqual(events[0].session_id, 'sess_other');
  });

  test('of the log of a sandbox that shouts the last part is kept', async () => {
    const cloudOs = platform.internal('cloud_os');
    const { vms } = (await cloudOs.get('/api/v1/vms')).json;
    for (const { vm_id: id } of vms.filter(({ status }) => status === 'running')) {
      const { text } = await cloudOs.get(`/api/v1/vms/${id}/logs`);
      assert.ok(text.length > 0 && text.length <= 2 << 20, `${text.length} bytes`);
    }
  });

  test('afterwards the platform serves as before', async () => {
    assert.equal(textOf(await tell('')), 'well');
  });
});

describe('a runtime that lies before it is used', { skip: noSandbox }, () => {
  for (const orders of [
    'health=garbage',
    'health=close',
    'health=silence',
    'health=endless-head',
    'health=endless-interim',
    'health=endless-body',
    'health=error',
  ]) {
    test(`${orders}: no sandbox is given out, the reason is said, nothing is left`, async (t) => {
      const settings = {
        'cloud_os.runtime_path': runtimeWith(orders),
        'pool.create_timeout': '3s',
        'pool.agent.warm': '1',
      };
      const platform = await Platform.up({ settings }, t);
      const user = platform.as('mallory');
      const agent = await createAgent(user);
      const answer = await user.post('/api/v1/agents/chat', {
        agent_config_id: agent.id,
        message: 'hello',
        stream: false,
      });
      assert.ok(answer.status >= 500, answer.text);
      assert.ok(answer.json.error.message.length > 10);
      assert.ok(residentMb(platform.child.pid) < kMemoryGrowthMb);
      await until('the platform to be ready still', () => platform.isReady());
      await platform.stopAndLeaveNothing();
    });
  }

  for (const orders of ['init=garbage', 'init=error', 'init=endless-body', 'init=not-json', 'init=silence']) {
    test(`${orders}: the conversation is told, or served all the same, and nothing is left`, async (t) => {
      const settings = { 'cloud_os.runtime_path': runtimeWith(orders), 'pool.agent.warm': '1' };
      const platform = await Platform.up({ settings }, t);
      const user = platform.as('mallory');
      const agent = await createAgent(user);
      const events = await user.chatAll({ agent_config_id: agent.id, message: 'no lie' });
      expectWhole(events);
      // Whether it was initialised is the runtime's own business as long as it serves.
      if (orders !== 'init=not-json') assert.ok(find(events, 'error'), types(events).join(' '));
      assert.ok(residentMb(platform.child.pid) < kMemoryGrowthMb);
      await platform.stopAndLeaveNothing();
    });
  }
});
