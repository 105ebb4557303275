import { readFileSync, writeFileSync } from 'node:fs';

/** Sets a sysctl of this network namespace, below net/; what it gives sets it back. */
export function setNamespaceSysctl(name: string, value: number): () => void {
  if (!/^ipv[46]\/conf\//.test(name)) throw new Error(`${name} may be host-wide.`);
  const path = `/proc/sys/net/${name}`;
  const before = readFileSync(path, 'utf8');
  writeFileSync(path, String(value));
  return () => writeFileSync(path, before);
}
