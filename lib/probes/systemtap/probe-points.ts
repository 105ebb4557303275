import { ProbeError } from '../../errors.ts';
import { noSuchPoint } from './explain-stap.ts';
import { askStap } from './stap.ts';

/** A place in the kernel where a script can be run, as `stap -L` tells it. */
export interface ProbePoint {
  readonly function: string;
  /** Within the kernel's source: `net/core/dev.c`. */
  readonly file: string;
  readonly line: number;
  readonly label?: string;
  /** Those of the function that can be read there. */
  readonly variables: readonly string[];
}

type Place = Pick<ProbePoint, 'function' | 'label'>;

/** Where drops.stp looks: of each the first that a kernel has. */
const PLACES = {
  /** A frame that nobody handles comes by, in front of the counter's increment. */
  unhandled: [{ function: '__netif_receive_skb_core', label: 'drop' }],
  /** A frame for which the backlog has no room. */
  backlog: [
    { function: 'enqueue_to_backlog', label: 'bad_dev' },
    { function: 'enqueue_to_backlog', label: 'drop' },
  ],
  /** The frame is freed behind it. */
  free: [
    { function: 'sk_skb_reason_drop' },
    { function: 'kfree_skb_reason' },
    { function: 'kfree_skb' },
  ],
} satisfies Record<string, readonly Place[]>;

/** The same, in a script's words. */
export const SCRIPT_POINTS: readonly string[] = Object.values(PLACES).flat().map(pattern);

/** Since it is there, 5.18, each CPU has counters of its own. */
const CORE_STATS: Place = { function: 'netdev_core_stats_alloc' };

/** What a kernel has of them. */
export interface ScriptPoints {
  readonly unhandled: ProbePoint;
  readonly backlog: ProbePoint | undefined;
  readonly free: ProbePoint;
  /** Whether each CPU has counters of its own. */
  readonly countersOfEachCpu: boolean;
}

/**
 * Asks what a kernel has of them. StapFailure where stap cannot look, ProbeError where a place is
 * missing that the script needs.
 */
export async function findScriptPoints(release: string): Promise<ScriptPoints> {
  // What stap -L does not find it leaves out.
  const asked = [...SCRIPT_POINTS, pattern(CORE_STATS)].map((point) => `${point}?`);
  const answer = await askStap(['-r', release, '-L', asked.join(', ')]);
  const found = answer.split('\n').flatMap(parseProbePoint);
  const first = (...places: readonly Place[]) =>
    places
      .map((place) =>
        found.find((point) => point.function === place.function && point.label === place.label),
      )
      .find((point) => point !== undefined);
  const unhandled = first(...PLACES.unhandled);
  const free = first(...PLACES.free);
  if (unhandled === undefined || free === undefined) {
    throw new ProbeError('ERR_PROBE_UNAVAILABLE', 'systemtap', noSuchPoint(release));
  }
  return {
    unhandled,
    backlog: first(...PLACES.backlog),
    free,
    countersOfEachCpu: first(CORE_STATS) !== undefined,
  };
}

function pattern({ function: name, label }: Place): string {
  const ofLabel = label === undefined ? '' : `.label("${label}")`;
  return `kernel.function("${name}")${ofLabel}`;
}

/** From a line of `stap -L`: kernel.function("f@net/core/dev.c:1").label("l") $skb:struct sk_buff* */
export function parseProbePoint(line: string): ProbePoint[] {
  const found =
    /^kernel\.function\("(\w+)@([^"]+):(\d+)"\)(?:\.label\("(\w+)"\))?[!?]*( .*)?$/.exec(line);
  if (found === null) return [];
  const [, name = '', file = '', lineNumber, label, variables = ''] = found;
  return [
    {
      function: name,
      file,
      line: Number(lineNumber),
      ...(label !== undefined && { label }),
      variables: [...variables.matchAll(/ \$(\w+):/g)].map(([, variable = '']) => variable),
    },
  ];
}

/** `__netif_receive_skb_core.drop at net/core/dev.c:5607: $pskb, $skb` */
export function probePointText(point: ProbePoint): string {
  const { function: name, file, line, label, variables } = point;
  const where = label === undefined ? name : `${name}.${label}`;
  const reach = variables.map((variable) => `$${variable}`).join(', ');
  return `${where} at ${file}:${line}: ${reach}`;
}
