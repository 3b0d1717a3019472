// A platform whose models answer by script, for all tests of a file, and what most of them do with it.
import { after, before } from 'node:test';

import { expectPaired, expectWhole } from '../e2e/events.mjs';
import { noSandbox, Platform } from '../e2e/harness.mjs';
import { upstreamSettings } from './platform.mjs';
import { startScripted } from './script.mjs';

// There from the first test on.
export let mock, platform, ada;

export function useScripts(scripts) {
  before(async () => {
    mock = await startScripted(scripts);
    platform = await Platform.up({ settings: { ...upstreamSettings(mock), ...(noSandbox && { 'pool.agent.warm': '0' }) } });
    ada = platform.as('ada');
  });
  after(async () => {
    await platform?.stopAndLeaveNothing();
    await mock?.stop();
  });
}

// kill -9 of the platform, and a new one.
export async function killAndStart() {
  await platform.kill();
  await platform.start();
  ada = platform.as('ada');
}

// Decides on what a hil_request asks.
export const decide = ({ run_id: run, metadata }, body) =>
  ada.post(`/api/v1/agents/runs/${run}/approvals/${metadata.request_id}`, body);

// All events of a run that ends.
export async function wholeOf(run) {
  const events = await (await ada.events(run)).all();
  expectWhole(events);
  expectPaired(events);
  return events;
}
