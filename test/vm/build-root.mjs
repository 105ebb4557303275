import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { inRoot } from './in-root.mjs';
import { debianMirrors } from './mirrors.mjs';
import { runInNamespaces } from './namespaces.mjs';

const DPKG_CONFIGURATION = `force-unsafe-io
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/man/*
`;

// A mirror may stand still for longer than sid's lists are valid. They are signed all the same.
const APT_CONFIGURATION = `Acquire::Check-Valid-Until "false";
APT::Install-Recommends "false";
Acquire::Languages "none";
`;

/** Builds root, kernel and initrd of a kernel's guest in an empty folder. Needs root and the archive. */
export async function buildRoot({ suite, suites }, guest, logPath) {
  const { root } = guest;
  const mirrors = debianMirrors();
  const log = openSync(logPath, 'w');
  try {
    const debootstrap = ['debootstrap', '--variant=minbase', suite, root, mirrors.archive];
    await runInNamespaces(debootstrap, ['ignore', log, log]);

    const sources = [
      ...suites.archive.map((name) => `deb ${mirrors.archive} ${name} main\n`),
      ...suites.security.map((name) => `deb ${mirrors.security} ${name} main\n`),
    ];
    writeFileSync(`${root}/etc/apt/sources.list`, sources.join(''));
    writeFileSync(`${root}/etc/apt/apt.conf.d/90guest`, APT_CONFIGURATION + proxies());
    writeFileSync(`${root}/etc/dpkg/dpkg.cfg.d/guest`, DPKG_CONFIGURATION);
    for (const folder of ['cache', 'host', 'repo', 'results']) {
      mkdirSync(`${root}/${folder}`);
    }
    mkdirSync(guest.cache);

    await toFile(guest.about, inRoot(guest, ['sh', '/repo/test/vm/fill-root.sh']), log);
    const kernel = ['sh', '-c', 'cat /boot/vmlinuz-* || cat /usr/lib/modules/*/vmlinuz'];
    await toFile(guest.kernel, inRoot(guest, kernel), log);
    await toFile(guest.initrd, inRoot(guest, ['sh', '/repo/test/vm/make-initrd.sh']), log);
  } finally {
    closeSync(log);
  }
}

/** How this machine's apt reaches the mirrors. */
function proxies() {
  const dump = execFileSync('apt-config', ['dump', 'Acquire'], { encoding: 'utf8' });
  return dump.replace(/^(?!.*::Proxy ).*\n/gm, '');
}

async function toFile(path, command, log) {
  const output = openSync(path, 'w');
  try {
    await runInNamespaces(command, ['ignore', output, log]);
  } finally {
    closeSync(output);
  }
}
