import { execFileSync } from 'node:child_process';

const DEFAULT = 'http://deb.debian.org/debian';

/** Where this machine's apt takes Debian from: the archive, and that of the security updates. */
export function debianMirrors() {
  const format = '$(ORIGIN) $(CODENAME) $(REPO_URI)';
  const output = execFileSync('apt-get', ['indextargets', '--format', format], {
    encoding: 'utf8',
  });
  const debian = output.split('\n').filter((line) => line.startsWith('Debian '));
  const [archive = DEFAULT] = uris(debian.filter((line) => !line.includes('-security ')));
  const [security = `${archive}-security`] = uris(
    debian.filter((line) => line.includes('-security ')),
  );
  return { archive, security };
}

function uris(lines) {
  return lines.map((line) => line.slice(line.lastIndexOf(' ') + 1).replace(/\/$/, ''));
}
