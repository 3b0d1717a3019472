// What a hostile program leaves behind: processes, and files that are made to break whoever cleans up. The sandbox's end
// takes all of it along, and nothing outside of the sandbox with it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { noSandbox, until } from '../e2e/harness.mjs';
import { processOf, uniqueSleep } from '../e2e/traces.mjs';
import { World, worlds } from './world.mjs';

const kDepth = 3000; // Longer than a path may be, deeper than a process may hold descriptors.
const kFiles = 2000;

for (const [title, options] of worlds) {
  describe(title, { skip: noSandbox }, () => {
    const sleep = uniqueSleep();
    let world;
    before(async () => {
      world = await World.make(options);
      const more = { depth: kDepth, count: kFiles, daemon: sleep.split(' ')[1] };
      const report = await world.attempt('leave', more);
      assert.equal(report.get('leave/a file of a terabyte').got, 'killed by SIGXFSZ', 'larger than its disk may be');
      report.delete('leave/a file of a terabyte');
      assert.deepEqual(
        [...report].filter(([, { got }]) => got !== 'allowed'),
        [],
        'in its own workspace it may do all of this',
      );
    });
    after(() => world?.close());

    test('the process that nobody waits for runs on within the sandbox', async () => {
      await until('the daemon to run', () => processOf(sleep));
    });

    test('a file that makes root of whoever runs it belongs to nobody that matters, where nobody gets to', () => {
      const file = fs.lstatSync(path.join(world.own.folder, 'workspace/left/setuid'));
      assert.notEqual(file.uid, 0);
      assert.equal(fs.statSync(world.own.folder).mode & 0o077, 0, 'only the platform enters the folder');
    });

    test('the platform answers about the sandbox as about any other', async () => {
      const vm = await world.platform.internal('cloud_os').get(`/api/v1/vms/${world.own.id}`);
      assert.equal(vm.json.status, 'running');
      assert.match((await world.run('echo alive')).stdout, /alive/);
    });

    test('the end of the session removes the sandbox with all that it left, and only that', async () => {
      const { session, id, folder } = world.own;
      assert.equal((await world.user.delete(`/api/v1/agents/sessions/${session}`)).status, 200);
      const cloudOs = world.platform.internal('cloud_os');
      await until('the sandbox to be gone', async () => (await cloudOs.get(`/api/v1/vms/${id}`)).status === 404);
      assert.ok(!fs.existsSync(folder), 'the folder is gone');
      assert.equal(processOf(sleep), undefined, 'the daemon is gone');
      assert.equal(fs.readFileSync(world.secret, 'utf8'), 'of the host', 'no link was followed');
      assert.match((await world.run('echo alive', world.victim)).stdout, /alive/);
    });
  });
}
