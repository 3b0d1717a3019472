// The conformance suite needs Node.js 22 or newer; the tests themselves run on 20. `./dev test` says where one is.
import { spawnSync } from 'node:child_process';

const wanted = 22;
const major = (program) => Number(spawnSync(program, ['-p', 'process.versions.node'], { encoding: 'utf8' }).stdout?.split('.')[0]);

export const node22 = [process.env.NODE_FOR_MCP, process.execPath].find((program) => program && major(program) >= wanted);

// False, or why there is none: for `{ skip: noNode22 }`.
export const noNode22 = node22
  ? false
  : `the suite needs Node.js ${wanted}; this is ${process.versions.node}. Run ./dev test, or set NODE_FOR_MCP`;
