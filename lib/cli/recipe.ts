import { release } from 'node:os';
import type { Command } from 'commander';
import type { Output } from './output.ts';

const AFTER_HELP = `
It looks at one place only, and prints each frame, whatever the load: for reading and
for trying out. "dropscope watch --probe systemtap" is what to use.

Example:
  dropscope recipe > recipe.stp && stap recipe.stp
The first lines of the script say which options stap needs here.
`;

/** Adds `dropscope recipe` to the program. */
export function addRecipe(program: Command, output: Output): void {
  program
    .command('recipe')
    .description('print a small SystemTap script that tells who sends what nobody handles')
    .option('--release <release>', 'of the kernel to fit it to, as in uname -r', release())
    .addHelpText('after', AFTER_HELP)
    .action(async (options: { release: string }) => {
      const { recipeScript } = await import('../probes/systemtap/recipe-script.ts');
      await output.write(await recipeScript(options.release));
    });
}
