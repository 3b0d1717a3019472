// What people and machines get wrong: each gets an answer that says what, and the platform goes on as before.
// Machines that are wrong are in bad_machine.test.mjs.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, afterEach, before, describe, test } from 'node:test';

import { createAgent, noSandbox, Platform } from './harness.mjs';
import { request } from './http.mjs';

const skip = noSandbox;

let platform;
let user;
let agent;
before(async () => {
  if (skip) return;
  platform = await Platform.up({ settings: { 'pool.agent.warm': '1' } });
  user = platform.as('ada');
  agent = await createAgent(user);
});
after(() => platform?.stopAndLeaveNothing());

const configs = '/api/v1/agents/configs';
const chat = '/api/v1/agents/chat';
const say = (more) => ({ agent_config_id: agent.id, message: 'What is 2+2?', stream: false, ...more });

// The one who asked can see from the message what was wrong: every word of `words` is in it.
function expectError({ status, json, text }, expected, ...words) {
  assert.equal(status, expected, text);
  for (const word of words)
    assert.match(
      json.error.message,
      word instanceof RegExp ? word : new RegExp(word.replace(/[/.*$]/g, '\\$&')),
    );
}

describe('a body that is wrong', { skip }, () => {
  // Whatever came before: nothing was lost, and a chat still works.
  afterEach(async () => {
    const answer = await user.post(chat, say());
    assert.equal(answer.status, 200, answer.text);
    assert.equal((await user.get(`${configs}/${agent.id}`)).json.name, agent.name);
  });

  test('malformed JSON is a 400 that says where', async () => {
    for (const body of [
      '{"name": ',
      '{"name":"x",}',
      'name=x',
      '',
      '{"a":1}{"b":2}',
      '\u0000',
      `${'['.repeat(5000)}`,
    ]) {
      expectError(await user.post(configs, body), 400, /JSON|body|nest|deep/i);
    }
  });

  test('bytes that are no UTF-8 are a 400', async () => {
    expectError(await user.post(configs, Buffer.from('{"name":"\xff\xfe"}', 'latin1')), 400, /UTF-8|JSON/i);
  });

  test('a key that comes twice is refused', async () => {
    const answer = await user.post(configs, '{"name":"a","name":"b"}');
    assert.ok([400, 422].includes(answer.status), answer.text);
    assert.match(answer.json.error.message, /name/);
  });

  test('an unknown field is a 422 that names it', async () => {
    const answer = await user.post(configs, { name: 'x', colour: 'red' });
    expectError(answer, 422, 'colour');
    assert.equal(answer.json.error.param, '/colour');
    expectError(await user.patch(`${configs}/${agent.id}`, { nmae: 'x' }), 422, 'nmae');
    expectError(await user.post(chat, say({ temprature: 1 })), 422, 'temprature');
  });

  test('a field of the wrong type is a 422 with its JSON pointer and what was expected', async () => {
    for (const [body, param, word] of [
      [{ name: 5 }, '/name', 'string'],
      [{ name: 'x', tools: 'bash_execute' }, '/tools', 'array'],
      [{ name: 'x', tools: ['read_file', 7] }, '/tools/1', 'string'],
      [{ name: 'x', limits: { max_turns: 'many' } }, '/limits/max_turns', 'integer'],
      [{ name: 'x', mode: 'EAGER' }, '/mode', 'REACTIVE'],
      [{ name: 'x', env: 'moon' }, '/env', 'cloud_pool'],
      [{ name: 'x', metadata: { multi_agent_id: 5 } }, '/metadata/multi_agent_id', 'string'],
      [[], '', 'object'],
    ]) {
      const answer = await user.post(configs, body);
      expectError(answer, 422, word);
      assert.equal(answer.json.error.param ?? '', param, answer.text);
    }
  });

  test('a name that can never mean anything is a 422 that names it', async () => {
    for (const [body, param, word] of [
      [{ tools: ['mcp:none/*'] }, '/tools/0', 'mcp:none/*'],
      [{ approvals: [{ match: 'nonexistent_tool' }] }, '/approvals/0/match', 'nonexistent_tool'],
      [{ approvals: [{ match: 'mcp:none/*' }] }, '/approvals/0/match', 'mcp:none/*'],
      [{ metadata: { multi_agent_id: 'multi_nope' } }, '/metadata/multi_agent_id', 'multi_nope'],
    ]) {
      const answer = await user.post(configs, { name: 'x', ...body });
      expectError(answer, 422, word);
      assert.equal(answer.json.error.param, param, answer.text);
    }
    const ad_hoc = await user.post(chat, { message: 'hi', env: 'deployment' });
    expectError(ad_hoc, 422, 'deployment');
    assert.equal(ad_hoc.json.error.param, '/env');
  });

  test('a required field that is missing, empty or null is named', async () => {
    expectError(await user.post(configs, {}), 422, 'name');
    expectError(await user.post(configs, { name: '' }), 422, 'name');
    expectError(await user.post(configs, { name: 'x'.repeat(121) }), 422, 'name', '120');
    expectError(await user.patch(`${configs}/${agent.id}`, { name: null }), 422, 'name');
    expectError(await user.post(chat, { agent_config_id: agent.id }), 422, 'message');
    expectError(await user.post(chat, say({ message: '' })), 422, 'message');
  });

  test('messages instead of message is a 422 that says which it should be', async () => {
    const answer = await user.post(chat, {
      agent_config_id: agent.id,
      messages: [{ role: 'user', content: 'hi' }],
      stream: false,
    });
    expectError(answer, 422, /\bmessages\b/, /\bmessage\b/);
  });

  test('an unknown template is a 404 of its own code', async () => {
    const answer = await user.post(configs, {
      name: 'x',
      template_id: 'no-such-template',
      source: 'template',
    });
    expectError(answer, 404, 'no-such-template');
    assert.equal(answer.json.error.code, 'template_not_found');
    expectError(await user.post(configs, { name: 'x', source: 'template' }), 422, 'template_id');
  });

  test('an unknown tool is a 422 that names it', async () => {
    const answer = await user.post(configs, { name: 'x', tools: ['read_file', 'make_coffee'] });
    expectError(answer, 422, 'make_coffee');
    assert.equal(answer.json.error.param, '/tools/1');
  });

  test('an unknown model is said to be unknown, at once', async () => {
    const odd = await createAgent(user, { model_id: 'builtin/no-such-model' });
    const answer = await user.post(chat, { agent_config_id: odd.id, message: 'hi', stream: false });
    assert.ok([404, 422, 424].includes(answer.status), answer.text);
    assert.equal(answer.json.error.code, 'model_not_found');
    assert.match(answer.json.error.message, /builtin\/no-such-model/);
  });

  test('a model whose provider has no key is a 424 that names the setting, streamed or not, and at once', async () => {
    const began = Date.now();
    for (const [model, setting] of [
      ['gpt-4o-mini', /model\.openai\.api_key|OPENAI_API_KEY/],
      ['claude-sonnet-4-5-20250929', /model\.anthropic\.api_key|ANTHROPIC_API_KEY/],
    ]) {
      const real = await createAgent(user, { model_id: model });
      for (const stream of [false, true]) {
        const answer = await user.post(chat, { agent_config_id: real.id, message: 'hi', stream });
        expectError(answer, 424, setting);
        assert.equal(answer.json.error.code, 'model_not_configured');
      }
    }
    assert.ok(Date.now() - began < 5000, 'it did not wait for anything');
  });

  test('the id of somebody else is a 404, like one that never was', async () => {
    const bob = platform.as('bob');
    const foreign = await bob.post(chat, say());
    const never = await bob.post(chat, say({ agent_config_id: 'agent_00000000000000000000000000' }));
    expectError(foreign, 404);
    expectError(never, 404);
    assert.equal(
      foreign.json.error.message.replace(agent.id, 'X'),
      never.json.error.message.replace(/agent_0+/, 'X'),
    );
  });

  test('ids of strange letters are a 404, and touch nothing', async () => {
    for (const id of ['..%2f..%2fetc', '%00', 'a%20b', 'x'.repeat(500), "'; drop table agents; --"].map(
      encodeURI,
    )) {
      const answer = await user.get(`${configs}/${id}`);
      assert.ok([400, 404, 422].includes(answer.status), `${id}: ${answer.status}`);
    }
  });

  test('a body over its limit is a 413 before it is read', async () => {
    const answer = await user
      .post(configs, { name: 'x', system_prompt: 'y'.repeat(2 << 20) })
      .catch((error) => error);
    if (answer instanceof Error) return assert.match(answer.code, /EPIPE|ECONNRESET/); // The answer crossed our bytes.
    expectError(answer, 413, /bytes|large/);
  });

  test('a prompt over its limit is a 422 that says the limit', async () => {
    expectError(
      await user.post(configs, { name: 'x', system_prompt: 'y'.repeat(100_001) }),
      422,
      'system_prompt',
      /100.?000/,
    );
  });

  test('a list asks for no more than it may', async () => {
    for (const limit of ['0', '201', 'many'])
      expectError(await user.get(`${configs}?limit=${limit}`), 422, 'limit');
    expectError(await user.get(`${configs}?cursor=nonsense`), 422, 'cursor');
  });

  test('a form is not JSON', async () => {
    const answer = await request(platform.endpoints.agent + configs, {
      method: 'POST',
      headers: { 'user-id': 'ada', 'Content-Type': 'text/html' },
      body: '<b>',
    });
    assert.ok([400, 415].includes(answer.status), answer.text);
  });
});

describe('bytes that are no request', { skip }, () => {
  // Sends bytes, optionally ends its side, and gives back all that came until the server closed.
  const exchange = (bytes, { end = false } = {}) =>
    new Promise((resolve, reject) => {
      const { hostname, port } = new URL(platform.endpoints.agent);
      const socket = net.connect(Number(port), hostname, () =>
        end ? socket.end(bytes) : socket.write(bytes),
      );
      let text = '';
      socket.setEncoding('latin1').on('data', (more) => (text += more));
      socket.on('error', (error) => (error.code === 'ECONNRESET' ? resolve(text) : reject(error)));
      socket.on('close', () => resolve(text));
      socket.setTimeout(20_000, () =>
        socket.destroy(new Error(`the server neither answered nor closed: ${text}`)),
      );
    });
  const serves = async () => assert.equal((await user.get(`${configs}/${agent.id}`)).status, 200);

  test('half a request line, then nothing: the connection is closed', async () => {
    await exchange('GET /heal', { end: true });
    await serves();
  });

  test('half a body, then nothing: nothing is created', async () => {
    const before = (await user.get(configs)).json.agents.length;
    await exchange(
      `POST ${configs} HTTP/1.1\r\nHost: localhost\r\nuser-id: ada\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"name":"half`,
      { end: true },
    );
    assert.equal((await user.get(configs)).json.agents.length, before);
  });

  test('what is no HTTP is answered 400', async () => {
    for (const bytes of ['hello\r\n\r\n', '\x16\x03\x01\x02\x00\x01\x00', 'GET / HTTP/9.9\r\n\r\n']) {
      assert.match(await exchange(bytes, { end: true }), /^(HTTP\/1\.1 (400|505)|$)/, JSON.stringify(bytes));
    }
    await serves();
  });

  test('headers over their limit are answered 431', async () => {
    assert.match(
      await exchange(`GET /health HTTP/1.1\r\nHost: localhost\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`),
      /^HTTP\/1\.1 431/,
    );
    await serves();
  });

  test('a body of two lengths is refused: nobody may smuggle a second request', async () => {
    const head = `POST ${configs} HTTP/1.1\r\nHost: localhost\r\nuser-id: ada\r\n`;
    assert.match(
      await exchange(`${head}Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}`, { end: true }),
      /^HTTP\/1\.1 400/,
    );
    assert.match(
      await exchange(`${head}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, {
        end: true,
      }),
      /^HTTP\/1\.1 400/,
    );
    await serves();
  });

  test('a request without Host is refused', async () => {
    assert.match(await exchange('GET /health HTTP/1.1\r\n\r\n', { end: true }), /^HTTP\/1\.1 4(00|03|21)/);
  });
});
