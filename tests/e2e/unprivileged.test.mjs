// The platform as it runs for somebody who is not root and to whom no control groups were given: the same service, the
// same isolation, the same cleanliness; only what the host cannot enforce is said to be missing.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { expectWhole, find, results, systemEvent } from './events.mjs';
import { createAgent, isRoot, noSandbox, ordinaryPlatform, until } from './harness.mjs';
import { processOf, uniqueSleep } from './traces.mjs';

const skip = noSandbox || (!isRoot && 'the other tests run unprivileged already');

let platform;
let agent;
before(async () => {
  if (skip) return;
  platform = await ordinaryPlatform().start();
  await platform.warm();
  agent = await createAgent(platform.as('ada'), { tools: ['bash_execute', 'write_file'] });
});
after(() => platform?.stopAndLeaveNothing());

const chat = (message, more) => platform.as('ada').chatAll({ agent_config_id: agent.id, message, ...more });

test('an agent writes a file and runs a command, in a sandbox', { skip }, async () => {
  const events = await chat('Write "echo $((6*7))" to a.sh, then run the command `sh a.sh; id -u`');
  expectWhole(events);
  assert.match(results(events)[1].content, /42/);
  assert.doesNotMatch(results(events)[1].content, /65534/);
});

test('limits that nobody enforces are not pretended', { skip }, async () => {
  const { vms } = (await platform.internal('cloud_os').get('/api/v1/vms')).json;
  assert.ok(vms.length > 0);
  for (const { limits_enforced: enforced, isolation } of vms) {
    assert.equal(enforced.memory_mb, false);
    assert.match(isolation, /namespaces/);
  }
});

test('a session outlives kill -9 of the platform', { skip }, async () => {
  const first = await chat('Write "kept" to kept.txt');
  await platform.kill();
  await platform.start();
  const next = await chat('Run the command `cat kept.txt`', { session_id: first[0].session_id });
  assert.match(results(next)[0].content, /kept/);
  const instance = (events) => systemEvent(events, 'sandbox.acquired').metadata.instance_id;
  assert.equal(instance(next), instance(first));
});

test('cancelling ends a command and all that it started', { skip }, async () => {
  const command = uniqueSleep();
  const user = platform.as('ada');
  const message = `Run the command \`(setsid ${command} &) ; ${command}0\``;
  const stream = await user.chat({ agent_config_id: agent.id, message });
  const { events } = await stream.collect(async ({ type, run_id: run }) => {
    if (type !== 'tool_use') return;
    await until('both commands to run', () => processOf(command) && processOf(`${command}0`));
    await user.post(`/api/v1/agents/runs/${run}/cancel`);
  });
  assert.equal(find(events, 'result').metadata.subtype, 'interrupted');
  await until('the command to be gone', () => !processOf(`${command}0`));
  // What left its process group is gone with the session's sandbox at the latest.
  assert.equal((await user.delete(`/api/v1/agents/sessions/${events[0].session_id}`)).status, 200);
  await until('what it started to be gone', () => !processOf(command));
});
