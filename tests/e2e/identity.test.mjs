// Who asks, and who is believed: the order of identities, foreign hosts, and the trust in a plain header.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import {
  createAgent,
  defaults,
  internalSecret,
  noSandbox,
  Platform,
  run,
  setFlags,
  temporaryFolder,
} from './harness.mjs';
import { expectEnvelope, request } from './http.mjs';

const skip = noSandbox;
const roles = ['agent', 'pool', 'cloud_os', 'model'];

let platform;
let agent;
before(async () => {
  if (skip) return;
  platform = await Platform.up({ settings: { 'pool.agent.warm': '1' } });
  agent = await createAgent(platform.as('ada'));
});
after(() => platform?.stopAndLeaveNothing());

describe('who asks', { skip }, () => {
  const url = (target, role = 'agent') => platform.endpoints[role] + target;
  const list = (headers) => request(url('/api/v1/agents/configs'), { headers });

  test('the user header has two spellings, and they are one user', async () => {
    const upper = (await list({ 'X-User-Id': 'ada' })).json.agents.map(({ id }) => id);
    const lower = (await list({ 'user-id': 'ada' })).json.agents.map(({ id }) => id);
    assert.deepEqual(upper, lower);
    assert.ok(upper.includes(agent.id));
  });

  test('a wrong internal secret is refused, not taken for something else', async () => {
    for (const secret of ['', 'wrong', `${internalSecret} `, internalSecret.slice(0, -1)]) {
      const answer = await list({
        'X-Internal-Service': 'true',
        'X-Internal-Service-Secret': secret,
        'user-id': 'ada',
      });
      if (secret === `${internalSecret} `) continue; // HTTP strips the space: it is the right one.
      assert.equal(answer.status, 401, `'${secret}': ${answer.text}`);
    }
  });

  test('a user who calls himself internal-service is just a user of that name', async () => {
    const answer = await request(url(`/api/v1/agents/configs/${agent.id}`), {
      headers: { 'user-id': 'internal-service' },
    });
    assert.ok([401, 404].includes(answer.status), answer.text);
  });

  test('a token or a key is refused in words while no auth service is configured', async () => {
    for (const headers of [
      { Authorization: 'Bearer aaa.bbb.ccc' },
      { Authorization: 'Bearer isa_abc' },
      { 'X-API-Key': 'isa_abc' },
    ]) {
      const answer = await list({ ...headers, 'user-id': 'ada' });
      assert.equal(answer.status, 401, `${JSON.stringify(headers)}: ${answer.text}`);
      assert.match(answer.json.error.message, /no auth service/);
      assert.doesNotMatch(answer.text, /isa_abc|aaa\.bbb/);
    }
  });

  test('an answer of 401 says what would be accepted', async () => {
    const { json, headers } = await list({});
    assert.equal(json.error.code, 'unauthorized');
    assert.match(json.error.message, /user-id|X-User-Id/i);
    assert.ok(headers['www-authenticate'] === undefined || headers['www-authenticate'].length > 0);
  });

  test('a user id of nonsense is refused', async () => {
    for (const user of [' ', 'a'.repeat(1000)]) {
      const answer = await list({ 'user-id': user });
      assert.ok([400, 401, 422].includes(answer.status), `'${user.slice(0, 10)}': ${answer.status}`);
    }
  });

  test('a foreign Host is refused on every role: a web page cannot reach the platform by a name of its own', async () => {
    for (const role of roles) {
      const answer = await request(url('/health', role), {
        headers: { Host: 'evil.example', 'user-id': 'ada' },
      });
      assert.ok([403, 421].includes(answer.status), `${role}: ${answer.status}`);
    }
    for (const host of ['localhost', '127.0.0.1', '[::1]']) {
      const answer = await request(url('/health'), {
        headers: { Host: `${host}:${new URL(url('/')).port}` },
      });
      assert.equal(answer.status, 200, host);
    }
  });

  test('a foreign Origin is refused', async () => {
    const answer = await list({ Origin: 'https://evil.example', 'user-id': 'ada' });
    assert.equal(answer.status, 403, answer.text);
    assert.equal(
      (await list({ Origin: `http://localhost:${new URL(url('/')).port}`, 'user-id': 'ada' })).status,
      200,
    );
  });

  test('lists hold nothing of others', async () => {
    const configs = (await platform.as('carol').get('/api/v1/agents/configs')).json;
    assert.deepEqual(configs.agents, []);
    assert.deepEqual((await platform.as('carol').get('/api/v1/agents/sessions')).json.sessions, []);
  });

  test('a route that does not exist is a 404, and a wrong method a 405 that says the right ones', async () => {
    const ada = { 'user-id': 'ada' };
    const nowhere = await request(url('/api/v1/agents/nowhere/at/all'), { headers: ada });
    assert.equal(nowhere.status, 404);
    expectEnvelope(nowhere);
    const wrong = await request(url('/api/v1/agents/configs'), { method: 'PUT', headers: ada, body: {} });
    assert.equal(wrong.status, 405);
    assert.match(wrong.headers.allow, /GET/);
    assert.match(wrong.headers.allow, /POST/);
  });

  test('metrics are read on loopback, and name no user', async () => {
    const { status, text } = await request(url('/metrics'));
    assert.equal(status, 200);
    assert.match(text, /^# TYPE /m);
    assert.doesNotMatch(text, /\bada\b|agent_[0-9a-z]{26}/);
  });
});

describe('trust in the user header', () => {
  test('when it is off, the header is worth nothing and the secret still works', { skip }, async (t) => {
    const strict = await Platform.up(
      {
        settings: { 'auth.trust_user_header': 'false', 'pool.agent.warm': '0' },
      },
      t,
    );
    const refused = await strict.as('ada').get('/api/v1/agents/configs');
    assert.equal(refused.status, 401, refused.text);
    assert.match(refused.json.error.message, /auth\.trust_user_header|trust/);
    assert.equal((await strict.internal().get('/api/v1/agents/configs')).status, 200);
    await strict.stopAndLeaveNothing();
  });

  test('with it on, an address that is not loopback is refused, and the reason is said', async () => {
    const dataDir = path.join(temporaryFolder(), 'd');
    for (const [role, address] of [
      ['agent', '0.0.0.0:0'],
      ['pool', '[::]:0'],
      ['cloud_os', '0.0.0.0:0'],
      ['model', '0.0.0.0:0'],
    ]) {
      const { status, stderr } = await run([
        'up',
        '--data-dir',
        dataDir,
        ...setFlags({ ...defaults, [`${role}.listen`]: address }),
      ]);
      assert.ok(status > 0, `${role}: ${status}`);
      assert.match(stderr, /trust_user_header/, `${role}: ${stderr}`);
      assert.match(stderr, /loopback|127\.0\.0\.1/, stderr);
      assert.match(
        stderr,
        new RegExp(`${role}\\.listen|${address.replace(/[[\].]/g, '\\$&').slice(0, -2)}`),
        stderr,
      );
    }
  });

  test('with it off, every address may be bound', { skip }, async (t) => {
    const open = await Platform.up(
      {
        settings: { 'auth.trust_user_header': 'false', 'agent.listen': '0.0.0.0:0', 'pool.agent.warm': '0' },
      },
      t,
    );
    const port = new URL(open.endpoints.agent).port;
    assert.equal((await request(`http://127.0.0.1:${port}/health`)).status, 200);
    assert.equal(
      (await request(`http://127.0.0.1:${port}/api/v1/agents/configs`, { headers: { 'user-id': 'ada' } }))
        .status,
      401,
    );
    await open.stopAndLeaveNothing();
  });
});
