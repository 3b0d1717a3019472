// The tools that reach beyond one call: background shells, a plan and the web, in a real sandbox.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { expectPaired, expectWhole, results, systemEvent } from './events.mjs';
import { createAgent, noSandbox, Platform, run, temporaryFolder, until } from './harness.mjs';
import { processOf, uniqueSleep } from './traces.mjs';

const skip = noSandbox;
const key = 'key-of-the-operator-0123456789';
const listen = (server) =>
  new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));

// SearXNG, as its documentation says that it answers.
const searched = [];
function search(request, response) {
  searched.push({ url: request.url, authorization: request.headers.authorization });
  const results = [1, 2, 3].map((n) => ({
    url: `https://page.test/${n}`,
    title: `Result ${n}`,
    content: `About ${n}`,
    publishedDate: null,
    engine: 'duckduckgo',
    score: 1 / n,
  }));
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify({ query: 'x', number_of_results: 3, results, answers: [], suggestions: [] }));
}

const article = `<!doctype html><title>Tea &amp; cake</title><nav>Menu</nav><script>alert(1)</script>
  <main><h1>Tea</h1><p>Boil <b>water</b>, see <a href="/cake#top">cake</a>.</p><ul><li>cup<li>pot</ul>
  <p>${'Wait. '.repeat(200)}</p></main>`;
const asked = [];
function page(request, response) {
  asked.push(request.url);
  if (request.url === '/old') return response.writeHead(301, { Location: '/tea' }).end();
  if (request.url === '/away') return response.writeHead(302, { Location: 'https://elsewhere.test/' }).end();
  if (request.url === '/photo') return response.writeHead(200, { 'Content-Type': 'image/png' }).end('PNG');
  response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(article);
}

let platform;
let user;
let searxng;
let pages;
before(async () => {
  if (skip) return;
  const folder = temporaryFolder();
  const [pem, certificate] = ['key', 'crt'].map((name) => path.join(folder, name));
  execFileSync(
    'openssl',
    `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=page.test -addext subjectAltName=DNS:page.test -keyout ${pem} -out ${certificate}`.split(
      ' ',
    ),
    { stdio: 'ignore' },
  );
  searxng = http.createServer(search);
  pages = https.createServer({ key: fs.readFileSync(pem), cert: fs.readFileSync(certificate) }, page);
  platform = await Platform.up({
    settings: {
      'cloud_os.egress_hosts': `page.test=127.0.0.1:${await listen(pages)}`,
      'cloud_os.egress_ca': certificate,
      'cloud_os.web_search.provider': 'searxng',
      'cloud_os.web_search.url': `http://127.0.0.1:${await listen(searxng)}`,
      'cloud_os.web_search.api_key': key,
    },
  });
  user = platform.as('ada');
});
after(async () => {
  searxng?.close();
  pages?.close();
  await platform?.stopAndLeaveNothing();
});

// A conversation with an agent that has these tools: call() makes one call in a turn of its own.
async function conversation(tools, fields = {}) {
  const agent = await createAgent(user, { tools, ...fields });
  let session;
  const say = async (message) => {
    const events = await user.chatAll({ agent_config_id: agent.id, message, session_id: session });
    session = events[0].session_id;
    expectWhole(events);
    expectPaired(events);
    return events;
  };
  const call = async (tool, args = {}) => {
    const events = await say(`Call the tool ${tool} with \`${JSON.stringify(args)}\``);
    const [result, ...more] = results(events);
    assert.deepEqual(more, []);
    assert.equal(result.metadata.tool, tool);
    return result;
  };
  const answer = async (tool, args) => {
    const result = await call(tool, args);
    assert.equal(result.metadata.is_error, false, result.content);
    return JSON.parse(result.content);
  };
  return { say, call, answer };
}

test('a long command says what it has written so far', { skip }, async () => {
  const sleep = uniqueSleep();
  const agent = await createAgent(user, { tools: ['bash_execute'] });
  const message = `Call the tool bash_execute with \`${JSON.stringify({ command: `echo one; echo two >&2; ${sleep} || echo three` })}\``;
  const { events, done } = await (await user.chat({ agent_config_id: agent.id, message })).collect((event) => {
    if (event.type === 'progress') process.kill(processOf(sleep));
  });
  assert.ok(done);
  expectWhole(events);
  const told = events.filter(({ type }) => type === 'progress');
  assert.equal(told.length, 1);
  assert.deepEqual(told[0].content.split('\n').sort(), ['', 'one', 'two']);
  assert.equal(told[0].metadata.tool_use_id, results(events)[0].metadata.tool_use_id);
  assert.equal(JSON.parse(results(events)[0].content).stdout, 'one\nthree\n');
});

test('a background shell lives on in the next turns, until it is killed', { skip }, async () => {
  const { call, answer } = await conversation(['bash_execute', 'bash_output', 'kill_shell', 'list_shells']);
  const sleep = uniqueSleep();

  const { shell_id: id } = await answer('bash_execute', {
    command: `echo started; ${sleep}`,
    run_in_background: true,
  });
  await until('the shell to run', () => processOf(sleep));
  // What is set between two turns changes the environment of tools, which are made anew for it.
  const set = await run(
    ['secrets', '--data-dir', platform.dataDir, '--user', 'ada', 'set', 't', '--host', 'page.test', '--env', 'T'],
    { input: 'sk-secret-0123456789\n' },
  );
  assert.equal(set.status, 0, set.stderr);

  const news = await answer('bash_output', { shell_id: id, wait: 20 });
  assert.deepEqual([news.status, news.stdout, news.exit_code], ['running', 'started\n', null]);
  assert.equal((await answer('bash_output', { shell_id: id })).stdout, '');
  // A command in front that is killed takes nothing else along.
  assert.equal((await call('bash_execute', { command: 'sleep 1000', timeout: 1 })).metadata.is_error, true);
  const { shells } = await answer('list_shells');
  assert.deepEqual(
    shells.map(({ shell_id, status }) => [shell_id, status]),
    [[id, 'running']],
  );
  assert.equal((await answer('kill_shell', { shell_id: id })).status, 'killed');
  await until('the shell to end', () => !processOf(sleep));
  assert.match((await call('bash_output', { shell_id: 'shell_7' })).content, /no background shell 'shell_7'/);
  const removed = await run(['secrets', '--data-dir', platform.dataDir, '--user', 'ada', 'remove', 't']);
  assert.equal(removed.status, 0, removed.stderr);
});

test('a plan is kept between turns, and every change shows all of it', { skip }, async () => {
  const { call, answer } = await conversation(['create_plan', 'update_plan', 'read_file', 'write_file']);
  const made = await answer('create_plan', { title: 'Bake', steps: [{ title: 'mix' }, { title: 'heat' }] });
  assert.deepEqual(
    made.steps.map(({ id, status }) => [id, status]),
    [
      ['1', 'pending'],
      ['2', 'pending'],
    ],
  );
  const changed = await answer('update_plan', {
    steps: [{ id: '1', status: 'done', note: 'with eggs' }],
    add_steps: [{ title: 'eat' }],
  });
  assert.deepEqual(changed, {
    title: 'Bake',
    steps: [
      { id: '1', title: 'mix', status: 'done', note: 'with eggs' },
      { id: '2', title: 'heat', status: 'pending' },
      { id: '3', title: 'eat', status: 'pending' },
    ],
  });
  assert.match((await call('read_file', { file_path: '.isa/plan.json' })).content, /"with eggs"/);
  await call('write_file', { file_path: '.isa/plan.json', content: 'nonsense' });
  const refused = await call('update_plan', { title: 'x' });
  assert.equal(refused.metadata.is_error, true);
  assert.match(refused.content, /create_plan replaces it/);
});

test('web_search asks the provider with a key that no sandbox sees', { skip }, async () => {
  const { answer, call } = await conversation(['web_search', 'bash_execute']);
  const found = await answer('web_search', { query: 'tea & cake', count: 2, freshness: 'month' });
  assert.deepEqual(found, {
    provider: 'searxng',
    results: [
      { title: 'Result 1', url: 'https://page.test/1', snippet: 'About 1' },
      { title: 'Result 2', url: 'https://page.test/2', snippet: 'About 2' },
    ],
  });
  assert.deepEqual(searched, [
    { url: '/search?q=tea%20%26%20cake&format=json&time_range=month', authorization: `Bearer ${key}` },
  ]);
  const inside = await call('bash_execute', { command: 'env; cat /proc/*/environ 2>/dev/null | tr "\\0" "\\n"' });
  assert.doesNotMatch(inside.content, new RegExp(key));
  assert.doesNotMatch(platform.log(), new RegExp(key));
});

test('web_crawl shows pages of allowed hosts alone, each hop of a redirect checked', { skip }, async () => {
  const { call } = await conversation(['web_crawl'], { egress: ['page.test'] });
  const tea = await call('web_crawl', { url: 'https://page.test/old', max_length: 300 });
  assert.equal(tea.metadata.is_error, false, tea.content);
  assert.match(
    tea.content,
    /^URL: https:\/\/page\.test\/tea\nTitle: Tea & cake\n\n# Tea\n\nBoil \*\*water\*\*, see \[cake\]\(https:\/\/page\.test\/cake\)\.\n\n- cup\n- pot\n/,
  );
  assert.doesNotMatch(tea.content, /Menu|alert/);
  const [, offset] = /go on with offset (\d+)/.exec(tea.content);
  const more = await call('web_crawl', { url: 'https://page.test/tea', offset: Number(offset) });
  assert.match(more.content, /Wait\. Wait\./);
  asked.length = 0;
  for (const [url, reason] of [
    ['https://elsewhere.test/', /not on the allow-list/],
    ['https://page.test/away', /elsewhere\.test:443 is not on the allow-list/],
    ['http://127.0.0.1:8080/', /127\.0\.0\.1/],
    ['https://page.test/photo', /pages and texts only/],
  ]) {
    const refused = await call('web_crawl', { url });
    assert.equal(refused.metadata.is_error, true, refused.content);
    assert.match(refused.content, reason);
  }
  assert.deepEqual(asked, ['/away', '/photo']);
});

test('searches, pages and refusals are on record, for their owner', { skip }, async () => {
  const entries = await until('the record', async () => {
    const all = (await platform.as('ada', 'cloud_os').get('/api/v1/audit?limit=1000')).json.entries;
    return all.some(({ target }) => target === 'elsewhere.test:443') && all;
  });
  const of = (target) => entries.filter((entry) => entry.target === target);
  assert.deepEqual([of('searxng')[0].kind, of('searxng')[0].verdict], ['search', 'allowed']);
  assert.ok(of('page.test:443').some(({ verdict, rule }) => verdict === 'allowed' && rule === 'page.test'));
  assert.ok(of('elsewhere.test:443').every(({ verdict, reason }) => verdict === 'refused' && reason === 'egress_not_allowed'));
});

test('where there is no sandbox, the tools that need one are named and refused', { skip }, async () => {
  const tools = ['web_search', 'web_crawl', 'create_plan', 'bash_output', 'get_current_time'];
  const { say } = await conversation(tools, { env: 'cloud_shared' });
  const events = await say('Call the tool web_search with `{"query":"x"}`');
  assert.deepEqual(systemEvent(events, 'tools.unavailable').metadata.tools, tools.slice(0, -1));
  assert.deepEqual(results(events), []);
});
