// MCP servers of npm, used by models that speak real dialects: as a program in the sandbox, and at an address through the
// broker. What a server says of its tools reaches each provider as that wants it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { createAgent, Platform, run, temporaryFolder } from '../e2e/harness.mjs';
import { expectPaired, expectWhole, results, systemEvent, textOf } from '../e2e/events.mjs';
import { archive } from '../mcp/files.mjs';
import { FarServer, putIntoSandbox, secret, servers, skip, skipInside } from '../mcp/servers.mjs';
import { upstreamSettings } from './platform.mjs';
import { calls, dialects, lastRequest, requestsWith, says, startScripted } from './script.mjs';

const scripts = {
  'good morning': [says('Good morning.')],
  'unpack it': [calls(['bash_execute', { command: 'tar xzf packages.tgz' }]), () => says('Unpacked.')],
  'echo inside': [
    calls(['mcp__everything__echo', { message: 'from inside "ü" 🙂' }], ['mcp__everything__get-sum', { a: 40, b: 2 }]),
    (all) => says(all.join(' and ')),
  ],
  'something forbidden': [calls(['mcp__everything__get-env']), ([refused]) => says(refused)],
  'echo over there': [calls(['mcp__far__echo', { message: 'over there' }]), ([echoed]) => says(echoed)],
  'sum of nonsense': [calls(['mcp__far__get-sum', { a: 'x' }]), ([error]) => calls(['mcp__far__get-sum', { a: 1, b: 2 }]), (all) => says(all[1])],
};
const tools = (request) => request.tools.map((tool) => tool.function ?? { ...tool, parameters: tool.input_schema });

let mock, far, platform, ada;
before(async () => {
  if (skip) return;
  mock = await startScripted(scripts);
  far = await FarServer.start(temporaryFolder());
  platform = await Platform.up({ settings: { ...upstreamSettings(mock), ...far.settings } });
  ada = platform.as('ada');
  const set = ['secrets', '--data-dir', platform.dataDir, '--user', 'ada', 'set', 'everything'];
  const { status, stderr } = await run([...set, '--host', 'mcp.test', '--header', 'Authorization: Bearer {}'], { input: `${secret}\n` });
  assert.equal(status, 0, stderr);
});
after(async () => {
  far?.stop();
  await platform?.stopAndLeaveNothing();
  await mock?.stop();
});

function conversation(agent) {
  let session_id;
  return async (message) => {
    const events = await ada.chatAll({ agent_config_id: agent.id, session_id, message });
    session_id = events[0].session_id;
    expectWhole(events);
    expectPaired(events);
    return events;
  };
}

for (const [dialect, model_id] of Object.entries(dialects)) {
  test(`${dialect}: a server that runs in the sandbox`, { skip: skipInside }, async () => {
    const agent = await createAgent(ada, {
      model_id,
      tools: ['bash_execute', 'mcp:everything/echo', 'mcp:everything/get-sum'],
      mcp_servers: { everything: servers.everything },
    });
    const say = conversation(agent);
    const [{ session_id: session }] = await say('good morning');
    const put = await putIntoSandbox(platform, session, 'packages.tgz', archive('@modelcontextprotocol/server-everything'));
    assert.ok(put.status < 300, put.text);
    await say('unpack it');

    const events = await say('echo inside');
    assert.equal(systemEvent(events, 'mcp.unavailable'), undefined);
    assert.match(textOf(events), /from inside "ü" 🙂 and .*\b42\b/);
    const shown = tools(lastRequest(mock)).filter(({ name }) => name.startsWith('mcp__'));
    assert.deepEqual(shown.map(({ name }) => name).sort(), ['mcp__everything__echo', 'mcp__everything__get-sum']);
    assert.deepEqual(Object.keys(shown.find(({ name }) => name.endsWith('sum')).parameters.properties), ['a', 'b']);

    const refused = await say('something forbidden');
    assert.equal(results(refused)[0].metadata.is_error, true);
    assert.equal(requestsWith(mock, 'of the config').length, 0);
  });

  test(`${dialect}: a server at an address, whose token no model and no sandbox sees`, { skip }, async () => {
    const agent = await createAgent(ada, {
      model_id,
      tools: ['mcp:far/echo', 'mcp:far/get-sum'],
      mcp_servers: { far: { url: 'https://mcp.test/mcp', headers_secret: 'everything' } },
    });
    const say = conversation(agent);
    const events = await say('echo over there');
    assert.match(textOf(events), /over there/);
    const mended = await say('sum of nonsense');
    assert.deepEqual(results(mended).map(({ metadata }) => metadata.is_error), [true, false]);
    assert.match(textOf(mended), /\b3\b/);
    assert.ok(far.seen.every(({ authorization }) => authorization === `Bearer ${secret}`));
    assert.equal(requestsWith(mock, secret).length, 0);
  });

  test(`${dialect}: a call of a server waits for a person, and is edited`, { skip }, async () => {
    const agent = await createAgent(ada, {
      model_id,
      mode: 'COLLABORATIVE',
      tools: ['mcp:far/echo', 'mcp:far/get-sum'],
      approvals: [{ match: 'mcp:far/echo' }],
      mcp_servers: { far: { url: 'https://mcp.test/mcp', headers_secret: 'everything' } },
    });
    const stream = await ada.chat({ agent_config_id: agent.id, message: 'echo over there' });
    const seen = await stream.takeUntil(({ type }) => type === 'hil_request');
    const { metadata, run_id: run } = seen.at(-1);
    assert.match(seen.at(-1).content, /mcp:far\/echo/);
    const edit = { decision: 'edit', args: { message: 'over here' } };
    const decided = await ada.post(`/api/v1/agents/runs/${run}/approvals/${metadata.request_id}`, edit);
    assert.equal(decided.status, 200, decided.text);
    const events = await (await ada.events(run)).all();
    expectWhole(events);
    expectPaired(events);
    assert.match(textOf(events), /over here/);
    // What no rule names does not wait.
    const free = await ada.chatAll({ agent_config_id: agent.id, message: 'sum of nonsense' });
    assert.match(textOf(free), /\b3\b/);
  });

  test(`${dialect}: in cloud_shared neither is there, and the model is not shown them`, { skip }, async () => {
    const agent = await createAgent(ada, {
      model_id,
      env: 'cloud_shared',
      tools: ['mcp:everything/*', 'mcp:far/*', 'get_current_time'],
      mcp_servers: { everything: servers.everything, far: { url: 'https://mcp.test/mcp', headers_secret: 'everything' } },
    });
    const events = await conversation(agent)('echo over there');
    assert.deepEqual(systemEvent(events, 'tools.unavailable').metadata.tools, ['mcp:everything/*', 'mcp:far/*']);
    assert.equal(results(events)[0].metadata.is_error, true);
    assert.deepEqual(tools(lastRequest(mock)).map(({ name }) => name), ['get_current_time']);
  });
}
