// A platform with two sandboxes in use, and the hostile program inside of one of them.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';

import { find, results, systemEvent } from '../e2e/events.mjs';
import { backend, binary, createAgent, isRoot, ordinaryPlatform, Platform, temporaryFolder } from '../e2e/harness.mjs';

export const hostileProgram = path.join(path.dirname(binary), 'isa-hostile');

// The platforms that the suite runs against: a title, and the options of World.make.
const asRoot = ['the platform runs as root', {}];
const asNobody = ['the platform runs as an ordinary user', { asOrdinaryUser: true }];
// Whoever may speak to an engine is as good as root.
export const worlds = !isRoot ? [asNobody] : backend === 'docker' ? [asRoot] : [asRoot, asNobody];

// All that isa-hostile can attempt: group/name.
export const attempts = () =>
  execFileSync(hostileProgram, ['list'], { encoding: 'utf8' }).trim().split('\n');

export class World {
  static async make({ asOrdinaryUser = false, settings = {} } = {}) {
    const world = new World();
    world.platform = asOrdinaryUser ? ordinaryPlatform({ settings }) : new Platform({ settings });
    await world.platform.start();
    await world.prepare().catch((error) => {
      world.platform.sweep();
      throw error;
    });
    return world;
  }

  async prepare() {
    this.hostFolder = temporaryFolder();
    fs.chmodSync(this.hostFolder, 0o755);
    this.secret = path.join(this.hostFolder, 'secret');
    fs.writeFileSync(this.secret, 'of the host', { mode: 0o644 });
    this.listeners = [`\0isa-hostile-${process.pid}`, path.join(this.hostFolder, 'socket')].map((address) =>
      net.createServer().listen(address).unref(),
    );
    this.user = this.platform.as('mallory');
    this.agent = await createAgent(this.user, { tools: ['bash_execute', 'write_file'] });
    this.victim = await this.session();
    await this.renew();
  }

  // Another sandbox for the hostile program.
  async renew() {
    this.own = await this.session();
    this.put('isa-hostile', fs.readFileSync(hostileProgram), { mode: 0o755 });
  }

  // A session with a sandbox of its own: { session, id, folder }
  async session() {
    const events = await this.user.chatAll({ agent_config_id: this.agent.id, message: 'Run the command `id`' });
    const { instance_id: instance } = systemEvent(events, 'sandbox.acquired').metadata;
    const { sandbox_id: id } = (await this.platform.internal('pool').get(`/api/v1/pools/agent/${instance}`)).json;
    return { session: events[0].session_id, id, folder: path.join(this.platform.dataDir, 'sandboxes', id) };
  }

  // Into the own sandbox's workspace, as its user.
  put(name, content, { mode = 0o644 } = {}) {
    const file = path.join(this.own.folder, 'workspace', name);
    const { uid, gid } = fs.statSync(path.dirname(file));
    fs.writeFileSync(file, content);
    fs.chmodSync(file, mode);
    fs.chownSync(file, uid, gid);
  }

  targets(more = {}) {
    const { platform } = this;
    const ports = Object.values(platform.endpoints)
      .filter((url) => typeof url === 'string')
      .map((url) => new URL(url).port);
    return {
      data: platform.dataDir,
      secret: this.secret,
      own: this.own.folder,
      other: this.victim.folder,
      pids: platform.traces
        .family()
        .map(({ pid }) => pid)
        .join(','),
      ports: ports.join(','),
      abstract: `isa-hostile-${process.pid}`,
      socket: path.join(this.hostFolder, 'socket'),
      guess: 'guess',
      ...more,
    };
  }

  // Runs a command in a session's sandbox, as its agent would; { stdout, stderr, exit_code }.
  async run(command, { session } = this.own) {
    const events = await this.user.chatAll({
      agent_config_id: this.agent.id,
      session_id: session,
      message: `Run the command \`${command}\``,
    });
    const failure = find(events, 'error');
    assert.ok(!failure, `the run failed: ${failure?.content}`);
    return JSON.parse(results(events)[0].content);
  }

  // Makes the attempts of a group (or one of them) in the sandbox: Map of name to { got, more }.
  async attempt(wanted, more) {
    // By files: what it looks for must not stand in its own command line, and an event carries the first few
    // kilobytes of an output only.
    const lines = Object.entries(this.targets(more)).map(([name, value]) => `${name}=${value}\n`);
    this.put('targets', lines.join(''));
    await this.run(`./isa-hostile "${wanted}" targets > report`);
    const report = fs.readFileSync(path.join(this.own.folder, 'workspace/report'), 'utf8');
    const got = report.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line));
    return new Map(got.map(({ attempt, ...rest }) => [attempt, rest]));
  }

  async close() {
    for (const listener of this.listeners) listener.close();
    await this.platform.stopAndLeaveNothing();
  }
}
