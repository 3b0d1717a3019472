// The checker can fail: servers that do not keep the contract, met through the harness of the end-to-end tests.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';

import { EventStream, request } from '../e2e/http.mjs';
import { ContractViolation, hasSeen, watch } from './guard.mjs';

const stats = {
  pool_type: 'agent',
  warm_instances: 1,
  active_instances: 0,
  creating: 0,
  leaving: 0,
  target_warm: 1,
  max_instances: 4,
  waiting: 0,
  longest_wait_ms: 0,
  acquired_total: 0,
  acquired_warm_total: 0,
  resumed_total: 0,
  misses: {},
  fallbacks: {},
  refusals: {},
  created_total: 1,
  destroyed_total: 0,
  failed_total: 0,
  expired_total: 0,
  recycled_total: 0,
  acquires_per_second: 0,
  acquire_ms: { p50: 0, p99: 0 },
  create_ms: { p50: 0, p99: 0 },
  is_draining: false,
};
const envelope = {
  error: { code: 'not_found', message: 'no', type: 'not_found', request_id: 'req_1', retryable: false },
  detail: 'no',
};
const event = {
  id: 'run_1:1',
  seq: 1,
  type: 'text',
  run_id: 'run_1',
  session_id: 's',
  timestamp: '2026-01-01T00:00:00.000Z',
  content: 'hi',
  metadata: {},
};
const statsPath = '/api/v1/pools/agent/stats';

describe('an answer', () => {
  let server;
  let origin;
  let next; // { status, type, body }
  before(async () => {
    server = http.createServer((_, response) => {
      response.writeHead(next.status ?? 200, { 'content-type': next.type ?? 'application/json' });
      response.end(typeof next.body === 'string' ? next.body : JSON.stringify(next.body));
    });
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    origin = `http://127.0.0.1:${server.address().port}`;
  });
  after(() => server.close());

  const ask = (answer, path = statsPath, options = {}, role = 'pool') => {
    watch(role, origin);
    next = answer;
    return request(origin + path, options);
  };
  const refused = (answer, expected, ...more) =>
    assert.rejects(ask(answer, ...more), (error) => {
      assert.ok(error instanceof ContractViolation, error.stack);
      assert.match(error.message, expected);
      return true;
    });

  test('that keeps the contract passes, and is remembered', async () => {
    assert.equal(hasSeen('pool', 'getPoolStats'), false);
    assert.deepEqual((await ask({ body: stats })).json, stats);
    assert.equal(hasSeen('pool', 'getPoolStats'), true);
    await ask({ status: 404, body: envelope });
    await ask({ status: 404, body: envelope }, '/api/v1/nowhere');
  });

  test('with a field that is not described is refused by operation, pointer and value', () =>
    refused(
      { body: { ...stats, acquire_ms: { p50: 0, p99: 0, p100: 7 } } },
      /pool: the answer 200 of getPoolStats \(GET \/api\/v1\/pools\/\{type\}\/stats\).*\n {2}\/acquire_ms\/p100: .*; there is 7$/s,
    ));

  test('with a wrong type, a missing field or a word that is not one of a list is refused', async () => {
    await refused({ body: { ...stats, waiting: 'none' } }, /\/waiting: must be integer; there is "none"/);
    await refused({ body: { ...stats, waiting: undefined } }, /required property 'waiting'/);
    const odd = { ...envelope, error: { ...envelope.error, type: 'oops' } };
    await refused({ status: 500, body: odd }, /\/error\/type: .*not_found.*; there is "oops"/);
  });

  test('of a status, a type or a path that is not described is refused', async () => {
    await refused({ status: 201, body: stats }, /answer 201 of getPoolStats .* is not described/);
    await refused({ body: 'plenty', type: 'text/plain' }, /is of type 'text\/plain'/);
    await refused({ body: 'plenty' }, /is not JSON: plenty/);
    await refused(
      { body: stats },
      /GET \/api\/v1\/nowhere answers 200, but .* does not describe it/,
      '/api/v1/nowhere',
    );
    await refused({ status: 404, body: { message: 'no' } }, /required property 'error'/, '/api/v1/nowhere');
  });

  test('to a body that the contract refuses is refused: one of both is wrong', async () => {
    const acquired = {
      instance_id: 'inst_1',
      pool_type: 'agent',
      status: 'ready',
      lease: { id: 'lease_1', fencing_token: 1, expires_at: event.timestamp },
      connection_info: {},
      warm: true,
      resumed: false,
      wait_ms: 0,
    };
    const path = '/api/v1/pools/agent/acquire';
    await ask({ body: acquired }, path, { method: 'POST', body: { session_id: 's' } });
    await refused(
      { body: acquired },
      /the body that acquireInstance .* took.*\/colour: .*; there is "red"/s,
      path,
      { method: 'POST', body: { session_id: 's', colour: 'red' } },
    );
  });

  test('by an address with more slashes finds the operation whose parameter takes them', async () => {
    const model = { id: 'builtin/demo', object: 'model', created: 0, owned_by: 'builtin' };
    await ask({ body: model }, '/v1/models/builtin/demo', {}, 'model');
    await refused(
      { body: { ...model, colour: 'red' } },
      /getModel.*colour/s,
      '/v1/models/builtin/demo',
      {},
      'model',
    );
    await refused({ body: stats }, /does not describe it/, '/api/v1/pools/agent/more/stats');
  });

  test('of events is refused at the first one that is not described', async () => {
    watch('agent', origin);
    const frame = (one) => `id: ${one.id}\ndata: ${JSON.stringify(one)}\n\n`;
    const end = 'data: [DONE]\n\n';
    const read = async (body) => {
      next = { type: 'text/event-stream', body };
      return (await EventStream.open(`${origin}/api/v1/agents/runs/run_1/events`)).all();
    };
    assert.equal((await read(frame(event) + end)).length, 1);
    await assert.rejects(read(frame(event) + frame({ ...event, type: 'shout' }) + end), (error) => {
      assert.ok(error instanceof ContractViolation, error.stack);
      assert.match(error.message, /an event of the answer 200 of listEvents.*\/type: .*; there is "shout"/s);
      return true;
    });
  });
});
