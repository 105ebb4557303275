import { beforeAll } from 'vitest';
import { testProbe } from '../contract/probe-contract.ts';
import { linkUp } from '../support/namespace.ts';

beforeAll(() => linkUp('lo'));

// The others run in guests: test/vm/inside/probes.test.ts.
testProbe('ebpf', { hasReasons: true });
testProbe('counters', { hasReasons: true });
