// Every route of every role x {nobody, its owner, another user, another role of the platform}.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { createAgent, internalSecret, noSandbox, Platform } from './harness.mjs';
import { expectEnvelope, request } from './http.mjs';

const skip = noSandbox;
const internal = { 'X-Internal-Service': 'true', 'X-Internal-Service-Secret': internalSecret };
const callers = { nobody: {}, owner: { 'user-id': 'ada' }, other: { 'user-id': 'bob' }, internal };

let platform;
const ids = {};
before(async () => {
  if (skip) return;
  platform = await Platform.up();
  await platform.warm(1);
  await makeThings();
});
after(() => platform?.stopAndLeaveNothing());

// What the routes are asked about: an agent, a session and a run of ada, and a sandbox.
async function makeThings() {
  const ada = platform.as('ada');
  ids.agent = (await createAgent(ada)).id;
  const answer = (
    await ada.post('/api/v1/agents/chat', {
      agent_config_id: ids.agent,
      message: 'What is 2+2?',
      stream: false,
    })
  ).json;
  ids.session = answer.session_id;
  ids.run = answer.run_id;
  ids.vm = (await platform.as('ada', 'cloud_os').post('/api/v1/vms', {})).json.vm_id;
  const held = await acquire();
  ids.instance = held.instance_id;
  ids.token = held.lease.fencing_token;
  const made = await ada.post('/api/v1/agents/templates', { id: 'adas', name: "Ada's", system_prompt: 'x' });
  ids.template = made.json?.id ?? 'adas';
}

const acquire = async () =>
  (
    await platform
      .as('ada', 'pool')
      .post('/api/v1/pools/agent/acquire', { session_id: `by-hand-${Math.random()}` })
  ).json;

// Fills the {names} of a path: things that exist, and `new_` ones that are made for this one request.
async function fill(route) {
  const ada = platform.as('ada');
  const make = {
    new_agent: async () => (await createAgent(ada, { name: 'To be deleted' })).id,
    new_instance: async () => (await acquire()).instance_id,
    new_session: async () =>
      (await ada.post('/api/v1/agents/sessions', { agent_config_id: ids.agent })).json.id,
  };
  const name = /\{(\w+)\}/.exec(route)?.[1];
  return name ? route.replace(`{${name}}`, ids[name] ?? (await make[name]())) : route;
}

// Who gets what. `all`: the same for everybody; else by caller, in the order of `callers`.
const open = [200, 200, 200, 200];
const mine = [401, 200, 404, 200]; // A thing of ada: to bob it does not exist; the platform sees everything.
const anybody = [401, 200, 200, 200]; // Whoever says who they are.
const nowhere = [401, 404, 404, 404];
const rolesOnly = (answer) => [401, 403, 403, answer];

// A body that is a function is made anew for each caller. An answer that may be one of several is a list.
const table = {
  agent: [
    ['GET', '/health', open],
    ['GET', '/ready', open],
    ['GET', '/api/v1/agents/templates', open],
    ['GET', '/api/v1/agents/templates/researcher', open],
    ['GET', '/api/v1/agents/configs', anybody],
    ['POST', '/api/v1/agents/configs', anybody, { name: 'New', model_id: 'builtin/demo' }],
    ['GET', '/api/v1/agents/configs/{agent}', mine],
    ['PATCH', '/api/v1/agents/configs/{agent}', mine, { description: 'changed' }],
    ['GET', '/api/v1/agents/configs/{agent}/versions', mine],
    ['GET', '/api/v1/agents/configs/{agent}/versions/1', mine],
    ['POST', '/api/v1/agents/configs/{agent}/rollback', mine, { version: 1 }],
    ['DELETE', '/api/v1/agents/configs/{new_agent}', mine],
    [
      'POST',
      '/api/v1/agents/chat',
      mine,
      () => ({ agent_config_id: ids.agent, message: 'What is 2+2?', stream: false }),
    ],
    ['POST', '/query', anybody, { prompt: 'What is 2+2?' }],
    ['GET', '/api/v1/agents/sessions', anybody],
    ['POST', '/api/v1/agents/sessions', mine, () => ({ agent_config_id: ids.agent })],
    ['GET', '/api/v1/agents/sessions/{session}', mine],
    ['GET', '/api/v1/agents/sessions/{session}/messages', mine],
    ['DELETE', '/api/v1/agents/sessions/{new_session}', mine],
    ['GET', '/api/v1/agents/runs/{run}', mine],
    ['GET', '/api/v1/agents/runs/{run}/events', mine],
    ['POST', '/api/v1/agents/runs/{run}/cancel', [401, [200, 202, 409], 404, [200, 202, 409]]],
    [
      'POST',
      '/api/v1/agents/templates',
      [401, ...Array(3).fill([200, 201, 409])],
      { id: 'some-template', name: 'T', system_prompt: 'x' },
    ],
    ['PUT', '/api/v1/agents/templates/{template}', mine, { name: "Ada's again", system_prompt: 'y' }],
    ['DELETE', '/api/v1/agents/templates/researcher', [401, ...Array(3).fill([403, 404, 409])]],
  ],
  pool: [
    ['GET', '/health', open],
    ['GET', '/ready', open],
    ['GET', '/api/v1/pools/agent/stats', open],
    [
      'POST',
      '/api/v1/pools/agent/acquire',
      [401, 200, 403, 200],
      () => ({ session_id: `s-${Math.random()}`, user_id: 'ada' }),
    ],
    ['GET', '/api/v1/pools/agent/instances', anybody],
    ['GET', '/api/v1/pools/agent/{instance}', mine],
    [
      'POST',
      '/api/v1/pools/agent/{instance}/execute',
      mine,
      () => ({ action: 'query', params: { prompt: 'What is 2+2?' }, fencing_token: ids.token }),
    ],
    [
      'POST',
      '/api/v1/pools/agent/{instance}/stream',
      mine,
      () => ({ prompt: 'What is 2+2?', fencing_token: ids.token }),
    ],
    ['POST', '/api/v1/pools/agent/{instance}/renew', mine, () => ({ fencing_token: ids.token })],
    ['POST', '/api/v1/pools/agent/{new_instance}/release', mine],
    ['DELETE', '/api/v1/pools/agent/{new_instance}', mine],
    ['GET', '/api/v1/pools/agent/inst_none', nowhere],
    ['POST', '/api/v1/pools/agent/inst_none/renew', nowhere, { fencing_token: 1 }],
  ],
  cloud_os: [
    ['GET', '/health', open],
    ['GET', '/ready', open],
    ['GET', '/api/v1/vms', anybody],
    ['POST', '/api/v1/vms', [401, 422, 422, 422], { limits: { cpu_count: 99 } }],
    ['GET', '/api/v1/vms/{vm}', mine],
    ['GET', '/api/v1/vms/{vm}/status', mine],
    ['GET', '/api/v1/vms/{vm}/logs', mine],
    ['POST', '/api/v1/vms/{vm}/stop', mine],
    ['POST', '/api/v1/vms/{vm}/start', mine],
    ['POST', '/api/v1/vms/{vm}/exec', mine, { command: 'true' }],
    ['POST', '/api/v1/vms/{vm}/pause', mine],
    ['POST', '/api/v1/vms/{vm}/resume', mine],
    [
      'PUT',
      '/api/v1/vms/vm_none/binding',
      rolesOnly(404),
      { lease_id: 'l', user_id: 'ada', session_id: 's' },
    ],
    ['GET', '/api/v1/vms/vm_none', nowhere],
    ['POST', '/api/v1/vms/vm_none/start', nowhere],
  ],
  model: [
    ['GET', '/health', open],
    ['GET', '/ready', open],
    ['GET', '/v1/models', anybody],
    ['GET', '/v1/models/builtin/demo', anybody],
    [
      'POST',
      '/v1/chat/completions',
      anybody,
      { model: 'builtin/demo', messages: [{ role: 'user', content: 'What is 2+2?' }] },
    ],
    [
      'POST',
      '/v1/messages',
      anybody,
      { model: 'builtin/demo', max_tokens: 100, messages: [{ role: 'user', content: 'What is 2+2?' }] },
    ],
  ],
};

for (const [role, routes] of Object.entries(table)) {
  describe(`routes of ${role}`, { skip }, () => {
    for (const [method, route, answers, body] of routes) {
      test(`${method} ${route} answers each caller as it should`, async () => {
        for (const [index, [caller, headers]] of Object.entries(callers).entries()) {
          const target = await fill(route);
          const answer = await request(platform.endpoints[role] + target, {
            method,
            headers,
            body: typeof body === 'function' ? body() : body,
          });
          const expected = [answers[index]].flat();
          assert.ok(
            expected.includes(answer.status),
            `${method} ${target} as ${caller}: ${answer.status}, not ${expected}: ${answer.text.slice(0, 300)}`,
          );
          if (answer.status >= 400) expectEnvelope(answer);
        }
      });
    }
  });
}

test('a session of somebody else cannot be continued', { skip }, async () => {
  const bobs = await createAgent(platform.as('bob'));
  for (const agent of [bobs.id, undefined]) {
    const answer = await platform.as('bob').post('/api/v1/agents/chat', {
      session_id: ids.session,
      agent_config_id: agent,
      message: 'What is 2+2?',
      stream: false,
    });
    assert.equal(answer.status, 404, answer.text);
  }
});

test("a list of instances or sandboxes holds what is one's own", { skip }, async () => {
  const instances = async (client) =>
    (await client.get('/api/v1/pools/agent/instances')).json.instances.map((one) => one.instance_id);
  assert.ok((await instances(platform.as('ada', 'pool'))).includes(ids.instance));
  assert.deepEqual(await instances(platform.as('bob', 'pool')), []);
  assert.ok((await instances(platform.internal('pool'))).includes(ids.instance));

  const vms = async (client) => (await client.get('/api/v1/vms')).json.vms.map((one) => one.vm_id);
  assert.ok((await vms(platform.as('ada', 'cloud_os'))).includes(ids.vm));
  assert.deepEqual(await vms(platform.as('bob', 'cloud_os')), []);
});

test('a sandbox of somebody else is not deleted, though the answer does not tell', { skip }, async () => {
  const ada = platform.as('ada', 'cloud_os');
  const path = `/api/v1/vms/${ids.vm}`;
  assert.equal((await platform.as('bob', 'cloud_os').delete(path)).status, 200);
  assert.equal((await ada.get(path)).json.status, 'running');
  assert.equal((await ada.delete(path)).status, 200);
  assert.equal((await ada.get(path)).status, 404);
});

test(
  'a sandbox cannot be made, nor an instance acquired, in the name of somebody else',
  { skip },
  async () => {
    assert.equal((await platform.as('bob', 'cloud_os').post('/api/v1/vms', { user_id: 'ada' })).status, 403);
    const body = { session_id: 's', user_id: 'ada' };
    assert.equal((await platform.as('bob', 'pool').post('/api/v1/pools/agent/acquire', body)).status, 403);
  },
);

test('an old fencing token is refused', { skip }, async () => {
  const ada = platform.as('ada', 'pool');
  const stale = await ada.post(`/api/v1/pools/agent/${ids.instance}/release`, {
    fencing_token: ids.token - 1,
  });
  assert.equal(stale.status, 409, stale.text);
  assert.equal((await ada.get(`/api/v1/pools/agent/${ids.instance}`)).status, 200);
});
