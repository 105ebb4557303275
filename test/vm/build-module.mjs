// build-module.mjs RELEASE: compiles the SystemTap probe's module for a kernel, as the guest's tests
// will, so that they find it in SystemTap's cache. Runs in the guest's root.
import { buildModule } from '../../dist/probes/systemtap/stap.js';

const [release] = process.argv.slice(2);
console.log(await buildModule({ release, onStep: console.error }));
