// `isa up --insecure-no-isolation`: the platform where neither namespaces nor an engine can be had. The same service,
// nothing that isolates, and said so everywhere; whoever has not asked for it by that name does not get it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import http from 'node:http';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { expectWhole, results } from './events.mjs';
import {
  createAgent,
  defaults,
  isRoot,
  ordinaryPlatform,
  run,
  setFlags,
  temporaryFolder,
  until,
} from './harness.mjs';
import { processOf, uniqueSleep } from './traces.mjs';
import { base, CloudOs } from './vms.mjs';

const noCurl = spawnSync('curl', ['--version']).error ? 'curl is not installed' : false;

describe('a platform without isolation', () => {
  const plain = http.createServer((request, response) => response.end(`asked for ${request.headers.host}\n`));
  let platform;
  let os;
  before(async () => {
    await new Promise((resolve) => plain.listen(0, '127.0.0.1', resolve));
    platform = ordinaryPlatform({
      command: ['up', '--insecure-no-isolation'],
      settings: { 'cloud_os.egress_hosts': `plain.test=127.0.0.1:${plain.address().port}` },
    });
    delete platform.settings['cloud_os.backend']; // The flag says it.
    await platform.start();
    os = new CloudOs(platform);
  });
  after(async () => {
    plain.close();
    await platform?.stopAndLeaveNothing();
  });

  const sandboxOf = async (user, fields = {}) => {
    const answer = await platform.as(user, 'cloud_os').post('/api/v1/vms', fields);
    assert.equal(answer.status, 201, answer.text);
    return answer.json;
  };

  test('says so, in its log and in every sandbox', async () => {
    assert.match(platform.log(), /sandbox\.no_isolation/);
    await platform.warm();
    const { vms } = (await platform.internal('cloud_os').get('/api/v1/vms')).json;
    assert.ok(vms.length > 0);
    for (const vm of vms) {
      assert.equal(vm.backend, 'process');
      assert.match(vm.isolation, /^none: /);
    }
  });

  test('serves a chat whose tools run in the workspace of their sandbox', async () => {
    const agent = await createAgent(platform.as('ada'), { tools: ['bash_execute', 'write_file'] });
    const message = 'Write "echo $((6*7))" to a.sh, then run the command `sh a.sh; pwd; echo $HOME`';
    const events = await platform.as('ada').chatAll({ agent_config_id: agent.id, message });
    expectWhole(events);
    const output = results(events)[1].content;
    assert.match(output, /42/);
    assert.equal(output.match(/sandboxes\/vm_\w+\/workspace/g).length, 2, output);
  });

  test('names the port by which models are reached', { skip: noCurl }, async () => {
    const one = await sandboxOf('ada');
    const two = await sandboxOf('ada');
    const ports = new Set();
    for (const vm of [one, two]) {
      const seen = await os.exec(vm, { command: 'echo $OPENAI_BASE_URL; curl -sS $OPENAI_BASE_URL/models' });
      const [, port] = /^http:\/\/127\.0\.0\.1:(\d+)\/v1\n/.exec(seen.out) ?? assert.fail(seen.out.toString());
      assert.match(seen.out.toString(), /builtin\/demo/, seen.err.toString());
      ports.add(port);
    }
    assert.equal(ports.size, 2, 'each sandbox has a port of its own');
  });

  test('names the proxy by which an allowed host is reached', { skip: noCurl }, async () => {
    const vm = await sandboxOf('ada', { egress: ['plain.test'] });
    const seen = await os.exec(vm, { command: 'curl -sS http://plain.test/ http://other.test/' });
    assert.match(seen.out.toString(), /^asked for plain\.test\n/, seen.err.toString());
    assert.doesNotMatch(seen.out.toString(), /asked for other/);
  });

  test('keeps a session over kill -9 of the platform', async () => {
    const agent = await createAgent(platform.as('bob'), { tools: ['bash_execute', 'write_file'] });
    const chat = (message, more) =>
      platform.as('bob').chatAll({ agent_config_id: agent.id, message, ...more });
    const first = await chat('Write "kept" to kept.txt');
    await platform.kill();
    await platform.start();
    const next = await chat('Run the command `cat kept.txt`', { session_id: first[0].session_id });
    assert.match(results(next)[0].content, /kept/);
  });

  test('ends what a sandbox started with the sandbox', async () => {
    const vm = await sandboxOf('ada');
    const command = uniqueSleep();
    await os.start(vm, { command: `(setsid ${command} &); ${command}0` });
    await until('both to run', () => processOf(command) && processOf(`${command}0`));
    assert.equal((await platform.as('ada', 'cloud_os').delete(base(vm))).status, 200);
    assert.equal(processOf(command), undefined);
    assert.equal(processOf(`${command}0`), undefined);
  });

  test('leaves nothing of a sandbox behind when it ends', async () => {
    const command = uniqueSleep();
    await os.start(await sandboxOf('ada'), { command: `(setsid ${command} &); exec ${command}0` });
    await until('both to run', () => processOf(command) && processOf(`${command}0`));
    await platform.stopAndLeaveNothing();
    assert.equal(processOf(command), undefined);
    assert.equal(processOf(`${command}0`), undefined);
  });
});

describe('nobody gets it who has not asked for it', () => {
  const start = (args, settings) =>
    run([...args, '--data-dir', path.join(temporaryFolder(), 'd'), ...setFlags({ ...defaults, ...settings })]);

  test('by the name of the backend alone', async () => {
    const { status, stderr } = await start(['up'], { 'cloud_os.backend': 'process' });
    assert.equal(status, 1);
    assert.match(stderr, /isolates nothing.*--insecure-no-isolation/);
  });

  test('as root', { skip: !isRoot && 'this is not root' }, async () => {
    const { status, stderr } = await start(['up', '--insecure-no-isolation'], { 'cloud_os.backend': 'process' });
    assert.equal(status, 1);
    assert.match(stderr, /run the platform as an ordinary user/);
  });

  test('for a role that runs no sandboxes', async () => {
    const { status, stderr } = await start(['serve', 'pool', '--insecure-no-isolation'], {});
    assert.notEqual(status, 0);
    assert.match(stderr, /only cloud_os runs sandboxes/);
  });
});
