import { mutantOf as mutantOfLibrary, type Mutant, type Mutation } from '../../support/mutant.js';

/** As `mutantOf` of the test support; `file` is one of `dist/zookeeper/mastership`. */
export function mutantOf({ file, ...rest }: Mutation): Promise<Mutant> {
  return mutantOfLibrary({ file: `mastership/${file}`, ...rest });
}
