// HTTP as the tests speak it: whole answers, and event streams that can be left in the middle. No connection is
// reused, so that a platform that was killed and started again is never met on a dead one.
import assert from 'node:assert/strict';
import http from 'node:http';

import { checkAnswer, checkStream } from '../contract/guard.mjs';
import { types } from './events.mjs';

const kAnswerMs = 60_000;

function send(url, { method = 'GET', headers = {}, body } = {}) {
  const payload =
    body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const all = { ...headers };
  if (payload !== undefined && !('Content-Length' in all)) all['Content-Length'] = Buffer.byteLength(payload);
  if (payload !== undefined) all['Content-Type'] ??= 'application/json';
  return new Promise((resolve, reject) => {
    const outgoing = http.request(url, { method, headers: all, agent: false, timeout: kAnswerMs });
    outgoing.on('response', resolve);
    outgoing.on('timeout', () =>
      outgoing.destroy(new Error(`no answer from ${method} ${url} in ${kAnswerMs} ms`)),
    );
    outgoing.on('error', reject);
    outgoing.end(payload);
  });
}

// { status, headers, text, json }; json is undefined when the body is none. Throws when it is not as the contract of
// the role says.
export async function request(url, options = {}) {
  const incoming = await send(url, options);
  const chunks = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString('utf8');
  let json;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  const answer = { status: incoming.statusCode, headers: incoming.headers, text, json };
  checkAnswer(url, options, answer);
  return answer;
}

// One frame of text/event-stream: { id, event, data }; comments are null.
function parseFrame(frame) {
  const fields = { data: [] };
  for (const line of frame.split('\n')) {
    if (line === '' || line.startsWith(':')) continue;
    const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line);
    if (name === 'data') fields.data.push(value);
    else fields[name] = value;
  }
  return fields.data.length > 0 ? { ...fields, data: fields.data.join('\n') } : null;
}

// An open event stream. Iterating gives frames until the end; leave() drops the connection.
export class EventStream {
  static async open(url, options) {
    const incoming = await send(url, {
      ...options,
      headers: { Accept: 'text/event-stream', ...options?.headers },
    });
    return new EventStream(incoming, url, options);
  }

  constructor(incoming, url, options) {
    this.incoming = incoming;
    this.status = incoming.statusCode;
    this.headers = incoming.headers;
    this.check = checkStream(url, options, this);
  }

  async *[Symbol.asyncIterator]() {
    let buffered = '';
    this.incoming.setEncoding('utf8');
    for await (const chunk of this.incoming) {
      buffered += chunk;
      for (let end; (end = buffered.indexOf('\n\n')) >= 0; buffered = buffered.slice(end + 2)) {
        const frame = parseFrame(buffered.slice(0, end));
        if (!frame) continue;
        this.check(frame.data);
        yield frame;
      }
    }
  }

  leave() {
    this.incoming.destroy();
  }

  // Reads to the end, or until the connection breaks, and tells `onEvent` of every event as it comes.
  // { events: [{ ...event, data }], done: whether [DONE] came }
  async collect(onEvent = () => {}) {
    const events = [];
    try {
      for await (const frame of this) {
        if (frame.data === '[DONE]') return { events, done: true };
        events.push(eventOf(frame));
        await onEvent(events.at(-1), events);
      }
    } catch (error) {
      if (!['ECONNRESET', 'EPIPE'].includes(error.code)) throw error;
    }
    return { events, done: false };
  }

  // Every event of a stream that must end well.
  async all() {
    const { events, done } = await this.collect();
    if (!done) throw new Error(`the stream ended without [DONE] after ${types(events).join(' ')}`);
    return events;
  }

  // Events until `wanted` holds for one, that one included; then leaves.
  async takeUntil(wanted) {
    const events = [];
    for await (const frame of this) {
      if (frame.data === '[DONE]') break;
      events.push(eventOf(frame));
      if (wanted(events.at(-1), events)) return events;
    }
    throw new Error(`the stream ended before the event; it held ${types(events).join(' ')}`);
  }
}

function eventOf(frame) {
  const event = JSON.parse(frame.data);
  if (frame.id !== event.id) throw new Error(`the id line says ${frame.id}, the event ${event.id}`);
  return { ...event, data: frame.data };
}

// A role's API with fixed headers: who asks.
export function as(base, headers) {
  const call =
    (method) =>
    (path, body, more = {}) =>
      request(base + path, { method, body, headers: { ...headers, ...more } });
  return {
    get: (path, more) => call('GET')(path, undefined, more),
    post: call('POST'),
    put: call('PUT'),
    patch: call('PATCH'),
    delete: (path, more) => call('DELETE')(path, undefined, more),
    // A streamed chat: the open stream.
    chat: (body) =>
      EventStream.open(`${base}/api/v1/agents/chat`, {
        method: 'POST',
        headers,
        body: { stream: true, ...body },
      }),
    // A whole, streamed chat: its events.
    chatAll: async (body) => {
      const stream = await EventStream.open(`${base}/api/v1/agents/chat`, {
        method: 'POST',
        headers,
        body: { stream: true, ...body },
      });
      if (stream.status !== 200) throw new Error(`chat answered ${stream.status}`);
      return stream.all();
    },
    // The events of a run, from the one after `after` or after the id `lastId`.
    events: (run, { after, lastId } = {}) =>
      EventStream.open(
        `${base}/api/v1/agents/runs/${run}/events${after === undefined ? '' : `?after=${after}`}`,
        {
          headers: { ...headers, ...(lastId ? { 'Last-Event-ID': lastId } : {}) },
        },
      ),
  };
}

// An error is the envelope of api.md, and says nothing of the inside of the platform.
export function expectEnvelope({ json, text, headers, status }) {
  assert.ok(json?.error, `${status} without an error envelope: ${text}`);
  const missing = ['code', 'message', 'request_id', 'retryable', 'type'].filter(
    (key) => !(key in json.error),
  );
  assert.deepEqual(missing, [], text);
  assert.equal(json.detail, json.error.message);
  assert.equal(json.error.request_id, headers['x-request-id']);
  assert.doesNotMatch(
    text,
    /e2e-internal-secret|\/tmp\/isa-|\.cpp\b/,
    'no secret, path or source in an answer',
  );
}
