// The official conformance suite of MCP against our client, in both generations of the protocol.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { binary, temporaryFolder } from '../e2e/harness.mjs';
import { node22, noNode22 } from './node22.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const suite = path.join(here, 'node_modules/@modelcontextprotocol/conformance/dist/index.js');
const client = path.join(path.dirname(binary), 'tests/mcp/isa-mcp-client');
const skip = noNode22 || (fs.existsSync(suite) ? false : 'run npm ci in tests/mcp');

function run(args, folder) {
  return new Promise((resolve, reject) => {
    const child = spawn(node22, [suite, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, output }));
  });
}

// The checks that each scenario came to: { scenario: [{ id, status, .. }] }.
function outcomes(folder) {
  const found = {};
  const walk = (at, name) => {
    for (const entry of fs.readdirSync(at, { withFileTypes: true })) {
      const inner = path.join(at, entry.name);
      if (entry.isDirectory()) walk(inner, name ? `${name}/${entry.name}` : entry.name);
      if (entry.name !== 'checks.json') continue;
      const scenario = name.replace(/-\d{4}-\d\d-\d\dT.*$/, '');
      found[scenario] = JSON.parse(fs.readFileSync(inner, 'utf8'));
    }
  };
  walk(folder, '');
  return found;
}

// Run by the suite with every revision, but never scored: extensions that this client does not have, and what came later.
const unscored = [
  ...['client-credentials-jwt', 'client-credentials-basic', 'enterprise-managed-authorization', 'dpop', 'dpop-nonce', 'wif-jwt-bearer'].map(
    (name) => `auth/${name}`,
  ),
  'json-schema-2020-12-preservation',
];

for (const { revision, required } of [
  { revision: '2025-11-25', required: 18 },
  { revision: '2026-07-28', required: 32 },
])
  test(`the client does what ${revision} requires of it`, { skip, timeout: 300_000 }, async () => {
    const folder = temporaryFolder();
    // Fails for what fails and is not expected to, and for what is expected to and passes.
    const { status, output } = await run(
      [
        ...['client', '--command', client, '--requirements', revision, '-o', folder],
        ...['--expected-failures', path.join(here, `expected-failures-${revision}.yaml`)],
      ],
      folder,
    );
    assert.equal(status, 0, output.slice(-6000));
    const ran = Object.entries(outcomes(folder)).filter(([name]) => !unscored.includes(name));
    assert.equal(ran.length, required, `these were run: ${ran.map(([name]) => name).join(', ')}`);
    assert.ok(ran.every(([, checks]) => checks.length > 0), 'a scenario without a check says nothing');
  });
