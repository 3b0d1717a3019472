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
  const cloud = platform.internal('cloud_os');
  ids.vm = (await cloud.get('/api/v1/vms')).json.vms[0].vm_id;
  const made = await ada.post('/api/v1/agents/templates', { id: 'adas', name: "Ada's", system_prompt: 'x' });
  ids.template = made.json?.id ?? 'adas';
}

// Fills the {names} of a path: things that exist, and `new_` ones that are made for this one request.
async function fill(route) {
  const ada = platform.as('ada');
  const make = {
    new_agent: async () => (await createAgent(ada, { name: 'To be deleted' })).id,
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
const rolesOnly = (answer = 200) => [401, 403, 403, answer];

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
      rolesOnly(),
      () => ({ session_id: `s-${Math.random()}`, user_id: 'ada' }),
    ],
    ['GET', '/api/v1/pools/agent/instances', rolesOnly()],
    ['GET', '/api/v1/pools/agent/inst_none', rolesOnly(404)],
    [
      'POST',
      '/api/v1/pools/agent/inst_none/execute',
      rolesOnly(404),
      { action: 'query', params: { prompt: 'hi' } },
    ],
    ['POST', '/api/v1/pools/agent/inst_none/stream', rolesOnly(404), { prompt: 'hi' }],
    ['POST', '/api/v1/pools/agent/inst_none/renew', rolesOnly(404), { fencing_token: 1 }],
    ['POST', '/api/v1/pools/agent/inst_none/release', rolesOnly([200, 404]), {}],
    ['DELETE', '/api/v1/pools/agent/inst_none', rolesOnly([200, 404])],
  ],
  cloud_os: [
    ['GET', '/health', open],
    ['GET', '/ready', open],
    ['GET', '/api/v1/vms', rolesOnly()],
    ['GET', '/api/v1/vms/{vm}/status', rolesOnly()],
    ['POST', '/api/v1/vms/{vm}/start', rolesOnly()],
    ['POST', '/api/v1/vms', rolesOnly([422]), { limits: { cpu_count: 99 } }],
    ['POST', '/api/v1/vms/vm_none/stop', rolesOnly(404)],
    ['POST', '/api/v1/vms/vm_none/start', rolesOnly(404)],
    ['DELETE', '/api/v1/vms/vm_none', rolesOnly([200, 404])],
  ],
  model: [
    ['GET', '/health', open],
    ['GET', '/ready', open],
    ['GET', '/v1/models', anybody],
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
