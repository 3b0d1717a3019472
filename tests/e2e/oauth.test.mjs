// Access tokens as secrets: somebody signs in at the CLI, and from then on the broker renews what the agents' requests to an
// MCP server carry. The authorization server is oidc-provider, the MCP server server-everything, both of npm.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { AuthorizedServer, browse } from '../mcp/authorized.mjs';
import { skip as noServers } from '../mcp/servers.mjs';
import { find, results, systemEvent } from './events.mjs';
import { binary, createAgent, environment, Platform, run, temporaryFolder, until } from './harness.mjs';
import { EventStream } from './http.mjs';
import { base, Seen } from './vms.mjs';

// The CLI asks the system for names: in this namespace, and here alone, it knows those of the test.
const noNames = spawnSync('bwrap', ['--dev-bind', '/', '/', 'true']).status === 0 ? false : 'bubblewrap cannot bind /etc/hosts here';
const noCurl = spawnSync('curl', ['--version']).error ? 'curl is not installed' : false;
const skip = noServers || noNames || noCurl;

let far;
let platform;
let user;
const heard = []; // Everything that a sandbox, a chat or a person was shown.

before(async () => {
  if (skip) return;
  far = await AuthorizedServer.start(temporaryFolder());
  platform = await Platform.up({ settings: far.settings });
  user = platform.as('ada');
});
after(async () => {
  far?.stop();
  await platform?.stopAndLeaveNothing();
});

const note = (what) => {
  heard.push(typeof what === 'string' ? what : JSON.stringify(what));
  return what;
};

// `isa secrets authorize` with somebody who opens the address that it prints.
async function signIn(name, { open = browse, args = [] } = {}) {
  const command = [binary, 'secrets', '--data-dir', platform.dataDir, '--user', 'ada', 'authorize', name, '--url', far.url, '--no-browser', ...args];
  const child = spawn('bwrap', ['--dev-bind', '/', '/', '--ro-bind', far.hostsFile, '/etc/hosts', '--', ...command], {
    env: environment({ SSL_CERT_FILE: far.certificate }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr']) child[stream].setEncoding('utf8').on('data', (text) => (output[stream] += text));
  const ended = new Promise((resolve) => child.on('close', (status) => resolve({ status })));
  const address = await until('the address to open', async () => {
    if (child.exitCode !== null) return 'none';
    return /^ +(https:\S+)$/m.exec(output.stdout)?.[1];
  });
  const page = address === 'none' ? undefined : await open(address, far.certificate);
  const { status } = await ended;
  note(output.stdout + output.stderr);
  return { status, page, address, ...output };
}

const list = async (...args) => note((await run(['secrets', '--data-dir', platform.dataDir, '--user', 'ada', 'list', ...args])).stdout);
const oauthOf = async (name) => JSON.parse(await list('--json')).find((secret) => secret.name === name).oauth;

const agentOf = (secret) =>
  createAgent(user, { tools: ['bash_execute', 'mcp:far/echo'], mcp_servers: { far: { url: far.url, headers_secret: secret } } });

// What the server's tool says in a chat, or why the server cannot be used.
async function echo(agent, message) {
  const events = note(await user.chatAll({ agent_config_id: agent.id, message: `Call the tool mcp__far__echo with ${JSON.stringify({ message })}` }));
  assert.ok(find(events, 'result'));
  const [result] = results(events);
  if (!result) return systemEvent(events, 'mcp.unavailable').content;
  assert.equal(result.metadata.is_error, false, result.content);
  return result.content;
}

const renewals = async () => {
  const { entries } = (await platform.as('ada', 'cloud_os').get('/api/v1/audit?limit=1000')).json;
  return note(entries.filter(({ kind }) => kind === 'renewal'));
};

test('somebody signs in at the CLI, and an agent uses the server', { skip }, async () => {
  const { status, page, stdout, stderr } = await signIn('far');
  assert.equal(status, 0, stderr);
  assert.equal(page.status, 200);
  assert.match(page.text, /You can close this window/);
  assert.match(stdout, /Set far for mcp\.test:\d+\.\nIts token is renewed at https:\/\/auth\.test:/);

  const agent = await agentOf('far');
  assert.match(await echo(agent, 'over there'), /over there/);
  const oauth = await oauthOf('far');
  assert.equal(oauth.token_url, `${far.issuer}/token`);
  assert.equal(oauth.grant, 'refresh_token');
  assert.equal(oauth.resource, far.url);
  assert.ok(Date.parse(oauth.expires_at) > Date.now());
  assert.match(await list(), /far +mcp\.test:\d+ +Authorization: Bearer \{\} .* expires 20/);
  assert.equal(oauth.renewals, 0);
});

test('a sign-in counts for the browser that was sent, and for nobody else', { skip }, async () => {
  const strange = [];
  const { status } = await signIn('strange', {
    open: async (address, certificate) => {
      const callback = new URL(new URL(address).searchParams.get('redirect_uri'));
      for (const query of ['', '?state=&code=x', '?state=guess&code=x', '?state=guess&error=access_denied'])
        strange.push((await browse(callback.href + query, certificate)).status);
      return browse(address, certificate);
    },
  });
  assert.deepEqual(strange, [400, 400, 400, 400]);
  assert.equal(status, 0);

  const denied = await signIn('denied', {
    open: (address, certificate) => {
      const { searchParams } = new URL(address);
      const query = new URLSearchParams({ state: searchParams.get('state'), iss: far.issuer, error: 'access_denied' });
      return browse(`${searchParams.get('redirect_uri')}?${query}`, certificate);
    },
  });
  assert.equal(denied.status, 1);
  assert.match(denied.page.text, /Access was not granted/);
  assert.match(denied.stderr, /access was not granted: access_denied/);
  assert.doesNotMatch(await list(), /denied/);
  assert.equal((await run(['secrets', '--data-dir', platform.dataDir, '--user', 'ada', 'remove', 'strange'])).status, 0);
});

test('a token that ends is renewed, again and again, with refresh tokens that rotate', { skip }, async () => {
  far.tokenSeconds = 6;
  assert.equal((await signIn('far')).status, 0);
  const agent = await agentOf('far');
  const { renewals: before, refusals } = far;
  far.seen.length = 0;
  await until('three renewals', async () => {
    assert.match(await echo(agent, 'once more'), /once more/);
    return far.renewals >= before + 3;
  });
  assert.ok(new Set(far.seen.map(({ authorization }) => authorization)).size >= 3);
  assert.equal(far.refusals, refusals); // A refresh token that is used twice ends the grant.
  assert.ok((await oauthOf('far')).renewals >= 3);
  assert.ok((await renewals()).every(({ verdict, secret, target }) => verdict === 'allowed' && secret === 'far' && target.startsWith('auth.test:')));
  far.tokenSeconds = 600;
});

test('a token that is revoked early is renewed, and the call is made again', { skip }, async () => {
  assert.equal((await signIn('far')).status, 0);
  const agent = await agentOf('far');
  assert.match(await echo(agent, 'first'), /first/);
  await far.revokeAccessTokens();
  const before = far.renewals;
  far.seen.length = 0;
  assert.match(await echo(agent, 'second'), /second/);
  assert.equal(far.renewals, before + 1);
  assert.deepEqual(far.seen.slice(0, 2).map(({ isAdmitted }) => isAdmitted), [false, true]);
});

test('a grant that is revoked is an error that says what to do, and is not asked for again', { skip }, async () => {
  const agent = await agentOf('far');
  await far.revokeGrants();
  const before = far.refusals;
  for (let i = 0; i < 2; ++i)
    assert.match(
      await echo(agent, 'third'),
      new RegExp(`'far' cannot be renewed at auth\\.test:\\d+: the token endpoint answered invalid_grant; sign in again: isa secrets authorize far --url ${far.url}`),
    );
  assert.equal(far.refusals, before + 1);
  assert.match(await list(), /not renewed: invalid_grant/);
  const [last] = await until('the failure on record', async () => {
    const found = (await renewals()).filter(({ verdict }) => verdict === 'refused');
    return found.length > 0 && found;
  });
  assert.equal(last.reason, 'invalid_grant');

  await platform.kill();
  await platform.start();
  user = platform.as('ada');
  assert.match(await echo(agent, 'fourth'), /invalid_grant; sign in again/);
  assert.equal(far.refusals, before + 1);
  assert.equal((await signIn('far')).status, 0);
  assert.match(await echo(agent, 'fifth'), /fifth/);
});

test('a program of one\'s own gets a token with its own credentials, also with cloud_os alone', { skip }, async (context) => {
  const alone = await Platform.up({ command: ['serve', 'cloud_os'], settings: { ...far.settings, 'auth.trust_user_header': 'true' } }, context);
  const cloudOs = alone.as('ada', 'cloud_os');
  const { host } = new URL(far.url);
  const { client_id, client_secret } = far.robot;
  const oauth = { token_url: `${far.issuer}/token`, client_id, client_secret, grant: 'client_credentials', scope: 'mcp', resource: far.url };
  const set = await cloudOs.put('/api/v1/secrets/robot', { hosts: [host], env: 'ROBOT_TOKEN', oauth });
  assert.equal(set.status, 200, set.text);
  assert.doesNotMatch(set.text, new RegExp(client_secret));
  const vm = await cloudOs.post('/api/v1/vms', { egress: [host] });
  assert.equal(vm.status, 201, vm.text);
  const stream = await EventStream.open(`${alone.endpoints.cloud_os}${base(vm.json)}/exec`, {
    method: 'POST',
    headers: { 'user-id': 'ada' },
    body: { command: `env; curl -s -o /dev/null -w "%{http_code}" -H "Authorization: Bearer $ROBOT_TOKEN" http://${host}/mcp -X DELETE` },
  });
  const printed = note((await new Seen().read(stream)).out.toString());
  assert.match(printed, /ROBOT_TOKEN=isa-placeholder-[0-9a-f]{32}/);
  assert.match(printed, /400$/); // Of server-everything: it was let in, and knows no such session.
  assert.ok((await cloudOs.delete(base(vm.json))).status < 300);
  expectNowhere(alone);
  await alone.stopAndLeaveNothing();
});

const filesOf = (folder) =>
  fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const name = path.join(folder, entry.name);
    if (entry.isDirectory()) return filesOf(name);
    return entry.isFile() ? [name] : [];
  });

// No token, code or client secret stands in what was said, logged or kept.
function expectNowhere(where) {
  const places = { heard: heard.join('\n'), log: where.log() };
  for (const file of filesOf(where.dataDir)) places[file] = fs.readFileSync(file, 'latin1');
  assert.ok(Object.keys(places).some((name) => name.endsWith('cloud_os.db')));
  for (const text of far.texts)
    for (const [name, content] of Object.entries(places)) assert.ok(!content.includes(text), `${text} stands in ${name}`);
}

test('nothing of it is in a sandbox, an event, a log or a file', { skip }, async () => {
  const agent = await agentOf('far');
  note(await user.chatAll({ agent_config_id: agent.id, message: 'Run the command `env; cat /proc/*/environ; cat /proc/*/cmdline`' }));
  assert.ok(far.texts.size > 20 && heard.length > 10);
  expectNowhere(platform);
});
