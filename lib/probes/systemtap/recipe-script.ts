import { explained } from './explain-stap.ts';
import { findScriptPoints, probePointText, type ScriptPoints } from './probe-points.ts';
import { mendingFlags } from './stap.ts';

const PER_CPU_OFFSET = process.arch === 'x64' ? 'arch/x86/kernel/setup_percpu.c' : 'mm/percpu.c';

const DROPPED_OF_ALL = `\
  return atomic_long_read(&@cast(dev, "struct net_device", "kernel")->rx_dropped)`;

const DROPPED_OF_EACH_CPU = `\
  stats = @cast(dev, "struct net_device", "kernel")->core_stats	# 0 until the first increment
  sum = 0
  for (i = 0; stats && i < @var("nr_cpu_ids@kernel/smp.c", "kernel"); i++)
    sum += @cast(stats + @var("__per_cpu_offset@${PER_CPU_OFFSET}", "kernel")[i],
                 "struct net_device_core_stats", "kernel")->rx_dropped
  return sum`;

/**
 * The recipe as a small script for a kernel, to be read and to be run by `stap`: which frames nobody
 * handles, with the counter before and after. It is fitted by what `stap -L` finds. Throws ProbeError.
 */
export async function recipeScript(release: string): Promise<string> {
  try {
    const points = await findScriptPoints(release);
    const flags = await mendingFlags(release, () => {});
    return script(release, points, flags);
  } catch (error) {
    throw explained(error, release);
  }
}

function script(
  release: string,
  { unhandled, free, countersOfEachCpu }: ScriptPoints,
  flags: readonly string[],
): string {
  // 5.10: the debug information has lost skb there; its caller's pointer can still be read.
  const skb = unhandled.variables.includes('skb') ? '$skb' : '$pskb[0]';
  return `\
# Frames that nobody handles, on Linux ${release}: the counter before and after, and whose they are.
# Run it as root:
#   ${['stap', ...flags].join(' ')} recipe.stp
#
# What stap -L finds:
#   ${probePointText(unhandled)}
#   ${probePointText(free)}

global frame

function dropped:long(dev:long) {
${countersOfEachCpu ? DROPPED_OF_EACH_CPU : DROPPED_OF_ALL}
}

function mac:string(p:long) {
  return sprintf("%02x:%02x:%02x:%02x:%02x:%02x", kernel_char(p) & 255, kernel_char(p + 1) & 255,
    kernel_char(p + 2) & 255, kernel_char(p + 3) & 255, kernel_char(p + 4) & 255, kernel_char(p + 5) & 255)
}

# In front of the increment.
probe kernel.function("${unhandled.function}").label("${unhandled.label}") {
  frame[cpu()] = ${skb}
  printf("dropped1 = %d\\n", dropped(${skb}->dev))
}

# Behind it: the frame is freed.
probe kernel.function("${free.function}") {
  if (!$skb || frame[cpu()] != $skb) next
  delete frame[cpu()]
  header = $skb->head + $skb->mac_header
  printf("dropped2 = %d\\n", dropped($skb->dev))
  printf("  src=%s\\n  dst=%s\\n  proto=0x%04x\\n", mac(header + 6), mac(header), ntohs($skb->protocol))
}
`;
}
