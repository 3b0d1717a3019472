// What a hostile program in a sandbox can reach: nothing. isa-hostile makes every attempt by name; expected.mjs says
// what each must get.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';

import { isRoot, noSandbox } from '../e2e/harness.mjs';
import { processes } from '../e2e/traces.mjs';
import { elsewhere, expected } from './expected.mjs';
import { hostileProgram, nobody, World } from './world.mjs';

const groups = ['files', 'processes', 'network', 'broker', 'kernel'];
const groupOf = (name) => name.split('/')[0];

test('every attempt has an expected answer, and every expected answer its attempt', () => {
  const names = execFileSync(hostileProgram, ['list'], { encoding: 'utf8' }).trim().split('\n');
  const here = names.filter((name) => !elsewhere.includes(groupOf(name)));
  // What only one processor architecture has is in the list of that one alone.
  const wanted = [...expected.keys()].filter((name) => process.arch === 'x64' || here.includes(name));
  assert.deepEqual(here.sort(), wanted.sort());
});

const worlds = isRoot
  ? [
      ['the platform runs as root', {}],
      ['the platform runs as an ordinary user', { user: nobody }],
    ]
  : [['the platform runs as an ordinary user', {}]];

for (const [title, options] of worlds) {
  describe(title, { skip: noSandbox }, () => {
    let world;
    before(async () => {
      world = await World.make(options);
    });
    after(() => world?.close());

    for (const group of groups) {
      test(`${group}: every attempt gets the refusal that is expected of it`, async () => {
        const report = await world.attempt(group);
        const wanted = [...expected].filter(
          ([name]) => groupOf(name) === group && (process.arch === 'x64' || report.has(name)),
        );
        assert.deepEqual([...report.keys()].sort(), wanted.map(([name]) => name).sort(), 'each was made');
        const wrong = wanted
          .filter(([name, answers]) => !answers.includes(report.get(name).got))
          .map(([name, answers]) => ({ name, answers, ...report.get(name) }));
        assert.deepEqual(wrong, []);
      });
    }

    test('the runtime is unharmed by all of it, and the neighbour never noticed', async () => {
      assert.match((await world.run('echo alive')).stdout, /alive/);
      assert.match((await world.run('echo alive', world.victim)).stdout, /alive/);
    });

    test('killing everything that it can see ends its own processes only', async () => {
      const outside = world.platform.traces.family();
      await world.run('kill -9 -1').catch(() => {});
      const alive = new Set(processes().map(({ pid }) => pid));
      assert.deepEqual(
        outside.filter(({ pid }) => !alive.has(pid)),
        [],
      );
      assert.match((await world.run('echo alive')).stdout, /alive/);
    });
  });
}
