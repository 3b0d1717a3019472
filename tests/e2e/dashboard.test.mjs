// deploy/grafana/isa.json against a Prometheus that scrapes a platform: every name in it is one that the platform
// reports, and every question in it is one that Prometheus answers.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { createAgent, noSandbox, Platform, repository, temporaryFolder, until } from './harness.mjs';

const missing = ['prometheus', 'curl'].find((program) => spawnSync(program, ['--version']).error);
const skip = noSandbox || (missing && `${missing} is not installed`) || false;
const dashboard = JSON.parse(fs.readFileSync(path.join(repository, 'deploy/grafana/isa.json'), 'utf8'));
const panels = dashboard.panels.filter((panel) => panel.targets);

// They begin with the first event of their kind, which nothing here brings about.
const rare = new Set(['isa_sandbox_create_failures_total']);

let platform;
let prometheus;
let origin;

const freePort = () =>
  new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

async function ask(expression) {
  const answer = await fetch(`${origin}/api/v1/query?query=${encodeURIComponent(expression)}`);
  return answer.json();
}

before(async () => {
  if (skip) return;
  platform = await Platform.up();
  const folder = temporaryFolder();
  const config = fs
    .readFileSync(path.join(repository, 'deploy/prometheus.yaml'), 'utf8')
    .replace('127.0.0.1:8080', new URL(platform.endpoints.agent).host)
    .replace('scrape_interval: 5s', 'scrape_interval: 1s');
  fs.writeFileSync(path.join(folder, 'prometheus.yaml'), config);
  const listen = `127.0.0.1:${await freePort()}`;
  origin = `http://${listen}`;
  const flags = [`--config.file=${folder}/prometheus.yaml`, `--storage.tsdb.path=${folder}/data`];
  prometheus = spawn('prometheus', [...flags, `--web.listen-address=${listen}`], { stdio: 'ignore' });
  process.on('exit', () => prometheus.kill('SIGKILL'));
});
after(async () => {
  if (skip) return;
  const exited = new Promise((resolve) => prometheus.on('exit', resolve));
  prometheus.kill('SIGTERM');
  await exited;
  await platform.stopAndLeaveNothing();
});

test('all that the dashboard shows is there', { skip }, async () => {
  const user = platform.as('ada');
  const agent = await createAgent(user, { tools: ['bash_execute'], egress: ['api.test'] });
  await user.chatAll({ agent_config_id: agent.id, message: 'Run the command `curl -sk https://no.test/`' });
  const has = (name) => async () => (await ask(`count(${name})`).catch(() => ({})))?.data?.result?.length > 0;
  await until('the refusal to be scraped', has('isa_broker_refusals_total'));

  for (const panel of panels)
    for (const { expr } of panel.targets) {
      const expression = expr.replaceAll('$__rate_interval', '10s').replaceAll('$pool', '.*');
      const answer = await ask(expression);
      assert.equal(answer.status, 'success', `${panel.title}: ${expression}: ${answer.error}`);
      const names = expression.match(/isa_[a-z_]+/g);
      assert.ok(names, `${panel.title} asks for nothing of ours: ${expression}`);
      for (const name of names)
        if (!rare.has(name)) assert.ok(await has(name)(), `${panel.title}: nothing reports ${name}`);
    }
});

test('every metric of the platform is on the dashboard, and says what it is', { skip }, async () => {
  const page = await (await fetch(`${platform.endpoints.agent}/metrics`)).text();
  const shown = JSON.stringify(panels);
  const helped = [...page.matchAll(/^# HELP (isa_\w+) (.+)$/gm)];
  assert.ok(helped.length > 15);
  for (const [, name] of helped) assert.ok(shown.includes(name), `${name} is not shown`);
  for (const [, name] of page.matchAll(/^# TYPE (isa_\w+) /gm))
    assert.ok(helped.some(([, other]) => other === name), `${name} has no help text`);
});
