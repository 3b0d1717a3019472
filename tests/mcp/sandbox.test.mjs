// Agents that use MCP servers of npm: programs in their sandbox, and one at an address behind TLS and a secret.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { expectPaired, expectWhole, find, results, systemEvent } from '../e2e/events.mjs';
import { createAgent, Platform, run, temporaryFolder } from '../e2e/harness.mjs';
import { archive } from './files.mjs';
import { FarServer, putIntoSandbox, secret, servers, skip, skipInside } from './servers.mjs';

let platform;
let user;
let far;

before(async () => {
  if (skip) return;
  far = await FarServer.start(temporaryFolder());
  platform = await Platform.up({ settings: far.settings });
  user = platform.as('ada');
});
after(async () => {
  far?.stop();
  await platform?.stopAndLeaveNothing();
});

const call = (tool, args = {}) => `Call the tool ${tool} with ${JSON.stringify(args)}`;

// A session of this agent whose sandbox has the packages of npm.
async function sessionWithPackages(agent) {
  const first = await user.chatAll({ agent_config_id: agent.id, message: 'Run the command `mkdir -p shared`' });
  const session = first[0].session_id;
  const bytes = archive('@modelcontextprotocol/server-filesystem', '@modelcontextprotocol/server-everything');
  const written = await putIntoSandbox(platform, session, 'packages.tgz', bytes);
  assert.ok(written.status < 300, written.text);
  return { session, first };
}

test(
  'servers of npm run in the sandbox, from the turn on in which they can be started',
  { skip: skipInside },
  async () => {
    const agent = await createAgent(user, {
      tools: ['bash_execute', 'mcp:files/write_file', 'mcp:files/read_*', 'mcp:everything/echo', 'mcp:everything/get-*', 'mcp_list_resources', 'mcp_read_resource', 'mcp_get_prompt'],
      mcp_servers: servers,
    });
    const { session, first } = await sessionWithPackages(agent);
    const chat = (message) => user.chatAll({ agent_config_id: agent.id, session_id: session, message });

    // Not there yet: the turn goes on without them, and says so.
    const missing = systemEvent(first, 'mcp.unavailable');
    assert.match(missing.content, /The MCP server '(files|everything)' cannot be used in this turn: .*exit code 1.*Cannot find module/s);
    assert.equal(find(first, 'result').metadata.subtype, 'success');
    expectWhole(first);
    // Still not there when this turn begins.
    await chat('Run the command `tar xzf packages.tgz && ls node_modules`');

    const wrote = await chat(call('mcp__files__write_file', { path: '/workspace/shared/a.txt', content: 'by MCP' }));
    assert.equal(systemEvent(wrote, 'mcp.unavailable'), undefined);
    assert.equal(results(wrote)[0].metadata.is_error, false, results(wrote)[0].content);
    expectPaired(wrote);
    const read = await chat(call('mcp__files__read_text_file', { path: '/workspace/shared/a.txt' }));
    assert.match(results(read)[0].content, /by MCP/);
    const outside = await chat(call('mcp__files__read_text_file', { path: '/etc/passwd' }));
    assert.equal(results(outside)[0].metadata.is_error, true);

    const said = await chat(call('mcp__everything__echo', { message: 'across two processes' }));
    assert.match(results(said)[0].content, /across two processes/);
    const environment = await chat(call('mcp__everything__get-env'));
    assert.match(results(environment)[0].content, /of the config/);
    const resources = await chat(call('mcp_list_resources'));
    assert.match(results(resources)[0].content, /everything: resource demo:\/\//);
    const prompt = await chat(call('mcp_get_prompt', { name: 'simple-prompt' }));
    assert.match(results(prompt)[0].content, /user: /);

    // One process each, from turn to turn.
    const processes = await chat('Run the command `cat /proc/[0-9]*/cmdline | tr "\\0" " " | grep -o "server-[a-z]*/dist" | sort | uniq -c`');
    assert.match(JSON.parse(results(processes)[0].content).stdout, /^\s*1 server-everything\/dist\s*1 server-filesystem\/dist\s*$/);
  },
);

test('a tool that the allow-list does not name is neither shown nor run', { skip: skipInside }, async () => {
  const agent = await createAgent(user, { tools: ['bash_execute', 'mcp:files/read_text_file'], mcp_servers: servers });
  const { session } = await sessionWithPackages(agent);
  const chat = (message) => user.chatAll({ agent_config_id: agent.id, session_id: session, message });
  await chat('Run the command `tar xzf packages.tgz`');
  const events = await chat(call('mcp__files__write_file', { path: '/workspace/shared/b.txt', content: 'x' }));
  assert.equal(systemEvent(events, 'context.complete').metadata.tools_count, 2);
  assert.deepEqual(results(events), []); // The demo model was not offered it, and says so.
  assert.match(find(events, 'result').content, /was not offered/);
});

test('a server at an address is reached by TLS, with a secret that is never inside', { skip }, async () => {
  const set = await run(
    ['secrets', '--data-dir', platform.dataDir, '--user', 'ada', 'set', 'everything', '--host', 'mcp.test', '--header', 'Authorization: Bearer {}'],
    { input: `${secret}\n` },
  );
  assert.equal(set.status, 0, set.stderr);
  far.seen.length = 0;
  const agent = await createAgent(user, {
    tools: ['bash_execute', 'mcp:far/echo', 'mcp:far/trigger-long-running-operation'],
    mcp_servers: { far: { url: 'https://mcp.test/mcp', headers_secret: 'everything' } },
  });
  const events = await user.chatAll({ agent_config_id: agent.id, message: call('mcp__far__echo', { message: 'over there' }) });
  assert.equal(systemEvent(events, 'mcp.unavailable'), undefined);
  assert.match(results(events)[0].content, /over there/);
  const slow = await user.chatAll({
    agent_config_id: agent.id,
    session_id: events[0].session_id,
    message: call('mcp__far__trigger-long-running-operation', { duration: 4, steps: 8 }),
  });
  assert.match(results(slow)[0].content, /completed/i);
  const percents = slow.filter(({ type }) => type === 'progress').map(({ metadata }) => metadata.percent);
  assert.ok(percents.length > 0 && percents.every((percent, i) => percent > (percents[i - 1] ?? 0) && percent <= 100), String(percents));
  assert.ok(far.seen.length > 0 && far.seen.every(({ authorization }) => authorization === `Bearer ${secret}`));
  const environment = await user.chatAll({
    agent_config_id: agent.id,
    session_id: events[0].session_id,
    message: 'Run the command `env; cat /proc/*/environ`',
  });
  assert.doesNotMatch(JSON.stringify([events, slow, environment]) + platform.log(), new RegExp(secret));
  assert.equal((await run(['secrets', '--data-dir', platform.dataDir, '--user', 'ada', 'remove', 'everything'])).status, 0);
});

test('without the secret the chat goes on and says what to do', { skip }, async () => {
  const agent = await createAgent(user, {
    tools: ['mcp:far/*', 'get_current_time'],
    mcp_servers: { far: { url: 'https://mcp.test/mcp' } },
  });
  const events = await user.chatAll({ agent_config_id: agent.id, message: 'What is 6*7?' });
  assert.match(systemEvent(events, 'mcp.unavailable').content, /wants credentials: name a secret in `headers_secret`/);
  assert.match(find(events, 'result').content, /42/);
});

test('in cloud_shared there are no servers, and the chat says so', { skip }, async () => {
  const agent = await createAgent(user, { env: 'cloud_shared', tools: ['mcp:files/*'], mcp_servers: servers });
  const events = await user.chatAll({ agent_config_id: agent.id, message: 'What is 6*7?' });
  assert.deepEqual(systemEvent(events, 'tools.unavailable').metadata.tools, ['mcp:files/*']);
});

test('a config whose server cannot work is refused where it stands', { skip }, async () => {
  const refused = async (server) => {
    const answer = await user.post('/api/v1/agents/configs', { name: 'x', mcp_servers: { s: server } });
    assert.equal(answer.status, 422, answer.text);
    return answer.json.error.message;
  };
  assert.match(await refused({ url: 'https://127.0.0.1/mcp' }), /^\/mcp_servers\/s\/url: .*an IP address is not allowed/);
  assert.match(await refused({ url: 'http://mcp.test/', headers_secret: 'x' }), /needs https/);
  assert.match(await refused({ command: 'x', env: { LD_PRELOAD: 'y' } }), /LD_PRELOAD: variables of the dynamic linker/);
});
