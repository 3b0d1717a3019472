// What leaves a sandbox: by the allow-list of its agent, with secrets that are never inside, and on record.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { results } from './events.mjs';
import { createAgent, noSandbox, Platform, run, temporaryFolder, until } from './harness.mjs';
import { EventStream } from './http.mjs';
import { base, Seen } from './vms.mjs';

const noCurl = spawnSync('curl', ['--version']).error ? 'curl is not installed' : false;
const skip = noSandbox || noCurl;
const secret = 'sk-of-the-owner-0123456789';

let platform;
let user;
let plain;
let secure;
const seen = [];

function listen(server) {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
}

// Says what it was asked, and with which credential.
function answer(request, response) {
  seen.push({ host: request.headers.host, authorization: request.headers.authorization });
  response.end(`${request.method} ${request.url} ${request.headers.authorization ?? 'without credential'}\n`);
}

before(async () => {
  if (skip) return;
  const folder = temporaryFolder();
  const [key, certificate] = ['key', 'crt'].map((name) => path.join(folder, name));
  execFileSync(
    'openssl',
    `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=api.test -addext subjectAltName=DNS:api.test -keyout ${key} -out ${certificate}`.split(
      ' ',
    ),
    { stdio: 'ignore' },
  );
  plain = http.createServer(answer);
  secure = https.createServer({ key: fs.readFileSync(key), cert: fs.readFileSync(certificate) }, answer);
  const hosts = [`plain.test=127.0.0.1:${await listen(plain)}`, `api.test=127.0.0.1:${await listen(secure)}`];
  platform = await Platform.up({
    settings: { 'cloud_os.egress_hosts': hosts.join(','), 'cloud_os.egress_ca': certificate },
  });
  user = platform.as('ada');
});
after(async () => {
  plain?.close();
  secure?.close();
  await platform?.stopAndLeaveNothing();
});

// What a shell in a fresh sandbox of an agent with that allow-list prints.
async function shell(egress, command) {
  const agent = await createAgent(user, { tools: ['bash_execute'], egress });
  const events = await user.chatAll({ agent_config_id: agent.id, message: `Run the command \`${command}\`` });
  return JSON.parse(results(events)[0].content).stdout;
}

const secrets = (...args) =>
  run(['secrets', '--data-dir', platform.dataDir, '--user', 'ada', ...args], { input: `${secret}\n` });

test('an agent reaches the hosts of its allow-list, by the usual variables, and no others', { skip }, async () => {
  const allowed = await shell(
    ['plain.test', 'api.test'],
    'curl -s http://plain.test/a; curl -sk https://api.test/b; curl -s -o /dev/null -w "%{http_code}" http://other.test/',
  );
  assert.equal(allowed, 'GET /a without credential\nGET /b without credential\n403');
});

test('without an allow-list there is no proxy to speak of, and nothing is reached', { skip }, async () => {
  const printed = await shell(
    [],
    'echo "[$HTTPS_PROXY$http_proxy]"; curl -s -x http://127.0.0.1:3128 -o /dev/null -w "%{http_code}" http://plain.test/',
  );
  assert.equal(printed, '[]\n403');
});

test('a secret is added outside: its host sees it, the sandbox does not', { skip }, async () => {
  const set = await secrets('set', 'api', '--host', 'api.test', '--header', 'Authorization: Bearer {}');
  assert.equal(set.status, 0, set.stderr);
  seen.length = 0;

  const printed = await shell(['api.test'], 'curl -s http://api.test/with; env');

  assert.match(printed, /GET \/with Bearer \[redacted\]/);
  assert.doesNotMatch(printed, new RegExp(secret));
  assert.deepEqual(seen, [{ host: 'api.test', authorization: `Bearer ${secret}` }]);
  assert.doesNotMatch(platform.log(), new RegExp(secret));
  assert.doesNotMatch((await secrets('list', '--json')).stdout, new RegExp(secret));
  assert.match((await secrets('list')).stdout, /api +api\.test +Authorization: Bearer \{\}/);
  assert.equal((await secrets('remove', 'api')).status, 0);
});

test('a placeholder stands for a secret inside, and is worth nothing elsewhere', { skip }, async () => {
  const set = await secrets('set', 'token', '--host', 'api.test', '--env', 'API_TOKEN');
  assert.equal(set.status, 0, set.stderr);
  seen.length = 0;

  const printed = await shell(
    ['api.test', 'plain.test'],
    'curl -s -H "Authorization: token $API_TOKEN" http://api.test/x; curl -s -w "%{http_code}" -H "A: $API_TOKEN" http://plain.test/; echo $API_TOKEN',
  );

  assert.match(printed, /GET \/x token \[redacted\]/);
  assert.match(printed, /placeholder_elsewhere.*403/s);
  assert.match(printed, /isa-placeholder-[0-9a-f]{32}/);
  assert.deepEqual(
    seen.map(({ authorization }) => authorization),
    [`token ${secret}`],
  );
  assert.equal((await secrets('remove', 'token')).status, 0);
});

test('a sandbox of one\'s own speaks for its owner, in its first command already', { skip }, async () => {
  const cloudOs = platform.as('ada', 'cloud_os');
  const made = await cloudOs.post('/api/v1/vms', { egress: ['plain.test', 'api.test'] });
  assert.equal(made.status, 201, made.text);
  const exec = async (command) => {
    const stream = await EventStream.open(`${platform.endpoints.cloud_os}${base(made.json)}/exec`, {
      method: 'POST',
      headers: { 'user-id': 'ada' },
      body: { command },
    });
    return (await new Seen().read(stream)).out.toString();
  };
  assert.equal(await exec('curl -s http://plain.test/a'), 'GET /a without credential\n');
  // A secret that is set while it lives is in the next command.
  assert.equal((await secrets('set', 'late', '--host', 'api.test', '--env', 'LATE_TOKEN')).status, 0);
  assert.match(await exec('curl -s -H "Authorization: $LATE_TOKEN" http://api.test/b'), /^GET \/b \[redacted\]/);
  assert.equal((await secrets('remove', 'late')).status, 0);
  assert.equal(await exec('echo "[$LATE_TOKEN]"'), '[]\n');
  assert.ok((await cloudOs.delete(base(made.json))).status < 300);
});

test('every use and every refusal is on record, for its owner', { skip }, async () => {
  const cloudOs = platform.as('ada', 'cloud_os');
  const find = async () => (await cloudOs.get('/api/v1/audit?limit=1000')).json.entries;
  const entries = await until('the refusal to be on record', async () => {
    const all = await find();
    return all.some((entry) => entry.reason === 'placeholder_elsewhere') && all;
  });
  const used = entries.find((entry) => entry.secret === 'token');
  assert.deepEqual(
    [used.kind, used.verdict, used.target, used.rule, used.user_id],
    ['http', 'allowed', 'api.test:443', 'api.test', 'ada'],
  );
  assert.ok(entries.some((entry) => entry.kind === 'model' && entry.verdict === 'allowed'));
  assert.ok(entries.some((entry) => entry.kind === 'tunnel_end' && entry.bytes_in > 0));
  assert.deepEqual((await platform.as('bob', 'cloud_os').get('/api/v1/audit')).json.entries, []);
  const metrics = (await platform.internal('cloud_os').get('/metrics')).text;
  assert.match(metrics, /# HELP isa_broker_requests_total \S/);
  assert.match(metrics, /isa_broker_requests_total\{kind="tunnel",verdict="allowed"\} [1-9]/);
});

test('the value of a secret is no argument, and a bad one is refused without being repeated', { skip }, async () => {
  const short = await run(
    ['secrets', '--data-dir', platform.dataDir, '--user', 'ada', 'set', 'x', '--host', 'api.test', '--header', 'A: {}'],
    { input: 'tiny\n' },
  );
  assert.equal(short.status, 1);
  assert.match(short.stderr, /8 to 16384 bytes/);
  assert.doesNotMatch(short.stderr, /tiny/);
  const argument = await run(['secrets', 'set', 'x', '--host', 'a.test', '--header', 'A: {}', '--value', 'v']);
  assert.notEqual(argument.status, 0);
});
