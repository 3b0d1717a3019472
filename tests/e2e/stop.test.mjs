// The ends of a platform: by SIGTERM and by kill -9, at good moments and bad ones. Nothing stays behind, and what
// survived is used again.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { createAgent, noSandbox, Platform, until } from './harness.mjs';
import { expectWhole, find } from './events.mjs';
import { processOf, uniqueSleep } from './traces.mjs';

const skip = noSandbox;

describe('the platform is stopped', { skip }, () => {
  test('SIGTERM with a run going on gives it its end, and leaves nothing', async (t) => {
    const platform = await Platform.up({ settings: { 'agent.drain_timeout': '200ms' } }, t);
    const user = platform.as('ada');
    const agent = await createAgent(user, { tools: ['bash_execute'] });
    const command = uniqueSleep();
    const stream = await user.chat({ agent_config_id: agent.id, message: `Run the command \`${command}\`` });
    let stopped;
    const { events, done } = await stream.collect(async ({ type }) => {
      if (type !== 'tool_use') return;
      await until('the command to run', () => processOf(command));
      stopped = platform.stopAndLeaveNothing();
    });
    await stopped;

    assert.ok(done, 'the reader is told of the end');
    expectWhole(events);
    assert.equal(find(events, 'error').metadata.code, 'interrupted');
    assert.equal(processOf(command), undefined);
  });

  test('SIGTERM while the pool fills leaves nothing', async (t) => {
    const platform = await Platform.up({ settings: { 'pool.agent.warm': '6' } }, t);
    await platform.stopAndLeaveNothing();
  });

  test('kill -9, a start and SIGTERM leave nothing', async (t) => {
    const platform = await Platform.up({ settings: { 'pool.agent.warm': '3' } }, t);
    await platform.warm();
    const user = platform.as('ada');
    const agent = await createAgent(user, { tools: ['bash_execute'] });
    await user.chatAll({ agent_config_id: agent.id, message: 'Run the command `echo hello`' });
    await platform.kill();
    await platform.start();
    await platform.stopAndLeaveNothing();
  });

  test('kill -9 while the pool fills, a start and SIGTERM leave nothing', async (t) => {
    const platform = await Platform.up({ settings: { 'pool.agent.warm': '6' } }, t);
    await platform.kill();
    await platform.start();
    await platform.warm();
    await platform.stopAndLeaveNothing();
  });

  test('warm sandboxes that survived kill -9 are used again instead of made anew', async (t) => {
    const platform = await Platform.up({ settings: { 'pool.agent.warm': '3' } }, t);
    await platform.warm();
    const names = async () =>
      (await platform.internal('cloud_os').get('/api/v1/vms')).json.vms.map(({ vm_id: id }) => id).sort();
    const old = await names();
    await platform.kill();
    await platform.start();
    await platform.warm();
    assert.deepEqual(await names(), old);
    await platform.stopAndLeaveNothing();
  });
});
