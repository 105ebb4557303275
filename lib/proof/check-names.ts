import { invalidArgument } from '../errors.ts';
import { DropReasons } from '../kernel/drop-reasons.ts';
import { FunctionNames } from '../kernel/function-names.ts';
import { nearestName } from '../kernel/nearest-name.ts';
import type { DropMatch } from './expectation.ts';

/**
 * ArgumentError for a reason or a location that no drop on this kernel can have: a misspelt one would
 * never be seen, and that would pass for a proof. What the kernel does not name is not checked.
 */
export async function checkNames({ reason, location }: DropMatch): Promise<void> {
  if (reason !== undefined) checkReason(reason, DropReasons.ofThisKernel());
  if (location === undefined) return;
  const functions = await FunctionNames.ofThisKernel();
  if (functions === undefined || functions.has(location)) return;
  const expected = 'a function of this kernel or of its loaded modules';
  const meant = suggestion(nearestName(location, functions));
  throw invalidArgument('expectation.location', expected, location, meant);
}

function checkReason(reason: string, known: DropReasons): void {
  if (known.size === 0 || known.numberOf(reason) !== undefined) return;
  // Drops have the number of a reason that has no name here.
  const name = /^\d+$/.test(reason)
    ? known.nameOf(Number(reason))
    : nearestName(reason, known.names);
  if (/^\d+$/.test(reason) && name === undefined) return;
  const expected = 'a drop reason of this kernel';
  throw invalidArgument('expectation.reason', expected, reason, suggestion(name));
}

function suggestion(name: string | undefined): string {
  return name === undefined ? '' : `Did you mean ${name}?`;
}
